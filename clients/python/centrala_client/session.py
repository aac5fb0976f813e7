"""An agent's session that lasts: it reconnects, asks again what was not answered, and tells nothing twice.

One task holds the stream. Whoever iterates takes events from a bounded queue; whoever asks waits for the
answer with their key. When the stream is cut, the task connects again, says hello and the last presence, and
sends every request that has no answer yet under its old key. The snapshot that comes first then tells what
happened meanwhile: its offers that were not told before come as events of their own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import grpc

from .backoff import Backoff
from .errors import AGAIN, CallRefused, of_call, of_request
from .v1.rpc_agents_pb2 import (
    Accept,
    AddNote,
    AgentAnswer,
    AgentDown,
    AgentUp,
    Decline,
    Hello,
    Reopen,
    Reply,
    Resolve,
    SetPresence,
    SetPriority,
    Transfer,
)
from .v1.rpc_agents_pb2_grpc import AgentSessionStub
from .v1.rpc_shapes_pb2 import File

BEHIND_MAX = 1_000
"""Events that a consumer may be behind; then they are dropped for a fresh snapshot."""
SEEN_MAX = 10_000
"""Ids that are remembered, so that nothing is told twice."""
ASK_WITHIN_S = 30.0
"""How long the same request is asked again and again."""
NEW_KEY = "too_old"
"""A request that came too late to be decided was not: it is asked anew, under another key."""


class _Behind(Exception):
    """The consumer is too far behind: connect again."""


class AgentSession:
    """One agent at work: `async with centrala.agent("ola") as ola`, then `async for told in ola`."""

    def __init__(
        self, stub: AgentSessionStub, metadata: Sequence[tuple[str, str]], desk: str, agent: str
    ) -> None:
        self._stub = stub
        self._metadata = tuple(metadata)
        self._hello = AgentUp(hello=Hello(desk=desk, agent=agent))
        self._presence: SetPresence | None = None
        self._waiting: dict[str, tuple[AgentUp, asyncio.Future[AgentAnswer]]] = {}
        self._outgoing: asyncio.Queue[AgentUp] = asyncio.Queue()
        self._events: deque[AgentDown] = deque()
        self._changed = asyncio.Event()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._ended: BaseException | None = None
        self._is_closed = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._ended is None:
            self._is_closed = True
            self._end(CallRefused(grpc.StatusCode.CANCELLED, "The session was closed."))

    # What is told

    async def __aiter__(self) -> AsyncIterator[AgentDown]:
        """Events as they come, each once, until the session is closed; snapshots at each connect. Raises
        CallRefused when the session may not be (a wrong key, an unknown agent)."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._is_closed:
                return
            if self._ended is not None:
                raise self._ended
            self._changed.clear()
            await self._changed.wait()

    # What is asked for

    async def presence(self, state: str, ttl_s: int = 0) -> None:
        """Say online, busy, away or offline; said again at each connect."""
        self._presence = SetPresence(state=state, ttl_s=ttl_s)
        await self._ask(presence=self._presence)

    async def accept(self, offer_id: str) -> AgentAnswer:
        """Take an offer. Raises CallRefused with who has it instead."""
        return await self._ask(accept=Accept(offer_id=offer_id))

    async def decline(self, offer_id: str, reason: str = "") -> AgentAnswer:
        """Leave an offer to somebody else."""
        return await self._ask(decline=Decline(offer_id=offer_id, reason=reason))

    async def reply(
        self,
        conversation_id: str,
        text: str,
        *,
        html: str = "",
        attachments: Sequence[File] = (),
        promise_within: str = "",
    ) -> AgentAnswer:
        """Answer the customer; `promise_within`: "we tell you more by", such as "2h"."""
        body = Reply(
            conversation_id=conversation_id,
            text=text,
            html=html,
            attachments=attachments,
            promise_within=promise_within,
        )
        return await self._ask(reply=body)

    async def transfer(
        self,
        conversation_id: str,
        *,
        skill: str = "",
        agent: str = "",
        queue: str = "",
        reason: str = "",
        note: str = "",
    ) -> AgentAnswer:
        """Hand a conversation to a skill, an agent or a queue: exactly one of them."""
        body = Transfer(conversation_id=conversation_id, reason=reason, note=note)
        for name, value in (("skill", skill), ("agent", agent), ("queue", queue)):
            if value:
                setattr(body, name, value)
        return await self._ask(transfer=body)

    async def resolve(
        self, conversation_id: str, reason: str = "", last_message_seen: str = ""
    ) -> AgentAnswer:
        """The matter is settled; refused if a newer message is there than the one that was seen."""
        body = Resolve(conversation_id=conversation_id, reason=reason, last_message_seen=last_message_seen)
        return await self._ask(resolve=body)

    async def reopen(self, conversation_id: str, reason: str = "") -> AgentAnswer:
        """The matter is not settled after all."""
        return await self._ask(reopen=Reopen(conversation_id=conversation_id, reason=reason))

    async def priority(self, conversation_id: str, priority: int) -> AgentAnswer:
        """1 (can wait) to 10 (now)."""
        return await self._ask(priority=SetPriority(conversation_id=conversation_id, priority=priority))

    async def note(self, conversation_id: str, text: str) -> AgentAnswer:
        """A word among colleagues."""
        return await self._ask(note=AddNote(conversation_id=conversation_id, text=text))

    async def _ask(self, **body: Any) -> AgentAnswer:
        """Ask until there is an answer. Raises CallRefused, also when the session is closed; TimeoutError
        after ASK_WITHIN_S."""
        key, backoff = secrets.token_hex(16), Backoff()
        async with asyncio.timeout(ASK_WITHIN_S):
            while True:
                answer = await self._once(AgentUp(key=key, **body))
                if not answer.HasField("refused"):
                    return answer
                refused = of_request(answer.refused)
                if refused.why == NEW_KEY:
                    key = secrets.token_hex(16)
                elif not refused.again:
                    raise refused
                await backoff.wait(refused.retry_after_s)

    async def _once(self, up: AgentUp) -> AgentAnswer:
        if self._ended is not None:
            raise self._ended
        future: asyncio.Future[AgentAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[up.key] = (up, future)
        self._outgoing.put_nowait(up)
        try:
            return await future
        finally:
            self._waiting.pop(up.key, None)

    # The stream

    async def _run(self) -> None:
        backoff = Backoff()
        while True:
            try:
                await self._connected(backoff)
            except _Behind:
                continue
            except grpc.aio.AioRpcError as error:
                refused = of_call(error)
                if refused.code not in AGAIN:
                    self._end(refused)
                    return
                await backoff.wait(refused.retry_after_s)
            except Exception as error:  # a bug: whoever iterates or asks must not wait for ever
                self._end(error)
                return

    def _end(self, error: Exception) -> None:
        self._ended = error
        for _, future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(error)
        self._changed.set()

    async def _connected(self, backoff: Backoff) -> None:
        """One connection, until it ends by an error."""
        call = self._stub.Connect(metadata=self._metadata)
        speaking: asyncio.Task[None] | None = None
        try:
            with suppress(asyncio.InvalidStateError):  # it has failed already: reading tells how
                await call.write(self._hello)
            again = [up for up, _ in self._waiting.values()]
            self._outgoing = asyncio.Queue()
            if self._presence is not None:
                self._outgoing.put_nowait(AgentUp(key=secrets.token_hex(16), presence=self._presence))
            for up in again:
                self._outgoing.put_nowait(up)
            speaking = asyncio.create_task(self._speak(call))
            while isinstance(down := await call.read(), AgentDown):
                if down.HasField("snapshot"):
                    backoff.reset()
                self._heard(down)
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.UNAVAILABLE, await call.initial_metadata(), await call.trailing_metadata()
            )
        finally:
            if speaking is not None:
                speaking.cancel()
            call.cancel()  # an abandoned call is never collected (grpc issue 43462)

    async def _speak(self, call: Any) -> None:
        # An error here is the stream's, and whoever reads meets it too.
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await call.write(await self._outgoing.get())

    def _heard(self, down: AgentDown) -> None:
        match down.WhichOneof("body"):
            case "answer":
                asked = self._waiting.get(down.answer.key)
                if asked is not None and not asked[1].done():
                    asked[1].set_result(down.answer)
                return
            case "snapshot":
                self._events.append(down)
                for offer in down.snapshot.offers:
                    self._tell(
                        f"offer/{offer.offer_id}", AgentDown(id=f"offer/{offer.offer_id}", offer=offer)
                    )
            case "offer":
                self._tell(f"offer/{down.offer.offer_id}", down)
            case _:
                self._tell(down.id, down)
        self._changed.set()
        if len(self._events) > BEHIND_MAX:
            for dropped in self._events:
                offer_id = dropped.offer.offer_id
                self._seen.pop(f"offer/{offer_id}" if offer_id else dropped.id, None)
            self._events.clear()
            raise _Behind

    def _tell(self, name: str, down: AgentDown) -> None:
        if name in self._seen:
            return
        self._seen[name] = None
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        self._events.append(down)
