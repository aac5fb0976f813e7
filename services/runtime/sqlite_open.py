"""Opening SQLite files: the library's version, the lock, the settings, the tables.

SQLite 3.7.0 to 3.51.2 can lose data when a checkpoint races with a writer; older ones are refused.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw

from services.kernel.errors import Corrupt, Invalid

SQLITE_VERSION_MIN = (3, 51, 3)
"""First release without the WAL-reset race (https://sqlite.org/wal.html, "The WAL-reset bug")."""
APPLICATION_ID = 0x43454E54
"""Marks the file as Centrala's ("CENT"); `file` and `sqlite3` show it."""
FORMAT = 1
"""`user_version` of the file; a higher one was made by a newer release."""
READERS_WAIT_MS = 10_000
"""How long a truncating checkpoint waits for reading connections of other processes."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS log_starts(
  topic TEXT NOT NULL, part INTEGER NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (topic, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys(
  key_id BLOB PRIMARY KEY, desk_id TEXT NOT NULL, wrapped BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots(
  id INTEGER PRIMARY KEY, topic TEXT NOT NULL, part INTEGER NOT NULL, offset INTEGER NOT NULL,
  manifest BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS snapshot_chunks(
  id INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (id, n)
) WITHOUT ROWID;
"""
"""Every table but those of the topics, which are made with their first record."""


def rows(connection: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query, read to the end so that no read stays open."""
    return connection.execute(sql, bindings).fetchall()


def check_library() -> None:
    """Raise Invalid if the SQLite inside apsw is too old to be safe."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < SQLITE_VERSION_MIN:
        wanted = ".".join(map(str, SQLITE_VERSION_MIN))
        raise Invalid(
            f"SQLite {apsw.sqlite_lib_version()} can lose data: install apsw with SQLite {wanted} or newer"
        )


def connect(path: Path, flags: int) -> apsw.Connection:
    """A connection that waits for others up to READERS_WAIT_MS."""
    connection = apsw.Connection(str(path), flags=flags, statementcachesize=256)
    connection.set_busy_timeout(READERS_WAIT_MS)
    return connection


def open_writer(path: Path) -> apsw.Connection:
    """The one writing connection, with the tables made. Raises Invalid or Corrupt as SqliteFile does."""
    with plainly(path):
        writer = connect(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        mark = _mark(writer, path)
        if rows(writer, "PRAGMA journal_mode=WAL") != [("wal",)]:
            raise Invalid(f"{path} lies on a file system without the shared memory that SQLite's WAL needs")
        writer.execute("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY")
        writer.execute("PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-16384")
        if mark == 0:
            writer.execute(
                f"BEGIN; {SCHEMA} PRAGMA application_id={APPLICATION_ID};"
                f" PRAGMA user_version={FORMAT}; COMMIT"
            )
    return writer


@contextmanager
def open_reader(path: Path) -> Iterator[apsw.Connection]:
    """A connection that reads a file which another process may be writing to, closed at the end. Raises
    Invalid or Corrupt as SqliteFile does, and Invalid for a file in which there is nothing yet."""
    with plainly(path), closing(connect(path, apsw.SQLITE_OPEN_READONLY)) as reader:
        if not _mark(reader, path):
            raise Invalid(f"{path} is no log of Centrala's: it is empty, or another program made it")
        yield reader


@contextmanager
def plainly(path: Path) -> Iterator[None]:
    """What SQLite finds wrong with a file, raised as Corrupt or Invalid in plain words."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise Corrupt(f"{path} is damaged ({error}); restore it from a backup") from error
    except apsw.Error as error:
        raise Invalid(f"{path} cannot be opened: {error}") from error


def _mark(connection: apsw.Connection, path: Path) -> int:
    """APPLICATION_ID, or 0 for a file that is nobody's yet. Raises Invalid if it is not for this release."""
    mark: int = rows(connection, "PRAGMA application_id")[0][0]
    if mark not in (0, APPLICATION_ID):
        raise Invalid(f"{path} belongs to another program; name another data directory")
    if rows(connection, "PRAGMA user_version")[0][0] > FORMAT:
        raise Invalid(f"{path} was made by a newer release of Centrala; start that one")
    return mark


def lock(path: Path) -> int:
    """Take `PATH.lock` for this process; the system lets go of it however the process ends."""
    name = f"{path}.lock"
    try:
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Invalid(
            f"{name} cannot be opened: {error.strerror}. Another data directory: CENTRALA_DATA"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(handle, 20, 0).decode().strip() or "unknown"
        os.close(handle)
        raise Invalid(
            f"{path} is in use by process {owner}; stop that one, or name another data directory"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle
