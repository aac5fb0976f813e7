"""The contract of the key store where several processes share it, on a real broker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from bench.brokers import Cluster
from services.kernel.ids import partition_of
from services.kernel.limits import DAY_MS
from services.runtime.clock import SystemClock
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_table import KafkaTable
from services.runtime.kafka_wire import FETCH_BYTES_MAX, PARTITION_BYTES_MAX, Wire
from services.runtime.keys import StoredKey
from services.runtime.keys_kafka import KafkaKeys
from services.runtime.topics import KEYS
from tests.contracts.kafka_harness import installed, opened_keys
from tests.contracts.test_keys import make

pytestmark = pytest.mark.servers
WITHIN_S = 60
SEGMENT_MS = 100
AT_ONCE = {
    "cleanup.policy": "compact",
    "segment.ms": str(SEGMENT_MS),
    "max.compaction.lag.ms": "50",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "0",
    "file.delete.delay.ms": "0",
}
"""Settings under which compaction does in seconds what takes a day elsewhere."""


async def test_what_one_process_puts_another_finds(broker: Cluster) -> None:
    """A key that one process put a moment ago opens for another that has never seen it."""
    access = await installed(broker, (KEYS,))
    async with opened_keys(access) as one, opened_keys(access) as other:
        key = make(b"a")
        await one.put(key)
        assert await other.by_id(key.key_id) == key
        assert await other.by_identity("d", key.identity) == key


async def test_what_one_process_deletes_no_other_hands_out(broker: Cluster) -> None:
    """After a deletion another process says that the key is gone, at the latest with its next look, and so
    does one that opens the store only then."""
    access = await installed(broker, (KEYS,))
    async with opened_keys(access) as one, opened_keys(access) as other:
        gone, kept = make(b"a"), make(b"b")
        for key in (gone, kept):
            await one.put(key)
            assert await other.by_id(key.key_id) == key
        assert await one.delete_identities("d", [gone.identity]) == 1
        following = asyncio.create_task(other.follow())
        async with asyncio.timeout(WITHIN_S):
            while await other.by_id(gone.key_id) is not None:
                await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.wait([following])
        assert await other.by_id(kept.key_id) == kept
        async with opened_keys(access) as late:
            assert await late.by_id(gone.key_id) is None
            assert await late.sample() == kept


async def test_a_deletion_takes_keys_of_a_clock_that_is_ahead(broker: Cluster) -> None:
    """A key that was there when an erasure was asked for goes with it, although the clock of the edge that
    made it was days ahead; nothing more is sealed under it, and one that came afterwards stays."""
    access = await installed(broker, (KEYS,))
    async with opened_keys(access) as edge, opened_keys(access) as engine:
        ahead = make(b"a", SystemClock().now_ms() + 10 * DAY_MS)
        await edge.put(ahead)
        assert await engine.by_id(ahead.key_id) == ahead
        assert await engine.by_identity("d", ahead.identity) is None
        asked_ms = SystemClock().now_ms()
        right = make(b"a", asked_ms + 1)
        await edge.put(right)
        assert await engine.by_id(right.key_id) == right
        assert await engine.by_identity("d", ahead.identity) == right
        assert await engine.delete_identities("d", [ahead.identity], asked_ms) == 1
        assert await engine.by_id(ahead.key_id) is None
        assert await engine.by_id(right.key_id) == right


async def test_a_deletion_takes_keys_that_only_others_have_seen(broker: Cluster) -> None:
    """A process deletes the keys of an identity that another put, without having looked before."""
    access = await installed(broker, (KEYS,))
    async with opened_keys(access) as one, opened_keys(access) as other:
        await one.put(make(b"a", 1))
        await one.put(make(b"a", 2))
        assert await other.delete_identities("d", [b"a" * 16], 1) == 1
        assert await other.by_identity("d", b"a" * 16) is not None


async def test_many_keys_are_read_whole(broker: Cluster) -> None:
    """A process that opens a store of thousands of keys has all of them."""
    access = await installed(broker, (KEYS,))
    keys = [make(bytes([n % 256]), n) for n in range(3_000)]
    async with opened_keys(access) as one:
        await asyncio.gather(*(one.put(key) for key in keys))
    async with opened_keys(access) as other:
        found = [await other.by_id(key.key_id) for key in keys]
    assert found == keys


async def test_no_partition_is_passed_over_because_others_filled_the_answer(broker: Cluster) -> None:
    """More keys than one answer holds, over so many partitions that some come away empty: a fresh store has
    all of them."""
    partitions = FETCH_BYTES_MAX // PARTITION_BYTES_MAX + 4
    desks = {partition_of(f"d{n}", partitions): f"d{n}" for n in range(20 * partitions)}
    assert len(desks) == partitions
    size = PARTITION_BYTES_MAX // 16
    ids = [make(b"a", n).key_id for n in range(18 * partitions)]
    stored = [StoredKey(key_id, desks[n % partitions], os.urandom(size)) for n, key_id in enumerate(ids)]
    access = await installed(broker, (KEYS,), partitions)
    wire = Wire(access)
    await wire.open()
    one, fresh = (KafkaKeys(access, wire, SystemClock(), partitions) for _ in range(2))
    await asyncio.gather(*(one.put(key) for key in stored))
    await fresh.open()
    missing = [key for key in stored if key.key_id not in fresh._kept[key.identity]]
    found = [await fresh.by_id(key.key_id) for key in stored]
    await one.close()
    await fresh.close()
    await wire.close()
    assert not missing
    assert found == stored


async def test_what_lies_behind_a_compacted_end_of_a_segment_is_read(broker: Cluster) -> None:
    """Where compaction took the last records of a segment, a fetch brings no record although more follow in
    the next one: they are read all the same."""
    access = await installed(broker, (KEYS,), partitions=1)
    await compacted_at_once(access, {"segment.bytes": str(1 << 20)})  # segments that are not merged
    wire = Wire(access)
    await wire.open()
    writer = KafkaTable(access, wire, KEYS, [0], lambda *_: None)
    old, new = os.urandom(700_000), os.urandom(700_000)
    for records in ([(b"kept", b"k"), (b"twice", old)], [(b"twice", new)], [(b"last", b"l")]):
        await writer.write(0, records)
        await asyncio.sleep(2 * SEGMENT_MS / 1000)
    async with asyncio.timeout(WITHIN_S):
        while found_on_disk(broker, access, StoredKey(b"twice", "d", old)):
            await asyncio.sleep(0.1)
    found: dict[bytes, bytes | None] = {}
    table = KafkaTable(access, wire, KEYS, [0], lambda _, key, value, __: found.update({key: value}))
    await table.refresh()
    await writer.close()
    await wire.close()
    assert found == {b"kept": b"k", b"twice": new, b"last": b"l"}


async def compacted_at_once(access: KafkaAccess, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Have the broker compact the topic in seconds. more: other settings of the topic."""
    settings = {**AT_ONCE, **more}
    admin = AIOKafkaAdminClient(**access.options())
    await admin.start()
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, access.topic(KEYS), settings)])
    await admin.close()


