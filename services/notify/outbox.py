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

A notice that is under way when its matter is over (a newer date, an arrival) cannot be called back, but is
withdrawn: without a result it is dropped, not tried again. Whatever is dropped after an attempt that may
have arrived is uncertain: only what certainly was not sent is called suppressed or failed.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from proto.v1.notices_pb2 import (
    SEND_KIND_NOTICE,
    SUPPRESSED_WHY_CLOSED,
    SUPPRESSED_WHY_ERASED,
    SUPPRESSED_WHY_OFF,
    NoticesEvent,
    SendAttempted,
    SendDeferred,
    SendFailed,
    SendKind,
    SendRequested,
    SendSent,
    SendSuppressed,
    SendUncertain,
    SendWithdrawn,
    SuppressedWhy,
)
from services.kernel.engine import Input
from services.kernel.limits import SEND_BACKOFF_MS, SEND_LEASE_MS
from services.notify.quiet import quiet_until
from services.notify.send import Send
from services.notify.state import State, Uncertain, send_of, share

GIVEN_UP = "given up after 24 h"
ERASED = "customer erased"
QUIET = "quiet hours"
NO_RESULT = "no result within the lease"
DROPPED = "not tried again after an attempt without a result"


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
        if not _is_wanted(state, send):
            return drop(send, SUPPRESSED_WHY_OFF, cause)
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


def _is_wanted(state: State, send: Send) -> bool:
    """Whether the desk still tells of delays: that may have ended while the notice waited."""
    desk = state.configs.get(send.desk_id)
    return desk is None or desk.notices.delay_on


def quiet(state: State, desk_id: str, now_ms: int) -> int:
    """When the desk's quiet hours that hold now end; 0 outside them."""
    desk = state.configs.get(desk_id)
    if desk is None:
        return 0
    notices = desk.notices
    return quiet_until(desk.time_zone, notices.quiet_start_min, notices.quiet_end_min, now_ms)


def drop(
    send: Send, why: SuppressedWhy, cause: Cause, maybe_sent: bool = False, by_shipment_id: str = ""
) -> NoticesEvent:
    """Not sent after all; uncertain, if an attempt may have arrived. What is no notice fails instead: sla
    waits for a reply's result by that name. `by_shipment_id`: whose date is told in its place."""
    if send.doubtful or maybe_sent:
        return uncertain(send, DROPPED, cause)
    if send.kind != SEND_KIND_NOTICE:
        return failed(send, ERASED, cause)
    return cause.about(send).event(
        suppressed=SendSuppressed(
            send_id=send.send_id,
            why=why,
            order_id=send.order_id,
            customer_id=send.customer_id,
            told_now_ms=send.told_now_ms,
            shipment_id=send.shipment_id,
            by_shipment_id=by_shipment_id,
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
            had_way=True,
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
    """Tried later, with a back-off that spreads by up to a quarter. A provider's wish holds instead, but for
    no less than the back-off before: "in a second" said for a whole day would be as many attempts, on a log
    that is kept for ever."""
    if send.erased:
        return drop(send, SUPPRESSED_WHY_ERASED, cause, maybe_sent)
    if send.withdrawn:
        return drop(send, cast("SuppressedWhy", send.withdrawn), cause, maybe_sent)
    if wish_ms:
        wait_ms = max(wish_ms, _backoff_ms(send, send.attempt - 1))
    else:
        wait_ms = _backoff_ms(send, send.attempt)
    return cause.about(send).event(
        deferred=SendDeferred(
            send_id=send.send_id,
            attempt=send.attempt,
            next_at_ms=min(cause.now_ms + wait_ms, send.dead_ms),
            error=error,
            maybe_sent=maybe_sent,
        )
    )


def _backoff_ms(send: Send, attempt: int) -> int:
    if attempt < 1:
        return 0
    base_ms = SEND_BACKOFF_MS[min(attempt, len(SEND_BACKOFF_MS)) - 1]
    return int(base_ms * (0.75 + share(send.send_id, str(attempt)) / 2))


def withdraw(
    send: Send, why: SuppressedWhy, cause: Cause, instead_ms: int = 0, shipment_id: str = ""
) -> NoticesEvent:
    """What a notice that is under way says no longer holds; `instead_ms` does."""
    return cause.about(send).event(
        withdrawn=SendWithdrawn(
            send_id=send.send_id, why=why, estimated_at_ms=instead_ms, shipment_id=shipment_id
        )
    )


def over(send: Send, cause: Cause) -> NoticesEvent:
    """There is nothing left to tell: what waits is dropped, what is under way is not tried again."""
    if send.lease_ms:
        return withdraw(send, SUPPRESSED_WHY_CLOSED, cause)
    return drop(send, SUPPRESSED_WHY_CLOSED, cause)


def doubt(send: Send, error: str, cause: Cause) -> NoticesEvent:
    """An attempt has no result, or an unclear one."""
    if send.idempotent:
        return again(send, error, 0, True, cause)
    return uncertain(send, error, cause)
