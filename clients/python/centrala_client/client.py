"""The client: one channel, one key, one desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import grpc

from .backoff import Backoff
from .errors import AGAIN, of_call
from .session import AgentSession
from .v1.rpc_agents_pb2_grpc import AgentSessionStub
from .v1.rpc_conversations_pb2 import (
    ConversationChanged,
    ExplainConversation,
    Explanation,
    GetConversation,
    ListConversations,
    WatchConversation,
)
from .v1.rpc_conversations_pb2_grpc import ConversationsStub
from .v1.rpc_desks_pb2 import BoardEvent, GetDesk, PutDesk, StoredDesk, WatchDesk
from .v1.rpc_desks_pb2_grpc import DeskStub
from .v1.rpc_intake_pb2 import Accepted, Message, OrderPut, Sender, ShipmentPut
from .v1.rpc_intake_pb2_grpc import IntakeStub
from .v1.rpc_shapes_pb2 import Conversation, File
from .v1.rpc_waits_pb2 import EstimatedWait, EstimateWait
from .v1.rpc_waits_pb2_grpc import WaitsStub

CALL_WITHIN_S = 10.0
"""Deadline of one attempt."""
ASK_WITHIN_S = 30.0
"""How long the same is asked again after an answer that says so."""
MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""Of what is received: a long conversation is large."""

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # grpc would wait for a second at first and for two minutes at last before it connects again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class _Told(Protocol):
    @property
    def id(self) -> str:
        """Of the event."""


Q = TypeVar("Q")
A = TypeVar("A")
T = TypeVar("T", bound=_Told)


class Centrala:
    """Acts on one desk. Calls that fail for the moment are asked again; all of them may be, since what is
    sent twice is done once."""

    def __init__(
        self, target: str, key: str, desk: str, credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        self.desk = desk
        self._metadata = (("authorization", f"Bearer {key}"),)
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(target, options=OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(target, credentials, options=OPTIONS)
        self._intake = IntakeStub(self._channel)
        self._desks = DeskStub(self._channel)
        self._conversations = ConversationsStub(self._channel)
        self._waits = WaitsStub(self._channel)
        self._agents = AgentSessionStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    # In

    async def submit(self, message: Message) -> Accepted:
        """A message of any channel; returns when it is durable. Raises CallRefused."""
        message.desk = message.desk or self.desk
        return await self._call(self._intake.Submit, message)

    async def submit_stream(self, messages: AsyncIterable[Message]) -> AsyncIterator[Accepted]:
        """Many messages over one stream; an answer for each, in their order. Raises CallRefused when the
        stream ends: what has no answer yet may be sent again."""

        async def named() -> AsyncIterator[Message]:
            async for message in messages:
                message.desk = message.desk or self.desk
                yield message

        call = self._intake.SubmitStream(named(), metadata=self._metadata)
        try:
            async for accepted in call:
                yield accepted
        except grpc.aio.AioRpcError as error:
            raise of_call(error) from error
        finally:
            call.cancel()

    async def put_order(self, order: OrderPut) -> Accepted:
        """An order as it stands now. Raises CallRefused."""
        order.desk = order.desk or self.desk
        return await self._call(self._intake.PutOrder, order)

    async def put_shipment(self, shipment: ShipmentPut) -> Accepted:
        """A shipment as it stands now. Raises CallRefused."""
        shipment.desk = shipment.desk or self.desk
        return await self._call(self._intake.PutShipment, shipment)

    async def put_desk(self, configuration: str) -> StoredDesk:
        """The desk's whole configuration, YAML or JSON. Raises CallRefused, with every problem by field."""
        return await self._call(self._desks.Put, PutDesk(desk=self.desk, configuration=configuration))

    # Reads

    async def get_desk(self, after: str = "") -> StoredDesk:
        """The stored configuration."""
        return await self._call(self._desks.Get, GetDesk(desk=self.desk, after=after))

    async def conversation(self, conversation_id: str, after: str = "") -> Conversation:
        """A whole conversation; `after`: a record_id that it must show."""
        request = GetConversation(desk=self.desk, conversation_id=conversation_id, after=after)
        return await self._call(self._conversations.Get, request)

    async def conversations(self, after: str = "", **filters: str) -> AsyncIterator[Conversation]:
        """Summaries, newest first, of those that fit: `state`, `agent`, `customer`, `channel`, `order_id`."""
        request = ListConversations(desk=self.desk, after=after, limit=200, **filters)
        while True:
            page = await self._call(self._conversations.List, request)
            for one in page.items:
                yield one
            if not page.next_cursor:
                return
            request.cursor = page.next_cursor

    async def explain(self, conversation_id: str, decision: str = "") -> Explanation:
        """Why it was offered to whom, or why it waits."""
        request = ExplainConversation(desk=self.desk, conversation_id=conversation_id, decision=decision)
        return await self._call(self._conversations.Explain, request)

    async def wait(self, channel: str = "", skills: Sequence[str] = (), language: str = "") -> EstimatedWait:
        """What a customer who comes now would be told about the wait."""
        request = EstimateWait(desk=self.desk, channel=channel, skills=skills, language=language)
        return await self._call(self._waits.Estimate, request)

    # Streams

    def agent(self, agent: str = "") -> AgentSession:
        """An agent's session, as a context; the agent may be left out with an agent's own key."""
        return AgentSession(self._agents, self._metadata, self.desk, agent)

    def board(self) -> AsyncIterator[BoardEvent]:
        """The desk as it happens: a snapshot at each connect, then events, each once."""
        return self._watch(self._desks.Watch, WatchDesk(desk=self.desk))

    def watch(self, conversation_id: str) -> AsyncIterator[ConversationChanged]:
        """One conversation, whole at each connect and after each change."""
        request = WatchConversation(desk=self.desk, conversation_id=conversation_id)
        return self._watch(self._conversations.Watch, request)

    async def _watch(self, method: grpc.aio.UnaryStreamMultiCallable[Q, T], request: Q) -> AsyncIterator[T]:
        backoff, last = Backoff(), ""
        while True:
            call = method(request, metadata=self._metadata)
            try:
                async for told in call:
                    backoff.reset()
                    if told.id != last:
                        last = told.id
                        yield told
            except grpc.aio.AioRpcError as error:
                refused = of_call(error)
                if refused.code not in AGAIN:
                    raise refused from error
                await backoff.wait(refused.retry_after_s)
            finally:
                call.cancel()
            last = ""

    async def _call(self, method: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q) -> A:
        backoff = Backoff()
        clock = asyncio.get_running_loop().time
        until_s = clock() + ASK_WITHIN_S
        while True:
            call = method(request, metadata=self._metadata, timeout=CALL_WITHIN_S)
            try:
                return await call
            except grpc.aio.AioRpcError as error:
                refused = of_call(error)
                if not refused.again or clock() + refused.retry_after_s > until_s:
                    raise refused from error
                await backoff.wait(refused.retry_after_s)
            finally:
                call.cancel()


def message(
    *,
    channel: str,
    account: str,
    external_id: str,
    sender: str,
    text: str = "",
    name: str = "",
    attachments: Sequence[File] = (),
    attributes: Mapping[str, str] | None = None,
    **more: Any,
) -> Message:
    """A message for `submit`, whose field `from` Python keeps for itself. `sender`: the customer's address;
    `more`: html, subject, thread, order_id, sent_at."""
    told: dict[str, Any] = {"from": Sender(address=sender, name=name), **more}
    return Message(
        channel=channel,
        account=account,
        external_id=external_id,
        text=text,
        attachments=attachments,
        attributes=attributes or {},
        **told,
    )