def found_on_disk(broker: Cluster, access: KafkaAccess, key: StoredKey) -> bool:
    """Whether a key's bytes are in any file of the topic."""
    folders = Path(broker.folder).glob(f"node-*/{access.topic(KEYS)}-*")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return any(key.wrapped in path.read_bytes() for path in files if path.exists())


async def test_a_deleted_key_leaves_the_brokers_disk(broker: Cluster) -> None:
    """Compaction removes a deleted key's bytes from every file of the broker, also when nothing else is ever
    written to that partition, and the keys beside it stay."""
    access = await installed(broker, (KEYS,), partitions=4)
    await compacted_at_once(access)
    async with opened_keys(access) as keys:
        gone = StoredKey(make(b"a").key_id, "d", os.urandom(60))
        kept = make(b"b")
        await keys.put(gone)
        await keys.put(kept)
        assert found_on_disk(broker, access, gone)
        await keys.delete_identities("d", [gone.identity])
        await asyncio.sleep(2 * SEGMENT_MS / 1000)  # the broker's clock: only an old segment is closed
        await keys.roll_now(0)
        async with asyncio.timeout(WITHIN_S):
            while found_on_disk(broker, access, gone):
                await asyncio.sleep(0.1)
        assert found_on_disk(broker, access, kept)
    async with opened_keys(access) as later:
        assert await later.by_id(kept.key_id) == kept
        assert await later.by_id(gone.key_id) is None
