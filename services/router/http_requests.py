"""What agents ask for: accept, decline, reply, transfer, resolve, reopen, priority, notes.

Each is one record of the mailbox; the answer is what the router decided about it. The hot ones are
accept, decline, replies and resolve, but all have the same form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, TypeAdapter

from proto.v1.content_pb2 import MessageContent
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import (
    REQUEST_KIND_ACCEPT,
    REQUEST_KIND_DECLINE,
    REQUEST_KIND_NOTE,
    REQUEST_KIND_PRIORITY,
    REQUEST_KIND_REOPEN,
    REQUEST_KIND_REPLY,
    REQUEST_KIND_RESOLVE,
    REQUEST_KIND_TRANSFER,
    TRANSFER_TO_AGENT,
    TRANSFER_TO_QUEUE,
    TRANSFER_TO_SKILL,
    AgentRequest,
    RequestKind,
)
from services.kernel.errors import Problem
from services.kernel.limits import CONTENT_BYTES_MAX
from services.router import schemas
from services.router.http_offers import late_answer
from services.runtime.asgi import HotHandler, HotRequest, HotResponse
from services.runtime.documents import Conversation
from services.runtime.edge import Decided, Edge, refused, standing
from services.runtime.openapi import hot_route
from services.runtime.problems import Refusal

if TYPE_CHECKING:
    from services.runtime.main import App

AGENTS = ("admin", "agent")
EXCERPT_CHARS = 4_000
"""Of a text that became a blob, so much stays in the record."""
_json = msgspec.json.encode
B = TypeVar("B", bound=schemas.AsksFor)


class Requests:
    """The handlers of agents' requests."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

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
            hot_route(router, "POST", path, handler, model, status, summary)

    async def accept(self, request: HotRequest) -> HotResponse:
        """200 with who has it; 409 with what happened instead."""
        return await self._offer(request, REQUEST_KIND_ACCEPT)

    async def decline(self, request: HotRequest) -> HotResponse:
        """200; 409 if the offer is no longer open."""
        return await self._offer(request, REQUEST_KIND_DECLINE)

    async def _offer(self, request: HotRequest, kind: RequestKind) -> HotResponse:
        body, agent = self._read(request, schemas.ANSWER)
        offer_id = request.path_params["offer"]
        asked = AgentRequest(kind=kind, agent_id=agent, offer_id=offer_id, reason=body.reason)
        decided = await self._ask(request, asked, f"{offer_id}\0{body.reason}")
        told = {"conversation_id": decided.conversation, "owner": decided.owner or None}
        return HotResponse(200, _json(told))

    async def reply(self, request: HotRequest) -> HotResponse:
        """202 when the router admits it; 409 if the agent does not have the conversation."""
        body, agent = self._read(request, schemas.REPLY)
        doc = self._conversation(request)
        content = MessageContent(text=body.text, html=body.html, author=agent)
        for a in body.attachments:
            content.attachments.add(name=a.name, media_type=a.media_type, size_bytes=len(a.data))
        files = [a.data for a in body.attachments]
        asked = AgentRequest(
            kind=REQUEST_KIND_REPLY,
            agent_id=agent,
            conversation_id=doc.id,
            promise_within_ms=schemas.duration_ms(body.promise_within),
            content=await self._sealed(doc, content, files),
        )
        return self._admitted(await self._ask(request, asked, f"{doc.id}\0{body.model_dump_json()}"))

    async def note(self, request: HotRequest) -> HotResponse:
        """Keep a note that the customer never sees."""
        body, agent = self._read(request, schemas.NOTE)
        doc = self._conversation(request)
        content = await self._sealed(doc, MessageContent(text=body.text, author=agent), [])
        asked = AgentRequest(kind=REQUEST_KIND_NOTE, agent_id=agent, conversation_id=doc.id, content=content)
        return self._admitted(await self._ask(request, asked, f"{doc.id}\0{body.text}"))

    async def resolve(self, request: HotRequest) -> HotResponse:
        """202; 409 if the agent does not have it, or a newer message is there."""
        body, agent = self._read(request, schemas.RESOLVE)
        doc = self._conversation(request)
        asked = AgentRequest(
            kind=REQUEST_KIND_RESOLVE,
            agent_id=agent,
            conversation_id=doc.id,
            reason=body.reason,
            last_message_seen=body.last_message_seen,
        )
        said = f"{doc.id}\0{body.reason}\0{body.last_message_seen}"
        return self._admitted(await self._ask(request, asked, said))

    async def reopen(self, request: HotRequest) -> HotResponse:
        """202; 409 if it is not resolved."""
        body, agent = self._read(request, schemas.REOPEN)
        doc = self._conversation(request)
        asked = AgentRequest(
            kind=REQUEST_KIND_REOPEN, agent_id=agent, conversation_id=doc.id, reason=body.reason
        )
        return self._admitted(await self._ask(request, asked, f"{doc.id}\0{body.reason}"))

    async def transfer(self, request: HotRequest) -> HotResponse:
        """Hand it to a skill, an agent or a queue."""
        body, agent = self._read(request, schemas.TRANSFER)
        doc = self._conversation(request)
        to = body.to
        kind = TRANSFER_TO_SKILL if to.skill else TRANSFER_TO_AGENT if to.agent else TRANSFER_TO_QUEUE
        asked = AgentRequest(
            kind=REQUEST_KIND_TRANSFER,
            agent_id=agent,
            conversation_id=doc.id,
            reason=body.reason,
            transfer_to=kind,
            transfer_target=to.skill or to.agent or to.queue,
        )
        if body.note:
            content = await self._sealed(doc, MessageContent(text=body.note, author=agent), [])
            asked.content.CopyFrom(content)
        return self._admitted(await self._ask(request, asked, f"{doc.id}\0{body.model_dump_json()}"))

    async def priority(self, request: HotRequest) -> HotResponse:
        """Set the priority."""
        body, agent = self._read(request, schemas.PRIORITY)
        doc = self._conversation(request)
        asked = AgentRequest(
            kind=REQUEST_KIND_PRIORITY, agent_id=agent, conversation_id=doc.id, priority=body.priority
        )
        return self._admitted(await self._ask(request, asked, f"{doc.id}\0{body.priority}"))

    def _read(self, request: HotRequest, adapter: TypeAdapter[B]) -> tuple[B, str]:
        """The body, and the agent who asks: named in it, or by the key."""
        principal = self._edge.auth.check(request.headers, request.path_params["desk"], AGENTS)
        body = adapter.validate_json(request.body or b"{}")
        agent = body.agent or principal.agent
        if not agent:
            raise Refusal(422, "Nobody asks.", [Problem("/agent", "is required with this key")])
        principal.speaks_for(agent)
        return body, agent

    def _conversation(self, request: HotRequest) -> Conversation:
        params = request.path_params
        return self._edge.conversation(params["desk"], params["conversation"])

    async def _ask(self, request: HotRequest, asked: AgentRequest, said: str) -> Decided:
        desk_id = request.path_params["desk"]
        decided = await self._edge.request(request.headers, desk_id, asked, said)
        if decided.why == "unknown_offer":
            decided = await late_answer(self._edge.views, desk_id, asked.offer_id, decided)
        to_owner = asked.transfer_to == TRANSFER_TO_AGENT and asked.transfer_target == decided.owner
        if decided.why == "unknown_target" and to_owner:
            problem = Problem("/to/agent", "must be another agent than the one who has the conversation")
            raise Refusal(422, "The agent has the conversation.", [problem], extra=standing(decided))
        if decided.why:
            raise refused(decided)
        return decided

    @staticmethod
    def _admitted(decided: Decided) -> HotResponse:
        told = {
            "conversation_id": decided.conversation,
            "record_id": decided.record,
            "owner": decided.owner or None,
        }
        return HotResponse(202, _json(told))

    async def _sealed(self, doc: Conversation, content: MessageContent, files: list[bytes]) -> Sealed:
        """The words under the customer's key; files and long texts as blobs beside them."""
        if self._edge.reads.hidden(doc.customer):
            raise Refusal(409, "The customer is being erased.", extra={"owner": None, "why": "erased"})
        sealing = self._edge.app.sealing
        key = await sealing.key_for(doc.desk, doc.identity_hash)

        async def put(plain: bytes) -> str:
            return await self._edge.app.blobs.put(sealing.seal_bytes(key, plain).SerializeToString())

        for place, data in enumerate(files):
            content.attachments[place].blob = await put(data)
        if content.ByteSize() > CONTENT_BYTES_MAX:
            content.full_blob = await put(content.SerializeToString())
            content.text = content.text[:EXCERPT_CHARS]
            content.ClearField("html")
        return sealing.seal(key, content)
