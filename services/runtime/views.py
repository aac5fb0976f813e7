"""Views: what readers see, kept in documents that follow the logs.

`Views` is a write-back cache over a store. Events change documents in memory; what has changed goes to
the store in batches, together with the position of each log that it covers. So a crash loses only what
reading the logs from those positions brings back, and the store never needs an fsync. Readers see every
change at once: by key from memory, by term after a flush.

A store keeps bytes by kind and key, and sorted terms. A near one (`NearStore`: memory, SQLite) is read
on the spot. A far one (Redis) is not: there the process that owns a log writes its documents
(`views_far.py`), and everybody else reads what is written (`views_read.py`). So readers ask by `get`,
`many`, `scan`, `find` and `count`, which wait where they must; `peek` and `under` are for who knows the
documents to be here: projections, and what is looked up all the time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from services.runtime.documents import KINDS, Conversation, Document, Ownership, Promises
from services.runtime.event_log import TRY_LATER, TopicPartition
from services.runtime.view_store import Changes as Changes
from services.runtime.view_store import MemoryStore as MemoryStore
from services.runtime.view_store import NearStore
from services.runtime.view_store import Place as Place
from services.runtime.view_store import Position as Position

D = TypeVar("D", bound=Document)

OF_A_CONVERSATION: tuple[type[Document], ...] = (Conversation, Ownership, Promises)
"""Kinds whose key is a conversation's id."""
ABSENT_MAX = 10_000
"""How many ids of each kind are remembered as absent; it is only a shortcut."""
Terms = tuple[str, ...]

_log = logging.getLogger(__name__)


class _Kind:
    """The cache of one kind of documents."""

    __slots__ = ("absent", "cached", "decoder", "dirty", "docs", "drops", "leaving", "writing", "written")

    def __init__(self, of: type[Document]) -> None:
        self.cached = of.CACHED
        self.decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(of)
        self.docs: dict[str, Any] = {}
        self.dirty: set[str] = set()
        self.drops: set[str] = set()
        # The same, while a flush is under way.
        self.writing: set[str] = set()
        self.leaving: set[str] = set()
        # Known to be nowhere: no look into the store is needed.
        self.absent: set[str] = set()
        # What stands in the store's terms for a document: (sort, terms).
        self.written: dict[str, tuple[int, Terms]] = {}


