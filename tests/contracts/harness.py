"""What the contract of the event log needs of an adapter, beside the log itself.

A new adapter brings a factory, `Callable[[Path], Harness]`, and is named in `FACTORIES`. What an adapter
cannot suffer (a log in memory has no disk) it leaves out of `DURABLE`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from services.kernel.errors import Fenced
from services.runtime.clock import Clock, ManualClock
from services.runtime.event_log import EventLog, LogReader, TopicPartition
from services.runtime.log_memory import Fault, MemoryLog
from services.runtime.log_sqlite import SqliteLog
from services.runtime.sqlite_file import SqliteFile
from services.runtime.sqlite_open import rows

ROOT = Path(__file__).parents[2]


class Harness(Protocol):
    """A log with its clock, and the means to make it fail."""

    @property
    def clock(self) -> Clock:
        """The log's clock."""

    @property
    def log(self) -> EventLog:
        """The log as it is open now."""

    async def start(self) -> None:
        """Open the log."""

    async def stop(self) -> None:
        """Close it."""

    async def reopen(self) -> None:
        """Close the log and open it again, if it can be."""

    def advance(self, ms: int) -> int:
        """Move the log's clock; by how much it could be moved, ms."""

    def lose_next_ack(self) -> None:
        """The next append lands and is reported as failed."""

    def delay_next_append(self) -> None:
        """The next append is reported as failed and lands with `land_late`."""

    async def land_late(self) -> None:
        """What was delayed lands now."""


class MemoryHarness:
    """The log in memory, which has the faults itself."""

    def __init__(self, _folder: Path) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock)

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Close it."""
        await self.log.close()

    async def reopen(self) -> None:
        """It lives as long as the process."""

    def advance(self, ms: int) -> int:
        """See Harness."""
        self.clock.advance(ms)
        return ms

    def lose_next_ack(self) -> None:
        """See Harness."""
        self.log.faults.ordered.append(Fault.LOST)

    def delay_next_append(self) -> None:
        """See Harness."""
        self.log.faults.ordered.append(Fault.LATE)

    async def land_late(self) -> None:
        """See Harness."""
        self.log.land_late()


class YieldingMemoryHarness(MemoryHarness):
    """The same with a turn of the loop between landing and acknowledgement."""

    def __init__(self, _folder: Path) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock, yields=True)


class Unreliable:
    """A network in front of a log that has none."""

    def __init__(self, inner: EventLog) -> None:
        self.inner = inner
        self.lose = False
        self.delay = False
        self.late: list[tuple[str, int, list[bytes]]] = []

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """Append, lose the acknowledgement, or keep the append for later."""
        if self.delay:
            self.delay = False
            self.late.append((topic, partition, list(values)))
            raise Fenced("no acknowledgement")
        offset = await self.inner.append(topic, partition, values)
        if self.lose:
            self.lose = False
            raise Fenced("no acknowledgement")
        return offset

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """The log's own."""
        return self.inner.reader(starts, lazy)

    async def end(self, topic: str, partition: int) -> int:
        """The log's own."""
        return await self.inner.end(topic, partition)

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """The log's own."""
        await self.inner.delete_before(topic, partition, offset)

    async def close(self) -> None:
        """The log's own."""
        await self.inner.close()

    async def land_late(self) -> None:
        """What was delayed lands now."""
        for topic, partition, values in self.late:
            await self.inner.append(topic, partition, values)
        self.late.clear()


class SqliteHarness:
    """The log in a file, with crashes, torn tails and a full disk."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.path = folder / "log.db"
        self.log: Unreliable

    async def start(self) -> None:
        """See Harness."""
        self.file = SqliteFile(self.path, self.clock)
        self.log = Unreliable(SqliteLog(self.file, self.clock))

    async def stop(self) -> None:
        """See Harness."""
        await self.log.close()

    async def reopen(self) -> None:
        """See Harness."""
        await self.stop()
        await self.start()

    def advance(self, ms: int) -> int:
        """See Harness."""
        self.clock.advance(ms)
        return ms

    def lose_next_ack(self) -> None:
        """See Harness."""
        self.log.lose = True

    def delay_next_append(self) -> None:
        """See Harness."""
        self.log.delay = True

    async def land_late(self) -> None:
        """See Harness."""
        await self.log.land_late()

    async def fill_disk(self) -> None:
        """From now on the file cannot grow."""
        await self.file.run(lambda c: rows(c, "PRAGMA max_page_count=1"))

    async def free_disk(self) -> None:
        """From now on it can again."""
        await self.file.run(lambda c: rows(c, "PRAGMA max_page_count=4294967294"))


async def run_child(*arguments: str, kill_after_lines: int | None = None) -> tuple[list[str], int]:
    """Run `tests.contracts.child`; its lines and its exit code. It is killed after so many lines."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contracts.child", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    lines: list[str] = []
    async for line in child.stdout:
        if line.endswith(b"\n"):
            lines.append(line.decode().strip())
        if len(lines) == kill_after_lines:
            child.kill()
    return lines, await child.wait()


Factory = Callable[[Path], Harness]
FACTORIES: list[Factory] = [MemoryHarness, YieldingMemoryHarness, SqliteHarness]
DURABLE: list[Callable[[Path], SqliteHarness]] = [SqliteHarness]
