"""The outbox: from an intent to send to its result. Pure decisions; `fold` keeps the state.

Theory of operation.

    requested ── attempted ── sent ── delivered, read
        │         │   │  │      └──── failed (the provider says so later)
        │         │   │  └─────────── failed
        │         │   └────────────── uncertain ── sent or failed, by a late word
        │         └────────────────── deferred ── attempted again
        └── suppressed, failed, sent (web chat: the client fetches it)

Rule 1: the provider is called after `attempted` is on the log, never before, and by nobody whose lease is
over. So what has no `attempted` was not sent. Rule 2: only a send whose receiver drops repeats by our key
is tried again after an attempt without a result; any other is uncertain, and a human decides.

An uncertain reply lets the next one of its conversation go: it has its result, and holding up the others
would make the customer wait for what nobody will send. A send that must be tried again (deferred) keeps
its place, so replies never overtake each other. A late word that an uncertain send did not arrive makes it
failed, not tried again: by then newer replies may have gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

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
)
from proto.v1.notices_pb2 import (
    SEND_KIND_NOTICE,
    SEND_KIND_REPLY,
    SUPPRESSED_WHY_CLOSED,
    SUPPRESSED_WHY_ERASED,
    NoticesEvent,
    ReportParked,
    SendAttempted,
    SendDeferred,
    SendDelivered,
    SendFailed,
    SendKind,
    SendRequested,
    SendSent,
    SendSuppressed,
    SendUncertain,
    SuppressedWhy,
)
from services.kernel.engine import Input
from services.kernel.limits import SEND_BACKOFF_MS, SEND_LEASE_MS
from services.notify import taken
from services.notify.quiet import quiet_until
from services.notify.state import PARKED_MS, Send, State, Uncertain, send_of, share

GIVEN_UP = "given up after 24 h"
ERASED = "customer erased"
QUIET = "quiet hours"
NO_RESULT = "no result within the lease"

_LEVELS = {
    DELIVERY_STATE_SENT: taken.SENT,
    DELIVERY_STATE_DELIVERED: taken.DELIVERED,
    DELIVERY_STATE_READ: taken.READ,
    DELIVERY_STATE_FAILED: taken.FAILED,
}


class Cause(NamedTuple):
    """What an event says of where it comes from."""

    desk_id: str
    now_ms: int
    cause_id: str
    origin_id: str

    @classmethod
    def of(cls, record: Input, now_ms: int) -> Cause:
        """An input led to it."""
        event = record.event
        return cls(event.desk_id, now_ms, record.id, event.origin_id)

    def event(self, **body: Any) -> NoticesEvent:
        """An event with this one body."""
        return NoticesEvent(
            desk_id=self.desk_id,
            occurred_at_ms=self.now_ms,
            cause_id=self.cause_id,
            origin_id=self.origin_id,
            **body,
        )

    def about(self, send: Send | Uncertain) -> Cause:
        """The same, with the origin of a send, which all its events keep."""
        return self._replace(desk_id=send.desk_id, origin_id=send.origin_id)


def request(state: State, cause: Cause, requested: SendRequested) -> list[NoticesEvent]:
    """Ask for a send; if nothing of its lane is open and it is due, it begins at once."""
    events = [cause.event(requested=requested)]
    send = send_of(requested, cause.desk_id, cause.origin_id, cause.now_ms)
    if send.due_ms <= cause.now_ms and state.schedule.idle(send):
        events.append(begin(state, send, cause))
    return events


def begin(state: State, send: Send, cause: Cause) -> NoticesEvent:
    """The next step of a send whose turn it is: an attempt, or why there is none."""
    cause = cause.about(send)
    if send.erased:
        return drop(send, SUPPRESSED_WHY_ERASED, cause)
    if cause.now_ms >= send.dead_ms and not send.pulled:
        if send.doubtful:
            return uncertain(send, GIVEN_UP, cause)
        return failed(send, GIVEN_UP, cause)
    if send.kind == SEND_KIND_NOTICE:
        desk_data = state.data.desks.get(send.desk_id)
        order = desk_data.orders.get(send.order_id) if desk_data else None
        if order is not None and order.closed:
            return drop(send, SUPPRESSED_WHY_CLOSED, cause)
        quiet_ms = quiet(state, send.desk_id, cause.now_ms)
        if quiet_ms:
            return cause.event(
                deferred=SendDeferred(
                    send_id=send.send_id, attempt=send.attempt, next_at_ms=quiet_ms, error=QUIET
                )
            )
    if send.pulled:
        return cause.event(
            sent=SendSent(
                send_id=send.send_id, conversation_id=send.conversation_id, kind=cast("SendKind", send.kind)
            )
        )
    return cause.event(
        attempted=SendAttempted(
            send_id=send.send_id, attempt=send.attempt + 1, lease_until_ms=cause.now_ms + SEND_LEASE_MS
        )
    )


def quiet(state: State, desk_id: str, now_ms: int) -> int:
    """When the desk's quiet hours that hold now end; 0 outside them."""
    desk = state.configs.get(desk_id)
    if desk is None:
        return 0
    notices = desk.notices
    return quiet_until(desk.time_zone, notices.quiet_start_min, notices.quiet_end_min, now_ms)


