"""Orders and shipments: which orders a customer has open, and which conversations they belong to.

Open orders are structs of their desk; delivered, cancelled and returned ones stay in short form for
the horizon. An order that nobody speaks of for `ORDER_DAYS` is dropped, a few with each order that is
seen, the oldest first. Conversations are told of the customer's open orders when a message comes, and
by `order_attached` when an order comes later.
"""

from __future__ import annotations

from typing import NamedTuple

from proto.v1.conversations_pb2 import ConversationsEvent, OrderAttached, OrderSeen, ShipmentSeen
from proto.v1.inbound_pb2 import (
    ORDER_STATUS_CANCELLED,
    ORDER_STATUS_DELIVERED,
    ORDER_STATUS_RETURNED,
    Inbound,
)
from services.ingest import customers
from services.ingest.state import (
    ORDER_DAYS,
    ORDERS_SHOWN_MAX,
    Conversation,
    Order,
    State,
    day_of,
)
from services.kernel.engine import Input
from services.kernel.ids import text_id
from services.kernel.packed import derived, pack

CLOSED = frozenset((ORDER_STATUS_DELIVERED, ORDER_STATUS_CANCELLED, ORDER_STATUS_RETURNED))
CONVERSATIONS_TOLD_MAX = 20
"""Newest open conversations of the customer that an order is attached to."""
DROPPED_AT_ONCE = 4
"""Orders past ORDER_DAYS that one order event drops: more than come in, so it catches up."""


class _Before(NamedTuple):
    """An order as it stood: `body` is the start of its body's hash."""

    customer: bytes
    value_minor: int
    body: bytes
    open: bool


