"""Delays whose matter changes while they are told: newer dates, arrivals, words that come before orders."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1.inbound_pb2 import SEND_OUTCOME_RETRY, SHIPMENT_STATUS_DELAYED, SHIPMENT_STATUS_DELIVERED
from proto.v1.notices_pb2 import SEND_KIND_WEBHOOK, SUPPRESSED_WHY_CLOSED, SUPPRESSED_WHY_OVERTAKEN
from services.kernel.limits import DAY_MS, HOUR_MS, SEND_LEASE_MS
from tests.notify import samples as s
from tests.notify.test_delays import LATE, ordered, why
from tests.story import START_MS, Story


def under_way(**more: Any) -> tuple[Story, str]:
    """A notice of LATE that is under way."""
    story = ordered(**more).when("conversations", s.shipment(LATE)).until(START_MS).then_bodies("attempted")
    return story, story.body("attempted").send_id


def test_a_notice_under_way_is_overtaken_by_a_newer_one() -> None:
    """A provider that refuses for now is not asked again after a newer date went out."""
    story, older = under_way()
    story.when("conversations", s.message("A", way=s.WHATSAPP))
    story.when("conversations", s.shipment(LATE + DAY_MS)).then_bodies("withdrawn", "requested")
    newer = story.body("requested").send_id
    story.until(START_MS).then_bodies("attempted")
    story.when("conversations", s.report(newer)).then_bodies("sent")
    story.when("conversations", s.report(older, SEND_OUTCOME_RETRY)).then_bodies("suppressed")
    assert why(story) == [SUPPRESSED_WHY_OVERTAKEN]
    story.until(START_MS + 2 * DAY_MS).then_bodies().then_replays()


def test_what_arrived_while_its_notice_was_under_way_is_not_announced() -> None:
    """After the delivery a notice that did not get through is not tried again."""
    story, send_id = under_way()
    story.when("conversations", s.shipment(0, status=SHIPMENT_STATUS_DELIVERED)).then_bodies("withdrawn")
    story.then_replays()
    story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY)).then_bodies("suppressed")
    assert why(story) == [SUPPRESSED_WHY_CLOSED]
    story.until(START_MS + 2 * DAY_MS).then_bodies().then_replays()


def test_a_better_date_takes_the_place_of_a_notice_that_did_not_arrive() -> None:
    """A date between the promise and what is under way is told if, and only if, that did not arrive."""
    story, send_id = under_way()
    better = s.shipment(LATE - 2 * HOUR_MS)
    story.when("conversations", better).then_bodies("withdrawn").then_replays()
    story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY))
    story.then_bodies("suppressed", "delay_planned").then_replays()
    story.until(START_MS).then_bodies("requested", "delay_planned", "attempted")
    assert story.body("requested").told_now_ms == LATE - 2 * HOUR_MS
    story, send_id = under_way()
    story.when("conversations", better).when("conversations", s.report(send_id)).then_bodies("sent")
    story.until(START_MS + DAY_MS).then_bodies()


def test_a_notice_that_may_have_arrived_is_uncertain_when_it_is_overtaken() -> None:
    """A webhook without a result keeps its doubt: what it may have said is neither denied nor repeated."""
    story = ordered(s.desk("notice"), channel="sms").when("conversations", s.shipment(LATE))
    story.until(START_MS + SEND_LEASE_MS).then_bodies("attempted", "deferred")
    story.when("conversations", s.shipment(LATE + DAY_MS)).then_bodies("uncertain", "requested")
    assert story.body("requested").told_before_ms == LATE
    story.then_replays()


@pytest.mark.parametrize("order_first", [True, False])
def test_a_stated_delay_is_told_whichever_comes_first(order_first: bool) -> None:
    """What the carrier calls a delay is told without any promise, before its order is known or after."""
    said = [s.order(promised_at_ms=0), s.shipment(LATE, status=SHIPMENT_STATUS_DELAYED)]
    story = s.story()
    for event in said if order_first else reversed(said):
        story.when("conversations", event)
    story.until(START_MS).then_replays()
    told = [e.requested for e in story.log if e.HasField("requested")]
    assert [(each.told_before_ms, each.told_now_ms) for each in told] == [(0, LATE)]


def test_the_arrival_of_another_parcel_leaves_a_delay_that_waits() -> None:
    """Before the order is known, only the late parcel's own arrival ends its delay."""
    story = s.story().when("conversations", s.shipment(LATE))
    arrived: dict[str, Any] = {"status": SHIPMENT_STATUS_DELIVERED}
    story.when("conversations", s.shipment(0, shipment_id="S2", **arrived)).then_bodies()
    story.when("conversations", s.shipment(0, **arrived)).then_bodies("suppressed")
    story.when("conversations", s.order()).then_bodies("order").then_replays()


def test_webhooks_hear_of_a_notice_that_was_sent() -> None:
    """Whoever wants notices and did not deliver this one gets a copy, once it was sent and not before."""
    value = s.desk("notice")
    value.webhooks.add(url="https://second.example/", events=["notice"])
    story = ordered(value).when("conversations", s.shipment(LATE)).then_bodies("requested")
    assert story.body("requested").url == ""
    send_id = story.body("requested").send_id
    story.until(START_MS).then_bodies("attempted").when("conversations", s.report(send_id))
    story.then_bodies("requested", "attempted", "requested", "attempted", "sent").then_replays()
    copies = [e.requested for e in story.new if e.HasField("requested")]
    assert [each.url for each in copies] == [s.HOOK, "https://second.example/"]
    assert {(each.kind, each.event_name, each.told_now_ms) for each in copies} == {
        (SEND_KIND_WEBHOOK, "notice", LATE)
    }
    story = ordered(value, channel="sms").when("conversations", s.shipment(LATE))
    send_id = story.body("requested").send_id
    story.until(START_MS).when("conversations", s.report(send_id)).then_bodies(
        "requested", "attempted", "sent"
    )
    assert story.body("requested").url == "https://second.example/"
