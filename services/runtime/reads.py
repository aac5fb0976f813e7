"""Reads that join views and open what is sealed. An erased person shows nothing, at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from proto.v1.content_pb2 import (
    Attachment,
    IdentityContent,
    MessageContent,
    OrderContent,
    ShipmentContent,
)
from proto.v1.envelope_pb2 import Sealed
from proto.v1.routing_pb2 import Offered
from services.kernel.errors import Busy, Corrupt
from services.runtime import shapes
from services.runtime.blobs import Blobs
from services.runtime.directory import Directory
from services.runtime.documents import (
    AgentLoad,
    Conversation,
    Customer,
    Decision,
    OrderView,
    Ownership,
    Promises,
    SendView,
)
from services.runtime.documents import Message as MessageView
from services.runtime.hub import Told
from services.runtime.sealing import Sealing
from services.runtime.view_store import DeskViews, ViewReader

M = TypeVar("M", bound=Message)
C = TypeVar("C", MessageContent, OrderContent)

SENDS_SHOWN_MAX = 500
BOARD_ROWS_MAX = 500
REPLY_STATES = {"held": "sending"}
UNSENT = ("held", "failed", "uncertain", "suppressed")
"""States of a send that are shown with what brought them about."""
MERGES_FOLLOWED_MAX = 100
FIRST_STATES = {"in": "received", "out": "sending", "note": "kept"}
"""A message's state before anything else is known of it, by direction."""

_log = logging.getLogger(__name__)


async def survivor(views: DeskViews, customer_id: str) -> Customer | None:
    """The customer, after merges; None if the views have none."""
    doc = await views.get(Customer, customer_id)
    for _ in range(MERGES_FOLLOWED_MAX):
        if doc is None or not doc.merged_into:
            return doc
        doc = await views.get(Customer, doc.merged_into)
    return doc


def theirs(family: Mapping[str, Customer], customer_id: str, began_ms: int) -> bool:
    """Whether what began then (Unix ms) is of one of these customers, and no erasure took it."""
    member = family.get(customer_id)
    return member is not None and not member.took(began_ms)


