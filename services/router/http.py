"""The router's HTTP: conversations, explanations, queues, waits, streams of agents and boards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from services.router.asking import AGENTS
from services.router.explaining import Explaining
from services.router.http_requests import Requests
from services.router.reading import Filters, Reading
from services.router.schemas import State
from services.runtime import answers, sse
from services.runtime.answers_desks import AgentEvents, BoardEvents
from services.runtime.asgi import HotHandler, HotRequest, HotStream
from services.runtime.auth import READERS
from services.runtime.edge import Edge
from services.runtime.hub import Told
from services.runtime.openapi import EventStream, answer_of, hot_route
from services.runtime.paging import Cursor, Limit

if TYPE_CHECKING:
    from services.runtime.main import App

Word = Annotated[str, Query(max_length=200)]
FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
"""How OpenAPI describes the answer with a file."""
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+", re.ASCII)


def bind(app: App) -> None:
    """Hang the router's routes onto the App."""
    edge = Edge.of(app)
    router = APIRouter(tags=["router"])
    reading = Reading(edge)
    Requests(edge).add_to(app, router)
    _Conversations(edge, reading).add_to(router)
    _Queues(edge, reading).add_to(router)
    _Watching(edge, reading).add_to(app, router)
    app.add_router(router)


class _Conversations:
    """Conversations: in lists, whole, and explained."""

    def __init__(self, edge: Edge, reading: Reading) -> None:
        self._edge = edge
        self._reading = reading
        self._explaining = Explaining(edge)

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        path = "/v1/desks/{desk}/conversations"
        one, why = path + "/{conversation}", path + "/{conversation}/explain"
        pages, explained = answer_of(answers.ConversationPage), answer_of(answers.Explanation)
        router.add_api_route(path, self.list, methods=["GET"], responses=pages)
        router.add_api_route(one, self.get, methods=["GET"], responses=answer_of(answers.Conversation))
        router.add_api_route(why, self.explain, methods=["GET"], responses=explained)
        file = one + "/messages/{message}/attachments/{blob}"
        router.add_api_route(file, self.file, methods=["GET"], response_class=Response, responses=FILE)

    async def list(
        self,
        desk: str,
        request: Request,
        state: State | None = None,
        agent: Word = "",
        customer: Word = "",
        channel: Word = "",
        order_id: Word = "",
        cursor: Cursor = "",
        limit: Limit = 50,
        after: Word = "",
    ) -> dict[str, Any]:
        """Summaries, newest first, of those that fit every given filter."""
        self._edge.check(request, desk, READERS)
        await self._edge.shown(desk, after)
        by = Filters(state=state, agent=agent, customer=customer, channel=channel, order_id=order_id)
        return await self._reading.conversations(desk, by, cursor, limit)

    async def get(self, desk: str, conversation: str, request: Request, after: Word = "") -> dict[str, Any]:
        """The whole conversation."""
        self._edge.check(request, desk, READERS)
        await self._edge.shown(desk, after)
        return await self._reading.conversation(desk, conversation)

    async def file(self, desk: str, conversation: str, message: str, blob: str, request: Request) -> Response:
        """A file of a message, by the `blob` that the conversation shows beside its name: the bytes as they
        came. Whoever sent it chose its type, so a browser is told to keep it, not to show it."""
        self._edge.check(request, desk, READERS)
        attachment, data = await self._reading.file(desk, conversation, message, blob)
        known = _MEDIA_TYPE.fullmatch(attachment.media_type)
        headers = {
            "Content-Type": attachment.media_type if known else "application/octet-stream",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(attachment.name, safe='')}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return Response(data, headers=headers)

    async def explain(
        self, desk: str, conversation: str, request: Request, decision: Word = "", after: Word = ""
    ) -> dict[str, Any]:
        """The decision that is named; without a name why it waits, if it does, or the last decision.

        Of a past decision the counts are kept; the agents' names are worked out where settings say them.
        """
        self._edge.check(request, desk, READERS)
        await self._edge.shown(desk, after)
        return await self._explaining.of(desk, conversation, decision)


