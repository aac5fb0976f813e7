"""Delays: which customer is told which date, where, in which words, and when not."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1.inbound_pb2 import (
    ORDER_STATUS_CANCELLED,
    ORDER_STATUS_DELIVERED,
    SEND_OUTCOME_FAILED,
    SEND_OUTCOME_RETRY,
    SHIPMENT_STATUS_DELAYED,
    SHIPMENT_STATUS_DELIVERED,
    SHIPMENT_STATUS_IN_TRANSIT,
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
)
from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS, SEND_LEASE_MS
from services.notify import engine
from services.notify.delays import ORDERS_IN_STEP
from tests.notify import samples as s
from tests.story import START_MS, Story

LATE = s.PROMISED + DAY_MS
NIGHT = (21 * 60, 8 * 60)
EVENING_MS = START_MS + 11 * HOUR_MS
"""22:00 in Warsaw."""
MORNING_MS = START_MS + 21 * HOUR_MS
"""08:00 in Warsaw, the day after."""


def ordered(value: Any = None, **more: Any) -> Story:
    """A desk with one open order."""
    return s.story(value).when("conversations", s.order(**more))


def why(story: Story) -> list[int]:
    """Reasons of the new suppressed events."""
    return [event.suppressed.why for event in story.new if event.HasField("suppressed")]


def test_delay_becomes_one_notice_to_the_orders_address() -> None:
    """A date later than promised is told at the order's first address, in the desk's language, at once."""
    story = ordered().when("conversations", s.shipment(LATE)).then_bodies("requested")
    notice = story.body("requested")
    assert (notice.kind, notice.notice_kind) == (SEND_KIND_NOTICE, NOTICE_KIND_DELAY)
    assert (notice.channel, notice.account) == s.EMAIL
    assert notice.route_is_identity
    assert notice.route.data == b"address"
    assert (notice.told_before_ms, notice.told_now_ms) == (s.PROMISED, LATE)
    assert (notice.order_id, notice.customer_id, notice.shipment_id) == ("O1", "u1", "S1")
    assert notice.language == "pl"
    story.until(START_MS).then_bodies("attempted").then_replays()


def test_the_open_conversation_about_the_order_comes_first() -> None:
    """A customer who is talking to us about the order is told there, in their language."""
    story = ordered()
    story.when("conversations", s.message("other", way=s.TELEGRAM))
    story.when("conversations", s.message("A", way=s.WHATSAPP, language="en", order_ids=["O1"]))
    story.when("conversations", s.message("later", way=s.CHAT))
    notice = story.when("conversations", s.shipment(LATE)).body("requested")
    assert (notice.conversation_id, notice.channel, notice.language) == (s.conv("A"), "whatsapp", "en")
    assert not notice.route_is_identity
    assert notice.route.data == b"route of A"


def test_an_order_that_attaches_later_counts_too() -> None:
    """An order that came to belong to the conversation after its first message is told there."""
    story = ordered().when("conversations", s.message("A", way=s.WHATSAPP))
    story.when("conversations", s.message("B", way=s.TELEGRAM))
    story.when(
        "conversations", s.said(order_attached={"conversation_id": s.conv("A"), "order_id": "O1"})
    ).then_bodies("route")
    notice = story.when("conversations", s.shipment(LATE)).body("requested")
    assert notice.conversation_id == s.conv("A")
    story.then_replays()


def test_any_open_conversation_by_the_desks_preference() -> None:
    """Among other open conversations of the customer the desk's order of channels decides."""
    story = ordered(s.desk(channels=["chat", "whatsapp"]))
    for name, way in (("A", s.TELEGRAM), ("B", s.WHATSAPP), ("C", s.EMAIL)):
        story.when("conversations", s.message(name, way=way))
    notice = story.when("conversations", s.shipment(LATE)).body("requested")
    assert notice.channel == "whatsapp"


def test_a_resolved_conversation_is_not_written_into() -> None:
    """After the conversation is resolved the notice goes to the order's address."""
    story = ordered().when("conversations", s.message("A", way=s.WHATSAPP, order_ids=["O1"]))
    story.when("routing", s.resolved("A")).then_bodies("route_closed").then_replays()
    assert story.when("conversations", s.shipment(LATE)).body("requested").route_is_identity


def test_another_customers_conversation_never_hears_of_the_order() -> None:
    """Whoever else names an order is not told about it."""
    story = ordered().when("conversations", s.message("X", "u2", s.WHATSAPP, order_ids=["O1"]))
    assert story.when("conversations", s.shipment(LATE)).body("requested").route_is_identity


