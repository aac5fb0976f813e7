"""An order in several parcels, and what else changes while a notice waits for the morning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.v1.inbound_pb2 import (
    ORDER_STATUS_DELIVERED,
    SEND_OUTCOME_RETRY,
    SHIPMENT_STATUS_DELIVERED,
)
from proto.v1.notices_pb2 import SUPPRESSED_WHY_CLOSED, SUPPRESSED_WHY_OFF, SUPPRESSED_WHY_OVERTAKEN
from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS
from tests.notify import samples as s
from tests.notify.test_delays import EVENING_MS, LATE, MORNING_MS, NIGHT, held, why
from tests.notify.test_overtaken import under_way
from tests.story import START_MS, Story

IN_TIME = s.shipment(s.PROMISED)
THERE = s.shipment(0, status=SHIPMENT_STATUS_DELIVERED)


def told(story: Story) -> list[int]:
    """Dates of the notices that were attempted, in order."""
    requested = {e.requested.send_id: e.requested.told_now_ms for e in story.log if e.HasField("requested")}
    return [requested[e.attempted.send_id] for e in story.log if e.HasField("attempted")]


def aside(story: Story) -> list[tuple[str, int]]:
    """The parcels whose dates a notice about another covers, and these dates."""
    return [each for order in story.state.data.desks[s.DESK].orders.values() for each in order.aside]


@pytest.mark.parametrize("first", [IN_TIME, THERE])
@pytest.mark.parametrize("second_ms", [LATE - 2 * HOUR_MS, LATE])
def test_the_other_parcel_is_still_late(first: Any, second_ms: int) -> None:
    """The notice covered both parcels; when its own is early again or there, the other one's date is told."""
    story, _ = held()
    story.when("conversations", s.shipment(second_ms, shipment_id="S2")).then_bodies("suppressed")
    story.when("conversations", first).then_bodies("suppressed", "delay_planned").then_replays()
    story.until(MORNING_MS).then_replays()
    assert told(story) == [second_ms]


def test_the_parcel_that_was_overtaken_is_still_late() -> None:
    """A later parcel's date took the place of the first one's: when it is there, the first one's is told."""
    story, _ = held()
    story.when("conversations", s.shipment(LATE + DAY_MS, shipment_id="S2"))
    story.then_bodies("suppressed", "requested").then_replays()
    assert aside(story) == [("S1", LATE)]
    story.when("conversations", s.shipment(0, shipment_id="S2", status=SHIPMENT_STATUS_DELIVERED))
    story.then_bodies("suppressed", "delay_planned").until(MORNING_MS).then_replays()
    assert told(story) == [LATE]
    assert aside(story) == []


def test_a_parcel_that_is_less_late_leaves_the_word_to_the_other() -> None:
    """Of two parcels the later one's date is told, also when the first one's moves below it."""
    story, _ = held()
    story.when("conversations", s.shipment(LATE - 2 * HOUR_MS, shipment_id="S2"))
    story.when("conversations", s.shipment(LATE - 5 * HOUR_MS)).until(MORNING_MS).then_replays()
    assert told(story) == [LATE - 2 * HOUR_MS]


@pytest.mark.parametrize("gone", [0, s.PROMISED])
def test_a_parcel_put_aside_that_comes_to_nothing_is_forgotten(gone: int) -> None:
    """The other parcel is there, or in time again, before the notice's own is: nothing is left to tell."""
    story, _ = held()
    story.when("conversations", s.shipment(LATE - HOUR_MS, shipment_id="S2"))
    status = {} if gone else {"status": SHIPMENT_STATUS_DELIVERED}
    story.when("conversations", s.shipment(gone, shipment_id="S2", **status)).then_replays()
    story.when("conversations", THERE).until(MORNING_MS + DAY_MS).then_replays()
    assert told(story) == []


def test_what_was_told_covers_the_other_parcel() -> None:
    """After the later date was told, the other parcel's adds nothing, whatever becomes of the first."""
    story, send_id = held()
    story.when("conversations", s.shipment(LATE - HOUR_MS, shipment_id="S2")).until(MORNING_MS)
    story.when("conversations", s.report(send_id))
    assert aside(story) == []
    story.when("conversations", THERE).then_bodies()
    story.until(MORNING_MS + DAY_MS).then_bodies().then_replays()
    assert told(story) == [LATE]


def test_a_notice_that_did_not_arrive_gives_the_other_parcel_the_word() -> None:
    """Its parcel came while it was under way, and the provider refused it: the other is late all the same."""
    story, send_id = under_way()
    story.when("conversations", s.shipment(LATE - HOUR_MS, shipment_id="S2")).then_bodies("suppressed")
    story.when("conversations", THERE).then_bodies("withdrawn")
    story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY))
    story.then_bodies("suppressed", "delay_planned").then_replays().until(START_MS)
    assert told(story) == [LATE, LATE - HOUR_MS]


