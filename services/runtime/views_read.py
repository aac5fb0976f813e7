"""The views as edges read them: from Redis, whatever partition they lie in.

Every read brings the partition's head along, last: so what was read was whole, or the reader is told to
come back later. Nothing is kept from one read to the next but what every request needs, desks and API keys:
they are read anew for each request (`prepare`), and where Redis does not answer, the last that was read
counts. So an edge goes on taking messages for the desks that it knows, whatever becomes of Redis.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from services.kernel.errors import Busy
from services.kernel.ids import partition_of
from services.runtime.documents import KINDS, ApiKeyView, DeskView, Document
from services.runtime.redis_link import Command, RedisLink
from services.runtime.view_store import Place
from services.runtime.views_redis import Head, Names, checked, heads, place

D = TypeVar("D", bound=Document)

KNOWN_DESKS_MAX = 10_000
"""Desks that are remembered in case Redis is away: some 50 MB."""
KNOWN_KEYS_MAX = 50_000

_decoders: dict[type[Document], Callable[[bytes], Any]] = {
    kind: msgspec.msgpack.Decoder(kind).decode for kind in KINDS
}


class _Known(Generic[D]):
    """The last that was read of one kind. A document that has not changed stays the same object."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._docs: OrderedDict[str, tuple[bytes, D]] = OrderedDict()

    def get(self, key: str) -> D | None:
        """The document."""
        found = self._docs.get(key)
        return found[1] if found is not None else None

    def learn(self, kind: type[D], key: str, body: bytes | None) -> None:
        """It was read just now; None: there is none."""
        if body is None:
            self._docs.pop(key, None)
            return
        known = self._docs.get(key)
        if known is None or known[0] != body:
            self._docs[key] = (body, _decoders[kind](body))
        self._docs.move_to_end(key)
        if len(self._docs) > self._most:
            self._docs.popitem(last=False)

    def forget(self, wanted: Callable[[D], bool]) -> None:
        """Forget those that are wanted gone."""
        for key in [key for key, (_, doc) in self._docs.items() if wanted(doc)]:
            del self._docs[key]


class RemoteViews:
    """All partitions. A ViewReader."""

    def __init__(self, link: RedisLink, partitions: int) -> None:
        self.link = link
        self._all: dict[type[Document], list[Any]] = {}
        self._parts = [PartitionViews(link, partition) for partition in range(partitions)]
        self._desks = _Known[DeskView](KNOWN_DESKS_MAX)
        self._keys = _Known[ApiKeyView](KNOWN_KEYS_MAX)

    def of(self, desk_id: str) -> PartitionViews:
        """See ViewReader."""
        return self._parts[self.partition(desk_id)]

    def partition(self, desk_id: str) -> int:
        """Where a desk lives."""
        return partition_of(desk_id, len(self._parts))

    def part(self, partition: int) -> PartitionViews:
        """One partition."""
        return self._parts[partition]

    async def prepare(self, desk_id: str, key_hash: str = "") -> None:
        """Bring what a request about a desk needs at once: the desk, and the key that asks, if there is one.

        Raises Busy if Redis does not answer and the desk was never seen here.
        """
        wanted = [(DeskView.KIND, desk_id)] + ([(ApiKeyView.KIND, key_hash)] if key_hash else [])
        try:
            bodies = await self.of(desk_id).read(lambda names: [names.load(*one) for one in wanted])
        except Busy:
            if self._desks.get(desk_id) is None or (key_hash and self._keys.get(key_hash) is None):
                raise
            return
        self._desks.learn(DeskView, desk_id, bodies[0])
        if key_hash:
            self._keys.learn(ApiKeyView, key_hash, bodies[1])

    def revoke(self, desk_id: str, key_id: str) -> None:
        """A key was removed: forget it, even if Redis is away."""
        self._keys.forget(lambda doc: doc.desk == desk_id and doc.id == key_id)

    def peek(self, kind: type[D], key: str) -> D | None:
        """See ViewReader. Raises LookupError for what is never prepared."""
        known: Any
        if kind is DeskView:
            known = self._desks.get(key)
        elif kind is ApiKeyView:
            known = self._keys.get(key)
        else:
            raise LookupError(f"{kind.KIND} is not prepared: ask for it by get")
        found: D | None = known
        return found

    async def scan_all(self, kind: type[D]) -> list[D]:
        """See ViewReader. The last that was read counts as long as Redis is away; never before: a mailbox
        that is missing from it would be refused for good."""
        try:
            found = [doc for part in self._parts for doc in await part.scan(kind, "")]
        except Busy:
            if kind not in self._all:
                raise
            return list(self._all[kind])
        found.sort(key=lambda doc: doc.key())
        self._all[kind] = found
        return list(found)


class PartitionViews:
    """One partition. A DeskViews."""

    def __init__(self, link: RedisLink, partition: int) -> None:
        self._link = link
        self._names = Names(partition)

    async def read(self, commands: Callable[[Names], Sequence[Command]]) -> list[Any]:
        """Answers that belong together. Raises Busy while the partition's views are made anew."""
        answers, found = await self._with_heads(commands)
        checked(found)
        return answers

    async def heads(self) -> dict[str, Head]:
        """How far each log is covered. Raises Busy if Redis does not answer."""
        return (await self._with_heads(lambda names: []))[1]

    async def _with_heads(
        self, commands: Callable[[Names], Sequence[Command]]
    ) -> tuple[list[Any], dict[str, Head]]:
        while True:
            names = self._names
            *answers, raw = await self._link.read([*commands(names), ("HGETALL", names.head)])
            life, found = heads(raw)
            if life == names.life:
                return answers, found
            self._names = Names(names.partition, life)  # another life: its documents lie elsewhere

    def recent(self, kind: type[D], key: str) -> D | None:
        """Nothing is kept here."""
        return None

    async def get(self, kind: type[D], key: str) -> D | None:
        """See DeskViews."""
        return (await self.many(kind, [key]))[0]

    async def many(self, kind: type[D], keys: Sequence[str]) -> list[D | None]:
        """See DeskViews."""
        if not keys:
            return []
        bodies = await self.read(lambda names: [names.load(kind.KIND, key) for key in keys])
        decode = _decoders[kind]
        return [decode(body) if body is not None else None for body in bodies]

    async def scan(self, kind: type[D], prefix: str) -> list[D]:
        """See DeskViews."""
        [found] = await self.read(lambda names: [("HGETALL", names.family(kind.KIND, prefix))])
        return [_decoders[kind](found[field]) for field in sorted(found)]

    async def find(
        self, kind: type[D], term: str, limit: int, after: Place | None = None, newest: bool = True
    ) -> list[tuple[Place, D]]:
        """See DeskViews."""
        whole = f"{kind.KIND}/{term}"
        [found] = await self.read(lambda names: [names.find(whole, after, limit, newest)])
        places = [place(raw) for raw in found]
        docs = await self.many(kind, [one.key for one in places])
        return [(one, doc) for one, doc in zip(places, docs, strict=True) if doc is not None]

    async def count(self, kind: type[Document], term: str) -> int:
        """See DeskViews."""
        [found] = await self.read(lambda names: [("ZCARD", names.term(f"{kind.KIND}/{term}"))])
        return int(found)
