"""What is learned from the own log, event by event: the fold's way into `learning.py`."""

from __future__ import annotations

from services.kernel.desk_policy import WEIGHT_PERMILLE
from services.router import learning, pressure
from services.router.profiles import LEVEL_NONE, Ask
from services.router.state import Agent, Conversation, Desk, State, Status

SHARES_OVER = 1_000
"""Shares of queues follow the last so many offers, the older the less."""

PACES_MAX = 50
"""Queues for which it is known how quick an agent is."""


def arrived(state: State, c: Conversation, ask: Ask, now_ms: int) -> None:
    """One more of its kind came."""
    desk = state.own_desk(c.desk)
    floor = state.matcher.floor(c.desk)
    demand = floor.demand_of(floor.shape(ask))
    if learning.arrived(desk.learned, demand, c.weight / WEIGHT_PERMILLE, now_ms):
        floor.rates_changed()
        desk.learned.needed = pressure.needed(floor, now_ms)


def shared(desk: Desk, queue: str) -> None:
    """What queues were given lately, for their shares."""
    given = desk.learned.given
    given[queue] = given.get(queue, 0.0) + 1.0
    if sum(given.values()) > SHARES_OVER:
        for name in given:
            given[name] /= 2


def handled(state: State, c: Conversation, agent: Agent, now_ms: int) -> None:
    """How long it was in these hands."""
    desk, took_ms = state.own_desk(c.desk), now_ms - c.assigned_ms
    if agent.bot or not c.assigned_ms:
        return
    floor = state.matcher.floor(c.desk)
    demand = floor.demands.get(learning.demand_key(c))
    level = LEVEL_NONE
    if c.requires:
        skills = dict(agent.skills)
        level = min(5, sum(skills.get(skill, 0) for skill, _ in c.requires) // len(c.requires))
    learned, in_hand = desk.learned, min(max(0, c.beside), learning.HANDS_MAX - 1)
    levels, hands = floor.level_factors, floor.hand_factors
    known = levels[level], hands[in_hand]
    learning.handled(learned, demand, c.channel, took_ms, level, in_hand, *known)
    levels[level], hands[in_hand] = learned.level_factor(level), learned.hand_factor(in_hand)
    if desk.policy.needs_pace:
        paces = agent.paces = agent.paces or {}
        count, mean_ms = paces.get(c.queue, (0, 0.0))
        if count or len(paces) < PACES_MAX:
            count = min(count + 1, learning.HANDLED_MAX)
            paces[c.queue] = (count, mean_ms + (took_ms - mean_ms) / count)


def bot_done(state: State, c: Conversation, alone: bool) -> None:
    """What became of a bot's work."""
    desk = state.own_desk(c.desk)
    if c.status == Status.OWNED and _is_bot(desk, c.agent):
        learning.contained(desk.learned, c.queue, alone)


def promised(state: State, c: Conversation, due_ms: int, now_ms: int) -> None:
    """An answer was promised until then."""
    learned = state.own_desk(c.desk).learned
    was_live = learned.is_live(c.channel)
    learning.promised(learned, c.channel, c.weight, due_ms - c.since_ms, now_ms)
    if learned.is_live(c.channel) != was_live:
        state.matcher.put_rates(c.desk)
        state.hold_back(c.desk, now_ms, state.matcher.is_holding(c.desk))


def _is_bot(desk: Desk, agent_id: str) -> bool:
    agent = desk.agents.get(agent_id)
    return agent is not None and agent.bot
