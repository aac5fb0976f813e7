"""Who fits what: waiting conversations by what they ask for, agents by what they have.

Nobody looks at all conversations or all agents for a decision. Conversations that ask for the same
stand in one *line*; lines that differ only in units, in a named agent or in who is barred share a
*shape* (skills, language, channel, humans only). Agents who have the same are one *profile*. Each
pair of shape and profile is judged once. Available agents stand sorted by the desk's preset, one list
for each size of work (units) that somebody asked for, so full agents are not looked at; each profile
has its own lists, or all have common ones where that is quicker. An arrival looks at the heads of
profiles that fit its shape, if its shape counts anybody with room at all; a freed agent looks at the
first of each line that fits its profile. What nobody can do costs nothing.

All of it is an index of the state: `evolve` tells of changes (put_*, join, leave, hold, free),
`decide` asks (choose, next_for), with `Moves` for what it has decided but not yet folded.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import NamedTuple

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from services.router.floor import NEVER_MS, Ask, Floor, Has, Key, Line, Place, Profile, Seat, Shape

BEST_MAX = 5
"""Candidates that an explanation names."""

Candidate = tuple[bool, int, int, int, str]
"""An agent who could take it: not the last agent, the preset's first number, surplus levels, the
preset's second number, id. They compare as the preset prefers, best first."""


Waits = tuple[Ask, str, int, int, int, str]
"""What `join` takes of a waiting conversation: signature, queue, priority, due_ms, since_ms, id."""


class Choice(NamedTuple):
    """The answer for one conversation. `ruled_out`: rule -> agents whom it excluded first."""

    considered: int
    ruled_out: dict[int, int]
    best: list[Candidate]


class Moved(NamedTuple):
    """An agent's difference to what is folded: units and conversations in hand, and the number of
    the last offer made to them (0: none)."""

    units: int = 0
    cases: int = 0
    last_offer: int = 0


class Moves:
    """What one decision has moved before it is folded."""

    __slots__ = ("agents", "now_ms", "taken")

    def __init__(self, now_ms: int = 0) -> None:
        self.now_ms = now_ms
        self.agents: dict[str, Moved] = {}
        self.taken: set[str] = set()

    def give(self, agent_id: str, units: int, conversation_id: str, number: int) -> None:
        """The conversation is offered to the agent, as the desk's offer of that number."""
        had = self.agents.get(agent_id, _UNMOVED)
        self.agents[agent_id] = Moved(had.units + units, had.cases + 1, number)
        self.taken.add(conversation_id)

    def take(self, agent_id: str, units: int) -> None:
        """The agent has one conversation less in hand."""
        had = self.agents.get(agent_id, _UNMOVED)
        self.agents[agent_id] = Moved(had.units - units, had.cases - 1, had.last_offer)


_UNMOVED = Moved()


