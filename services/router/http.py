"""The router's HTTP: conversations, explanations, queues, waits, streams of agents and boards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from services.kernel.errors import Problem
from services.router import waits
from services.router.http_explain import Explanations
from services.router.http_requests import Requests
from services.router.schemas import State
from services.runtime import shapes, sse
from services.runtime.auth import READERS
from services.runtime.documents import AgentLoad, Conversation, Ownership, SendView
from services.runtime.edge import Edge, no_desk
from services.runtime.hub import Told
from services.runtime.paging import Cursor, Limit, page
from services.runtime.problems import Refusal
from services.runtime.streams import load_row, ownership_row

if TYPE_CHECKING:
    from services.runtime.main import App

BOARD_ROWS_MAX = 500
NOTICES_SHOWN_MAX = 50
Word = Annotated[str, Query(max_length=200)]
_SKILL = re.compile(r"([^:=]{1,64})(?:[:=]([1-5]))?")


def bind(app: App) -> None:
    """Hang the router's routes onto the App."""
    edge = Edge.of(app)
    router = APIRouter(tags=["router"])
    Requests(edge).add_to(app, router)
    _Conversations(edge).add_to(router)
    Explanations(edge).add_to(router)
    _Queues(edge).add_to(router)
    _Watching(edge).add_to(router)
    app.add_router(router)


class _Conversations:
    """Conversations: in lists, and whole."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        path = "/v1/desks/{desk}/conversations"
        router.add_api_route(path, self.list, methods=["GET"])
        router.add_api_route(path + "/{conversation}", self.get, methods=["GET"])

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
        edge = self._edge
        edge.check(request, desk, READERS)
        await edge.shown(after)
        views, reads = edge.views, edge.reads
        person = reads.customer(customer) if customer else None
        ids = {person.id, *person.merged} if person is not None else {customer}

        def fits(doc: Conversation) -> bool:
            owned = views.peek(Ownership, doc.id)
            return (
                doc.desk == desk
                and (not state or (owned.state if owned else "waiting") == state)
                and (not agent or (owned is not None and owned.owner == agent))
                and (not customer or doc.customer in ids)
                and (not channel or doc.channel == channel)
                and (not order_id or order_id in doc.orders)
            )

        if not customer and not order_id and (agent or state):
            term = f"agent/{desk}/{agent}" if agent else f"state/{desk}/{state}"
            by_state = await page(views, Ownership, term, cursor, limit, self._of(fits), lambda doc: doc.id)
            docs = [views.peek(Conversation, one) for one in by_state["items"]]
            return {**by_state, "items": [reads.summary(doc) for doc in docs if doc is not None]}
        term = f"all/{desk}"
        if order_id:
            term = f"order/{desk}/{order_id}"
        elif customer and len(ids) == 1:
            term = f"customer/{next(iter(ids))}"
        elif channel and not customer:
            term = f"channel/{desk}/{channel}"
        return await page(views, Conversation, term, cursor, limit, fits, reads.summary)

    def _of(self, fits: Any) -> Any:
        def wanted(owned: Ownership) -> bool:
            doc = self._edge.views.peek(Conversation, owned.id)
            return doc is not None and bool(fits(doc))

        return wanted

    async def get(self, desk: str, conversation: str, request: Request, after: Word = "") -> dict[str, Any]:
        """The whole conversation."""
        self._edge.check(request, desk, READERS)
        await self._edge.shown(after)
        return await self._edge.reads.conversation(self._edge.conversation(desk, conversation))


class _Queues:
    """What waits, and how long."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        router.add_api_route("/v1/desks/{desk}/queues", self.queues, methods=["GET"])
        router.add_api_route("/v1/desks/{desk}/wait", self.wait, methods=["GET"])

    async def queues(self, desk: str, request: Request, after: Word = "") -> list[dict[str, Any]]:
        """Each queue: how many wait, the oldest, who could take them, the estimate."""
        self._edge.check(request, desk, READERS)
        await self._edge.shown(after)
        if self._edge.directory.view(desk) is None:
            raise no_desk(desk)
        app = self._edge.app
        return [
            {
                "queue": queue.queue,
                "waiting": queue.waiting,
                "oldest_s": queue.oldest_ms / 1000,
                "able": queue.able,
                "free": queue.free,
                "wait": shapes.wait(*queue.wait),
            }
            for queue in waits.queues(app.loops["routing"].state, desk, app.clock.now_ms())
        ]

    async def wait(
        self, desk: str, request: Request, channel: Word = "", skills: Word = "", language: Word = ""
    ) -> dict[str, Any]:
        """What a customer would be told now. `skills`: "dostawa,zwroty:3"."""
        self._edge.check(request, desk, READERS)
        if self._edge.directory.view(desk) is None:
            raise no_desk(desk)
        app = self._edge.app
        estimate = waits.wait_for(
            app.loops["routing"].state, desk, channel, _levels(skills), language, app.clock.now_ms()
        )
        return {"channel": channel or None, "language": language or None, **shapes.wait(*estimate)}


