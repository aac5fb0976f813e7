"""Many at once: agents who come together, or conversations that begin to wait together, matched as a whole.

Theory of operation. One by one, the agent who is looked at first takes what another could have taken, and
who asks for a rare skill goes without although those there could have served both. So where several agents
with room are looked at in one instant, what waits is taken in the policy's order and matched with all of
them (`transport.py`): whoever stands first is served if anyhow possible, and the sum of the scores is the
best for these. A score is what the policy says of one decision (`scoring.py`), so this is its own measure.

What would happen one by one is worked out too, and the better of the two is done; so it is never worse.
Rooms, limits and prices are checked offer by offer as they stand then; what the plan leaves goes one by
one. Policies by which each agent takes what they are best at have no order that all agree on: there it
always goes one by one.

All of it is bounded (`kernel/limits.py`), and follows from the state and the time alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any, NamedTuple

from services.kernel.limits import (
    BURST_AGENTS_MAX,
    BURST_CONVERSATIONS_MAX,
    BURST_EXCHANGES_MAX,
    BURST_KINDS_MAX,
)
from services.router import choosing, scoring, transport
from services.router.choosing import BEST_MAX
from services.router.draft import OFFERS_IN_STEP_MAX, Draft
from services.router.floor import Floor
from services.router.lines import Line
from services.router.moves import Moves
from services.router.profiles import LEVEL_NONE, Fit, Seat, Shape
from services.router.state import Conversation, ask_of

Kind = tuple[int, str]
"""A line, and the agent who had the customer last if it is one of those looked at."""


class Standing(NamedTuple):
    """Who waits, in the policy's order, with the line it stands in."""

    conversation_id: str
    shape: Shape
    line: Line


def match(draft: Draft, agent_ids: Sequence[str]) -> list[str]:
    """Offer what waits to these agents: nothing was decided in the draft yet. Who may take more than fits
    the step."""
    seats = _with_room(draft, agent_ids)
    standing = _standing(draft, seats) if len(seats) > 1 and draft.desk.policy.has_one_order else []
    if len(standing) > 1:
        single, whole = draft.fork(), draft.fork()
        left = one_by_one(single, agent_ids)
        if _as_a_whole(whole, seats, standing):
            left_whole = one_by_one(whole, agent_ids)
            ranked = [one.conversation_id for one in standing]
            if measure(whole, ranked) > measure(single, ranked):
                single, left = whole, left_whole
        draft.take_over(single)
        return left
    return one_by_one(draft, agent_ids)


def measure(draft: Draft, ranked: Sequence[str]) -> tuple[tuple[bool, ...], int, float]:
    """How good a draft is by the policy: who is served of those who stand so, how many at all, and the sum of
    the scores."""
    scores: dict[str, float] = {}
    for event in draft.events:
        if event.HasField("offered"):
            offered = event.offered
            scores[offered.conversation_id] = offered.best_scores[
                list(offered.best_agents).index(offered.agent_id)
            ]
    return tuple(key in scores for key in ranked), len(scores), sum(scores.values())


def one_by_one(draft: Draft, agent_ids: Iterable[str]) -> list[str]:
    """Offer what waits to one agent after the other. Who may take more than fits the step."""
    return [agent_id for agent_id in agent_ids if draft.refill(agent_id)]


def _with_room(draft: Draft, agent_ids: Iterable[str]) -> list[Seat]:
    seats = draft.state.matcher.floor(draft.desk_id).seats
    found = (seats[agent_id] for agent_id in agent_ids if agent_id in seats)
    return [seat for seat in found if not seat.ruled and any(seat.slots)][:BURST_AGENTS_MAX]


