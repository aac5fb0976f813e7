"""An agent's session by gRPC: one stream on which they are told what happens, and ask for what they want.

While it is open the agent is here. It begins with `hello` from them and a snapshot from us; after that both
sides speak when they have something to say. Requests are worked on one after the other, so a resolve may
follow its reply at once. An answer names the request's key; a request that comes again under its key, over
this connection or the next, gets the same answer. A refused request does not end the session; a key that was
removed, or a message that cannot be read, does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from google.protobuf.message import Message

from proto.v1.inbound_pb2 import REQUEST_KIND_ACCEPT, REQUEST_KIND_DECLINE
from proto.v1.rpc_agents_pb2 import (
    Accept,
    AddNote,
    AgentAnswer,
    AgentDown,
    AgentUp,
    Decline,
    Reopen,
    Reply,
    Resolve,
    SetPresence,
    SetPriority,
    Transfer,
)
from services.kernel.errors import Problem
from services.router import schemas
from services.router.asking import AGENTS, Asker, Asking, agent_of
from services.router.reading import Reading
from services.runtime import presence
from services.runtime.edge import Decided, Edge
from services.runtime.problems import Refusal
from services.runtime.rpc import CALL_WITHIN_S, Call, together
from services.runtime.rpc_errors import failure_of
from services.runtime.rpc_shapes import files, shown
from services.runtime.sse import KEEP_ALIVE_S

HELLO_WITHIN_S = 10.0
"""How long a session may be open before it says whose it is."""


class Sessions:
    """Agents' sessions of this process."""

    def __init__(self, edge: Edge, reading: Reading) -> None:
        self._edge = edge
        self._reading = reading
        self._asking = Asking(edge)

    async def connect(self, call: Call, requests: AsyncIterator[AgentUp]) -> None:
        """Tell and answer, until the agent goes or the process stops."""
        desk, agent = await self._hello(call, requests)
        self._reading.admit_stream(desk)
        with self._edge.hub.session(desk, agent):
            await together(self._tell(call, desk, agent), self._answer(call, desk, agent, requests))

    async def _hello(self, call: Call, requests: AsyncIterator[AgentUp]) -> tuple[str, str]:
        """Whose session it is. Raises Refusal."""
        first: AgentUp | None = None
        with suppress(StopAsyncIteration):
            async with asyncio.timeout(HELLO_WITHIN_S):
                first = await anext(requests)
        if first is None or not first.HasField("hello"):
            problem = Problem("/hello", "must be the first message of a session")
            raise Refusal(422, "The session does not say whose it is.", [problem])
        desk = first.hello.desk
        agent = agent_of(await call.check(desk, AGENTS), first.hello.agent)
        self._edge.know_desk(desk)
        await self._edge.know_agent(desk, agent)
        return desk, agent

    async def _tell(self, call: Call, desk: str, agent: str) -> None:
        reads = self._edge.reads
        # Subscribed before the snapshot is taken: what happens in between comes twice, never not at all.
        async with self._edge.hub.subscribe(f"agent/{desk}/{agent}") as subscription:
            snapshot = subscription.tellings(lambda: self._edge.agent_snapshot(desk, agent), KEEP_ALIVE_S)
            async for events in snapshot:
                (await call.check(desk, AGENTS)).speaks_for(agent)
                for told in events:
                    data = {"id": told.id, told.event: await reads.dressed(told)}
                    await call.write(shown(AgentDown, data))

    async def _answer(self, call: Call, desk: str, agent: str, requests: AsyncIterator[AgentUp]) -> None:
        async for request in requests:
            (await call.check(desk, AGENTS)).speaks_for(agent)
            answer = await self._one(call, Asker(desk, agent, request.key.encode()), request)
            await call.write(AgentDown(answer=answer))

    async def _one(self, call: Call, by: Asker, request: AgentUp) -> AgentAnswer:
        name = request.WhichOneof("body") or ""
        try:
            call.ready()
            async with asyncio.timeout(CALL_WITHIN_S):
                decided = await self._ask(by, name, getattr(request, name) if name else None)
        except Exception as error:  # told to the agent; the session goes on
            return AgentAnswer(key=request.key, refused=failure_of(error).within(f"/{name}" if name else ""))
        if decided is None:
            return AgentAnswer(key=request.key)
        return AgentAnswer(
            key=request.key,
            conversation_id=decided.conversation,
            owner=decided.owner,
            record_id=decided.record,
        )

    async def _ask(self, by: Asker, name: str, body: Message | None) -> Decided | None:
        """What was decided; None where there is nothing to be decided. Raises Refusal, ValidationError."""
        asking = self._asking
        match body:
            case SetPresence():
                told = presence.PRESENCE.validate_python({"state": body.state, "ttl_s": body.ttl_s or None})
                await presence.say(self._edge, by.desk, by.agent, told)
                return None
            case Accept() | Decline():
                kind = REQUEST_KIND_ACCEPT if name == "accept" else REQUEST_KIND_DECLINE
                answer = schemas.ANSWER.validate_python({"reason": body.reason})
                return await asking.offer(by, kind, body.offer_id, answer)
            case Reply():
                reply = schemas.REPLY.validate_python(_reply(body))
                return await asking.reply(by, body.conversation_id, reply)
            case Transfer():
                transfer = schemas.TRANSFER.validate_python(_transfer(body))
                return await asking.transfer(by, body.conversation_id, transfer)
            case Resolve():
                seen = {"reason": body.reason, "last_message_seen": body.last_message_seen}
                resolve = schemas.RESOLVE.validate_python(seen)
                return await asking.resolve(by, body.conversation_id, resolve)
            case Reopen():
                reopen = schemas.REOPEN.validate_python({"reason": body.reason})
                return await asking.reopen(by, body.conversation_id, reopen)
            case SetPriority():
                priority = schemas.PRIORITY.validate_python({"priority": body.priority})
                return await asking.priority(by, body.conversation_id, priority)
            case AddNote():
                note = schemas.NOTE.validate_python({"text": body.text})
                return await asking.note(by, body.conversation_id, note)
            case _:
                problem = Problem("", "must be a request; hello comes once, at the beginning")
                raise Refusal(422, "Nothing is asked for.", [problem])


def _reply(body: Reply) -> dict[str, Any]:
    told: dict[str, Any] = {"text": body.text, "html": body.html, "promise_within": body.promise_within}
    return {**told, "attachments": files(body.attachments)} if body.attachments else told


def _transfer(body: Transfer) -> dict[str, Any]:
    to = body.WhichOneof("to")
    target = {to: getattr(body, to)} if to else {}
    return {"to": target, "reason": body.reason, "note": body.note}
