"""The log on a real broker, for the contract of the event log."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bench.brokers import Cluster
from services.kernel.errors import Busy
from services.runtime.clock import SystemClock
from services.runtime.event_log import TopicPartition
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_wire import LATEST, Wire
from services.runtime.keys_kafka import KafkaKeys
from services.runtime.log_kafka import KafkaLog
from services.runtime.snapshots_kafka import KafkaSnapshots
from services.runtime.topics import KEYS, SNAPSHOTS, TOPICS, Topics
from tests.contracts.harness import Unreliable

PARTITIONS = 4
SERVED_WITHIN_S = 60
"""A broker that shares a busy machine takes its time."""
_log = logging.getLogger(__name__)
_installations = itertools.count()


def installation(broker: Cluster) -> KafkaAccess:
    """Another installation on the broker: topic names that nobody else has."""
    return KafkaAccess(broker.address, f"t{next(_installations)}.")


async def installed(
    broker: Cluster, topics: Sequence[str] = TOPICS, partitions: int = PARTITIONS
) -> KafkaAccess:
    """The same with its topics made, and every partition served by its leader."""
    access = installation(broker)
    await Topics(access, partitions, len(broker.nodes)).make(topics)
    wire = Wire(access)
    await wire.open()
    try:
        for place in [TopicPartition(topic, n) for topic in topics for n in range(partitions)]:
            await _served(wire, place)
    finally:
        await wire.close()
    return access


async def _served(wire: Wire, place: TopicPartition) -> None:
    """Wait until the leader of a new partition knows that it is that."""
    async with asyncio.timeout(SERVED_WITHIN_S):
        while True:
            try:
                await wire.offset(place, LATEST)
                return
            except Busy as error:
                _log.warning("%s", error)


class KafkaHarness:
    """The log on a broker, whose clock nobody can move."""

    def __init__(self, broker: Cluster) -> None:
        self.clock = SystemClock()
        self._broker = broker
        self.log: Unreliable

    async def start(self) -> None:
        """See Harness."""
        self.access = await installed(self._broker, ("inbound", "routing"))
        self.log = Unreliable(await KafkaLog.open(self.access))

    async def stop(self) -> None:
        """See Harness."""
        await self.log.close()

    async def reopen(self) -> None:
        """See Harness."""
        await self.stop()
        self.log = Unreliable(await KafkaLog.open(self.access))

    def advance(self, ms: int) -> int:
        """See Harness."""
        return 0

    def lose_next_ack(self) -> None:
        """See Harness."""
        self.log.lose = True

    def delay_next_append(self) -> None:
        """See Harness."""
        self.log.delay = True

    async def land_late(self) -> None:
        """See Harness."""
        await self.log.land_late()


@asynccontextmanager
async def kafka_keys(broker: Cluster) -> AsyncIterator[KafkaKeys]:
    """A key store of its own on the broker, read and followed."""
    access = await installed(broker, (KEYS,))
    async with opened_keys(access) as keys:
        yield keys


@asynccontextmanager
async def opened_keys(access: KafkaAccess) -> AsyncIterator[KafkaKeys]:
    """The key store as one process has it open."""
    wire = Wire(access)
    await wire.open()
    keys = KafkaKeys(access, wire, SystemClock(), PARTITIONS)
    await keys.open()
    yield keys
    await keys.close()
    await wire.close()


@asynccontextmanager
async def kafka_snapshots(broker: Cluster) -> AsyncIterator[KafkaSnapshots]:
    """A snapshot store of its own on the broker."""
    access = await installed(broker, (SNAPSHOTS,))
    async with opened_snapshots(access) as snapshots:
        yield snapshots


@asynccontextmanager
async def opened_snapshots(access: KafkaAccess) -> AsyncIterator[KafkaSnapshots]:
    """The snapshot store as one process has it open."""
    wire = Wire(access)
    await wire.open()
    snapshots = KafkaSnapshots(access, wire)
    yield snapshots
    await snapshots.close()
    await wire.close()
