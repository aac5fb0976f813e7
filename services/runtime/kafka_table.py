"""A compacted topic as a table: the newest record of each key, read to its end on demand.

Compaction keeps the newest record of each key for ever and forgets the others in its own time, so who
reads from the beginning gets at least what counts. A record without a value deletes its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiokafka.record.memory_records import MemoryRecords

from services.kernel.errors import Busy, Corrupt
from services.runtime.event_log import TopicPartition
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_rights import REFUSED, lacking
from services.runtime.kafka_wire import (
    EARLIEST,
    FETCH_BYTES_MAX,
    LATER,
    LATEST,
    OUT_OF_RANGE,
    PARTITION_BYTES_MAX,
    Session,
    Wire,
    _Fetch,
)
from services.runtime.kafka_writer import Record, Writer

TABLES = "tables"
"""Channel of the fetches."""
READ_WITHIN_S = 60.0
"""Longest read to the end: a table of a million keys is read in some seconds."""

Apply = Callable[[int, bytes, bytes | None, int], None]
"""Told (partition, key, value or None, time of the append in ms) of each record, in order."""


class KafkaTable:
    """Some partitions of a compacted topic, as far as they were read."""

    def __init__(
        self, access: KafkaAccess, wire: Wire, topic: str, partitions: Sequence[int], apply: Apply
    ) -> None:
        self._access = access
        self._wire = wire
        self._topic = topic
        self._apply = apply
        self._at: dict[TopicPartition, int] = {TopicPartition(topic, n): -1 for n in partitions}
        self._reading = asyncio.Lock()
        self._waiting: asyncio.Task[None] | None = None
        self._writer: Writer | None = None

    async def refresh(self) -> None:
        """Read everything that is there at the call. Raises Busy if brokers do not let us in time.

        Calls that come while one waits for its turn share it.
        """
        if self._waiting is None:
            self._waiting = asyncio.ensure_future(self._read())
        await asyncio.shield(self._waiting)

    async def _read(self) -> None:
        async with self._reading:
            self._waiting = None  # who calls from now on may need what comes after our question
            failure: Exception = TimeoutError()
            try:
                async with asyncio.timeout(READ_WITHIN_S):
                    while True:
                        try:
                            return await self._to_the_end()
                        except LATER as error:
                            failure = error
                        await self._wire.refresh()
            except TimeoutError:
                raise Busy(f"{self._topic} cannot be read: {failure!r}") from failure

    async def _to_the_end(self) -> None:
        if new := [place for place, at in self._at.items() if at < 0]:
            self._at |= await self._wire.offsets(new, EARLIEST)
        goals = await self._wire.offsets(self._at.keys(), LATEST)
        while behind := [place for place in goals if self._at[place] < goals[place]]:
            for node, led in (await self._wire.leaders(behind)).items():
                await self._fetch(node, led, goals)

    async def _fetch(self, node: int, places: list[TopicPartition], goals: dict[TopicPartition, int]) -> None:
        """Read on in each of a broker's partitions. One without records proves nothing if it was asked
        among others: they may have filled the answer. So it is asked alone."""
        for place in await self._take(node, places):
            if await self._take(node, [place]):
                self._at[place] = await self._beyond(node, place, goals[place])

    async def _take(self, node: int, places: list[TopicPartition]) -> list[TopicPartition]:
        """Fetch once and take in what comes; the partitions that gave no record."""
        wanted = {place: self._at[place] for place in places}
        for place, found in (await self._wire.fetch(node, wanted, 0, TABLES, Session())).items():
            if found.error == OUT_OF_RANGE:
                raise Corrupt(f"{self._topic}/{place.partition} was replaced by an older one")
            if found.error in REFUSED:
                raise Busy(lacking(["Read"], self._access.topic(self._topic)))
            if found.error:
                raise Busy(f"{self._topic}/{place.partition} has moved (error {found.error})")
            for record in found.records:
                self._apply(place.partition, record.key, record.value, record.timestamp)
                self._at[place] = record.offset + 1
        return [place for place in places if self._at[place] == wanted[place]]

    async def _beyond(self, node: int, place: TopicPartition, goal: int) -> int:
        """Where a partition goes on that gave no record although it was asked alone: behind the batches
        that compaction left empty, or whose last records it took; at the goal if there is no batch."""
        at = self._at[place]
        asked = [(place.partition, -1, at, -1, PARTITION_BYTES_MAX)]
        topics = [(self._access.topic(self._topic), asked)]
        no_session = 0, -1
        request = _Fetch(-1, 0, 1, FETCH_BYTES_MAX, 0, *no_session, topics, [], "")
        answer = await self._wire._client.send(node, request, group=TABLES)
        for _, ((_, error, end, _, _, _, _, raw),) in answer.topics:
            if error:
                break
            if raw:
                return _behind_empty(place, raw, at)
            if end >= goal:
                return goal
        raise Busy(f"{self._topic}/{place.partition}: its leader does not say what follows {at}")

    async def write(self, partition: int, records: Sequence[Record]) -> None:
        """Append, durably, all or none. Raises Fenced if it is not known whether they are there."""
        if self._writer is None or not self._writer.alive:
            self._writer = Writer(self._access)
        await self._writer.append(self._access.topic(self._topic), partition, records)

    async def close(self) -> None:
        """Let go of the producer."""
        if self._writer is not None:
            await self._writer.close()


def _behind_empty(place: TopicPartition, raw: bytes, at: int) -> int:
    """The offset behind the batches that come before the first record from `at` on. A compacted batch keeps
    the range of offsets that it was appended with. Raises Corrupt if bytes were damaged on the way."""
    batches = MemoryRecords(raw)
    while batches.has_next():
        batch = batches.next_batch()
        if not batch.validate_crc():
            raise Corrupt(f"{place.topic}/{place.partition}: a batch behind {at} is damaged")
        if not batch.is_control_batch and any(record.offset >= at for record in batch):
            break
        at = max(at, batch.next_offset)
    return at
