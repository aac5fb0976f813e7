"""Events of the topic conversations as views: messages, customers, orders, desks, agents, keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proto.v1 import conversations_pb2 as proto
from proto.v1.conversations_pb2 import (
    AgentConfigured,
    ApiKeyAdded,
    ApiKeyRemoved,
    ConversationForgotten,
    ConversationsEvent,
    CustomersMerged,
    DeskConfigured,
    ErasureCompleted,
    ErasureRequested,
    IdentityLinked,
    MessageChanged,
    MessageReceived,
    OrderAttached,
    OrderSeen,
    RequestSubmitted,
    ShipmentSeen,
)
from proto.v1.desk_pb2 import KeyScope
from proto.v1.inbound_pb2 import (
    MESSAGE_KIND_DELETE,
    MESSAGE_KIND_EDIT,
    OrderStatus,
    QuarantineReason,
    ShipmentStatus,
)
from services.kernel.limits import DAY_MS, RESOLVED_DAYS
from services.runtime.documents import (
    AgentView,
    ApiKeyView,
    Asked,
    Conversation,
    Customer,
    Decision,
    DeskView,
    KnownIdentity,
    Leaving,
    Message,
    OrderView,
    Ownership,
    Promises,
    Quarantined,
    ShipmentOfOrder,
)
from services.runtime.views import Views


def word(enum: Any, value: int) -> str:
    """The word for an enum's value: ORDER_STATUS_OPEN is "open"; unspecified and unknown are ""."""
    if value == 0:
        return ""
    return _words(enum).get(value, "")


_cached_words: dict[Any, dict[int, str]] = {}


def _words(enum: Any) -> dict[int, str]:
    known = _cached_words.get(enum)
    if known is None:
        prefix = enum.Name(0).removesuffix("UNSPECIFIED")
        known = {value: name.removeprefix(prefix).lower() for name, value in enum.items()}
        _cached_words[enum] = known
    return known


def _message(views: Views, event: ConversationsEvent, body: MessageReceived) -> None:
    conversation_id, received_ms = body.conversation_id, body.received_at_ms
    doc = views.edit(Conversation, conversation_id)
    if doc is None:
        doc = Conversation(
            conversation_id,
            event.desk_id,
            body.customer_id,
            body.channel,
            body.account,
            body.identity_hash,
            received_ms,
        )
        views.put(doc)
    doc.language, doc.intent, doc.mood = body.language, body.intent, body.mood
    doc.wants_human = body.wants_human
    if body.attributes:
        doc.attributes = {**doc.attributes, **body.attributes}
    if body.order_ids:
        doc.orders = tuple(dict.fromkeys((*doc.orders, *body.order_ids)))
    doc.last_message, doc.last_at_ms = body.message_id, received_ms
    doc.events += 1
    content = body.content.SerializeToString()
    views.put(
        Message(conversation_id, body.message_id, "in", body.channel, "", received_ms, content, doc.events)
    )


def _message_changed(views: Views, event: ConversationsEvent, body: MessageChanged) -> None:
    """An edit that comes behind the deletion it was sent before does not bring the words back."""
    doc = views.edit(Message, f"{body.conversation_id}/{body.message_id}")
    if doc is None or doc.state == "deleted":
        return
    if body.kind == MESSAGE_KIND_EDIT:
        doc.content, doc.state = body.content.SerializeToString(), "edited"
    elif body.kind == MESSAGE_KIND_DELETE:
        doc.content, doc.state = b"", "deleted"
    conversation = views.edit(Conversation, body.conversation_id)
    if conversation is not None:
        conversation.events += 1


def _customer(views: Views, desk_id: str, customer_id: str) -> Customer:
    doc = views.edit(Customer, customer_id)
    if doc is None:
        doc = Customer(customer_id, desk_id)
        views.put(doc)
    return doc


def _identity(views: Views, event: ConversationsEvent, body: IdentityLinked) -> None:
    doc = _customer(views, event.desk_id, body.customer_id)
    known = KnownIdentity(body.identity_hash, body.channel, body.identity.SerializeToString())
    doc.identities = (*[i for i in doc.identities if i.hash != known.hash], known)


def _merged(views: Views, event: ConversationsEvent, body: CustomersMerged) -> None:
    stays = _customer(views, event.desk_id, body.customer_id)
    gone = _customer(views, event.desk_id, body.merged_id)
    gone.merged_into = stays.id
    hashes = {identity.hash for identity in stays.identities}
    stays.identities += tuple([i for i in gone.identities if i.hash not in hashes])
    stays.merged = tuple(dict.fromkeys((*stays.merged, gone.id, *gone.merged)))


def _order_doc(views: Views, event: ConversationsEvent, order_id: str) -> OrderView:
    doc = views.edit(OrderView, f"{event.desk_id}/{order_id}")
    if doc is None:
        doc = OrderView(event.desk_id, order_id, event.occurred_at_ms)
        views.put(doc)
    return doc


def _order(views: Views, event: ConversationsEvent, body: OrderSeen) -> None:
    doc = _order_doc(views, event, body.order_id)
    doc.customer, doc.status = body.customer_id, word(OrderStatus, body.status)
    doc.placed_ms, doc.promised_ms = body.placed_at_ms, body.promised_at_ms
    doc.value_minor, doc.currency = body.value_minor, body.currency
    doc.content = body.content.SerializeToString()
    doc.changed_ms = doc.seen_ms = event.occurred_at_ms


