"""Documents about agents' requests: that one was taken, and what became of it."""

from __future__ import annotations

from typing import ClassVar

from services.runtime.view_document import Document


class Asked(Document):
    """Topic conversations: an agent's request was taken with this body; key its record id."""

    KIND: ClassVar[str] = "asked"
    KEY: ClassVar[tuple[str, ...]] = ("record",)
    SORT: ClassVar[str] = "at_ms"
    CACHED: ClassVar[int] = 5_000
    record: str
    body_hash: bytes
    at_ms: int

    def terms(self) -> tuple[str, ...]:
        """What it is found by."""
        return ("swept",)


class Answer(Document):
    """Topic routing: what became of an agent's request; key its record id. `why` empty: admitted."""

    KIND: ClassVar[str] = "answer"
    KEY: ClassVar[tuple[str, ...]] = ("record",)
    SORT: ClassVar[str] = "at_ms"
    CACHED: ClassVar[int] = 5_000
    record: str
    conversation: str
    owner: str
    why: str
    kind: str
    at_ms: int

    def terms(self) -> tuple[str, ...]:
        """What it is found by."""
        return ("swept",)
