"""The contract of the event log where only Kafka fails: frozen writers, brokers that die, idle producers."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from bench.brokers import Cluster
from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence, is_claim
from services.kernel.errors import Fenced, Invalid
from services.runtime.event_log import LogRecord, TopicPartition
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_wire import Session, Wire
from services.runtime.kafka_writer import APPEND_WITHIN_S
from services.runtime.log_kafka import KafkaLog
from tests.contracts.harness import ROOT
from tests.contracts.kafka_harness import installed
from tests.contracts.test_event_log import INBOUND, ROUTING, Writer, fold, read_all

pytestmark = pytest.mark.servers
WITHIN_S = 60


@asynccontextmanager
async def opened(access: KafkaAccess) -> AsyncIterator[KafkaLog]:
    """The log as one process has it open."""
    log = await KafkaLog.open(access)
    yield log
    await log.close()


@pytest.fixture
async def log(broker: Cluster) -> AsyncIterator[KafkaLog]:
    """An installation's log on the shared broker."""
    async with opened(await installed(broker, ("inbound", "routing"))) as made:
        yield made


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker that may be killed. It forgets idle producers at once."""
    cluster = Cluster(
        tmp_path_factory.mktemp("kafka"),
        settings=["producer.id.expiration.ms=1", "producer.id.expiration.check.interval.ms=10"],
    )
    cluster.start()
    yield cluster
    cluster.close()


async def child(access: KafkaAccess) -> Process:
    """Another process that writes routing/0."""
    module = "tests.contracts.kafka_child"
    command = [sys.executable, "-m", module, access.servers, access.prefix]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)


async def lines_until(process: Process, word: str, count: int = 1) -> list[str]:
    """What a child prints, up to the count-th line that begins with a word, or its end."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(WITHIN_S):
        async for raw in process.stdout:
            lines.append(raw.decode().strip())
            if lines[-1].startswith(word):
                count -= 1
                if count == 0:
                    break
    return lines


def acknowledged(lines: list[str]) -> list[int]:
    """The offsets that a child counted."""
    return [int(line.split()[1]) for line in lines if line.startswith("ack")]


def valid_offsets(records: list[LogRecord]) -> set[int]:
    """Where the batches lie that every reader takes."""
    fence = Fence()
    batches = [(record.offset, Batch.FromString(record.value)) for record in records]
    return {offset for offset, batch in batches if fence.admit(batch) and not is_claim(batch)}


async def test_a_frozen_writer_changes_nothing_when_it_wakes_up(broker: Cluster) -> None:
    """A process that is stopped while another takes over writes nothing that counts when it goes on: its
    first acknowledgement has a gap, it lets go, and all that it had counted is valid."""
    access = await installed(broker, ("routing",))
    async with opened(access) as log:
        process = await child(access)
        before = await lines_until(process, "ack", 20)
        process.send_signal(signal.SIGSTOP)
        mine = Writer(log)
        await mine.claim()
        wrote = [b"new %d" % n for n in range(3)]
        counted = [await mine.write(event) for event in wrote]
        process.send_signal(signal.SIGCONT)
        after = await lines_until(process, "never")
        assert await process.wait() == 0
        assert after[-1] == "gap" or after[-1].startswith("fenced")
        offsets = acknowledged([*before, *after])
        assert set(offsets) <= valid_offsets(await read_all(log, ROUTING))
        _, events = await fold(log)
        # One append of the frozen process may have landed behind the claim; then ours had a gap at first.
        assert [e for e in events if e.startswith(b"new")] == wrote
        assert any(counted)
        assert not any(e.startswith(b"child") for e in events[events.index(wrote[0]) :])


async def test_an_oversized_append_is_refused_before_it_is_sent(log: KafkaLog) -> None:
    """What fits no batch of a broker is Invalid, and the partition goes on without a gap."""
    assert await log.append("routing", 0, [b"a"]) == 0
    with pytest.raises(Invalid, match="at most"):
        await log.append("routing", 0, [b"x" * 1_100_000])
    assert await log.append("routing", 0, [b"b"]) == 1
    assert await log.append("routing", 0, [b"x" * 900_000]) == 2


async def test_a_broker_that_refuses_a_batch_breaks_no_later_one(broker: Cluster) -> None:
    """When a broker refuses what we hold for small enough, the producer is thrown away with its burnt
    sequence number: the next append lands behind the last."""
    access = await installed(broker, ("routing",))
    admin = AIOKafkaAdminClient(**access.options())
    await admin.start()
    name = access.topic("routing")
    small = ConfigResource(ConfigResourceType.TOPIC, name, configs={"max.message.bytes": "10000"})
    await admin.alter_configs([small])
    await admin.close()
    async with opened(access) as log:
        assert await log.append("routing", 0, [b"a"]) == 0
        with pytest.raises(Fenced, match="MessageSizeTooLarge"):
            await log.append("routing", 0, [b"x" * 20_000])
        assert [await log.append("routing", 0, [b"b"]) for _ in range(3)] == [1, 2, 3]


async def test_an_idle_producer_goes_on(own_broker: Cluster) -> None:
    """A writer whose producer the broker has forgotten while it was idle appends as ever."""
    async with opened(await installed(own_broker, ("routing",))) as log:
        writer = Writer(log)
        await writer.claim()
        assert await writer.write(b"a")
        await installed(own_broker)  # takes far longer than the broker remembers producers
        assert await writer.write(b"b")
        assert (await fold(log))[1] == [b"a", b"b"]


