"""What a desk's past teaches of its people and customers: how long work takes, who gives up.

Handling. The logarithm of a stint's length is taken apart by turns into what its work takes (channel and
queue), how quick its agent is, and how much what else they had in hand slows them; each part is drawn
towards nothing as if it had been seen `PRIOR` times without effect (an additive model by backfitting). What
is left over is the conversation's own: its *work*, which anybody else would meet as well, at their own
pace.

Patience. Whoever was served had patience for at least that long, and that is all that is known of it: the
share that still waits after a time is Kaplan and Meier's product over the times at which somebody gave up
(JASA 53, 1958). Behind the last such time they go on giving up as often, per time waited, as all did.
"""

from __future__ import annotations

import math
import random
import statistics
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from msgspec import Struct, field

from sim.past import Answer, Case, Past, Spell, Step, Stint

PRIOR = 5
"""Stints without effect that each part is held back by."""
ROUNDS = 12
"""Turns of taking apart; the parts stand still well before."""
BESIDE_MAX = 6
STINT_MS_MIN = 1_000
"""Whoever clicks it away at once did not work on it."""
DONORS_MIN = 5
"""With fewer of a queue's own, the channel's conversations say what one of the queue's may be like."""
NEAR_MS = 300_000
"""So near in time an agent is as they were: at the desk, or away from it."""
UNKNOWN_WORK_MS = 300_000
"""What a conversation takes where the log has none that came to its end."""

_Key = TypeVar("_Key", bound=Hashable)
Kind = tuple[str, str]
"""Channel and queue."""


class Script(Struct):
    """What a spell consists of once somebody has it, dated in work: milliseconds of an agent of usual pace
    with nothing else in hand. ends: whether it comes to its end by itself."""

    steps: list[Step]
    work_ms: float
    ends: bool


class Pace(Struct):
    """How long work takes, in logarithms."""

    usual: dict[Kind, float] = field(default_factory=dict)
    agents: dict[str, float] = field(default_factory=dict)
    beside: dict[int, float] = field(default_factory=dict)

    def factor(self, agent_id: str, beside: int) -> float:
        """How many times longer than usual."""
        hands = self.beside.get(min(beside, BESIDE_MAX), 0.0)
        return math.exp(self.agents.get(agent_id, 0.0) + hands)


def learn_pace(seen: Sequence[tuple[Kind, Stint]]) -> Pace:
    """Take the lengths of stints that came to their end apart."""
    rows = [
        (
            kind,
            one.agent,
            min(one.beside, BESIDE_MAX),
            math.log(max(one.ended_ms - one.began_ms, STINT_MS_MIN)),
        )
        for kind, one in seen
        if one.ended_ms >= 0
    ]
    pace = Pace()
    for _ in range(ROUNDS):
        pace.usual = _means(
            (kind, length - pace.agents.get(agent, 0.0) - pace.beside.get(beside, 0.0))
            for kind, agent, beside, length in rows
        )
        pace.agents = _means(
            (
                (agent, length - pace.usual[kind] - pace.beside.get(beside, 0.0))
                for kind, agent, beside, length in rows
            ),
            PRIOR,
        )
        found = _means(
            (
                (beside, length - pace.usual[kind] - pace.agents[agent])
                for kind, agent, beside, length in rows
            ),
            PRIOR,
        )
        alone = found.get(0, 0.0)
        pace.beside = {beside: value - alone for beside, value in found.items()}
    return pace


