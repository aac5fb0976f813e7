"""What became of an attempt: our sender's word, and the provider's.

Theory of operation. Our sender says what it knows right after an attempt; the provider reports later, by its
own id for the send, and perhaps before our sender does. A report for an id that is not known yet is parked,
and told right after `sent`. A notice that was sent is copied to the webhooks that want to know of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.inbound_pb2 import (
    DELIVERY_STATE_DELIVERED,
    DELIVERY_STATE_FAILED,
    DELIVERY_STATE_READ,
    DELIVERY_STATE_SENT,
    SEND_OUTCOME_FAILED,
    SEND_OUTCOME_RETRY,
    SEND_OUTCOME_SENT,
    SEND_OUTCOME_UNCERTAIN,
    SendReport,
)
from proto.v1.notices_pb2 import (
    SEND_KIND_NOTICE,
    NoticesEvent,
    ReportParked,
    SendDelivered,
    SendFailed,
    SendKind,
    SendSent,
)
from services.kernel.engine import Input
from services.notify import taken, unheard
from services.notify.calls import copies
from services.notify.outbox import Cause, again, doubt, failed, uncertain
from services.notify.send import Send
from services.notify.state import PARKED_MS, State, Uncertain

NOT_DELIVERED = "the provider could not deliver it"

_LEVELS = {
    DELIVERY_STATE_SENT: taken.SENT,
    DELIVERY_STATE_DELIVERED: taken.DELIVERED,
    DELIVERY_STATE_READ: taken.READ,
    DELIVERY_STATE_FAILED: taken.FAILED,
}


def send_report(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """Our sender's word on an attempt. A success counts whenever it comes; the rest only in time."""
    event: ConversationsEvent = record.event
    report = event.send_report.report
    cause = Cause.of(record, now_ms)
    late = state.data.uncertain.get(report.send_id)
    if late is not None and late.desk_id == event.desk_id and late.until_ms > now_ms:
        return _late_word(state, late, report, cause)
    send = state.data.sends.get(report.send_id)
    if send is None or send.desk_id != event.desk_id:
        return ()
    if report.outcome == SEND_OUTCOME_SENT:
        return _sent(state, send, send.send_id, report.attempt, report.provider_id_hash, cause)
    if not send.lease_ms or report.attempt != send.attempt:
        return ()
    if report.outcome == SEND_OUTCOME_RETRY:
        return unheard.followed(
            state, send, again(send, report.error, report.retry_after_ms, False, cause), cause
        )
    if report.outcome == SEND_OUTCOME_FAILED:
        end = uncertain if send.doubtful else failed
        return unheard.followed(state, send, end(send, report.error, cause), cause)
    return [doubt(send, report.error or "unknown outcome", cause)]


def _late_word(state: State, late: Uncertain, report: SendReport, cause: Cause) -> Sequence[NoticesEvent]:
    if report.outcome == SEND_OUTCOME_SENT:
        return _sent(state, late, report.send_id, 0, report.provider_id_hash, cause)
    if report.outcome == SEND_OUTCOME_UNCERTAIN or report.attempt != late.attempt:
        return ()
    return [
        cause.about(late).event(
            failed=SendFailed(
                send_id=report.send_id,
                error="not sent, as became known late",
                conversation_id=late.conversation_id,
                kind=cast("SendKind", late.kind),
                had_way=True,
            )
        )
    ]


def _sent(
    state: State, send: Send | Uncertain, send_id: str, attempt: int, provider_id_hash: bytes, cause: Cause
) -> list[NoticesEvent]:
    """It is sent; what the provider reported of it before is told right after. Copies stand before: they need
    what the send has."""
    cause = cause.about(send)
    copied = copies(state, cause, send) if isinstance(send, Send) and send.kind == SEND_KIND_NOTICE else ()
    events = [
        cause.event(
            sent=SendSent(
                send_id=send_id,
                attempt=attempt,
                provider_id_hash=provider_id_hash,
                conversation_id=send.conversation_id,
                kind=cast("SendKind", send.kind),
            )
        )
    ]
    parked = state.data.parked.get(provider_id_hash.hex()) if provider_id_hash else None
    if parked is not None and parked.until_ms > cause.now_ms and parked.level > taken.SENT:
        known = taken.TakenSend(send_id, send.conversation_id, send.origin_id, send.kind, taken.SENT)
        events.append(_reported(known, parked.level, parked.error_code, provider_id_hash, cause))
    return [*copied, *events]


def _reported(
    send: taken.TakenSend, level: int, error_code: str, provider_id_hash: bytes, cause: Cause
) -> NoticesEvent:
    cause = cause._replace(origin_id=send.origin_id)
    if level == taken.FAILED:
        return cause.event(
            failed=SendFailed(
                send_id=send.send_id,
                error=f"{NOT_DELIVERED}: {error_code}" if error_code else NOT_DELIVERED,
                conversation_id=send.conversation_id,
                kind=cast("SendKind", send.kind),
                provider_id_hash=provider_id_hash,
                had_way=True,
            )
        )
    return cause.event(
        delivered=SendDelivered(
            send_id=send.send_id, read=level == taken.READ, provider_id_hash=provider_id_hash
        )
    )


def delivery(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """A provider's word on what we sent. For a send that is not known as sent it is parked, unless it
    names the send itself: then it is the proof that an attempt without a result arrived."""
    event: ConversationsEvent = record.event
    report = event.delivery.report
    level = _LEVELS.get(report.state)
    if level is None:
        return ()
    cause = Cause.of(record, now_ms)
    known = state.taken.get(report.provider_id_hash, now_ms)
    if known is not None:
        if taken.leads_on(known.level, level):
            return [_reported(known, level, report.error_code, report.provider_id_hash, cause)]
        return ()
    named = state.data.uncertain.get(report.send_id) or state.data.sends.get(report.send_id)
    if named is not None and named.desk_id == event.desk_id and report.send_id:
        events = _sent(state, named, report.send_id, 0, report.provider_id_hash, cause)
        if level > taken.SENT and not any(each.HasField("delivered") for each in events):
            send = taken.TakenSend(
                report.send_id, named.conversation_id, named.origin_id, named.kind, taken.SENT
            )
            events.append(_reported(send, level, report.error_code, report.provider_id_hash, cause))
        return events
    parked = state.data.parked.get(report.provider_id_hash.hex())
    if (
        not report.provider_id_hash
        or level == taken.SENT
        or (parked is not None and parked.until_ms > now_ms and not taken.leads_on(parked.level, level))
    ):
        return ()
    return [
        cause.event(
            report_parked=ReportParked(
                channel=report.channel,
                account=report.account,
                provider_id_hash=report.provider_id_hash,
                state=level,
                until_ms=now_ms + PARKED_MS,
                error_code=report.error_code,
            )
        )
    ]
