"""Erasure of a customer: requested, due after the delay, said again each minute until it is completed.

With the request the customer, those merged into them and the ties of their identities are forgotten:
whoever writes from such an address from then on begins anew, in another conversation and sealed under
a new key, also while the erasure waits. The conversations and orders of before stay, without a customer.
When it is due the shell deletes the keys made until the request, and the blobs under them, and reports.
"""

from __future__ import annotations

from collections.abc import Iterable

from proto.v1.conversations_pb2 import (
    ConversationsEvent,
    ErasureCompleted,
    ErasureDue,
    ErasureRequested,
)
from proto.v1.inbound_pb2 import Inbound
from services.ingest import customers
from services.ingest.conversations import forget_short, let_go
from services.ingest.orders import forget_closed
from services.ingest.state import Erasure, State, day_of, fit
from services.kernel.engine import Input
from services.kernel.ids import derive_id, text_id
from services.kernel.limits import DAY_MS, ERASURE_DELAY_MS, MINUTE_MS
from services.kernel.packed import pack

AGAIN_AFTER_MS = MINUTE_MS
"""A due erasure is said again after this, as long as it is not reported as done."""


def decide_request(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """The erasure begins, unless it runs already or nobody knows the customer."""
    request, desk_id, day = inbound.erasure, inbound.desk_id, day_of(now_ms)
    event = ConversationsEvent(
        desk_id=desk_id, occurred_at_ms=now_ms, cause_id=record.id, origin_id=inbound.record_id
    )
    customer = customers.survivor(state.data, pack(request.customer_id), day)
    running = any(e.desk == desk_id and e.customer == customer for e in state.data.erasures.values())
    hashes = [] if running else _identities(state, desk_id, customer, request.identity_hashes, day)
    if not hashes:
        event.unchanged.what = "erasure"
        return [event]
    body = event.erasure_requested
    body.erasure_id = derive_id("e", desk_id, customer, inbound.record_id)
    body.customer_id = text_id("u", customer)
    body.identity_hashes.extend(hashes)
    body.due_at_ms = now_ms + ERASURE_DELAY_MS
    return [event]


def _identities(state: State, desk_id: str, customer: bytes, named: Iterable[bytes], day: int) -> list[bytes]:
    """The customer's identities: those known here, and those named that lead to the customer."""
    number, desk = customers.desk_number(state, customer, day), state.data.desks.get(desk_id)
    if desk is None or number not in (None, desk.number):
        return []
    found = dict.fromkeys(customers.identities(state.data, customer, day))
    for identity in named:
        if identity and customers.customer_of(state.data, identity, day) == customer:
            found[identity] = None
    return list(found)


def decide_report(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """Keys and blobs are gone: the erasure is completed, once."""
    report, event = inbound.erasure_report, ConversationsEvent(
        desk_id=inbound.desk_id, occurred_at_ms=now_ms, cause_id=record.id, origin_id=inbound.record_id
    )  # fmt: skip
    erasure = state.data.erasures.get(report.erasure_id)
    if erasure is None or erasure.desk != inbound.desk_id:
        event.unchanged.what = "erasure"
        return [event]
    body = event.erasure_completed
    body.erasure_id = report.erasure_id
    body.customer_id = text_id("u", erasure.customer)
    body.keys, body.blobs = report.keys, report.blobs
    return [event]


def decide_due(state: State, erasure_id: str, now_ms: int) -> list[ConversationsEvent]:
    """The keys are deleted now: those that the identities had at the request."""
    erasure = state.data.erasures[erasure_id]
    event = ConversationsEvent(
        desk_id=erasure.desk, occurred_at_ms=now_ms, cause_id=f"deadline:erasure:{erasure_id}"
    )
    body = event.erasure_due
    body.erasure_id = erasure_id
    body.customer_id = text_id("u", erasure.customer)
    body.identity_hashes.extend(erasure.hashes)
    body.keys_until_ms = erasure.keys_until_ms
    return [event]


def evolve_requested(state: State, event: ConversationsEvent, body: ErasureRequested) -> None:
    """Remember it until it is completed, and forget the person."""
    hashes = list(body.identity_hashes)
    customer = pack(body.customer_id)
    state.data.erasures[body.erasure_id] = Erasure(
        event.desk_id, customer, hashes, body.due_at_ms, event.occurred_at_ms
    )
    state.deadlines.set("erasure:" + body.erasure_id, body.due_at_ms)
    _forget(state, customer, hashes, day_of(event.occurred_at_ms))


def evolve_due(state: State, event: ConversationsEvent, body: ErasureDue) -> None:
    """It was said; it is said again if no report comes."""
    erasure = state.data.erasures.get(body.erasure_id)
    if erasure is None:
        return
    _postpone(state, body.erasure_id, erasure, event.occurred_at_ms + AGAIN_AFTER_MS)


def evolve_skipped(state: State, erasure_id: str, now_ms: int) -> None:
    """It could not be decided: tried again a day later, since what was promised stays promised."""
    erasure = state.data.erasures.get(erasure_id)
    if erasure is not None:
        _postpone(state, erasure_id, erasure, now_ms + DAY_MS)


def evolve_completed(state: State, event: ConversationsEvent, body: ErasureCompleted) -> None:
    """Nothing is left to do."""
    state.deadlines.drop("erasure:" + body.erasure_id)
    state.data.erasures.pop(body.erasure_id, None)


def _forget(state: State, customer: bytes, hashes: Iterable[bytes], day: int) -> None:
    """No identity, tie or conversation leads to the person any more."""
    data = state.data
    members = customers.family(data, customer)
    for identity in (*hashes, *customers.identities(data, customer, day)):
        data.links.discard(fit(identity))
    for member in members:
        data.merged.discard(member)
        data.known.discard(member)
        forget_short(state, member)
        forget_closed(state, member, day)
        person = data.customers.pop(member, None)
        if person is None:
            continue
        for key in person.conversations:
            let_go(state, key)
        orders = state.desk(person.desk).orders
        for order_id in person.orders:
            if order_id in orders:
                orders[order_id].customer = b""


def _postpone(state: State, erasure_id: str, erasure: Erasure, due_at_ms: int) -> None:
    erasure.due_at_ms = due_at_ms
    state.deadlines.set("erasure:" + erasure_id, due_at_ms)