class Matcher:
    """All desks' floors behind one narrow interface."""

    __slots__ = ("floors",)

    def __init__(self) -> None:
        self.floors: dict[str, Floor] = {}

    # What has changed: called while folding.

    def put_desk(self, desk_id: str, preset: str) -> None:
        """The desk's preset, before anybody waits or after everybody was taken out."""
        floor = self._floor(desk_id)
        seats = list(floor.seats.values())
        for seat in seats:
            floor.unlist(seat)
        floor.preset = preset
        for seat in seats:
            floor.enlist(seat)

    def put_agent(self, desk_id: str, agent_id: str, agent: Has) -> None:
        """Anything of an agent has changed: settings, presence, what the preset counts by."""
        floor = self._floor(desk_id)
        profile = self._profile(floor, agent)
        seat = floor.seats.get(agent_id)
        if seat is None:
            seat = floor.seats[agent_id] = Seat(agent_id, agent, profile)
            seat.ruled = rt.RULE_NOT_ONLINE
            profile.seats[agent_id] = seat
            floor.away += 1
        floor.unlist(seat)
        ruled = ruled_out(agent)
        if profile is not seat.profile or ruled != seat.ruled:
            _count(floor, seat, -1)
            floor.leave_profile(seat)
            left = seat.profile
            del left.seats[agent_id]
            seat.profile, seat.ruled = profile, ruled
            profile.seats[agent_id] = seat
            _count(floor, seat, 1)
            if not left.seats:
                _forget(floor, left)
        seat.agent = agent
        floor.enlist(seat)
        floor.arrange()

    def join(
        self, ask: Ask, queue: str, priority: int, due_ms: int, since_ms: int, conversation_id: str
    ) -> None:
        """A conversation waits from now on; or it moves, if it did already."""
        floor = self._floor(ask.desk)
        if conversation_id in floor.where:
            self.leave(ask.desk, conversation_id)
        shape, line = floor.line(ask)
        line.add(floor.order(priority, due_ms, since_ms, conversation_id))
        floor.where[conversation_id] = (shape, line, queue)
        floor.waiting[queue] = floor.waiting.get(queue, 0) + 1

    def join_all(self, waiting: Iterable[Waits]) -> None:
        """Very many at once, none of whom waited before."""
        lines: dict[Ask, tuple[Floor, Shape, Line]] = {}
        for ask, queue, priority, due_ms, since_ms, conversation_id in waiting:
            found = lines.get(ask)
            if found is None:
                floor = self._floor(ask.desk)
                found = lines[ask] = (floor, *floor.line(ask))
            floor, shape, line = found
            line.live[conversation_id] = floor.order(priority, due_ms, since_ms, conversation_id)
            floor.where[conversation_id] = (shape, line, queue)
            floor.waiting[queue] = floor.waiting.get(queue, 0) + 1
        for _, _, line in lines.values():
            line.heap = sorted(line.live.values())

    def leave(self, desk_id: str, conversation_id: str) -> None:
        """A conversation waits no longer; nothing happens if it never stood in a line."""
        floor = self._floor(desk_id)
        found = floor.where.pop(conversation_id, None)
        if found is None:
            return
        shape, line, queue = found
        line.remove(conversation_id)
        if not line.live:
            del shape.lines[(line.units, line.only, line.barred)]
        floor.waiting[queue] -= 1

    def hold(self, desk_id: str, agent_id: str, conversation_id: str, units: int) -> None:
        """The agent has this much more in hand: offered or owned."""
        floor = self.floors[desk_id]
        seat = floor.seats.get(agent_id)
        if seat is not None:
            floor.unlist(seat)
            seat.held[conversation_id] = units
            seat.used += units
            floor.enlist(seat)

    def free(self, desk_id: str, agent_id: str, conversation_id: str) -> None:
        """The agent has this conversation in hand no longer."""
        floor = self.floors[desk_id]
        seat = floor.seats.get(agent_id)
        if seat is not None:
            floor.unlist(seat)
            seat.used -= seat.held.pop(conversation_id)
            floor.enlist(seat)

    # Questions: called while deciding.

    def choose(self, ask: Ask, last_agent: str, moves: Moves) -> Choice:
        """Whom to offer it to, best first, and who is ruled out by what."""
        floor = self._floor(ask.desk)
        shape = floor.shape(ask)
        ruled = {rule: count for rule, count in shape.ruled.items() if count}
        if floor.away:
            ruled[rt.RULE_NOT_ONLINE] = floor.away
        if floor.lost:
            ruled[rt.RULE_LOST] = floor.lost
        able, fitting = shape.able_available, shape.room.get(ask.units, 0)
        apart = {*ask.barred, *moves.agents}
        if last_agent:
            apart.add(last_agent)
        found: list[Candidate] = []
        if ask.only:
            apart, able, fitting = {ask.only}, self._named(floor, shape, ask, ruled), 0
        elif fitting:
            found = _from_lists(floor, ask.units, shape, apart)
        for agent_id in apart:
            seat = floor.seats.get(agent_id)
            if seat is None or seat.ruled or seat.profile not in shape.able:
                continue
            moved = moves.agents.get(agent_id)
            if not ask.only and ask.units in floor.sizes[: seat.fits]:
                fitting -= 1
            if agent_id in ask.barred:
                ruled[rt.RULE_BARRED] = ruled.get(rt.RULE_BARRED, 0) + 1
                able -= 1
            elif seat.used + (moved.units if moved else 0) + ask.units <= seat.agent.capacity:
                fitting += 1
                first, second, _ = floor.place(seat) if moved is None else _place_moved(floor, seat, moves)
                surplus = shape.able[seat.profile] if floor.preset == "default" else 0
                found.append((agent_id != last_agent, first, surplus, second, agent_id))
        if able > fitting:
            ruled[rt.RULE_CAPACITY] = able - fitting
        found.sort()
        return Choice(len(floor.seats), ruled, found[:BEST_MAX])

    @staticmethod
    def _named(floor: Floor, shape: Shape, ask: Ask, ruled: dict[int, int]) -> int:
        """Rule out everybody but the named agent; how many able ones are left: one or none."""
        seat = floor.seats.get(ask.only)
        is_able = seat is not None and not seat.ruled and seat.profile in shape.able
        if shape.able_available > is_able:
            ruled[rt.RULE_NOT_NAMED] = shape.able_available - is_able
        return int(is_able)

    def next_for(self, desk_id: str, agent_id: str, moves: Moves) -> str | None:
        """Which waiting conversation to offer to an agent who has room, or None."""
        seat = self._floor(desk_id).seats.get(agent_id)
        if seat is None or seat.ruled:
            return None
        room = seat.agent.capacity - seat.used - moves.agents.get(agent_id, _UNMOVED).units
        best: Place | None = None
        for shape in seat.profile.shapes:
            for line in shape.lines.values():
                if line.units > room or (line.only and line.only != agent_id) or agent_id in line.barred:
                    continue
                first = line.first(moves.taken)
                if first is not None and (best is None or first < best):
                    best = first
        return best[3] if best else None

    def fits(self, ask: Ask, agent_id: str) -> bool:
        """Whether an agent could do it at all, available or not."""
        floor = self._floor(ask.desk)
        seat = floor.seats.get(agent_id)
        return seat is not None and seat.profile in floor.shape(ask).able

    def in_hand(self, desk_id: str, agent_id: str) -> list[str]:
        """The conversations that an agent is offered or owns, in the order of their ids."""
        seat = self.floors[desk_id].seats.get(agent_id) if desk_id in self.floors else None
        return sorted(seat.held) if seat else []

    def reserved_for(self, desk_id: str, agent_id: str) -> list[str]:
        """The conversations that wait for this agent alone, in the order of their ids."""
        floor = self._floor(desk_id)
        lines = (line for shape in floor.shapes.values() for line in shape.lines.values())
        return sorted(key for line in lines if line.only == agent_id for key in line.live)

    def waiting(self, desk_id: str) -> Iterable[str]:
        """Every waiting conversation of a desk."""
        return self._floor(desk_id).where

    def waiting_in(self, desk_id: str, queue: str) -> int:
        """How many wait in a queue."""
        return self._floor(desk_id).waiting.get(queue, 0)

    def used(self, desk_id: str, agent_id: str) -> int:
        """Capacity units in an agent's hands."""
        seat = self._floor(desk_id).seats.get(agent_id)
        return seat.used if seat else 0

    def room_for(self, ask: Ask) -> tuple[int, int]:
        """How many available agents could do it, and how many of them have room now."""
        choice = self.choose(ask, "", Moves())
        floor = self._floor(ask.desk)
        able = floor.shape(ask).able_available - choice.ruled_out.get(rt.RULE_NOT_NAMED, 0)
        full = choice.ruled_out.get(rt.RULE_CAPACITY, 0) + choice.ruled_out.get(rt.RULE_BARRED, 0)
        return able, able - full

    def _floor(self, desk_id: str) -> Floor:
        floor = self.floors.get(desk_id)
        if floor is None:
            floor = self.floors[desk_id] = Floor("default")
        return floor

    @staticmethod
    def _profile(floor: Floor, agent: Has) -> Profile:
        key = (agent.bot, agent.skills, agent.languages, agent.channels)
        profile = floor.profiles.get(key)
        if profile is None:
            profile = floor.profiles[key] = Profile(agent)
            for shape in floor.shapes.values():
                floor.introduce(shape, profile)
        return profile


