"""Personal data under keys that can be thrown away.

Theory of operation. The master key never touches data. From it derive, by HKDF-SHA256, one HMAC key a
desk (for ids and hashes of addresses) and one wrapping key a desk. Each identity of a customer has a data
key of its own, random, kept wrapped in the key store; what belongs to that person is sealed under it by
AES-256-GCM, with the key's id as associated data. Who deletes the wrapped key has erased the person from
logs, snapshots and backups alike.

Opened keys are cached for at most KEY_CACHE_MS and never past an erasure in this process. If the key
store fails, so does sealing and opening: nothing falls back on an old key or on clear text.

An erasure waits before it deletes. From its request on the identities are retired: what is sealed for
them gets a key made later, which the erasure spares.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError, Message

from proto.v1.envelope_pb2 import Sealed
from services.kernel.errors import Corrupt, Invalid
from services.kernel.identity import VERSION, kind, normalise
from services.kernel.ids import HASH_BYTES, keyed_hash
from services.kernel.limits import KEY_CACHE_MS
from services.runtime.clock import Clock
from services.runtime.keys import (
    KEY_ID_RANDOM_BYTES,
    KEY_ID_TIME_BYTES,
    WHENEVER_MS,
    KeyStore,
    StoredKey,
)

M = TypeVar("M", bound=Message)

KEY_BYTES = 32
NONCE_BYTES = 12
"""96 bits, what AES-GCM is made for (NIST SP 800-38D, 5.2.1.1). Random: one key seals far fewer than
the 2^32 messages up to which that is safe (8.3)."""
CACHED_KEYS_MAX = 10_000
"""About 10 MB; what does not fit is read again."""
CACHED_DESKS_MAX = 10_000
PUT_BACK = "set CENTRALA_MASTER_KEY, or put back the file master.key, as it was when the data was made"


class DataKey:
    """An opened data key."""

    __slots__ = ("aead", "desk_id", "fresh_until_s", "id", "identity")

    def __init__(self, stored: StoredKey, secret: bytes, fresh_until_s: float) -> None:
        self.id = stored.key_id
        self.desk_id = stored.desk_id
        self.identity = stored.identity
        self.aead = AESGCM(secret)
        self.fresh_until_s = fresh_until_s


class Sealing:
    """Seals and opens content, and makes the desk's keyed hashes."""

    def __init__(self, master_key: bytes, keys: KeyStore, clock: Clock) -> None:
        if len(master_key) != KEY_BYTES:
            raise Invalid(f"the master key has {KEY_BYTES} bytes, not {len(master_key)}")
        self._master = master_key
        self._keys = keys
        self._clock = clock
        self._desks: dict[str, tuple[bytes, AESGCM]] = {}
        self._by_id: OrderedDict[bytes, DataKey] = OrderedDict()
        self._by_identity: OrderedDict[tuple[str, bytes], DataKey] = OrderedDict()
        self._making: dict[tuple[str, bytes], asyncio.Future[None]] = {}
        self._retired: dict[tuple[str, bytes], int] = {}
        self._erasures = 0

    async def check(self) -> None:
        """Raise Invalid if the master key is not the one that the stored keys were wrapped with."""
        stored = await self._keys.sample()
        if stored is not None:
            try:
                self._unwrap(stored)
            except Corrupt as error:
                raise Invalid(f"the master key does not fit the data: {PUT_BACK}") from error

    def mark(self) -> StoredKey:
        """A new key that seals nothing: whoever finds it can tell whether they hold the same master key, also
        where nothing is sealed yet."""
        made = self._clock.now_ms().to_bytes(KEY_ID_TIME_BYTES, "big")
        key_id = bytes(HASH_BYTES) + made + os.urandom(KEY_ID_RANDOM_BYTES)
        return self._wrap("", key_id, os.urandom(KEY_BYTES))

    def desk_key(self, desk_id: str) -> bytes:
        """The desk's HMAC key, for ids and hashes."""
        return self._desk(desk_id)[0]

    def identity_hash(self, desk_id: str, channel: str, address: str) -> bytes:
        """The 16 bytes by which an address is known to engines; one number is one identity on all
        channels that use numbers."""
        normalised = normalise(channel, address)
        parts = ("identity", str(VERSION), kind(channel, normalised), normalised)
        return keyed_hash(self.desk_key(desk_id), *parts)

    def own_identity(self, desk_id: str) -> bytes:
        """The identity under which the desk's own things are sealed (shipments)."""
        return keyed_hash(self.desk_key(desk_id), "own")

    def day_identity(self, desk_id: str, now_ms: int) -> bytes:
        """The identity of a day (UTC), for quarantine: erased after QUARANTINE_DAYS."""
        day = datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()
        return keyed_hash(self.desk_key(desk_id), "day", day)

    async def own_key(self, desk_id: str) -> DataKey:
        """The key of the desk's own things."""
        return await self.key_for(desk_id, self.own_identity(desk_id))

    async def day_key(self, desk_id: str, now_ms: int) -> DataKey:
        """The key of a day's quarantine."""
        return await self.key_for(desk_id, self.day_identity(desk_id, now_ms))

    async def key_for(self, desk_id: str, identity_hash: bytes) -> DataKey:
        """The identity's data key, made if it has none; whatever is appended after this returns becomes
        durable only together with the key."""
        name = (desk_id, identity_hash)
        key = self._by_identity.get(name)
        if key is not None and self._clock.monotonic_s() < key.fresh_until_s:
            return key
        while (making := self._making.get(name)) is not None:
            await asyncio.wait([making])
            key = self._by_identity.get(name)
            if key is not None and self._clock.monotonic_s() < key.fresh_until_s:
                return key
        making = self._making[name] = asyncio.get_running_loop().create_future()
        try:
            return await self._find_or_make(desk_id, identity_hash)
        finally:
            del self._making[name]
            making.set_result(None)

    def seal(self, key: DataKey, message: Message) -> Sealed:
        """Seal a content message."""
        return self.seal_bytes(key, message.SerializeToString())

    def seal_bytes(self, key: DataKey, data: bytes) -> Sealed:
        """Seal bytes (attachments, raw mails)."""
        nonce = os.urandom(NONCE_BYTES)
        return Sealed(key_id=key.id, nonce=nonce, data=key.aead.encrypt(nonce, data, key.id))

    async def open(self, sealed: Sealed, cls: type[M]) -> M | None:
        """The content, or None if its key was erased. Raises Corrupt if it is not what was sealed."""
        data = await self.open_bytes(sealed)
        if data is None:
            return None
        message = cls()
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            raise Corrupt(f"sealed content is no {cls.__name__}") from error
        return message

    async def open_many(self, sealed: Sequence[Sealed], cls: type[M]) -> list[M | None]:
        """The contents in the same order; None where the key was erased."""
        return [await self.open(one, cls) for one in sealed]

    async def open_bytes(self, sealed: Sealed) -> bytes | None:
        """The bytes, or None if their key was erased. Raises Corrupt as `open` does."""
        key = await self._opened(sealed.key_id)
        if key is None:
            return None
        try:
            return key.aead.decrypt(sealed.nonce, sealed.data, sealed.key_id)
        except (InvalidTag, ValueError) as error:
            raise Corrupt("sealed content does not fit its key") from error

    def retire(self, desk_id: str, identity_hashes: Sequence[bytes], until_ms: int) -> None:
        """Seal nothing more under keys of these identities that were made until then; they still open.
        Holds in this process, until they are erased."""
        self._forget(desk_id, identity_hashes)
        for identity in identity_hashes:
            name = (desk_id, identity)
            self._retired[name] = max(until_ms, self._retired.get(name, 0))

    async def erase(self, desk_id: str, identity_hashes: Sequence[bytes], until_ms: int = WHENEVER_MS) -> int:
        """Delete the keys of these identities that were made until then for good; returns how many there
        were. After an error or a crash, call it again."""
        self._forget(desk_id, identity_hashes)
        try:
            deleted = await self._keys.delete_identities(desk_id, identity_hashes, until_ms)
        finally:
            self._forget(desk_id, identity_hashes)
        for identity in identity_hashes:
            if self._retired.get((desk_id, identity), WHENEVER_MS) <= until_ms:
                self._retired.pop((desk_id, identity), None)
        return deleted

    async def _find_or_make(self, desk_id: str, identity: bytes) -> DataKey:
        erasures = self._erasures
        stored = await self._keys.by_identity(desk_id, identity)
        retired_ms = self._retired.get((desk_id, identity), -1)
        if stored is not None and stored.made_ms > retired_ms:
            key = self._data_key(stored, self._unwrap(stored))
        else:
            chance = os.urandom(KEY_BYTES + KEY_ID_RANDOM_BYTES)
            secret = chance[:KEY_BYTES]
            made = max(self._clock.now_ms(), retired_ms + 1).to_bytes(KEY_ID_TIME_BYTES, "big")
            stored = self._wrap(desk_id, identity + made + chance[KEY_BYTES:], secret)
            await self._keys.put(stored)
            key = self._data_key(stored, secret)
        self._remember(key, erasures)
        return key

    async def _opened(self, key_id: bytes) -> DataKey | None:
        key = self._by_id.get(key_id)
        if key is not None and self._clock.monotonic_s() < key.fresh_until_s:
            return key
        erasures = self._erasures
        stored = await self._keys.by_id(key_id)
        if stored is None:
            if key is not None:
                self._forget(key.desk_id, [key.identity])
            return None
        key = self._data_key(stored, self._unwrap(stored))
        self._remember(key, erasures)
        return key

    def _data_key(self, stored: StoredKey, secret: bytes) -> DataKey:
        return DataKey(stored, secret, self._clock.monotonic_s() + KEY_CACHE_MS / 1000)

    def _remember(self, key: DataKey, erasures: int) -> None:
        """Cache a key, unless something was erased since the store was asked for it."""
        if erasures != self._erasures:
            return
        self._by_id[key.id] = key
        self._by_identity[key.desk_id, key.identity] = key
        if len(self._by_id) > CACHED_KEYS_MAX:
            self._by_id.popitem(last=False)
        if len(self._by_identity) > CACHED_KEYS_MAX:
            self._by_identity.popitem(last=False)

    def _forget(self, desk_id: str, identities: Sequence[bytes]) -> None:
        self._erasures += 1
        gone = set(identities)
        for identity in gone:
            self._by_identity.pop((desk_id, identity), None)
        for key in [k for k in self._by_id.values() if k.desk_id == desk_id and k.identity in gone]:
            del self._by_id[key.id]

    def _desk(self, desk_id: str) -> tuple[bytes, AESGCM]:
        found = self._desks.get(desk_id)
        if found is None:
            if len(self._desks) >= CACHED_DESKS_MAX:
                self._desks.clear()
            hmac_key = self._derive("desk", desk_id)
            found = self._desks[desk_id] = (hmac_key, AESGCM(self._derive("wrap", desk_id)))
        return found

    def _derive(self, purpose: str, desk_id: str) -> bytes:
        info = f"centrala/1/{purpose}/{desk_id}".encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._master)

    def _wrap(self, desk_id: str, key_id: bytes, secret: bytes) -> StoredKey:
        nonce = os.urandom(NONCE_BYTES)
        wrapped = self._desk(desk_id)[1].encrypt(nonce, secret, _bound_to(desk_id, key_id))
        return StoredKey(key_id, desk_id, nonce + wrapped)

    def _unwrap(self, stored: StoredKey) -> bytes:
        nonce, wrapped = stored.wrapped[:NONCE_BYTES], stored.wrapped[NONCE_BYTES:]
        bound_to = _bound_to(stored.desk_id, stored.key_id)
        try:
            return self._desk(stored.desk_id)[1].decrypt(nonce, wrapped, bound_to)
        except (InvalidTag, ValueError) as error:
            raise Corrupt("a stored data key does not fit the master key") from error


