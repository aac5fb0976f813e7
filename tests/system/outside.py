"""What customers, agents and other systems do from outside, through HTTP alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx

from tests.system.streams import Stream, streaming

ADMIN = "the-installation's-own-key"
DESK = "rowery"
HOME = f"/v1/desks/{DESK}"
MAILBOX = "pomoc@rowery.example"
QUESTION = "Gdzie jest moja paczka?"
JAN = {"address": "jan@example.pl", "name": "Jan Kowalski"}
NEWEST = "r" + "a" * 32
"""As `after`: a read waits for all that the mailbox holds, whichever record is named."""


def desk_config(**changes: Any) -> dict[str, Any]:
    """A desk with a chat, without quiet hours; top-level parts can be replaced."""
    config: dict[str, Any] = {
        "name": "Sklep Rowerowy",
        "locale": "pl",
        "time_zone": "Europe/Warsaw",
        "channels": [{"channel": "chat", "account": "www", "units": 30}],
        "skills": ["dostawa", "zwroty"],
        "languages": ["pl", "en"],
        "leads": [],
        "queues": [
            {"name": "zwroty", "when": {"attributes.topic": ["zwroty"]}, "requires": {"zwroty": 2}},
            {"name": "ogolna", "requires": {}},
        ],
        "sla": [{"name": "normal", "first_response": "5m", "next_response": "10m", "resolution": "1d"}],
        "notices": {"quiet": "none", "delay": {"on": True, "tell_after": "1h"}},
    }
    return {**config, **changes}


class Outside:
    """A client of an installation, with the installation's key."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.stack = AsyncExitStack()

    async def call(
        self, method: str, path: str, body: Any = None, key: str = ADMIN, idempotency: str = "", **more: Any
    ) -> httpx.Response:
        """Ask; by default as the installation. A path without / at its beginning is the desk's."""
        headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}
        if idempotency:
            headers["Idempotency-Key"] = idempotency
        if body is not None:
            more["json"] = body
        return await self.client.request(method, _absolute(path), headers=headers, **more)

    async def must(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of an answer that has to be a 2xx."""
        answer = await self.call(method, path, body, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def desk(self, desk: str = DESK, **changes: Any) -> dict[str, Any]:
        """Configure a desk; the answer."""
        told: dict[str, Any] = await self.must("PUT", f"/v1/desks/{desk}", desk_config(**changes))
        return told

    async def agent(self, agent: str, desk: str = DESK, **about: Any) -> Stream:
        """An agent who is online as long as their stream is open; it stays open with the world."""
        await self.know_agent(agent, desk, **about)
        return await self.stack.enter_async_context(self.connected(agent, desk))

    async def know_agent(self, agent: str, desk: str = DESK, **about: Any) -> None:
        """Tell the desk of an agent who then says that they are online."""
        skills = {"skills": {"dostawa": 3}, "languages": {"pl": 5}, "name": agent}
        await self.must("PUT", f"/v1/desks/{desk}/agents/{agent}", {**skills, **about})
        await self.must("PUT", f"/v1/desks/{desk}/agents/{agent}/presence", {"state": "online"})

    def connected(self, agent: str, desk: str = DESK) -> Any:
        """An agent's stream, as a context."""
        return streaming(self.client, f"/v1/desks/{desk}/agents/{agent}/stream", ADMIN)

    async def board(self, desk: str = DESK) -> Stream:
        """The desk's board, open as long as the world."""
        path = f"/v1/desks/{desk}/board/stream"
        return await self.stack.enter_async_context(streaming(self.client, path, ADMIN))

    async def message(
        self, external_id: str, text: str = QUESTION, sender: Mapping[str, str] = JAN, **more: Any
    ) -> Any:
        """A chat message; the ids of the answer."""
        return await self.must("POST", "messages", chat_message(external_id, text, sender, **more))

    async def conversation(self, conversation: str, after: str = "") -> Any:
        """A whole conversation, once it shows `after`."""
        return await self.must("GET", f"conversations/{conversation}", params=_after(after))

    async def conversations(self, after: str = "", **filters: str) -> list[Any]:
        """All summaries that fit, newest first."""
        found: list[Any] = []
        cursor = ""
        while True:
            params = {**_after(after), **filters, "limit": "200", "cursor": cursor}
            listed = await self.must("GET", "conversations", params=params)
            found += listed["items"]
            cursor = listed["next_cursor"] or ""
            if not cursor:
                return found

    async def only_conversation(self, after: str = "") -> Any:
        """The desk's only conversation."""
        [summary] = await self.conversations(after)
        return await self.conversation(summary["id"])

    async def notices(self, after: str = "", **filters: str) -> list[Any]:
        """The desk's notices, newest first."""
        listed = await self.must("GET", "notices", params={**_after(after), **filters})
        items: list[Any] = listed["items"]
        return items

    async def accept(self, agent: str, offer: Any, **more: Any) -> Any:
        """Accept an offer; who has the conversation."""
        return await self.must("POST", f"offers/{offer['offer_id']}/accept", {"agent": agent}, **more)

    async def reply(self, agent: str, conversation: str, text: str, **more: Any) -> Any:
        """Answer the customer."""
        return await self.must(
            "POST", f"conversations/{conversation}/replies", {"agent": agent, "text": text, **more}
        )


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"{HOME}/{path}"


def _after(record_id: str) -> dict[str, str]:
    return {"after": record_id} if record_id else {}


def chat_message(
    external_id: str, text: str = QUESTION, sender: Mapping[str, str] = JAN, **more: Any
) -> dict[str, Any]:
    """The body of a chat message, Jan's unless another sender is named."""
    return {
        "channel": "chat",
        "account": "www",
        "external_id": external_id,
        "from": dict(sender),
        "text": text,
        **more,
    }
