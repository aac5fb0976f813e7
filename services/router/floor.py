"""One desk's floor: agents by what they have, waiting conversations by what they ask for.

The structures behind `matching.py`, which explains them and is the only one to use them.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from proto.v1 import routing_pb2 as rt

AGENTS_FEW = 64
"""So many agents are passed by one by one quicker than the heads of their profiles are compared."""
PROFILES_MANY = 64
"""With more profiles than this, too, passing by who does not fit is the quicker way."""
SHAPES_MAX = 1_000
"""Shapes of a desk kept although nobody waits in them; they cost a judgement to make anew."""
NEVER_MS = 1 << 62
"""Stands for no deadline: goes last."""

Key = tuple[int, int, str]
"""Place of an agent in a profile's list: two numbers of the preset, then the id."""
Place = tuple[int, int, int, str]
"""Place of a conversation in a line: two numbers of the preset, since_ms, id."""


class Has(Protocol):
    """What the matcher reads of an agent; it never writes it."""

    bot: bool
    skills: tuple[tuple[str, int], ...]
    languages: tuple[str, ...]
    channels: tuple[str, ...]
    capacity: int
    state: int
    present: bool
    idle_ms: int
    last_offer: int


class Ask(NamedTuple):
    """A signature: what a conversation asks of an agent. `only`: nobody else may take it."""

    desk: str
    requires: tuple[tuple[str, int], ...]
    language: str
    channel: str
    units: int
    human_only: bool
    only: str
    barred: tuple[str, ...]


class Line:
    """Conversations that ask for the very same, in order. Gone ones are dropped lazily."""

    __slots__ = ("barred", "heap", "live", "only", "units")

    def __init__(self, units: int, only: str, barred: tuple[str, ...]) -> None:
        self.units = units
        self.only = only
        self.barred = barred
        self.heap: list[Place] = []
        self.live: dict[str, Place] = {}

    def add(self, place: Place) -> None:
        """Somebody begins to wait here."""
        self.live[place[3]] = place
        heapq.heappush(self.heap, place)

    def remove(self, conversation_id: str) -> None:
        """Somebody waits here no longer; the first of the heap is always one who does."""
        del self.live[conversation_id]
        if len(self.heap) > 2 * len(self.live) + 32:
            self.heap = sorted(self.live.values())
        while self.heap and self.live.get(self.heap[0][3]) != self.heap[0]:
            heapq.heappop(self.heap)

    def first(self, taken: set[str]) -> Place | None:
        """The first who is not taken; leaves the line as it is."""
        if not taken:
            return self.heap[0]
        for place in self._in_order():
            if place[3] not in taken and self.live.get(place[3]) == place:
                return place
        return None

    def _in_order(self) -> Iterator[Place]:
        # Walks the heap without changing it: the next is always a child of one already seen.
        heap, ahead = self.heap, [(self.heap[0], 0)]
        while ahead:
            place, i = heapq.heappop(ahead)
            yield place
            for child in (2 * i + 1, 2 * i + 2):
                if child < len(heap):
                    heapq.heappush(ahead, (heap[child], child))


class Profile:
    """Agents who have the same."""

    __slots__ = ("bot", "channels", "given", "languages", "levels", "lists", "seats", "shapes",
                 "skills")  # fmt: skip

    def __init__(self, agent: Has) -> None:
        self.given = (agent.bot, agent.skills, agent.languages, agent.channels)
        self.bot = agent.bot
        self.skills = dict(agent.skills)
        self.languages = frozenset(agent.languages)
        self.channels = frozenset(agent.channels)
        self.levels = sum(self.skills.values())
        self.seats: dict[str, Seat] = {}
        self.lists: dict[int, list[Key]] = {}
        self.shapes: dict[Shape, None] = {}


