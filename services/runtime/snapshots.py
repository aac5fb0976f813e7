"""Snapshots: the state of an engine at a place of its own log, to start from.

A snapshot may always be thrown away: the log folds to the same state. So one that is torn, damaged or of
another state version is ignored, never repaired.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import apsw
import msgspec

from proto.v1.envelope_pb2 import InputPosition
from services.runtime.sqlite_file import SqliteFile
from services.runtime.sqlite_open import open_reader, rows

CHUNK_BYTES = 256 << 10
"""One commit writes or deletes one chunk, so that appends never wait behind a whole snapshot."""
KEPT = 2
"""The newest, and one to fall back on."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state and where it stands.

    offset: of the first record of the own log that is not in it; epoch, next_seq: its fence there.
    now_ms: the last batch's time, Unix milliseconds. positions: how far the inputs were read.
    data: what the engine's `dump` gave.
    """

    topic: str
    partition: int
    state_version: int
    offset: int
    epoch: int
    next_seq: int
    now_ms: int
    positions: list[InputPosition]
    data: bytes


class SnapshotStore(Protocol):
    """Where snapshots lie. Every adapter passes `tests/contracts/test_snapshots.py`."""

    async def save(self, snapshot: Snapshot) -> None:
        """Keep a snapshot beside the one before it; older ones go. Durable on return."""

    async def load(self, topic: str, partition: int) -> Snapshot | None:
        """The newest one that is whole."""


class MemorySnapshots:
    """Snapshots in memory, for tests."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Snapshot] = {}

    async def save(self, snapshot: Snapshot) -> None:
        """See the port."""
        newest = self._kept.get((snapshot.topic, snapshot.partition))
        if newest is None or newest.offset <= snapshot.offset:
            self._kept[snapshot.topic, snapshot.partition] = snapshot

    async def load(self, topic: str, partition: int) -> Snapshot | None:
        """See the port."""
        return self._kept.get((topic, partition))


class _Manifest(msgspec.Struct):
    """Written behind the last chunk: without it, the chunks are nothing."""

    state_version: int
    epoch: int
    next_seq: int
    now_ms: int
    positions: list[bytes]
    chunks: int
    sha256: bytes


class SqliteSnapshots:
    """Snapshots as chunks in the log's own file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._saving: set[int] = set()
        self._ids = itertools.count(file.look_up(_last_id) + 1)

    async def save(self, snapshot: Snapshot) -> None:
        """See the port. Raises LogReset if a commit failed; what was written by then goes with the next."""
        number = next(self._ids)
        self._saving.add(number)
        try:
            data = snapshot.data
            chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
            for n, chunk in enumerate(chunks):
                await self._write("INSERT INTO snapshot_chunks VALUES (?, ?, ?)", (number, n, chunk))
            manifest = _Manifest(
                snapshot.state_version,
                snapshot.epoch,
                snapshot.next_seq,
                snapshot.now_ms,
                [position.SerializeToString(deterministic=True) for position in snapshot.positions],
                len(chunks),
                hashlib.sha256(data).digest(),
            )
            await self._write(
                "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?)",
                (
                    number,
                    snapshot.topic,
                    snapshot.partition,
                    snapshot.offset,
                    msgspec.msgpack.encode(manifest),
                ),
            )
        finally:
            self._saving.discard(number)
        await self._drop_old(snapshot.topic, snapshot.partition)

    async def load(self, topic: str, partition: int) -> Snapshot | None:
        """See the port."""
        return await self._file.read(lambda connection: _newest(connection, topic, partition))

    async def _drop_old(self, topic: str, partition: int) -> None:
        """Drop what is neither kept nor being written: manifest first, then chunk by chunk."""
        old = await self._file.read(lambda connection: _numbers(connection, topic, partition)[KEPT:])
        for number in old:
            await self._write("DELETE FROM snapshots WHERE id = ?", (number,))
        for number, n in await self._file.read(_orphans):
            if number not in self._saving:
                await self._write("DELETE FROM snapshot_chunks WHERE id = ? AND n = ?", (number, n))

    async def _write(self, sql: str, bindings: Sequence[int | str | bytes]) -> None:
        await self._file.run(lambda connection: connection.execute(sql, bindings).fetchall())


def _last_id(connection: apsw.Connection) -> int:
    query = "SELECT max(id) FROM (SELECT id FROM snapshots UNION ALL SELECT id FROM snapshot_chunks)"
    return rows(connection, query)[0][0] or 0


def _numbers(connection: apsw.Connection, topic: str, partition: int) -> list[int]:
    """Ids of a partition's snapshots, newest first."""
    query = "SELECT id FROM snapshots WHERE topic = ? AND part = ? ORDER BY offset DESC, id DESC"
    return [number for (number,) in rows(connection, query, (topic, partition))]


def _orphans(connection: apsw.Connection) -> list[tuple[int, int]]:
    query = "SELECT id, n FROM snapshot_chunks WHERE id NOT IN (SELECT id FROM snapshots)"
    return [(number, n) for number, n in rows(connection, query)]


def _newest(connection: apsw.Connection, topic: str, partition: int) -> Snapshot | None:
    for number in _numbers(connection, topic, partition):
        if snapshot := _read(connection, number, topic, partition):
            return snapshot
    return None


def stored_snapshots(path: str | Path, topic: str, partition: int) -> list[Snapshot]:
    """The whole ones in a file that another process may be writing to, newest first; for tools. Raises
    Invalid or Corrupt in plain words if it cannot be read."""
    with open_reader(Path(path)) as connection:
        numbers = _numbers(connection, topic, partition)
        found = [_read(connection, number, topic, partition) for number in numbers]
    return [snapshot for snapshot in found if snapshot is not None]


def _read(connection: apsw.Connection, number: int, topic: str, partition: int) -> Snapshot | None:
    """A snapshot by its id; None if it is not whole."""
    found = rows(connection, "SELECT offset, manifest FROM snapshots WHERE id = ?", (number,))
    pieces = rows(connection, "SELECT data FROM snapshot_chunks WHERE id = ? ORDER BY n", (number,))
    if not found:
        return None
    offset, packed = found[0]
    try:
        manifest = msgspec.msgpack.decode(packed, type=_Manifest)
        positions = [InputPosition.FromString(position) for position in manifest.positions]
    except ValueError:
        return None
    data = b"".join(piece for (piece,) in pieces)
    if len(pieces) != manifest.chunks or hashlib.sha256(data).digest() != manifest.sha256:
        return None
    return Snapshot(
        topic,
        partition,
        manifest.state_version,
        offset,
        manifest.epoch,
        manifest.next_seq,
        manifest.now_ms,
        positions,
        data,
    )