def _means(pairs: Iterable[tuple[_Key, float]], prior: int = 0) -> dict[_Key, float]:
    sums: dict[_Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for key, value in pairs:
        sums[key][0] += 1
        sums[key][1] += value
    return {key: total / (count + prior) for key, (count, total) in sums.items()}


class Patience:
    """How long customers of one channel wait before they give up."""

    def __init__(self, waits: Iterable[tuple[int, bool]]) -> None:
        """waits: how long each waited, milliseconds, and whether they gave up then."""
        ordered = sorted(waits, key=lambda one: (one[0], not one[1]))
        left, share = len(ordered), 1.0
        waited_ms = sum(one[0] for one in ordered)
        self._rate = sum(one[1] for one in ordered) / waited_ms if waited_ms else 0.0
        """How many give up in a millisecond of waiting."""
        self.times_ms: list[int] = []
        self.shares: list[float] = []
        """The share that still waits behind each of the times."""
        for at_ms, gave_up in ordered:
            if gave_up:
                share *= 1 - 1 / left
                if self.times_ms and self.times_ms[-1] == at_ms:
                    self.shares[-1] = share
                else:
                    self.times_ms.append(at_ms)
                    self.shares.append(share)
            left -= 1

    def draw(self, u: float, beyond_ms: int = -1) -> int | None:
        """How long somebody waits who has waited for `beyond_ms` already; None: for ever. u: from [0, 1)."""
        at = bisect_right(self.times_ms, beyond_ms)
        before = self.shares[at - 1] if at else 1.0
        wanted = before * (1 - u)
        for time_ms, share in zip(self.times_ms[at:], self.shares[at:], strict=True):
            if share < wanted:
                return time_ms
        if not self._rate:
            return None
        last_ms = max(beyond_ms, self.times_ms[-1] if self.times_ms else 0)
        left = self.shares[-1] if self.shares else 1.0
        return last_ms + round(-math.log(wanted / left) / self._rate) if left else last_ms


class Answers:
    """What agents do about offers.

    Whoever lets one ring is away from the desk, and would have let another one ring as well: so the log
    answers as far as it knows, by what the agent did about the same conversation, else by what they did about
    the same channel near that time. Else it is drawn. Channels are told apart: who lets mail ring may take
    every call.
    """

    def __init__(self, seen: Sequence[Answer]) -> None:
        ordered = sorted(seen, key=lambda one: one.at_ms)
        self._same: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        self._of: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        for one in ordered:
            self._same[one.agent, one.conversation].append(one)
            for alike in _alike(one.agent, one.channel):
                self._of[alike].append(one)

    def answer(
        self, agent_id: str, channel: str, key: str, at_ms: int, dice: random.Random, given: set[Answer]
    ) -> Answer:
        """What this agent does about an offer of a conversation that begins to ring now. given: what was said
        already of this conversation: nobody says it twice, or it might be let ring for ever."""
        same = [one for one in self._same.get((agent_id, key), ()) if one not in given]
        near = _nearest(same or self._of.get((agent_id, channel), ()), at_ms)
        if near is None or not (same or abs(near.at_ms - at_ms) <= NEAR_MS):
            return self.draw(agent_id, channel, dice)
        if same:
            given.add(near)
        return near

    def draw(self, agent_id: str, channel: str, dice: random.Random) -> Answer:
        """What they do at some time: as they did before on this channel; else as all do there; else as they
        do on others; else as anybody. Where nobody was seen, it is taken at once."""
        seen = next((self._of[alike] for alike in _alike(agent_id, channel) if alike in self._of), None)
        return seen[int(dice.random() * len(seen))] if seen else Answer(agent_id, channel, "accept", 0)


def _nearest(seen: Sequence[Answer], at_ms: int) -> Answer | None:
    """Whichever began to ring nearest to a time, of several in order; the earlier one of two."""
    after = bisect_left(seen, at_ms, key=lambda one: one.at_ms)
    around = seen[max(0, after - 1) : after + 1]
    return min(around, key=lambda one: abs(one.at_ms - at_ms), default=None)


def _alike(agent_id: str, channel: str) -> tuple[tuple[str, str], ...]:
    """Whose answers say something of these, nearest first; "" is any."""
    return (agent_id, channel), ("", channel), (agent_id, ""), ("", "")


class Model(Struct):
    """All that was learned."""

    pace: Pace
    patience: dict[str, Patience]
    answers: Answers
    donors: dict[Kind, list[Script]]
    by_channel: dict[str, list[Script]]
    stints: int

    def donors_of(self, channel: str, queue: str) -> list[Script]:
        """Scripts that one of this kind may have: of its queue if there are enough, else of its channel, else
        of the desk."""
        own = self.donors.get((channel, queue), [])
        if len(own) >= DONORS_MIN:
            return own
        return self.by_channel.get(channel) or [one for every in self.by_channel.values() for one in every]


def learn(past: Past) -> Model:
    """What the past teaches."""
    seen = [
        ((case.channel, spell.queue), stint)
        for case in past.cases.values()
        for spell in case.spells
        for stint in spell.stints
    ]
    pace = learn_pace(seen)
    donors: dict[Kind, list[Script]] = defaultdict(list)
    by_channel: dict[str, list[Script]] = defaultdict(list)
    for case in past.cases.values():
        for spell in case.spells:
            script = script_of(spell, pace, past.to_ms)
            if script is not None and script.ends:
                donors[case.channel, spell.queue].append(script)
                by_channel[case.channel].append(script)
    patience = {
        channel: Patience(waits_of(past.cases.values(), channel, past.to_ms))
        for channel in {case.channel for case in past.cases.values()}
    }
    return Model(pace, patience, Answers(past.answers), donors, by_channel, len(seen))


def waits_of(cases: Iterable[Case], channel: str, to_ms: int) -> Iterable[tuple[int, bool]]:
    """How long each customer of a channel waited for the first agent, and whether they gave up then."""
    for case in cases:
        for spell in case.spells if case.channel == channel else ():
            if spell.gave_up_ms >= 0:
                yield spell.gave_up_ms - spell.opened_ms, True
            elif spell.stints:
                yield spell.stints[0].began_ms - spell.opened_ms, False
            elif spell.ended_ms < 0:
                yield max(0, to_ms - spell.opened_ms), False


def script_of(spell: Spell, pace: Pace, to_ms: int) -> Script | None:
    """A spell's steps in one row, dated in work; None if nobody ever had it. An agent who was lost or went
    leaves the rest to the next one, so their stints are one piece of work."""
    if not spell.stints:
        return None
    steps: list[Step] = []
    done_ms = 0.0
    for stint in spell.stints:
        factor = pace.factor(stint.agent, stint.beside)
        for step in stint.steps:
            steps.append(Step(round(done_ms + step.at_ms / factor), step.kind, step.body))
        ended_ms = stint.ended_ms if stint.ended_ms >= 0 else to_ms
        done_ms += max(0, ended_ms - stint.began_ms) / factor
    ends = bool(steps) and steps[-1].kind == "resolve"
    return Script(steps, done_ms, ends)


def summary(model: Model) -> dict[str, object]:
    """What was learned, for whoever asks whether to believe it."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for channel, scripts in model.by_channel.items():
        kinds[channel] = [script.work_ms / 1000 for script in scripts]
    return {
        "stints": model.stints,
        "work_median_s": {name: round(statistics.median(works), 1) for name, works in sorted(kinds.items())},
        "slower_with_in_hand": {
            str(beside): round(math.exp(value), 3) for beside, value in sorted(model.pace.beside.items())
        },
        "gave_up_seen": {name: len(one.times_ms) for name, one in sorted(model.patience.items())},
    }
