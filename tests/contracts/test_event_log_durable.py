"""The contract of the event log on a machine that fails: for adapters that keep a file."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.kernel.errors import Busy, Corrupt, Invalid
from services.runtime.event_log import LogReset, TopicPartition
from services.runtime.log_sqlite import SqliteLog, stored_partitions, stored_records
from services.runtime.sqlite_file import SqliteFile
from tests.contracts.child import APPENDS, GROUP, value_of
from tests.contracts.harness import DURABLE, SqliteHarness, run_child
from tests.contracts.test_event_log import INBOUND, read_all


@pytest.fixture(params=DURABLE, ids=lambda factory: factory.__name__)
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteHarness]:
    """Each such adapter, opened."""
    factory: Callable[[Path], SqliteHarness] = request.param
    made = factory(tmp_path)
    await made.start()
    yield made
    await made.stop()


def acknowledged(lines: list[str]) -> dict[str, int]:
    """Topic -> how many records were acknowledged to the child."""
    ends: dict[str, int] = {}
    for line in lines:
        word, *rest = line.split()
        if word == "ack":
            ends[rest[0]] = int(rest[1]) + int(rest[2])
    return ends


async def check_after_crash(path: Path, ends: dict[str, int]) -> None:
    """The log opens, holds all that was acknowledged in whole appends, and goes on."""
    harness = SqliteHarness(path.parent)
    await harness.start()
    try:
        for topic, end in ends.items():
            records = await read_all(harness.log, TopicPartition(topic, 0))
            assert len(records) >= end
            assert len(records) % GROUP == 0
            assert [r.value for r in records] == [value_of(topic, n) for n in range(len(records))]
            assert await harness.log.append(topic, 0, [b"next"]) == len(records)
    finally:
        await harness.stop()


@pytest.mark.parametrize(
    ("step", "nth"),
    [("gathered", 1), ("gathered", 30), ("written", 1), ("committed", 25), ("checkpointed", 3)],
)
async def test_a_crash_between_two_steps_loses_nothing(tmp_path: Path, step: str, nth: int) -> None:
    """Killed at any step of a commit, the log has every acknowledged append whole, and goes on."""
    lines, code = await run_child("write", str(tmp_path / "log.db"), step, str(nth))
    assert code == -9
    await check_after_crash(tmp_path / "log.db", acknowledged(lines))


async def test_a_crash_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """Killed from outside in the middle of the work, and again after a restart: the same."""
    path = tmp_path / "log.db"
    lines, code = await run_child("write", str(path), "never", "1", kill_after_lines=80)
    assert code == -9
    assert len(lines) < 2 * APPENDS
    await check_after_crash(path, acknowledged(lines))


@pytest.mark.parametrize("garble", [False, True])
async def test_a_torn_tail_keeps_what_lies_before_it(tmp_path: Path, garble: bool) -> None:
    """With the file's tail cut off or overwritten, the log opens with all that lies before the tear."""
    path = tmp_path / "log.db"
    lines, _ = await run_child("write", str(path), "committed", "40")
    wal_bytes = os.path.getsize(f"{path}-wal")
    for missing in (1, 5_000, wal_bytes // 2):
        torn = tmp_path / f"torn{missing}"
        torn.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", torn / f"log.db{suffix}")
        kept = wal_bytes - missing
        with open(torn / "log.db-wal", "r+b") as file:
            if garble:
                file.seek(kept)
                file.write(os.urandom(missing))
            else:
                file.truncate(kept)
        before = [line for line in lines if int(line.split()[4]) <= kept]
        await check_after_crash(torn / "log.db", acknowledged(before))


async def test_a_full_disk_refuses_and_then_goes_on(tmp_path: Path) -> None:
    """When the disk is full appends fail with LogReset; with room again the log goes on, nothing is lost."""
    path = tmp_path / "log.db"
    lines, code = await run_child("full", str(path))
    assert code == 0
    assert lines[-1] == "resets 1"
    assert acknowledged(lines) == {"inbound": APPENDS}
    values = [r.value for r in stored_records(path, "inbound", 0)]
    assert values == [value_of("inbound", n) for n in range(APPENDS)]


async def test_a_failed_commit_resets_everybody(harness: SqliteHarness) -> None:
    """After a failed commit every pending append and every reader gets LogReset, offsets are taken back,
    and what was acknowledged before stays."""
    log = harness.log
    await log.append("inbound", 0, [b"a"])
    await log.append("routing", 0, [b"r"])
    waiting = log.reader({INBOUND: 1})
    fetch = asyncio.ensure_future(waiting.fetch(60_000))
    await asyncio.sleep(0)
    idle = log.reader({TopicPartition("routing", 0): 1})
    generation = harness.file.generation
    await harness.fill_disk()
    big = os.urandom(100_000)
    lost = [asyncio.ensure_future(log.append("inbound", 0, [big])) for _ in range(3)]
    assert [r.value for r in (await fetch).records] == [big] * 3  # seen before it was durable
    results = await asyncio.gather(*lost, return_exceptions=True)
    assert [type(result) for result in results] == [LogReset] * 3
    for reader in (waiting, idle):
        with pytest.raises(LogReset):
            await reader.fetch(0)
    assert harness.file.generation > generation
    assert await log.end("inbound", 0) == 1
    await harness.free_disk()
    assert await log.append("inbound", 0, [b"b"]) == 1
    assert [r.value for r in await read_all(log)] == [b"a", b"b"]


async def test_a_failed_commit_wakes_a_waiting_reader(harness: SqliteHarness) -> None:
    """A fetch that waits while a commit of another partition fails ends with LogReset."""
    await harness.log.append("inbound", 0, [b"a"])
    await harness.log.append("routing", 0, [b"r"])
    waiting = asyncio.ensure_future(harness.log.reader({INBOUND: 1}).fetch(60_000))
    await harness.fill_disk()
    with pytest.raises(LogReset):
        await harness.log.append("routing", 0, [os.urandom(100_000)])
    with pytest.raises(LogReset):
        await waiting
    await harness.free_disk()


async def test_a_second_process_is_refused_in_plain_words(harness: SqliteHarness) -> None:
    """Another process that opens the same file is told which process has it and what to do."""
    lines, _ = await run_child("open", str(harness.path))
    who = f"{harness.path} is in use by process {os.getpid()}"
    assert lines == [f"{who}; stop that one, or name another data directory"]
    with pytest.raises(Invalid, match="in use by process"):
        SqliteFile(harness.path, harness.clock)


async def test_acknowledged_means_readable_by_others(harness: SqliteHarness) -> None:
    """At the acknowledgement a record can be read from the file by another connection."""
    await harness.log.append("inbound", 2, [b"a", b"b"])
    assert [r.value for r in stored_records(harness.path, "inbound", 2)] == [b"a", b"b"]
    assert stored_partitions(harness.path)[TopicPartition("inbound", 2)].end == 2
    assert list(stored_records(harness.path, "inbound", 7)) == []


async def test_a_dead_process_s_file_can_be_read(tmp_path: Path) -> None:
    """Tools read what a killed process left, its unfinished WAL included, before anybody restarts it."""
    path = tmp_path / "log.db"
    lines, _ = await run_child("write", str(path), "committed", "20")
    for topic, end in acknowledged(lines).items():
        values = [r.value for r in stored_records(path, topic, 0)]
        assert len(values) >= end
        assert values == [value_of(topic, n) for n in range(len(values))]


async def test_visible_before_durable(harness: SqliteHarness) -> None:
    """A reader of the process has a record before its commit is over."""
    reader = harness.log.reader({INBOUND: 0})
    pending = asyncio.ensure_future(harness.log.append("inbound", 0, [b"x"]))
    await asyncio.sleep(0)
    assert [r.value for r in (await reader.fetch(0)).records] == [b"x"]
    assert not pending.done()
    assert await pending == 0


async def test_a_cancelled_append_still_counts(harness: SqliteHarness) -> None:
    """An append whose caller went away lands, and those behind it are acknowledged as ever."""
    first = asyncio.ensure_future(harness.log.append("inbound", 0, [b"a"]))
    second = asyncio.ensure_future(harness.log.append("inbound", 0, [b"b"]))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 1
    assert [r.value for r in await read_all(harness.log)] == [b"a", b"b"]


async def test_one_commit_takes_all_that_is_ready(harness: SqliteHarness) -> None:
    """Appends of many tasks in one turn of the loop share a commit."""
    before = harness.file.commits
    await asyncio.gather(*(harness.log.append("inbound", 0, [b"x"]) for _ in range(100)))
    assert harness.file.commits == before + 1


async def test_a_closed_file_refuses_and_closes_again(tmp_path: Path) -> None:
    """After closing, writes are refused in plain words and closing again does nothing."""
    harness = SqliteHarness(tmp_path)
    await harness.start()
    await harness.log.append("inbound", 0, [b"x"])
    await harness.stop()
    await harness.stop()
    with pytest.raises(Busy, match="being closed"):
        await harness.log.append("inbound", 0, [b"y"])


async def test_what_is_enqueued_at_the_close_is_committed(tmp_path: Path) -> None:
    """Closing finishes the appends that are under way."""
    harness = SqliteHarness(tmp_path)
    await harness.start()
    pending = asyncio.ensure_future(harness.log.append("inbound", 0, [b"x"]))
    await asyncio.sleep(0)
    await harness.stop()
    assert await pending == 0
    assert [r.value for r in stored_records(harness.path, "inbound", 0)] == [b"x"]


async def test_what_is_no_log_is_refused(tmp_path: Path, harness: SqliteHarness) -> None:
    """A file that is no database is named as damaged; one of another program as such."""
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database " * 1_000)
    with pytest.raises(Corrupt, match="damaged"):
        SqliteFile(broken, harness.clock)
    await harness.file.run(lambda c: c.execute("PRAGMA application_id=7").fetchall())
    await harness.stop()
    with pytest.raises(Invalid, match="belongs to another program"):
        SqliteFile(harness.path, harness.clock)


async def test_an_invalid_topic_is_refused(harness: SqliteHarness) -> None:
    """A topic's name cannot smuggle anything into a statement."""
    with pytest.raises(Invalid, match="no topic partition"):
        await harness.log.append('x"; DROP TABLE keys; --', 0, [b"x"])


async def test_memory_keeps_only_the_newest(harness: SqliteHarness) -> None:
    """However long a partition grows, only its newest records stay in memory."""
    inner = harness.log.inner
    assert isinstance(inner, SqliteLog)
    for _ in range(20):
        await harness.log.append("inbound", 0, [b"x"] * 1_000)
    for _ in range(30):
        await harness.log.append("routing", 0, [b"x" * 500_000])
    assert len(inner.tail(INBOUND).records) <= 10_000
    assert inner.tail(TopicPartition("routing", 0)).bytes <= 10 << 20
    assert len(await read_all(harness.log)) == 20_000
    assert len(await read_all(harness.log, TopicPartition("routing", 0))) == 30
