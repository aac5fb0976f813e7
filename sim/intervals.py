"""Means, ratios and their 95 % intervals over independent replications."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import cache

CONFIDENCE = 0.95


@cache
def student(degrees: int, confidence: float = CONFIDENCE) -> float:
    """The two-sided quantile of Student's t, by bisection over the exact distribution function for whole
    degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    low, high = 0.0, 1e4
    for _ in range(100):
        middle = (low + high) / 2
        if _within(middle, degrees) < confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _within(t: float, degrees: int) -> float:
    """The probability of |T| <= t."""
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = degrees % 2 == 1
    term = total = cosine if is_odd else 1.0
    if degrees == 1:
        return 2 * angle / math.pi
    for k in range(2 if is_odd else 1, degrees - 1, 2):
        term *= cosine * cosine * k / (k + 1)
        total += term
    return 2 / math.pi * (angle + sine * total) if is_odd else sine * total


def mean_of(values: Sequence[float]) -> list[float]:
    """[mean, half-width]; the half-width of a single value is 0."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return [mean, 0.0]
    return [mean, student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))]


def controlled(values: Sequence[float], controls: Sequence[float], expected: float) -> list[float]:
    """[mean, half-width] with a control variate: what else was measured in the same replications, and what
    its mean is known to be (Lavenberg and Welch, Management Science 27, 1981). Fewer than four replications
    say nothing of how the two hang together: then it is the plain mean."""
    n = len(values)
    if n < 4 or not statistics.pstdev(controls):
        return mean_of(values)
    slope, intercept = statistics.linear_regression(controls, values)
    squares = sum((y - intercept - slope * x) ** 2 for x, y in zip(controls, values, strict=True))
    off = statistics.fmean(controls) - expected
    spread = 1 / n + off**2 / ((n - 1) * statistics.variance(controls))
    return [intercept + slope * expected, student(n - 2) * math.sqrt(squares / (n - 2) * spread)]


def ratio_of(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """[ratio of the sums, half-width] of paired samples, by the delta method: the residuals
    x - ratio * y say how far the sums may be off."""
    total = sum(others)
    if not total:
        return [math.nan, math.nan]
    ratio = sum(values) / total
    n = len(values)
    if n < 2:
        return [ratio, 0.0]
    squares = sum((x - ratio * y) ** 2 for x, y in zip(values, others, strict=True))
    return [ratio, student(n - 1) * math.sqrt(n / (n - 1) * squares) / total]


def rounded(pair: Sequence[float], digits: int = 4) -> list[float]:
    """Both numbers with so many digits behind the point."""
    return [round(value, digits) for value in pair]
