"""The contract of the snapshot store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proto.v1.envelope_pb2 import InputPosition
from services.runtime.event_log import LogReset
from services.runtime.snapshots import (
    CHUNK_BYTES,
    KEPT,
    MemorySnapshots,
    Snapshot,
    SnapshotStore,
    SqliteSnapshots,
)
from services.runtime.sqlite_open import rows
from tests.contracts.harness import SqliteHarness
from tests.contracts.kafka_harness import kafka_snapshots


def make(offset: int, size: int = 10, topic: str = "routing", partition: int = 0) -> Snapshot:
    """A snapshot at an offset."""
    positions = [InputPosition(topic="conversations", offset=offset, epoch=2, next_seq=7, index=1)]
    return Snapshot(topic, partition, 3, offset, 2, offset, 1_000 + offset, positions, os.urandom(size))


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[SqliteHarness]:
    """A file for the SQLite adapter."""
    made = SqliteHarness(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(params=["memory", "sqlite", pytest.param("kafka", marks=pytest.mark.servers)])
async def snapshots(request: pytest.FixtureRequest, harness: SqliteHarness) -> AsyncIterator[SnapshotStore]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemorySnapshots()
    elif request.param == "sqlite":
        yield SqliteSnapshots(harness.file)
    else:
        async with kafka_snapshots(request.getfixturevalue("broker")) as made:
            yield made


async def test_the_newest_comes_back_whole(snapshots: SnapshotStore) -> None:
    """The newest snapshot comes back as it was saved, whatever its size."""
    assert await snapshots.load("routing", 0) is None
    for offset, size in enumerate((0, 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 1)):
        snapshot = make(offset, size)
        await snapshots.save(snapshot)
        assert await snapshots.load("routing", 0) == snapshot


async def test_partitions_are_apart(snapshots: SnapshotStore) -> None:
    """Each partition of each topic has its own newest snapshot."""
    kept = [make(1), make(2, topic="sla"), make(3, partition=1)]
    for snapshot in kept:
        await snapshots.save(snapshot)
    for snapshot in kept:
        assert await snapshots.load(snapshot.topic, snapshot.partition) == snapshot


async def test_an_older_one_does_not_replace_a_newer_one(snapshots: SnapshotStore) -> None:
    """Newest is who stands furthest in the log, not who was saved last."""
    newest = make(10)
    await snapshots.save(newest)
    await snapshots.save(make(5))
    assert await snapshots.load("routing", 0) == newest


async def test_only_two_are_kept(harness: SqliteHarness) -> None:
    """Older snapshots go with all their chunks."""
    snapshots = SqliteSnapshots(harness.file)
    for offset in range(5):
        await snapshots.save(make(offset, 2 * CHUNK_BYTES))
    counts = await harness.file.read(
        lambda c: rows(c, "SELECT (SELECT count(*) FROM snapshots), (SELECT count(*) FROM snapshot_chunks)")
    )
    assert counts == [(KEPT, 2 * KEPT)]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE snapshot_chunks SET data = zeroblob(length(data)) WHERE id = 2 AND n = 1",
        "DELETE FROM snapshot_chunks WHERE id = 2 AND n = 1",
        "UPDATE snapshots SET manifest = x'00' WHERE id = 2",
    ],
)
async def test_a_damaged_one_is_ignored(harness: SqliteHarness, damage: str) -> None:
    """If the newest is damaged, the one before it is loaded."""
    snapshots = SqliteSnapshots(harness.file)
    older = make(1, 2 * CHUNK_BYTES)
    await snapshots.save(older)
    await snapshots.save(make(2, 2 * CHUNK_BYTES))
    await harness.file.run(lambda c: rows(c, damage))
    assert await snapshots.load("routing", 0) == older


async def test_a_torn_one_is_ignored_and_swept(harness: SqliteHarness) -> None:
    """Chunks without a manifest are nothing, and go with the next snapshot of another process."""
    snapshots = SqliteSnapshots(harness.file)
    await snapshots.save(make(1, CHUNK_BYTES))
    saving = asyncio.ensure_future(snapshots.save(make(2, 50 * CHUNK_BYTES)))
    while not await harness.file.read(
        lambda c: rows(c, "SELECT 1 FROM snapshot_chunks WHERE id = 2 AND n = 3")
    ):
        assert not saving.done()
    saving.cancel()
    await asyncio.gather(saving, return_exceptions=True)
    await harness.reopen()
    snapshots = SqliteSnapshots(harness.file)
    newest = await snapshots.load("routing", 0)
    assert newest is not None
    assert newest.offset == 1
    await snapshots.save(make(3, CHUNK_BYTES))
    chunks = await harness.file.read(lambda c: rows(c, "SELECT count(*) FROM snapshot_chunks"))
    assert chunks == [(2,)]


async def test_appends_go_between_the_chunks(harness: SqliteHarness) -> None:
    """While a snapshot is written, appends are committed in between: one chunk is one commit."""
    snapshots = SqliteSnapshots(harness.file)
    saving = asyncio.ensure_future(snapshots.save(make(1, 40 * CHUNK_BYTES)))
    appended = 0
    while not saving.done():
        await harness.log.append("inbound", 0, [b"x"])
        appended += 1
    assert appended > 10


async def test_a_failed_commit_leaves_the_older_one(harness: SqliteHarness) -> None:
    """A full disk fails the save with LogReset; the snapshot before it stays."""
    snapshots = SqliteSnapshots(harness.file)
    older = make(1)
    await snapshots.save(older)
    await harness.fill_disk()
    with pytest.raises(LogReset):
        await snapshots.save(make(2, 4 * CHUNK_BYTES))
    await harness.free_disk()
    assert await snapshots.load("routing", 0) == older
    await snapshots.save(make(3))
