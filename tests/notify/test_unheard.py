"""A notice that the provider refused for good: what came in its place is told as if it had never been."""

from __future__ import annotations

import pytest

from proto.v1.inbound_pb2 import (
    DELIVERY_STATE_FAILED,
    SEND_OUTCOME_FAILED,
    SEND_OUTCOME_RETRY,
    SHIPMENT_STATUS_DELIVERED,
    SendOutcome,
)
from proto.v1.notices_pb2 import SUPPRESSED_WHY_OVERTAKEN, SUPPRESSED_WHY_TOO_SMALL
from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS, SEND_DEAD_AFTER_MS
from services.notify import engine
from tests.notify import samples as s
from tests.notify.test_delays import LATE, why
from tests.notify.test_outbox import PROVIDER
from tests.notify.test_overtaken import under_way
from tests.story import START_MS, Story


def told(story: Story) -> list[tuple[int, int]]:
    """Dates of the notices that were asked for since: known before, and new."""
    return [
        (e.requested.told_before_ms, e.requested.told_now_ms) for e in story.new if e.HasField("requested")
    ]


def refused(story: Story, send_id: str, outcome: SendOutcome = SEND_OUTCOME_FAILED) -> Story:
    """The provider refuses the notice; what follows at once is decided too."""
    story.when("conversations", s.report(send_id, outcome, error="smtp 550"))
    first = story.new
    story.until(story.now_ms)
    story.new = [*first, *story.new]
    return story


def test_an_earlier_date_is_told_when_the_notice_is_refused() -> None:
    """The date that replaced it has a notice of its own, against the promise."""
    story, send_id = under_way()
    story.when("conversations", s.shipment(LATE - 2 * HOUR_MS)).then_bodies("withdrawn")
    refused(story, send_id).then_bodies("failed", "delay_planned", "requested", "delay_planned", "attempted")
    assert told(story) == [(s.PROMISED, LATE - 2 * HOUR_MS)]
    story.then_replays()


@pytest.mark.parametrize("outcome", [SEND_OUTCOME_FAILED, SEND_OUTCOME_RETRY])
def test_a_later_date_is_worded_anew(outcome: SendOutcome) -> None:
    """Its notice waits behind the refused one, and says the promise as known, not a date nobody heard."""
    story, send_id = under_way()
    story.when("conversations", s.shipment(LATE + DAY_MS)).then_bodies("withdrawn", "requested")
    assert told(story) == [(LATE, LATE + DAY_MS)]
    refused(story, send_id, outcome)
    assert why(story)[-1] == SUPPRESSED_WHY_OVERTAKEN
    assert told(story) == [(s.PROMISED, LATE + DAY_MS)]
    assert story.bodies()[-1] == "attempted"
    story.then_replays()
    story.when("conversations", s.report(story.body("attempted").send_id)).then_bodies("sent")
    story.until(START_MS + 2 * DAY_MS).then_bodies()


def test_a_date_that_is_hardly_later_is_told_when_the_notice_is_refused() -> None:
    """It changes nothing while the notice may arrive: that is tried again as ever. Refused for good, the
    newest date is the one that is told."""
    hardly = LATE + 10 * MINUTE_MS
    story, send_id = under_way()
    story.when("conversations", s.shipment(hardly)).then_bodies("withdrawn", "suppressed")
    assert why(story) == [SUPPRESSED_WHY_TOO_SMALL]
    refused(story, send_id, SEND_OUTCOME_RETRY).then_bodies("deferred")
    story.until(START_MS + 10_000).then_bodies("attempted")
    story.when("conversations", s.report(send_id, SEND_OUTCOME_FAILED, 2))
    story.then_bodies("failed", "delay_planned").until(story.now_ms)
    assert told(story) == [(s.PROMISED, hardly)]
    story.then_replays()


def test_the_date_it_says_holds_again() -> None:
    """A date that was hardly later and is taken back is not told in its place."""
    story, send_id = under_way()
    story.when("conversations", s.shipment(LATE + 10 * MINUTE_MS))
    story.when("conversations", s.shipment(LATE)).then_bodies("withdrawn", "suppressed")
    refused(story, send_id).then_bodies("failed").then_replays()


def test_a_notice_that_is_given_up_gives_way_too() -> None:
    """After a day of trying it comes to nothing as well."""
    story, send_id = under_way()
    story.when("conversations", s.shipment(LATE + 10 * MINUTE_MS))
    refused(story, send_id, SEND_OUTCOME_RETRY)
    while "failed" not in story.bodies():
        due_ms = engine.next_deadline_ms(story.state)
        assert due_ms is not None, "it is tried until it is given up"
        story.until(due_ms)
        if story.bodies() == ["attempted"]:
            attempt = story.body("attempted").attempt
            story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY, attempt))
    assert story.now_ms == START_MS + SEND_DEAD_AFTER_MS
    assert told(story) == [(s.PROMISED, LATE + 10 * MINUTE_MS)]


def test_another_parcel_counts_when_the_refused_one_has_come() -> None:
    """The late parcel arrived while its notice was under way: what the other one says is told."""
    story, send_id = under_way()
    story.when("conversations", s.shipment(LATE - 2 * HOUR_MS, shipment_id="S2"))
    story.when("conversations", s.shipment(0, status=SHIPMENT_STATUS_DELIVERED)).then_bodies("withdrawn")
    refused(story, send_id)
    assert told(story) == [(s.PROMISED, LATE - 2 * HOUR_MS)]
    story.then_replays()


def test_a_refused_notice_alone_is_over() -> None:
    """Nothing came in its place: one matter, one notice, though it failed."""
    story, send_id = under_way()
    refused(story, send_id).then_bodies("failed")
    story.when("conversations", s.shipment(LATE)).then_bodies("suppressed").then_replays()


def test_what_bounced_later_was_never_heard() -> None:
    """A notice that was taken and reported back counts as if it had never been: a new date is held against
    the promise, however near it is to the one that bounced."""
    story, send_id = under_way()
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER)).then_bodies("sent")
    story.when("conversations", s.delivered(PROVIDER, DELIVERY_STATE_FAILED)).then_bodies("failed")
    story.then_replays()
    story.when("conversations", s.shipment(LATE + 10 * MINUTE_MS))
    assert told(story) == [(s.PROMISED, LATE + 10 * MINUTE_MS)]
    story.then_replays()


def test_a_bounce_of_an_older_notice_changes_nothing() -> None:
    """What was told since is what the customer knows."""
    story, send_id = under_way()
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER))
    story.when("conversations", s.shipment(LATE + DAY_MS)).until(story.now_ms)
    story.when("conversations", s.report(story.body("attempted").send_id)).then_bodies("sent")
    story.when("conversations", s.delivered(PROVIDER, DELIVERY_STATE_FAILED)).then_bodies("failed")
    story.when("conversations", s.shipment(LATE + 3 * DAY_MS))
    assert told(story) == [(LATE + DAY_MS, LATE + 3 * DAY_MS)]
    story.then_replays()