class Views:
    """Documents by kind and key, over a near store. Everything is called on the event loop."""

    def __init__(self, store: NearStore) -> None:
        self._store = store
        self._kinds = {kind: _Kind(kind) for kind in KINDS}
        self._positions: dict[TopicPartition, Position] = {}
        self._moved: set[TopicPartition] = set()
        self._encode = msgspec.msgpack.Encoder().encode
        self._flushing = asyncio.Lock()
        self.changed = 0
        self._closed = False

    async def open(self) -> None:
        """Open the store."""
        self._positions = await self._store.open()

    async def close(self) -> None:
        """Write what has changed and close the store. May be called again. What the store does not take is
        no reason to fail: the next start reads it from the logs."""
        if self._closed:
            return
        self._closed = True
        try:
            await self.flush()
        except TRY_LATER as error:
            _log.warning("the views are closed without their last changes: %s", error)
        finally:
            await self._store.close()

    def position(self, topic: str, partition: int) -> Position:
        """How far a log is in the views; the log's beginning if it never was."""
        return self._positions.get(TopicPartition(topic, partition), Position(0, 0, 0))

    def advance(self, topic: str, partition: int, position: Position) -> None:
        """Everything before `position` is in the views now."""
        place = TopicPartition(topic, partition)
        self._positions[place] = position
        self._moved.add(place)

    # Writers

    def begins(self, conversation_id: str) -> None:
        """A conversation begins now: nothing of it is in memory or in the store. Saves three looks into
        the store for each new one. Not to be called when logs are read again: then some of it may be."""
        for kind in OF_A_CONVERSATION:
            absent = self._kinds[kind].absent
            if len(absent) >= ABSENT_MAX:
                absent.clear()
            absent.add(conversation_id)

    def edit(self, kind: type[D], key: str) -> D | None:
        """The document, to be changed in place before the next await; None if there is none."""
        doc = self.peek(kind, key)
        if doc is not None:
            self._kinds[kind].dirty.add(key)
            self.changed += 1
        return doc

    def put(self, doc: Document) -> None:
        """Take in a new document (or another one under the same key)."""
        cache = self._kinds[type(doc)]
        key = doc.key()
        cache.drops.discard(key)
        cache.absent.discard(key)
        cache.docs[key] = doc
        cache.dirty.add(key)
        self.changed += 1

    def drop(self, kind: type[Document], key: str) -> None:
        """Remove a document; nothing happens if there is none."""
        if self.peek(kind, key) is None:
            return
        cache = self._kinds[kind]
        del cache.docs[key]
        cache.dirty.discard(key)
        cache.drops.add(key)
        self.changed += 1

    def drop_prefix(self, kind: type[Document], prefix: str) -> None:
        """Remove every document whose key begins with `prefix`."""
        for doc in self.under(kind, prefix):
            self.drop(kind, doc.key())

    # Readers

    def peek(self, kind: type[D], key: str) -> D | None:
        """The document as it stands; None if there is none. Not to be changed."""
        cache = self._kinds[kind]
        doc: D | None = cache.docs.get(key)
        if doc is not None or key in cache.absent or key in cache.drops or key in cache.leaving:
            return doc
        raw = self._store.load(kind.KIND, key)
        if raw is None:
            return None
        taken: D = self._take(cache, key, raw)
        return taken

    def recent(self, kind: type[D], key: str) -> D | None:
        """The document if it is in memory, without a look into the store."""
        doc: D | None = self._kinds[kind].docs.get(key)
        return doc

    def under(self, kind: type[D], prefix: str) -> list[D]:
        """Documents whose key begins with `prefix`, by key."""
        cache = self._kinds[kind]
        found: dict[str, D] = {}
        for key, raw in self._store.scan(kind.KIND, prefix):
            if key not in cache.drops and key not in cache.leaving:
                found[key] = cache.docs.get(key) or cache.decoder.decode(raw)
        for key in cache.dirty | cache.writing:
            if key.startswith(prefix) and key in cache.docs:
                found[key] = cache.docs[key]
        return [found[key] for key in sorted(found)]

    def of(self, desk_id: str) -> Views:
        """Every desk's documents are here."""
        return self

    async def prepare(self, desk_id: str, key_hash: str = "") -> None:
        """See ViewReader. Everything is at hand."""

    async def get(self, kind: type[D], key: str) -> D | None:
        """See DeskViews."""
        return self.peek(kind, key)

    async def many(self, kind: type[D], keys: Sequence[str]) -> list[D | None]:
        """See DeskViews."""
        return [self.peek(kind, key) for key in keys]

    async def scan(self, kind: type[D], prefix: str) -> list[D]:
        """See DeskViews."""
        return self.under(kind, prefix)

    async def scan_all(self, kind: type[D]) -> list[D]:
        """See ViewReader."""
        return self.under(kind, "")

    async def find(
        self, kind: type[D], term: str, limit: int, after: Place | None = None, newest: bool = True
    ) -> list[tuple[Place, D]]:
        """Documents with a term, behind `after`, in order."""
        await self.flush()
        found: list[tuple[Place, D]] = []
        for place in self._store.find(f"{kind.KIND}/{term}", after, limit, newest):
            doc = self.peek(kind, place.key)
            if doc is not None:
                found.append((place, doc))
        return found

    async def count(self, kind: type[Document], term: str) -> int:
        """How many documents have a term."""
        await self.flush()
        return self._store.count(f"{kind.KIND}/{term}")

    # The store

    async def flush(self) -> None:
        """Write what has changed. If the store fails, nothing is lost: it is written the next time."""
        async with self._flushing:
            if not self._moved and not any(c.dirty or c.drops for c in self._kinds.values()):
                return
            changes, terms = self._collect()
            moved, self._moved, self.changed = self._moved, set(), 0
            for cache in self._kinds.values():
                cache.writing, cache.dirty = cache.dirty, set()
                cache.leaving, cache.drops = cache.drops, set()
            try:
                await self._store.write(changes)
            except BaseException:
                self._moved |= moved
                for cache in self._kinds.values():
                    cache.dirty |= {key for key in cache.writing if key in cache.docs}
                    cache.drops |= cache.leaving - cache.docs.keys()
                raise
            finally:
                for cache in self._kinds.values():
                    cache.writing, cache.leaving = set(), set()
            for cache, key, now in terms:
                if now is None:
                    cache.written.pop(key, None)
                else:
                    cache.written[key] = now
            self._evict()

    def _collect(self) -> tuple[Changes, list[tuple[_Kind, str, tuple[int, Terms] | None]]]:
        changes = Changes(positions={p: self._positions[p] for p in self._moved})
        terms: list[tuple[_Kind, str, tuple[int, Terms] | None]] = []
        for kind, cache in self._kinds.items():
            if cache.dirty:
                puts = changes.puts[kind.KIND] = []
                for key in cache.dirty:
                    doc = cache.docs[key]
                    puts.append((key, self._encode(doc)))
                    now = (doc.sort(), doc.terms())
                    was = cache.written.get(key)
                    if now != was and (now[1] or was):
                        _terms_changed(changes, kind.KIND, key, was, now)
                        terms.append((cache, key, now))
            if cache.drops:
                changes.drops[kind.KIND] = list(cache.drops)
                for key in cache.drops:
                    if was := cache.written.get(key):
                        _terms_changed(changes, kind.KIND, key, was, (0, ()))
                        terms.append((cache, key, None))
        return changes, terms

    def _take(self, cache: _Kind, key: str, raw: bytes) -> Any:
        doc = cache.decoder.decode(raw)
        cache.docs[key] = doc
        if terms := doc.terms():
            cache.written[key] = (doc.sort(), terms)
        return doc

    def _evict(self) -> None:
        for cache in self._kinds.values():
            surplus = len(cache.docs) - cache.cached
            if surplus <= 0:
                continue
            # Oldest taken in first; what has changed since stays until it is written.
            old = [key for key, _ in zip(cache.docs, range(surplus), strict=False) if key not in cache.dirty]
            for key in old:
                del cache.docs[key]
                cache.written.pop(key, None)


def _terms_changed(
    changes: Changes, kind: str, key: str, was: tuple[int, Terms] | None, now: tuple[int, Terms]
) -> None:
    if was is not None:
        kept = set(now[1]) if was[0] == now[0] else set()
        changes.terms_dropped += [(f"{kind}/{t}", was[0], key) for t in was[1] if t not in kept]
    had = set(was[1]) if was is not None and was[0] == now[0] else set()
    changes.terms_added += [(f"{kind}/{t}", now[0], key) for t in now[1] if t not in had]