def _standing(draft: Draft, seats: Sequence[Seat]) -> list[Standing]:
    """Who waits for one of these agents, in the policy's order; of a shape no more than fit."""
    floor, now_ms = draft.state.matcher.floor(draft.desk_id), draft.now_ms
    room: dict[Shape, int] = {}
    for seat in seats:
        for shape in seat.profile.able:
            if shape.lines:
                room[shape] = room.get(shape, 0) + seat.slots[shape.kind]
    names = {seat.id for seat in seats}
    heads = [
        (_rank(floor, shape, line, now_ms, seats[0]), number, shape, line)
        for number, (shape, line) in enumerate(
            (shape, line)
            for shape in room
            for line in shape.lines.values()
            if not line.only or line.only in names
        )
    ]
    taken: set[str] = set()
    found: list[Standing] = []
    heapify(heads)
    while heads and len(found) < BURST_CONVERSATIONS_MAX:
        rank, number, shape, line = heappop(heads)
        if not room[shape]:
            continue
        room[shape] -= 1
        key = rank[-1][2]
        taken.add(key)
        found.append(Standing(key, shape, line))
        if line.look(now_ms, taken)[0] is not None:
            heappush(heads, (_rank(floor, shape, line, now_ms, seats[0], taken), number, shape, line))
    return found


def _rank(
    floor: Floor, shape: Shape, line: Line, now_ms: int, seat: Seat, taken: set[str] | None = None
) -> tuple[Any, ...]:
    """What lines compare by, whoever looks; the place of who goes first is its last part."""
    place, its = line.look(now_ms, taken or set())
    assert place is not None
    if not choosing.is_plain(floor.policy):
        its = choosing.rank(floor, line, its, place, seat, Fit(LEVEL_NONE, 0), now_ms)
    return *its, place


class _Costs:
    """What it costs to give a conversation of a kind to one of the agents, by the policy's score."""

    def __init__(
        self, draft: Draft, seats: Sequence[Seat], kinds: Sequence[tuple[Line, Conversation]]
    ) -> None:
        self._draft = draft
        self._seats = seats
        self._kinds = kinds
        self._known: dict[tuple[int, int, int], float] = {}

    def __call__(self, kind: int, agent: int, place: int) -> float:
        """See `transport.Cost`."""
        key = kind, agent, place
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._work_out(*self._kinds[kind], self._seats[agent], place)
        return known

    def _work_out(self, line: Line, c: Conversation, seat: Seat, place: int) -> float:
        if line.only and line.only != seat.id:
            return inf
        draft = self._draft
        moves = Moves(draft.now_ms)
        for number in range(place):
            moves.give(seat.id, c.units, c.channel, "", draft.desk.offers + number + 1)
        best = draft.choice(c, ask_of(c)._replace(only=seat.id), moves).best
        return -scoring.explained(draft.desk.policy, best, draft.now_ms)[1][0] if best else inf


def _as_a_whole(draft: Draft, seats: Sequence[Seat], standing: Sequence[Standing]) -> bool:
    """Offer by the plan; whether there was one."""
    conversations = draft.state.data.conversations
    names = {seat.id for seat in seats}
    numbers: dict[Kind, int] = {}
    kinds: list[tuple[Line, Conversation]] = []
    ranked: list[int] = []
    planned: list[str] = []
    for one in standing:
        c = conversations[one.conversation_id]
        kind = id(one.line), c.last_agent if c.last_agent in names else ""
        if kind not in numbers:
            if len(kinds) == BURST_KINDS_MAX:
                continue
            numbers[kind] = len(kinds)
            kinds.append((one.line, c))
        ranked.append(numbers[kind])
        planned.append(one.conversation_id)
    units = [c.units for _, c in kinds]
    rooms = [seat.agent.capacity - seat.used for seat in seats]
    agents = transport.match(ranked, units, rooms, _Costs(draft, seats, kinds), BURST_EXCHANGES_MAX)
    for key, agent in zip(planned, agents, strict=True):
        if agent != transport.NOBODY and draft.offers < OFFERS_IN_STEP_MAX:
            _offer(draft, key, conversations[key], seats[agent].id, len(planned))
    return draft.offers > 0


def _offer(draft: Draft, key: str, c: Conversation, agent_id: str, together: int) -> None:
    """Offer it to that agent, if what was offered before has left room and no price too high."""
    ask = ask_of(c)
    own = draft.choice(c, ask._replace(only=agent_id)).best
    if not own:
        return
    choice = draft.choice(c, ask)
    if all(candidate.agent_id != agent_id for candidate in choice.best):
        choice = choice._replace(best=[*choice.best[: BEST_MAX - 1], *own])
    draft.offer(key, c, choice, agent_id, together)
