"""The store of data keys, each wrapped by the master key: who deletes one erases what it sealed.

A key's id begins with the identity it belongs to, so both ways of finding it are one, and goes on with
when it was made: the newest is what is sealed under, and an erasure spares what came after its request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import apsw

from services.kernel.errors import Invalid
from services.kernel.ids import HASH_BYTES
from services.runtime.sqlite_file import SqliteFile
from services.runtime.sqlite_open import rows

KEY_ID_TIME_BYTES = 6
"""Behind the identity: when the key was made, Unix milliseconds."""
KEY_ID_RANDOM_BYTES = 8
"""Behind that: two edges may each make a key for the same identity, both stay valid."""
SELECT = "SELECT key_id, desk_id, wrapped FROM keys"
KEYS_READ_AT_ONCE = 10_000
_TAIL_BYTES = KEY_ID_TIME_BYTES + KEY_ID_RANDOM_BYTES
KEY_ID_BYTES = HASH_BYTES + _TAIL_BYTES
WHENEVER_MS = (1 << 8 * KEY_ID_TIME_BYTES) - 1
"""Later than any key is made."""


class StoredKey(NamedTuple):
    """A wrapped data key. `key_id` is the identity's hash, when it was made, and chance."""

    key_id: bytes
    desk_id: str
    wrapped: bytes

    @property
    def identity(self) -> bytes:
        """Hash of the identity that the key belongs to."""
        return self.key_id[:HASH_BYTES]

    @property
    def made_ms(self) -> int:
        """When it was made, Unix milliseconds."""
        return made_ms(self.key_id)


def made_ms(key_id: bytes) -> int:
    """When the key of that id was made, Unix milliseconds."""
    return int.from_bytes(key_id[HASH_BYTES : HASH_BYTES + KEY_ID_TIME_BYTES], "big")


class KeyStore(Protocol):
    """Where wrapped keys lie. Every adapter passes `tests/contracts/test_keys.py`."""

    async def put(self, key: StoredKey) -> None:
        """Keep a key. Returns when no later append can become durable without it. Raises Invalid for an
        id of a wrong length; a key that is there already stays as it is."""

    async def by_identity(self, desk_id: str, identity: bytes) -> StoredKey | None:
        """The newest key of that identity."""

    async def by_id(self, key_id: bytes) -> StoredKey | None:
        """The key of that id; None only if it is surely gone."""

    async def sample(self) -> StoredKey | None:
        """Any key: to try whether the master key fits."""

    def identities(self, desk_id: str) -> AsyncIterator[bytes]:
        """Every identity of the desk that has a key, once or more often; one that gets its first key
        meanwhile may be missing. Reads the whole store: for erasures of who is found nowhere else."""

    async def delete_identities(
        self, desk_id: str, identities: Sequence[bytes], until_ms: int = WHENEVER_MS
    ) -> int:
        """Delete the keys that these identities have at the call, of those made until `until_ms`, for
        good: nobody gets them from then on, and on return their bytes are nowhere in the store. Returns
        how many there were. A key that is put meanwhile stays. After an error or a crash, call it again."""


class MemoryKeys:
    """A KeyStore in memory, for tests and the simulator."""

    def __init__(self) -> None:
        self._keys: dict[bytes, dict[bytes, StoredKey]] = {}

    async def put(self, key: StoredKey) -> None:
        """See the port."""
        check_id(key)
        self._keys.setdefault(key.identity, {}).setdefault(key.key_id, key)

    async def by_identity(self, desk_id: str, identity: bytes) -> StoredKey | None:
        """See the port."""
        found = self._keys.get(identity, {}).values()
        return max((key for key in found if key.desk_id == desk_id), default=None)

    async def by_id(self, key_id: bytes) -> StoredKey | None:
        """See the port."""
        return self._keys.get(key_id[:HASH_BYTES], {}).get(key_id)

    async def sample(self) -> StoredKey | None:
        """See the port."""
        return next((key for found in self._keys.values() for key in found.values()), None)

    async def identities(self, desk_id: str) -> AsyncIterator[bytes]:
        """See the port."""
        for key in [key for found in self._keys.values() for key in found.values()]:
            if key.desk_id == desk_id:
                yield key.identity

    async def delete_identities(
        self, desk_id: str, identities: Sequence[bytes], until_ms: int = WHENEVER_MS
    ) -> int:
        """See the port."""
        deleted = 0
        for identity in identities:
            found = self._keys.get(identity, {})
            for key in [k for k in found.values() if k.desk_id == desk_id and k.made_ms <= until_ms]:
                del found[key.key_id]
                deleted += 1
            if not found:
                self._keys.pop(identity, None)
        return deleted


