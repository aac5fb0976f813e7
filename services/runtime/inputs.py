"""The inputs of a loop: records in, decided inputs out, in the one order that a replay can repeat.

Within a round the inputs are merged by one rule: again and again, in the order of the topics, every
record whose writer's positions are covered by our own positions on the topics that we share with
that writer. So the router never meets a target before its conversation.

The loops of one process read the same records, so a batch and its events are parsed once for all of them
(`_Shared`): nobody changes an event that was written.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.envelope_pb2 import Batch, InputPosition
from proto.v1.inbound_pb2 import Inbound
from proto.v1.notices_pb2 import NoticesEvent
from proto.v1.routing_pb2 import RoutingEvent
from proto.v1.sla_pb2 import SlaEvent
from services.kernel.claims import Fence, is_claim
from services.kernel.engine import Input
from services.runtime.event_log import MAILBOX_TOPICS, LogRecord, TopicPartition

EVENT_CLASSES: Mapping[str, Any] = {
    "inbound": Inbound,
    "conversations": ConversationsEvent,
    "routing": RoutingEvent,
    "sla": SlaEvent,
    "notices": NoticesEvent,
}
"""The message class of each topic's events."""

SHARED_MAX = 32
"""Batches that are kept parsed: readers of one process are seldom further apart."""


@dataclass(slots=True)
class Place:
    """How far an input is consumed: the next record, the fence there, events of it already taken."""

    offset: int = 0
    epoch: int = 0
    next_seq: int = 0
    index: int = 0

    def covers(self, other: InputPosition) -> bool:
        """Whether we have read at least as far as a writer had."""
        return self.offset > other.offset or (self.offset == other.offset and self.index >= other.index)

    def written(self, topic: str) -> InputPosition:
        """The same as a message."""
        return InputPosition(
            topic=topic,
            offset=self.offset,
            epoch=self.epoch,
            next_seq=self.next_seq,
            index=self.index,
        )


class Unreadable:
    """Stands for an input's event that could not be parsed; deciding it raises."""

    def __init__(self, error: str) -> None:
        self.error = error


class _Shared:
    """A batch with its events, each parsed when the first reader asks."""

    __slots__ = ("batch", "events", "positions", "values")

    def __init__(self, value: bytes) -> None:
        self.batch = Batch.FromString(value)
        self.values: Sequence[bytes] = self.batch.events
        self.positions: Sequence[InputPosition] = tuple(self.batch.positions)
        self.events: list[Any] = [None] * len(self.values)

    def event(self, index: int, parse: Callable[[bytes], Any]) -> Any:
        """One of the events."""
        event = self.events[index]
        if event is None:
            event = self.events[index] = parse(self.values[index])
        return event


_shared = functools.lru_cache(SHARED_MAX)(_Shared)


class _Waiting:
    """A fetched record: the place behind it, its writer's positions, those of its events that are heard."""

    __slots__ = ("at_ms", "epoch", "event", "heard", "next_offset", "next_seq", "positions", "prefix")

    def __init__(self, record: LogRecord, fence: Fence, at_ms: int, prefix: str) -> None:
        self.next_offset = record.offset + 1
        self.epoch = fence.epoch
        self.next_seq = fence.next_seq
        self.at_ms = at_ms
        self.prefix = prefix
        self.positions: Sequence[InputPosition] = ()
        self.event: Callable[[int, Callable[[bytes], Any]], Any] = _none
        self.heard: Sequence[int] = ()