def drop(send: Send, why: SuppressedWhy, cause: Cause) -> NoticesEvent:
    """Not sent after all. A reply fails instead: sla waits for its result by that name."""
    if send.kind == SEND_KIND_REPLY:
        return failed(send, ERASED, cause)
    return cause.about(send).event(
        suppressed=SendSuppressed(
            send_id=send.send_id,
            why=why,
            order_id=send.order_id,
            customer_id=send.customer_id,
            told_now_ms=send.told_now_ms,
            shipment_id=send.shipment_id,
        )
    )


def failed(send: Send, error: str, cause: Cause) -> NoticesEvent:
    """Certainly not sent, and not tried again."""
    return cause.about(send).event(
        failed=SendFailed(
            send_id=send.send_id,
            error=error,
            conversation_id=send.conversation_id,
            kind=cast("SendKind", send.kind),
        )
    )


def uncertain(send: Send, error: str, cause: Cause) -> NoticesEvent:
    """Perhaps sent: nobody knows."""
    return cause.about(send).event(
        uncertain=SendUncertain(
            send_id=send.send_id,
            error=error,
            conversation_id=send.conversation_id,
            kind=cast("SendKind", send.kind),
        )
    )


def again(send: Send, error: str, wish_ms: int, maybe_sent: bool, cause: Cause) -> NoticesEvent:
    """Tried later: as the provider wishes, else with a back-off that spreads by up to a quarter."""
    if send.erased:
        return drop(send, SUPPRESSED_WHY_ERASED, cause)
    base_ms = SEND_BACKOFF_MS[min(send.attempt, len(SEND_BACKOFF_MS)) - 1]
    wait_ms = wish_ms or int(base_ms * (0.75 + share(send.send_id, str(send.attempt)) / 2))
    return cause.about(send).event(
        deferred=SendDeferred(
            send_id=send.send_id,
            attempt=send.attempt,
            next_at_ms=min(cause.now_ms + wait_ms, send.dead_ms),
            error=error,
            maybe_sent=maybe_sent,
        )
    )


def doubt(send: Send, error: str, cause: Cause) -> NoticesEvent:
    """An attempt has no result, or an unclear one."""
    if send.idempotent:
        return again(send, error, 0, True, cause)
    return uncertain(send, error, cause)


def send_report(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """Our sender's word on an attempt. A success counts whenever it comes; the rest only in time."""
    event: ConversationsEvent = record.event
    report = event.send_report.report
    cause = Cause.of(record, now_ms)
    late = state.data.uncertain.get(report.send_id)
    if late is not None and late.desk_id == event.desk_id and late.until_ms > now_ms:
        return _late_word(state, late, report.send_id, report.outcome, report.provider_id_hash, cause)
    send = state.data.sends.get(report.send_id)
    if send is None or send.desk_id != event.desk_id:
        return ()
    if report.outcome == SEND_OUTCOME_SENT:
        return _sent(state, send, send.send_id, report.attempt, report.provider_id_hash, cause)
    if not send.lease_ms or report.attempt != send.attempt:
        return ()
    if report.outcome == SEND_OUTCOME_RETRY:
        return [again(send, report.error, report.retry_after_ms, False, cause)]
    if report.outcome == SEND_OUTCOME_FAILED:
        return [failed(send, report.error, cause)]
    return [doubt(send, report.error or "unknown outcome", cause)]


def _late_word(
    state: State, late: Uncertain, send_id: str, outcome: int, provider_id_hash: bytes, cause: Cause
) -> Sequence[NoticesEvent]:
    if outcome == SEND_OUTCOME_SENT:
        return _sent(state, late, send_id, 0, provider_id_hash, cause)
    if outcome == SEND_OUTCOME_UNCERTAIN:
        return ()
    return [
        cause.about(late).event(
            failed=SendFailed(
                send_id=send_id,
                error="not sent, as became known late",
                conversation_id=late.conversation_id,
                kind=cast("SendKind", late.kind),
            )
        )
    ]


def _sent(
    state: State, send: Send | Uncertain, send_id: str, attempt: int, provider_id_hash: bytes, cause: Cause
) -> list[NoticesEvent]:
    """It is sent; what the provider reported of it before is told right after."""
    cause = cause.about(send)
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
        events.append(_reported(known, parked.level, provider_id_hash, cause))
    return events


def _reported(send: taken.TakenSend, level: int, provider_id_hash: bytes, cause: Cause) -> NoticesEvent:
    cause = cause._replace(origin_id=send.origin_id)
    if level == taken.FAILED:
        return cause.event(
            failed=SendFailed(
                send_id=send.send_id,
                error="the provider could not deliver it",
                conversation_id=send.conversation_id,
                kind=cast("SendKind", send.kind),
                provider_id_hash=provider_id_hash,
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
            return [_reported(known, level, report.provider_id_hash, cause)]
        return ()
    named = state.data.uncertain.get(report.send_id) or state.data.sends.get(report.send_id)
    if named is not None and named.desk_id == event.desk_id and report.send_id:
        events = _sent(state, named, report.send_id, 0, report.provider_id_hash, cause)
        if level > taken.SENT and len(events) == 1:
            send = taken.TakenSend(
                report.send_id, named.conversation_id, named.origin_id, named.kind, taken.SENT
            )
            events.append(_reported(send, level, report.provider_id_hash, cause))
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
            )
        )
    ]
