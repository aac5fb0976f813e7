"""What every document of the views has: a key, a place among its like, terms by which it is found."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Document(msgspec.Struct, array_like=True):
    """One document.

    KEY: the fields that name it within its kind. SORT: the field by which those with the same term are
    ordered; it may change only where nobody reads them by pages. CACHED: how many are kept in memory; what
    has just changed always is. SCANNED: whether they are read by the prefix of their key, too.
    """

    KIND: ClassVar[str] = ""
    KEY: ClassVar[tuple[str, ...]] = ("id",)
    SORT: ClassVar[str] = ""
    CACHED: ClassVar[int] = 10_000
    SCANNED: ClassVar[bool] = False

    def key(self) -> str:
        """Names the document within its kind."""
        return "/".join([getattr(self, field) for field in self.KEY])

    def sort(self) -> int:
        """Where it stands among those with the same term."""
        place: int = getattr(self, self.SORT) if self.SORT else 0
        return place

    def terms(self) -> tuple[str, ...]:
        """What it is found by, beside its key."""
        return ()
