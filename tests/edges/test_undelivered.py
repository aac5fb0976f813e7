"""An answer that did not arrive, as agents and leads see it on every surface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.edges.installation import DESK, Installation, installation
from tests.edges.test_streams import Stream

REFUSED = "webhook 410"
CHAT = "/v1/desks/rowery/conversations"


@asynccontextmanager
async def _refusing() -> AsyncIterator[str]:
    """A receiver that takes nothing any more; its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/out"


async def _answered(made: Installation, url: str) -> str:
    """ola has answered a conversation of hers, over a webhook that refuses; the conversation's id."""
    hook = {"url": url, "events": ["message.out"]}
    done = await made.call("PUT", "/v1/desks/rowery", {**DESK, "webhooks": [hook]})
    assert done.status_code == 200, done.text
    doc = await made.only_conversation((await made.message())["record_id"])
    await made.call("POST", f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}/accept", {"agent": "ola"})
    body = {"agent": "ola", "text": "Paczka jest w drodze."}
    done = await made.call("POST", f"{CHAT}/{doc['id']}/replies", body, Idempotency_Key="reply")
    assert done.status_code == 202, done.text
    return str(doc["id"])


async def test_every_surface_says_why_it_is_back() -> None:
    """ola answers and resolves; the provider refuses the answer. Her stream tells it and offers it to her
    again; the board, the conversation, its events and the explanation say the provider's reason."""
    async with _refusing() as url, installation() as made:
        await made.desk("ola")
        agent = Stream(made, "/v1/desks/rowery/agents/ola/stream")
        board = Stream(made, "/v1/desks/rowery/board/stream")
        await agent.event("snapshot")
        await board.event("snapshot")
        conversation = await _answered(made, url)
        _, _, told = await agent.event("undelivered")
        assert (told["conversation_id"], told["reason"]) == (conversation, REFUSED)
        done = await made.call("POST", f"{CHAT}/{conversation}/resolve", {"agent": "ola", "reason": "done"})
        assert done.status_code == 202, done.text
        _, _, offer = await agent.event("offer")
        while offer["conversation"]["undeliverable"] is None:
            _, _, offer = await agent.event("offer")
        assert offer["conversation"]["undeliverable"] == REFUSED
        _, _, row = await board.event("undelivered")
        assert row["undeliverable"] == REFUSED
        doc = (await made.call("GET", f"{CHAT}/{conversation}")).json()
        assert (doc["state"], doc["undeliverable"]) == ("offered", REFUSED)
        assert (
            _details(doc, "undelivered") == _details(doc, "reopened") == [f"answer undeliverable: {REFUSED}"]
        )
        explained = (await made.call("GET", f"{CHAT}/{conversation}/explain")).json()["sentence"]
        assert explained["en"].startswith(f"Answer undeliverable: {REFUSED}. Offered to ola")
        assert explained["pl"].startswith(f"Odpowiedź nie dotarła: {REFUSED}. Zaproponowano: ola")
        await agent.close()
        await board.close()


async def test_it_says_so_while_it_waits_and_no_more_when_answered_again() -> None:
    """Who explains a conversation that waits hears of the answer first; a new answer ends that."""
    async with _refusing() as url, installation() as made:
        await made.desk("ola")
        conversation = await _answered(made, url)
        away = {"state": "offline"}

        async def read() -> Any:
            return (await made.call("GET", f"{CHAT}/{conversation}")).json()

        await made.until(read, lambda doc: doc["undeliverable"] is not None)
        await made.call("PUT", "/v1/desks/rowery/agents/ola/presence", away)
        await made.until(read, lambda doc: doc["state"] == "waiting")
        explained = (await made.call("GET", f"{CHAT}/{conversation}/explain")).json()["sentence"]
        assert explained["en"].startswith(f"Answer undeliverable: {REFUSED}. Waits: ")
        assert (await made.call("PUT", "/v1/desks/rowery", DESK)).status_code == 200
        await made.call("PUT", "/v1/desks/rowery/agents/ola/presence", {"state": "online", "ttl_s": 3600})
        doc = await made.until(read, lambda doc: doc["state"] == "offered")
        offer = doc["offer"]["offer_id"]
        await made.call("POST", f"/v1/desks/rowery/offers/{offer}/accept", {"agent": "ola"})
        again = {"agent": "ola", "text": "Jeszcze raz."}
        done = await made.call("POST", f"{CHAT}/{conversation}/replies", again, Idempotency_Key="again")
        assert done.status_code == 202, done.text
        assert (await made.until(read, lambda doc: doc["undeliverable"] is None))["state"] == "owned"


def _details(doc: dict[str, Any], what: str) -> list[str]:
    return [one["detail"] for one in doc["events"] if one["event"] == what]
