"""Agents' requests by HTTP: accept, decline, reply, transfer, resolve, reopen, priority, notes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, TypeAdapter

from proto.v1.inbound_pb2 import REQUEST_KIND_ACCEPT, REQUEST_KIND_DECLINE, RequestKind
from services.router import schemas
from services.router.asking import AGENTS, Asker, Asking, agent_of
from services.runtime.answers import OfferAnswered, RequestAdmitted
from services.runtime.asgi import HotHandler, HotRequest, HotResponse
from services.runtime.edge import Decided, Edge
from services.runtime.openapi import IDEMPOTENCY_KEY, hot_route

if TYPE_CHECKING:
    from services.runtime.main import App

_json = msgspec.json.encode
B = TypeVar("B", bound=schemas.AsksFor)


class Requests:
    """The handlers of agents' requests."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._asking = Asking(edge)

    def add_to(self, app: App, router: APIRouter) -> None:
        """Hang the routes onto the App."""
        offer = "/v1/desks/{desk}/offers/{offer}/"
        conversation = "/v1/desks/{desk}/conversations/{conversation}/"
        routes: list[tuple[str, HotHandler, type[BaseModel], int, str]] = [
            (offer + "accept", self.accept, schemas.OfferAnswer, 200, "Accept an offer"),
            (offer + "decline", self.decline, schemas.OfferAnswer, 200, "Decline an offer"),
            (conversation + "replies", self.reply, schemas.ReplyIn, 202, "Answer the customer"),
            (conversation + "resolve", self.resolve, schemas.ResolveIn, 202, "Resolve"),
            (conversation + "reopen", self.reopen, schemas.ReopenIn, 202, "Open again"),
            (conversation + "transfer", self.transfer, schemas.TransferIn, 202, "Hand over"),
            (conversation + "priority", self.priority, schemas.PriorityIn, 202, "Set the priority"),
            (conversation + "notes", self.note, schemas.NoteIn, 202, "Keep a note"),
        ]
        for path, handler, model, status, summary in routes:
            app.add_hot("POST", path, handler)
            answer = OfferAnswered if path.startswith(offer) else RequestAdmitted
            hot_route(router, "POST", path, handler, model, answer, status, summary, [IDEMPOTENCY_KEY])

    async def accept(self, request: HotRequest) -> HotResponse:
        """200 with who has it; 409 with what happened instead."""
        return await self._offer(request, REQUEST_KIND_ACCEPT)

    async def decline(self, request: HotRequest) -> HotResponse:
        """200; 409 if the offer is no longer open."""
        return await self._offer(request, REQUEST_KIND_DECLINE)

    async def _offer(self, request: HotRequest, kind: RequestKind) -> HotResponse:
        body, by = self._read(request, schemas.ANSWER)
        decided = await self._asking.offer(by, kind, request.path_params["offer"], body)
        told = {"conversation_id": decided.conversation, "owner": decided.owner or None}
        return HotResponse(200, _json(told))

    async def reply(self, request: HotRequest) -> HotResponse:
        """202 when the router admits it; 409 if the agent does not have the conversation."""
        return await self._admitted(request, schemas.REPLY, self._asking.reply)

    async def note(self, request: HotRequest) -> HotResponse:
        """Keep a note that the customer never sees."""
        return await self._admitted(request, schemas.NOTE, self._asking.note)

    async def resolve(self, request: HotRequest) -> HotResponse:
        """202; 409 if the agent does not have it, or a newer message is there."""
        return await self._admitted(request, schemas.RESOLVE, self._asking.resolve)

    async def reopen(self, request: HotRequest) -> HotResponse:
        """202; 409 if it is not resolved."""
        return await self._admitted(request, schemas.REOPEN, self._asking.reopen)

    async def transfer(self, request: HotRequest) -> HotResponse:
        """Hand it to a skill, an agent or a queue."""
        return await self._admitted(request, schemas.TRANSFER, self._asking.transfer)

    async def priority(self, request: HotRequest) -> HotResponse:
        """Set the priority."""
        return await self._admitted(request, schemas.PRIORITY, self._asking.priority)

    def _read(self, request: HotRequest, adapter: TypeAdapter[B]) -> tuple[B, Asker]:
        """The body, and who asks: named in it, or by the key."""
        desk = request.path_params["desk"]
        principal = self._edge.auth.check(request.headers, desk, AGENTS)
        body = adapter.validate_json(request.body or b"{}")
        agent = agent_of(principal, body.agent)
        return body, Asker(desk, agent, request.headers.get(b"idempotency-key", b""))

    async def _admitted(
        self,
        request: HotRequest,
        adapter: TypeAdapter[B],
        ask: Callable[[Asker, str, B], Awaitable[Decided]],
    ) -> HotResponse:
        body, by = self._read(request, adapter)
        decided = await ask(by, request.path_params["conversation"], body)
        told = {
            "conversation_id": decided.conversation,
            "record_id": decided.record,
            "owner": decided.owner or None,
        }
        return HotResponse(202, _json(told))
