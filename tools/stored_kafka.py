"""The logs of an installation on Kafka, read without disturbing who runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import is_claim
from services.kernel.errors import Busy, CentralaError
from services.runtime.event_log import OWNED_TOPICS, LogReader, LogRecord, TopicPartition
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_wire import EARLIEST, LATEST, Wire
from services.runtime.log_kafka import KafkaLog
from services.runtime.snapshots_kafka import KafkaSnapshots
from tools.invariants.state import Kept

T = TypeVar("T")
TAIL = 500
"""Batches at the end of a topic that may follow from what was appended behind another topic's end: those of
the moment in which the ends were read."""
FETCH_MS = 1_000
PATIENCE = 20
"""Fetches in a row that may find nothing before a log counts as unreadable."""


class KafkaLogs:
    """A Source over Kafka.

    Each topic is read up to where it ended when this object was made; a batch whose causes came in
    meanwhile is left out, so that nothing is seen with an effect and without its cause.
    """

    def __init__(self, access: KafkaAccess) -> None:
        """Raises CentralaError if the topics cannot be read."""
        self._runner = asyncio.Runner()
        try:
            self._run(self._open(access))
        except CentralaError:
            self._runner.close()
            raise
        try:
            self._partitions, self._ends, self._starts = self._run(self._places())
            for partition in range(self._partitions):
                self._trim(partition)
        except CentralaError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the brokers."""
        self._run(self._log.close())
        self._runner.close()

    def partitions(self) -> Sequence[int]:
        """All partitions."""
        return range(self._partitions)

    def records(self, topic: str, partition: int) -> Iterator[LogRecord]:
        """What is kept of a partition, in order."""
        place = TopicPartition(topic, partition)
        return self._between(place, self._starts[place], self._ends[place])

    def snapshots(self, topic: str, partition: int) -> Sequence[Kept]:
        """The snapshots that are whole, oldest first."""
        end = self._ends[TopicPartition(topic, partition)]
        found = self._run(self._snapshots.whole(topic, partition))
        return [
            Kept(kept.offset, kept.next_seq, kept.state_version, kept.data)
            for kept in reversed(found)
            if kept.offset <= end
        ]

    async def _open(self, access: KafkaAccess) -> None:
        self._wire = Wire(access)
        await self._wire.open()
        self._snapshots = KafkaSnapshots(access, self._wire)
        self._log = KafkaLog(access, self._wire)

    async def _places(self) -> tuple[int, dict[TopicPartition, int], dict[TopicPartition, int]]:
        """How many partitions there are, where each topic's ends and where it begins."""
        partitions = await self._wire.partitions("inbound")
        topics = ("inbound", *OWNED_TOPICS)
        places = [TopicPartition(topic, n) for topic in topics for n in range(partitions)]
        starts = await self._wire.offsets(places, EARLIEST)
        ends = await self._wire.offsets(places, LATEST)
        return partitions, ends, starts

    def _trim(self, partition: int) -> None:
        """Cut what follows from what lies behind another topic's end, until nothing does."""
        cut = True
        while cut:
            cut = False
            for topic in OWNED_TOPICS:
                place = TopicPartition(topic, partition)
                start = max(self._starts[place], self._ends[place] - TAIL)
                for record in self._between(place, start, self._ends[place]):
                    if self._is_ahead(Batch.FromString(record.value), partition):
                        self._ends[place] = record.offset
                        cut = True
                        break

    def _is_ahead(self, batch: Batch, partition: int) -> bool:
        ends = ((self._ends[TopicPartition(p.topic, partition)], p.offset) for p in batch.positions)
        return not is_claim(batch) and any(offset > end for end, offset in ends)

    def _between(self, place: TopicPartition, start: int, end: int) -> Iterator[LogRecord]:
        if start >= end:
            return
        reader = self._log.reader({place: start})
        try:
            while start < end:
                for record in self._run(self._some(reader, place)):
                    if record.offset >= end:
                        return
                    yield record
                    start = record.offset + 1
        finally:
            self._run(reader.close())

    async def _some(self, reader: LogReader, place: TopicPartition) -> list[LogRecord]:
        """At least one record. Raises Busy if none comes for long."""
        for _ in range(PATIENCE):
            if records := (await reader.fetch(FETCH_MS)).records:
                return records
        raise Busy(f"{place.topic}/{place.partition} cannot be read to its end")

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)