def _levels(text: str) -> list[tuple[str, int]]:
    """Skills with least levels; 1 where none is said. Raises Refusal 422."""
    levels: list[tuple[str, int]] = []
    for part in text.split(",") if text else ():
        found = _SKILL.fullmatch(part.strip())
        if found is None:
            problem = Problem("/skills", 'must be skills such as "dostawa" or "zwroty:3", parted by commas')
            raise Refusal(422, "The skills cannot be read.", [problem])
        levels.append((found[1], int(found[2] or 1)))
    return levels


class _Watching:
    """Streams: an agent's own, and the desk's board."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        router.add_api_route("/v1/desks/{desk}/agents/{agent}/stream", self.agent, methods=["GET"])
        router.add_api_route("/v1/desks/{desk}/board/stream", self.board, methods=["GET"])

    def _admit(self) -> None:
        if self._edge.hub.streams() >= self._edge.app.settings.streams_max:
            self._edge.app.metrics.turned_away.labels("streams").inc()
            raise Refusal(503, "Too many streams are open.", retry_after_s=5)

    async def agent(self, desk: str, agent: str, request: Request) -> StreamingResponse:
        """A snapshot, then offers, withdrawals, messages. While it is open, the agent is here."""
        self._edge.check(request, desk, ("admin", "agent")).speaks_for(agent)
        if self._edge.directory.agent(desk, agent) is None:
            raise Refusal(404, "The desk has no such agent.")
        self._admit()
        reads = self._edge.reads
        return sse.response(
            self._edge.hub,
            f"agent/{desk}/{agent}",
            lambda: reads.agent_snapshot(desk, agent),
            reads.dressed,
            (desk, agent),
        )

    async def board(self, desk: str, request: Request) -> StreamingResponse:
        """A snapshot, then what changes on the desk."""
        self._edge.check(request, desk, READERS)
        if self._edge.directory.view(desk) is None:
            raise no_desk(desk)
        self._admit()
        return sse.response(self._edge.hub, f"board/{desk}", lambda: self._board(desk), self._plain, None)

    async def _plain(self, told: Told) -> dict[str, Any]:
        return told.data

    async def _board(self, desk: str) -> dict[str, Any]:
        edge = self._edge
        rows: dict[str, list[dict[str, Any]]] = {}
        counts: dict[str, int] = {}
        for state in ("waiting", "offered", "owned"):
            found = await edge.views.find(Ownership, f"state/{desk}/{state}", BOARD_ROWS_MAX, newest=False)
            rows[state] = [self._row(owned) for _, owned in found]
            counts[state] = await edge.views.count(Ownership, f"state/{desk}/{state}")
        agents = []
        for known in edge.directory.agents(desk):
            key = f"{desk}/{known.agent_id}"
            load = edge.views.peek(AgentLoad, key) or AgentLoad(desk, known.agent_id)
            agents.append({**load_row(load), "name": known.name, "of": known.capacity})
        sends = await edge.views.find(SendView, f"all/{desk}", NOTICES_SHOWN_MAX)
        app = edge.app
        queues = waits.queues(app.loops["routing"].state, desk, app.clock.now_ms())
        return {
            "desk": desk,
            "at": shapes.rfc3339(app.clock.now_ms()),
            "counts": counts,
            "conversations": rows["waiting"] + rows["offered"] + rows["owned"],
            "agents": agents,
            "queues": [{"queue": queue.queue, "waiting": queue.waiting} for queue in queues],
            "notices": [shapes.notice(send, None) for _, send in sends],
        }

    def _row(self, owned: Ownership) -> dict[str, Any]:
        doc = self._edge.views.peek(Conversation, owned.id)
        targets = self._edge.reads.summary(doc)["targets"] if doc is not None else []
        return {**ownership_row(owned), "targets": targets}
