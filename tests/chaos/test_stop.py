"""A stop in the middle of requests: whoever waits is told the truth."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from services.runtime.asgi import Dispatcher, HotRequest, HotResponse

Sent = list[MutableMapping[str, Any]]


def _scope(path: str) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}


async def _cancelled_in(app: Dispatcher, path: str, reached: asyncio.Event) -> Sent:
    """What the client is sent when the server cancels its request."""
    sent: Sent = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    request = asyncio.create_task(app(_scope(path), receive, send))
    await reached.wait()
    request.cancel()
    await asyncio.gather(request)
    return sent


async def test_a_request_under_way_is_told_that_it_is_unknown() -> None:
    """503 with Retry-After, never a 500: what was asked may be durable, and the same again is safe."""
    reached = asyncio.Event()

    async def waits(request: HotRequest) -> HotResponse:
        reached.set()
        await asyncio.Event().wait()
        return HotResponse(200, b"")

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the hot route answers")

    app = Dispatcher(behind)
    app.add("GET", "/slow", waits)
    start, *_ = await _cancelled_in(app, "/slow", reached)
    assert start["status"] == 503
    assert b"retry-after" in dict(start["headers"])


async def test_a_request_of_the_application_behind_is_told_the_same() -> None:
    """The framework's routes answer 503 as well while they have not begun."""
    reached = asyncio.Event()

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    start, *_ = await _cancelled_in(Dispatcher(behind), "/any", reached)
    assert start["status"] == 503


async def test_an_answer_that_has_begun_is_cut_and_not_answered_twice() -> None:
    """A stream that is open at a stop ends; no second head is sent."""
    reached = asyncio.Event()

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        reached.set()
        await asyncio.Event().wait()

    sent = await _cancelled_in(Dispatcher(behind), "/stream", reached)
    assert [message["type"] for message in sent] == ["http.response.start"]
