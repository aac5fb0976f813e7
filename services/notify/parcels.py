"""An order's several parcels: what one says while the notice about another has not left yet.

A notice tells the latest date of all of an order's parcels. The others' dates are put aside, and held against
the order anew if the notice comes to nothing: its parcel arrives, or is early again. What the customer was
told covers every date that was put aside before.
"""

from __future__ import annotations

from collections.abc import Iterable

from proto.v1.conversations_pb2 import OrderSeen
from proto.v1.envelope_pb2 import Sealed
from proto.v1.notices_pb2 import (
    NOTICE_KIND_DELAY,
    SUPPRESSED_WHY_CLOSED,
    SUPPRESSED_WHY_OVERTAKEN,
    DelayPlanned,
    NoticesEvent,
    SendSuppressed,
)
from services.notify import ways
from services.notify.outbox import Cause, drop
from services.notify.send import Send
from services.notify.state import Order, State

ASIDE_MAX = 20
"""Parcels of one order whose dates are put aside; the newest stay."""


def put_aside(order: Order, body: SendSuppressed) -> None:
    """Fold a date that is not told: aside if it is because of another parcel's, gone otherwise."""
    aside = dict(order.aside)
    aside.pop(body.shipment_id, None)
    aside.pop(body.by_shipment_id, None)
    if body.by_shipment_id not in ("", body.shipment_id):
        aside[body.shipment_id] = body.told_now_ms
    order.aside = tuple(aside.items())[-ASIDE_MAX:]


def take(order: Order, shipment_id: str) -> None:
    """Fold that a parcel's date is told now."""
    order.aside = tuple(each for each in order.aside if each[0] != shipment_id)


def arrived(order_id: str, order: Order, shipment_id: str, cause: Cause) -> list[NoticesEvent]:
    """A parcel whose date was put aside is there: the date is nobody's any more."""
    if not any(shipment_id == other_id for other_id, _ in order.aside):
        return []
    over = SendSuppressed(
        why=SUPPRESSED_WHY_CLOSED,
        notice_kind=NOTICE_KIND_DELAY,
        order_id=order_id,
        customer_id=order.customer_id,
        shipment_id=shipment_id,
    )
    return [cause.event(suppressed=over)]


def held_anew(
    order_id: str, order: Order | None, shipment_id: str, date_ms: int, cause: Cause
) -> list[NoticesEvent]:
    """The notice about that parcel comes to nothing, and it is due at `date_ms` (0: it is there): what was
    put aside for it and is later is held against the order."""
    aside: Iterable[tuple[str, int]] = order.aside if order is not None else ()
    later = [(other_id, at_ms) for other_id, at_ms in aside if other_id != shipment_id and at_ms > date_ms]
    return [again(order_id, other_id, at_ms, cause) for other_id, at_ms in later]


def again(order_id: str, shipment_id: str, date_ms: int, cause: Cause) -> NoticesEvent:
    """Hold a date against the order anew. One that a plan of the shipment has since is newer."""
    return cause.event(
        delay_planned=DelayPlanned(
            shipment_id=shipment_id, order_ids=[order_id], estimated_at_ms=date_ms, said_late=True
        )
    )


def is_another(state: State, desk_id: str, order: Order, seen: OrderSeen) -> bool:
    """Whether a notice of the order would say something else now, or to somebody else: the shop promises
    another date, or has put right whose order it is or where they are reached. A data key belongs to one
    address, so another key may mean another address."""
    key_id = Sealed.FromString(order.sealed).key_id
    _, identity = ways.reached_by(state.configs.get(desk_id), seen)
    return (
        seen.promised_at_ms != order.promised_ms
        or state.customer(seen.customer_id) != state.customer(order.customer_id)
        or identity.key_id != key_id
    )


def decided_anew(pending: Send, cause: Cause) -> list[NoticesEvent]:
    """What a notice that waits rests on is another now: it is withdrawn, and its date held against that."""
    if pending.lease_ms or pending.doubtful:
        return []
    over = drop(pending, SUPPRESSED_WHY_OVERTAKEN, cause, by_shipment_id=pending.shipment_id)
    return [over, again(pending.order_id, pending.shipment_id, pending.told_now_ms, cause)]
