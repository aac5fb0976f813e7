"""Server-sent events: a snapshot at each connection, then events; nothing is resumed.

Every event has an `id:`; a client drops what it has seen. Who reads too slowly gets a fresh snapshot. Whether
the reader may hear it still is asked before each: keys are removed.
A comment every few seconds keeps proxies from closing what is quiet.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import msgspec

from services.kernel.errors import Busy
from services.runtime.asgi import HotStream
from services.runtime.hub import Closed, Hub, Snapshot, Subscription, Told
from services.runtime.problems import Refusal

KEEP_ALIVE_S = 10.0
RETRY_MS = 1_000
"""How long a client waits before it connects again; browsers take 3 s without a word."""

HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)

Dress = Callable[[Told], Awaitable[dict[str, Any]]]
Ask = Callable[[], Awaitable[None]]
"""Raises Refusal for a reader who may no longer hear what is told, Busy where that cannot be said."""


def frame(event: str, event_id: str, data: Any) -> bytes:
    """One event on the wire. JSON has no line breaks, so `data` is one line."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event_id.encode(), event.encode(), msgspec.json.encode(data))


async def frames(
    subscription: Subscription, snapshot: Snapshot, dress: Dress, ask: Ask
) -> AsyncIterator[bytes]:
    """The stream's bytes: a snapshot, then what comes, each event dressed (its words opened)."""
    yield b"retry: %d\n\n" % RETRY_MS
    try:
        async for events in subscription.tellings(snapshot, KEEP_ALIVE_S):
            await ask()
            if events:
                yield b"".join([frame(told.event, told.id, await dress(told)) for told in events])
            else:
                yield b": still here\n\n"
    except Closed:
        yield b": the process stops; connect again\n\n"
    except (Refusal, Busy):
        yield b": the key may not hear this any more; connect again to be told why\n\n"


def response(
    hub: Hub, feed: str, snapshot: Snapshot, dress: Dress, ask: Ask, session: tuple[str, str] | None
) -> HotStream:
    """The answer that streams a feed until the client goes, its key is removed, or the process stops.

    session: desk and agent who are here as long as the stream is open.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        # Subscribed before the snapshot is taken: what happens in between comes twice, never not at all.
        here = hub.session(*session) if session is not None else nullcontext()
        with here:
            async with hub.subscribe(feed) as subscription:
                async for part in frames(subscription, snapshot, dress, ask):
                    yield part

    return HotStream(stream(), HEADERS)
