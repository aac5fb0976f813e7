"""The log in one SQLite file: a table for each partition, the primary key is the offset.

Offsets are given at the call, and the records are visible to readers of this process at once; the
acknowledgement comes with the commit. After a failed commit the records that were not durable are
taken back and everybody who may have read them gets LogReset.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from services.kernel.errors import Corrupt, Invalid
from services.runtime.clock import Clock
from services.runtime.event_log import LogReader, LogRecord, TopicPartition
from services.runtime.log_tail import FETCH_BYTES_MAX, Tail, TailReader
from services.runtime.sqlite_bulk import BulkTable
from services.runtime.sqlite_file import SqliteFile
from services.runtime.sqlite_open import open_reader, rows

TOPIC = re.compile(r"[a-z][a-z0-9]*")
TABLE = re.compile(r"log_([a-z][a-z0-9]*)_([0-9]+)")
DELETED_AT_ONCE = 1_000
"""Records that `delete_before` drops in one commit, so that appends do not wait for long."""
READ_AT_ONCE = 1_000
"""Records that `stored_records` reads in one go."""


class _Partition(Tail):
    """A tail with its table; None until the first append of this process."""

    __slots__ = ("table",)

    def __init__(self, place: TopicPartition, first: int, end: int, at_ms: int) -> None:
        super().__init__(place.topic, place.partition, first, end, at_ms)
        self.table: BulkTable | None = None

    @property
    def durable_end(self) -> int:
        """Records below this are durable."""
        return self.end if self.table is None or self.table.durable_end is None else self.table.durable_end

    def to_table(self, file: SqliteFile) -> BulkTable:
        if self.table is None:
            self.table = file.log_table(_table(self.topic, self.partition), self.end)
        return self.table


class SqliteLog:
    """An EventLog over the process's one file."""

    def __init__(self, file: SqliteFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._partitions: dict[TopicPartition, _Partition] = {}
        self._load()
        file.on_reset(self._reset)

    @property
    def generation(self) -> int:
        """Rises with each failed commit."""
        return self._file.generation

    @property
    def newest_ms(self) -> int:
        """When the newest record of all was appended; 0 if there is none."""
        return max((tail.at_ms for tail in self._partitions.values()), default=0)

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """See the port. Raises LogReset when the commit failed, Busy once the file is being closed."""
        if not values:
            raise Invalid("an append needs at least one record")
        tail = self.tail(TopicPartition(topic, partition))
        table = tail.table or tail.to_table(self._file)
        first = tail.end
        at_ms = max(self._clock.now_ms(), tail.at_ms)
        durable = self._file.append(table, [(first + i, at_ms, value) for i, value in enumerate(values)])
        tail.add(values, at_ms)
        await durable
        tail.trim(tail.durable_end)
        return first

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """See the port."""
        return TailReader(self, starts, lazy)

    async def end(self, topic: str, partition: int) -> int:
        """See the port."""
        return self.tail(TopicPartition(topic, partition)).end

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """See the port. Works in several commits; after a crash in between, call it again."""
        tail = self.tail(TopicPartition(topic, partition))
        first, last = tail.first, min(offset, tail.end)
        tail.delete_before(last)
        # Each commit keeps the new start with what it drops, so that a half-done deletion leaves no hole.
        while first < last:
            upto = min(first + DELETED_AT_ONCE, last)
            await self._file.run(functools.partial(_delete, topic, partition, upto))
            first = upto

    async def close(self) -> None:
        """See the port: closes the file."""
        await self._file.close()

    def tail(self, place: TopicPartition) -> _Partition:
        """The end of a partition."""
        found = self._partitions.get(place)
        if found is None:
            if not TOPIC.fullmatch(place.topic) or place.partition < 0:
                raise Invalid(f"{place.topic}/{place.partition} is no topic partition")
            found = self._partitions[place] = _Partition(place, 0, 0, 0)
        return found

    async def older(self, place: TopicPartition, offset: int, limit: int) -> list[LogRecord]:
        """Records that are no longer in memory."""
        found = await self._file.read(lambda connection: _select(connection, place, offset, limit))
        if found and found[0].offset != offset and offset >= self.tail(place).first:
            raise Corrupt(f"{place.topic}/{place.partition}: {offset} to {found[0].offset - 1} are missing")
        if not found or found[0].offset != offset:
            raise Invalid(
                f"{place.topic}/{place.partition}: position {offset} is gone, the log begins at"
                f" {self.tail(place).first}"
            )
        return found

    def _load(self) -> None:
        for place, kept in self._file.look_up(_stored).items():
            self._partitions[place] = _Partition(place, kept.first, kept.end, kept.at_ms)

    def _reset(self) -> None:
        for tail in self._partitions.values():
            tail.cut(tail.durable_end)
            tail.wake()


class Kept(NamedTuple):
    """What a stored partition holds: offsets from `first` up to before `end`, the last one's time."""

    first: int
    end: int
    at_ms: int


def stored_partitions(path: str | Path) -> dict[TopicPartition, Kept]:
    """What lies in a file that another process may be writing to: for a snapshot's child, for tools. Raises
    Invalid or Corrupt in plain words if it cannot be read."""
    with open_reader(Path(path)) as connection:
        return _stored(connection)


def stored_records(path: str | Path, topic: str, partition: int, start: int = 0) -> Iterator[LogRecord]:
    """The durable records of such a file from `start` on, read in pieces so that no long read holds
    up the writer's checkpoints. Raises as `stored_partitions` does."""
    with open_reader(Path(path)) as connection:
        place = TopicPartition(topic, partition)
        if place not in _stored(connection):
            return
        while records := _select(connection, place, start, READ_AT_ONCE):
            yield from records
            start = records[-1].offset + 1


def _table(topic: str, partition: int) -> str:
    return f"log_{topic}_{partition}"


def _stored(connection: apsw.Connection) -> dict[TopicPartition, Kept]:
    starts = rows(connection, "SELECT topic, part, first FROM log_starts")
    firsts = {TopicPartition(topic, part): first for topic, part, first in starts}
    found = {}
    for (name,) in rows(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'"):
        if match := TABLE.fullmatch(name):
            place = TopicPartition(match[1], int(match[2]))
            first = firsts.get(place, 0)
            last = rows(connection, f'SELECT offset, at_ms FROM "{name}" ORDER BY offset DESC LIMIT 1')
            end, at_ms = (last[0][0] + 1, last[0][1]) if last else (first, 0)
            found[place] = Kept(first, end, at_ms)
    return found


def _select(connection: apsw.Connection, place: TopicPartition, offset: int, limit: int) -> list[LogRecord]:
    query = f'SELECT offset, at_ms, value FROM "{_table(*place)}" WHERE offset >= ? ORDER BY offset LIMIT ?'
    cursor: Any = connection.execute(query, (offset, limit))
    records = []
    size = 0
    for at, at_ms, value in cursor:
        records.append(LogRecord(place.topic, place.partition, at, at_ms, value))
        size += len(value)
        if size >= FETCH_BYTES_MAX:
            break
    cursor.close()
    return records


def _delete(topic: str, partition: int, offset: int, connection: apsw.Connection) -> None:
    connection.execute(f'DELETE FROM "{_table(topic, partition)}" WHERE offset < ?', (offset,))
    connection.execute("INSERT OR REPLACE INTO log_starts VALUES (?, ?, ?)", (topic, partition, offset))
