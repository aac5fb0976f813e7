"""The contract of the key store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.kernel.errors import Invalid
from services.runtime.clock import ManualClock
from services.runtime.event_log import LogReset
from services.runtime.keys import KeyStore, MemoryKeys, SqliteKeys, StoredKey
from services.runtime.log_sqlite import SqliteLog
from services.runtime.sqlite_file import SqliteFile
from services.runtime.sqlite_open import rows
from tests.contracts.harness import SqliteHarness
from tests.contracts.kafka_harness import kafka_keys


def make(identity: bytes, n: int = 0, desk: str = "d") -> StoredKey:
    """A key of the identity, made in millisecond n."""
    return StoredKey(identity * 16 + n.to_bytes(6, "big") + bytes(8), desk, os.urandom(60))


STORES = ["memory", "sqlite", "sqlite surveyed", pytest.param("kafka", marks=pytest.mark.servers)]


@pytest.fixture(params=STORES)
async def keys(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeyStore]:
    """Each adapter in turn."""
    if request.param == "kafka":
        async with kafka_keys(request.getfixturevalue("broker")) as made:
            yield made
        return
    if request.param == "memory":
        yield MemoryKeys()
        return
    harness = SqliteHarness(tmp_path)
    await harness.start()
    found = SqliteKeys(harness.file)
    if request.param == "sqlite surveyed":
        await found.survey()
    yield found
    await harness.stop()


async def test_a_key_is_found_by_id_and_by_identity(keys: KeyStore) -> None:
    """A key that was put is found both ways at once, and others are not."""
    key = make(b"a")
    await keys.put(key)
    assert await keys.by_id(key.key_id) == key
    assert await keys.by_identity("d", key.identity) == key
    assert await keys.by_identity("d", b"b" * 16) is None
    assert await keys.by_id(make(b"b").key_id) is None


async def test_a_key_belongs_to_its_desk(keys: KeyStore) -> None:
    """Another desk neither finds nor deletes a key."""
    key = make(b"a")
    await keys.put(key)
    assert await keys.by_identity("other", key.identity) is None
    assert await keys.delete_identities("other", [key.identity]) == 0
    assert await keys.by_id(key.key_id) == key


async def test_two_keys_of_one_identity_both_stay(keys: KeyStore) -> None:
    """An identity may have several keys: each opens what it sealed, and the newest is what is asked for."""
    one, two = make(b"a", 1), make(b"a", 2)
    await keys.put(one)
    await keys.put(two)
    assert await keys.by_id(one.key_id) == one
    assert await keys.by_id(two.key_id) == two
    assert await keys.by_identity("d", one.identity) == two
    await keys.delete_identities("d", [b"x" * 16])  # whatever was put before is durable after this
    assert await keys.by_identity("d", one.identity) == two


async def test_the_first_key_of_an_id_stays(keys: KeyStore) -> None:
    """Putting the same id again changes nothing once it is kept."""
    key = make(b"a")
    await keys.put(key)
    await keys.delete_identities("d", [b"x" * 16])  # whatever was put before is durable after this
    await keys.put(key._replace(wrapped=b"other"))
    await keys.delete_identities("d", [b"x" * 16])
    assert await keys.by_id(key.key_id) == key


async def test_deleting_takes_all_keys_of_the_identities(keys: KeyStore) -> None:
    """Deleting identities takes all their keys, says how many, and leaves the others."""
    gone = [make(b"a", 1), make(b"a", 2), make(b"b")]
    kept = make(b"c")
    for key in (*gone, kept):
        await keys.put(key)
    assert await keys.delete_identities("d", [b"a" * 16, b"b" * 16]) == 3
    assert [await keys.by_id(key.key_id) for key in gone] == [None] * 3
    assert await keys.by_identity("d", b"a" * 16) is None
    assert await keys.by_id(kept.key_id) == kept
    assert await keys.delete_identities("d", [b"a" * 16]) == 0


async def test_deleting_spares_keys_made_later(keys: KeyStore) -> None:
    """Of an identity's keys only those made until the given time are deleted."""
    one, two, three = (make(b"a", n) for n in (1, 2, 3))
    for key in (one, two, three):
        await keys.put(key)
    assert await keys.delete_identities("d", [b"a" * 16], 2) == 2
    assert [await keys.by_id(key.key_id) for key in (one, two, three)] == [None, None, three]
    assert await keys.by_identity("d", b"a" * 16) == three


