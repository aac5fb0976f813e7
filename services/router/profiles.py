"""What stands on a floor: profiles and seats of agents, shapes of what is asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from proto.v1 import routing_pb2 as rt
from services.kernel.limits import CAPACITY_DEFAULT
from services.router.learning import Demand
from services.router.lines import Line, LineKey

SLOTS_MAX = 40
"""With so many free slots nobody is missed, so one of them is worth nothing."""
NEEDED_WHOLE = 0.55
NEEDED_PART = 0.5
"""How likely the next free slot is needed too, once one is: where an agent takes one such conversation
at a time, and where several. Geometric, as in a queue that is about that busy (research 2b)."""


def _needed(again: float) -> tuple[float, ...]:
    return 0.0, *((1 - again) * again**before for before in range(SLOTS_MAX - 1))


_NEEDED = (_needed(NEEDED_PART), _needed(NEEDED_WHOLE))

RULES = max(rt.Rule.values()) + 1
HANDS_MANY, HANDS_AWAY = 3, 4
"""Places in `Profile.hands`: more than two in hand, and not to be counted."""
EACH_UNIT = 1 << 50
EACH_BITS = 8
"""Agents are counted to so many bits where they are many, so that one who comes or goes mostly changes
nothing."""

LEVEL_NONE = 3
"""Where nothing is required, everybody counts as of the middle level."""

Key = tuple[int, int, str]
"""Place of an agent among those who could be asked: two numbers of the policy, then the id."""
Pairs = tuple[tuple[str, int], ...]


class Has(Protocol):
    """What the matcher reads of an agent; it never writes it."""

    bot: bool
    skills: Pairs
    languages: tuple[str, ...]
    channels: tuple[str, ...]
    limits: Pairs
    capacity: int
    state: int
    present: bool
    idle_ms: int
    last_offer: int
    paces: dict[str, tuple[int, float]] | None


class Ask(NamedTuple):
    """A signature: what a conversation asks of an agent. `only`: nobody else may take it."""

    desk: str
    requires: Pairs
    language: str
    channel: str
    units: int
    human_only: bool
    only: str
    barred: tuple[str, ...]
    prefers: Pairs = ()


class Fit(NamedTuple):
    """How well a profile fits a shape: its level in what is required, and the levels it lacks of what is
    preferred."""

    level: int
    missing: int


class Profile:
    """Agents who have the same."""

    __slots__ = ("able", "available", "bot", "breadth", "by_kind", "channels", "given", "hands",
                 "languages", "later", "limits", "lists", "live", "load", "rulings", "seats", "skills",
                 "usual")  # fmt: skip

    def __init__(self, agent: Has, kinds: int) -> None:
        self.given = profile_key(agent)
        self.bot = agent.bot
        self.skills = dict(agent.skills)
        self.languages = frozenset(agent.languages)
        self.channels = frozenset(agent.channels)
        self.limits = dict(agent.limits)
        self.breadth = (1 + len(agent.languages)) * (1 + len(agent.skills)) * (len(agent.channels) or 99)
        self.seats: dict[str, Seat] = {}
        self.available = 0
        """Those of them who are there."""
        self.lists: dict[int, list[Key]] = {}
        """Whoever has room, by the kinds that fit (bits)."""
        self.able: dict[Shape, Fit] = {}
        self.by_kind: list[list[Shape]] = [[] for _ in range(kinds)]
        """The same shapes by their kind."""
        self.live: list[tuple[int, list[Shape]]] = []
        """Those of them whose customers sit and wait."""
        self.later: dict[str, int] = {}
        """By language: how many of them are known to come and can wait."""
        self.rulings: dict[Shape, int] = {}
        """The shapes that exclude the profile, and by which rule."""
        self.hands = [0] * (HANDS_AWAY + 1)
        """How many hold nothing, one, two, more; last, who is away."""
        self.load: defaultdict[int, int] = defaultdict(int)
        """What waits, each conversation as its part for each agent who could take it (`Shape.each`), by
        urgency: its priority where that goes first, else whether its customer sits and waits."""
        self.usual: dict[int, tuple[int, float]] = {}
        """By the kinds that fit (bits): the share of live work that falls to such an agent, and the
        floor's `staffed` for which it was worked out."""


def profile_key(agent: Has) -> tuple[object, ...]:
    """What agents of one profile have in common."""
    return agent.bot, agent.skills, agent.languages, agent.channels, agent.limits


