"""Distributions of a model file: what is drawn, and its mean."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

from sim.bounds import LARGEST, Amount, Positive
from sim.generate import lognormal

Draw = Callable[[random.Random], float]


class Exponential(Struct, frozen=True, tag_field="dist", tag="exponential"):
    """No memory; coefficient of variation 1."""

    mean: Positive


class Deterministic(Struct, frozen=True, tag_field="dist", tag="deterministic"):
    """Always the same."""

    value: Positive


class Lognormal(Struct, frozen=True, tag_field="dist", tag="lognormal"):
    """By mean and coefficient of variation."""

    mean: Positive
    cv: Positive


class Gamma(Struct, frozen=True, tag_field="dist", tag="gamma"):
    """By mean and coefficient of variation; with cv = 1 / sqrt(k) an Erlang-k."""

    mean: Positive
    cv: Positive


class Hyperexponential(Struct, frozen=True, tag_field="dist", tag="hyperexponential"):
    """Two phases with balanced means: squared coefficient of variation cv2 >= 1."""

    mean: Positive
    cv2: Annotated[float, Meta(ge=1, le=LARGEST)]


class Uniform(Struct, frozen=True, tag_field="dist", tag="uniform"):
    """Between two bounds."""

    low: Amount
    high: Positive

    def __post_init__(self) -> None:
        """Raises ValueError, which the reader tells with the place."""
        if self.low > self.high:
            raise ValueError("low must not be above high")


Distribution = Exponential | Deterministic | Lognormal | Gamma | Hyperexponential | Uniform


def mean_of(dist: Distribution) -> float:
    """The expected value."""
    if isinstance(dist, Deterministic):
        return dist.value
    if isinstance(dist, Uniform):
        return (dist.low + dist.high) / 2
    return dist.mean


def drawing(dist: Distribution) -> Draw:
    """How to draw from it."""
    if isinstance(dist, Exponential):
        rate = 1 / dist.mean
        return lambda dice: dice.expovariate(rate)
    if isinstance(dist, Deterministic):
        value = dist.value
        return lambda dice: value
    if isinstance(dist, Lognormal):
        mean, cv = dist.mean, dist.cv
        return lambda dice: lognormal(dice, mean, cv)
    if isinstance(dist, Gamma):
        shape, scale = 1 / dist.cv**2, dist.mean * dist.cv**2
        return lambda dice: dice.gammavariate(shape, scale)
    if isinstance(dist, Uniform):
        low, high = dist.low, dist.high
        return lambda dice: dice.uniform(low, high)
    # Balanced means: p / rate1 = (1 - p) / rate2 (Whitt 1982).
    share = (1 + math.sqrt((dist.cv2 - 1) / (dist.cv2 + 1))) / 2
    first, second = 2 * share / dist.mean, 2 * (1 - share) / dist.mean
    return lambda dice: dice.expovariate(first if dice.random() < share else second)
