"""Who fits what: waiting conversations by what they ask for, agents by what they have.

Nobody looks at all conversations or all agents for a decision. Conversations that ask for the same
stand in one *line* (`lines.py`); lines that differ only in weight, queue, a named agent or who is barred
share a *shape* (skills, language, channel, units, humans only). Agents who have the same are one
*profile*. Each pair of shape and profile is judged once. Available agents who have room stand sorted by
the desk's policy, in one list for each set of kinds of work (channel and units) that they have room for, of
their profile and of the whole floor; an arrival looks at the first of whichever is quicker to look through,
if its shape counts anybody with room at all. A freed agent looks at the head of each line that fits their
profile. What nobody can do costs nothing.

Agents compare by a key of the policy (`_Keys`). Where a key depends on more than the place in the lists,
the first `WINDOW` of those who fit are compared (`pricing.py` says by what for the default policy), which
on a desk of that size are all.

All of it is an index of the state: `evolve` tells of changes (put_*, join, leave, hold, free),
`decide` asks (choose, next_for), with `Moves` for what it has decided but not yet folded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from services.router import around, choosing, marks, pricing
from services.router.choosing import BEST_MAX, Candidate, Choice, Want
from services.router.floor import Floor
from services.router.forecast import Around
from services.router.learning import Learned
from services.router.lines import Line, Place, Rank, Waiter
from services.router.moves import Moves
from services.router.policy import Policy
from services.router.profiles import HANDS_AWAY, Ask, Has, Profile, Seat, Shape, profile_key

__all__ = ("BEST_MAX", "Candidate", "Choice", "Matcher", "Moves", "Want", "ruled_out")

Waits = tuple[Ask, Waiter, str]
"""What `join` takes of a waiting conversation: signature, itself, id."""


class Matcher:
    """All desks' floors behind one narrow interface."""

    __slots__ = ("floors",)

    def __init__(self) -> None:
        self.floors: dict[str, Floor] = {}

    # What has changed: called while folding.

    def put_desk(self, desk_id: str, policy: Policy, learned: Learned) -> None:
        """The desk's policy and what was learned of it; whoever waits has to join again."""
        old = self.floors.get(desk_id)
        floor = self.floors[desk_id] = Floor(policy, learned)
        floor.know_demands(desk_id)
        if old is None:
            return
        for agent_id, seat in old.seats.items():
            self.put_agent(desk_id, agent_id, seat.agent)
            fresh = floor.seats[agent_id]
            fresh.held, fresh.used, fresh.by_channel = seat.held, seat.used, seat.by_channel
            floor.reseat(fresh)
        floor.rates_changed()

    def put_agent(self, desk_id: str, agent_id: str, agent: Has) -> None:
        """Anything of an agent has changed: settings, presence, what the policy counts by."""
        floor = self.floor(desk_id)
        seat = floor.seats.get(agent_id)
        if seat is None:
            profile = self._profile(floor, agent)
            seat = floor.seats[agent_id] = Seat(agent_id, agent, profile)
            seat.ruled = rt.RULE_NOT_ONLINE
            seat.slots = [0] * len(floor.kinds)
            floor.seat(seat, profile, 1)
            profile.hands[HANDS_AWAY] += 1
            floor.away += 1
        elif profile_key(agent) != seat.profile.given:
            profile = self._profile(floor, agent)
        else:
            profile = seat.profile
        ruled = ruled_out(agent)
        if profile is not seat.profile or ruled != seat.ruled:
            self._move(floor, seat, profile, ruled)
        seat.agent = agent
        floor.reseat(seat)

    @staticmethod
    def _move(floor: Floor, seat: Seat, profile: Profile, ruled: int) -> None:
        """Into another profile, or into or out of availability."""
        was, seat.ruled = seat.ruled, rt.RULE_NOT_ONLINE
        floor.reseat(seat)
        seat.ruled = was
        floor.count(seat, -1)
        left = seat.profile
        seat.profile, seat.ruled = profile, ruled
        if profile is not left:
            left.hands[HANDS_AWAY] -= 1
            profile.hands[HANDS_AWAY] += 1
            floor.seat(seat, left, -1)
            floor.seat(seat, profile, 1)
        floor.count(seat, 1)
        if not left.seats:
            floor.forget(left)

    def put_rates(self, desk_id: str) -> None:
        """What comes is rated anew."""
        self.floor(desk_id).rates_changed()

    def join(self, ask: Ask, c: Waiter, conversation_id: str) -> None:
        """A conversation waits from now on; or it moves, if it did already."""
        floor = self._floor(ask.desk)
        if conversation_id in floor.where:
            self.leave(ask.desk, conversation_id)
        shape = floor.shape(ask)
        line = floor.line(shape, ask, c)
        place = line.place(c, conversation_id)
        line.add(place)
        floor.where[conversation_id] = (shape, line, place)
        floor.wait(shape, line, 1)

    def join_all(self, waiting: Iterable[Waits]) -> None:
        """Very many at once, none of whom waited before."""
        lines: dict[tuple[Any, ...], tuple[Floor, Shape, Line, list[Place]]] = {}
        for ask, c, conversation_id in waiting:
            key = (ask, c.queue, c.weight, c.priority, c.raised)
            found = lines.get(key)
            if found is None:
                floor = self.floor(ask.desk)
                shape = floor.shape(ask)
                found = lines[key] = (floor, shape, floor.line(shape, ask, c), [])
            floor, shape, line, places = found
            place = line.place(c, conversation_id)
            places.append(place)
            floor.where[conversation_id] = (shape, line, place)
        for floor, shape, line, places in lines.values():
            line.fill(places)
            floor.wait(shape, line, len(places))

    def leave(self, desk_id: str, conversation_id: str) -> None:
        """A conversation waits no longer; nothing happens if it never stood in a line."""
        floor = self._floor(desk_id)
        found = floor.where.pop(conversation_id, None)
        if found is None:
            return
        shape, line, place = found
        line.remove(place)
        if not line.count:
            floor.end_line(shape, line)
        floor.wait(shape, line, -1)

    def hold(self, desk_id: str, agent_id: str, conversation_id: str, units: int, channel: str) -> None:
        """The agent has this much more in hand: offered or owned."""
        floor = self.floors[desk_id]
        seat = floor.seats.get(agent_id)
        if seat is not None:
            seat.held[conversation_id] = units
            seat.by_channel[channel] = seat.by_channel.get(channel, 0) + 1
            seat.used += units
            floor.stale[seat] = None

    def free(self, desk_id: str, agent_id: str, conversation_id: str, channel: str) -> None:
        """The agent has this conversation in hand no longer."""
        floor = self.floors[desk_id]
        seat = floor.seats.get(agent_id)
        if seat is not None:
            seat.used -= seat.held.pop(conversation_id)
            seat.by_channel[channel] -= 1
            floor.stale[seat] = None

    # Questions: called while deciding.

    def choose(self, ask: Ask, want: Want, moves: Moves) -> Choice:
        """Whom to offer it to, best first, and who is ruled out by what."""
        floor = self.floor(ask.desk)
        return choosing.choose(floor, floor.shape(ask), ask, want, moves)

    def next_for(self, desk_id: str, agent_id: str, moves: Moves) -> str | None:
        """Which waiting conversation to offer to an agent who has room, or None."""
        floor = self.floor(desk_id)
        seat = floor.seats.get(agent_id)
        if seat is None or seat.ruled:
            return None
        moved = moves.agents.get(agent_id)
        slots = floor.room(seat, moved.units, moved.by_channel)[0] if moved else seat.slots
        if not any(slots):
            return None
        in_hand = len(seat.held) + (moved.cases if moved else 0)
        room = seat.agent.capacity - seat.used - (moved.units if moved else 0)
        now_ms, taken, policy = moves.now_ms, moves.taken, floor.policy
        is_plain = choosing.is_plain(policy)
        bar = pricing.Bar(floor, seat, in_hand, slots, room, moves) if policy.hold_back else None
        best: Place | None = None
        rank: Rank = ()
        able = seat.profile.able
        few = len(floor.waited) * 2 < len(able)
        for shape, fit in floor.waited_of(able) if few else able.items():
            if not shape.lines or not slots[shape.kind]:
                continue
            for line in shape.lines.values():
                if line.about and ((line.only and line.only != agent_id) or agent_id in line.barred):
                    continue
                if line.until_ms > now_ms and not taken:
                    place, its = line.head, line.rank
                else:
                    place, its = line.look(now_ms, taken)
                if place is None:
                    continue
                if not is_plain:
                    its = choosing.rank(floor, line, its, place, seat, fit, now_ms)
                if best is not None and (its > rank or (its == rank and place > best)):
                    continue
                if bar is not None and bar.holds(shape, line, place, fit.level, now_ms):
                    continue
                best, rank = place, its
        return best[2] if best else None

    def is_held(self, desk_id: str, conversation_id: str) -> bool:
        """Whether a waiting conversation may be held back, now or once it is late."""
        found = self.floor(desk_id).where.get(conversation_id)
        return found is not None and (not found[0].live or found[1].due_ms(found[2]) > 0)

    def is_holding(self, desk_id: str, beyond: int = 0) -> bool:
        """Whether more than so many wait who may be held back, now or once they are late."""
        floor = self.floor(desk_id)
        if floor.later > beyond:
            return True
        found = floor.later
        for shape in floor.shapes.values():
            for line in shape.lines.values() if shape.live else ():
                for place in line.places if line.by_due else ():
                    found += line.due_ms(place) > 0
                    if found > beyond:
                        return True
        return False

    def with_room(self, desk_id: str) -> list[str]:
        """Agents with room for work that waits, longest idle first."""
        floor = self.floor(desk_id)
        wanted: dict[Profile, int] = {}
        for shape in floor.waited:
            for profile in shape.able if shape.fitting else ():
                wanted[profile] = wanted.get(profile, 0) | 1 << shape.kind
        found: list[tuple[int, str]] = []
        for profile, kinds in wanted.items():
            for mask, there in profile.lists.items():
                if mask & kinds:
                    found += [(floor.seats[key[2]].agent.idle_ms, key[2]) for key in there]
        found.sort()
        return [agent_id for _, agent_id in found]

    def is_anybody_with_room(self, desk_id: str) -> bool:
        """Whether there is an agent with room for work that waits."""
        return any(shape.fitting for shape in self.floor(desk_id).waited)

    def alike(self, desk_id: str, agent_id: str) -> object:
        """Agents for whom this is equal are offered the same; None: this one is like no other, since somebody
        waits for them alone, or not for them, or they are as quick as they are."""
        floor = self.floor(desk_id)
        if agent_id in floor.singled or floor.policy.needs_pace:
            return None
        seat = floor.seats[agent_id]
        return seat.profile, seat.agent.capacity - seat.used, len(seat.held), tuple(seat.slots)

    def fits(self, ask: Ask, agent_id: str) -> bool:
        """Whether an agent could do it at all, available or not."""
        floor = self.floor(ask.desk)
        seat = floor.seats.get(agent_id)
        return seat is not None and seat.profile in floor.shape(ask).able

    def held_by(self, desk_id: str, agent_id: str) -> int:
        """How many conversations an agent is offered or owns."""
        seat = self.floor(desk_id).seats.get(agent_id)
        return len(seat.held) if seat else 0

    def held_of(self, desk_id: str, agent_id: str, channel: str) -> int:
        """How many of a channel an agent is offered or owns."""
        seat = self.floor(desk_id).seats.get(agent_id)
        return seat.by_channel.get(channel, 0) if seat else 0

    def in_hand(self, desk_id: str, agent_id: str) -> list[str]:
        """The conversations that an agent is offered or owns, in the order of their ids."""
        seat = self.floors[desk_id].seats.get(agent_id) if desk_id in self.floors else None
        return sorted(seat.held) if seat else []

    def reserved_for(self, desk_id: str, agent_id: str) -> list[str]:
        """The conversations that wait for this agent alone, in the order of their ids."""
        floor = self.floor(desk_id)
        lines = (line for shape in floor.shapes.values() for line in shape.lines.values())
        return sorted(place[2] for line in lines if line.only == agent_id for place in line.places)

    def around(self, ask: Ask, priority: int) -> Around:
        """What stands around a conversation that begins to wait."""
        floor = self.floor(ask.desk)
        return around.look(floor, floor.shape(ask), priority)

    def waiting(self, desk_id: str) -> Iterable[str]:
        """Every waiting conversation of a desk."""
        return self.floor(desk_id).where

    def open_count(self, desk_id: str) -> int:
        """How many conversations of a desk wait or are in an agent's hands."""
        floor = self.floor(desk_id)
        return len(floor.where) + sum(len(seat.held) for seat in floor.seats.values())

    def waiting_in(self, desk_id: str, queue: str) -> int:
        """How many wait in a queue."""
        return self.floor(desk_id).waiting.get(queue, 0)

    def used(self, desk_id: str, agent_id: str) -> int:
        """Capacity units in an agent's hands."""
        seat = self.floor(desk_id).seats.get(agent_id)
        return seat.used if seat else 0

    def room_for(self, ask: Ask) -> tuple[int, int]:
        """How many available agents could do it, and how many of them have room now."""
        floor = self.floor(ask.desk)
        shape = floor.shape(ask)
        if not ask.only and not ask.barred:
            return shape.able_available, shape.fitting
        choice = self.choose(ask, Want(), Moves())
        able = shape.able_available - choice.ruled_out.get(rt.RULE_NOT_NAMED, 0)
        full = sum(choice.ruled_out.get(rule, 0) for rule in _FULL)
        return able, able - full

    def holds_back(self, ask: Ask, want: Want, due_ms: int, since_ms: int, now_ms: int) -> bool:
        """Whether somebody has room for it, but it would be held back: with a due time, and waiting since."""
        floor = self.floor(ask.desk)
        shape = floor.shape(ask)
        most = pricing.limit(floor, shape, want.weight, due_ms, since_ms, now_ms)
        return choosing.choose(floor, shape, ask, want._replace(most=most), Moves(now_ms)).held

    def can_nobody(self, ask: Ask) -> bool:
        """Whether nobody of the desk can do it, there or not: not able, or with too little capacity."""
        return marks.can_nobody(self.floor(ask.desk).shape(ask))

    def has_asked_all(self, ask: Ask) -> bool:
        """Whether every available agent who could do it is barred from it."""
        if not ask.barred:
            return False
        able = self.floor(ask.desk).shape(ask).able_available
        return self.choose(ask, Want(), Moves()).ruled_out.get(rt.RULE_BARRED, 0) >= able

    def floor(self, desk_id: str) -> Floor:
        """The desk's floor as it is now, made when it is first asked for."""
        floor = self._floor(desk_id)
        if floor.stale:
            floor.settle()
        return floor

    def _floor(self, desk_id: str) -> Floor:
        """The same, but counts and lists may be behind."""
        floor = self.floors.get(desk_id)
        if floor is None:
            floor = self.floors[desk_id] = Floor(Policy(), Learned())
        return floor

    @staticmethod
    def _profile(floor: Floor, agent: Has) -> Profile:
        key = profile_key(agent)
        profile = floor.profiles.get(key)
        if profile is None:
            profile = floor.profiles[key] = Profile(agent, len(floor.kinds))
            for shape in floor.shapes.values():
                floor.introduce(shape, profile)
        return profile


_FULL = (rt.RULE_CAPACITY, rt.RULE_BARRED, rt.RULE_LIMIT)


def ruled_out(agent: Has) -> int:
    """The rule that keeps an agent from taking anything at all; 0: none."""
    if agent.state != pb.PRESENCE_STATE_ONLINE:
        return rt.RULE_NOT_ONLINE
    return 0 if agent.present else rt.RULE_LOST
