"""Documents that stand beside the events of a log: what an engine's state says of a desk, as it is now."""

from __future__ import annotations

from typing import ClassVar

from services.runtime.view_document import Document


class FloorView(Document):
    """Beside topic routing: what the router's state says of a desk (services/router/published.py)."""

    KIND: ClassVar[str] = "floor"
    KEY: ClassVar[tuple[str, ...]] = ("desk",)
    CACHED: ClassVar[int] = 100
    desk: str
    at_ms: int
    state: bytes
    shadow: bytes = b""
    """What was seen of the desk's shadow policy (services/router/shadow.py), packed."""
    next_seq: int = 0
    """Of the log: every batch before it is in the state."""


class FloorDue(Document):
    """A desk has changed, and its floor is to be written in a moment: with every batch before `next_seq`."""

    KIND: ClassVar[str] = "floor_due"
    KEY: ClassVar[tuple[str, ...]] = ("desk",)
    desk: str
    next_seq: int
