"""Whether a snapshot counts, while the log is slow to say what it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import pytest

from services.kernel.errors import Busy
from services.runtime import restore
from services.runtime.clock import ManualClock
from services.runtime.event_log import Fetched, LogReader, TopicPartition
from services.runtime.log_memory import MemoryLog
from services.runtime.snapshots import MemorySnapshots, Snapshot
from tests.runtime import toy
from tests.runtime.test_loop import OWN, running, say, turns


class SlowReader:
    """A reader whose first fetches bring nothing and prove nothing."""

    def __init__(self, reader: LogReader, silent: int) -> None:
        self._reader = reader
        self._silent = silent
        self.closed = False

    async def fetch(self, max_wait_ms: int) -> Fetched:
        """See the port."""
        if self._silent:
            self._silent -= 1
            return Fetched([], False)
        return await self._reader.fetch(max_wait_ms)

    def wake(self) -> None:
        """See the port."""
        self._reader.wake()

    async def close(self) -> None:
        """See the port."""
        self.closed = True
        await self._reader.close()


class SlowLog(MemoryLog):
    """A log whose readers are slow once `wrap` is set."""

    wrap: Callable[[LogReader], SlowReader] | None = None

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """See the port."""
        made = super().reader(starts, lazy)
        return made if self.wrap is None else self.wrap(made)


async def story(silent: int) -> tuple[SlowLog, Snapshot, list[SlowReader]]:
    """A log with a snapshot at its end, from now on with slow readers."""
    log = SlowLog(ManualClock())
    async with running(log) as (loop, committed):
        await say(log, "n:1", "n:2")
        await turns(lambda: sum(len(c.events) for c in committed) == 2)
        positions, data = list(committed[-1].positions), toy.dump(loop.state)
        snapshot = Snapshot(*OWN, toy.STATE_VERSION, *loop.place(), 0, positions, data)
    readers: list[SlowReader] = []

    def slow(made: LogReader) -> SlowReader:
        readers.append(SlowReader(made, silent))
        return readers[-1]

    log.wrap = slow
    return log, snapshot, readers


async def test_a_snapshot_counts_although_the_log_answers_late() -> None:
    """Fetches that bring nothing without being drained do not throw a snapshot away."""
    log, snapshot, readers = await story(3)
    snapshots = MemorySnapshots()
    await snapshots.save(snapshot)
    fold = await restore.begin(toy, log, snapshots, 0)
    assert (fold.offset, toy.dump(fold.state)) == (snapshot.offset, snapshot.data)
    assert [reader.closed for reader in readers] == [True]


async def test_a_log_that_never_answers_is_busy() -> None:
    """While the log says nothing at all, the take-over is tried later instead of folding from zero."""
    log, snapshot, readers = await story(restore.AGREES_TRIES)
    snapshots = MemorySnapshots()
    await snapshots.save(snapshot)
    with pytest.raises(Busy):
        await restore.begin(toy, log, snapshots, 0)
    assert [reader.closed for reader in readers] == [True]


async def test_a_log_that_is_drained_without_the_record_does_not_agree() -> None:
    """A fetch that is drained and brings nothing throws the snapshot away at once."""
    log, snapshot, _ = await story(0)

    class Nothing(SlowReader):
        async def fetch(self, max_wait_ms: int) -> Fetched:
            return Fetched([], True)

    log.wrap = lambda made: Nothing(made, 0)
    snapshots = MemorySnapshots()
    await snapshots.save(snapshot)
    assert (await restore.begin(toy, log, snapshots, 0)).offset == 0
