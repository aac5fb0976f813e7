"""Streams: a snapshot first, then events with ids; presence while they are open; a clean end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proto.v1.notices_pb2 import NoticesEvent, SendRequested
from services.runtime.asgi import Dispatcher, HotRequest, HotStream
from services.runtime.documents import SendView
from services.runtime.hub import QUEUE_MAX, Hub, Told
from services.runtime.loop import Committed
from services.runtime.sse import frames, response
from services.runtime.streams import Streams
from services.runtime.views import MemoryStore, Views
from tests.edges.installation import DESK, HEADERS, Installation, installation


class Stream:
    """One open stream: the App is called directly, since httpx's transport collects whole bodies."""

    def __init__(self, made: Installation, path: str, key: str = "") -> None:
        self._parts: asyncio.Queue[bytes] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._buffer = b""
        self.status = 0
        told = {"Authorization": f"Bearer {key}"} if key else HEADERS
        headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "scheme": "http",
            "server": ("centrala", 80),
            "client": ("test", 1),
        }
        self.task = asyncio.create_task(made.app.asgi(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self._parts.put_nowait(message.get("body", b""))

    async def event(self, *names: str) -> tuple[str, str, Any]:
        """The next event of one of these names: (name, id, data)."""
        async with asyncio.timeout(5):
            while True:
                while b"\n\n" not in self._buffer:
                    self._buffer += await self._parts.get()
                block, self._buffer = self._buffer.split(b"\n\n", 1)
                fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if ": " in line)
                if fields.get("event") in names:
                    return fields["event"], fields["id"], json.loads(fields["data"])

    def unread(self) -> bytes:
        """What came and was not asked for yet."""
        return self._buffer + b"".join(self._parts.get_nowait() for _ in range(self._parts.qsize()))

    async def close(self) -> None:
        """Go away as a client does."""
        self._gone.set()
        await asyncio.wait_for(self.task, 5)


async def test_a_lead_is_told_of_a_broken_promise() -> None:
    """Who is named by an escalation step hears it on their stream, with the conversation, whosever it is."""
    async with installation() as made:
        await made.desk("ola", "szef")
        step = {"at": "breach", "do": "notify", "to": "lead"}
        policy = {"name": "n", "first_response": "1s", "escalate": [step]}
        done = await made.call("PUT", "/v1/desks/rowery", {**DESK, "leads": ["szef"], "sla": [policy]})
        assert done.status_code == 200, done.text
        stream = Stream(made, "/v1/desks/rowery/agents/szef/stream")
        await stream.event("snapshot")
        ids = await made.message()
        _, _, told = await stream.event("escalated")
        doc = await made.only_conversation(ids["record_id"])
        assert (told["conversation_id"], told["kind"], told["at"]) == (doc["id"], "first_response", "breach")
        assert told["conversation"]["customer"]["name"] == "Jan"
        await stream.close()


async def test_an_agents_stream_tells_the_offer() -> None:
    """A snapshot first; then the offer of a message that comes in, with the customer, and the assignment."""
    async with installation() as made:
        await made.desk("ola")
        stream = Stream(made, "/v1/desks/rowery/agents/ola/stream")
        _, _, snapshot = await stream.event("snapshot")
        assert snapshot["capacity"] == {"used": 0, "of": 100}
        await made.message()
        _, event_id, offer = await stream.event("offer")
        assert event_id.startswith("routing/0/")
        assert offer["agent"] == "ola"
        assert offer["conversation"]["customer"]["name"] == "Jan"
        await made.call("POST", f"/v1/desks/rowery/offers/{offer['offer_id']}/accept", {"agent": "ola"})
        _, _, assigned = await stream.event("assigned")
        assert assigned["conversation_id"] == offer["conversation_id"]
        await made.message("m2", text="Halo?")
        _, _, message = await stream.event("message")
        assert message["message"]["text"] == "Halo?"
        again = Stream(made, "/v1/desks/rowery/agents/ola/stream")
        _, _, fresh = await again.event("snapshot")
        assert [one["id"] for one in fresh["conversations"]] == [offer["conversation_id"]]
        assert fresh["capacity"]["used"] == 30
        await stream.close()
        await again.close()


async def test_an_open_stream_is_presence() -> None:
    """While a stream is open its agent's session is in the presence topic, at once."""
    async with installation() as made:
        await made.desk("ola")
        stream = Stream(made, "/v1/desks/rowery/agents/ola/stream")
        _, _, snapshot = await stream.event("snapshot")
        assert snapshot["connected"] is True
        assert made.app.hub.sessions["rowery", "ola"] == 1

        async def beats() -> int:
            return await made.app.log.end("presence", 0)

        await made.until(beats, lambda end: end > 0)
        await stream.close()
        assert made.app.hub.sessions == {}


async def test_asking_for_a_streams_head_is_not_presence() -> None:
    """HEAD answers what GET would, and nobody has been there."""
    hub, sent = Hub(), []

    async def snapshot() -> dict[str, Any]:
        return {}

    async def dress(told: Told) -> dict[str, Any]:
        return told.data

    async def ask() -> None:
        """Anybody may."""

    async def handler(request: HotRequest) -> HotStream:
        return response(hub, "agent/rowery/ola", snapshot, dress, ask, ("rowery", "ola"))

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the stream is answered in front")

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    dispatcher = Dispatcher(behind)
    dispatcher.add("GET", "/stream", handler)
    scope = {"type": "http", "method": "HEAD", "path": "/stream", "query_string": b"", "headers": []}
    async with asyncio.timeout(5):
        await dispatcher(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 200
    assert not hub.session_began.is_set()


async def test_the_board_tells_everything() -> None:
    """The board's stream tells queued, offered, targets and agents of the desk."""
    async with installation() as made:
        await made.desk("ola")
        stream = Stream(made, "/v1/desks/rowery/board/stream")
        _, _, snapshot = await stream.event("snapshot")
        assert [agent["agent"] for agent in snapshot["agents"]] == ["ola"]
        await made.message()
        seen: set[str] = set()
        while not {"queued", "offered", "target", "agent"} <= seen:
            seen.add((await stream.event("queued", "offered", "target", "agent"))[0])
        await stream.close()


async def test_a_notice_without_a_reason_has_none() -> None:
    """A notice on the board's stream has null where it has no reason, as its read does."""
    hub, views = Hub(), Views(MemoryStore())
    views.put(SendView("s1", "shop", "", True, 1, "held"))
    body = SendRequested(send_id="s1")
    event = NoticesEvent(desk_id="shop", requested=body)
    committed = Committed("notices", 0, 0, 1, 1, 1, [event])
    async with hub.subscribe("board/shop") as subscription:
        Streams(views, hub).publish(committed, [("requested", event, body)])
        told = await subscription.take(0)
    assert told is not None
    assert [one.data["why"] for one in told] == [None]


async def test_streams_end_when_the_process_stops() -> None:
    """A stop ends open streams at once and cleanly."""
    async with installation() as made:
        await made.desk("ola")
        stream = Stream(made, "/v1/desks/rowery/board/stream")
        await stream.event("snapshot")
        made.app.hub.close()
        await asyncio.wait_for(stream.task, 1)


@pytest.mark.parametrize(
    ("scope", "feed"), [({"scope": "agent", "agent": "ola"}, "agents/ola"), ({"scope": "read"}, "board")]
)
async def test_a_removed_key_ends_its_streams(scope: dict[str, str], feed: str) -> None:
    """What happens after a key was removed is not told to who opened a stream with it before: the stream
    ends, and its agent is not here any more."""
    async with installation() as made:
        await made.desk("ola")
        path = "/v1/desks/rowery/keys"
        key = (await made.call("POST", path, {"name": "k", **scope})).json()
        stream = Stream(made, f"/v1/desks/rowery/{feed}/stream", key["key"])
        await stream.event("snapshot")
        await made.call("DELETE", f"{path}/{key['id']}")
        await made.message()
        await asyncio.wait_for(stream.task, 5)
        assert b"event: offer" not in stream.unread()
        assert made.app.hub.sessions == {}
        again = Stream(made, f"/v1/desks/rowery/{feed}/stream", key["key"])
        await asyncio.wait_for(again.task, 5)
        assert again.status == 401


async def test_a_slow_reader_gets_a_fresh_snapshot() -> None:
    """Who is too far behind loses the queue, not the truth: a new snapshot comes instead."""
    hub = Hub()
    number = 0

    async def snapshot() -> dict[str, Any]:
        nonlocal number
        number += 1
        return {"number": number}

    async def dress(told: Told) -> dict[str, Any]:
        return told.data

    async def ask() -> None:
        """Anybody may."""

    async with hub.subscribe("board/shop") as subscription:
        parts: AsyncIterator[bytes] = frames(subscription, snapshot, dress, ask)
        assert b"retry" in await anext(parts)
        assert b'"number":1' in await anext(parts)
        for index in range(QUEUE_MAX + 1):
            hub.publish("board/shop", Told("queued", str(index), {}))
        assert b'"number":2' in await anext(parts)
        hub.publish("board/shop", Told("queued", "x", {}))
        assert b"event: queued" in await anext(parts)
        await parts.aclose()  # type: ignore[attr-defined]  # an async generator behind its protocol
