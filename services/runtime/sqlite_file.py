"""The one SQLite file of the embedded mode, and the one thread that writes to it.

Theory of operation. Everything that the process writes is handed over by the event loop in groups: all
that was enqueued in one turn of the loop, and all that gathered while the last commit ran, is one
transaction. When it is committed (one fsync: WAL with `synchronous=FULL`), one call into the loop
acknowledges the whole group in the order in which it was enqueued.

Appends of records take the shortest way: the rows of a group go into their tables by ONE statement,
through a temporary view whose trigger sorts them out. That statement is the whole transaction. The
reason is Python's lock: each SQLite call gives it up and must get it back, which costs up to a switch
interval (5 ms) while the event loop is busy. 128 rows took 350 ms by `executemany`, 5.8 ms by this.

When a commit fails (full disk, I/O error), all that is enqueued falls with it, since it may follow from
what is lost: the writer stands still until the loop has told everybody (`generation` rises, LogReset
to each caller), then goes on. Only what is `carried` (data keys) stays and comes first in the next
group; if nobody writes, in one of its own a moment later, and again until the disk takes it. Should that
fail nobody else is told: nothing of theirs was in it.

Only this connection writes and checkpoints; connections that read see what is committed.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw

from services.kernel.errors import Busy
from services.runtime.clock import Clock
from services.runtime.event_log import LogReset
from services.runtime.sqlite_bulk import CACHED_ROWS_MAX, ROWS_IN_STATEMENT_MAX, BulkTable, insert
from services.runtime.sqlite_open import check_library, connect, lock, open_writer, rows

T = TypeVar("T")
Job = Callable[[apsw.Connection], T]
Row = tuple[Any, Any, bytes]

WAL_BYTES_SOFT = 2 << 20
"""A WAL longer than this is checkpointed when nothing waits."""
WAL_BYTES_HARD = 8 << 20
"""A WAL longer than this is checkpointed at once: some 10 ms, which bounds the stall."""
PAGE_BYTES = 4096
CARRIED_AGAIN_S = 1.0
"""How long after a failed commit what is carried is tried again, if nobody else writes earlier."""


class _Work:
    """One thing to commit: rows for a table, or a job, or a checkpoint (neither)."""

    __slots__ = ("future", "job", "rows", "table")

    def __init__(
        self,
        future: asyncio.Future[Any],
        table: BulkTable | None = None,
        rows: Sequence[Row] = (),
        job: Job[Any] | None = None,
    ) -> None:
        self.future = future
        self.table = table
        self.rows = rows
        self.job = job

    @property
    def carried(self) -> bool:
        """Whether it outlives a failed commit."""
        return self.table is not None and self.table.carried


class SqliteFile:
    """The file, its lock, its writer thread and its readers.

    path: the database; `PATH-wal`, `PATH-shm` and `PATH.lock` lie beside it.
    fsync_delay_ms: added to each fsync of a commit or checkpoint, to measure how a slower disk would do.
    at_step: called in the writer thread at each step of a commit; crash tests end the process there.
    carried_again_s: how long after a failed commit what is carried is tried again.
    observe_commit: told there of each commit's seconds.

    Raises Invalid if another process has the file, if it is not Centrala's or made by a newer release,
    or if it cannot be opened; Corrupt if it is no longer a database.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        fsync_delay_ms: float = 0.0,
        at_step: Callable[[str], None] | None = None,
        carried_again_s: float = CARRIED_AGAIN_S,
    ) -> None:
        self.path = Path(path)
        self.generation = 0
        self.commits = 0
        self.observe_commit: Callable[[float], None] = lambda seconds: None
        self._clock = clock
        self._fsync_delay_s = fsync_delay_ms / 1000
        self._at_step = at_step
        self._carried_again_s = carried_again_s
        self._again: asyncio.TimerHandle | None = None
        check_library()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = lock(self.path)
        try:
            self._writer = open_writer(self.path)
            self._tables: list[BulkTable] = []
            self._sorted_tables = 0
            self._reader = connect(self.path, apsw.SQLITE_OPEN_READONLY)
            self._look_up = connect(self.path, apsw.SQLITE_OPEN_READONLY)
        except BaseException:
            os.close(self._lock)
            raise
        self._read_thread = ThreadPoolExecutor(1, "sqlite-read")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resets: list[Callable[[], None]] = []
        self._gathering: list[_Work] = []
        self._carried: list[_Work] = []
        self._queue: queue.SimpleQueue[list[_Work] | None] = queue.SimpleQueue()
        self._resumed = threading.Event()
        self._wal_bytes = 0
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="sqlite-write", daemon=True)
        self._thread.start()

    # What the event loop calls

    def log_table(self, name: str, durable_end: int) -> BulkTable:
        """Register a table of records (offset, at_ms, value); it is made with the first row."""
        return self._table(name, "offset, at_ms, value", durable_end, carried=False)

    def carried_table(self, name: str, columns: str) -> BulkTable:
        """Register a table of the schema whose rows are carried: see BulkTable."""
        return self._table(name, columns, None, carried=True)

    def append(self, table: BulkTable, rows: Sequence[Row]) -> asyncio.Future[None]:
        """Enqueue rows; the future is done when they are durable."""
        future: asyncio.Future[None] = self._future()
        self._enqueue(_Work(future, table, rows))
        return future

    def run(self, job: Job[T]) -> asyncio.Future[T]:
        """Enqueue a job that runs inside the group's transaction, behind the group's rows; done when that
        is durable. If it raises, the whole group falls, as when the disk is full."""
        future: asyncio.Future[T] = self._future()
        self._enqueue(_Work(future, job=job))
        return future

    def truncate_wal(self) -> asyncio.Future[None]:
        """Bring everything into the main file and cut the WAL to nothing, so that no old page is left.

        Raises Busy if another process has been reading for longer than READERS_WAIT_MS.
        """
        future: asyncio.Future[None] = self._future()
        self._enqueue(_Work(future))
        return future

    async def read(self, job: Job[T]) -> T:
        """Run a job on the reading connection, in a thread; it sees what is committed."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._read_thread, job, self._reader)

    def look_up(self, job: Job[T]) -> T:
        """Run a query by primary key at once, on the loop's thread: some 10 µs, where the way through
        another thread costs ten times that. It sees what is committed."""
        return job(self._look_up)

    def on_reset(self, callback: Callable[[], None]) -> None:
        """Have `callback` called in the loop after a failed commit, before anybody is told."""
        self._resets.append(callback)

    async def close(self) -> None:
        """Commit what is enqueued, checkpoint, and let go of the file. May be called again."""
        if self._closed:
            return
        loop = self._loop = asyncio.get_running_loop()
        self._hand_over()
        self._closed = True
        self._queue.put([])  # what is carried has a last chance
        self._queue.put(None)
        await loop.run_in_executor(None, self._thread.join)
        self._read_thread.shutdown()
        self._reader.close()
        self._look_up.close()
        self._writer.close()
        os.close(self._lock)

    def _table(self, name: str, columns: str, durable_end: int | None, carried: bool) -> BulkTable:
        table = BulkTable(name, columns, len(self._tables), durable_end, carried)
        self._tables.append(table)
        return table

    def _future(self) -> asyncio.Future[Any]:
        self._loop = asyncio.get_running_loop()
        return self._loop.create_future()

    def _enqueue(self, work: _Work) -> None:
        if self._closed:
            raise Busy(f"{self.path} is being closed")
        if not self._gathering and self._loop is not None:
            # At the end of this turn of the loop. Waiting for more turns saved neither commits nor time.
            self._loop.call_soon(self._hand_over)
        self._gathering.append(work)

    def _hand_over(self) -> None:
        if self._gathering:
            self._queue.put(self._gathering)
            self._gathering = []

    def _succeeded(self, group: list[_Work], results: list[Any]) -> None:
        for work in group:
            if work.table is not None and work.table.durable_end is not None:
                work.table.durable_end = work.rows[-1][0] + 1
        for work, result in zip(group, results, strict=True):
            if work.future.done():
                continue
            if isinstance(result, Busy):
                work.future.set_exception(result)
            else:
                work.future.set_result(result)

    def _failed(self, group: list[_Work], error: Exception) -> None:
        """In the loop, while the writer stands still: everything that is enqueued falls, unless what
        failed was carried things alone."""
        if all(work.carried for work in group):
            self._carried = group
            self._try_again()
            return
        lost = list(group)
        closing = False
        while not self._queue.empty():
            gathered = self._queue.get_nowait()
            closing = closing or gathered is None
            lost.extend(gathered or ())
        lost.extend(self._gathering)
        self._gathering.clear()
        self._carried = [work for work in lost if work.carried]
        self.generation += 1
        for callback in self._resets:
            callback()
        for work in lost:
            if not work.carried and not work.future.done():
                reset = LogReset(f"a commit to {self.path} failed: {error}")
                reset.__cause__ = error
                work.future.set_exception(reset)
        if closing:
            self._queue.put(None)
        self._try_again()

    def _try_again(self) -> None:
        """Let the writer go on; what it carries wakes it a moment later, whether anybody writes or not."""
        if self._carried and self._again is None and self._loop is not None:
            self._again = self._loop.call_later(self._carried_again_s, self._wake)
        self._resumed.set()

    def _wake(self) -> None:
        self._again = None
        self._queue.put([])

    # What the writer thread does

    def _write(self) -> None:
        while (group := self._gathered()) is not None:
            self._step("gathered")
            try:
                results = self._commit(group)
            except Exception as error:  # whatever it was, nothing of the group is durable
                self._roll_back()
                self._resumed.clear()
                if not self._call(self._failed, group, error):
                    return
                self._resumed.wait()
                continue
            self._step("committed")
            if not self._call(self._succeeded, group, results):
                return
            if self._wal_bytes > WAL_BYTES_HARD or (self._wal_bytes > WAL_BYTES_SOFT and self._queue.empty()):
                self._checkpoint("PASSIVE")

    def _gathered(self) -> list[_Work] | None:
        """All that is enqueued, or None when the file is being closed."""
        first = self._queue.get()
        if first is None:
            return None
        group = self._carried + first
        self._carried = []
        while not self._queue.empty():
            more = self._queue.get_nowait()
            if more is None:
                self._queue.put(None)
                break
            group += more
        return group

    def _commit(self, group: list[_Work]) -> list[Any]:
        started_s = self._clock.monotonic_s()
        results: list[Any] = [None] * len(group)
        bindings: list[Any] = []
        for work in group:
            if work.table is not None:
                index = work.table.index
                for row in work.rows:
                    bindings += (index, *row)
                    self._wal_bytes += len(row[2])
        jobs = {i: work.job for i, work in enumerate(group) if work.job is not None}
        count = len(bindings) // 4
        tables = self._tables[self._sorted_tables :]
        whole = not jobs and not tables and count <= ROWS_IN_STATEMENT_MAX
        if not whole:
            self._writer.execute("BEGIN IMMEDIATE")
            self._sort_out(tables)
        for start in range(0, count, ROWS_IN_STATEMENT_MAX):
            part = bindings[4 * start : 4 * (start + ROWS_IN_STATEMENT_MAX)]
            n = len(part) // 4
            self._writer.execute(insert(n), part, can_cache=n <= CACHED_ROWS_MAX)
        for i, job in jobs.items():
            results[i] = job(self._writer)
        if not whole:
            self._step("written")
            self._writer.execute("COMMIT")
            self._sorted_tables += len(tables)
        self._wal_bytes += PAGE_BYTES * (len(self._tables) + 2 * len(jobs))
        if count or jobs:
            self._delay()
            self.commits += 1
            self.observe_commit(self._clock.monotonic_s() - started_s)
        for i, work in enumerate(group):
            if work.table is None and work.job is None:
                results[i] = self._checkpoint("TRUNCATE")
        return results

    def _sort_out(self, new: Sequence[BulkTable]) -> None:
        """Make new tables, and the temporary view by which one statement fills all of them."""
        if not new:
            return
        for table in new:
            if table.durable_end is not None:
                self._writer.execute(
                    f'CREATE TABLE IF NOT EXISTS "{table.name}"'
                    "(offset INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, value BLOB NOT NULL)"
                )
        known = self._tables[: self._sorted_tables + len(new)]
        branches = " ".join(table.branch() for table in known)
        self._writer.execute(
            "CREATE TEMP VIEW IF NOT EXISTS bulk AS SELECT 0 t, 0 a, 0 b, 0 c;"
            "DROP TRIGGER IF EXISTS temp.sort_out;"
            f"CREATE TEMP TRIGGER sort_out INSTEAD OF INSERT ON bulk BEGIN {branches} END"
        )

    def _checkpoint(self, mode: str) -> Busy | None:
        """Move the WAL into the main file. What fails here fails again, and loudly, in a commit."""
        try:
            busy, pages, moved = rows(self._writer, f"PRAGMA wal_checkpoint({mode})")[0]
        except apsw.Error as error:
            self._wal_bytes = 0
            return Busy(f"checkpoint of {self.path} failed: {error}")
        self._wal_bytes = PAGE_BYTES * max(0, pages - moved)
        self._delay()
        self._step("checkpointed")
        if busy and mode == "TRUNCATE":
            return Busy(f"somebody reads {self.path}, its WAL cannot be cut")
        return None

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _delay(self) -> None:
        if self._fsync_delay_s:
            time.sleep(self._fsync_delay_s)

    def _step(self, name: str) -> None:
        if self._at_step is not None:
            self._at_step(name)

    def _call(self, callback: Callable[..., None], *args: Any) -> bool:
        """Call into the loop; False if it is closed, and with it everybody who could hear."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return False
        return True
