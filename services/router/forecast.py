"""How long somebody who begins to wait will wait: a small model that every desk bends to itself.

Theory of operation. With one queue and equal agents the wait follows from how many are ahead and how fast
they are served. With skills, priorities and agents who hold several conversations at once it does not: the
wait of whoever was served last predicts worse than a constant (measured on the simulator's workload). What
carries over is what stands around the conversation when it begins to wait (`around.py`): who could take it,
how many of them hold one, two or more, and how much of the work ahead asks for the same agents. The wait is
the channel's handling time times

    exp(w . x),   x = 1, ln(1 + able), ln(1 + holding one), ln(1 + holding two), ln(1 + holding more),
                      ln(1 + ahead), ahead for each able agent

a Poisson regression. Its weights begin where weeks of a made-up shop have put them, for work that takes a
whole agent and for work that does not; each wait that ends corrects those of its desk and channel a little,
by the gradient, with steps that become small and never end, so that what changes is learned. What is
promised is the 0.9 quantile: the expectation times a margin that grows when a wait was longer and shrinks
when it was not, nine times as slowly. That holds the share of kept promises at 0.9 whatever the model is
worth (Gibbs and Candes, "Adaptive conformal inference under distribution shift", 2021).

The middle estimate is the expected wait, a little above the median, so that errors in both directions cancel
over the people who were told. Only waits that ended with an agent are learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from operator import mul
from typing import NamedTuple

import msgspec
from msgspec import Struct

EACH_MAX = 3.0
"""Longer lines for each agent count as this: there the logarithm says enough."""
EXPONENT_MAX = 6.0
WAIT_MS_MAX = 24 * 3_600_000
STEP_MIN, STEP_SOFT = 0.01, 60
"""The n-th wait moves the weights by 1 / (60 + n) of its error, and by no less than a hundredth."""
MARGIN_MIN, MARGIN_SOFT = 0.01, 30
ERROR_MAX = 4.0
SURPRISE = 0.4
"""Errors count against the expectation plus this share of a handling time: short waits are not all noise."""
SHORT_OF, TOO_MUCH = 0.9, 0.1

WHOLE = (-0.209, 0.067, -0.913, -0.138, 0.0, 0.638, 0.142)
PART = (-1.241, -0.759, 0.128, -0.259, -0.155, 0.723, 0.058)
MARGIN = 0.78
"""Where weights and margin begin: fitted to six drawn weeks under `priority`, whose figures flatter."""


class Wait(NamedTuple):
    """The expected wait and the 0.9 quantile, milliseconds; 0: nothing can be said."""

    p50_ms: int
    p90_ms: int


class Around(NamedTuple):
    """What stands around a conversation that begins to wait: numbers of agents, and of conversations."""

    able: float
    one: float
    two: float
    more: float
    ahead: float
    handled_ms: float
    """How long such work is in hand."""
    whole: bool
    """Whether it takes a whole agent."""


class Forecast(Struct, array_like=True, gc=False):
    """What one desk has learned of one channel's waits."""

    weights: list[float]
    margin: float = MARGIN
    seen: int = 0


def fresh(whole: bool) -> Forecast:
    """As it is before anything was seen."""
    return Forecast(list(WHOLE if whole else PART))


def foresee(forecast: Forecast, around: Around) -> Wait:
    """The wait of somebody who comes now."""
    expected = _expected(forecast.weights, _features(around)) * around.handled_ms
    return Wait(
        round(min(max(expected, 1.0), WAIT_MS_MAX)),
        round(min(max(expected * exp(forecast.margin), 1.0), WAIT_MS_MAX)),
    )


def learn(forecast: Forecast, around: Around, told_p90_ms: int, waited_ms: int) -> None:
    """Such a wait ended with an agent after so long."""
    features = _features(around)
    expected, came = _expected(forecast.weights, features), waited_ms / around.handled_ms
    error = min((came - expected) / (expected + SURPRISE), ERROR_MAX)
    step = max(STEP_MIN, 1 / (STEP_SOFT + forecast.seen)) * error / sum(x * x for x in features)
    forecast.weights = [w + step * x for w, x in zip(forecast.weights, features, strict=True)]
    pace = max(MARGIN_MIN, 1 / (MARGIN_SOFT + forecast.seen))
    forecast.margin += pace * (SHORT_OF if waited_ms > told_p90_ms else -TOO_MUCH)
    forecast.seen += 1


def _features(around: Around) -> tuple[float, ...]:
    able, one, two, more, ahead, _, _ = around
    each = min(ahead / max(able, 0.5), EACH_MAX)
    return 1.0, log(1 + able), log(1 + one), log(1 + two), log(1 + more), log(1 + ahead), each


def _expected(weights: Sequence[float], features: Sequence[float]) -> float:
    exponent = sum(map(mul, weights, features))
    return exp(min(max(exponent, -EXPONENT_MAX), EXPONENT_MAX))


_PACKED = msgspec.msgpack.Encoder()
_UNPACKED = msgspec.msgpack.Decoder(Around)


def pack(around: Around) -> bytes:
    """In few bytes, to be kept while it waits."""
    return _PACKED.encode(around)


def unpack(packed: bytes) -> Around:
    """What was packed."""
    return _UNPACKED.decode(packed)
