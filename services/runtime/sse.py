"""Server-sent events: a snapshot at each connection, then events; nothing is resumed.

Every event has an `id:`; a client drops what it has seen. Who reads too slowly gets a fresh snapshot.
A comment every few seconds keeps proxies from closing what is quiet.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import msgspec
from fastapi.responses import StreamingResponse

from services.runtime.hub import Closed, Hub, Subscription, Told

KEEP_ALIVE_S = 10.0
RETRY_MS = 1_000
"""How long a client waits before it connects again; browsers take 3 s without a word."""

Snapshot = Callable[[], Awaitable[dict[str, Any]]]
Dress = Callable[[Told], Awaitable[dict[str, Any]]]


def frame(event: str, event_id: str, data: Any) -> bytes:
    """One event on the wire. JSON has no line breaks, so `data` is one line."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event_id.encode(), event.encode(), msgspec.json.encode(data))


async def frames(subscription: Subscription, snapshot: Snapshot, dress: Dress) -> AsyncIterator[bytes]:
    """The stream's bytes: a snapshot, then what comes, each event dressed (its words opened)."""
    yield b"retry: %d\n\n" % RETRY_MS
    number = 0
    fresh = True
    while True:
        if fresh:
            number += 1
            yield frame("snapshot", f"snapshot/{number}", await snapshot())
            fresh = False
        try:
            events = await subscription.take(KEEP_ALIVE_S)
        except Closed:
            yield b": the process stops; connect again\n\n"
            return
        if events is None:
            fresh = True
        elif not events:
            yield b": still here\n\n"
        else:
            yield b"".join([frame(told.event, told.id, await dress(told)) for told in events])


def response(
    hub: Hub, feed: str, snapshot: Snapshot, dress: Dress, session: tuple[str, str] | None
) -> StreamingResponse:
    """The answer that streams a feed until the client goes or the process stops.

    session: desk and agent who are here as long as the stream is open.
    """

    async def stream() -> AsyncIterator[bytes]:
        # Subscribed before the snapshot is taken: what happens in between comes twice, never not at all.
        here = hub.session(*session) if session is not None else nullcontext()
        with here:
            async with hub.subscribe(feed) as subscription:
                async for part in frames(subscription, snapshot, dress):
                    yield part

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)
