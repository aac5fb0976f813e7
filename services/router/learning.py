"""What a desk has shown of itself: how much comes, how long it takes, what is promised.

All of it is folded from the own log and part of the state, so that a restored router decides as the one
before. A *demand* is one kind of work: what a signature asks for, with how much of it comes. Its rate is
half what came lately (a count that halves in 28 minutes) and half what the channel saw in this half-hour
of earlier days times the demand's share; measured on four weeks that were not tuned on, the true rates
would have served no better (research on the opportunity cost of agents). Rates are worked out anew once
a minute of the log's time, in `arrived`, never while deciding.

Everything decays or is bounded: a desk that changes is learned anew within days.
"""

from __future__ import annotations

from math import exp
from typing import Protocol

import msgspec
from msgspec import Struct

from services.kernel.limits import HOUR_MS, MINUTE_MS

RECENT_MS = 40 * MINUTE_MS
"""Time constant of the count of what came lately."""
SLOT_MS = HOUR_MS // 2
SLOTS = 48
"""Half-hours of a day, by UTC: what matters is that days are alike."""
SLOT_WEIGHT = 0.4
"""What the last day counts against all before it."""
DEMANDS_MAX = 4_000
"""Kinds of work that are remembered for each desk; those that came least are forgotten first."""
HANDLED_MAX = 500
"""A mean follows the last so many."""
HANDLED_TIMES_MAX = 5
"""Whoever keeps work in hand for so many times longer than usual did not work on it all the time: a night
lay in between, or the customer was waited for."""
HANDLED_MS = 5 * MINUTE_MS
"""What a conversation takes as long as nobody knows."""
HANDLED_PRIOR = 20
"""A kind of work counts by itself when it was seen more often than this."""
LIVE_TARGET_MS = 5 * MINUTE_MS
"""Whoever was promised an answer within this sits and waits for it."""
LIVE_CHANNELS = frozenset(("voice", "chat"))
"""Channels on which customers sit and wait, as long as no promise was seen."""
TARGET_LIVE_MS = MINUTE_MS
TARGET_LATER_MS = 4 * HOUR_MS
"""Promises that are assumed until one was seen."""
FACTOR_PRIOR = 50
LEVEL_STEP = 0.1
"""A level makes so much quicker, and each conversation in hand (`HAND_STEP`) so much slower, until
`FACTOR_PRIOR` were seen that say otherwise."""
HAND_STEP = 0.3
HANDS_MAX = 6
DAY_MS = 24 * HOUR_MS


class Mean(Struct, array_like=True, gc=False):
    """A mean over the last few."""

    count: int = 0
    value: float = 0.0

    def add(self, value: float, most: int = HANDLED_MAX) -> None:
        """One more."""
        count = self.count + 1
        self.count = count = count if count < most else most
        self.value += (value - self.value) / count

    def with_prior(self, prior: float, weight: int) -> float:
        """The mean as if `weight` of the prior had been seen before."""
        return (self.value * self.count + prior * weight) / (self.count + weight)


class Demand(Struct, array_like=True, gc=False):
    """One kind of work. The first six say what it asks for, as a signature does."""

    requires: tuple[tuple[str, int], ...]
    prefers: tuple[tuple[str, int], ...]
    language: str
    channel: str
    human_only: bool
    units: int
    recent: float = 0.0
    """Weights of what came, decayed until `recent_ms`."""
    recent_ms: int = 0
    total: float = 0.0
    handled: Mean = msgspec.field(default_factory=Mean)
    """Milliseconds in hand."""
    rate: float = 0.0
    """Weight that comes in a second."""


class Asks(Protocol):
    """What a demand, a signature and a conversation have in common."""

    @property
    def requires(self) -> tuple[tuple[str, int], ...]:
        """Skills and least levels."""

    @property
    def prefers(self) -> tuple[tuple[str, int], ...]:
        """The same, of what would be better."""

    @property
    def language(self) -> str:
        """What its agent must speak."""

    @property
    def channel(self) -> str:
        """By which it came."""

    @property
    def human_only(self) -> bool:
        """Whether it is not for bots."""

    @property
    def units(self) -> int:
        """Capacity that it takes."""


def demand_key(asks: Asks) -> tuple[object, ...]:
    """What makes it another kind of work; also the key of a shape."""
    return asks.requires, asks.prefers, asks.language, asks.channel, asks.human_only, asks.units