def test_conversations_of_merged_customers_are_found() -> None:
    """After a merge the order of one finds the conversation of the other."""
    story = ordered().when("conversations", s.message("A", "u9", s.WHATSAPP))
    story.when("conversations", s.said(merged={"customer_id": "u9", "merged_id": "u1"}))
    story.then_bodies("customer_merged").then_replays()
    assert story.when("conversations", s.shipment(LATE)).body("requested").channel == "whatsapp"


def test_one_matter_one_notice() -> None:
    """The same date is told once, whatever the carrier repeats and however the notice ended."""
    story = ordered().when("conversations", s.shipment(LATE))
    send_id = story.body("requested").send_id
    story.when("conversations", s.shipment(LATE, status=SHIPMENT_STATUS_DELAYED)).then_bodies("suppressed")
    assert why(story) == [SUPPRESSED_WHY_ALREADY_TOLD]
    story.until(START_MS)
    story.when("conversations", s.report(send_id, SEND_OUTCOME_FAILED))
    story.when("conversations", s.shipment(LATE, shipment_id="S2"))
    assert why(story) == [SUPPRESSED_WHY_ALREADY_TOLD]
    story.then_replays()


def test_each_further_slip_is_a_new_matter() -> None:
    """A further slip of the desk's size is told, against what was told last."""
    story = ordered().when("conversations", s.shipment(LATE)).until(START_MS)
    story.when("conversations", s.report(story.body("attempted").send_id))
    story.when("conversations", s.shipment(LATE + 30 * MINUTE_MS))
    assert why(story) == [SUPPRESSED_WHY_TOO_SMALL]
    story.when("conversations", s.shipment(LATE + HOUR_MS)).then_bodies("requested")
    assert story.body("requested").told_before_ms == LATE
    story.then_replays()


def test_a_slip_against_what_is_on_its_way() -> None:
    """While a notice is under way the customer counts as told what it says."""
    story = ordered().when("conversations", s.shipment(LATE)).until(START_MS)
    story.when("conversations", s.shipment(LATE + 30 * MINUTE_MS))
    assert why(story) == [SUPPRESSED_WHY_TOO_SMALL]


def test_good_news_and_dates_in_time_are_silent() -> None:
    """A date that is no later than promised makes no event at all."""
    ordered().when("conversations", s.shipment(s.PROMISED - HOUR_MS)).then_bodies()


def test_without_a_promise_the_first_date_counts_as_known() -> None:
    """Where nothing was promised the first date is what later ones are held against."""
    story = ordered(promised_at_ms=0).when("conversations", s.shipment(LATE)).then_bodies("order")
    story.when("conversations", s.shipment(LATE + 2 * HOUR_MS)).then_bodies("requested").then_replays()


def test_without_a_promise_a_stated_delay_is_told() -> None:
    """What the carrier itself calls a delay is told even where nothing was promised."""
    story = ordered(promised_at_ms=0)
    story.when("conversations", s.shipment(LATE, status=SHIPMENT_STATUS_DELAYED)).then_bodies("requested")
    assert story.body("requested").told_before_ms == 0


@pytest.mark.parametrize(
    ("value", "order", "reason"),
    [
        (s.desk(delay_on=False), s.order(), SUPPRESSED_WHY_OFF),
        (s.desk(), s.order(channel=""), SUPPRESSED_WHY_NO_ADDRESS),
        (s.desk(), s.order(channel="sms"), SUPPRESSED_WHY_NO_ADDRESS),
        (s.desk(), s.order("O2"), SUPPRESSED_WHY_UNKNOWN_ORDER),
        (s.desk(), s.order(status=ORDER_STATUS_CANCELLED), SUPPRESSED_WHY_CLOSED),
    ],
)
def test_every_silence_has_its_reason(value: Any, order: Any, reason: int) -> None:
    """A delay that is not told says why, with the order and the date."""
    story = s.story(value).when("conversations", order).when("conversations", s.shipment(LATE))
    assert why(story) == [reason]
    body = story.body("suppressed")
    assert (body.order_id, body.told_now_ms, body.notice_kind) == ("O1", LATE, NOTICE_KIND_DELAY)
    story.then_replays()


def test_an_erased_customer_is_not_told() -> None:
    """After an erasure a delay of the order is suppressed for that reason."""
    story = ordered().when("conversations", s.erasure()).then_bodies("customer_forgotten")
    story.when("conversations", s.shipment(LATE))
    assert why(story) == [SUPPRESSED_WHY_ERASED]
    story.then_replays()