class Shape:
    """What the asking part of a signature says about profiles."""

    __slots__ = ("able", "able_available", "channel", "human_only", "language", "lines", "need",
                 "requires", "room", "ruled", "unable")  # fmt: skip

    def __init__(self, ask: Ask) -> None:
        self.requires = ask.requires
        self.language = ask.language
        self.channel = ask.channel
        self.human_only = ask.human_only
        self.need = sum(level for _, level in ask.requires)
        self.able: dict[Profile, int] = {}
        """Profiles that fit, and by how many levels they have more than is asked."""
        self.unable: dict[Profile, int] = {}
        self.able_available = 0
        self.room: dict[int, int] = {}
        """Units -> how many agents who fit are available and have room for so much."""
        self.ruled: dict[int, int] = {}
        self.lines: dict[tuple[int, str, tuple[str, ...]], Line] = {}
        """Only lines in which somebody waits."""

    def judge(self, profile: Profile) -> int:
        """The first rule that excludes the profile; 0: it fits."""
        if self.human_only and profile.bot:
            return rt.RULE_HUMAN_ONLY
        if profile.channels and self.channel not in profile.channels:
            return rt.RULE_CHANNEL
        if self.language and self.language not in profile.languages:
            return rt.RULE_LANGUAGE
        skills = profile.skills
        for skill, level in self.requires:
            if skills.get(skill, 0) < level:
                return rt.RULE_SKILL
        return 0

    def count(self, profile: Profile, by: int) -> None:
        """`by` more agents of the profile are available."""
        if profile in self.able:
            self.able_available += by
        else:
            rule = self.unable[profile]
            self.ruled[rule] = self.ruled.get(rule, 0) + by


class Seat:
    """An agent and what is in their hands."""

    __slots__ = ("agent", "fits", "held", "id", "key", "profile", "ruled", "used")

    def __init__(self, agent_id: str, agent: Has, profile: Profile) -> None:
        self.id = agent_id
        self.agent = agent
        self.profile = profile
        self.held: dict[str, int] = {}
        self.used = 0
        self.ruled = 0
        """The rule that keeps the agent from taking anything; 0: available."""
        self.key: Key | None = None
        """Where the agent stands in the lists; None: in none of them."""
        self.fits = 0
        """How many of the floor's sizes, from the least on, fit into the agent's room."""