async def test_a_key_put_during_a_deletion_stays(keys: KeyStore) -> None:
    """From the call of a deletion on nobody gets the old key, and one that is put meanwhile stays."""
    old, new = make(b"a", 1), make(b"a", 2)
    await keys.put(old)
    deleting = asyncio.ensure_future(keys.delete_identities("d", [old.identity]))
    await asyncio.sleep(0)
    assert await keys.by_identity("d", old.identity) is None
    assert await keys.by_id(old.key_id) is None
    await keys.put(new)
    assert await deleting == 1
    assert await keys.by_id(old.key_id) is None
    assert await keys.by_identity("d", old.identity) == new


async def test_a_sample_is_any_key(keys: KeyStore) -> None:
    """There is a sample as soon as there is a key."""
    assert await keys.sample() is None
    key = make(b"a")
    await keys.put(key)
    await keys.delete_identities("d", [])
    assert await keys.sample() == key


async def test_identities_are_those_of_the_desk(keys: KeyStore) -> None:
    """Every identity of the desk that has a key is told, and nobody else's."""
    for key in (make(b"a"), make(b"b"), make(b"b", 1), make(b"c", desk="other")):
        await keys.put(key)
    await keys.delete_identities("d", [b"a" * 16])
    await keys.put(make(b"e"))
    assert {one async for one in keys.identities("d")} == {b"b" * 16, b"e" * 16}


async def test_an_id_of_a_wrong_length_is_invalid(keys: KeyStore) -> None:
    """A key whose id does not begin with an identity is refused."""
    with pytest.raises(Invalid):
        await keys.put(StoredKey(b"short", "d", b"x"))


def raw_files(folder: Path) -> bytes:
    """Every byte of every file there."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_keys_of_an_earlier_process_are_found_after_the_survey(tmp_path: Path) -> None:
    """The survey knows what lies in the file, whoever put it there, and nothing else."""
    harness = SqliteHarness(tmp_path)
    await harness.start()
    kept = [make(bytes([n])) for n in range(200)]
    for key in kept:
        await SqliteKeys(harness.file).put(key)
    await harness.log.append("inbound", 0, [b"and a record"])
    keys = SqliteKeys(harness.file)
    await keys.survey()
    assert [await keys.by_identity("d", key.identity) for key in kept] == kept
    assert await keys.by_identity("d", bytes([201]) * 16) is None
    await harness.stop()


async def test_a_deleted_key_is_nowhere_in_the_files(tmp_path: Path) -> None:
    """After the deletion no byte of a wrapped key is in the file, its WAL, or anything beside it."""
    harness = SqliteHarness(tmp_path)
    await harness.start()
    keys = SqliteKeys(harness.file)
    gone = [make(bytes([n])) for n in range(100)]
    kept = [make(bytes([n])) for n in range(100, 200)]
    for key in (*gone, *kept):
        await keys.put(key)
        await harness.log.append("inbound", 0, [b"x" * 500])
    found = raw_files(tmp_path)
    assert all(key.wrapped in found for key in (*gone, *kept))
    await keys.delete_identities("d", [key.identity for key in gone])
    found = raw_files(tmp_path)
    assert not any(key.wrapped in found or key.wrapped[:16] in found for key in gone)
    assert all(key.wrapped in found for key in kept)
    await harness.stop()


async def test_a_key_is_durable_before_what_is_appended_later(tmp_path: Path) -> None:
    """A key survives a failed commit: nothing appended after its put becomes durable without it."""
    harness = SqliteHarness(tmp_path)
    await harness.start()
    keys = SqliteKeys(harness.file)
    await harness.log.append("inbound", 0, [b"first"])
    await harness.fill_disk()
    key = make(b"a")
    await keys.put(key)
    with pytest.raises(LogReset):
        await harness.log.append("inbound", 0, [os.urandom(100_000)])
    assert await keys.by_id(key.key_id) == key
    await harness.free_disk()
    await harness.log.append("inbound", 0, [b"sealed under the key"])
    await harness.reopen()
    assert await SqliteKeys(harness.file).by_id(key.key_id) == key
    await harness.stop()


async def test_a_key_whose_commit_failed_lands_without_another_write(tmp_path: Path) -> None:
    """With room on the disk again a key becomes durable by itself, also if the first trials fail too; as
    nothing of anybody else's was lost, nobody has to restore."""
    failures = ["disk full"] * 3

    def at_step(name: str) -> None:
        if name == "written" and failures:
            raise OSError(failures.pop())

    file = SqliteFile(tmp_path / "log.db", ManualClock(), at_step=at_step, carried_again_s=0.001)
    table = file.carried_table("keys", "key_id, desk_id, wrapped")
    key = make(b"a")
    await asyncio.wait_for(file.append(table, [key]), 5)
    assert not failures
    assert file.generation == 0
    assert await SqliteKeys(file).by_id(key.key_id) == key
    await file.close()


