"""Whatever happens in whatever order, the promises of the outbox hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from proto.v1.inbound_pb2 import (
    ORDER_STATUS_DELIVERED,
    ORDER_STATUS_OPEN,
    SEND_OUTCOME_FAILED,
    SEND_OUTCOME_RETRY,
    SEND_OUTCOME_SENT,
    SEND_OUTCOME_UNCERTAIN,
    SHIPMENT_STATUS_DELAYED,
    SHIPMENT_STATUS_DELIVERED,
    SHIPMENT_STATUS_IN_TRANSIT,
)
from proto.v1.notices_pb2 import SEND_KIND_NOTICE, SEND_KIND_REPLY, SEND_KIND_WEBHOOK
from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS
from services.notify.quiet import local
from tests.notify import samples as s
from tests.story import START_MS, Story

WAYS = (s.EMAIL, s.WHATSAPP, s.CHAT, s.ALLEGRO)
NIGHT = (21 * 60, 8 * 60)

orders = st.sampled_from(["O1", "O2", "O3"])
customers = st.sampled_from(["u1", "u2"])
names = st.sampled_from(["A", "B", "C"])
dates = st.integers(-2, 9).map(lambda step: s.PROMISED + step * 40 * MINUTE_MS)
steps = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 20_000, 31_000, HOUR_MS, 5 * HOUR_MS, 13 * HOUR_MS])),
    st.tuples(
        st.just("shipment"),
        st.sampled_from(["S1", "S2"]),
        dates,
        st.lists(orders, min_size=1, max_size=3),
        st.sampled_from([SHIPMENT_STATUS_IN_TRANSIT, SHIPMENT_STATUS_DELAYED, SHIPMENT_STATUS_DELIVERED]),
    ),
    st.tuples(
        st.just("order"),
        orders,
        st.sampled_from(["email", "sms", ""]),
        st.sampled_from([ORDER_STATUS_OPEN, ORDER_STATUS_OPEN, ORDER_STATUS_DELIVERED]),
    ),
    st.tuples(st.just("message"), names, st.sampled_from(WAYS), st.lists(orders, max_size=2)),
    st.tuples(st.just("reply"), names),
    st.tuples(st.just("resolved"), names),
    st.tuples(st.just("reopened"), names),
    st.tuples(
        st.just("report"),
        st.sampled_from([SEND_OUTCOME_SENT, SEND_OUTCOME_RETRY, SEND_OUTCOME_FAILED, SEND_OUTCOME_UNCERTAIN]),
        st.integers(0, 3),
        st.sampled_from([0, 1_000, 3 * HOUR_MS, 11 * HOUR_MS]),
    ),
    st.tuples(st.just("stray"), st.sampled_from([SEND_OUTCOME_SENT, SEND_OUTCOME_FAILED]), st.integers(0, 3)),
    st.tuples(st.just("erasure"), customers),
)


def owner(name: str) -> str:
    """The customer of an order or conversation: the last one belongs to somebody else."""
    return "u2" if name in ("O3", "C") else "u1"


def play(story: Story, number: int, step: tuple[Any, ...]) -> None:
    """One step."""
    what, *args = step
    if what == "wait":
        story.until(story.now_ms + args[0])
    elif what == "shipment":
        shipment_id, date_ms, order_ids, status = args
        event = s.shipment(date_ms, *order_ids, shipment_id=shipment_id, status=status)
        story.when("conversations", event)
    elif what == "order":
        story.when("conversations", s.order(args[0], owner(args[0]), args[1], status=args[2]))
    elif what == "message":
        event = s.message(args[0], owner(args[0]), args[1], order_ids=args[2], key=bytes([number]))
        story.when("conversations", event)
    elif what == "reply":
        story.when("routing", s.reply(args[0], f"r{number}"))
    elif what == "report":
        outcome, index, wish_ms = args
        flying = sorted((x for x in story.state.data.sends.values() if x.lease_ms), key=lambda x: x.number)
        if flying:
            send = flying[index % len(flying)]
            event = s.report(send.send_id, outcome, send.attempt, retry_after_ms=wish_ms)
            story.when("conversations", event)
    elif what == "stray":
        outcome, index = args
        requested = [e.requested.send_id for e in story.log if e.HasField("requested")]
        if requested:
            story.when("conversations", s.report(requested[-1 - index % len(requested)], outcome, 1))
    elif what == "erasure":
        story.when("conversations", s.erasure(args[0]))
    else:
        story.when("routing", s.resolved(args[0]) if what == "resolved" else s.reopened(args[0]))


class Auditor:
    """Knows the promises, not the mechanism: it reads the log alone."""

    def __init__(self) -> None:
        self.requests: dict[str, Any] = {}
        self.flying: dict[str, str] = {}
        self.ended: Counter[str] = Counter()
        self.told: Counter[tuple[str, int]] = Counter()
        self.closed: set[str] = set()

    def check(self, event: Any) -> None:
        """One event more."""
        name = event.WhichOneof("body")
        body = getattr(event, name)
        if name == "order":
            (self.closed.add if body.closed else self.closed.discard)(body.order_id)
        if name == "requested":
            assert body.send_id not in self.requests
            self.requests[body.send_id] = body
        elif name == "attempted":
            self._attempted(event, body)
        elif name in ("sent", "failed", "uncertain", "deferred", "suppressed") and body.send_id:
            request = self.requests[body.send_id]
            self.flying = {lane: each for lane, each in self.flying.items() if each != body.send_id}
            if name in ("sent", "uncertain") and request.kind == SEND_KIND_NOTICE:
                self.told[request.order_id, request.told_now_ms] += self.ended[body.send_id] == 0
            if name != "deferred":
                self.ended[body.send_id] += 1

    def _attempted(self, event: Any, body: Any) -> None:
        request = self.requests[body.send_id]
        assert not self.ended[body.send_id], "attempted after its end"
        if request.kind == SEND_KIND_NOTICE:
            hour = local("Europe/Warsaw", event.occurred_at_ms).hour
            assert 8 <= hour < 21, "a notice at night"
            assert request.order_id not in self.closed, "a notice about what has arrived"
            assert not request.told_before_ms or request.told_now_ms >= request.told_before_ms + HOUR_MS
        lane = request.conversation_id if request.kind != SEND_KIND_WEBHOOK else ""
        for other in self.requests.values() if request.kind == SEND_KIND_REPLY else ():
            if other.send_id == body.send_id:
                break
            if other.kind == SEND_KIND_REPLY and other.conversation_id == lane:
                assert self.ended[other.send_id], "a reply overtook an earlier one"
        if lane:
            assert lane not in self.flying, "two sends of a conversation at once"
            self.flying[lane] = body.send_id


class Customer:
    """What the customers hear of their orders, beside what was said to us of them. An attempt may be heard
    until it is known that it was not."""

    def __init__(self) -> None:
        self.arrived: set[tuple[str, str]] = set()
        self.closed: set[str] = set()
        self.heard: dict[str, dict[str, int]] = defaultdict(dict)
        self.notices: dict[str, Any] = {}
        self.perhaps: set[str] = set()

    def said(self, step: tuple[Any, ...]) -> None:
        """The shop or a carrier says something, before anything follows from it."""
        what, *args = step
        if what == "order":
            (self.closed.add if args[2] == ORDER_STATUS_DELIVERED else self.closed.discard)(args[0])
        elif what == "shipment":
            about = {(order_id, args[0]) for order_id in args[2]}
            if args[3] == SHIPMENT_STATUS_DELIVERED:
                self.arrived |= about
            else:
                self.arrived -= about

    def hears(self, event: Any) -> None:
        """One event more."""
        name = event.WhichOneof("body")
        body = getattr(event, name)
        if name == "requested" and body.kind == SEND_KIND_NOTICE:
            self.notices[body.send_id] = body
        notice = self.notices.get(getattr(body, "send_id", ""))
        if notice is None:
            return
        pulled = name == "sent" and notice.channel == "chat" and not notice.url
        heard = self.heard[notice.order_id]
        if name == "attempted" or (pulled and notice.send_id not in heard):
            assert notice.order_id not in self.closed, "told of an order that is closed"
            assert (notice.order_id, notice.shipment_id) not in self.arrived, "told of what has arrived"
            others = [date_ms for send_id, date_ms in heard.items() if send_id != notice.send_id]
            assert all(date_ms < notice.told_now_ms for date_ms in others), "told an older date, or one twice"
            heard[notice.send_id] = notice.told_now_ms
        elif name == "deferred" and body.maybe_sent:
            self.perhaps.add(notice.send_id)
        elif name in ("failed", "suppressed"):
            assert notice.send_id not in self.perhaps, "called not sent, and may have been"
            heard.pop(notice.send_id, None)
        elif name == "deferred" and notice.send_id not in self.perhaps:
            heard.pop(notice.send_id, None)


subscriptions = st.sampled_from([("message.out",), ("message.out", "notice")])


@settings(max_examples=80, deadline=None)
@given(st.lists(steps, min_size=15, max_size=40), st.integers(0, 23), subscriptions)
def test_promises_hold_in_any_order(
    played: list[tuple[Any, ...]], hour: int, wanted: tuple[str, ...]
) -> None:
    """One matter one notice, none at night, none about what arrived, never an older date after a newer one,
    one send of a conversation at once in order, every request an end, and the state is the fold of its
    log."""
    story = s.story(s.desk(*wanted, quiet=NIGHT)).at(START_MS + hour * HOUR_MS)
    customer = Customer()
    known: list[tuple[Any, ...]] = [
        ("order", name, "email", ORDER_STATUS_OPEN) for name in ("O1", "O2", "O3")
    ]
    spoken: list[tuple[Any, ...]] = [
        ("message", name, way, []) for name, way in zip("AC", WAYS, strict=False)
    ]
    for number, step in enumerate([*known, *spoken, *played]):
        customer.said(step)
        before = len(story.log)
        play(story, number, step)
        for event in story.log[before:]:
            customer.hears(event)
    story.then_replays()
    story.until(story.now_ms + 4 * DAY_MS)
    for event in story.new:
        customer.hears(event)
    assert story.state.data.sends == {}, "a send without an end"
    assert story.engine.next_deadline_ms(story.state) is None
    story.then_replays()
    auditor = Auditor()
    for event in story.log:
        auditor.check(event)
    assert set(auditor.requests) == {send_id for send_id, ends in auditor.ended.items() if ends}
    assert all(times == 1 for times in auditor.told.values()), "a matter told twice"


about_one_order: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 31_000, HOUR_MS])),
    st.tuples(
        st.just("shipment"),
        st.sampled_from(["S1", "S1", "S2"]),
        st.sampled_from([s.PROMISED, s.PROMISED + 2 * HOUR_MS, s.PROMISED + 4 * HOUR_MS]),
        st.just(["O1"]),
        st.sampled_from([SHIPMENT_STATUS_DELAYED, SHIPMENT_STATUS_DELAYED, SHIPMENT_STATUS_DELIVERED]),
    ),
    st.tuples(
        st.just("report"),
        st.sampled_from([SEND_OUTCOME_RETRY, SEND_OUTCOME_RETRY, SEND_OUTCOME_SENT, SEND_OUTCOME_UNCERTAIN]),
        st.integers(0, 1),
        st.just(0),
    ),
    st.tuples(st.just("message"), st.just("A"), st.sampled_from(WAYS), st.just([])),
)


LATER = ("shipment", "S1", s.PROMISED + 2 * HOUR_MS, ["O1"], SHIPMENT_STATUS_DELAYED)
STILL_LATER = ("shipment", "S1", s.PROMISED + 4 * HOUR_MS, ["O1"], SHIPMENT_STATUS_DELAYED)
ARRIVED = ("shipment", "S1", s.PROMISED, ["O1"], SHIPMENT_STATUS_DELIVERED)
REFUSED = ("report", SEND_OUTCOME_RETRY, 0, 0)


@settings(max_examples=200, deadline=None)
@example([LATER, ARRIVED, REFUSED], ("message.out",))
@example([LATER, STILL_LATER, REFUSED, ("report", SEND_OUTCOME_SENT, 0, 0)], ("message.out",))
@given(st.lists(about_one_order, min_size=4, max_size=14), subscriptions)
def test_a_customer_never_hears_what_is_over(played: list[tuple[Any, ...]], wanted: tuple[str, ...]) -> None:
    """However words of carriers and results of attempts cross: never an older date after a newer one, never
    one twice, and nothing after the arrival."""
    story, customer = s.story(s.desk(*wanted)), Customer()
    known = [("order", "O1", "email", ORDER_STATUS_OPEN)]
    for number, step in enumerate([*known, *played, ("wait", 2 * DAY_MS)]):
        customer.said(step)
        before = len(story.log)
        play(story, number, step)
        story.until(story.now_ms)
        for event in story.log[before:]:
            customer.hears(event)
    story.then_replays()
