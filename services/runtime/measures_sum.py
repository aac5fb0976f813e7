"""The metrics of a process whose parts (an engine's partitions) come and go: joined, series by series, as
each metric says (`Definition.joined`): their sum, the largest, the smallest.

A part that ends takes its gauges with it; what it counted stays counted, so that no counter ever falls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

OF_THE_PROCESS = "process_"
"""Metrics that a process has once, however many parts it has."""
COUNTING = ("counter", "histogram")

Labels = tuple[tuple[str, str], ...]


JOINS: Mapping[str, Callable[[float, float], float]] = {"sum": float.__add__, "max": max, "min": min}


class _Sums:
    """Families by name, their samples by name and labels, in the order in which they came. `joined`: by
    family, what becomes of two samples; those that are not in it are added."""

    def __init__(self, joined: Mapping[str, str]) -> None:
        self._joined = joined
        self._families: dict[str, tuple[Metric, dict[tuple[str, Labels], float]]] = {}

    def add(self, families: Iterable[Metric]) -> None:
        """Add every sample to the one of the same name and labels."""
        for family in families:
            _, sums = self._families.setdefault(family.name, (family, {}))
            join = JOINS[self._joined.get(family.name, "sum")]
            for sample in family.samples:
                at, value = (sample.name, tuple(sample.labels.items())), float(sample.value)
                sums[at] = join(sums[at], value) if at in sums else value

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
        self._sums = _Sums({})

    def take(self, registry: CollectorRegistry) -> None:
        """A part ends now."""
        self._sums.add(_of_parts(one for one in registry.collect() if one.type in COUNTING))

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        return self._sums.collect()


class Summed:
    """What is rendered: a process's own metrics, its parts', and what ended parts had counted."""

    def __init__(
        self,
        own: CollectorRegistry,
        parts: Sequence[CollectorRegistry],
        gone: Gone,
        joined: Mapping[str, str],
    ) -> None:
        self._own = own
        self._joined = joined
        self._parts = parts
        self._gone = gone

    def collect(self) -> Iterable[Metric]:
        """The sums; the own metrics as they are while there is nothing else."""
        sums = _Sums(self._joined)
        sums.add(self._own.collect())
        for part in self._parts:
            sums.add(_of_parts(part.collect()))
        sums.add(self._gone.collect())
        return sums.collect()


def _of_parts(families: Iterable[Metric]) -> Iterator[Metric]:
    return (family for family in families if not family.name.startswith(OF_THE_PROCESS))
