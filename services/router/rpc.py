"""The router's gRPC: conversations, waits, the board (Desk.Watch). Sessions: `rpc_session.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from proto.v1 import rpc_agents_pb2, rpc_conversations_pb2, rpc_desks_pb2, rpc_waits_pb2
from proto.v1.rpc_conversations_pb2 import (
    ConversationChanged,
    ConversationPage,
    ExplainConversation,
    Explanation,
    GetConversation,
    ListConversations,
    WatchConversation,
)
from proto.v1.rpc_desks_pb2 import BoardEvent, WatchDesk
from proto.v1.rpc_shapes_pb2 import Conversation
from proto.v1.rpc_waits_pb2 import EstimatedWait, EstimateWait
from services.router.explaining import Explaining
from services.router.reading import Filters, Reading, Word
from services.router.rpc_session import Sessions
from services.runtime.auth import READERS
from services.runtime.edge import Edge
from services.runtime.paging import LIMIT_MAX
from services.runtime.rpc import Call
from services.runtime.rpc_shapes import shown
from services.runtime.sse import KEEP_ALIVE_S

if TYPE_CHECKING:
    from services.runtime.main import App

LIMIT_DEFAULT = 50


def bind(app: App) -> None:
    """Hang the router's calls onto the App."""
    edge = Edge.of(app)
    reading = Reading(edge)
    conversations, desks = _Conversations(edge, reading), _Desks(edge, reading)
    app.rpc.add(
        rpc_conversations_pb2.DESCRIPTOR.services_by_name["Conversations"],
        {
            "Get": conversations.get,
            "List": conversations.list,
            "Watch": conversations.watch,
            "Explain": conversations.explain,
        },
    )
    app.rpc.add(rpc_desks_pb2.DESCRIPTOR.services_by_name["Desk"], {"Watch": desks.watch})
    app.rpc.add(rpc_waits_pb2.DESCRIPTOR.services_by_name["Waits"], {"Estimate": desks.estimate})
    sessions = Sessions(edge, reading)
    service = rpc_agents_pb2.DESCRIPTOR.services_by_name["AgentSession"]
    app.rpc.add(service, {"Connect": sessions.connect})


class _Page(BaseModel):
    """Which page of a list."""

    cursor: Annotated[str, Field(max_length=500)]
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)]


class _Conversations:
    """Conversations: in lists, whole, watched, explained."""

    def __init__(self, edge: Edge, reading: Reading) -> None:
        self._edge = edge
        self._reading = reading
        self._explaining = Explaining(edge)

    async def get(self, call: Call, request: GetConversation) -> Conversation:
        """The whole conversation."""
        await call.check(request.desk, READERS)
        await self._edge.shown(request.desk, request.after)
        return shown(Conversation, await self._reading.conversation(request.desk, request.conversation_id))

    async def list(self, call: Call, request: ListConversations) -> ConversationPage:
        """Summaries, newest first, of those that fit every given filter."""
        await call.check(request.desk, READERS)
        by = Filters.model_validate(
            {
                "state": request.state or None,
                "agent": request.agent,
                "customer": request.customer,
                "channel": request.channel,
                "order_id": request.order_id,
            }
        )
        page = _Page(cursor=request.cursor, limit=request.limit or LIMIT_DEFAULT)
        await self._edge.shown(request.desk, request.after)
        found = await self._reading.conversations(request.desk, by, page.cursor, page.limit)
        return shown(ConversationPage, found)

    async def explain(self, call: Call, request: ExplainConversation) -> Explanation:
        """A decision, or why it waits."""
        await call.check(request.desk, READERS)
        await self._edge.shown(request.desk, request.after)
        told = await self._explaining.of(request.desk, request.conversation_id, request.decision)
        return shown(Explanation, told)

    async def watch(self, call: Call, request: WatchConversation) -> None:
        """The whole conversation, at first and after each change; what changed at once is told at once."""
        desk, conversation_id = request.desk, request.conversation_id
        await call.check(desk, READERS)
        await self._edge.conversation(desk, conversation_id)
        self._reading.admit_stream(desk)

        async def whole() -> dict[str, object]:
            await self._edge.heard(desk)
            return await self._reading.conversation(desk, conversation_id)

        async with self._edge.hub.subscribe(f"conversation/{desk}/{conversation_id}") as subscription:
            async for events in subscription.tellings(whole, KEEP_ALIVE_S):
                await call.check(desk, READERS)
                if events:
                    last = events[-1]
                    data = last.data or await whole()
                    what = dict.fromkeys(told.event for told in events)
                    told = {"id": last.id, "what": list(what), "conversation": data}
                    await call.write(shown(ConversationChanged, told))


class _Desks:
    """The board, and what a customer would be told about the wait."""

    def __init__(self, edge: Edge, reading: Reading) -> None:
        self._edge = edge
        self._reading = reading

    async def watch(self, call: Call, request: WatchDesk) -> None:
        """A snapshot, then what changes on the desk."""
        desk = request.desk
        await call.check(desk, READERS)
        self._edge.know_desk(desk)
        self._reading.admit_stream(desk)
        async with self._edge.hub.subscribe(f"board/{desk}") as subscription:
            async for events in subscription.tellings(lambda: self._reading.board(desk), KEEP_ALIVE_S):
                await call.check(desk, READERS)
                for told in events:
                    await call.write(shown(BoardEvent, {"id": told.id, told.event: told.data}))

    async def estimate(self, call: Call, request: EstimateWait) -> EstimatedWait:
        """What a customer would be told now."""
        await call.check(request.desk, READERS)
        words = _Words(channel=request.channel, skills=",".join(request.skills), language=request.language)
        wait = await self._reading.wait(request.desk, words.channel, words.skills, words.language)
        return shown(EstimatedWait, {"channel": words.channel, "language": words.language, "wait": wait})


class _Words(BaseModel):
    """What somebody who comes now asks for."""

    channel: Word
    skills: Word
    language: Word
