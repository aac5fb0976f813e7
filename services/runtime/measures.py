"""Kinds of metrics for what happens for each message, where the usual ones cost too much, and the notes
that are kept of all of them for the documentation.

A `Tallied` counter is counted elsewhere, in plain numbers, and read when somebody asks. `Levels` is a gauge
that is set as a whole, so that a series that has nothing to say is gone. A `Distribution` is a histogram
whose `observe` is one bisection, a tenth of the library's time. Each series is written by one thread only;
the one that asks may meet a sum without its count, which the next scrape sets right.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
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
        """Read this too, now and always; no source ever lets a number fall. A series that several have
        (loops of several partitions) is their sum."""
        self._sources.append(source)

    def describe(self) -> Iterable[CounterMetricFamily]:
        """Its name, without values."""
        return [CounterMetricFamily(self._name, self._meaning, labels=self._labels)]

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Its values now."""
        [family] = self.describe()
        sums: dict[tuple[str, ...], float] = {}
        for source in self._sources:
            for labels, value in source().items():
                sums[labels] = sums.get(labels, 0) + value
        for labels, value in sums.items():
            family.add_metric(labels, value)
        return [family]


class Levels(Collector):
    """A gauge whose series are all set at once."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name, self._meaning, self._labels = name, meaning, labels
        self._values: Values = {}
        registry.register(self)

    def set(self, values: Values) -> None:
        """From now on these are its series."""
        self._values = values

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Its name, without values."""
        return [GaugeMetricFamily(self._name, self._meaning, labels=self._labels)]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Its values now."""
        [family] = self.describe()
        for labels, value in self._values.items():
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


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric as the documentation names it. `joined`: what becomes of a series that several parts of an
    installation tell: their sum, max or min."""

    name: str
    kind: str
    unit: str
    meaning: str
    labels: tuple[str, ...]
    joined: str = "sum"


class Definitions:
    """Makes metrics of one registry, and notes each. `allowed`: every label there may be."""

    def __init__(self, prefix: str, allowed: frozenset[str]) -> None:
        self.registry = CollectorRegistry()
        self.definitions: list[Definition] = []
        self._prefix = prefix
        self._allowed = allowed

    def _define(
        self, name: str, kind: str, unit: str, meaning: str, labels: tuple[str, ...], joined: str = "sum"
    ) -> str:
        """Note the metric for the documentation; its full name."""
        if not self._allowed.issuperset(labels):
            raise ValueError(f"{name}: {set(labels) - self._allowed} is no bounded label")
        self.definitions.append(Definition(f"{self._prefix}_{name}", kind, unit, meaning, labels, joined))
        return f"{self._prefix}_{name}"

    def _counter(self, name: str, unit: str, meaning: str, labels: tuple[str, ...]) -> Counter:
        full = self._define(name, "counter", unit, meaning, labels)
        return Counter(full, meaning, labels, registry=self.registry)

    def _tallied(self, name: str, unit: str, meaning: str, labels: tuple[str, ...]) -> Tallied:
        full = self._define(name, "counter", unit, meaning, labels)
        return Tallied(full, meaning, labels, self.registry)

    def _gauge(
        self, name: str, unit: str, meaning: str, labels: tuple[str, ...], joined: str = "sum"
    ) -> Gauge:
        full = self._define(name, "gauge", unit, meaning, labels, joined)
        return Gauge(full, meaning, labels, registry=self.registry)

    def _levels(
        self, name: str, unit: str, meaning: str, labels: tuple[str, ...], joined: str = "sum"
    ) -> Levels:
        full = self._define(name, "gauge", unit, meaning, labels, joined)
        return Levels(full, meaning, labels, self.registry)

    def _histogram(
        self, name: str, unit: str, meaning: str, labels: tuple[str, ...], bounds: Sequence[float]
    ) -> Distribution:
        full = self._define(name, "histogram", unit, meaning, labels)
        return Distribution(full, meaning, labels, self.registry, bounds)
