"""Delays: which order's customer is told of which new date, once.

Theory of operation. A shipment names a date for its orders. For each order the date is held against what
the customer knows: the later of what was promised and what they were told last. Later by the desk's
`tell_after` or more: a notice. Each (order, date) is one matter, and a matter has one notice for as long
as the order is remembered, even if that notice failed.

A notice that has not left yet (quiet hours, retries) is overtaken by a newer date of the same shipment, or
by a later one of another (`parcels`), and withdrawn when the order or the shipment arrives. One that is under
way is not tried again then; if it does not arrive, the date that came meanwhile is held against the order
anew (`unheard`): against what the customer knows, as if that notice had never been.
Where nothing was promised the first date counts as known, unless the carrier itself calls it a delay.

A shipment may hold thousands of orders: the first ORDERS_IN_STEP are decided at once, the rest becomes a
plan that the state works off, a step a deadline. A date of an order that is not known yet is remembered for
LATE_MS and held against the order when it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import (
    ORDER_STATUS_CANCELLED,
    ORDER_STATUS_DELIVERED,
    ORDER_STATUS_RETURNED,
    SHIPMENT_STATUS_DELAYED,
    SHIPMENT_STATUS_DELIVERED,
    SHIPMENT_STATUS_RETURNED,
)
from proto.v1.notices_pb2 import (
    NOTICE_KIND_DELAY,
    SEND_KIND_NOTICE,
    SUPPRESSED_WHY_ALREADY_TOLD,
    SUPPRESSED_WHY_CLOSED,
    SUPPRESSED_WHY_ERASED,
    SUPPRESSED_WHY_NO_ADDRESS,
    SUPPRESSED_WHY_OFF,
    SUPPRESSED_WHY_OVERTAKEN,
    SUPPRESSED_WHY_TOO_SMALL,
    SUPPRESSED_WHY_UNKNOWN_ORDER,
    DelayPlanned,
    NoticesEvent,
    NotifyOrderSeen,
    SendRequested,
    SendSuppressed,
    SuppressedWhy,
)
from services.kernel.engine import Input
from services.kernel.ids import derive_id
from services.kernel.limits import SEND_DEAD_AFTER_MS
from services.notify import parcels, unheard, ways
from services.notify.outbox import Cause, drop, over, quiet, withdraw
from services.notify.send import Send
from services.notify.state import DeskData, Order, State
from services.notify.templates import TEMPLATE_VERSION

ORDERS_IN_STEP = 100
"""Orders decided at once: some 200 events of 300 bytes, far below a batch."""

_CLOSED = frozenset({ORDER_STATUS_DELIVERED, ORDER_STATUS_CANCELLED, ORDER_STATUS_RETURNED})
_ARRIVED = frozenset({SHIPMENT_STATUS_DELIVERED, SHIPMENT_STATUS_RETURNED})
_NO_DESK = DeskData()


def order_seen(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """Remember of an order what a notice needs; a closed one withdraws the notice that has not left."""
    event: ConversationsEvent = record.event
    seen = event.order
    cause = Cause.of(record, now_ms)
    desk = state.data.desks.get(event.desk_id, _NO_DESK)
    old = desk.orders.get(seen.order_id)
    closed = seen.status in _CLOSED
    channel, identity = ways.reached_by(state.configs.get(event.desk_id), seen)
    events = [
        cause.event(
            order=NotifyOrderSeen(
                order_id=seen.order_id,
                customer_id=seen.customer_id,
                language=seen.language,
                promised_at_ms=seen.promised_at_ms,
                channel=channel,
                identity=identity if channel and not closed else None,
                closed=closed,
                told_at_ms=old.told_ms if old else 0,
            )
        )
    ]
    pending = state.data.sends.get(old.pending) if old else None
    if closed and pending is not None:
        events.append(over(pending, cause))
    elif old is not None and pending is not None and parcels.is_another(state, event.desk_id, old, seen):
        events += parcels.decided_anew(pending, cause)
    late = desk.late.get(seen.order_id)
    if late is not None and not closed:
        events.append(
            cause.event(
                delay_planned=DelayPlanned(
                    shipment_id=late.shipment_id,
                    order_ids=[seen.order_id],
                    estimated_at_ms=late.date_ms,
                    received_at_ms=late.seen_ms,
                    said_late=late.said_late,
                )
            )
        )
    return events


def shipment_seen(state: State, record: Input, now_ms: int) -> Sequence[NoticesEvent]:
    """Hold a shipment's date against its orders: some now, the rest by a plan."""
    event: ConversationsEvent = record.event
    seen = event.shipment
    cause = Cause.of(record, now_ms)
    arrived = seen.status in _ARRIVED
    if not arrived and not seen.estimated_at_ms:
        return ()
    date_ms = 0 if arrived else seen.estimated_at_ms
    order_ids = list(dict.fromkeys(seen.order_ids))
    desk = state.data.desks.get(event.desk_id, _NO_DESK)
    # A plan under way takes the orders in its turn, so that the newer date comes last.
    now = 0 if seen.shipment_id in desk.plans else ORDERS_IN_STEP
    said_late = seen.status == SHIPMENT_STATUS_DELAYED
    events = _step(state, cause, seen.shipment_id, order_ids[:now], date_ms, said_late)
    if order_ids[now:]:
        events.append(
            cause.event(
                delay_planned=DelayPlanned(
                    shipment_id=seen.shipment_id,
                    order_ids=order_ids[now:],
                    estimated_at_ms=date_ms,
                    received_at_ms=seen.received_at_ms,
                    said_late=said_late,
                )
            )
        )
    return events


