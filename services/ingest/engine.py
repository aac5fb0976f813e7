"""The ingest engine: the mailbox made canonical.

Theory of operation. Everything from outside comes through `inbound`, at least once, from any edge;
ingest turns each record into exactly one outcome on `conversations`, which names the record in
`origin_id`. The outcome stands first; what else follows from the record (identities, merges, orders
attached) stands behind it in the same batch.

1. What is it: new, a duplicate, a change, or for quarantine (`messages`).
2. Whose is it: a customer, by identities (`customers`).
3. Where does it belong: a conversation (`threading_rules`), with the customer's orders (`orders`).

Two rules of ownership. Only ingest decides what belongs to which conversation and customer. Only the
router decides whether a conversation is open: ingest hears of it on `routing`, a little late, and that
is harmless: a message that it puts into a conversation just resolved opens that again at the router.
From `notices` it learns the ids of what was sent, so that answers find their conversation, and which of
an agent's answers did not arrive: it says so to the router, since a conversation may be resolved with it.

What must be remembered is folded from the own events alone: open work in structs, ids and short forms
in packed maps with a horizon (`services.kernel.horizon`), which prune themselves as they are written
to. Deadlines: erasures that are due, and conversations that leave the horizon of 90 days after being
resolved, which everybody is told of by `forgotten`.

Agents' requests pass through, deduplicated by record_id: the outcome of one is the router's word. A
repeated one is `unchanged` "request"; with another body "request_differs".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from proto.v1.conversations_pb2 import ConversationsEvent, RequestSubmitted
from proto.v1.envelope_pb2 import Skipped
from proto.v1.inbound_pb2 import QUARANTINE_REASON_UNKNOWN_TYPE, Inbound
from services.ingest import conversations, customers, desks, erasure, messages, orders
from services.ingest.state import Data, State, day_of, dump, load
from services.kernel.engine import Input
from services.kernel.ids import text_id
from services.kernel.limits import DAY_MS
from services.kernel.packed import pack

__all__ = [
    "EVENT", "HEARS", "INPUTS", "STATE_VERSION", "TOPIC", "State", "decide", "dump", "evolve", "initial",
    "load", "next_deadline_id", "next_deadline_ms",
]  # fmt: skip

TOPIC = "conversations"
INPUTS = ("inbound", "routing", "notices")
HEARS = {"routing": ("resolved", "reopened"), "notices": ("sent", "failed")}
EVENT = ConversationsEvent
STATE_VERSION = 4

_Decide = Callable[[State, Inbound, Input, int], list[ConversationsEvent]]


def initial() -> State:
    """Nothing is known."""
    return State(Data())


def next_deadline_ms(state: State) -> int | None:
    """When the earliest erasure is due, or the earliest resolved conversations leave the horizon."""
    due = state.deadlines.next()
    return due[0] if due is not None else None


def next_deadline_id(state: State) -> str:
    """ "erasure:ID" or "forget:DAY"; "" without a deadline."""
    due = state.deadlines.next()
    return due[1] if due is not None else ""


def decide(state: State, record: Input | None, now_ms: int) -> Sequence[ConversationsEvent]:
    """The outcome of a mailbox record; what the router's or notify's word, or the time, means here."""
    if record is None:
        return _decide_deadline(state, now_ms)
    if record.topic == "inbound":
        inbound: Inbound = record.event
        body = inbound.WhichOneof("body")
        return _DECIDE.get(body or "", _decide_unknown)(state, inbound, record, now_ms)
    if record.topic == "routing":
        return conversations.decide_routing(state, record, now_ms)
    if record.topic == "notices":
        return conversations.decide_notices(state, record, now_ms)
    return []


def evolve(state: State, event: ConversationsEvent) -> None:
    """Fold one event of the own log. Bodies that change nothing here are outcomes only."""
    name = event.WhichOneof("body")
    fold = _EVOLVE.get(name or "")
    if fold is not None:
        fold(state, event, getattr(event, name or ""))


def _decide_deadline(state: State, now_ms: int) -> list[ConversationsEvent]:
    due = state.deadlines.next()
    if due is None or due[0] > now_ms:
        return []
    what, _, name = due[1].partition(":")
    if what == "erasure":
        return erasure.decide_due(state, name, now_ms)
    events = []
    for desk_id, conversation_id in conversations.decide_forget(state, name):
        event = ConversationsEvent(desk_id=desk_id, occurred_at_ms=now_ms, cause_id="deadline:" + due[1])
        event.forgotten.conversation_id = conversation_id
        events.append(event)
    return events


def _decide_request(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """An agent's request, once, with the customer of its conversation."""
    request, desk_id, day = inbound.request, inbound.desk_id, day_of(now_ms)
    event = _event(inbound, record, now_ms)
    before = state.data.records.get(pack(inbound.record_id), day) if inbound.record_id else None
    if before is not None:
        same = before == _start(request.body_hash)
        event.unchanged.what = "request" if same else "request_differs"
        return [event]
    body = event.request
    body.request.CopyFrom(request)
    body.received_at_ms = record.at_ms
    if request.conversation_id:
        customer = conversations.customer_of(state, desk_id, pack(request.conversation_id), day)
        body.customer_id = text_id("u", customer) if customer else ""
    return [event]