class Floor:
    """One desk's agents and waiting conversations."""

    __slots__ = ("away", "crowd", "lost", "preset", "profiles", "seats", "shapes", "sizes",
                 "waiting", "where")  # fmt: skip

    def __init__(self, preset: str) -> None:
        self.preset = preset
        self.seats: dict[str, Seat] = {}
        self.profiles: dict[object, Profile] = {}
        self.shapes: dict[object, Shape] = {}
        self.sizes: list[int] = []
        """Units that somebody asked for, ascending."""
        self.crowd: dict[int, list[Key]] | None = {}
        """One list for each size over all profiles; None: each profile has its own."""
        self.away = 0
        self.lost = 0
        self.where: dict[str, tuple[Shape, Line, str]] = {}
        self.waiting: dict[str, int] = {}

    def shape(self, ask: Ask) -> Shape:
        """The shape of a signature, judged against every profile when it is new."""
        key = (*ask[1:4], ask.human_only)
        shape = self.shapes.get(key)
        if shape is None:
            if len(self.shapes) >= SHAPES_MAX:
                self._drop_idle_shapes()
            shape = self.shapes[key] = Shape(ask)
            for profile in self.profiles.values():
                self.introduce(shape, profile)
        if ask.units not in self.sizes:
            self._add_size(ask.units)
        return shape

    def line(self, ask: Ask) -> tuple[Shape, Line]:
        """The line of a signature; somebody will wait in it."""
        shape = self.shape(ask)
        key = (ask.units, ask.only, ask.barred)
        line = shape.lines.get(key)
        if line is None:
            line = shape.lines[key] = Line(*key)
        return shape, line

    def order(self, priority: int, due_ms: int, since_ms: int, conversation_id: str) -> Place:
        """Where the preset puts a waiting conversation; the least goes first."""
        if self.preset == "deadline":
            return 0, due_ms or NEVER_MS, since_ms, conversation_id
        if self.preset == "priority":
            return -priority, 0, since_ms, conversation_id
        return -priority, due_ms or NEVER_MS, since_ms, conversation_id

    def introduce(self, shape: Shape, profile: Profile) -> None:
        """Judge a pair of shape and profile, of which one is new."""
        rule = shape.judge(profile)
        if rule:
            shape.unable[profile] = rule
        else:
            shape.able[profile] = profile.levels - shape.need
            profile.shapes[shape] = None
        available = [seat for seat in profile.seats.values() if not seat.ruled]
        if not available:
            return
        shape.count(profile, len(available))
        for seat in available if not rule else ():
            for size in self.sizes[: seat.fits]:
                shape.room[size] = shape.room.get(size, 0) + 1

    def _drop_idle_shapes(self) -> None:
        for key in [key for key, shape in self.shapes.items() if not shape.lines]:
            shape = self.shapes.pop(key)
            for profile in shape.able:
                del profile.shapes[shape]

    def _add_size(self, units: int) -> None:
        for seat in self.seats.values():
            self.unlist(seat)
            self._recount(seat, 0)
        self.sizes = sorted([*self.sizes, units])
        for seat in self.seats.values():
            self.enlist(seat)

    def arrange(self) -> None:
        """Let agents stand in common lists, or by profile, whichever is quicker to look through."""
        is_crowd = len(self.seats) <= AGENTS_FEW or len(self.profiles) > PROFILES_MANY
        if is_crowd == (self.crowd is not None):
            return
        for seat in self.seats.values():
            self.unlist(seat)
        self.crowd = {} if is_crowd else None
        for seat in self.seats.values():
            self.enlist(seat)

    def key(self, agent_id: str, capacity: int, used: int, count: int, idle_ms: int, last_offer: int) -> Key:
        """Where the preset puts an agent with so much in hand; the least is asked first."""
        if self.preset == "default":
            return used * 1000 // max(capacity, 1), idle_ms, agent_id
        if self.preset == "least_active":
            return count, idle_ms, agent_id
        if self.preset == "round_robin":
            return last_offer, 0, agent_id
        return idle_ms, 0, agent_id

    def place(self, seat: Seat) -> Key:
        """Where the preset puts an agent as they are."""
        agent = seat.agent
        return self.key(seat.id, agent.capacity, seat.used, len(seat.held), agent.idle_ms, agent.last_offer)

    def enlist(self, seat: Seat) -> None:
        """Put an available agent where the preset and their room say."""
        fits = 0 if seat.ruled else bisect_right(self.sizes, seat.agent.capacity - seat.used)
        if fits != seat.fits:
            self._recount(seat, fits)
        if not fits:
            return
        seat.key = key = self.place(seat)
        lists = seat.profile.lists if self.crowd is None else self.crowd
        for size in self.sizes[:fits]:
            there = lists.get(size)
            if there is None:
                lists[size] = [key]
            else:
                insort(there, key)

    def unlist(self, seat: Seat) -> None:
        """Take an agent out of the lists, before anything changes that the place depends on."""
        key = seat.key
        if key is None:
            return
        lists = seat.profile.lists if self.crowd is None else self.crowd
        for size in self.sizes[: seat.fits]:
            there = lists[size]
            del there[bisect_left(there, key)]
        seat.key = None

    def leave_profile(self, seat: Seat) -> None:
        """The agent, out of the lists, is counted nowhere any more."""
        self._recount(seat, 0)

    def _recount(self, seat: Seat, fits: int) -> None:
        """Tell the shapes that this agent has room for so many of the sizes now."""
        by = 1 if fits > seat.fits else -1
        changed = self.sizes[min(fits, seat.fits) : max(fits, seat.fits)]
        for shape in seat.profile.shapes:
            room = shape.room
            for size in changed:
                room[size] = room.get(size, 0) + by
        seat.fits = fits