def _bound_to(desk_id: str, key_id: bytes) -> bytes:
    """Associated data of a wrapped key: it opens for this desk and identity only."""
    return key_id + desk_id.encode()


def load_master_key(data_dir: str | Path, env: Mapping[str, str], make: bool = True) -> bytes:
    """CENTRALA_MASTER_KEY, else the file `master.key` of the data directory, made at the first start.

    make: whether one may be made; not where something is sealed already, which a new key could not open.

    Raises Invalid if the key is not 32 bytes in base64 or hex, if others may read the file, or if there is
    none and none may be made.
    """
    text = env.get("CENTRALA_MASTER_KEY", "")
    if text:
        return _parse_key(text, "CENTRALA_MASTER_KEY")
    path = Path(data_dir) / "master.key"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not make:
            raise Invalid(f"{path} is missing, and the data cannot be read without it: {PUT_BACK}") from None
        return _make_key(path)
    if mode & 0o077:
        raise Invalid(f"others may read {path}: chmod 600 {path}")
    return _parse_key(path.read_text(), str(path))


def _parse_key(text: str, source: str) -> bytes:
    text = text.strip()
    try:
        if len(text) == 2 * KEY_BYTES:
            key = bytes.fromhex(text)
        else:
            key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise Invalid(
            f"{source} must be {KEY_BYTES} bytes in base64 or hex, for example of: openssl rand -hex 32"
        )
    return key


def _make_key(path: Path) -> bytes:
    """Write a new key aside, sync it, and give it its name only if nobody else did meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_bytes(KEY_BYTES)
    aside = path.with_name(f"master.key.{secrets.token_hex(8)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, f"{key.hex()}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(aside, path)
    except FileExistsError:
        return _parse_key(path.read_text(), str(path))
    finally:
        aside.unlink()
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    return key