def _shipment(views: Views, event: ConversationsEvent, body: ShipmentSeen) -> None:
    seen = ShipmentOfOrder(
        body.shipment_id,
        body.carrier,
        word(ShipmentStatus, body.status),
        body.estimated_at_ms,
        body.happened_at_ms,
        body.content.SerializeToString(),
    )
    for order_id in body.order_ids:
        doc = _order_doc(views, event, order_id)
        doc.shipments = (*[s for s in doc.shipments if s.id != seen.id], seen)
        doc.changed_ms = event.occurred_at_ms


def _order_attached(views: Views, event: ConversationsEvent, body: OrderAttached) -> None:
    doc = views.edit(Conversation, body.conversation_id)
    if doc is not None:
        doc.orders = tuple(dict.fromkeys((*doc.orders, body.order_id)))
        doc.events += 1


def _request(views: Views, event: ConversationsEvent, body: RequestSubmitted) -> None:
    views.put(Asked(event.origin_id, body.request.body_hash, event.occurred_at_ms))


def _desk(views: Views, event: ConversationsEvent, body: DeskConfigured) -> None:
    views.put(
        DeskView(
            event.desk_id,
            body.version,
            body.source_json,
            tuple(body.not_in_effect),
            body.desk.SerializeToString(),
            _mail(views, event.desk_id, body),
        )
    )


def _mail(views: Views, desk_id: str, body: DeskConfigured) -> dict[str, int]:
    """When each e-mail account was claimed: an account that the desk keeps keeps its place, a new one comes
    behind everything that any desk has."""
    known = views.under(DeskView, "")
    had = next((view.mail for view in known if view.id == desk_id), {})
    place = max((place for view in known for place in view.mail.values()), default=0)
    found: dict[str, int] = {}
    for account in body.desk.accounts:
        address = account.account.lower()
        if account.channel == "email" and address not in found:
            place += 1
            found[address] = had.get(address, place)
    return found


def _agent(views: Views, event: ConversationsEvent, body: AgentConfigured) -> None:
    views.put(AgentView(event.desk_id, body.agent.agent_id, body.agent.SerializeToString()))


def _api_key(views: Views, event: ConversationsEvent, body: ApiKeyAdded) -> None:
    key = body.key
    scope = word(KeyScope, key.scope)
    views.put(
        ApiKeyView(
            key.key_id,
            event.desk_id,
            key.key_hash.hex(),
            scope,
            key.name,
            key.agent_id,
            event.occurred_at_ms,
        )
    )


def _api_key_removed(views: Views, event: ConversationsEvent, body: ApiKeyRemoved) -> None:
    for doc in views.under(ApiKeyView, ""):
        if doc.id == body.key_id and doc.desk == event.desk_id:
            views.drop(ApiKeyView, doc.hash)


def _erasure_requested(views: Views, event: ConversationsEvent, body: ErasureRequested) -> None:
    """Everybody who was merged is erased, and apart from now on, as the engine has it: what is linked or
    merged later is of somebody who begins anew."""
    doc = _customer(views, event.desk_id, body.customer_id)
    taken = doc.merged
    for one in (doc.id, *taken):
        member = _customer(views, event.desk_id, one)
        member.erasing = {**member.erasing, body.erasure_id: ()}
        member.erasing_ms = event.occurred_at_ms
        member.identities, member.merged, member.merged_into = (), (), ""
    doc.erasing[body.erasure_id] = taken


def _erasure_completed(views: Views, event: ConversationsEvent, body: ErasureCompleted) -> None:
    """Done for those whom it took along, who may have been merged with others meanwhile."""
    doc = _customer(views, event.desk_id, body.customer_id)
    for one in (doc.id, *doc.erasing.get(body.erasure_id, ())):
        member = _customer(views, event.desk_id, one)
        member.erasing = {key: others for key, others in member.erasing.items() if key != body.erasure_id}
        member.erased_ms = event.occurred_at_ms
        views.put(Leaving(one, one, event.occurred_at_ms + RESOLVED_DAYS * DAY_MS))


def _forgotten(views: Views, event: ConversationsEvent, body: ConversationForgotten) -> None:
    conversation_id = body.conversation_id
    doc = views.peek(Conversation, conversation_id)
    if doc is not None:
        views.put(Leaving(conversation_id, doc.customer, event.occurred_at_ms))
    views.drop(Conversation, conversation_id)
    views.drop(Ownership, conversation_id)
    views.drop(Promises, conversation_id)
    views.drop_prefix(Message, conversation_id + "/")
    views.drop_prefix(Decision, conversation_id + "/")


def _quarantined(views: Views, event: ConversationsEvent, body: proto.Quarantined) -> None:
    record_id = event.origin_id or event.cause_id.replace("/", "-")
    raw = body.raw.SerializeToString()
    reason = word(QuarantineReason, body.reason)
    views.put(
        Quarantined(
            event.desk_id,
            record_id,
            event.occurred_at_ms,
            body.channel,
            body.account,
            reason,
            body.detail,
            raw,
        )
    )


HANDLERS: Mapping[str, Callable[[Views, Any, Any], None]] = {
    "message": _message,
    "message_changed": _message_changed,
    "quarantined": _quarantined,
    "identity": _identity,
    "merged": _merged,
    "order": _order,
    "shipment": _shipment,
    "order_attached": _order_attached,
    "request": _request,
    "desk": _desk,
    "agent": _agent,
    "api_key": _api_key,
    "api_key_removed": _api_key_removed,
    "erasure_requested": _erasure_requested,
    "erasure_completed": _erasure_completed,
    "forgotten": _forgotten,
}