def ruled_out(agent: Has) -> int:
    """The rule that keeps an agent from taking anything at all; 0: none."""
    if agent.state != pb.PRESENCE_STATE_ONLINE:
        return rt.RULE_NOT_ONLINE
    return 0 if agent.present else rt.RULE_LOST


def _count(floor: Floor, seat: Seat, by: int) -> None:
    """`by` more agents as this one is now."""
    if seat.ruled == rt.RULE_NOT_ONLINE:
        floor.away += by
    elif seat.ruled == rt.RULE_LOST:
        floor.lost += by
    else:
        for shape in floor.shapes.values():
            shape.count(seat.profile, by)


def _place_moved(floor: Floor, seat: Seat, moves: Moves) -> Key:
    """Where the agent will be once this decision is folded."""
    moved = moves.agents[seat.id]
    return floor.key(
        seat.id,
        seat.agent.capacity,
        seat.used + moved.units,
        len(seat.held) + moved.cases,
        moves.now_ms,
        moved.last_offer or seat.agent.last_offer,
    )


def _forget(floor: Floor, profile: Profile) -> None:
    """Nobody has this profile any more."""
    del floor.profiles[profile.given]
    for shape in floor.shapes.values():
        shape.able.pop(profile, None)
        shape.unable.pop(profile, None)