class Shape:
    """What the asking part of a signature says about profiles, and what it is worth to keep room for it."""

    __slots__ = ("able", "able_available", "agents", "channel", "demand", "each", "fitting", "human_only",
                 "kind", "language", "later", "limited", "lines", "live", "needed", "prefers", "rate",
                 "requires", "risk", "ruled", "slots", "unable", "units", "waiting", "whole")  # fmt: skip

    def __init__(self, ask: Ask, kind: int) -> None:
        self.requires = ask.requires
        self.prefers = ask.prefers
        self.language = ask.language
        self.channel = ask.channel
        self.human_only = ask.human_only
        self.units = ask.units
        self.kind = kind
        self.able: dict[Profile, Fit] = {}
        """Profiles that fit, and how well."""
        self.unable: dict[Profile, int] = {}
        self.agents = 0
        """Agents of those profiles, there or not."""
        self.each = 0
        """One conversation's part for each of them, in `EACH_UNIT`."""
        self.waiting: dict[int, int] = {}
        """How many wait, by urgency."""
        self.able_available = 0
        self.fitting = 0
        """Available agents who fit and have room for one more."""
        self.limited = 0
        """Those who have room, but as many of the channel as they may."""
        self.slots = 0
        """How many more all of them could take."""
        self.ruled = [0] * RULES
        """Available agents whom each rule about settings excludes."""
        self.lines: dict[LineKey, Line] = {}
        """Only lines in which somebody waits."""
        self.demand: Demand | None = None
        self.live = False
        self.later = False
        """Whether it is known to come and can wait."""
        self.whole = 2 * ask.units > CAPACITY_DEFAULT
        """Whether agents take one such conversation at a time."""
        self.rate = 0.0
        self.needed = _NEEDED[self.whole]
        """`risk` by free slots, for a rate of 1."""
        self.risk = 0.0
        """Weight that is lost in a second if one slot less is free (`pricing.py`)."""

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

    def fit(self, profile: Profile) -> Fit:
        """How well a profile fits that does."""
        skills = profile.skills
        level = LEVEL_NONE
        if self.requires:
            level = sum(skills[skill] for skill, _ in self.requires) // len(self.requires)
        missing = sum(max(0, wanted - skills.get(skill, 0)) for skill, wanted in self.prefers)
        return Fit(min(level, 5), missing)

    def each_of(self) -> int:
        """One conversation's part for each agent who could take it."""
        exact = max(0, self.agents.bit_length() - EACH_BITS)
        return EACH_UNIT // (self.agents >> exact << exact) if self.agents else 0

    def risk_at(self, slots: int) -> float:
        """What would be lost in a second if one of so many free slots less were there."""
        return self.rate * self.needed[slots] if 0 < slots < SLOTS_MAX else 0.0


class Seat:
    """An agent and what is in their hands."""

    __slots__ = ("agent", "by_channel", "hands", "held", "id", "key", "limited", "mask", "profile", "ruled",
                 "slots", "used")  # fmt: skip

    def __init__(self, agent_id: str, agent: Has, profile: Profile) -> None:
        self.id = agent_id
        self.agent = agent
        self.profile = profile
        self.held: dict[str, int] = {}
        self.by_channel: dict[str, int] = {}
        self.used = 0
        self.hands = HANDS_AWAY
        """As what the profile counts it: by what is held, or away."""
        self.ruled = 0
        """The rule that keeps the agent from taking anything; 0: available."""
        self.key: Key | None = None
        """Where the agent stands in the lists; None: in none of them."""
        self.mask = 0
        self.slots: list[int] = []
        """How many more of each kind the agent could take."""
        self.limited = 0
        """Kinds (bits) for which there is room, but the limit is reached."""


def relive(profile: Profile) -> None:
    """List anew what of the profile's work is live, and how much of it comes."""
    live: Iterable[tuple[int, list[Shape]]] = (
        (kind, [shape for shape in shapes if shape.live]) for kind, shapes in enumerate(profile.by_kind)
    )
    profile.live = [(kind, shapes) for kind, shapes in live if shapes]


def mask_of(slots: list[int]) -> int:
    """The kinds (bits) of which there is a slot."""
    mask = 0
    for kind, free in enumerate(slots):
        if free:
            mask |= 1 << kind
    return mask
