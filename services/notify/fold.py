"""How each event of the own log changes the state. Must understand every event ever written."""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import Any

from proto.v1.desk_pb2 import DeskConfig
from proto.v1.notices_pb2 import SEND_KIND_NOTICE, SUPPRESSED_WHY_CLOSED, NoticesEvent, SendRequested
from services.kernel.engine import DEADLINE
from services.notify import parcels, taken
from services.notify.closed import Route
from services.notify.send import Send
from services.notify.state import (
    UNCERTAIN_MS,
    DeskData,
    Late,
    Order,
    Parked,
    Plan,
    State,
    Uncertain,
    plan_key,
    send_of,
)


def evolve(state: State, event: NoticesEvent) -> None:
    """Fold one event."""
    now_ms = event.occurred_at_ms
    state.prune(now_ms)
    name = event.WhichOneof("body")
    if name is not None and (handler := _HANDLERS.get(name)) is not None:
        handler(state, event, getattr(event, name), now_ms)


def _desk(state: State, desk_id: str) -> DeskData:
    desk = state.data.desks.get(desk_id)
    if desk is None:
        desk = state.data.desks[desk_id] = DeskData()
    return desk


def _desk_seen(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    desk = _desk(state, event.desk_id)
    desk.config = body.desk.SerializeToString(deterministic=True)
    desk.version = body.version
    state.configs[event.desk_id] = DeskConfig.FromString(desk.config)


def _route(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    conversation_id = body.conversation_id
    old = state.data.routes.get(conversation_id)
    if old is not None:
        state.unindex_route(conversation_id, old)
    else:
        state.closed.discard(conversation_id)
    route = Route(
        desk_id=intern(event.desk_id),
        customer_id=body.customer_id,
        channel=intern(body.channel),
        account=intern(body.account),
        language=intern(body.language),
        sealed=body.route.SerializeToString(),
        order_ids=tuple(body.order_ids),
        seen_ms=now_ms,
    )
    state.data.routes[conversation_id] = route
    state.index_route(conversation_id, route)


def _route_closed(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    route = state.data.routes.pop(body.conversation_id, None)
    if route is not None:
        state.unindex_route(body.conversation_id, route)
        route.closed_ms = now_ms
        state.closed.put(body.conversation_id, route)


def _order(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    desk = _desk(state, event.desk_id)
    old = desk.orders.get(body.order_id)
    sealed = body.identity.SerializeToString()
    desk.late.pop(body.order_id, None)
    if old is None:
        state.orders.watch(now_ms, event.desk_id, body.order_id)
    desk.orders[body.order_id] = Order(
        customer_id=body.customer_id,
        language=body.language,
        channel=body.channel,
        sealed=sealed,
        promised_ms=body.promised_at_ms,
        told_ms=body.told_at_ms,
        seen_ms=now_ms,
        closed=body.closed,
        erased=bool(old and old.erased and not sealed),
        pending=old.pending if old else "",
        told=old.told if old else (),
        aside=old.aside if old else (),
        told_by=old.told_by if old else "",
        known_ms=old.known_ms if old else 0,
    )


def _forgotten(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    """Of everybody who was merged nothing leads anywhere any more; each begins anew, as in ingest. Orders are
    nobody's: what is said of them later names no customer."""
    customer_id = state.customer(body.customer_id)
    conversations = state.by_customer.pop(customer_id, ())
    merged = [each for each in state.data.merged if state.customer(each) == customer_id]
    state.closed.forget([customer_id, *merged])
    desk = state.data.desks.get(event.desk_id)
    for order in desk.orders.values() if desk else ():
        if state.customer(order.customer_id) == customer_id:
            order.customer_id, order.sealed, order.erased = "", b"", True
    for send in state.data.sends.values():
        if state.customer(send.customer_id) == customer_id:
            send.erased = True
    for each in merged:
        del state.data.merged[each]
    for conversation_id in conversations:
        route = state.data.routes[conversation_id]
        route.sealed = b""
        state.index_route(conversation_id, route)


def _merged(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    kept, gone = state.customer(body.customer_id), state.customer(body.merged_id)
    if kept == gone:
        return
    moved = state.by_customer.pop(gone, ())
    state.data.merged[gone] = kept
    if moved:
        state.by_customer[kept] = (*state.by_customer.get(kept, ()), *moved)


def _requested(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    data = state.data
    if body.copy_of_send_id:
        body = _whole(body, data.sends.get(body.copy_of_send_id))
    send = send_of(body, event.desk_id, event.origin_id, now_ms, data.next_number)
    data.next_number += 1
    data.sends[send.send_id] = send
    state.schedule.add(send)
    if send.kind == SEND_KIND_NOTICE:
        order = _desk(state, event.desk_id).orders.get(send.order_id)
        if order is not None:
            order.pending = send.send_id
            order.told = (*order.told, send.told_now_ms)
            parcels.take(order, send.shipment_id)
            order.seen_ms = now_ms


def _whole(copy: SendRequested, original: Send | None) -> SendRequested:
    """A copy with what the send has sealed."""
    whole = SendRequested()
    whole.CopyFrom(copy)
    if original is not None:
        sealed = SendRequested.FromString(original.request)
        whole.content.CopyFrom(sealed.content)
        whole.route.CopyFrom(sealed.route)
    return whole


def _finish(state: State, send_id: str, told: bool, now_ms: int) -> Send | None:
    """Take a send out; `told`: the customer has or may have what a notice says."""
    send = state.data.sends.pop(send_id, None)
    if send is None:
        return None
    state.schedule.remove(send)
    desk = state.data.desks.get(send.desk_id)
    order = desk.orders.get(send.order_id) if desk and send.kind == SEND_KIND_NOTICE else None
    if order is not None:
        if order.pending == send_id:
            order.pending = ""
        if told:
            state.heard(send, order)
            order.aside = ()
    return send


def _suppressed(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    desk = _desk(state, event.desk_id)
    known = desk.orders.get(body.order_id)
    if known is not None:
        parcels.put_aside(known, body)
    if body.send_id:
        send = _finish(state, body.send_id, False, now_ms)
        order = desk.orders.get(send.order_id) if send and send.kind == SEND_KIND_NOTICE else None
        if send is not None and order is not None:
            order.told = tuple(each for each in order.told if each != send.told_now_ms)
    elif known is None:
        if body.why == SUPPRESSED_WHY_CLOSED:
            desk.late.pop(body.order_id, None)
        elif body.told_now_ms and _is_news(desk.late.get(body.order_id), body):
            if body.order_id not in desk.late:
                state.late.watch(now_ms, event.desk_id, body.order_id)
            desk.late[body.order_id] = Late(body.shipment_id, body.told_now_ms, now_ms, body.said_late)


def _is_news(late: Late | None, body: Any) -> bool:
    """Whether a date replaces what is remembered: of several parcels' dates the latest counts."""
    return late is None or late.shipment_id == body.shipment_id or body.told_now_ms >= late.date_ms


def _withdrawn(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    send = state.data.sends.get(body.send_id)
    if send is not None:
        send.withdrawn = body.why
        send.instead_ms, send.instead_of = body.estimated_at_ms, body.shipment_id


def _attempted(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    send = state.data.sends.get(body.send_id)
    if send is not None:
        send.attempt = body.attempt
        state.schedule.start(send, body.lease_until_ms)


def _sent(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    send: Send | Uncertain | None = _finish(state, body.send_id, True, now_ms)
    receipts = isinstance(send, Send) and not send.idempotent
    if send is None:
        send = state.data.uncertain.pop(body.send_id, None)
        receipts = send is not None
    provider_id_hash = body.provider_id_hash
    if not provider_id_hash:
        return
    state.data.parked.pop(provider_id_hash.hex(), None)
    if send is not None and receipts and send.channel not in taken.NO_RECEIPTS:
        known = taken.TakenSend(body.send_id, send.conversation_id, send.origin_id, send.kind, taken.SENT)
        state.taken.put(provider_id_hash, known, now_ms)


def _delivered(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    _reach(state, body.provider_id_hash, taken.READ if body.read else taken.DELIVERED, now_ms)


def _failed(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    if body.provider_id_hash:
        _reach(state, body.provider_id_hash, taken.FAILED, now_ms)
    _finish(state, body.send_id, False, now_ms)
    state.data.uncertain.pop(body.send_id, None)
    state.never_heard(body.send_id)


def _reach(state: State, provider_id_hash: bytes, level: int, now_ms: int) -> None:
    known = state.taken.get(provider_id_hash, now_ms)
    if known is not None:
        state.taken.put(provider_id_hash, known._replace(level=level), now_ms)


def _deferred(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    send = state.data.sends.get(body.send_id)
    if send is not None:
        send.doubtful = send.doubtful or body.maybe_sent
        state.schedule.wait(send, body.next_at_ms)


def _uncertain(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    send = _finish(state, body.send_id, True, now_ms)
    if send is not None:
        state.data.uncertain[send.send_id] = Uncertain(
            send.desk_id,
            send.origin_id,
            send.conversation_id,
            send.kind,
            send.channel,
            now_ms + UNCERTAIN_MS,
            0 if send.doubtful else send.attempt,
        )


def _delay_planned(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    desk = _desk(state, event.desk_id)
    key = plan_key(event.desk_id, body.shipment_id)
    plan = desk.plans.get(body.shipment_id)
    if body.order_ids:
        left = plan.order_ids[plan.done :] if plan else ()
        newer = plan is None or body.received_at_ms >= plan.received_ms
        desk.plans[body.shipment_id] = Plan(
            order_ids=tuple(dict.fromkeys((*left, *body.order_ids))),
            date_ms=body.estimated_at_ms if plan is None or newer else plan.date_ms,
            received_ms=body.received_at_ms if plan is None or newer else plan.received_ms,
            due_ms=now_ms,
            said_late=body.said_late if plan is None or newer else plan.said_late,
        )
        state.wheel.set(key, now_ms)
    elif plan is not None:
        plan.done += body.done
        if plan.done >= len(plan.order_ids):
            del desk.plans[body.shipment_id]
            state.wheel.drop(key)


def _report_parked(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    state.data.parked[body.provider_id_hash.hex()] = Parked(body.state, body.until_ms, body.error_code)


def _skipped(state: State, event: NoticesEvent, body: Any, now_ms: int) -> None:
    """A deadline that could not be decided goes away with what it was for."""
    if body.topic != DEADLINE:
        return
    kind, _, rest = body.input_id.partition(":")
    if kind == "plan":
        desk_id, _, shipment_id = rest.partition("/")
        _desk(state, desk_id).plans.pop(shipment_id, None)
        state.wheel.drop(body.input_id)
    else:
        _finish(state, rest, kind == "lease", now_ms)


_HANDLERS: dict[str, Callable[[State, NoticesEvent, Any, int], None]] = {
    "skipped": _skipped,
    "desk": _desk_seen,
    "route": _route,
    "route_closed": _route_closed,
    "order": _order,
    "customer_forgotten": _forgotten,
    "customer_merged": _merged,
    "requested": _requested,
    "suppressed": _suppressed,
    "withdrawn": _withdrawn,
    "attempted": _attempted,
    "sent": _sent,
    "delivered": _delivered,
    "failed": _failed,
    "deferred": _deferred,
    "uncertain": _uncertain,
    "delay_planned": _delay_planned,
    "report_parked": _report_parked,
}
