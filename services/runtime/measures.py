"""Two kinds of metrics for what happens for each message, where the usual ones cost too much.

A `Tallied` counter is counted elsewhere, in plain numbers, and read when somebody asks. A `Distribution`
is a histogram whose `observe` is one bisection, a tenth of the library's time. Each series is written by one
thread only; the one that asks may meet a sum without its count, which the next scrape sets right.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

Values = Mapping[tuple[str, ...], float]
"""By the values of the labels, in order."""


class Tallied(Collector):
    """A counter that is read from its sources at each scrape."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name, self._meaning, self._labels = name, meaning, labels
        self._sources: list[Callable[[], Values]] = []
        registry.register(self)

    def read(self, source: Callable[[], Values]) -> None:
        """Read this too; a series belongs to one source, which never lets it fall."""
        self._sources.append(source)

    def describe(self) -> Iterable[CounterMetricFamily]:
        """Its name, without values."""
        return [CounterMetricFamily(self._name, self._meaning, labels=self._labels)]

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Its values now."""
        [family] = self.describe()
        for source in self._sources:
            for labels, value in source().items():
                family.add_metric(labels, value)
        return [family]


class Series:
    """One histogram of a Distribution."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value; from one thread only."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Distribution(Collector):
    """A histogram with the given upper bounds, rising."""

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str],
        registry: CollectorRegistry,
        bounds: Sequence[float],
    ) -> None:
        self._name, self._meaning, self._labels, self._bounds = name, meaning, labels, bounds
        self._written = [*(str(float(bound)) for bound in bounds), "+Inf"]
        self._series: dict[tuple[str, ...], Series] = {} if labels else {(): Series(bounds)}
        registry.register(self)

    def labels(self, *values: str) -> Series:
        """The series of these label values, made when it is first asked for."""
        series = self._series.get(values)
        if series is None:
            if len(values) != len(self._labels):
                raise ValueError(f"{self._name} has the labels {self._labels}")
            series = self._series[values] = Series(self._bounds)
        return series

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """Its name, without values."""
        return [HistogramMetricFamily(self._name, self._meaning, labels=self._labels)]

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Its values now."""
        [family] = self.describe()
        for labels, series in self._series.items():
            buckets = list(zip(self._written, accumulate(series.counts), strict=True))
            family.add_metric(labels, buckets, series.total)
        return [family]
