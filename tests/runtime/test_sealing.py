"""Sealing: what is personal can be read by those who hold the keys, until it is erased."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from proto.v1.content_pb2 import IdentityContent, MessageContent
from proto.v1.envelope_pb2 import Sealed
from services.kernel.errors import Busy, Corrupt, Invalid
from services.kernel.limits import DAY_MS, KEY_CACHE_MS
from services.runtime.clock import ManualClock
from services.runtime.keys import WHENEVER_MS, MemoryKeys, StoredKey
from services.runtime.sealing import CACHED_KEYS_MAX, Sealing, load_master_key

MASTER = bytes(range(32))
WORDS = MessageContent(subject="Gdzie jest moja paczka?", text="Zamówienie 4711, Anna Kowalska")


class FailingKeys(MemoryKeys):
    """A key store that counts its reads and can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.down = False

    async def put(self, key: StoredKey) -> None:
        """As ever, with a turn of the loop, as a store over the network has."""
        await asyncio.sleep(0)
        await super().put(key)

    async def by_identity(self, desk_id: str, identity: bytes) -> StoredKey | None:
        """As ever, or Busy."""
        self._read()
        await asyncio.sleep(0)
        return await super().by_identity(desk_id, identity)

    async def by_id(self, key_id: bytes) -> StoredKey | None:
        """As ever, or Busy; the answer is as old as the question."""
        self._read()
        found = await super().by_id(key_id)
        await asyncio.sleep(0)
        return found

    async def delete_identities(
        self, desk_id: str, identities: Sequence[bytes], until_ms: int = WHENEVER_MS
    ) -> int:
        """As ever, or Busy."""
        self._read()
        return await super().delete_identities(desk_id, identities, until_ms)

    def _read(self) -> None:
        self.reads += 1
        if self.down:
            raise Busy("the key store is down")