async def test_a_killed_broker_loses_nothing(own_broker: Cluster) -> None:
    """Over kill -9 and restart of the broker all that was acknowledged is there, the writer and a reader
    that was waiting go on by themselves, and nothing comes twice."""
    async with opened(await installed(own_broker, ("routing",))) as log:
        writer = Writer(log)
        await writer.claim()
        reader = log.reader({ROUTING: 0})
        seen = len((await reader.fetch(60_000)).records)
        for n in range(50):
            assert await writer.write(b"%d" % n)
        own_broker.signal(1, signal.SIGKILL)
        pending = asyncio.ensure_future(writer.write(b"50"))
        starting = asyncio.get_running_loop().run_in_executor(None, own_broker.start)
        try:
            landed = await pending
        except Fenced:
            landed = False
        await starting
        if not landed:
            await claim_again(writer)
        while not await writer.write(b"after"):
            await claim_again(writer)
        _, events = await fold(log)
        assert [e for e in events if e not in (b"50", b"after")] == [b"%d" % n for n in range(50)]
        assert events.count(b"50") <= 1
        assert b"after" in events
        end = await log.end("routing", 0)
        async with asyncio.timeout(WITHIN_S):
            while seen < end:
                seen += len((await reader.fetch(1_000)).records)
        assert seen == end
        await reader.close()


async def claim_again(writer: Writer) -> None:
    """As a loop does: again and again until it is acknowledged."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                return await writer.claim()
            except Fenced:
                await asyncio.sleep(0.1)


async def test_a_frozen_broker_holds_nobody_up_for_long(own_broker: Cluster) -> None:
    """With a frozen broker an append ends in time with Fenced, a fetch with nothing; later all is well."""
    async with opened(await installed(own_broker, ("inbound", "routing"))) as log:
        await log.append("routing", 0, [b"a"])
        reader = log.reader({INBOUND: 0})
        assert (await reader.fetch(0)).drained
        own_broker.signal(1, signal.SIGSTOP)
        try:
            fetching = asyncio.ensure_future(reader.fetch(200))
            async with asyncio.timeout(APPEND_WITHIN_S + 2):
                with pytest.raises(Fenced):
                    await log.append("routing", 0, [b"b"])
        finally:
            own_broker.signal(1, signal.SIGCONT)
        found = await fetching
        assert found.records == []
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    await log.append("inbound", 0, [b"c"])
                    break
                except Fenced:
                    await asyncio.sleep(0.1)
            while not (await reader.fetch(1_000)).records:
                pass
        await reader.close()


async def test_a_topic_that_is_missing_is_named(log: KafkaLog) -> None:
    """A partition or topic that is not there is refused in words that say what to do."""
    with pytest.raises(Invalid, match="has 4 partitions, there is no 7"):
        await log.end("inbound", 7)
    with pytest.raises(Invalid, match="no Kafka broker can be used"):
        await KafkaLog.open(KafkaAccess("127.0.0.1:1"))


async def test_a_reader_keeps_polling_across_many_partitions(log: KafkaLog) -> None:
    """A reader of many partitions gets each record once and in order, whatever comes together."""
    places = [TopicPartition(topic, n) for topic in ("inbound", "routing") for n in range(4)]
    reader = log.reader(dict.fromkeys(places, 0))
    got: dict[TopicPartition, list[int]] = {place: [] for place in places}

    async def write(place: TopicPartition) -> None:
        for n in range(50):
            await log.append(*place, [b"%d" % n])

    writing = asyncio.gather(*(write(place) for place in places))
    async with asyncio.timeout(WITHIN_S):
        while sum(map(len, got.values())) < 400:
            for record in (await reader.fetch(1_000)).records:
                got[TopicPartition(record.topic, record.partition)].append(record.offset)
    await writing
    assert all(offsets == list(range(50)) for offsets in got.values())
    assert await reader.fetch(0) == ([], True)
    await reader.close()


async def test_a_forgotten_fetch_session_hides_nothing(broker: Cluster) -> None:
    """A broker that does not know a fetch session any more is asked again: no answer without records is
    made of its refusal, which would prove that nothing was there."""
    access = await installed(broker, ("routing",))
    async with opened(access) as log:
        await log.append(*ROUTING, [b"x"])
    wire = Wire(access)
    await wire.open()
    session = Session()
    session.answered(4_711, {ROUTING: 0})
    ((node, _),) = (await wire.leaders([ROUTING])).items()
    found = await wire.fetch(node, {ROUTING: 0}, 0, "test", session)
    assert [record.value for record in found[ROUTING].records] == [b"x"]
    await wire.close()


async def test_lazy_records_come_with_urgent_ones(log: KafkaLog) -> None:
    """A waiting fetch ends for an urgent record at once and brings the lazy ones along; lazy ones alone end
    it too, a moment later."""
    places = {INBOUND: 0, ROUTING: 0}
    reader = log.reader(places, lazy=("routing",))
    await log.append("routing", 0, [b"lazy"])
    await log.append("inbound", 0, [b"urgent"])
    got: list[bytes] = []
    async with asyncio.timeout(WITHIN_S):
        while len(got) < 2:
            got += [record.value for record in (await reader.fetch(60_000)).records]
    assert sorted(got) == [b"lazy", b"urgent"]
    await log.append("routing", 0, [b"alone"])
    async with asyncio.timeout(WITHIN_S):
        assert [record.value for record in (await reader.fetch(60_000)).records] == [b"alone"]
    await reader.close()