def work_off(state: State, desk_id: str, shipment_id: str, cause: Cause) -> Sequence[NoticesEvent]:
    """The next step of a plan."""
    plan = state.data.desks[desk_id].plans[shipment_id]
    order_ids = plan.order_ids[plan.done : plan.done + ORDERS_IN_STEP]
    return [
        *_step(state, cause, shipment_id, order_ids, plan.date_ms, plan.said_late),
        cause.event(
            delay_planned=DelayPlanned(
                shipment_id=shipment_id, received_at_ms=plan.received_ms, done=len(order_ids)
            )
        ),
    ]


def _step(
    state: State, cause: Cause, shipment_id: str, order_ids: Iterable[str], date_ms: int, said_late: bool
) -> list[NoticesEvent]:
    desk = state.data.desks.get(cause.desk_id, _NO_DESK)
    events: list[NoticesEvent] = []
    for order_id in order_ids:
        order = desk.orders.get(order_id)
        if order is None:
            events += _unknown(desk, order_id, shipment_id, date_ms, said_late, cause)
        elif date_ms == 0:
            events += _arrived(state, order_id, order, shipment_id, cause)
        else:
            events += _Affected(state, cause, order_id, order, shipment_id, date_ms, said_late).decide()
    return events


def _unknown(
    desk: DeskData, order_id: str, shipment_id: str, date_ms: int, said_late: bool, cause: Cause
) -> list[NoticesEvent]:
    late = desk.late.get(order_id)
    if late.date_ms == date_ms if late else date_ms == 0:
        return []
    same = late is not None and late.shipment_id == shipment_id
    if date_ms == 0 and not same:
        return []
    why = SUPPRESSED_WHY_UNKNOWN_ORDER if date_ms else SUPPRESSED_WHY_CLOSED
    suppressed = SendSuppressed(
        why=why,
        notice_kind=NOTICE_KIND_DELAY,
        order_id=order_id,
        matter=_matter(order_id, date_ms),
        told_now_ms=date_ms,
        shipment_id=shipment_id,
        # A carrier that called it a delay once did so before its further dates, too.
        said_late=said_late or (same and late is not None and late.said_late),
    )
    return [cause.event(suppressed=suppressed)]


def _arrived(state: State, order_id: str, order: Order, shipment_id: str, cause: Cause) -> list[NoticesEvent]:
    """A parcel is there: its notice is over, and what another says counts again."""
    pending = state.data.sends.get(order.pending) if order.pending else None
    if pending is None or shipment_id not in (pending.shipment_id, pending.instead_of):
        return parcels.arrived(order_id, order, shipment_id, cause)
    ended = over(pending, cause)
    if ended.HasField("withdrawn"):
        return [ended]
    return [ended, *parcels.held_anew(order_id, order, shipment_id, 0, cause)]


