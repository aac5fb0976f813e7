"""Three brokers, one of which dies: what was acknowledged is there, and everybody goes on by themselves."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from bench.brokers import Cluster
from services.kernel.errors import Fenced
from services.runtime.event_log import TopicPartition
from services.runtime.kafka_wire import LATEST, Wire
from services.runtime.log_kafka import KafkaLog
from tests.contracts.kafka_harness import installed
from tests.contracts.test_event_log import ROUTING, Writer, fold
from tests.contracts.test_event_log_kafka import claim_again

pytestmark = pytest.mark.servers
WITHIN_S = 180
BEFORE, AFTER = 100, 100


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three brokers, each record on all of them, two of them before it is acknowledged."""
    cluster = Cluster(tmp_path_factory.mktemp("kafka"), 3)
    cluster.start()
    yield cluster
    cluster.close()


async def test_a_dead_leader_costs_a_pause_and_nothing_else(three: Cluster) -> None:
    """The leader of a partition is killed under a writer and a reader, and started again later: every
    acknowledged batch is there once and in order, and both go on with the new leader."""
    access = await installed(three, ("inbound", "routing"))
    log = await KafkaLog.open(access)
    wire = Wire(access)
    await wire.open()
    writer = Writer(log)
    await writer.claim()
    reader = log.reader({ROUTING: 0})
    written: list[bytes] = []

    async def write(count: int) -> None:
        for _ in range(count):
            event = b"%d" % len(written)
            try:
                landed = await writer.write(event)
            except Fenced:
                landed = False
            if landed:
                written.append(event)
            else:  # as a loop does: what is not known to count is decided again from what the log says
                await claim_again(writer)
                _, known = await fold(log)
                written[:] = known

    async with asyncio.timeout(WITHIN_S):
        await write(BEFORE)
        (leader,) = await wire.leaders([ROUTING])
        three.signal(leader, signal.SIGKILL)
        await write(AFTER)
        _, events = await fold(log)
        assert events == written
        assert events == [b"%d" % n for n in range(len(events))]
        assert len(events) >= BEFORE
        seen, end = 0, await wire.offset(ROUTING, LATEST)  # asks until a leader answers
        (other,) = await wire.leaders([ROUTING])
        assert other != leader
        while seen < end:
            seen += len((await reader.fetch(1_000)).records)
        assert seen == end
        await asyncio.to_thread(three.start, leader)
        await log.append("inbound", 0, [b"x"])
        records = (await log.reader({TopicPartition("inbound", 0): 0}).fetch(5_000)).records
        assert [record.value for record in records] == [b"x"]
    await reader.close()
    await wire.close()
    await log.close()
