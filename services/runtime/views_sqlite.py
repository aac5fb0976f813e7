"""Views in a SQLite file of their own.

Written on an own thread, one transaction a flush; read on the event loop's thread through a connection
of its own (a point read costs 10–20 µs, and WAL readers never wait). `synchronous=NORMAL`: a power cut
may lose the last flushes, never the file, and the logs bring back what was lost. A file of another
version, or one that cannot be read, is thrown away and made anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from services.kernel.errors import Busy
from services.runtime.documents import KINDS, VERSION
from services.runtime.event_log import TopicPartition
from services.runtime.views import Changes, Place, Position

_LAST = "\U0010ffff"
_DISK = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError)
_log = logging.getLogger(__name__)


class SqliteStore:
    """A store in one file. `path` and its `-wal` and `-shm` belong to one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "views")
        self._reader: apsw.Connection | None = None
        self._writer: apsw.Connection | None = None

    async def open(self) -> dict[TopicPartition, Position]:
        """Open or make the file; say how far each log is covered."""
        try:
            self._connect()
        except (apsw.NotADBError, apsw.CorruptError) as error:
            _log.warning("the views cannot be read and are made anew: %s", error)
            self._begin_anew()
        if self._version() not in (0, VERSION):
            self._begin_anew()
        self._create()
        rows = self._rows("SELECT topic, partition, next, epoch, next_seq FROM positions", ())
        return {TopicPartition(t, p): Position(o, e, s) for t, p, o, e, s in rows}

    def _connect(self) -> None:
        self._writer = apsw.Connection(str(self._path))
        self._writer.set_busy_timeout(5_000)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=4000"):
            self._writer.execute(f"PRAGMA {pragma}").fetchall()
        self._writer.execute("PRAGMA cache_size=-32000")
        self._version()
        self._reader = apsw.Connection(str(self._path))
        self._reader.execute("PRAGMA query_only=ON")

    def _version(self) -> int:
        assert self._writer is not None
        row = self._writer.execute("PRAGMA user_version").fetchone()
        return int(row[0]) if row else 0

    def _begin_anew(self) -> None:
        self._disconnect()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._connect()

    def _create(self) -> None:
        assert self._writer is not None
        with _transaction(self._writer):
            for kind in KINDS:
                self._writer.execute(
                    f"CREATE TABLE IF NOT EXISTS doc_{kind.KIND}"
                    " (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID"
                )
            self._writer.execute(
                "CREATE TABLE IF NOT EXISTS terms (term TEXT NOT NULL, sort INTEGER NOT NULL,"
                " key TEXT NOT NULL, PRIMARY KEY (term, sort, key)) WITHOUT ROWID"
            )
            self._writer.execute(
                "CREATE TABLE IF NOT EXISTS positions (topic TEXT, partition INTEGER, next INTEGER,"
                " epoch INTEGER, next_seq INTEGER, PRIMARY KEY (topic, partition)) WITHOUT ROWID"
            )
            self._writer.execute(f"PRAGMA user_version={VERSION}")

    @property
    def _read(self) -> apsw.Connection:
        assert self._reader is not None, "the store is not open"
        return self._reader

    def _rows(self, sql: str, values: tuple[str | int, ...]) -> list[Any]:
        return self._read.execute(sql, values).fetchall()

    def load(self, kind: str, key: str) -> bytes | None:
        """One document."""
        rows = self._rows(f"SELECT body FROM doc_{kind} WHERE key=?", (key,))
        return bytes(rows[0][0]) if rows else None

    def scan(self, kind: str, prefix: str) -> list[tuple[str, bytes]]:
        """Documents by prefix of the key."""
        sql = f"SELECT key, body FROM doc_{kind} WHERE key>=? AND key<? ORDER BY key"
        return [(str(key), bytes(body)) for key, body in self._rows(sql, (prefix, prefix + _LAST))]

    def find(self, term: str, after: Place | None, limit: int, newest: bool) -> list[Place]:
        """Places of a term."""
        order, sign = ("DESC", "<") if newest else ("ASC", ">")
        where: str = ""
        values: tuple[str | int, ...] = (term,)
        if after is not None:
            where, values = f" AND (sort, key) {sign} (?, ?)", (term, after.sort, after.key)
        sql = f"SELECT sort, key FROM terms WHERE term=?{where} ORDER BY sort {order}, key {order} LIMIT ?"
        return [Place(sort, key) for sort, key in self._rows(sql, (*values, limit))]

    def count(self, term: str) -> int:
        """How many have the term."""
        return int(self._rows("SELECT count(*) FROM terms WHERE term=?", (term,))[0][0])

    async def write(self, changes: Changes) -> None:
        """Apply changes in one transaction. Raises Busy if the disk does not take them."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, changes)
        except _DISK as error:
            raise Busy(f"The views cannot be written now: {error}.") from error

    def _write(self, changes: Changes) -> None:
        db = self._writer
        assert db is not None
        positions = [(p.topic, p.partition, *position) for p, position in changes.positions.items()]
        with _transaction(db):
            for kind, puts in changes.puts.items():
                db.executemany(f"INSERT OR REPLACE INTO doc_{kind} VALUES (?, ?)", puts)
            for kind, drops in changes.drops.items():
                db.executemany(f"DELETE FROM doc_{kind} WHERE key=?", [(key,) for key in drops])
            db.executemany("DELETE FROM terms WHERE term=? AND sort=? AND key=?", changes.terms_dropped)
            db.executemany("INSERT OR IGNORE INTO terms VALUES (?, ?, ?)", changes.terms_added)
            db.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)", positions)

    async def close(self) -> None:
        """Finish the last write and close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _disconnect(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None


@contextmanager
def _transaction(db: apsw.Connection) -> Iterator[None]:
    """All or nothing. `with db:` is the same, but keeps Python's lock while it commits: a checkpoint's fsync
    then held up the whole process, by 40 ms."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