def _matter(order_id: str, date_ms: int) -> str:
    return f"delay/{order_id}/{date_ms}"


class _Affected:
    """One order and the date that it is to be held against."""

    __slots__ = ("by", "cause", "date_ms", "order", "order_id", "said_late", "shipment_id", "state")

    def __init__(
        self,
        state: State,
        cause: Cause,
        order_id: str,
        order: Order,
        shipment_id: str,
        date_ms: int,
        said_late: bool,
    ) -> None:
        self.state = state
        self.cause = cause
        self.order_id = order_id
        self.order = order
        self.shipment_id = shipment_id
        self.date_ms = date_ms
        self.said_late = said_late
        self.by = ""

    def decide(self) -> list[NoticesEvent]:
        """The events that follow for this order."""
        order, date_ms = self.order, self.date_ms
        pending = self.state.data.sends.get(order.pending) if order.pending else None
        known_ms = max(order.promised_ms, order.told_ms)
        if pending is None:
            return self._against(known_ms, [])
        if pending.shipment_id != self.shipment_id and date_ms <= pending.told_now_ms:
            self.by = pending.shipment_id
            if date_ms < pending.told_now_ms and not pending.withdrawn:
                return [self._suppressed(SUPPRESSED_WHY_OVERTAKEN)]
        if pending.lease_ms or pending.doubtful:
            return self._beside(pending, self._against(max(known_ms, pending.told_now_ms), []))
        if pending.told_now_ms == date_ms:
            return self._against(known_ms, [])
        ended = drop(pending, SUPPRESSED_WHY_OVERTAKEN, self.cause, by_shipment_id=self.shipment_id)
        events = self._against(known_ms, [ended])
        if pending.shipment_id != self.shipment_id:
            return events
        return events + parcels.held_anew(self.order_id, order, self.shipment_id, date_ms, self.cause)

    def _beside(self, pending: Send, events: list[NoticesEvent]) -> list[NoticesEvent]:
        """What becomes of a notice that is under way or may have arrived: a newer one takes its place, or
        this date does if it does not arrive. One that is hardly later than it says leaves it be."""
        newer = any(event.HasField("requested") for event in events)
        if not newer and self.date_ms >= pending.told_now_ms and not pending.withdrawn:
            return [*unheard.counts_instead(pending, self.date_ms, self.shipment_id, self.cause), *events]
        if not pending.lease_ms:
            ended = drop(pending, SUPPRESSED_WHY_OVERTAKEN, self.cause)
        elif newer:
            ended = withdraw(pending, SUPPRESSED_WHY_OVERTAKEN, self.cause)
        else:
            ended = withdraw(pending, SUPPRESSED_WHY_OVERTAKEN, self.cause, self.date_ms, self.shipment_id)
        return [ended, *events]

    def _against(self, known_ms: int, events: list[NoticesEvent]) -> list[NoticesEvent]:
        """After `events`, the date against what the customer knows."""
        order, date_ms = self.order, self.date_ms
        if date_ms in order.told:
            return [*events, self._suppressed(SUPPRESSED_WHY_ALREADY_TOLD)]
        if not known_ms and not self.said_late:
            return [*events, self._first_date()]
        why = self._why_not(known_ms)
        if why:
            return [*events, self._suppressed(why)]
        if known_ms and date_ms <= known_ms:
            return events
        return [*events, self._notice(known_ms)]

    def _why_not(self, known_ms: int) -> SuppressedWhy | None:
        """The reason why a later date is not told; None without one, and where it is no delay."""
        late_ms = self.date_ms - known_ms
        desk = self.state.configs.get(self.cause.desk_id)
        if known_ms and late_ms <= 0:
            return None
        if desk is not None and known_ms and late_ms < desk.notices.delay_tell_after_ms:
            return SUPPRESSED_WHY_TOO_SMALL
        if self.order.closed:
            return SUPPRESSED_WHY_CLOSED
        if self.order.erased:
            return SUPPRESSED_WHY_ERASED
        if desk is None or not desk.notices.delay_on:
            return SUPPRESSED_WHY_OFF
        return None

    def _first_date(self) -> NoticesEvent:
        """Nothing was promised: what is said first is what later dates are held against."""
        order = self.order
        return self.cause.event(
            order=NotifyOrderSeen(
                order_id=self.order_id,
                customer_id=order.customer_id,
                language=order.language,
                promised_at_ms=order.promised_ms,
                channel=order.channel,
                identity=Sealed.FromString(order.sealed) if order.sealed else None,
                closed=order.closed,
                told_at_ms=self.date_ms,
            )
        )

    def _suppressed(self, why: SuppressedWhy) -> NoticesEvent:
        return self.cause.event(
            suppressed=SendSuppressed(
                why=why,
                notice_kind=NOTICE_KIND_DELAY,
                order_id=self.order_id,
                customer_id=self.order.customer_id,
                matter=_matter(self.order_id, self.date_ms),
                told_now_ms=self.date_ms,
                shipment_id=self.shipment_id,
                by_shipment_id=self.by,
            )
        )

    def _notice(self, known_ms: int) -> NoticesEvent:
        state, cause, order = self.state, self.cause, self.order
        desk = state.configs[cause.desk_id]
        matter = _matter(self.order_id, self.date_ms)
        requested = SendRequested(
            # A plan may decide the same matter again under the same deadline, if it was withdrawn in between.
            send_id=derive_id("s", cause.desk_id, matter, cause.cause_id, str(state.data.next_number)),
            kind=SEND_KIND_NOTICE,
            customer_id=state.customer(order.customer_id),
            order_id=self.order_id,
            notice_kind=NOTICE_KIND_DELAY,
            matter=matter,
            told_before_ms=known_ms,
            told_now_ms=self.date_ms,
            template_version=TEMPLATE_VERSION,
            shipment_id=self.shipment_id,
        )
        if not self._to_conversation(requested) and not self._to_address(requested):
            return self._suppressed(SUPPRESSED_WHY_NO_ADDRESS)
        requested.language = requested.language or order.language or desk.locale
        way = ways.way_out(desk, requested.channel, requested.account, ways.NOTICE)
        if way is not None and way.url:
            requested.url, requested.event_name, requested.idempotent = way.url, ways.NOTICE, True
        held_ms = quiet(state, cause.desk_id, cause.now_ms)
        requested.held_until_ms = held_ms
        requested.worded_at_ms = held_ms or cause.now_ms
        requested.dead_at_ms = (held_ms or cause.now_ms) + SEND_DEAD_AFTER_MS
        return cause.event(requested=requested)

    def _to_conversation(self, requested: SendRequested) -> bool:
        """By the customer's open conversation: one about the order first, then as the desk prefers."""
        state, desk_id = self.state, self.cause.desk_id
        desk = state.configs[desk_id]
        wanted = list(desk.notices.channels)
        about = state.by_order.get((desk_id, self.order_id), ())
        best: tuple[tuple[bool, int, int, str], str] | None = None
        for conversation_id in (*about, *state.by_customer.get(requested.customer_id, ())):
            route = state.data.routes[conversation_id]
            if not route.sealed or state.customer(route.customer_id) != requested.customer_id:
                continue
            if ways.way_out(desk, route.channel, route.account, ways.NOTICE) is None:
                continue
            rank = wanted.index(route.channel) if route.channel in wanted else len(wanted)
            key = (conversation_id not in about, rank, -route.seen_ms, conversation_id)
            if best is None or key < best[0]:
                best = key, conversation_id
        if best is None:
            return False
        route = state.data.routes[best[1]]
        requested.conversation_id = best[1]
        requested.channel, requested.account = route.channel, route.account
        requested.language = route.language
        requested.route.ParseFromString(route.sealed)
        return True

    def _to_address(self, requested: SendRequested) -> bool:
        """By the order's address that can be reached, from the first account of its channel that can send."""
        order = self.order
        account = ways.account_for(self.state.configs[self.cause.desk_id], order.channel, ways.NOTICE)
        if not order.sealed or account is None:
            return False
        requested.channel, requested.account = order.channel, account
        requested.route.ParseFromString(order.sealed)
        requested.route_is_identity = True
        return True