TARGET_DAYS = 14
"""What was promised to nobody of a weight for so long is forgotten: an exception once is no habit."""


class Target(Struct, array_like=True, gc=False):
    """The shortest time promised today and on the last day before: without nights in it."""

    day: int
    now_ms: int
    before_ms: int = 0


class Channel(Struct, array_like=True, gc=False):
    """All work of a channel."""

    slots: list[float] = msgspec.field(default_factory=lambda: [-1.0] * SLOTS)
    """Weight that comes in each half-hour of a day; below 0: never seen."""
    slot: int = -1
    count: float = 0.0
    """What came in this half-hour so far."""
    total: float = 0.0
    since_ms: int = 0
    handled: Mean = msgspec.field(default_factory=Mean)
    targets: dict[str, Target] = msgspec.field(default_factory=dict)
    """By weight in thousandths, written out: a snapshot has no other keys."""


class Learned(Struct, array_like=True):
    """What one desk has shown."""

    demands: list[Demand] = msgspec.field(default_factory=list)
    channels: dict[str, Channel] = msgspec.field(default_factory=dict)
    rates_min: int = 0
    """The minute for which rates were worked out."""
    levels: list[Mean] = msgspec.field(default_factory=lambda: [Mean() for _ in range(6)])
    hands: list[Mean] = msgspec.field(default_factory=lambda: [Mean() for _ in range(HANDS_MAX)])
    """By level, and by conversations in hand: handling time against what is usual."""
    contained: dict[str, Mean] = msgspec.field(default_factory=dict)
    """By queue: the share of what bots took that they solved alone."""
    given: dict[str, float] = msgspec.field(default_factory=dict)
    """By queue: what was offered lately, for shares."""
    needed: dict[str, float] = msgspec.field(default_factory=dict)
    """By language: agents who are needed for what waits and can wait, to be in time (`pressure.py`)."""

    def channel(self, name: str) -> Channel:
        """The channel, made when it is first heard of."""
        found = self.channels.get(name)
        if found is None:
            found = self.channels[name] = Channel()
        return found

    def is_live(self, name: str) -> bool:
        """Whether customers sit and wait on this channel."""
        channel = self.channels.get(name)
        if channel is None or not channel.targets:
            return name in LIVE_CHANNELS
        return min(_length(target) for target in channel.targets.values()) <= LIVE_TARGET_MS

    def is_promised(self, name: str) -> bool:
        """Whether anything was ever promised on this channel."""
        channel = self.channels.get(name)
        return channel is not None and bool(channel.targets)

    def target_ms(self, name: str, weight: int) -> int:
        """The time that is usually promised on this channel to whom a promise weighs this."""
        channel = self.channels.get(name)
        if channel is not None and channel.targets:
            found = channel.targets.get(str(weight))
            if found is None:
                found = max(channel.targets.values(), key=_length)
            return _length(found)
        return TARGET_LIVE_MS if name in LIVE_CHANNELS else TARGET_LATER_MS

    def handled_ms(self, demand: Demand | None, name: str) -> float:
        """How long such work is in hand."""
        channel = self.channels.get(name)
        usual = channel.handled.with_prior(HANDLED_MS, HANDLED_PRIOR) if channel is not None else HANDLED_MS
        return demand.handled.with_prior(usual, HANDLED_PRIOR) if demand is not None else usual

    def level_factor(self, level: int) -> float:
        """How much longer an agent of this level (3: usual) takes."""
        return self.levels[level].with_prior(1.0 + LEVEL_STEP * (3 - level), FACTOR_PRIOR)

    def hand_factor(self, in_hand: int) -> float:
        """How much longer it takes with so much in hand already."""
        place = min(in_hand, HANDS_MAX - 1)
        return self.hands[place].with_prior(1.0 + HAND_STEP * place, FACTOR_PRIOR)


def _length(target: Target) -> int:
    now_ms, before_ms = target.now_ms, target.before_ms
    return before_ms if 0 < before_ms < now_ms else now_ms