def test_of_parcels_that_came_before_their_order_the_latest_counts() -> None:
    """A parcel in time does not hide that the other one is late."""
    story = s.story().when("conversations", s.shipment(LATE))
    story.when("conversations", s.shipment(s.PROMISED, shipment_id="S2")).then_replays()
    story.when("conversations", s.order()).until(START_MS).then_replays()
    assert told(story) == [LATE]


def test_an_order_that_is_done_has_no_other_parcel() -> None:
    """The whole order was delivered in the night: no parcel of it is announced."""
    story, _ = held()
    story.when("conversations", s.shipment(LATE - HOUR_MS, shipment_id="S2"))
    story.when("conversations", s.order(status=ORDER_STATUS_DELIVERED))
    assert why(story) == [SUPPRESSED_WHY_CLOSED]
    story.until(MORNING_MS + DAY_MS).then_bodies().then_replays()


def test_a_date_that_the_shop_promises_itself_is_no_delay() -> None:
    """The shop moved its promise in the night: a notice that calls the date a later one is withdrawn."""
    story, _ = held()
    story.when("conversations", s.order(promised_at_ms=LATE + DAY_MS))
    assert why(story) == [SUPPRESSED_WHY_OVERTAKEN]
    story.then_replays().until(MORNING_MS + DAY_MS).then_replays()
    assert told(story) == []


def test_a_notice_names_the_promise_that_holds() -> None:
    """After the shop moved its promise a little, the notice says "before" of that and not of an older one."""
    story, _ = held()
    story.when("conversations", s.order(promised_at_ms=s.PROMISED + HOUR_MS)).until(MORNING_MS)
    requested = [e.requested for e in story.log if e.HasField("requested")]
    assert [each.told_before_ms for each in requested] == [s.PROMISED, s.PROMISED + HOUR_MS]
    assert len({each.send_id for each in requested}) == 2
    assert told(story) == [LATE]


@pytest.mark.parametrize("is_theirs", [True, False])
def test_a_notice_goes_where_the_order_belongs_when_it_goes(is_theirs: bool) -> None:
    """In the night the shop put right whose order it is, or where they are reached: nobody else is told."""
    story, _ = held()
    order = s.order(customer="u1" if is_theirs else "u2")
    order.order.first_identity.key_id = b"key-2"
    story.when("conversations", order).then_bodies("order", "suppressed", "delay_planned").until(MORNING_MS)
    assert told(story) == [LATE]
    newest = [e.requested for e in story.log if e.HasField("requested")][-1]
    assert (newest.customer_id, newest.route.key_id) == (order.order.customer_id, b"key-2")
    story.then_replays()


def test_an_order_that_is_only_said_again_keeps_its_notice() -> None:
    """What does not touch the promise leaves the notice that waits as it is."""
    story, send_id = held()
    story.when("conversations", s.order(value_minor=4200)).then_bodies("order").until(MORNING_MS)
    assert story.body("attempted").send_id == send_id


def test_notices_that_were_turned_off_in_the_night_do_not_go() -> None:
    """A desk that tells of delays no more does not tell of those that waited for the morning either."""
    story, _ = held()
    story.when("conversations", s.configured(s.desk(quiet=NIGHT, delay_on=False)))
    story.until(MORNING_MS).then_bodies("suppressed").then_replays()
    assert why(story) == [SUPPRESSED_WHY_OFF]


def test_a_matter_that_a_plan_decides_again_is_another_send() -> None:
    """Told by a plan, withdrawn, and told again by one: each send has an id of its own."""
    story, _ = held()
    orders = ["O1", *(f"X{number}" for number in range(200))]
    late, early = s.shipment(LATE, *reversed(orders)), s.shipment(s.PROMISED, *reversed(orders))
    for event in (early, late, early, late):
        story.when("conversations", event).until(story.now_ms)
    sends = [e.requested.send_id for e in story.log if e.HasField("requested")]
    assert len(sends) == len(set(sends)) == 3


WORDS = st.tuples(st.sampled_from(["S1", "S2", "S3"]), st.sampled_from([None, *range(-2, 8)]), st.booleans())


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=12))
def test_in_the_morning_the_latest_of_all_parcels_is_told(words: list[tuple[str, int | None, bool]]) -> None:
    """Whatever the carrier said in the night, in whatever order: what holds at its end is told, alone."""
    story = s.story(s.desk(quiet=NIGHT)).when("conversations", s.order()).at(EVENING_MS)
    dates: dict[str, int] = {}
    for shipment_id, steps, rests in words:
        dates[shipment_id] = 0 if steps is None else s.PROMISED + steps * 25 * MINUTE_MS
        status = {"status": SHIPMENT_STATUS_DELIVERED} if steps is None else {}
        event = s.shipment(dates[shipment_id], shipment_id=shipment_id, **status)
        story.when("conversations", event).until(story.now_ms + rests)
    story.until(MORNING_MS).then_replays()
    latest_ms = max(dates.values(), default=0)
    assert told(story) == [latest_ms] * (latest_ms >= s.PROMISED + HOUR_MS)