class Reads:
    """What the edge shows, put together from the views."""

    def __init__(self, views: ViewReader, sealing: Sealing, blobs: Blobs) -> None:
        self.views = views
        self.directory = Directory(views)
        self.word: Callable[[SendView], str | None] = _wordless
        """What a notice said, which only notify can tell."""
        self._sealing = sealing
        self._blobs = blobs

    async def opened(self, raw: Sequence[bytes], cls: type[M]) -> list[M | None]:
        """Contents of serialised Sealed messages; None where there is none or its key is gone."""
        found: list[M | None] = []
        for one in raw:
            try:
                found.append(await self._sealing.open(Sealed.FromString(one), cls) if one else None)
            except (Corrupt, DecodeError) as error:
                _log.error("content cannot be opened: %s", error)
                found.append(None)
        return found

    async def content(self, raw: bytes) -> MessageContent | None:
        """One message's content; where it is long, from its blob."""
        [content] = await self.opened([raw], MessageContent)
        return await self._whole(content, MessageContent)

    async def file(self, doc: Conversation, message_id: str, blob_id: str) -> tuple[Attachment, bytes] | None:
        """A message's file that lies under this blob id, opened; None where the message has none such, or an
        erasure took it. Raises Busy, Corrupt."""
        view = await self.views.of(doc.desk).get(MessageView, f"{doc.id}/{message_id}")
        if view is None or not view.content or await self.hidden(doc.desk, doc.customer, doc.opened_ms):
            return None
        content = await self.content(view.content)
        named = [one for one in (content.attachments if content else ()) if one.blob == blob_id]
        sealed = await self._blobs.get(blob_id) if named else None
        data = await self._sealing.open_bytes(Sealed.FromString(sealed)) if sealed is not None else None
        return (named[0], data) if data is not None else None

    async def _whole(self, content: C | None, cls: type[C]) -> C | None:
        if content is None or not content.full_blob:
            return content
        blob = await self._blobs.get(content.full_blob)
        if blob is not None:
            [full] = await self.opened([blob], cls)
            return full or content
        return content

    async def customer(self, desk_id: str, customer_id: str) -> Customer | None:
        """The customer of a desk, after merges."""
        return await survivor(self.views.of(desk_id), customer_id)

    async def family(self, desk_id: str, customer_id: str) -> dict[str, Customer]:
        """The customer after merges and those merged into them: by whose ids their work is found, and what
        of it an erasure took. Just the customer where the views have none."""
        views = self.views.of(desk_id)
        doc = await survivor(views, customer_id) or Customer(customer_id, desk_id)
        members = await views.many(Customer, doc.merged) if doc.merged else []
        return {member.id: member for member in (doc, *members) if member is not None}

    async def person(self, desk_id: str, customer_id: str, opened_ms: int | None = None) -> dict[str, Any]:
        """A customer as a conversation of theirs shows them that was opened then (Unix ms; None: whenever).
        Whether an erasure took it is asked of the customer whose it was, their name of who they are now."""
        own = await self.views.of(desk_id).get(Customer, customer_id)
        taken = own is None or own.erasing or (opened_ms is not None and own.took(opened_ms))
        doc = None if taken else await self.customer(desk_id, customer_id)
        if doc is None or doc.erasing:
            return {"id": customer_id, "name": None, "identities": []}
        opened = await self.opened([known.sealed for known in doc.identities], IdentityContent)
        shown = [content for content in opened if content is not None]
        name = next((content.name for content in shown if content.name), None)
        identities = [{"channel": content.channel, "address": content.address} for content in shown]
        return {"id": doc.id, "name": name, "identities": identities}

    async def hidden(self, desk_id: str, customer_id: str, began_ms: int | None = None) -> bool:
        """Whether an erasure of the customer is under way, whoever they were merged into since, or took what
        began then (Unix ms)."""
        doc = await self.views.of(desk_id).get(Customer, customer_id)
        return doc is not None and (bool(doc.erasing) or (began_ms is not None and doc.took(began_ms)))

    async def summaries(self, docs: Sequence[Conversation]) -> list[dict[str, Any]]:
        """Conversations of one desk without their words."""
        if not docs:
            return []
        views, ids = self.views.of(docs[0].desk), [doc.id for doc in docs]
        # At once: where views are far, they share a round trip.
        owned, promises = await asyncio.gather(views.many(Ownership, ids), views.many(Promises, ids))
        return [shapes.summary(*one) for one in zip(docs, owned, promises, strict=True)]

    async def conversation(self, doc: Conversation) -> dict[str, Any]:
        """A whole conversation."""
        views = self.views.of(doc.desk)
        hidden = await self.hidden(doc.desk, doc.customer, doc.opened_ms)
        found = await views.find(SendView, f"conversation/{doc.id}", SENDS_SHOWN_MAX)
        sends = [send for _, send in found]
        [shown] = await self.summaries([doc])
        owned = await views.get(Ownership, doc.id)
        shown["events"] = [
            {"at": shapes.rfc3339(at_ms), "event": what, "detail": detail or None}
            for at_ms, what, detail in (owned.history if owned else ())
        ]
        shown["attributes"] = dict(doc.attributes)
        shown["customer"] = await self.person(doc.desk, doc.customer, doc.opened_ms)
        shown["messages"] = await self._messages(doc, sends, hidden, shown["attributes"])
        shown["notices"] = [
            shapes.notice(send, None if hidden else self.word(send))
            for send in sorted(sends, key=SendView.sort)
            if send.notice
        ]
        orders = await views.many(OrderView, [f"{doc.desk}/{order_id}" for order_id in doc.orders])
        known = [order for order in orders if order is not None]
        shown["orders"] = await self.orders(known, hidden)
        shown["delay"] = shapes.delay(known, shown["orders"])
        return shown

    async def _messages(
        self, doc: Conversation, sends: list[SendView], hidden: bool, attributes: dict[str, str]
    ) -> list[dict[str, Any]]:
        """The messages in order. Attributes that lie with the words are added to `attributes`."""
        replies = {send.origin: send for send in sends if not send.notice}
        views = await self.views.of(doc.desk).scan(MessageView, f"{doc.id}/")
        views.sort(key=lambda view: (view.at_ms, view.number))
        shown = []
        for view in views:
            content = None if hidden or not view.content else await self.content(view.content)
            for name, value in content.attributes.items() if content else ():
                attributes.setdefault(name, value)
            send = replies.get(view.id)
            sent = REPLY_STATES.get(send.state, send.state) if send is not None else ""
            why = send.why if send is not None and send.state in UNSENT and send.why != "sending" else ""
            state = view.state or sent or FIRST_STATES[view.direction]
            shown.append(shapes.message(view, content, state, why or None))
        return shown

    async def orders(self, docs: Sequence[OrderView], hidden: bool = False) -> list[dict[str, Any]]:
        """Orders of one desk with their shipments. What an erasure took is nobody's, as in the engine."""
        if not docs:
            return []
        named = list({doc.customer for doc in docs if doc.customer})
        customers = await self.views.of(docs[0].desk).many(Customer, named) if named else []
        by_id = {customer.id: customer for customer in customers if customer is not None}
        shown = []
        for doc in docs:
            customer = by_id.get(doc.customer)
            taken = customer is not None and customer.took(doc.seen_ms)
            away = hidden or taken or (customer is not None and bool(customer.erasing))
            one = await self._order(doc, away)
            shown.append({**one, "customer": None} if taken else one)
        return shown

    async def _order(self, doc: OrderView, hidden: bool) -> dict[str, Any]:
        [content] = await self.opened([b"" if hidden else doc.content], OrderContent)
        content = await self._whole(content, OrderContent)
        raw = [b"" if hidden else seen.content for seen in doc.shipments]
        return shapes.order(doc, content, await self.opened(raw, ShipmentContent))

    async def dressed(self, told: Told) -> dict[str, Any]:
        """A stream's event with the conversation or message that it is about, as it stands now; without
        where the views are away."""
        try:
            return await self._dressed(told)
        except Busy as error:
            _log.info("a stream goes on without views: %s", error)
            return told.data

    async def _dressed(self, told: Told) -> dict[str, Any]:
        views = self.views.of(told.desk)
        doc = await views.get(Conversation, told.conversation) if told.conversation else None
        if doc is None:
            return told.data
        if told.message:
            view = await views.get(MessageView, f"{doc.id}/{told.message}")
            if view is None:
                return told.data
            hidden = not view.content or await self.hidden(doc.desk, doc.customer)
            content = None if hidden else await self.content(view.content)
            state = view.state or FIRST_STATES[view.direction]
            return {**told.data, "message": shapes.message(view, content, state)}
        return {**told.data, "conversation": await self.card(doc)}

    async def card(self, doc: Conversation) -> dict[str, Any]:
        """A conversation without its words, with its customer."""
        person = self.person(doc.desk, doc.customer, doc.opened_ms)
        [summary], customer = await asyncio.gather(self.summaries([doc]), person)
        return {**summary, "customer": customer}

    async def agent_snapshot(self, desk_id: str, agent_id: str) -> dict[str, Any]:
        """What an agent's stream begins with: so they are connected, though the views may not say so yet."""
        views = self.views.of(desk_id)
        agent = await self.directory.agent(desk_id, agent_id)
        load = await views.get(AgentLoad, f"{desk_id}/{agent_id}") or AgentLoad(desk_id, agent_id)
        owned = await views.many(Conversation, list(load.owned))
        offers = []
        for _, row in await views.find(Ownership, f"offered/{desk_id}/{agent_id}", BOARD_ROWS_MAX):
            if row.offer is not None and row.offer.agent == agent_id:
                decision = await views.get(Decision, f"{row.id}/{row.offer.id}")
                why = shapes.reasons(Offered.FromString(decision.event)) if decision is not None else []
                offers.append({**(shapes.ringing(row) or {}), "conversation_id": row.id, "reasons": why})
        for offer in offers:
            doc = await views.get(Conversation, offer["conversation_id"])
            if doc is not None:
                offer["conversation"] = await self.card(doc)
        return {
            "agent": agent_id,
            "presence": load.presence,
            "connected": True,
            "capacity": {"used": load.used(), "of": agent.capacity if agent else 0},
            "offers": offers,
            "conversations": [await self.card(doc) for doc in owned if doc],
        }


def _wordless(doc: SendView) -> str | None:
    """Where notify has no surface."""
    return None
