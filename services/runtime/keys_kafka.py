"""Wrapped data keys in the compacted topic `keys`, for processes that share no file.

Every process holds all keys of its partitions in memory (about 300 bytes each) and reads the topic on by
itself; a deletion elsewhere is known within a moment, and nothing that was read longer ago than
KEY_CACHE_MS is handed out. Before a key is called gone the topic is read to its end. A put is durable when
it returns. A deleted key's bytes leave the brokers' disks with the compaction, at most a day later
(`max.compaction.lag.ms`); since Kafka closes a segment only when something is appended, `roll` appends a
marker behind deletions.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence

import msgspec

from services.kernel.ids import HASH_BYTES, partition_of
from services.kernel.limits import CLOCK_SKEW_MS_MAX, DAY_MS, KEY_CACHE_MS
from services.runtime.clock import Clock
from services.runtime.event_log import TRY_LATER
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_table import KafkaTable
from services.runtime.kafka_wire import Wire
from services.runtime.keys import WHENEVER_MS, StoredKey, check_id, made_ms
from services.runtime.topics import KEYS

FOLLOW_S = 1.0
"""Between two looks for what other processes put and deleted."""
ROLL_MS = DAY_MS // 2
"""So long after a deletion a marker closes its segment (topics.py: max.compaction.lag.ms)."""
ROLL_LOOK_S = 600.0
MARKER = b"roll"
"""Key of the marker: shorter than any key's id."""
DELETED_AT_ONCE = 1_000

_log = logging.getLogger(__name__)


