"""The ports of the views: what readers ask for, and where documents lie."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from services.runtime.event_log import TopicPartition
from services.runtime.view_document import Document

D = TypeVar("D", bound=Document)


class Position(NamedTuple):
    """A place in an owned log: everything before `offset` is in the views."""

    offset: int
    epoch: int
    next_seq: int


class Place(NamedTuple):
    """Where a document stands among those of a term; the cursor of a page."""

    sort: int
    key: str


@dataclass(slots=True)
class Changes:
    """What is written to a store at once, all or nothing."""

    puts: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    drops: dict[str, list[str]] = field(default_factory=dict)
    terms_added: list[tuple[str, int, str]] = field(default_factory=list)
    terms_dropped: list[tuple[str, int, str]] = field(default_factory=list)
    positions: dict[TopicPartition, Position] = field(default_factory=dict)


class ViewReader(Protocol):
    """What edges read. Raises Busy where what is asked for is not to be had now."""

    def of(self, desk_id: str) -> DeskViews:
        """What belongs to a desk."""

    async def prepare(self, desk_id: str, key_hash: str = "") -> None:
        """Have at hand what a request about a desk looks up: the desk, and the API key that asks."""

    def peek(self, kind: type[D], key: str) -> D | None:
        """A document of what is looked up all the time (desks, API keys); None if there is none. Where
        the store is far, what `prepare` has brought. Not to be changed."""

    async def scan_all(self, kind: type[D]) -> list[D]:
        """Every document of a kind in the whole installation."""


class DeskViews(Protocol):
    """What belongs to a desk, read. Documents are not to be changed. Raises Busy as above."""

    def recent(self, kind: type[D], key: str) -> D | None:
        """The document if it is in memory, without a look into the store."""

    async def get(self, kind: type[D], key: str) -> D | None:
        """The document as it stands; None if there is none."""

    async def many(self, kind: type[D], keys: Sequence[str]) -> list[D | None]:
        """Several of them at once."""

    async def scan(self, kind: type[D], prefix: str) -> list[D]:
        """Documents whose key begins with `prefix` ("" or one that ends with "/"), by key. Of kinds that
        are read so (`SCANNED`)."""

    async def find(
        self, kind: type[D], term: str, limit: int, after: Place | None = None, newest: bool = True
    ) -> list[tuple[Place, D]]:
        """Documents with a term, behind `after`, in order."""

    async def count(self, kind: type[Document], term: str) -> int:
        """How many documents have a term."""


class ViewStore(Protocol):
    """Where documents lie."""

    async def open(self) -> dict[TopicPartition, Position]:
        """Make ready, and say how far each log is covered. What cannot be read begins empty."""

    async def write(self, changes: Changes) -> None:
        """Apply changes, all or nothing."""

    async def close(self) -> None:
        """Let go of files and connections."""


class NearStore(ViewStore, Protocol):
    """A store whose reads are quick and local to the process; its writes happen elsewhere."""

    def load(self, kind: str, key: str) -> bytes | None:
        """One document."""

    def scan(self, kind: str, prefix: str) -> list[tuple[str, bytes]]:
        """Documents whose key begins with `prefix`, by key."""

    def find(self, term: str, after: Place | None, limit: int, newest: bool) -> list[Place]:
        """Places of a term behind `after`, newest (largest sort) or oldest first."""

    def count(self, term: str) -> int:
        """How many documents have the term."""


class MemoryStore:
    """A store in memory, for tests and the simulator."""

    def __init__(self) -> None:
        self._docs: dict[str, dict[str, bytes]] = {}
        self._terms: dict[str, list[Place]] = {}
        self._positions: dict[TopicPartition, Position] = {}

    async def open(self) -> dict[TopicPartition, Position]:
        """Positions as last written."""
        return dict(self._positions)

    def load(self, kind: str, key: str) -> bytes | None:
        """One document."""
        return self._docs.get(kind, {}).get(key)

    def scan(self, kind: str, prefix: str) -> list[tuple[str, bytes]]:
        """Documents by prefix of the key."""
        return sorted((k, v) for k, v in self._docs.get(kind, {}).items() if k.startswith(prefix))

    def find(self, term: str, after: Place | None, limit: int, newest: bool) -> list[Place]:
        """Places of a term."""
        places: Sequence[Place] = self._terms.get(term, [])
        if newest:
            return [p for p in reversed(places) if after is None or p < after][:limit]
        return [p for p in places if after is None or p > after][:limit]

    def count(self, term: str) -> int:
        """How many have the term."""
        return len(self._terms.get(term, ()))

    async def write(self, changes: Changes) -> None:
        """Apply changes."""
        for kind, puts in changes.puts.items():
            self._docs.setdefault(kind, {}).update(puts)
        for kind, drops in changes.drops.items():
            for key in drops:
                self._docs.get(kind, {}).pop(key, None)
        for term, sort, key in changes.terms_dropped:
            places = self._terms[term]
            del places[bisect_left(places, Place(sort, key))]
        for term, sort, key in changes.terms_added:
            insort(self._terms.setdefault(term, []), Place(sort, key))
        self._positions.update(changes.positions)

    async def close(self) -> None:
        """Nothing to let go of."""
