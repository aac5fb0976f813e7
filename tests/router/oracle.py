"""What the router should have decided, by looking at every agent and every conversation.

Slow and plain on purpose: no index, no list, no cache. The policies are said once more here, so that a
mistake would have to be made twice.
"""

from __future__ import annotations

import copy
from collections import Counter
from math import inf
from typing import Any

from proto.v1 import desk_pb2 as pb
from services.router import learning, pricing
from services.router.explain import rule_for
from services.router.lines import NEVER_MS, STARVED_TIMES
from services.router.pressure import LEFT_MS_MIN
from services.router.profiles import Ask
from services.router.state import Agent, Conversation, State, Status, ask_of

LATER_MS = learning.LIVE_TARGET_MS


class Oracle:
    """One desk as it is, with what was learned before the decision that is checked."""

    def __init__(self, state: State, desk_id: str, now_ms: int, learned: learning.Learned) -> None:
        self.state, self.desk_id, self.now_ms = state, desk_id, now_ms
        self.desk = state.data.desks[desk_id]
        self.learned = copy.deepcopy(learned)
        self.policy = self.desk.policy

    def mine(self, name: str) -> list[Conversation]:
        """What an agent has in hand."""
        return [
            c for c in self.state.data.conversations.values() if c.agent == name and c.desk == self.desk_id
        ]

    def used(self, name: str) -> int:
        """Units in an agent's hands."""
        return sum(c.units for c in self.mine(name))

    def rule(self, name: str, ask: Ask) -> int:
        """The first rule that excludes an agent; 0: none."""
        of_channel = sum(c.channel == ask.channel for c in self.mine(name))
        return rule_for(self.desk.agents[name], name, self.used(name), ask, of_channel, self.policy)

    def able(self, ask: Ask) -> list[str]:
        """Who could take it now."""
        return [name for name in self.desk.agents if not self.rule(name, ask)]

    def counts(self, ask: Ask) -> dict[int, int]:
        """How many agents each rule excludes first."""
        found = Counter(self.rule(name, ask) for name in self.desk.agents)
        found.pop(0, None)
        return dict(found)

    def level(self, agent: Agent, c: Conversation) -> int:
        """Of the agent in what is required."""
        skills = dict(agent.skills)
        return sum(skills[s] for s, _ in c.requires) // len(c.requires) if c.requires else 3

    def missing(self, agent: Agent, c: Conversation) -> int:
        """Levels short of what is preferred."""
        return sum(max(0, level - dict(agent.skills).get(skill, 0)) for skill, level in c.prefers)

    def slots(self, name: str, channel: str, units: int, taken: int = 0) -> int:
        """How many of these the agent could take, with so many units less."""
        room = self.desk.agents[name].capacity - self.used(name) - taken
        limits = dict(self.policy.limits) | dict(self.desk.agents[name].limits)
        most = room // units if room > 0 else 0
        if channel in limits:
            has = sum(c.channel == channel for c in self.mine(name))
            most = min(most, max(0, limits[channel] - has))
        return most

    def live(self, name: str, taken: int) -> tuple[float, float]:
        """The price of so many units of an agent, and their usual share of live work."""
        price = share = 0.0
        for demand in self.learned.demands:
            ask = Ask(
                self.desk_id, demand.requires, demand.language, demand.channel, 0, demand.human_only, "", ()
            )
            if not self.learned.is_live(demand.channel) or self._unfit(name, ask):
                continue
            now = self.slots(name, demand.channel, demand.units)
            if not now:
                continue
            room = self.desk.agents[name].capacity - self.used(name) - taken
            lost = now - max(0, room) // demand.units
            everybody = [other for other in self.desk.agents if not self._unfit(other, ask)]
            there = [other for other in everybody if not self._away(other)]
            n = sum(self.slots(other, demand.channel, demand.units) for other in there)
            again = 0.55 if 2 * demand.units > 100 else 0.5
            if lost > 0 and n < 40:
                price += lost * demand.rate * again ** (n - 1) * (1 - again)
            share += demand.rate / max(1, len(there))
        return price, share

    def around(self, ask: Ask, priority: int) -> tuple[int, int, int, int, float]:
        """Who could take it and is there, how many of them hold one, two, more, and the work ahead."""
        able = self._fit(ask)
        holds = [len(self.mine(name)) for name in able if not self._away(name)]
        first = self.policy.priority_first
        ahead = 0.0
        for c in self.state.data.conversations.values():
            if c.status != Status.WAITING:
                continue
            others = self._fit(ask_of(c))
            is_live = self.learned.is_live(c.channel) or not self.learned.is_live(ask.channel)
            if others and (c.priority >= priority if first else is_live):
                ahead += len(able & others) / len(others)
        return len(holds), holds.count(1), holds.count(2), sum(held > 2 for held in holds), ahead

    def _fit(self, ask: Ask) -> set[str]:
        """Whose settings fit, whoever is named or barred."""
        anybody = ask._replace(units=0, only="", barred=())
        return {name for name in self.desk.agents if not self._unfit(name, anybody)}

    def _unfit(self, name: str, ask: Ask) -> int:
        agent = self.desk.agents[name]
        free = Agent(
            agent.bot,
            agent.skills,
            agent.languages,
            agent.channels,
            1,
            pb.PRESENCE_STATE_ONLINE,
            present=True,
        )
        return rule_for(free, name, 0, ask, 0, None)

    def _away(self, name: str) -> bool:
        agent = self.desk.agents[name]
        return agent.state != pb.PRESENCE_STATE_ONLINE or not agent.present

    def cost(self, c: Conversation, name: str) -> tuple[float, float, float, float]:
        """Seconds usually in hand, work, price and usual share of giving it to the agent."""
        d = next(
            (
                d
                for d in self.learned.demands
                if (d.requires, d.prefers, d.language, d.channel, d.human_only, d.units)
                == (c.requires, c.prefers, c.language, c.channel, c.human_only, c.units)
            ),
            None,
        )
        seconds = self.learned.handled_ms(d, c.channel) / 1000
        agent = self.desk.agents[name]
        work = self.learned.level_factor(self.level(agent, c)) * self.learned.hand_factor(
            len(self.mine(name))
        )
        price, share = self.live(name, c.units)
        return seconds, work, seconds * work * price, seconds * share

    def limit(self, c: Conversation) -> float:
        """What it may cost."""
        if not self.policy.hold_back:
            return inf
        length = self.learned.target_ms(c.channel, c.weight)
        promised = c.due_ms - c.since_ms if c.due_ms else length
        if self.learned.is_live(c.channel) and not (c.due_ms and promised > LATER_MS):
            late = self.now_ms - c.due_ms if c.due_ms else -1
            is_late = 0 <= late < (STARVED_TIMES - 1) * promised
            return pricing.LATE_LIMIT / self.policy.hold_back if is_late else inf
        length = min(length, max(promised, 1))
        slack = min(c.since_ms + promised - self.now_ms, length - min(self.now_ms - c.since_ms, length // 2))
        if slack <= 0 and -slack < (STARVED_TIMES - 1) * length:
            slack = length
        if slack <= length * pricing.HELD_URGENT:
            return inf
        pressure = self.learned.needed.get(c.language, 0.0) / max(1, self.able_later(c.language))
        pressure = max(pressure, pricing.HELD_PRESSURE_MIN)
        most = pricing.HELD_LIMIT * pressure**pricing.PRESSURE_POWER
        return float(most * (pricing.HELD_SLACK_MS / slack) ** pricing.HELD_POWER / self.policy.hold_back)

    def able_later(self, language: str) -> int:
        """How many are there who could do work of the language that comes and can wait."""
        asks = [
            Ask("", d.requires, language, d.channel, 0, d.human_only, "", ())
            for d in self.learned.demands
            if d.language == language and not self.learned.is_live(d.channel)
        ]
        there = [name for name in self.desk.agents if not self._away(name)]
        return sum(any(not self._unfit(name, ask) for ask in asks) for name in there)

    def needed(self) -> dict[str, float]:
        """How many agents are needed for what waits and can wait, by language."""
        learned = self.learned
        needs: dict[str, list[tuple[float, float]]] = {}
        for c in self.state.data.conversations.values():
            if c.status != Status.WAITING or c.desk != self.desk_id or learned.is_live(c.channel):
                continue
            length = learned.target_ms(c.channel, c.weight)
            due = c.due_ms or c.since_ms + length
            promised = min(length, due - c.since_ms)
            left = min(due - self.now_ms, promised - min(self.now_ms - c.since_ms, promised // 2))
            left = max(left if left > 0 else promised, LEFT_MS_MIN)
            seconds, *_ = self.cost(c, next(iter(self.desk.agents)))
            needs.setdefault(c.language, []).append((left, 1000 * seconds))
        return {
            language: max(sum(work for by, work in every if by <= left) / left for left, _ in every)
            for language, every in needs.items()
        }

    def candidates(self, c: Conversation) -> list[str]:
        """Who could take it and may, best first."""
        could = self.able(ask_of(c))
        if self.policy.agent == pb.POLICY_AGENT_LEAST_COST and not c.only:
            could = [name for name in could if self.cost(c, name)[2] <= self.limit(c)]
        return sorted(could, key=lambda name: self.agent_key(c, name))

    def agent_key(self, c: Conversation, name: str) -> tuple[Any, ...]:
        """How the policy sorts agents."""
        agent, policy, who = self.desk.agents[name], self.policy, self.policy.agent
        bots = self._bots(c) if agent.bot else 0
        is_last = name == c.last_agent
        worth_ms = self.desk.last_agent_worth_ms
        if who == pb.POLICY_AGENT_LEAST_COST:
            seconds, work, price, share = self.cost(c, name)
            saved = worth_ms / 1000 / seconds if is_last else 0.0
            total = work + 0.5 * price + 0.7 * share + 0.1 * self.missing(agent, c) - saved
            return bots, round(total, 9), agent.idle_ms, name
        level = -self.level(agent, c) if policy.levels_first else 0
        first = (bots, not (is_last and worth_ms), self.missing(agent, c), level)
        return (*first, *self._own(c, name, agent), name)

    def _bots(self, c: Conversation) -> int:
        if not self.policy.bots_first:
            return 0
        known = self.learned.contained.get(c.queue)
        return -1 if known is None or known.count < 20 or known.value >= self.policy.bots_contain else 1

    def _own(self, c: Conversation, name: str, agent: Agent) -> tuple[float, ...]:
        who, idle_ms = self.policy.agent, agent.idle_ms
        if who == pb.POLICY_AGENT_LEAST_LOADED:
            return self.used(name) * 1000 // agent.capacity, idle_ms
        if who == pb.POLICY_AGENT_LEAST_ACTIVE:
            return len(self.mine(name)), idle_ms
        if who == pb.POLICY_AGENT_ROUND_ROBIN:
            return (agent.last_offer,)
        if who == pb.POLICY_AGENT_BEST_SKILLED:
            return -self.level(agent, c), idle_ms
        if who == pb.POLICY_AGENT_LEAST_FLEXIBLE:
            languages, skills = 1 + len(agent.languages), 1 + len(agent.skills)
            return languages * skills * (len(agent.channels) or 99), idle_ms
        if who == pb.POLICY_AGENT_FASTEST:
            return self.pace(c, agent), idle_ms
        if who == pb.POLICY_AGENT_SCORE:
            parts = {
                "idle": max(0, self.now_ms - idle_ms) / 60_000,
                "load": -self.used(name) / agent.capacity,
                "active": -len(self.mine(name)),
                "skill": self.level(agent, c),
                "pace": -self.pace(c, agent) / 60_000,
            }
            return round(-sum(weight * parts[part] for part, weight in self.policy.score), 9), idle_ms
        return (idle_ms,)

    def pace(self, c: Conversation, agent: Agent) -> float:
        """How long the agent takes."""
        usual = self.learned.handled_ms(None, "") * self.learned.level_factor(self.level(agent, c))
        count, mean = (agent.paces or {}).get(c.queue, (0, 0.0))
        return (count * mean + usual) / (count + 1)

    def next_for(self, name: str) -> str | None:
        """Whom a freed agent is offered to."""
        waits = [
            (self.line_key(c, key, name), key)
            for key, c in self.state.data.conversations.items()
            if c.desk == self.desk_id and c.status == Status.WAITING and not self.rule(name, ask_of(c))
        ]
        heads: dict[tuple[Any, ...], tuple[Any, str]] = {}
        for rank, key in sorted(waits):
            heads.setdefault(_line_of(self.state.data.conversations[key]), (rank, key))
        may = [
            (rank, key) for rank, key in heads.values() if self._may(self.state.data.conversations[key], name)
        ]
        return min(may)[1] if may else None

    def _may(self, c: Conversation, name: str) -> bool:
        most = self.limit(c)
        return most == inf or self.cost(c, name)[2] <= most

    def line_key(self, c: Conversation, key: str, name: str) -> tuple[Any, ...]:
        """How the policy sorts those who wait, for an agent."""
        policy, order = self.policy, self.policy.order
        surge = dict(policy.surges).get(c.queue, 0)
        waiting = sum(
            o.queue == c.queue for o in self.state.data.conversations.values() if o.status == Status.WAITING
        )
        above = 0 if not surge else -1 if waiting >= surge else 1
        share = dict(policy.shares).get(c.queue, 0)
        given = self.learned.given.get(c.queue, 0.0) / share if share else 0.0
        level = -self.level(self.desk.agents[name], c) if policy.levels_first else 0
        priority = -c.priority if policy.priority_first and not policy.ageing_ms else 0
        younger = c.priority * policy.ageing_ms
        due = c.due_ms or NEVER_MS
        end = (c.since_ms, key)
        first = (above, priority, level, given)
        if order == pb.POLICY_ORDER_WEIGHTED:
            usual = self.learned.target_ms(c.channel, c.weight)
            took = self.learned.handled_ms(None, c.channel)
            return *first, -c.weight * max(0, self.now_ms - c.since_ms) / usual / took, *end
        if order == pb.POLICY_ORDER_PRESSURE:
            return *first, -c.weight * waiting / self.pace(c, self.desk.agents[name]), *end
        if order == pb.POLICY_ORDER_DEADLINE:
            return *first, 0, due - younger, *end
        if order == pb.POLICY_ORDER_ARRIVAL:
            return *first, 0, c.since_ms - younger, *end
        starves = c.since_ms + STARVED_TIMES * max(due - c.since_ms, 1_000) if c.due_ms else NEVER_MS
        if c.raised:
            return *first, -2, -c.priority, due, *end
        if due > self.now_ms:
            return *first, 0, due - younger, 0, *end
        if starves <= self.now_ms:
            return *first, -1, c.since_ms, 0, *end
        return *first, 1, -c.weight, -c.priority, due, *end


def _line_of(c: Conversation) -> tuple[Any, ...]:
    """Only the head of a line is looked at; behind it nobody is offered who is held for less."""
    return (*ask_of(c), c.queue, c.weight, c.priority, c.raised)
