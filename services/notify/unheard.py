"""A notice that its customer never heard: what came in its place counts as if it had never been.

While a notice is under way its words cannot be changed, and what its customer will know is not known. So a
date that comes meanwhile is held against what it says, and what follows from that is provisional:

- a date that is hardly later changes nothing, unless the notice is refused for good: then it is told;
- an earlier one is told if the notice does not arrive;
- a later one has a notice of its own, which names the older date as known before. If it still waits when
  that turns out never to have been heard, it is decided anew, against what the customer really knows.

The same where a provider took a notice and reported it back later: what is held against the order from then
on is what was known before it (`fold`).
"""

from __future__ import annotations

from proto.v1.notices_pb2 import SEND_KIND_NOTICE, SUPPRESSED_WHY_UNSPECIFIED, NoticesEvent, SendRequested
from services.notify import parcels
from services.notify.outbox import Cause, withdraw
from services.notify.send import Send
from services.notify.state import State


def counts_instead(pending: Send, date_ms: int, shipment_id: str, cause: Cause) -> list[NoticesEvent]:
    """A date that is hardly later than what is under way says: it counts only if that is refused for good."""
    instead_ms = date_ms if date_ms > pending.told_now_ms else 0
    if not pending.lease_ms or instead_ms == pending.instead_ms:
        return []
    return [
        withdraw(pending, SUPPRESSED_WHY_UNSPECIFIED, cause, instead_ms, shipment_id if instead_ms else "")
    ]


def followed(state: State, send: Send, event: NoticesEvent, cause: Cause) -> list[NoticesEvent]:
    """A step of a send; if a notice comes to nothing by it, what is held against the order anew."""
    ended = event.HasField("suppressed") or event.HasField("failed")
    if not ended or send.kind != SEND_KIND_NOTICE:
        return [event]
    return [event, *_anew(state, send, cause)]


def _anew(state: State, send: Send, cause: Cause) -> list[NoticesEvent]:
    cause = cause.about(send)
    desk = state.data.desks.get(send.desk_id)
    order = desk.orders.get(send.order_id) if desk is not None else None
    instead_ms = send.instead_ms
    events = [parcels.again(send.order_id, send.instead_of, instead_ms, cause)] if instead_ms else []
    if send.withdrawn or instead_ms:
        instead_of = send.instead_of or send.shipment_id
        events += parcels.held_anew(send.order_id, order, instead_of, instead_ms, cause)
    newer = state.data.sends.get(order.pending) if order is not None else None
    if newer is None or newer is send:
        return events
    told_before_ms = SendRequested.FromString(newer.request).told_before_ms
    return events + (parcels.decided_anew(newer, cause) if told_before_ms == send.told_now_ms else [])