class _Queues:
    """What waits, and how long."""

    def __init__(self, edge: Edge, reading: Reading) -> None:
        self._edge = edge
        self._reading = reading

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        add, desk = router.add_api_route, "/v1/desks/{desk}"
        add(f"{desk}/queues", self.queues, methods=["GET"], responses=answer_of(list[answers.Queue]))
        add(f"{desk}/wait", self.wait, methods=["GET"], responses=answer_of(answers.WaitTold))
        add(f"{desk}/shadow", self.shadow, methods=["GET"], responses=answer_of(answers.Shadow))

    async def queues(self, desk: str, request: Request, after: Word = "") -> list[dict[str, Any]]:
        """Each queue: how many wait, the oldest, who could take them, the estimate."""
        self._edge.check(request, desk, READERS)
        await self._edge.shown(desk, after)
        return await self._reading.queues(desk, is_fresh=bool(after))

    async def shadow(self, desk: str, request: Request, after: Word = "") -> dict[str, Any]:
        """How often the desk's second policy (`routing.shadow`) chooses as the live one, by queue and
        channel, and the last choices in which they differ, with both reasons. `on` is false without one."""
        self._edge.check(request, desk, READERS)
        await self._edge.shown(desk, after)
        return await self._reading.shadow(desk)

    async def wait(
        self,
        desk: str,
        request: Request,
        channel: Word = "",
        skills: Word = "",
        language: Word = "",
        after: Word = "",
    ) -> dict[str, Any]:
        """What a customer would be told now. `skills`: "dostawa,zwroty:3"."""
        self._edge.check(request, desk, READERS)
        await self._edge.shown(desk, after)
        wait = await self._reading.wait(desk, channel, skills, language)
        return {"channel": channel or None, "language": language or None, **wait}


class _Watching:
    """Streams: an agent's own, and the desk's board."""

    def __init__(self, edge: Edge, reading: Reading) -> None:
        self._edge = edge
        self._reading = reading

    def add_to(self, app: App, router: APIRouter) -> None:
        """Hang the routes onto the App."""
        desk = "/v1/desks/{desk}"
        streams: list[tuple[str, HotHandler, type[BaseModel], str]] = [
            (
                desk + "/agents/{agent}/stream",
                self.agent,
                AgentEvents,
                "What an agent is offered, as it happens",
            ),
            (desk + "/board/stream", self.board, BoardEvents, "What happens on the desk"),
        ]
        for path, handler, events, summary in streams:
            app.add_hot("GET", path, handler)
            hot_route(router, "GET", path, handler, None, events, 200, summary, response_class=EventStream)

    async def agent(self, request: HotRequest) -> HotStream:
        """A snapshot, then offers, withdrawals, messages. While it is open, the agent is here."""
        desk, agent = request.path_params["desk"], request.path_params["agent"]

        async def ask() -> None:
            await self._edge.prepare(desk, request.headers)
            self._edge.auth.check(request.headers, desk, AGENTS).speaks_for(agent)

        await ask()
        self._edge.know_desk(desk)
        await self._edge.know_agent(desk, agent)
        self._reading.admit_stream(desk)
        reads = self._edge.reads
        return sse.response(
            self._edge.hub,
            f"agent/{desk}/{agent}",
            lambda: self._edge.agent_snapshot(desk, agent),
            reads.dressed,
            ask,
            (desk, agent),
        )

    async def board(self, request: HotRequest) -> HotStream:
        """A snapshot, then what changes on the desk."""
        desk = request.path_params["desk"]

        async def ask() -> None:
            await self._edge.prepare(desk, request.headers)
            self._edge.auth.check(request.headers, desk, READERS)

        await ask()
        self._edge.know_desk(desk)
        self._reading.admit_stream(desk)
        board = self._reading.board
        return sse.response(self._edge.hub, f"board/{desk}", lambda: board(desk), self._plain, ask, None)

    async def _plain(self, told: Told) -> dict[str, Any]:
        return told.data
