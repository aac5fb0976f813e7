"""Notify: tells customers, and the desk's own systems, what is to be told. Once, and not at night.

Theory of operation. Four kinds of things go in: where a customer is answered (the route of their last own
message), what orders and shipments say, what agents reply, and what became of what was sent.

- Routes (`engine`, `closed`): kept for each open conversation, and as long as an agent may reopen it.
  Mail has a new route with every message (its threading headers), other channels only when something about
  it changed. What a machine sent (a bounce, an automatic answer) never changes where a person is answered.
- Replies (`engine`, `outbox`): only what the router admitted. A reply always gets a result, even when
  there is no way to send it: sla waits for it under the request's origin, which all its events keep.
- Delays (`delays`): one matter, one notice.
- The outbox (`outbox`, `schedule`, `results`): requested, attempted, result; in order for each conversation.
- Calls (`calls`): signed webhooks for breaches, escalations and whoever wants to know what was said.
- Erasure: everything that is known of the customer at that moment goes, waiting sends are suppressed. What
  they write later is new, and may be answered.

`fold` is `evolve`; `state` what it folds into.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from proto.v1.conversations_pb2 import ConversationsEvent, MessageReceived
from proto.v1.desk_pb2 import DeskConfig
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import AUTO_KIND_NONE, REQUEST_KIND_REPLY
from proto.v1.notices_pb2 import (
    SEND_KIND_REPLY,
    SUPPRESSED_WHY_ERASED,
    CustomerForgotten,
    NoticesEvent,
    NotifyCustomerMerged,
    NotifyDeskSeen,
    RouteClosed,
    RouteSeen,
    SendFailed,
    SendRequested,
)
from services.kernel.engine import Input
from services.kernel.ids import derive_id
from services.kernel.limits import SEND_DEAD_AFTER_MS
from services.notify import calls, delays, outbox, results, unheard, ways
from services.notify.closed import Route
from services.notify.fold import evolve
from services.notify.outbox import Cause
from services.notify.state import Data, State, dump, load

__all__ = [
    "EVENT",
    "HEARS",
    "INPUTS",
    "STATE_VERSION",
    "TOPIC",
    "decide",
    "dump",
    "evolve",
    "initial",
    "load",
    "next_deadline_id",
    "next_deadline_ms",
]

TOPIC = "notices"
INPUTS = ("conversations", "routing", "sla")
EVENT = NoticesEvent
STATE_VERSION = 8

NO_ROUTE = "nobody knows where this customer is answered"


def initial() -> State:
    """The state before any event."""
    return State(Data())


def decide(state: State, record: Input | None, now_ms: int) -> Sequence[NoticesEvent]:
    """The events that follow from an input, or from the earliest deadline."""
    if record is None:
        return _deadline(state, now_ms)
    name = record.event.WhichOneof("body")
    handler = _HANDLERS.get((record.topic, name))
    return handler(state, record, now_ms) if handler is not None else ()


def next_deadline_ms(state: State) -> int | None:
    """When the next send, lease or plan is due."""
    due = state.wheel.next()
    return due[0] if due is not None else None


def next_deadline_id(state: State) -> str:
    """ "send:", "lease:" or "plan:" and what it is for."""
    due = state.wheel.next()
    return due[1] if due is not None else ""


def _deadline(state: State, now_ms: int) -> Sequence[NoticesEvent]:
    due = state.wheel.next()
    if due is None or due[0] > now_ms:
        return ()
    key = due[1]
    kind, _, rest = key.partition(":")
    if kind == "plan":
        desk_id, _, shipment_id = rest.partition("/")
        return delays.work_off(state, desk_id, shipment_id, Cause(desk_id, now_ms, "deadline:" + key, ""))
    send = state.data.sends[rest]
    cause = Cause(send.desk_id, now_ms, "deadline:" + key, send.origin_id)
    if kind == "lease":
        return [outbox.doubt(send, outbox.NO_RESULT, cause)]
    return unheard.followed(state, send, outbox.begin(state, send, cause), cause)


def _message(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """Remember where the customer is answered from now on."""
    event: ConversationsEvent = record.event
    message = event.message
    known = state.route(message.conversation_id)
    if known is not None and known.sealed:
        if message.auto_kind > AUTO_KIND_NONE:
            return ()
        if message.channel != "email" and not _changed(state, known, message):
            return ()
    return [
        NoticesEvent(
            desk_id=event.desk_id,
            occurred_at_ms=now_ms,
            cause_id=record.id,
            origin_id=event.origin_id,
            route=RouteSeen(
                conversation_id=message.conversation_id,
                customer_id=message.customer_id,
                channel=message.channel,
                account=message.account,
                language=message.language or (known.language if known is not None else ""),
                route=message.route,
                order_ids=message.order_ids,
            ),
        )
    ]


def _changed(state: State, known: Route, m: MessageReceived) -> bool:
    """Whether a message of a chat-like channel says anything new about where and how to answer. A data
    key belongs to one address, so the same key means the same address."""
    return bool(
        known.closed_ms
        or known.channel != m.channel
        or known.account != m.account
        or (m.language and known.language != m.language)
        or known.order_ids != tuple(m.order_ids)
        or state.customer(known.customer_id) != state.customer(m.customer_id)
        or Sealed.FromString(known.sealed).key_id != m.route.key_id
    )


def _route_again(route: Route, conversation_id: str, order_ids: Sequence[str]) -> RouteSeen:
    return RouteSeen(
        conversation_id=conversation_id,
        customer_id=route.customer_id,
        channel=route.channel,
        account=route.account,
        language=route.language,
        route=Sealed.FromString(route.sealed),
        order_ids=order_ids,
    )


def _order_attached(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    body = record.event.order_attached
    route = state.data.routes.get(body.conversation_id)
    if route is None or body.order_id in route.order_ids:
        return ()
    seen = _route_again(route, body.conversation_id, (*route.order_ids, body.order_id))
    return [Cause.of(record, now_ms).event(route=seen)]


def _resolved(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    conversation_id = record.event.resolved.conversation_id
    if conversation_id not in state.data.routes:
        return ()
    return [Cause.of(record, now_ms).event(route_closed=RouteClosed(conversation_id=conversation_id))]


def _reopened(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """Open again: by an agent, or because a message crossed the resolution on its way."""
    conversation_id = record.event.reopened.conversation_id
    route = state.closed.get(conversation_id)
    if route is None:
        return ()
    seen = _route_again(route, conversation_id, route.order_ids)
    return [Cause.of(record, now_ms).event(route=seen)]


def _admitted(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """A reply is to be sent, on the channel that the customer used last."""
    admitted = record.event.admitted
    if admitted.kind != REQUEST_KIND_REPLY:
        return ()
    cause = Cause.of(record, now_ms)
    requested = SendRequested(
        send_id=derive_id("s", cause.desk_id, cause.origin_id or cause.cause_id),
        kind=SEND_KIND_REPLY,
        conversation_id=admitted.conversation_id,
        customer_id=admitted.customer_id,
        content=admitted.content,
        dead_at_ms=now_ms + SEND_DEAD_AFTER_MS,
        author_agent_id=admitted.agent_id,
        bot=admitted.bot,
    )
    route = state.route(admitted.conversation_id)
    if route is None or route.desk_id != cause.desk_id:
        return _hopeless(cause, requested, NO_ROUTE)
    requested.customer_id = state.customer(route.customer_id)
    requested.channel, requested.account = route.channel, route.account
    requested.language = route.language
    if not route.sealed:
        return _hopeless(cause, requested, outbox.ERASED)
    requested.route.ParseFromString(route.sealed)
    way = ways.way_out(state.configs.get(cause.desk_id), route.channel, route.account, ways.MESSAGE_OUT)
    if way is None:
        return _hopeless(cause, requested, ways.NO_WAY_OUT)
    if way.url:
        requested.url, requested.event_name, requested.idempotent = way.url, ways.MESSAGE_OUT, True
    events = outbox.request(state, cause, requested)
    for url in way.copies:
        events += calls.copy(state, cause, requested, url, ways.MESSAGE_OUT)
    return events


def _hopeless(cause: Cause, requested: SendRequested, error: str) -> Sequence[NoticesEvent]:
    failed = SendFailed(
        send_id=requested.send_id,
        error=error,
        conversation_id=requested.conversation_id,
        kind=requested.kind,
    )
    return [cause.event(requested=requested), cause.event(failed=failed)]


def _desk(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """Keep of the configuration what sending needs."""
    configured = record.event.desk
    full = configured.desk
    desk = DeskConfig(
        name=full.name,
        locale=full.locale,
        time_zone=full.time_zone,
        accounts=full.accounts,
        notices=full.notices,
        webhooks=full.webhooks,
    )
    seen = NotifyDeskSeen(desk=desk, version=configured.version)
    return [Cause.of(record, now_ms).event(desk=seen)]


def _merged(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    merged = record.event.merged
    seen = NotifyCustomerMerged(customer_id=merged.customer_id, merged_id=merged.merged_id)
    return [Cause.of(record, now_ms).event(customer_merged=seen)]


def _erasure(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """Forget the customer, and drop what has not left. What is under way cannot be called back."""
    customer_id = state.customer(record.event.erasure_requested.customer_id)
    cause = Cause.of(record, now_ms)
    waiting = [
        send
        for send in state.data.sends.values()
        if not send.lease_ms
        and send.desk_id == cause.desk_id
        and send.customer_id
        and state.customer(send.customer_id) == customer_id
    ]
    waiting.sort(key=lambda send: send.number)
    return [
        cause.event(customer_forgotten=CustomerForgotten(customer_id=customer_id)),
        *(outbox.drop(send, SUPPRESSED_WHY_ERASED, cause) for send in waiting),
    ]


_HANDLERS: dict[tuple[str, str], Callable[[State, Input, int], Sequence[NoticesEvent]]] = {
    ("conversations", "message"): _message,
    ("conversations", "order"): delays.order_seen,
    ("conversations", "shipment"): delays.shipment_seen,
    ("conversations", "order_attached"): _order_attached,
    ("conversations", "send_report"): results.send_report,
    ("conversations", "delivery"): results.delivery,
    ("conversations", "desk"): _desk,
    ("conversations", "merged"): _merged,
    ("conversations", "erasure_requested"): _erasure,
    ("routing", "admitted"): _admitted,
    ("routing", "resolved"): _resolved,
    ("routing", "reopened"): _reopened,
    ("sla", "breached"): calls.breached,
    ("sla", "escalated"): calls.escalated,
}
HEARS = {topic: tuple(body for name, body in _HANDLERS if name == topic) for topic in INPUTS}