class KafkaKeys:
    """A KeyStore over Kafka: `await keys.open()` reads it."""

    def __init__(self, access: KafkaAccess, wire: Wire, clock: Clock, partitions: int) -> None:
        self._clock = clock
        self._partitions = partitions
        self._kept: dict[bytes, dict[bytes, StoredKey]] = {}
        self._dying: set[bytes] = set()
        self._ahead: dict[bytes, int] = {}
        """Keys of clocks that were ahead of the log's, and when they were appended by the log's."""
        self._spared: list[set[bytes]] = []
        self._deleted_ms: dict[int, int] = {}
        self._fresh_s = 0.0
        self._table = KafkaTable(access, wire, KEYS, range(partitions), self._apply)

    async def open(self) -> None:
        """Read all keys. Raises Busy if they cannot be read."""
        await self._refresh()

    async def follow(self) -> None:
        """Read on until cancelled."""
        while True:
            try:
                await self._refresh()
            except TRY_LATER as error:
                _log.warning("keys are read later: %s", error)
            await asyncio.sleep(FOLLOW_S)

    async def roll(self) -> None:
        """Have the bytes of deleted keys compacted away, until cancelled; one process does it."""
        while True:
            await asyncio.sleep(ROLL_LOOK_S)
            try:
                await self.roll_now(ROLL_MS)
            except TRY_LATER as error:
                _log.warning("deleted keys are compacted later: %s", error)

    async def roll_now(self, after_ms: int) -> None:
        """Append a marker where the last deletion is so long ago."""
        before_ms = self._clock.now_ms() - after_ms
        for partition in [n for n, at_ms in self._deleted_ms.items() if at_ms <= before_ms]:
            await self._table.write(partition, [(MARKER, b"")])
            self._deleted_ms.pop(partition, None)

    async def put(self, key: StoredKey) -> None:
        """See the port; durable on return. Raises Fenced if it is not known whether it is kept."""
        check_id(key)
        if key.key_id in self._kept.get(key.identity, {}):
            return
        for spared in self._spared:
            spared.add(key.key_id)
        partition = partition_of(key.desk_id, self._partitions)
        await self._table.write(partition, [(key.key_id, _packed(key))])
        self._kept.setdefault(key.identity, {}).setdefault(key.key_id, key)

    async def put_first(self, key: StoredKey) -> None:
        """Put a key into a store that seems empty. Unlike after `put`, `sample` gives the one that was there
        before where another process did the same: whichever lies first in the topic."""
        await self._table.write(partition_of(key.desk_id, self._partitions), [(key.key_id, _packed(key))])
        await self._refresh()

    async def by_identity(self, desk_id: str, identity: bytes) -> StoredKey | None:
        """See the port. One that another process put a moment ago may be missing: then the identity gets
        a second key, which is as good. One of a clock that was ahead would pass for newer than an erasure
        that it came before: nothing more is sealed under it."""
        await self._recent()
        kept = self._kept.get(identity, {}).values()
        found = (k for k in kept if k.key_id not in self._dying and k.key_id not in self._ahead)
        return max((key for key in found if key.desk_id == desk_id), default=None)

    async def by_id(self, key_id: bytes) -> StoredKey | None:
        """See the port."""
        await self._recent()
        if self._one(key_id) is None and key_id not in self._dying:
            await self._refresh()
        return self._one(key_id)

    async def sample(self) -> StoredKey | None:
        """See the port."""
        await self._recent()
        return next((key for found in self._kept.values() for key in found.values()), None)

    async def identities(self, desk_id: str) -> AsyncIterator[bytes]:
        """See the port."""
        await self._refresh()
        for key in [key for found in self._kept.values() for key in found.values()]:
            if key.desk_id == desk_id:
                yield key.identity

    async def delete_identities(
        self, desk_id: str, identities: Sequence[bytes], until_ms: int = WHENEVER_MS
    ) -> int:
        """See the port. The keys are in no process's memory a moment later, on no disk a day later."""
        gone = self._of(desk_id, identities, until_ms)
        spared: set[bytes] = set()
        self._dying |= gone
        self._spared.append(spared)
        try:
            await self._refresh()
            late = self._of(desk_id, identities, until_ms) - spared - gone
            self._dying |= late
            gone |= late
            await self._delete(partition_of(desk_id, self._partitions), sorted(gone))
        finally:
            self._spared.remove(spared)
            self._dying -= gone
        return len(gone)

    async def _delete(self, partition: int, key_ids: list[bytes]) -> None:
        for at in range(0, len(key_ids), DELETED_AT_ONCE):
            some = key_ids[at : at + DELETED_AT_ONCE]
            await self._table.write(partition, [(key_id, None) for key_id in some])
            for key_id in some:
                self._apply(partition, key_id, None, self._clock.now_ms())

    async def close(self) -> None:
        """Let go of the producer."""
        await self._table.close()

    async def _refresh(self) -> None:
        asked_s = self._clock.monotonic_s()
        await self._table.refresh()
        self._fresh_s = max(self._fresh_s, asked_s)

    async def _recent(self) -> None:
        """Hand out nothing that may have been deleted longer ago than caches live."""
        if self._clock.monotonic_s() - self._fresh_s > KEY_CACHE_MS / 1000:
            await self._refresh()

    def _apply(self, partition: int, key_id: bytes, value: bytes | None, at_ms: int) -> None:
        """Take in a record of the topic."""
        identity = key_id[:HASH_BYTES]
        if value is None:
            self._deleted_ms[partition] = at_ms
            found = self._kept.get(identity, {})
            found.pop(key_id, None)
            self._ahead.pop(key_id, None)
            if not found:
                self._kept.pop(identity, None)
        elif key_id == MARKER:
            self._deleted_ms.pop(partition, None)
        else:
            desk, wrapped = msgspec.msgpack.decode(value, type=tuple[str, bytes])
            if made_ms(key_id) - at_ms > CLOCK_SKEW_MS_MAX:
                self._ahead[key_id] = at_ms
            key = StoredKey(key_id, sys.intern(desk), wrapped)
            self._kept.setdefault(identity, {}).setdefault(key_id, key)

    def _one(self, key_id: bytes) -> StoredKey | None:
        if key_id in self._dying:
            return None
        return self._kept.get(key_id[:HASH_BYTES], {}).get(key_id)

    def _of(self, desk_id: str, identities: Sequence[bytes], until_ms: int) -> set[bytes]:
        """Ids of the keys of these identities that were made until then."""
        found = (key for identity in identities for key in self._kept.get(identity, {}).values())
        return {key.key_id for key in found if key.desk_id == desk_id and self._there_ms(key) <= until_ms}

    def _there_ms(self, key: StoredKey) -> int:
        """When it was made, or appended if the clock of its maker says a later time."""
        return min(key.made_ms, self._ahead.get(key.key_id, WHENEVER_MS))


def _packed(key: StoredKey) -> bytes:
    return msgspec.msgpack.encode((key.desk_id, key.wrapped))