class World:
    """A sealing with its store and its clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.keys = FailingKeys()
        self.sealing = self.another()
        self.identity = self.sealing.identity_hash("shop", "email", "anna@example.pl")

    def another(self, master: bytes = MASTER) -> Sealing:
        """The same in another process: nothing cached."""
        return Sealing(master, self.keys, self.clock)

    async def seal(self) -> Sealed:
        """The words, sealed for Anna."""
        return self.sealing.seal(await self.sealing.key_for("shop", self.identity), WORDS)


@pytest.fixture
def world() -> World:
    """A fresh one."""
    return World()


async def test_what_was_sealed_opens(world: World) -> None:
    """Sealed content opens to the same content, in another process too, and shows none of its words."""
    sealed = await world.seal()
    raw = sealed.SerializeToString()
    assert b"Anna" not in raw
    assert b"paczka" not in raw
    assert await world.sealing.open(sealed, MessageContent) == WORDS
    assert await world.another().open(sealed, MessageContent) == WORDS


async def test_the_same_twice_looks_different(world: World) -> None:
    """Each sealing has its own nonce: equal content cannot be told from its ciphertext."""
    one, two = await world.seal(), await world.seal()
    assert one.key_id == two.key_id
    assert (one.nonce, one.data) != (two.nonce, two.data)


async def test_bytes_are_sealed_too(world: World) -> None:
    """Attachments go through the same keys."""
    key = await world.sealing.key_for("shop", world.identity)
    sealed = world.sealing.seal_bytes(key, b"%PDF")
    assert await world.sealing.open_bytes(sealed) == b"%PDF"


@pytest.mark.parametrize("field", ["nonce", "data", "key_id"])
async def test_a_changed_byte_is_noticed(world: World, field: str) -> None:
    """Whatever is changed in a sealed field, it does not open as if nothing had happened."""
    sealed = await world.seal()
    other = await world.sealing.key_for("shop", b"o" * 16)
    changed = {
        "nonce": bytes(12),
        "data": sealed.data[:-1] + bytes([sealed.data[-1] ^ 1]),
        "key_id": other.id,
    }
    setattr(sealed, field, changed[field])
    with pytest.raises(Corrupt):
        await world.sealing.open(sealed, MessageContent)


async def test_a_nonsense_nonce_is_corrupt(world: World) -> None:
    """A nonce of an impossible length is named as corrupt, not as a bug."""
    sealed = await world.seal()
    sealed.nonce = b""
    with pytest.raises(Corrupt):
        await world.sealing.open(sealed, MessageContent)


async def test_erased_content_is_gone_at_once(world: World) -> None:
    """After an erasure nothing of that identity opens, cached or not; others still do."""
    sealed = await world.seal()
    other_key = await world.sealing.key_for("shop", b"o" * 16)
    other = world.sealing.seal(other_key, WORDS)
    assert await world.sealing.erase("shop", [world.identity]) == 1
    assert await world.sealing.open_many([sealed, other], MessageContent) == [None, WORDS]
    assert await world.another().open(sealed, MessageContent) is None


async def test_an_erased_identity_gets_a_new_key(world: World) -> None:
    """Who writes again after the erasure is sealed under a new key, and the old content stays closed."""
    old = await world.seal()
    await world.sealing.erase("shop", [world.identity])
    new = await world.seal()
    assert new.key_id != old.key_id
    assert await world.sealing.open_many([old, new], MessageContent) == [None, WORDS]


async def test_a_retired_identity_is_sealed_under_a_new_key(world: World) -> None:
    """From the request of an erasure on nothing is sealed under the old key, which opens until it is
    deleted; the new one is not."""
    before = await world.seal()
    now_ms = world.clock.now_ms()
    world.sealing.retire("shop", [world.identity], now_ms)
    after = await world.seal()
    assert after.key_id != before.key_id
    assert (await world.seal()).key_id == after.key_id
    assert await world.sealing.open(before, MessageContent) == WORDS
    assert await world.sealing.erase("shop", [world.identity], now_ms) == 1
    assert await world.sealing.open(before, MessageContent) is None
    assert await world.another().open(after, MessageContent) == WORDS
    assert (await world.seal()).key_id == after.key_id


async def test_a_read_across_an_erasure_is_not_cached(world: World) -> None:
    """A key that was being read while it was erased is not kept."""
    sealed = await world.seal()
    reader = world.another()
    opening = asyncio.ensure_future(reader.open(sealed, MessageContent))
    await asyncio.sleep(0)
    await reader.erase("shop", [world.identity])
    await opening
    assert await reader.open(sealed, MessageContent) is None


async def test_an_erasure_elsewhere_is_noticed_in_time(world: World) -> None:
    """Another process opens at most KEY_CACHE_MS longer, however often it reads."""
    sealed = await world.seal()
    other = world.another()
    assert await other.open(sealed, MessageContent) == WORDS
    await world.sealing.erase("shop", [world.identity])
    for _ in range(3):
        world.clock.advance(KEY_CACHE_MS // 3)
        await other.open(sealed, MessageContent)
    assert await other.open(sealed, MessageContent) is None
    assert await other.open(sealed, MessageContent) is None


async def test_a_failing_store_fails_closed(world: World) -> None:
    """When the store is down and the cache is old, neither sealing nor opening goes on."""
    sealed = await world.seal()
    world.keys.down = True
    assert await world.sealing.open(sealed, MessageContent) == WORDS
    world.clock.advance(KEY_CACHE_MS)
    with pytest.raises(Busy):
        await world.sealing.open(sealed, MessageContent)
    with pytest.raises(Busy):
        await world.seal()
    world.keys.down = False
    assert await world.sealing.open(sealed, MessageContent) == WORDS


async def test_a_failed_erasure_is_not_forgotten_by_the_cache(world: World) -> None:
    """If the store fails during an erasure the caller hears it, and the cache is empty all the same."""
    sealed = await world.seal()
    world.keys.down = True
    with pytest.raises(Busy):
        await world.sealing.erase("shop", [world.identity])
    with pytest.raises(Busy):
        await world.sealing.open(sealed, MessageContent)


async def test_many_at_once_make_one_key(world: World) -> None:
    """Twenty messages of a new customer at once share one key and one look into the store."""
    keys = await asyncio.gather(*(world.sealing.key_for("shop", world.identity) for _ in range(20)))
    assert len({key.id for key in keys}) == 1
    assert world.keys.reads == 1


async def test_a_cancelled_caller_disturbs_nobody(world: World) -> None:
    """If the caller who began to make a key goes away, the others still get it."""
    tasks = [asyncio.ensure_future(world.sealing.key_for("shop", world.identity)) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert (await tasks[1]).identity == world.identity


async def test_the_cache_is_bounded(world: World) -> None:
    """However many customers write, only so many opened keys are in memory."""
    for n in range(CACHED_KEYS_MAX + 50):
        await world.sealing.key_for("shop", n.to_bytes(16, "big"))
    assert len(world.sealing._by_id) <= CACHED_KEYS_MAX
    assert len(world.sealing._by_identity) <= CACHED_KEYS_MAX


async def test_stored_keys_are_wrapped_and_bound(world: World) -> None:
    """A stored key put under another desk or identity does not open."""
    sealed = await world.seal()
    stored = await world.keys.by_id(sealed.key_id)
    assert stored is not None
    for moved in (
        stored._replace(desk_id="other"),
        stored._replace(key_id=b"o" * len(stored.key_id)),
        stored._replace(wrapped=b"short"),
    ):
        keys = MemoryKeys()
        await keys.put(moved)
        stolen = Sealed(key_id=moved.key_id, nonce=sealed.nonce, data=sealed.data)
        with pytest.raises(Corrupt):
            await Sealing(MASTER, keys, world.clock).open(stolen, MessageContent)


async def test_a_wrong_master_key_is_named_at_the_start(world: World) -> None:
    """The check at the start says in plain words that the master key does not fit the data."""
    await world.another(bytes(32)).check()
    await world.seal()
    await world.sealing.check()
    with pytest.raises(Invalid, match="does not fit the data"):
        await world.another(bytes(32)).check()


def test_hashes_depend_on_desk_and_master(world: World) -> None:
    """The same address has unrelated hashes under another desk or master key, and one however written."""
    sealing = world.sealing
    assert sealing.identity_hash("shop", "email", " Anna@EXAMPLE.pl ") == world.identity
    assert sealing.identity_hash("other", "email", "anna@example.pl") != world.identity
    assert world.another(bytes(32)).identity_hash("shop", "email", "anna@example.pl") != world.identity
    assert sealing.identity_hash("shop", "telegram", "anna@example.pl") != world.identity
    assert len(world.identity) == 16


def test_one_number_is_one_person_on_all_phone_channels(world: World) -> None:
    """A number is the same identity by SMS, WhatsApp and voice."""
    sealing = world.sealing
    written = [("sms", "501 234 567"), ("whatsapp", "48501234567"), ("voice", "+48 501-234-567")]
    assert len({sealing.identity_hash("shop", *one) for one in written}) == 1


async def test_day_keys_change_at_midnight_utc(world: World) -> None:
    """Quarantine of one day shares a key that can be erased by its day."""
    noon = 1_767_225_600_000 + DAY_MS // 2
    today = await world.sealing.day_key("shop", noon)
    assert (await world.sealing.day_key("shop", noon + DAY_MS // 2 - 1)).id == today.id
    assert (await world.sealing.day_key("shop", noon + DAY_MS // 2)).id != today.id
    sealed = world.sealing.seal(today, WORDS)
    await world.sealing.erase("shop", [world.sealing.day_identity("shop", noon)])
    assert await world.sealing.open(sealed, MessageContent) is None


async def test_the_desk_has_a_key_of_its_own(world: World) -> None:
    """What belongs to no customer is sealed under the desk's own key, one for each desk."""
    one, two = await world.sealing.own_key("shop"), await world.sealing.own_key("other")
    assert one.id != two.id
    assert (await world.sealing.own_key("shop")).id == one.id