def _decide_send_report(
    state: State, inbound: Inbound, record: Input, now_ms: int
) -> list[ConversationsEvent]:
    """Our sender's word passes through: notify knows the send."""
    event = _event(inbound, record, now_ms)
    event.send_report.report.CopyFrom(inbound.send_report)
    return [event]


def _decide_delivery(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """A provider's word passes through: notify knows the send."""
    event = _event(inbound, record, now_ms)
    event.delivery.report.CopyFrom(inbound.delivery)
    return [event]


def _decide_unparsed(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """What the edge could not understand is kept aside, with its raw bytes and the reason."""
    unparsed, event = inbound.unparsed, _event(inbound, record, now_ms)
    if messages.in_quarantine(state, event):
        return [event]
    body = event.quarantined
    body.channel, body.account = unparsed.channel, unparsed.account
    body.reason, body.detail = unparsed.reason, unparsed.detail
    body.raw.CopyFrom(unparsed.raw)
    return [event]


def _decide_unknown(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """A record of a newer edge than this engine."""
    event = _event(inbound, record, now_ms)
    if messages.in_quarantine(state, event):
        return [event]
    event.quarantined.reason = QUARANTINE_REASON_UNKNOWN_TYPE
    event.quarantined.detail = "a record of a kind that this release does not know"
    return [event]


def _event(inbound: Inbound, record: Input, now_ms: int) -> ConversationsEvent:
    return ConversationsEvent(
        desk_id=inbound.desk_id, occurred_at_ms=now_ms, cause_id=record.id, origin_id=inbound.record_id
    )


def _start(body_hash: bytes) -> bytes:
    return body_hash[:4].ljust(4, b"\0")


def _evolve_request(state: State, event: ConversationsEvent, body: RequestSubmitted) -> None:
    """Remember the request by its record."""
    if event.origin_id:
        day = event.occurred_at_ms // DAY_MS
        state.data.records.put(pack(event.origin_id), _start(body.request.body_hash), day)


def _evolve_skipped(state: State, event: ConversationsEvent, body: Skipped) -> None:
    """A deadline that could not be decided goes away, so that the engine goes on."""
    if body.topic != "deadline":
        return
    what, _, name = body.input_id.removeprefix("deadline:").partition(":")
    if what == "erasure":
        erasure.evolve_skipped(state, name, event.occurred_at_ms)
    elif what == "forget":
        conversations.drop_closings(state, name)


_DECIDE: dict[str, _Decide] = {
    "message": messages.decide,
    "request": _decide_request,
    "delivery": _decide_delivery,
    "send_report": _decide_send_report,
    "order": orders.decide_order,
    "shipment": orders.decide_shipment,
    "presence": desks.decide_presence,
    "agent": desks.decide_agent,
    "desk": desks.decide_desk,
    "api_key": desks.decide_key,
    "api_key_remove": desks.decide_key_removal,
    "unparsed": _decide_unparsed,
    "erasure": erasure.decide_request,
    "erasure_report": erasure.decide_report,
}

_EVOLVE: dict[str, Callable[[State, ConversationsEvent, Any], None]] = {
    "message": messages.evolve,
    "request": _evolve_request,
    "identity": customers.evolve_identity,
    "merged": customers.evolve_merged,
    "reference": conversations.evolve_reference,
    "closed": conversations.evolve_closed,
    "reopened": conversations.evolve_reopened,
    "forgotten": conversations.evolve_forgotten,
    "message_changed": messages.evolve_changed,
    "quarantined": messages.evolve_quarantined,
    "order": orders.evolve_order,
    "order_attached": orders.evolve_attached,
    "shipment": orders.evolve_shipment,
    "desk": desks.evolve_desk,
    "agent": desks.evolve_agent,
    "api_key": desks.evolve_key,
    "api_key_removed": desks.evolve_key_removed,
    "erasure_requested": erasure.evolve_requested,
    "erasure_due": erasure.evolve_due,
    "erasure_completed": erasure.evolve_completed,
    "skipped": _evolve_skipped,
}