class _Seen:
    """Which identities may have a key: a Bloom filter with two probes, so never a wrong no. At a million
    identities one yes in 250 is wrong, (1 - e^(-2n/m))^2, and costs a look-up."""

    BITS = 1 << 25

    def __init__(self) -> None:
        self._bits = bytearray(self.BITS // 8)

    def add(self, identity: bytes) -> None:
        """Remember an identity; its hash is as good as chance, so its own bytes are the probes."""
        for start in (0, 4):
            place = int.from_bytes(identity[start : start + 4], "big") % self.BITS
            self._bits[place >> 3] |= 1 << (place & 7)

    def may_have(self, identity: bytes) -> bool:
        """False only if it was never added."""
        for start in (0, 4):
            place = int.from_bytes(identity[start : start + 4], "big") % self.BITS
            if not self._bits[place >> 3] >> (place & 7) & 1:
                return False
        return True


class SqliteKeys:
    """A KeyStore in the log's own file.

    `put` returns at once: its row is carried, so it is in the same or an earlier commit than anything
    that is appended later, even if commits fail in between. Until then the key is found in memory.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._table = file.carried_table("keys", "key_id, desk_id, wrapped")
        self._pending: dict[bytes, StoredKey] = {}
        self._pending_identities: dict[bytes, StoredKey] = {}
        self._dying: set[bytes] = set()
        self._seen = _Seen()
        self._surveyed = False

    async def survey(self) -> None:
        """Learn which identities have a key, by pages; from then on a new customer, the most frequent
        question, costs no look into the file."""
        async for _, identity in self._pages():
            self._seen.add(identity)
        self._surveyed = True

    async def put(self, key: StoredKey) -> None:
        """See the port."""
        check_id(key)
        self._seen.add(key.identity)
        self._pending[key.key_id] = key
        self._pending_identities[key.identity] = key
        done = self._file.append(self._table, [key])
        done.add_done_callback(lambda done: self._landed(key, done))

    async def by_identity(self, desk_id: str, identity: bytes) -> StoredKey | None:
        """See the port."""
        pending = self._pending_identities.get(identity)
        if pending is not None and pending.desk_id == desk_id and pending.key_id not in self._dying:
            return pending
        if self._surveyed and not self._seen.may_have(identity):
            return None
        kept = (key for key in self._kept(desk_id, identity) if key.key_id not in self._dying)
        return max(kept, default=None)

    async def by_id(self, key_id: bytes) -> StoredKey | None:
        """See the port."""
        if key_id in self._dying:
            return None
        pending = self._pending.get(key_id)
        if pending is not None:
            return pending
        return next(iter(self._look_up(f"{SELECT} WHERE key_id = ?", (key_id,))), None)

    async def sample(self) -> StoredKey | None:
        """See the port."""
        return next(iter(self._look_up(f"{SELECT} LIMIT 1", ())), None)

    async def identities(self, desk_id: str) -> AsyncIterator[bytes]:
        """See the port."""
        for key in list(self._pending.values()):
            if key.desk_id == desk_id:
                yield key.identity
        async for desk, identity in self._pages():
            if desk == desk_id:
                yield identity

    async def _pages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Desk and identity of every durable key, read by pages in another thread."""
        after, more = b"", True
        while more:
            found = await self._file.read(partial(_ids, after))
            for key_id, desk in found:
                yield desk, key_id[:HASH_BYTES]
                after = key_id
            more = len(found) == KEYS_READ_AT_ONCE

    async def delete_identities(
        self, desk_id: str, identities: Sequence[bytes], until_ms: int = WHENEVER_MS
    ) -> int:
        """See the port. Takes the keys that are there at the call, which nobody gets from then on; one
        that is put later stays. Ends with the WAL cut to nothing."""
        kept = [key for identity in identities for key in self._kept(desk_id, identity)]
        pending = [k for k in self._pending.values() if k.desk_id == desk_id and k.identity in identities]
        gone = {key.key_id for key in (*kept, *pending) if key.made_ms <= until_ms}
        self._dying |= gone
        try:
            deleted = await self._file.run(lambda connection: _delete(connection, gone))
            await self._file.truncate_wal()
        finally:
            self._dying -= gone
        return deleted

    def _landed(self, key: StoredKey, done: asyncio.Future[None]) -> None:
        if done.cancelled() or done.exception() is not None:
            return
        self._pending.pop(key.key_id, None)
        if self._pending_identities.get(key.identity) is key:
            del self._pending_identities[key.identity]

    def _kept(self, desk_id: str, identity: bytes) -> list[StoredKey]:
        """The durable keys of an identity."""
        low, high = identity + b"\x00" * _TAIL_BYTES, identity + b"\xff" * _TAIL_BYTES
        query = f"{SELECT} WHERE key_id BETWEEN ? AND ? AND desk_id = ? ORDER BY key_id"
        return self._look_up(query, (low, high, desk_id))

    def _look_up(self, query: str, bindings: tuple[object, ...]) -> list[StoredKey]:
        found = self._file.look_up(lambda connection: rows(connection, query, bindings))
        return [StoredKey(*row) for row in found]


def _ids(after: bytes, connection: apsw.Connection) -> list[tuple[bytes, str]]:
    query = "SELECT key_id, desk_id FROM keys WHERE key_id > ? ORDER BY key_id LIMIT ?"
    return [(bytes(key), str(desk)) for key, desk in rows(connection, query, (after, KEYS_READ_AT_ONCE))]


def check_id(key: StoredKey) -> None:
    """Raise Invalid for an id of a wrong length."""
    if len(key.key_id) != KEY_ID_BYTES:
        raise Invalid(f"a key's id has {KEY_ID_BYTES} bytes, not {len(key.key_id)}")


def _delete(connection: apsw.Connection, key_ids: set[bytes]) -> int:
    before = connection.total_changes()
    connection.executemany("DELETE FROM keys WHERE key_id = ?", [(key_id,) for key_id in key_ids])
    return connection.total_changes() - before