async def test_content_of_another_kind_is_named(world: World) -> None:
    """Bytes that are not the message asked for are corrupt, not a crash."""
    key = await world.sealing.key_for("shop", world.identity)
    with pytest.raises(Corrupt, match="IdentityContent"):
        await world.sealing.open(world.sealing.seal_bytes(key, b"\xff\xff\xff"), IdentityContent)


def test_the_master_key_file_is_made_once(tmp_path: Path) -> None:
    """The first start makes `master.key`, private; the next ones read it."""
    data_dir = tmp_path / "data"
    key = load_master_key(data_dir, {})
    assert len(key) == 32
    assert load_master_key(data_dir, {}) == key
    assert (data_dir / "master.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["master.key"]


@pytest.mark.parametrize("text", [MASTER.hex(), base64.b64encode(MASTER).decode(), f" {MASTER.hex()}\n"])
def test_the_environment_goes_before_the_file(tmp_path: Path, text: str) -> None:
    """CENTRALA_MASTER_KEY is read in hex or base64, and then no file is made."""
    assert load_master_key(tmp_path, {"CENTRALA_MASTER_KEY": text}) == MASTER
    assert list(tmp_path.iterdir()) == []


def test_both_base64_alphabets_are_read(tmp_path: Path) -> None:
    """URL-safe base64 is base64 too."""
    key = b"\xfb\xff" * 16
    text = base64.urlsafe_b64encode(key).decode()
    assert load_master_key(tmp_path, {"CENTRALA_MASTER_KEY": text}) == key


@pytest.mark.parametrize("text", ["secret", "00" * 31, "zz" * 32, base64.b64encode(bytes(16)).decode()])
def test_a_bad_master_key_is_named(tmp_path: Path, text: str) -> None:
    """What is not 32 bytes is refused with the name of its source and how to make one."""
    with pytest.raises(Invalid, match="CENTRALA_MASTER_KEY must be 32 bytes"):
        load_master_key(tmp_path, {"CENTRALA_MASTER_KEY": text})


def test_a_readable_master_key_file_is_refused(tmp_path: Path) -> None:
    """A key that others may read is refused, with the command that helps."""
    load_master_key(tmp_path, {})
    os.chmod(tmp_path / "master.key", 0o644)
    with pytest.raises(Invalid, match="chmod 600"):
        load_master_key(tmp_path, {})
