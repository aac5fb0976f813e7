"""check_log reads a real file, and says what it finds by its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from proto.v1 import routing_pb2 as rt
from services.runtime.clock import ManualClock
from services.runtime.log_sqlite import SqliteLog
from services.runtime.sqlite_file import SqliteFile
from tests.tools.made import MadeLogs
from tools.check_log import main
from tools.stored import FILE, StoredLogs


async def store(folder: Path, logs: MadeLogs) -> None:
    """Write logs made by hand into a real file."""
    log = SqliteLog(SqliteFile(folder / FILE, ManualClock(logs.now_ms)), ManualClock(logs.now_ms))
    for topic, values in logs.logs.items():
        if values:
            await log.append(topic, 0, values)
    await log.close()


@pytest.fixture
def logs() -> MadeLogs:
    """Logs with one batch that every engine can fold."""
    return MadeLogs()


async def test_good(tmp_path: Path, logs: MadeLogs, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose invariants hold gives exit code 0 and a summary."""
    await store(tmp_path, logs)
    assert main(["--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("all invariants hold")


async def test_bad(tmp_path: Path, logs: MadeLogs, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with a violation gives exit code 1 and a line that says where and what."""
    logs.batch("routing", ("resolved", rt.Resolved(conversation_id="c1")))
    await store(tmp_path, logs)
    assert main(["--data", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "(2) one state: routing/0/0/0: c1 is resolved while it is new" in lines


async def test_nothing_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A directory without a log gives exit code 2 and a plain word."""
    assert main(["--data", str(tmp_path)]) == 2
    assert f"there is no {FILE}" in capsys.readouterr().err


async def test_while_it_runs(tmp_path: Path, logs: MadeLogs) -> None:
    """A file that a process owns is read without disturbing it, up to where it was then."""
    file = SqliteFile(tmp_path / FILE, ManualClock(logs.now_ms))
    log = SqliteLog(file, ManualClock(logs.now_ms))
    await log.append("routing", 0, logs.logs["routing"])
    stored = StoredLogs(tmp_path)
    await log.append("routing", 0, [b"later"])
    assert [record.offset for record in stored.records("routing", 0)] == [0]
    await log.close()


async def test_events_of_valid_batches(tmp_path: Path, logs: MadeLogs) -> None:
    """Reading events passes over what a deposed writer left."""
    logs.batch("routing", ("resolved", rt.Resolved(conversation_id="c1")))
    logs.logs["routing"].append(logs.logs["routing"][-1])
    await store(tmp_path, logs)
    found = [event.resolved.conversation_id for event in StoredLogs(tmp_path).events("routing")]
    assert found == ["c1"]
