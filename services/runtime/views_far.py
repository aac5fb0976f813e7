"""The views of one log, over a store that is not near: what the owner of the log writes with.

Projections change documents on the spot and look at others meanwhile (`projections.py`). Where the store is
far, what they will look at has to be here before they run. Nobody writes down what that is: `ready_for`
lets them run on copies first, which are thrown away, and fetches whatever they missed, until they miss
nothing. That costs a few microseconds an event, and one round trip for many of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from services.runtime.documents import KINDS, Document
from services.runtime.event_log import TopicPartition
from services.runtime.view_store import Changes, Place, Position, ViewStore
from services.runtime.views import Views

D = TypeVar("D", bound=Document)
Named = tuple[type[Document], str]

AT_ONCE = 500
"""Documents fetched by one call."""


class FarStore(ViewStore, Protocol):
    """A store whose every read is a call. Each raises Busy."""

    async def fetch(self, places: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """Documents by kind and key."""

    async def fetch_under(self, kind: str, prefix: str) -> list[tuple[str, bytes]]:
        """Documents whose key begins with `prefix`."""

    async def fetch_places(self, term: str, after: Place | None, limit: int, newest: bool) -> list[Place]:
        """Places of a term."""

    async def fetch_count(self, term: str) -> int:
        """How many documents have the term."""


class NotHere(LookupError):
    """A document was looked at that nobody has brought: `ready_for` is missing."""


class FarViews(Views):
    """Documents of one log. Used by one task; after an error of the store to be made anew."""

    def __init__(self, store: FarStore, share: int = 1) -> None:
        """share: how many others there are of its like in the process, to share its memory with."""
        super().__init__(_Nowhere())
        self._far = store
        self._store: Any = store
        self._none: set[tuple[str, str]] = set()
        self._whole: set[tuple[str, str]] = set()
        for cache in self._kinds.values():
            cache.cached = max(10, cache.cached // share)

    def has(self, kind: type[Document], key: str) -> bool:
        """Whether it is known here how the document stands, or that there is none."""
        cache = self._kinds[kind]
        return (
            key in cache.docs or key in cache.drops or key in cache.leaving or (kind.KIND, key) in self._none
        )

    def has_under(self, kind: type[Document], prefix: str) -> bool:
        """The same of all whose key begins with `prefix`."""
        return (kind.KIND, prefix) in self._whole

    def peek(self, kind: type[D], key: str) -> D | None:
        """As Views. Raises NotHere where nothing is known of it."""
        if not self.has(kind, key):
            raise NotHere(f"{kind.KIND} {key}")
        doc: D | None = self._kinds[kind].docs.get(key)
        return doc

    def under(self, kind: type[D], prefix: str) -> list[D]:
        """As Views. Raises NotHere where nothing is known of them."""
        if not self.has_under(kind, prefix):
            raise NotHere(f"{kind.KIND} {prefix}*")
        docs = self._kinds[kind].docs
        return [docs[key] for key in sorted(docs) if key.startswith(prefix)]

    async def get(self, kind: type[D], key: str) -> D | None:
        """See ViewReader."""
        return (await self.many(kind, [key]))[0]

    async def many(self, kind: type[D], keys: Sequence[str]) -> list[D | None]:
        """See ViewReader."""
        await self.bring([(kind, key) for key in keys if not self.has(kind, key)])
        return [self._kinds[kind].docs.get(key) for key in keys]

    async def scan(self, kind: type[D], prefix: str) -> list[D]:
        """See ViewReader."""
        await self.bring([], [(kind, prefix)])
        return self.under(kind, prefix)

    async def scan_all(self, kind: type[D]) -> list[D]:
        """Those of this log."""
        return await self.scan(kind, "")

    async def find(
        self, kind: type[D], term: str, limit: int, after: Place | None = None, newest: bool = True
    ) -> list[tuple[Place, D]]:
        """See ViewReader."""
        await self.flush()
        places = await self._far.fetch_places(f"{kind.KIND}/{term}", after, limit, newest)
        docs = await self.many(kind, [place.key for place in places])
        return [(place, doc) for place, doc in zip(places, docs, strict=True) if doc is not None]

    async def count(self, kind: type[Document], term: str) -> int:
        """See ViewReader."""
        await self.flush()
        return await self._far.fetch_count(f"{kind.KIND}/{term}")

    async def bring(
        self,
        wanted: Sequence[tuple[type[Document], str]],
        families: Sequence[tuple[type[Document], str]] = (),
    ) -> None:
        """Fetch documents, and all that begin with a prefix; what is here stays. Raises Busy.

        They are here until the next flush.
        """
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            bodies = await self._far.fetch([(kind.KIND, key) for kind, key in some])
            for (kind, key), body in zip(some, bodies, strict=True):
                self._arrived(kind, key, body)
        for kind, prefix in families:
            for key, body in await self._far.fetch_under(kind.KIND, prefix):
                self._arrived(kind, key, body)
            self._whole.add((kind.KIND, prefix))

    def _evict(self) -> None:
        super()._evict()
        self._none.clear()
        self._whole.clear()

    def _arrived(self, kind: type[Document], key: str, body: bytes | None) -> None:
        if self.has(kind, key):
            return
        if body is None:
            self._none.add((kind.KIND, key))
        else:
            self._take(self._kinds[kind], key, body)

    async def ready_for(self, run: Callable[[Views], None]) -> None:
        """Bring whatever `run` looks at, so that it can be run on this. Raises Busy."""
        wanted: dict[Named, None] = {}
        families: dict[Named, None] = {}
        while True:
            rehearsal = _Rehearsal(self)
            run(rehearsal)
            if not rehearsal.missed and not rehearsal.missed_families:
                return
            wanted |= rehearsal.missed
            families |= rehearsal.missed_families
            await self.bring(list(wanted), list(families))


class _Nowhere:
    """Stands where Views has a near store; never asked."""

    def load(self, kind: str, key: str) -> bytes | None:
        raise NotHere(f"{kind} {key}")

    def scan(self, kind: str, prefix: str) -> list[tuple[str, bytes]]:
        raise NotHere(f"{kind} {prefix}*")

    def find(self, term: str, after: Place | None, limit: int, newest: bool) -> list[Place]:
        raise NotHere(term)

    def count(self, term: str) -> int:
        raise NotHere(term)

    async def open(self) -> dict[TopicPartition, Position]:
        raise NotHere("a store")

    async def write(self, changes: Changes) -> None:
        raise NotHere("a store")

    async def close(self) -> None:
        """Nothing is open."""


_encode = msgspec.msgpack.Encoder().encode
_decoders = {kind: msgspec.msgpack.Decoder(kind).decode for kind in KINDS}


class _Rehearsal(Views):
    """Copies to run projections on, which remembers what they looked at in vain."""

    def __init__(self, of: FarViews) -> None:  # nothing of what Views keeps: one is made for each write
        self._of = of
        self._copies: dict[Named, Any] = {}
        self.missed: dict[Named, None] = {}
        self.missed_families: dict[Named, None] = {}

    def peek(self, kind: type[D], key: str) -> D | None:
        """A copy."""
        if (kind, key) in self._copies:
            copied: D | None = self._copies[kind, key]
            return copied
        if not self._of.has(kind, key):
            self.missed[kind, key] = None
            return None
        doc = self._of.peek(kind, key)
        copy: D | None = _decoders[kind](_encode(doc)) if doc is not None else None  # type: ignore[assignment]
        self._copies[kind, key] = copy
        return copy

    def edit(self, kind: type[D], key: str) -> D | None:
        """A copy."""
        return self.peek(kind, key)

    def put(self, doc: Document) -> None:
        """Kept to be looked at."""
        self._copies[type(doc), doc.key()] = doc

    def drop(self, kind: type[Document], key: str) -> None:
        """Gone; what it was has to be known, so that its terms can go too."""
        self.peek(kind, key)
        self._copies[kind, key] = None

    def under(self, kind: type[D], prefix: str) -> list[D]:
        """Those that are here, and those that were put."""
        if not self._of.has_under(kind, prefix):
            self.missed_families[kind, prefix] = None
            return []
        keys = {doc.key() for doc in self._of.under(kind, prefix)}
        keys |= {key for made, key in self._copies if made is kind and key.startswith(prefix)}
        return [doc for key in sorted(keys) if (doc := self.peek(kind, key)) is not None]
