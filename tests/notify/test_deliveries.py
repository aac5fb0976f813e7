"""Delivery reports: what providers say of what they took."""

from __future__ import annotations

import pytest

from proto.v1.inbound_pb2 import (
    DELIVERY_STATE_DELIVERED,
    DELIVERY_STATE_FAILED,
    DELIVERY_STATE_READ,
    DELIVERY_STATE_SENT,
)
from services.kernel.limits import (
    DAY_MS,
    DELIVERY_DAYS,
    HOUR_MS,
    SEND_LEASE_MS,
)
from services.notify.state import PARKED_MS
from tests.notify import samples as s
from tests.notify.test_outbox import PROVIDER, asked
from tests.story import START_MS


def test_delivery_that_names_the_send_proves_it() -> None:
    """A provider that echoes our id proves that an uncertain send arrived."""
    story, send_id = asked()
    story.until(START_MS + SEND_LEASE_MS)
    story.when("conversations", s.delivered(PROVIDER, DELIVERY_STATE_DELIVERED, send_id))
    story.then_bodies("sent", "delivered").then_replays()


def test_delivery_reports_only_lead_on() -> None:
    """Delivered, then read; never back, and no failure after an arrival."""
    story, send_id = asked()
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER))
    told = []
    for state in (
        DELIVERY_STATE_SENT,
        DELIVERY_STATE_DELIVERED,
        DELIVERY_STATE_DELIVERED,
        DELIVERY_STATE_READ,
        DELIVERY_STATE_DELIVERED,
        DELIVERY_STATE_FAILED,
    ):
        story.when("conversations", s.delivered(PROVIDER, state))
        told.append([(e.delivered.send_id, e.delivered.read) for e in story.new])
    assert told == [[], [(send_id, False)], [], [(send_id, True)], [], []]
    story.then_replays()


def test_failure_after_sent_is_told() -> None:
    """A provider that takes a message and then cannot deliver it makes the send failed."""
    story, send_id = asked()
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER))
    story.when("conversations", s.delivered(PROVIDER, DELIVERY_STATE_FAILED)).then_bodies("failed")
    story.when("conversations", s.delivered(PROVIDER, DELIVERY_STATE_DELIVERED)).then_bodies("delivered")
    story.then_replays()


@pytest.mark.parametrize(
    ("state", "follows"), [(DELIVERY_STATE_READ, "delivered"), (DELIVERY_STATE_FAILED, "failed")]
)
def test_report_before_its_send_is_parked(state: int, follows: str) -> None:
    """A delivery report that outruns the sender's own word waits for it."""
    story, send_id = asked()
    story.when("conversations", s.delivered(PROVIDER, state)).then_bodies("report_parked")  # type: ignore[arg-type]
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER)).then_bodies("sent", follows)
    assert story.state.data.parked == {}
    story.then_replays()


def test_parked_reports_go() -> None:
    """Reports on what we never sent are forgotten after a bounded time."""
    story, send_id = asked()
    story.when("conversations", s.delivered(PROVIDER, DELIVERY_STATE_READ))
    story.at(START_MS + PARKED_MS + 1)
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER)).then_bodies("sent")
    story.when("conversations", s.delivered(b"f" * 16, DELIVERY_STATE_READ))
    story.at(START_MS + 2 * HOUR_MS).when("conversations", s.message("B", "u2"))
    assert story.state.data.parked == {}
    story.then_replays()


def test_sent_sends_leave_the_horizon() -> None:
    """After the horizon a delivery report finds its send no more."""
    story, send_id = asked()
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER))
    story.at(START_MS + (DELIVERY_DAYS + 2) * DAY_MS)
    story.when("conversations", s.delivered(PROVIDER, DELIVERY_STATE_READ)).then_bodies("report_parked")


@pytest.mark.parametrize("parked", [False, True])
def test_a_failure_says_the_providers_reason(parked: bool) -> None:
    """Its code stands in the event, also where the report came before our sender's own word."""
    story, send_id = asked()
    lost = s.delivered(PROVIDER, DELIVERY_STATE_FAILED, error_code="5.1.1")
    taken = s.report(send_id, provider_id_hash=PROVIDER)
    for event in (lost, taken) if parked else (taken, lost):
        story.when("conversations", event)
    failed = story.body("failed")
    assert failed.error == "the provider could not deliver it: 5.1.1"
    assert failed.had_way
    story.then_replays()
