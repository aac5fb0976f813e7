"""The metrics of a process whose parts (an engine's partitions) come and go: put together, series by series.

Counts and amounts add up; of ages and durations the longest counts, of readiness the least.
A part that ends takes its gauges with it; what it counted stays counted, so that no counter ever falls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import add

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

OF_THE_PROCESS = "process_"
"""Metrics that a process has once, however many parts it has."""
COUNTING = ("counter", "histogram")

LONGEST = ("_seconds", "_info", "restored_events")
"""Ends of the names of gauges of which the largest counts."""
LEAST = ("engine_ready",)
"""The same, the smallest."""

Labels = tuple[tuple[str, str], ...]


class _Sums:
    """Families by name, their samples by name and labels, in the order in which they came."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[Metric, dict[tuple[str, Labels], float]]] = {}

    def add(self, families: Iterable[Metric]) -> None:
        """Add every sample to the one of the same name and labels."""
        for family in families:
            _, sums = self._families.setdefault(family.name, (family, {}))
            together = _together(family)
            for sample in family.samples:
                at = sample.name, tuple(sample.labels.items())
                sums[at] = together(sums[at], sample.value) if at in sums else sample.value

    def collect(self) -> Iterator[Metric]:
        """The families with their sums."""
        for family, sums in self._families.values():
            summed = Metric(family.name, family.documentation, family.type)
            for (name, labels), value in sums.items():
                summed.add_sample(name, dict(labels), value)
            yield summed


class Gone:
    """What parts that ended had counted."""

    def __init__(self) -> None:
        self._sums = _Sums()

    def take(self, registry: CollectorRegistry) -> None:
        """A part ends now."""
        self._sums.add(_of_parts(one for one in registry.collect() if one.type in COUNTING))

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        return self._sums.collect()


class Summed:
    """What is rendered: a process's own metrics, its parts', and what ended parts had counted."""

    def __init__(self, own: CollectorRegistry, parts: Sequence[CollectorRegistry], gone: Gone) -> None:
        self._own = own
        self._parts = parts
        self._gone = gone

    def collect(self) -> Iterable[Metric]:
        """The sums; the own metrics as they are while there is nothing else."""
        sums = _Sums()
        sums.add(self._own.collect())
        for part in self._parts:
            sums.add(_of_parts(part.collect()))
        sums.add(self._gone.collect())
        return sums.collect()


def _together(family: Metric) -> Callable[[float, float], float]:
    """How two samples of a series become one."""
    if family.type == "gauge" and family.name.endswith(LONGEST):
        return max
    if family.type == "gauge" and family.name.endswith(LEAST):
        return min
    return add


def _of_parts(families: Iterable[Metric]) -> Iterator[Metric]:
    return (family for family in families if not family.name.startswith(OF_THE_PROCESS))
