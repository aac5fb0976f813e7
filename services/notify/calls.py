"""Signed calls to systems of the desk's: copies of outgoing messages, breaches, escalations."""

from __future__ import annotations

import json
from collections.abc import Sequence

from proto.v1.desk_pb2 import ESCALATION_DO_WEBHOOK, EscalationAt
from proto.v1.notices_pb2 import SEND_KIND_WEBHOOK, NoticesEvent, SendRequested
from proto.v1.sla_pb2 import TargetKind
from services.kernel.engine import Input
from services.kernel.ids import derive_id
from services.kernel.limits import SEND_DEAD_AFTER_MS
from services.notify import ways
from services.notify.outbox import Cause, request
from services.notify.send import Send
from services.notify.state import State


def breached(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """Tell those who want to know of a breach."""
    body = record.event.breached
    desk = state.configs.get(record.event.desk_id)
    if desk is None:
        return ()
    cause = Cause.of(record, now_ms)
    told = {
        "conversation_id": body.conversation_id,
        "target_id": body.target_id,
        "due_at_ms": body.due_at_ms,
    }
    return [
        event
        for url in ways.subscribers(desk, ways.SLA_BREACHED)
        for event in _call(state, cause, url, ways.SLA_BREACHED, body.conversation_id, told)
    ]


def escalated(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """An escalation step that calls a webhook names its URL."""
    body = record.event.escalated
    if body.do != ESCALATION_DO_WEBHOOK:
        return ()
    cause = Cause.of(record, now_ms)
    told = {
        "conversation_id": body.conversation_id,
        "target_id": body.target_id,
        "kind": TargetKind.Name(body.kind).removeprefix("TARGET_KIND_").lower(),
        "at": EscalationAt.Name(body.at).removeprefix("ESCALATION_AT_").lower(),
        "step": body.step,
    }
    return [
        event
        for url in dict.fromkeys(body.to)
        for event in _call(state, cause, url, ways.SLA_ESCALATION, body.conversation_id, told)
    ]


def copies(state: State, cause: Cause, send: Send) -> list[NoticesEvent]:
    """What a notice said, for the webhooks that want to know and did not deliver it themselves."""
    told = SendRequested.FromString(send.request)
    way = ways.way_out(state.configs.get(send.desk_id), told.channel, told.account, ways.NOTICE)
    urls = [url for url in (way.url, *way.copies) if url and url != told.url] if way else []
    return [event for url in urls for event in copy(state, cause, told, url, ways.NOTICE)]


def copy(state: State, cause: Cause, told: SendRequested, url: str, event_name: str) -> list[NoticesEvent]:
    """The same once more, to a webhook that only wants to know. It tells no customer anything, so it does
    not wait for the morning. What the send has sealed is not said again: a desk may have many webhooks, and
    all of it goes into one batch."""
    requested = SendRequested()
    requested.CopyFrom(told)
    requested.ClearField("content")
    requested.ClearField("route")
    requested.copy_of_send_id = told.send_id
    requested.send_id = derive_id("s", told.send_id, url)
    requested.kind, requested.url, requested.event_name = SEND_KIND_WEBHOOK, url, event_name
    requested.idempotent, requested.held_until_ms = True, 0
    requested.dead_at_ms = cause.now_ms + SEND_DEAD_AFTER_MS
    return request(state, cause, requested)


def _call(
    state: State, cause: Cause, url: str, event_name: str, conversation_id: str, told: dict[str, object]
) -> list[NoticesEvent]:
    requested = SendRequested(
        send_id=derive_id("s", cause.cause_id, cause.desk_id, url),
        kind=SEND_KIND_WEBHOOK,
        conversation_id=conversation_id,
        dead_at_ms=cause.now_ms + SEND_DEAD_AFTER_MS,
        idempotent=True,
        url=url,
        event_name=event_name,
        event_json=json.dumps(told, separators=(",", ":")),
    )
    return request(state, cause, requested)