def promised_left_ms(
    learned: Learned, name: str, weight: int, due_ms: int, since_ms: int, now_ms: int
) -> tuple[int, int]:
    """How much of the promised time is left of how much; it never grows as time passes.

    A promise that is longer than usual (over a night, or another queue's) counts as the usual one: half of
    that passes at first, the other half is left until no more than it is by the clock.
    """
    usual_ms = learned.target_ms(name, weight)
    if not due_ms:
        return since_ms + usual_ms - now_ms, usual_ms
    length_ms = min(usual_ms, max(due_ms - since_ms, 1))
    by_clock_ms, gone_ms, half_ms = due_ms - now_ms, now_ms - since_ms, length_ms // 2
    left_ms = length_ms - (gone_ms if gone_ms < half_ms else half_ms)
    return by_clock_ms if by_clock_ms < left_ms else left_ms, length_ms


def arrived(learned: Learned, demand: Demand, weight: float, now_ms: int) -> bool:
    """One more came. Whether rates were worked out anew: they count from now on."""
    if not demand.recent_ms:
        learned.demands.append(demand)
    demand.recent = demand.recent * exp((demand.recent_ms - now_ms) / RECENT_MS) + weight
    demand.recent_ms = now_ms
    demand.total += weight
    channel = learned.channel(demand.channel)
    channel.since_ms = channel.since_ms or now_ms
    slot = now_ms // SLOT_MS % SLOTS
    if slot != channel.slot:
        if channel.slot >= 0:
            was = channel.slots[channel.slot]
            channel.slots[channel.slot] = (
                channel.count if was < 0 else was + SLOT_WEIGHT * (channel.count - was)
            )
        channel.slot, channel.count = slot, 0.0
    channel.count += weight
    channel.total += weight
    minute = now_ms // MINUTE_MS
    if minute == learned.rates_min:
        return False
    learned.rates_min = minute
    _work_out(learned, now_ms)
    return True


def _work_out(learned: Learned, now_ms: int) -> None:
    if len(learned.demands) > DEMANDS_MAX:
        learned.demands.sort(key=lambda demand: -demand.recent_ms)
        del learned.demands[DEMANDS_MAX * 3 // 4 :]
    slot = now_ms // SLOT_MS % SLOTS
    usual: dict[str, tuple[float, float]] = {}
    for name, channel in learned.channels.items():
        seen = 1.0 - exp((channel.since_ms - now_ms) / RECENT_MS)
        lately = 1000.0 / RECENT_MS / max(seen, 0.2)
        by_day = channel.slots[slot] * 1000 / SLOT_MS / channel.total if channel.total else -1.0
        usual[name] = (lately, by_day)
    for demand in learned.demands:
        lately, by_day = usual[demand.channel]
        rate = demand.recent * exp((demand.recent_ms - now_ms) / RECENT_MS) * lately
        demand.rate = rate if by_day < 0 else (rate + by_day * demand.total) / 2


def handled(
    learned: Learned,
    demand: Demand | None,
    name: str,
    took_ms: int,
    level: int,
    in_hand: int,
    level_factor: float,
    hand_factor: float,
) -> None:
    """Work of this kind was in an agent's hands for so long. `in_hand`: what they had beside it; the
    factors: what was known until now of this level, and of so much in hand."""
    usual = learned.handled_ms(demand, name)
    took = min(float(took_ms), HANDLED_TIMES_MAX * usual)
    ratio = took / usual
    learned.levels[level].add(ratio / hand_factor, 2_000)
    learned.hands[in_hand].add(ratio / level_factor, 2_000)
    learned.channel(name).handled.add(took)
    if demand is not None:
        demand.handled.add(took)


def promised(learned: Learned, name: str, weight: int, length_ms: int, now_ms: int) -> None:
    """A first answer was promised within so long."""
    if length_ms <= 0:
        return
    targets = learned.channel(name).targets
    day = now_ms // DAY_MS
    found = targets.get(str(weight))
    if found is None:
        targets[str(weight)] = Target(day, length_ms)
    elif found.day == day:
        found.now_ms = min(found.now_ms, length_ms)
    else:
        targets[str(weight)] = Target(day, length_ms, found.now_ms)
    for old in [name for name, target in targets.items() if target.day < day - TARGET_DAYS]:
        del targets[old]


def contained(learned: Learned, queue: str, alone: bool) -> None:
    """A bot's work ended: solved alone, or given to people."""
    mean = learned.contained.get(queue)
    if mean is None:
        mean = learned.contained[queue] = Mean()
    mean.add(1.0 if alone else 0.0)
