"""check_log reads a real file, and says what it finds by its exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from bench.brokers import Cluster
from proto.v1 import routing_pb2 as rt
from services.runtime.clock import ManualClock
from services.runtime.event_log import OWNED_TOPICS
from services.runtime.kafka_access import KafkaAccess
from services.runtime.log_kafka import KafkaLog
from services.runtime.log_sqlite import SqliteLog
from services.runtime.sqlite_file import SqliteFile
from services.runtime.topics import SNAPSHOTS
from sim.__main__ import main as simulator
from tests.contracts.kafka_harness import installed
from tests.tools.made import MadeLogs
from tools.check_log import main
from tools.stored import FILE, StoredLogs, events
from tools.stored_kafka import KafkaLogs

WHATIF = ["whatif", "--from", "2026-01-05", "--to", "2026-01-06", "--policy", "default"]
PROGRAMS: dict[str, Callable[[list[str]], object]] = {
    "check_log": lambda where: sys.exit(main(where)),
    "redecide": lambda where: simulator(["redecide", *where]),
    "whatif": lambda where: simulator([*WHATIF, *where]),
}


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


def foreign(path: Path, application_id: int) -> None:
    """A database of another program."""
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA application_id={application_id}; CREATE TABLE log_starts(x)")
    connection.close()


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 500), "is damaged"),
        (lambda path: path.write_bytes(b""), "is no log of Centrala's"),
        (lambda path: foreign(path, 0), "is no log of Centrala's"),
        (lambda path: foreign(path, 7), "belongs to another program"),
    ],
    ids=["damaged", "empty", "unmarked", "foreign"],
)
def test_what_is_no_log_is_told_plainly(
    tmp_path: Path,
    make: Callable[[Path], None],
    words: str,
    program: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A damaged, empty or foreign file gives exit code 2 and one plain line, whoever reads it."""
    make(tmp_path / FILE)
    with pytest.raises(SystemExit) as ended:
        PROGRAMS[program](["--data", str(tmp_path)])
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    [line] = told.err.splitlines()
    assert words in line


async def test_a_damaged_page_is_told_plainly(
    tmp_path: Path, logs: MadeLogs, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file whose first page is whole and whose others are not gives exit code 2, too."""
    for _ in range(200):
        logs.batch("routing", ("resolved", rt.Resolved(conversation_id="c" * 500)))
    await store(tmp_path, logs)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert main(["--data", str(tmp_path)]) == 2
    assert "is damaged" in capsys.readouterr().err


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
    found = [event.resolved.conversation_id for event in events(StoredLogs(tmp_path), "routing")]
    assert found == ["c1"]


async def on_kafka(broker: Cluster, logs: MadeLogs) -> KafkaAccess:
    """Write logs made by hand onto a broker."""
    access = await installed(broker, ("inbound", *OWNED_TOPICS, SNAPSHOTS), partitions=1)
    log = await KafkaLog.open(access)
    for topic, values in logs.logs.items():
        if values:
            await log.append(topic, 0, values)
    await log.close()
    return access


def checked(access: KafkaAccess) -> int:
    """The program's exit code for an installation on Kafka."""
    return main(["--kafka", access.servers, "--prefix", access.prefix])


@pytest.mark.servers
async def test_good_on_kafka(broker: Cluster, logs: MadeLogs, capsys: pytest.CaptureFixture[str]) -> None:
    """Logs on a broker whose invariants hold give exit code 0 and the same state as a file."""
    access = await on_kafka(broker, logs)
    assert await asyncio.to_thread(checked, access) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("all invariants hold")


@pytest.mark.servers
async def test_bad_on_kafka(broker: Cluster, logs: MadeLogs, capsys: pytest.CaptureFixture[str]) -> None:
    """A violation on a broker gives exit code 1 and the same line as in a file."""
    logs.batch("routing", ("resolved", rt.Resolved(conversation_id="c1")))
    access = await on_kafka(broker, logs)
    assert await asyncio.to_thread(checked, access) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "(2) one state: routing/0/0/0: c1 is resolved while it is new" in lines


@pytest.mark.servers
async def test_an_effect_behind_its_causes_end_is_left_out(broker: Cluster, logs: MadeLogs) -> None:
    """What follows from a record behind the end of its topic, as that was read, is not looked at."""
    logs.batch("routing", ("resolved", rt.Resolved(conversation_id="c1")), read=[logs.read("conversations")])
    ahead = logs.read("conversations")
    ahead.offset += 5
    logs.batch("routing", ("resolved", rt.Resolved(conversation_id="c2")), read=[ahead])
    access = await on_kafka(broker, logs)

    def routing() -> list[int]:
        found = KafkaLogs(access)
        try:
            return [record.offset for record in found.records("routing", 0)]
        finally:
            found.close()

    assert await asyncio.to_thread(routing) == [0, 1]


def test_brokers_come_from_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    """`--kafka` alone takes the brokers that the processes have, and says which setting that is."""
    assert main(["--kafka"]) == 2
    assert "set CENTRALA_KAFKA to host:port" in capsys.readouterr().err


@pytest.mark.servers
async def test_no_broker(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a broker the exit code is 2, with a plain word."""
    code = await asyncio.to_thread(main, ["--kafka", "127.0.0.1:1"])
    assert code == 2
    assert "127.0.0.1:1 has no server that listens" in capsys.readouterr().err
