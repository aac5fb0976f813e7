"""Routes of resolved conversations: an agent may open one again and answer, as long as the router knows it.

Packed, since there are as many as the desks resolve in three months: a route is one byte string of its
fields, found by the 16 bytes of its conversation. A mail's takes 0.9 KB of memory (its sealed route has
the references), a chat's 0.35 KB. They lie in the order in which they were closed, so what has expired is
at the front; above CLOSED_BYTES_MAX the oldest sixteenth goes at once, so that the front is looked for
seldom.
"""

from __future__ import annotations

import msgspec

from services.kernel.limits import DAY_MS, RESOLVED_DAYS
from services.kernel.packed import pack

CLOSED_ROUTE_MS = (RESOLVED_DAYS + 1) * DAY_MS
"""How long a route outlives the resolution: the router counts its days whole."""
CLOSED_BYTES_MAX = 256 * 1024 * 1024
"""Of memory, for all desks: routes of some 300,000 mails or 600,000 chats."""
ENTRY_BYTES = 300
"""What an entry takes besides its byte string: measured, with the dictionary's part at its emptiest."""


class Route(msgspec.Struct, gc=False, array_like=True):
    """How the customer of a conversation is answered: the route of their last own message."""

    desk_id: str
    customer_id: str
    channel: str
    account: str
    language: str
    sealed: bytes
    """Serialised Sealed of a MessageRoute; empty after an erasure."""
    order_ids: tuple[str, ...]
    seen_ms: int
    closed_ms: int = 0
    """When it was resolved; 0 while it is open."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Route).decode
_pairs = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]])


class ClosedRoutes:
    """Conversation -> its route, the longest closed first."""

    __slots__ = ("_bytes", "_bytes_max", "_routes")

    def __init__(self, bytes_max: int = CLOSED_BYTES_MAX) -> None:
        self._routes: dict[bytes, bytes] = {}
        self._bytes = 0
        self._bytes_max = bytes_max

    def __len__(self) -> int:
        """Routes in memory."""
        return len(self._routes)

    @classmethod
    def load(cls, data: bytes) -> ClosedRoutes:
        """What `dump` wrote; from b"" none."""
        closed = cls()
        if data:
            closed._routes = dict(_pairs.decode(data))
            closed._bytes = sum(len(packed) + ENTRY_BYTES for packed in closed._routes.values())
        return closed

    def dump(self) -> bytes:
        """As bytes, equal for equal histories."""
        return _encode(list(self._routes.items())) if self._routes else b""

    def get(self, conversation_id: str) -> Route | None:
        """The route of a resolved conversation."""
        packed = self._routes.get(pack(conversation_id)) if self._routes else None
        return _decode(packed) if packed is not None else None

    def put(self, conversation_id: str, route: Route) -> None:
        """It is resolved now."""
        packed = _encode(route)
        self.discard(conversation_id)
        self._routes[pack(conversation_id)] = packed
        self._bytes += len(packed) + ENTRY_BYTES
        if self._bytes > self._bytes_max:
            keys = iter(self._routes)
            self._drop([next(keys) for _ in range(max(1, len(self._routes) // 16))])

    def discard(self, conversation_id: str) -> None:
        """It is open again."""
        key = pack(conversation_id)
        if key in self._routes:
            self._drop([key])

    def prune(self, now_ms: int) -> None:
        """Let go what was closed too long ago."""
        expired = []
        for key, packed in self._routes.items():
            if _decode(packed).closed_ms > now_ms - CLOSED_ROUTE_MS:
                break
            expired.append(key)
        self._drop(expired)

    def forget(self, customer_ids: list[str]) -> None:
        """Blank where these customers are answered. Reads everything: 0.1 s a million for each."""
        names = [customer_id.encode() for customer_id in customer_ids]
        found = [key for key, packed in self._routes.items() if any(name in packed for name in names)]
        for key in found:
            route = _decode(self._routes[key])
            if route.customer_id in customer_ids:
                self._bytes -= len(self._routes[key])
                route.sealed = b""
                self._routes[key] = _encode(route)
                self._bytes += len(self._routes[key])

    def _drop(self, keys: list[bytes]) -> None:
        for key in keys:
            self._bytes -= len(self._routes.pop(key)) + ENTRY_BYTES