def decide_order(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """The outcome of an order, what it says of its customer, and the conversations it belongs to."""
    order, day, desk_id = inbound.order, day_of(now_ms), inbound.desk_id
    stem = ConversationsEvent(
        desk_id=desk_id, occurred_at_ms=now_ms, cause_id=record.id, origin_id=inbound.record_id
    )
    before = _before(state, desk_id, order.order_id, day)
    if before is not None and order.body_hash and before.body == _start(order.body_hash):
        stem.unchanged.what = "order"
        return [stem]
    found = customers.find(state, order.identity_hashes, now_ms)
    extra = []
    if found is not None:
        extra = customers.follow_up(
            stem, found, order.identity_hashes, order.identity_channels, order.identities
        )
        customer = found.customer
    else:
        customer = customers.survivor(state.data, before.customer, day) if before is not None else b""
    event = ConversationsEvent()
    event.CopyFrom(stem)
    seen = event.order
    for field in _TAKEN_OVER:
        setattr(seen, field, getattr(order, field))
    seen.customer_id = text_id("u", customer) if customer else ""
    seen.identity_hashes.extend(order.identity_hashes)
    seen.identity_channels.extend(order.identity_channels)
    seen.content.CopyFrom(order.content)
    if order.identities:
        seen.first_identity.CopyFrom(order.identities[0])
        seen.more_identities.extend(order.identities[1:])
    if order.status not in CLOSED and customer:
        merged = found.merged if found is not None else []
        extra += _attach(state, stem, order.order_id, order.value_minor, before, [customer, *merged])
    return [event, *extra]


_TAKEN_OVER = (
    "order_id", "language", "placed_at_ms", "promised_at_ms", "value_minor", "currency", "status",
    "body_hash",
)  # fmt: skip


def _attach(
    state: State,
    stem: ConversationsEvent,
    order_id: str,
    value_minor: int,
    before: _Before | None,
    of_customers: list[bytes],
) -> list[ConversationsEvent]:
    """Tell the customer's open conversations that do not have the order, or have it for less."""
    events = []
    told_before = before.value_minor if before is not None else 0
    for customer in of_customers:
        known = state.data.customers.get(customer)
        for key in known.conversations[: -CONVERSATIONS_TOLD_MAX - 1 : -1] if known is not None else ():
            conversation = state.data.conversations[key]
            if conversation.desk != stem.desk_id:
                continue
            if order_id in conversation.orders:
                if value_minor <= told_before:
                    continue
            elif len(conversation.orders) >= ORDERS_SHOWN_MAX:
                continue
            highest = max(value_minor, _highest(state, stem.desk_id, conversation.orders, customer))
            events.append(attached_event(stem, text_id("c", key), order_id, highest))
    return events


def attached_event(
    stem: ConversationsEvent, conversation_id: str, order_id: str, value_minor: int
) -> ConversationsEvent:
    """An order belongs to an open conversation from now on; the value is the highest of all its orders."""
    return ConversationsEvent(
        desk_id=stem.desk_id,
        occurred_at_ms=stem.occurred_at_ms,
        cause_id=stem.cause_id,
        origin_id=stem.origin_id,
        order_attached=OrderAttached(
            conversation_id=conversation_id, order_id=order_id, order_value_minor=value_minor
        ),
    )


def orders_of(
    state: State, desk_id: str, customer: bytes, named: str, conversation: Conversation | None, day: int
) -> tuple[list[str], int]:
    """Orders that belong to a message's conversation (the named one first, then those named before,
    then the customer's newest open ones) and the highest value among those that are the customer's."""
    known = state.data.customers.get(customer)
    if known is not None and known.desk != desk_id:
        known = None
    if not named and conversation is None and (known is None or not known.orders):
        return [], 0
    ids = {named: None} if named else {}
    if conversation is not None:
        ids.update(dict.fromkeys(conversation.named))
    if known is not None:
        ids.update(dict.fromkeys(known.orders[: -ORDERS_SHOWN_MAX - 1 : -1]))
    if conversation is not None:
        ids.update(dict.fromkeys(conversation.orders))
    shown = list(ids)[:ORDERS_SHOWN_MAX]
    value = _highest(state, desk_id, shown, customer)
    if named and (before := _before(state, desk_id, named, day)) and before.customer == customer:
        value = max(value, before.value_minor)
    return shown, value


def _highest(state: State, desk_id: str, order_ids: list[str] | tuple[str, ...], customer: bytes) -> int:
    """The highest value among the customer's open orders of these."""
    if not order_ids:
        return 0
    orders = state.data.desks[desk_id].orders
    found = (orders.get(order_id) for order_id in order_ids)
    return max((o.value_minor for o in found if o is not None and o.customer == customer), default=0)


def _key(desk_id: str, what: str, given_id: str) -> bytes:
    return derived(desk_id, what, given_id)


def _start(body_hash: bytes) -> bytes:
    return body_hash[:8].ljust(8, b"\0")


def _before(state: State, desk_id: str, order_id: str, day: int) -> _Before | None:
    desk = state.data.desks.get(desk_id)
    order = desk.orders.get(order_id) if desk is not None else None
    if order is not None:
        return _Before(order.customer, order.value_minor, order.body_hash, True)
    value = state.data.closed_orders.get(_key(desk_id, "order", order_id), day)
    if value is None:
        return None
    customer = customers.survivor(state.data, value[:16], day) if any(value[:16]) else b""
    return _Before(customer, int.from_bytes(value[16:24], "big", signed=True), value[24:], False)


def evolve_order(state: State, event: ConversationsEvent, body: OrderSeen) -> None:
    """An order as it is now: open, or closed and in short form."""
    day, desk_id, order_id = day_of(event.occurred_at_ms), event.desk_id, body.order_id
    desk = state.desk(desk_id)
    customer = pack(body.customer_id) if body.customer_id else b""
    start = _start(body.body_hash) if body.body_hash else b""
    before = desk.orders.pop(order_id, None)
    if before is not None:
        _unlist(state, desk_id, order_id, before, keep=customer)
    closed_key = _key(desk_id, "order", order_id)
    if body.status in CLOSED:
        value = body.value_minor.to_bytes(8, "big", signed=True)
        state.data.closed_orders.put(closed_key, (customer or bytes(16)) + value + (start or bytes(8)), day)
        if before is not None and before.customer == customer and customer:
            _unlist(state, desk_id, order_id, before, keep=b"")
            customers.cool(state, customer, day)
    else:
        state.data.closed_orders.discard(closed_key)
        desk.orders[order_id] = Order(customer, body.value_minor, start, day)
        state.order_days.setdefault(day, set()).add((desk_id, order_id))
        if customer and (before is None or before.customer != customer):
            owner = customers.hot(state, desk_id, customer, event.occurred_at_ms)
            owner.orders = (*owner.orders, order_id)
    if before is not None and before.customer != customer:
        customers.cool(state, before.customer, day)
    _drop_silent(state, day)


def forget_closed(state: State, customer: bytes, day: int) -> None:
    """A customer is erased: their closed orders are nobody's. Reads the packed map through."""
    closed = state.data.closed_orders
    for key in closed.keys_of(customer):
        value = closed.get(key, day)
        if value is None:
            closed.discard(key)
        else:
            closed.put(key, bytes(16) + value[16:], day)


def _unlist(state: State, desk_id: str, order_id: str, order: Order, keep: bytes) -> None:
    """Take the order out of the index by day, and out of its customer's list unless it is `keep`'s."""
    on_day = state.order_days.get(order.day)
    if on_day is not None:
        on_day.discard((desk_id, order_id))
        if not on_day:
            del state.order_days[order.day]
    owner = state.data.customers.get(order.customer)
    if owner is not None and order.customer != keep:
        owner.orders = tuple([each for each in owner.orders if each != order_id])


def _drop_silent(state: State, today: int) -> None:
    """Drop a few orders that nobody spoke of for ORDER_DAYS: the oldest day first, then by desk and id."""
    dropped = 0
    while dropped < DROPPED_AT_ONCE:
        if not state.expiring:
            oldest = min(state.order_days, default=today)
            if oldest + ORDER_DAYS >= today:
                return
            state.expiring = sorted(state.order_days.pop(oldest), reverse=True)
            continue
        desk_id, order_id = state.expiring.pop()
        orders = state.data.desks[desk_id].orders
        order = orders.get(order_id)
        if order is None or order.day + ORDER_DAYS >= today:
            continue
        del orders[order_id]
        _unlist(state, desk_id, order_id, order, keep=b"")
        customers.cool(state, order.customer, today)
        dropped += 1


def evolve_attached(state: State, event: ConversationsEvent, body: OrderAttached) -> None:
    """The conversation has the order."""
    conversation = state.data.conversations.get(pack(body.conversation_id))
    if conversation is not None and body.order_id not in conversation.orders:
        conversation.orders = (*conversation.orders, body.order_id)


def decide_shipment(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """The outcome of a shipment. Orders are named as they came: one may be heard of later. A word that its
    sender dates before the newest one came late, and changes nothing any more."""
    shipment, event = inbound.shipment, ConversationsEvent(
        desk_id=inbound.desk_id, occurred_at_ms=now_ms, cause_id=record.id, origin_id=inbound.record_id
    )  # fmt: skip
    key = _key(inbound.desk_id, "shipment", shipment.shipment_id)
    before = state.data.shipments.get(key, day_of(now_ms))
    if before is not None and shipment.body_hash and before[:8] == _start(shipment.body_hash):
        event.unchanged.what = "shipment"
        return [event]
    if before is not None and 0 < shipment.happened_at_ms // 1000 < int.from_bytes(before[8:], "big"):
        event.unchanged.what = "shipment_older"
        return [event]
    seen = event.shipment
    seen.shipment_id = shipment.shipment_id
    seen.order_ids.extend(shipment.order_ids)
    seen.carrier = shipment.carrier
    seen.status = shipment.status
    seen.estimated_at_ms = shipment.estimated_at_ms
    seen.happened_at_ms = shipment.happened_at_ms
    seen.received_at_ms = record.at_ms
    seen.content.CopyFrom(shipment.content)
    seen.body_hash = shipment.body_hash
    return [event]


def evolve_shipment(state: State, event: ConversationsEvent, body: ShipmentSeen) -> None:
    """Remember the shipment's body, and the newest time that it was dated: none beyond when it came."""
    key, day = _key(event.desk_id, "shipment", body.shipment_id), day_of(event.occurred_at_ms)
    before = state.data.shipments.get(key, day)
    newest_s = int.from_bytes(before[8:], "big") if before is not None else 0
    newest_s = max(newest_s, min(body.happened_at_ms // 1000, body.received_at_ms // 1000, 0xFFFFFFFF))
    state.data.shipments.put(key, _start(body.body_hash) + newest_s.to_bytes(4, "big"), day)
