"""The inputs of a loop: records in, decided inputs out, in the one order that a replay can repeat.

Within a round the inputs are merged by one rule: again and again, in the order of the topics, every
record whose writer's positions are covered by our own positions on the topics that we share with
that writer. So the router never meets a target before its conversation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(slots=True)
class _Waiting:
    """A fetched record: its fence afterwards, its writer's positions, its events."""

    record: LogRecord
    epoch: int
    next_seq: int
    positions: list[InputPosition]
    at_ms: int
    prefix: str
    values: list[bytes]


class Inputs:
    """The input topics of one engine on one partition."""

    def __init__(self, topics: tuple[str, ...], partition: int, places: Mapping[str, Place]) -> None:
        self.topics = topics
        self.partition = partition
        self.places = {t: places.get(t) or Place() for t in topics}
        self._fences = {t: Fence(p.epoch, p.next_seq) for t, p in self.places.items()}
        self._queues: dict[str, deque[_Waiting]] = {t: deque() for t in topics}

    def starts(self) -> dict[TopicPartition, int]:
        """Where a reader must begin."""
        return {TopicPartition(t, self.partition): p.offset for t, p in self.places.items()}

    def written(self) -> list[InputPosition]:
        """The positions for a batch."""
        return [place.written(topic) for topic, place in self.places.items()]

    def waiting(self) -> int:
        """Fetched records that are not consumed yet."""
        return sum(len(queue) for queue in self._queues.values())

    def add(self, records: list[LogRecord]) -> None:
        """Take in fetched records; invalid batches count as read and are skipped."""
        for record in records:
            topic = record.topic
            if topic in MAILBOX_TOPICS:
                prefix = f"{topic}/{record.partition}/{record.offset}"
                entry = _Waiting(record, 0, 0, [], record.at_ms, prefix, [record.value])
            else:
                entry = self._judged(record)
            self._queues[topic].append(entry)

    def _judged(self, record: LogRecord) -> _Waiting:
        batch = Batch.FromString(record.value)
        fence = self._fences[record.topic]
        valid = fence.admit(batch) and not is_claim(batch)
        positions = [p for p in batch.positions if p.topic in self.places] if valid else []
        values = list(batch.events) if valid else []
        prefix = f"{record.topic}/{record.partition}/{batch.seq}"
        return _Waiting(record, fence.epoch, fence.next_seq, positions, batch.now_ms, prefix, values)

    def merged(self) -> Iterator[Input]:
        """The inputs that can be decided now, in order; the place moves when the next is asked for.

        The caller may stop after any of them: what was yielded counts as consumed once `took` is
        called for it.
        """
        progress = True
        while progress:
            progress = False
            for topic in self.topics:
                queue = self._queues[topic]
                while queue and self._covered(queue[0]):
                    yield from self._events(topic, queue[0])
                    self._pass(topic, queue.popleft())
                    progress = True

    def _covered(self, entry: _Waiting) -> bool:
        return all(self.places[p.topic].covers(p) for p in entry.positions)

    def _events(self, topic: str, entry: _Waiting) -> Iterator[Input]:
        place = self.places[topic]
        parse = EVENT_CLASSES[topic].FromString
        mailbox = topic in MAILBOX_TOPICS
        for index in range(place.index, len(entry.values)):
            input_id = entry.prefix if mailbox else f"{entry.prefix}/{index}"
            try:
                event = parse(entry.values[index])
            except Exception as error:  # a record of a broken edge must not stop the partition
                event = Unreadable(f"{type(error).__name__}: unreadable {topic} record")
            yield Input(topic, input_id, entry.at_ms, event)

    def took(self, topic: str) -> None:
        """The input that was yielded last is decided."""
        self.places[topic].index += 1

    def _pass(self, topic: str, entry: _Waiting) -> None:
        place = self.places[topic]
        place.offset = entry.record.offset + 1
        place.epoch = entry.epoch
        place.next_seq = entry.next_seq
        place.index = 0