def _from_lists(floor: Floor, units: int, shape: Shape, apart: set[str]) -> list[Candidate]:
    """Agents of the lists, without those `apart`: at least the best few, unsorted."""
    if floor.crowd is not None:
        return _from_crowd(floor, floor.crowd[units], shape, apart)
    default = floor.preset == "default"
    # The best few are among the first few of the profiles whose heads are the best few; as many
    # more of both may be apart.
    most = BEST_MAX + len(apart)
    heads: list[tuple[int, int, int, str, list[Key]]] = []
    worst, worst_surplus = NEVER_MS, 0
    for profile, more in shape.able.items():
        there = profile.lists.get(units)
        if not there:
            continue
        first, second, agent_id = there[0]
        surplus = more if default else 0
        if first > worst or (first == worst and surplus > worst_surplus):
            continue
        insort(heads, (first, surplus, second, agent_id, there))
        if len(heads) > most:
            heads.pop()
        if len(heads) == most:
            worst, worst_surplus = heads[-1][:2]
    found: list[Candidate] = []
    for _, surplus, _, _, there in heads:
        found += [
            (True, first, surplus, second, agent_id)
            for first, second, agent_id in there[:most]
            if agent_id not in apart
        ]
    return found


def _from_crowd(floor: Floor, there: list[Key], shape: Shape, apart: set[str]) -> list[Candidate]:
    """The same from the common list: pass by until nobody better can come."""
    default = floor.preset == "default"
    seats, able = floor.seats, shape.able
    found: list[Candidate] = []
    # Whoever comes with a higher first number, or with the same and no less surplus, is behind.
    limit = worst = NEVER_MS
    for first, second, agent_id in there:
        if first > limit:
            break
        surplus = able.get(seats[agent_id].profile)
        if surplus is None or surplus >= worst or agent_id in apart:
            continue
        insort(found, (True, first, surplus if default else 0, second, agent_id))
        if len(found) >= BEST_MAX:
            del found[BEST_MAX:]
            limit, worst = found[-1][1:3] if default else (-NEVER_MS, 0)
    return found
