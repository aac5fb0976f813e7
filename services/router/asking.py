"""What agents ask for, whichever door they came by: accept, decline, reply, transfer, resolve, reopen,
priority, notes.

Each is one record of the mailbox; the answer is what the router decided about it, and the same idempotency
key gets the same answer.
"""

from __future__ import annotations

from typing import NamedTuple

from proto.v1.content_pb2 import MessageContent
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import (
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
from services.router.late_offers import late_answer
from services.runtime.auth import Principal
from services.runtime.edge import Decided, Edge, refused, standing
from services.runtime.patience import Patience
from services.runtime.people import Whose
from services.runtime.problems import Refusal

AGENTS = ("admin", "agent")
"""Scopes that may act as an agent."""
EXCERPT_CHARS = 4_000
"""Of a text that became a blob, so much stays in the record."""


class Asker(NamedTuple):
    """In whose name something is asked: `key` is the idempotency key, b"" for a fresh one."""

    desk: str
    agent: str
    key: bytes


def agent_of(principal: Principal, named: str) -> str:
    """The agent who asks: named, or by the key. Raises Refusal 422, 403."""
    agent = named or principal.agent
    if not agent:
        raise Refusal(422, "Nobody asks.", [Problem("/agent", "is required with this key")])
    principal.speaks_for(agent)
    return agent


def _said(by: Asker, body: schemas.AsksFor) -> str:
    """The body, the same by whichever door: whether it names the agent, or the key or the session did."""
    return body.model_copy(update={"agent": by.agent}).model_dump_json()


class Asking:
    """Asks, and tells what was decided. Whatever is not granted is raised as a Refusal: 409 with who has
    the conversation and why, 404, 422, 503."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def offer(self, by: Asker, kind: RequestKind, offer_id: str, body: schemas.OfferAnswer) -> Decided:
        """Accept or decline an offer."""
        asked = AgentRequest(kind=kind, agent_id=by.agent, offer_id=offer_id, reason=body.reason)
        return await self._ask(by, asked, self._edge.patience(), f"{offer_id}\0{body.reason}")

    async def reply(self, by: Asker, conversation_id: str, body: schemas.ReplyIn) -> Decided:
        """Answer the customer."""
        patience = self._edge.patience()
        whose = await self._edge.whose(by.desk, conversation_id, patience)
        content = MessageContent(text=body.text, html=body.html, author=by.agent)
        for a in body.attachments:
            content.attachments.add(name=a.name, media_type=a.media_type, size_bytes=len(a.data))
        files = [a.data for a in body.attachments]
        asked = AgentRequest(
            kind=REQUEST_KIND_REPLY,
            agent_id=by.agent,
            conversation_id=whose.conversation,
            promise_within_ms=schemas.duration_ms(body.promise_within),
            content=await self._sealed(by, whose, content, files, patience),
        )
        return await self._ask(by, asked, patience, f"{whose.conversation}\0{_said(by, body)}")

    async def note(self, by: Asker, conversation_id: str, body: schemas.NoteIn) -> Decided:
        """Keep a note that the customer never sees."""
        patience = self._edge.patience()
        whose = await self._edge.whose(by.desk, conversation_id, patience)
        content = await self._sealed(by, whose, MessageContent(text=body.text, author=by.agent), [], patience)
        asked = AgentRequest(
            kind=REQUEST_KIND_NOTE, agent_id=by.agent, conversation_id=whose.conversation, content=content
        )
        return await self._ask(by, asked, patience, f"{whose.conversation}\0{body.text}")

    async def resolve(self, by: Asker, conversation_id: str, body: schemas.ResolveIn) -> Decided:
        """The matter is settled; refused if a newer message is there than the one that was seen."""
        patience = self._edge.patience()
        await self._edge.know_conversation(by.desk, conversation_id, patience)
        asked = AgentRequest(
            kind=REQUEST_KIND_RESOLVE,
            agent_id=by.agent,
            conversation_id=conversation_id,
            reason=body.reason,
            last_message_seen=body.last_message_seen,
        )
        return await self._ask(
            by, asked, patience, f"{conversation_id}\0{body.reason}\0{body.last_message_seen}"
        )

    async def reopen(self, by: Asker, conversation_id: str, body: schemas.ReopenIn) -> Decided:
        """The matter is not settled after all."""
        patience = self._edge.patience()
        await self._edge.know_conversation(by.desk, conversation_id, patience)
        asked = AgentRequest(
            kind=REQUEST_KIND_REOPEN, agent_id=by.agent, conversation_id=conversation_id, reason=body.reason
        )
        return await self._ask(by, asked, patience, f"{conversation_id}\0{body.reason}")

    async def transfer(self, by: Asker, conversation_id: str, body: schemas.TransferIn) -> Decided:
        """Hand it to a skill, an agent or a queue."""
        patience, content = self._edge.patience(), None
        if body.note:
            whose = await self._edge.whose(by.desk, conversation_id, patience)
            noted = MessageContent(text=body.note, author=by.agent)
            content = await self._sealed(by, whose, noted, [], patience)
        else:
            await self._edge.know_conversation(by.desk, conversation_id, patience)
        to = body.to
        kind = TRANSFER_TO_SKILL if to.skill else TRANSFER_TO_AGENT if to.agent else TRANSFER_TO_QUEUE
        asked = AgentRequest(
            kind=REQUEST_KIND_TRANSFER,
            agent_id=by.agent,
            conversation_id=conversation_id,
            reason=body.reason,
            transfer_to=kind,
            transfer_target=to.skill or to.agent or to.queue,
            content=content,
        )
        return await self._ask(by, asked, patience, f"{conversation_id}\0{_said(by, body)}")

    async def priority(self, by: Asker, conversation_id: str, body: schemas.PriorityIn) -> Decided:
        """Set the priority."""
        patience = self._edge.patience()
        await self._edge.know_conversation(by.desk, conversation_id, patience)
        asked = AgentRequest(
            kind=REQUEST_KIND_PRIORITY,
            agent_id=by.agent,
            conversation_id=conversation_id,
            priority=body.priority,
        )
        return await self._ask(by, asked, patience, f"{conversation_id}\0{body.priority}")

    async def _ask(self, by: Asker, asked: AgentRequest, patience: Patience, said: str) -> Decided:
        decided = await self._edge.request(by.key, by.desk, asked, said, patience)
        if decided.why == "unknown_offer":
            decided = await late_answer(self._edge.views.of(by.desk), by.desk, asked.offer_id, decided)
        to_owner = asked.transfer_to == TRANSFER_TO_AGENT and asked.transfer_target == decided.owner
        if decided.why == "unknown_target" and to_owner:
            problem = Problem("/to/agent", "must be another agent than the one who has the conversation")
            raise Refusal(422, "The agent has the conversation.", [problem], extra=standing(decided))
        if decided.why:
            raise refused(decided)
        return decided

    async def _sealed(
        self, by: Asker, whose: Whose, content: MessageContent, files: list[bytes], patience: Patience
    ) -> Sealed:
        """The words under the customer's key; files and long texts as blobs beside them, which may take
        longer than anybody waits."""
        if whose.erased:
            raise Refusal(409, "The customer is being erased.", extra={"owner": None, "why": "erased"})
        sealing = self._edge.app.sealing
        key = await sealing.key_for(by.desk, whose.identity_hash)

        async def put(plain: bytes) -> str:
            with patience.paused():
                return await self._edge.app.blobs.put(sealing.seal_bytes(key, plain).SerializeToString())

        for place, data in enumerate(files):
            content.attachments[place].blob = await put(data)
        if content.ByteSize() > CONTENT_BYTES_MAX:
            content.full_blob = await put(content.SerializeToString())
            content.text = content.text[:EXCERPT_CHARS]
            content.ClearField("html")
        return sealing.seal(key, content)
