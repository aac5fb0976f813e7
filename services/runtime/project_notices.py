"""Events of the topic notices as views: replies and notices on their way to the customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proto.v1.notices_pb2 import (
    SEND_KIND_NOTICE,
    SEND_KIND_WEBHOOK,
    NoticeKind,
    NoticesEvent,
    SendDeferred,
    SendDelivered,
    SendRequested,
    SendSent,
    SendSuppressed,
    SuppressedWhy,
)
from services.runtime.documents import SendView
from services.runtime.project_conversations import word
from services.runtime.views import Views


def _requested(views: Views, event: NoticesEvent, body: SendRequested) -> None:
    if body.kind == SEND_KIND_WEBHOOK:
        return
    notice = body.kind == SEND_KIND_NOTICE
    views.put(
        SendView(
            body.send_id,
            event.desk_id,
            event.origin_id,
            notice,
            event.occurred_at_ms,
            "held",
            body.conversation_id,
            body.customer_id,
            body.order_id,
            body.channel,
            "quiet_hours" if body.held_until_ms > event.occurred_at_ms else "sending",
            word(NoticeKind, body.notice_kind),
            event.cause_id,
            body.SerializeToString() if notice else b"",
            event.occurred_at_ms,
        )
    )


def _suppressed(views: Views, event: NoticesEvent, body: SendSuppressed) -> None:
    send_id = body.send_id or f"{event.cause_id}/{body.order_id}"
    doc = views.edit(SendView, send_id)
    if doc is None:
        now_ms = event.occurred_at_ms
        doc = SendView(send_id, event.desk_id, event.origin_id, True, now_ms, "suppressed")
        doc.customer, doc.order, doc.cause = body.customer_id, body.order_id, event.cause_id
        doc.kind = word(NoticeKind, body.notice_kind)
        views.put(doc)
    doc.state, doc.why = "suppressed", word(SuppressedWhy, body.why)
    doc.changed_ms = event.occurred_at_ms


def _changed(views: Views, event: NoticesEvent, send_id: str, state: str, why: str) -> None:
    doc = views.edit(SendView, send_id)
    if doc is not None:
        doc.state, doc.why, doc.changed_ms = state, why, event.occurred_at_ms


def _sent(views: Views, event: NoticesEvent, body: SendSent) -> None:
    _changed(views, event, body.send_id, "sent", "")


def _delivered(views: Views, event: NoticesEvent, body: SendDelivered) -> None:
    _changed(views, event, body.send_id, "delivered", "read" if body.read else "")


def _deferred(views: Views, event: NoticesEvent, body: SendDeferred) -> None:
    _changed(views, event, body.send_id, "held", body.error or "retry")


def _failed(views: Views, event: NoticesEvent, body: Any) -> None:
    _changed(views, event, body.send_id, "failed", body.error)


def _uncertain(views: Views, event: NoticesEvent, body: Any) -> None:
    _changed(views, event, body.send_id, "uncertain", body.error)


HANDLERS: Mapping[str, Callable[[Views, Any, Any], None]] = {
    "requested": _requested,
    "suppressed": _suppressed,
    "sent": _sent,
    "delivered": _delivered,
    "deferred": _deferred,
    "failed": _failed,
    "uncertain": _uncertain,
}