def test_an_order_that_comes_after_its_delay_is_told() -> None:
    """A date of an unknown order is remembered and told when the order comes."""
    story = s.story().when("conversations", s.shipment(LATE)).then_bodies("suppressed")
    story.when("conversations", s.shipment(LATE, status=SHIPMENT_STATUS_DELAYED)).then_bodies()
    story.when("conversations", s.order()).then_bodies("order", "delay_planned").then_replays()
    story.until(START_MS).then_bodies("requested", "delay_planned", "attempted").then_replays()


def test_an_api_channel_is_told_by_its_webhook() -> None:
    """A notice on a channel without a sender of ours is a signed call, if a webhook takes notices."""
    story = ordered(s.desk("notice"), channel="sms").when("conversations", s.shipment(LATE))
    assert (story.body("requested").url, story.body("requested").event_name) == (s.HOOK, "notice")
    assert story.body("requested").idempotent


def held() -> tuple[Story, str]:
    """A notice that waits for the morning."""
    story = ordered(s.desk(quiet=NIGHT)).at(EVENING_MS).when("conversations", s.shipment(LATE))
    return story.then_bodies("requested"), story.body("requested").send_id


def test_at_night_a_notice_waits_for_the_morning() -> None:
    """Inside the quiet hours a notice is held until their end, and then goes."""
    story, send_id = held()
    assert story.body("requested").held_until_ms == MORNING_MS
    story.then_replays().until(MORNING_MS - 1).then_bodies()
    story.until(MORNING_MS).then_bodies("attempted")
    assert story.body("attempted").send_id == send_id
    story.then_replays()


def test_a_held_notice_does_not_hold_up_a_reply() -> None:
    """An agent's reply goes at night, although a notice of the same conversation waits."""
    story = ordered(s.desk(quiet=NIGHT)).when("conversations", s.message("A", way=s.WHATSAPP))
    story.at(EVENING_MS).when("conversations", s.shipment(LATE)).then_bodies("requested")
    story.when("routing", s.reply("A", "r1")).then_bodies("requested")
    story.until(EVENING_MS).then_bodies("attempted")
    story.when("conversations", s.report(story.body("attempted").send_id)).until(MORNING_MS)
    story.then_bodies("attempted").then_replays()


def test_a_newer_date_overtakes_a_held_notice() -> None:
    """What is overtaken in the night is not told; the newest date is, against the promise."""
    story, send_id = held()
    story.when("conversations", s.shipment(LATE + DAY_MS)).then_bodies("suppressed", "requested")
    assert (story.body("suppressed").send_id, why(story)) == (send_id, [SUPPRESSED_WHY_OVERTAKEN])
    assert story.body("requested").told_before_ms == s.PROMISED
    story.until(MORNING_MS).then_bodies("attempted").then_replays()


def test_a_date_that_is_good_again_withdraws_a_held_notice() -> None:
    """A parcel that is in time again by the morning is not announced as late; late again, it is."""
    story, _ = held()
    story.when("conversations", s.shipment(s.PROMISED)).then_bodies("suppressed")
    story.when("conversations", s.shipment(LATE)).then_bodies("requested").then_replays()


def test_an_earlier_date_of_another_parcel_changes_nothing() -> None:
    """Of two parcels of an order the later one's date is what the customer waits for."""
    story, send_id = held()
    story.when("conversations", s.shipment(LATE - HOUR_MS, shipment_id="S2")).then_bodies("suppressed")
    assert story.body("suppressed").send_id == ""
    assert send_id in story.state.data.sends


@pytest.mark.parametrize(
    "event",
    [s.order(status=ORDER_STATUS_CANCELLED), s.shipment(0, status=SHIPMENT_STATUS_DELIVERED)],
)
def test_what_arrived_or_was_cancelled_is_not_announced(event: Any) -> None:
    """Delivered or cancelled in the night: the held notice is withdrawn."""
    story, send_id = held()
    story.when("conversations", event)
    assert (story.body("suppressed").send_id, why(story)) == (send_id, [SUPPRESSED_WHY_CLOSED])
    story.until(MORNING_MS).then_bodies().then_replays()


def test_an_erased_customers_orders_name_nobody() -> None:
    """What is said of their orders later, open or closed, does not lead to who they were."""
    story = ordered().when("conversations", s.order("O2", status=ORDER_STATUS_DELIVERED))
    story.when("conversations", s.erasure())
    story.when("conversations", s.shipment(LATE, "O1", "O2")).then_bodies("suppressed", "suppressed")
    assert [event.suppressed.customer_id for event in story.new] == ["", ""]
    assert b"u1" not in engine.dump(story.state)
    story.then_replays()


