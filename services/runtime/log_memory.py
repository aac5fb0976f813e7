"""The log in memory, for tests and the simulator, with the faults that a real one has.

Faults come by seed or by order, and look to the writer like those of Kafka: an append that lands
without an acknowledgement, one that is reported as failed and lands later, one that lands twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from services.kernel.errors import Busy, Fenced, Invalid
from services.runtime.clock import Clock
from services.runtime.event_log import LogReader, LogRecord, TopicPartition
from services.runtime.log_tail import Tail, TailReader

LATE_APPENDS_MAX = 3
"""A late append lands behind one to this many later ones of its partition."""


class Fault(Enum):
    """What can happen to an append."""

    LOST = "lands, but no acknowledgement comes"
    LATE = "is reported as failed and lands later"
    DOUBLED = "lands twice"


@dataclass
class Faults:
    """How often each fault happens (0 to 1), and what happens to the very next appends.

    topics: only appends to these suffer; None: all.
    """

    lost: float = 0.0
    late: float = 0.0
    doubled: float = 0.0
    topics: tuple[str, ...] | None = None
    ordered: list[Fault] = field(default_factory=list)

    def draw(self, dice: random.Random, topic: str) -> Fault | None:
        """What happens to this append."""
        if self.topics is not None and topic not in self.topics:
            return None
        if self.ordered:
            return self.ordered.pop(0)
        if not (self.lost or self.late or self.doubled):
            return None
        number = dice.random()
        for fault, share in (
            (Fault.LOST, self.lost),
            (Fault.LATE, self.late),
            (Fault.DOUBLED, self.doubled),
        ):
            if number < share:
                return fault
            number -= share
        return None


@dataclass
class _Late:
    """An append on its way: it lands when `after` more have landed in its partition."""

    after: int
    values: list[bytes]


class MemoryLog:
    """An EventLog that lives as long as the process.

    seed: of the faults; the same calls in the same order suffer the same.
    yields: an append gives other tasks a turn between landing and its acknowledgement.
    """

    def __init__(
        self, clock: Clock, seed: int | None = None, faults: Faults | None = None, yields: bool = False
    ) -> None:
        self.generation = 0
        self.faults = faults if faults is not None else Faults()
        self._clock = clock
        self._dice = random.Random(0 if seed is None else seed)
        self._yields = yields
        self._tails: dict[TopicPartition, Tail] = {}
        self._late: dict[TopicPartition, list[_Late]] = {}
        self._closed = False

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """See the port; Fenced stands for every acknowledgement that does not come. Busy once closed."""
        if not values:
            raise Invalid("an append needs at least one record")
        if self._closed:
            raise Busy("the log is being closed")
        place = TopicPartition(topic, partition)
        fault = self.faults.draw(self._dice, topic)
        if fault is Fault.LATE:
            after = self._dice.randint(1, LATE_APPENDS_MAX)
            self._late.setdefault(place, []).append(_Late(after, list(values)))
            raise Fenced(f"no acknowledgement from {topic}/{partition}")
        first = self.tail(place).add(values, self._clock.now_ms())
        if fault is Fault.DOUBLED:
            self.tail(place).add(values, self._clock.now_ms())
        if place in self._late:
            self._land(place, 1)
        if self._yields:
            await asyncio.sleep(0)
        if fault is Fault.LOST:
            raise Fenced(f"no acknowledgement from {topic}/{partition}")
        return first

    def land_late(self) -> None:
        """Have every late append land now."""
        for place in list(self._late):
            self._land(place, LATE_APPENDS_MAX)

    def _land(self, place: TopicPartition, passed: int) -> None:
        waiting = self._late.pop(place)
        for late in waiting:
            late.after -= passed
            if late.after <= 0:
                self.tail(place).add(late.values, self._clock.now_ms())
        waiting = [late for late in waiting if late.after > 0]
        if waiting:
            self._late[place] = waiting

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """See the port."""
        return TailReader(self, starts, lazy)

    async def end(self, topic: str, partition: int) -> int:
        """See the port."""
        return self.tail(TopicPartition(topic, partition)).end

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """See the port."""
        self.tail(TopicPartition(topic, partition)).delete_before(offset)

    async def close(self) -> None:
        """Refuse further appends; what is there can still be read."""
        self._closed = True

    def tail(self, place: TopicPartition) -> Tail:
        """The partition's records, all of them."""
        tail = self._tails.get(place)
        if tail is None:
            tail = self._tails[place] = Tail(place.topic, place.partition)
        return tail

    async def older(self, place: TopicPartition, offset: int, limit: int) -> list[LogRecord]:
        """Nothing lies before a tail here but what was deleted."""
        raise Invalid(f"{place.topic}/{place.partition}: position {offset} is gone")