class Inputs:
    """The input topics of one engine on one partition."""

    def __init__(
        self,
        topics: tuple[str, ...],
        partition: int,
        places: Mapping[str, Place],
        hears: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self.topics = topics
        self.partition = partition
        self.places = {t: places.get(t) or Place() for t in topics}
        self._hears = {topic: frozenset(kinds(topic, names)) for topic, names in hears.items()}
        self._fences = {t: Fence(p.epoch, p.next_seq) for t, p in self.places.items()}
        self._queues: dict[str, deque[_Waiting]] = {t: deque() for t in topics}

    def starts(self) -> dict[TopicPartition, int]:
        """Where a reader must begin."""
        return {TopicPartition(t, self.partition): p.offset for t, p in self.places.items()}

    def written(self) -> list[InputPosition]:
        """The positions for a batch."""
        return [place.written(topic) for topic, place in self.places.items()]

    def add(self, records: list[LogRecord]) -> None:
        """Take in fetched records; invalid batches count as read and are skipped."""
        for record in records:
            topic = record.topic
            entry = self._mailed(record) if topic in MAILBOX_TOPICS else self._judged(record)
            self._queues[topic].append(entry)

    def _mailed(self, record: LogRecord) -> _Waiting:
        prefix = f"{record.topic}/{record.partition}/{record.offset}"
        entry = _Waiting(record, self._fences[record.topic], record.at_ms, prefix)
        entry.event, entry.heard = lambda index, parse: parse(record.value), (0,)
        return entry

    def _judged(self, record: LogRecord) -> _Waiting:
        topic, shared = record.topic, _shared(record.value)
        batch = shared.batch
        fence, hears = self._fences[topic], self._hears.get(topic)
        valid = fence.admit(batch) and not is_claim(batch)
        entry = _Waiting(record, fence, batch.now_ms, f"{topic}/{record.partition}/{batch.seq}")
        if not valid:
            return entry
        entry.event, kinds, count = shared.event, batch.kinds, len(shared.values)
        if hears is None or len(kinds) != count:
            entry.heard = range(count)
        else:
            entry.heard = [index for index, kind in enumerate(kinds) if kind in hears]
        entry.positions = [p for p in shared.positions if p.topic in self.places]
        return entry

    def merged(self) -> Iterator[Input]:
        """The inputs that can be decided now, in order. What was yielded counts as consumed when the next
        is asked for: until then the places lie before it."""
        progress = True
        while progress:
            progress = False
            for topic in self.topics:
                queue = self._queues[topic]
                while queue and self._covered(queue[0].positions):
                    yield from self._events(topic, queue[0])
                    self._pass(self.places[topic], queue.popleft())
                    progress = True

    def _covered(self, positions: Sequence[InputPosition]) -> bool:
        return not positions or all(self.places[p.topic].covers(p) for p in positions)

    def _events(self, topic: str, entry: _Waiting) -> Iterator[Input]:
        place = self.places[topic]
        parse = EVENT_CLASSES[topic].FromString
        mailbox = topic in MAILBOX_TOPICS
        for index in entry.heard:
            if index < place.index:
                continue
            place.index = index
            try:
                event = entry.event(index, parse)
            except Exception as error:  # a record of a broken edge must not stop the partition
                event = Unreadable(f"{type(error).__name__}: unreadable {topic} record")
            yield Input(topic, entry.prefix if mailbox else f"{entry.prefix}/{index}", entry.at_ms, event)
            place.index = index + 1

    def _pass(self, place: Place, entry: _Waiting) -> None:
        place.offset = entry.next_offset
        place.epoch = entry.epoch
        place.next_seq = entry.next_seq
        place.index = 0


def _none(index: int, parse: Callable[[bytes], Any]) -> Any:
    """The events of a record that has none."""
    raise IndexError(index)


@functools.cache
def _numbers(topic: str) -> dict[str | None, int]:
    """The number of each body's field; 0 for an event without one."""
    bodies = EVENT_CLASSES[topic].DESCRIPTOR.oneofs_by_name["body"].fields
    return {None: 0} | {field.name: field.number for field in bodies}


def kinds(topic: str, names: Iterable[str | None]) -> bytes:
    """The kinds of events by the names of their bodies, as a batch has them."""
    numbers = _numbers(topic)
    return bytes([numbers[name] for name in names])