def test_a_held_notice_is_of_the_year_in_which_it_leaves() -> None:
    """Asked for in the last night of a year and held into the next, it is worded for that."""
    night_ms = START_MS + 360 * DAY_MS + 12 * HOUR_MS
    story = s.story(s.desk(quiet=(21 * 60, 8 * 60))).at(night_ms)
    story.when("conversations", s.order(promised_at_ms=night_ms))
    story.when("conversations", s.shipment(night_ms + 2 * DAY_MS)).then_bodies("requested")
    requested = story.body("requested")
    assert (requested.held_until_ms > night_ms, requested.worded_at_ms) == (True, requested.held_until_ms)
    story = ordered().when("conversations", s.shipment(LATE))
    assert story.body("requested").worded_at_ms == START_MS


def test_erasure_in_the_night_drops_the_held_notice() -> None:
    """A customer who is erased in the night is not written to in the morning."""
    story, _ = held()
    story.when("conversations", s.erasure()).then_bodies("customer_forgotten", "suppressed")
    assert why(story) == [SUPPRESSED_WHY_ERASED]
    story.until(MORNING_MS).then_bodies().then_replays()


def test_a_retry_never_falls_into_the_night() -> None:
    """A notice that must be tried again in the evening waits for the morning like a new one."""
    story = ordered(s.desk(quiet=NIGHT)).at(EVENING_MS - 70 * MINUTE_MS)
    story.when("conversations", s.shipment(LATE)).until(story.now_ms).then_bodies("attempted")
    send_id = story.body("attempted").send_id
    story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY, retry_after_ms=HOUR_MS))
    story.until(EVENING_MS).then_bodies("deferred")
    assert story.body("deferred").next_at_ms == MORNING_MS
    story.until(MORNING_MS).then_bodies("attempted").then_replays()


def test_a_shipment_of_thousands_is_worked_off_in_steps() -> None:
    """A shipment with many orders gives one notice for each, a step at a time, remembered by the state."""
    story = s.story()
    names = [f"O{number}" for number in range(5 * ORDERS_IN_STEP // 2)]
    for number, name in enumerate(names):
        story.when("conversations", s.order(name, f"u{number}"))
    story.when("conversations", s.shipment(LATE, *names, *names))
    assert story.bodies() == ["requested"] * ORDERS_IN_STEP + ["delay_planned"]
    seen = list(story.new)
    story.then_replays()
    story.until(START_MS)
    seen += story.new
    assert sorted(e.requested.order_id for e in seen if e.HasField("requested")) == sorted(names)
    story.then_replays()
    assert story.state.data.desks[s.DESK].plans == {}


def test_a_newer_date_while_a_plan_runs_comes_last() -> None:
    """A shipment that slips again while its orders are worked off leaves the newest date everywhere."""
    story = s.story()
    names = [f"O{number}" for number in range(ORDERS_IN_STEP + 20)]
    for name in names:
        story.when("conversations", s.order(name, "u" + name))
    story.when("conversations", s.shipment(LATE, *names))
    story.when("conversations", s.shipment(LATE + DAY_MS, *names)).then_bodies("delay_planned")
    story.until(START_MS)
    newest = {
        send.order_id: send.told_now_ms
        for send in sorted(story.state.data.sends.values(), key=lambda send: send.number)
    }
    assert set(newest.values()) == {LATE + DAY_MS}
    assert len(newest) == len(names)
    story.then_replays()


def test_orders_of_desks_never_meet() -> None:
    """An order id belongs to its desk."""
    story = ordered()
    event = s.shipment(LATE)
    event.desk_id = "other"
    story.when("conversations", event)
    assert why(story) == [SUPPRESSED_WHY_UNKNOWN_ORDER]


def test_an_uncertain_notice_counts_as_told() -> None:
    """What may have arrived is not said a second time."""
    story = ordered().when("conversations", s.message("A", way=s.WHATSAPP))
    story.when("conversations", s.shipment(LATE)).until(START_MS + SEND_LEASE_MS)
    assert story.bodies() == ["attempted", "uncertain"]
    story.when("conversations", s.shipment(LATE, status=SHIPMENT_STATUS_IN_TRANSIT))
    assert why(story) == [SUPPRESSED_WHY_ALREADY_TOLD]
    story.then_replays()


def test_old_orders_are_forgotten() -> None:
    """An order that nobody speaks of for ninety days leaves the state."""
    story = ordered().at(START_MS + 91 * DAY_MS).when("conversations", s.message("A", "u2"))
    assert story.state.data.desks[s.DESK].orders == {}
    story.then_replays()
