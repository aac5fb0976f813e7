"""The log in Apache Kafka: each topic one of Kafka's, each partition one of its.

A batch of an owned topic is one record, appended by an idempotent producer of that partition alone and
acknowledged by all in-sync replicas. Kafka orders and keeps; who may write is decided by the records
themselves (`services.kernel.claims`). Mailboxes have one producer for all their partitions, whose records
travel together while one request is under way. `docs/kafka.md` says what the brokers must be set to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from services.kernel.errors import Busy, Invalid
from services.runtime.event_log import MAILBOX_TOPICS, LogReader, TopicPartition
from services.runtime.kafka_access import REQUEST_TIMEOUT_MS, KafkaAccess
from services.runtime.kafka_reader import KafkaReader
from services.runtime.kafka_rights import DELETE, plain
from services.runtime.kafka_wire import LATEST, NOT_NOW, Wire
from services.runtime.kafka_writer import Writer, all_gone, check_size

MAILBOXES = TopicPartition("", -1)
"""Stands for the one writer of all mailboxes."""


class KafkaLog:
    """An EventLog over Kafka: `await KafkaLog.open(access)`."""

    def __init__(self, access: KafkaAccess, wire: Wire) -> None:
        self._access = access
        self._wire = wire
        self._writers: dict[TopicPartition, Writer] = {}
        self._readers: set[KafkaReader] = set()
        self._closed = False

    @classmethod
    async def open(cls, access: KafkaAccess) -> KafkaLog:
        """Connect. Raises Invalid in plain words if no broker answers."""
        wire = Wire(access)
        await wire.open()
        return cls(access, wire)

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """See the port. Raises Fenced for whatever leaves the outcome unknown, Busy once closed, Invalid
        for what fits no batch."""
        if not values:
            raise Invalid("an append needs at least one record")
        if self._closed:
            raise Busy("the log is being closed")
        check_size(f"{topic}/{partition}", values)
        shared = topic in MAILBOX_TOPICS
        place = MAILBOXES if shared else TopicPartition(topic, partition)
        writer = self._writers.get(place)
        if writer is None or not writer.alive:
            writer = self._writers[place] = Writer(self._access)
        records = [(None, value) for value in values]
        return await writer.append(self._access.topic(topic), partition, records, alone=not shared)

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """See the port."""
        return KafkaReader(self._wire, starts, lazy)

    async def end(self, topic: str, partition: int) -> int:
        """See the port. Raises Busy while the partition has no leader."""
        return await self._wire.offset(TopicPartition(topic, partition), LATEST)

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """See the port. Raises Busy if no broker does it in time."""
        place = KafkaPartition(self._access.topic(topic), partition)
        admin = AIOKafkaAdminClient(**self._access.options())
        try:
            end = await self.end(topic, partition)
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                await admin.start()
                await admin.delete_records({place: RecordsToDelete(before_offset=min(offset, end))})
        except NOT_NOW as error:
            why = plain(error, DELETE, self._access.topic(topic))
            raise Busy(f"{topic}/{partition} is not shortened: {why}") from error
        finally:
            await admin.close()

    async def close(self) -> None:
        """See the port."""
        self._closed = True
        await asyncio.gather(*(writer.close() for writer in self._writers.values()))
        self._writers.clear()
        await all_gone()
        await self._wire.close()