async def test_a_key_whose_commit_failed_lands_at_the_close(tmp_path: Path) -> None:
    """A file that is closed before the next trial tries it once more."""
    failures = ["disk full"]

    def at_step(name: str) -> None:
        if name == "written" and failures:
            raise OSError(failures.pop())

    file = SqliteFile(tmp_path / "log.db", ManualClock(), at_step=at_step, carried_again_s=3_600)
    table = file.carried_table("keys", "key_id, desk_id, wrapped")
    landed = file.append(table, [make(b"a")])
    while failures:
        await asyncio.sleep(0)
    await file.close()
    await asyncio.wait_for(landed, 5)


async def test_a_failed_deletion_can_be_called_again(tmp_path: Path) -> None:
    """If the commit of a deletion fails the key is still there, and the next call deletes it."""
    harness = SqliteHarness(tmp_path)
    await harness.start()
    keys = SqliteKeys(harness.file)
    await harness.log.append("inbound", 0, [b"first"])
    key = make(b"a")
    await keys.put(key)
    await harness.fill_disk()
    lost = asyncio.ensure_future(harness.log.append("inbound", 0, [os.urandom(100_000)]))
    await asyncio.sleep(0)
    with pytest.raises(LogReset):
        await keys.delete_identities("d", [key.identity])
    await asyncio.gather(lost, return_exceptions=True)
    assert await keys.by_id(key.key_id) == key
    await harness.free_disk()
    assert await keys.delete_identities("d", [key.identity]) == 1
    assert await keys.by_id(key.key_id) is None
    await harness.stop()


async def test_put_and_append_share_a_commit(tmp_path: Path) -> None:
    """A put does not wait for the disk; the append behind it takes it along."""
    harness = SqliteHarness(tmp_path)
    await harness.start()
    keys = SqliteKeys(harness.file)
    await harness.log.append("inbound", 0, [b"x"])
    before = harness.file.commits

    async def message(n: int) -> None:
        await keys.put(make(bytes([n])))
        await harness.log.append("inbound", 0, [b"x"])

    await asyncio.gather(*(message(n) for n in range(50)))
    assert harness.file.commits == before + 1
    await harness.stop()


async def test_a_deletion_waits_for_a_reader_of_the_file(tmp_path: Path) -> None:
    """While the process reads its own file, a deletion still ends with the WAL cut."""
    harness = SqliteHarness(tmp_path)
    await harness.start()
    keys = SqliteKeys(harness.file)
    log = harness.log.inner
    assert isinstance(log, SqliteLog)
    for n in range(20):
        await keys.put(make(bytes([n])))
        await log.append("inbound", 0, [b"x" * 2_000] * 50)

    def scan(file: SqliteFile) -> Any:
        return file.read(lambda c: rows(c, "SELECT sum(length(value)) FROM log_inbound_0"))

    reading = [asyncio.ensure_future(scan(harness.file)) for _ in range(5)]
    assert await keys.delete_identities("d", [bytes([n]) * 16 for n in range(20)]) == 20
    await asyncio.gather(*reading)
    assert (tmp_path / "log.db-wal").stat().st_size == 0
    await harness.stop()
