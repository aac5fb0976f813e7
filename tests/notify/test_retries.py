"""How often a send is tried, whatever the provider says."""

from __future__ import annotations

from proto.v1.inbound_pb2 import SEND_OUTCOME_RETRY
from tests.notify import samples as s
from tests.notify.test_outbox import asked


def test_a_provider_that_is_always_back_in_a_second_is_not_asked_every_second() -> None:
    """A short wish holds for the next attempt; a day of such wishes is a few dozen attempts, not 86,400."""
    story, send_id = asked()
    waits, attempt = [], 1
    while "failed" not in story.bodies():
        wish = s.report(send_id, SEND_OUTCOME_RETRY, attempt, retry_after_ms=1_000)
        story.when("conversations", wish)
        waits.append(story.body("deferred").next_at_ms - story.now_ms)
        story.until(story.body("deferred").next_at_ms)
        attempt += 1
    assert waits[0] == 1_000
    assert all(wait_ms >= 3_000 for wait_ms in waits[1:-1])
    assert attempt < 60
    story.then_replays()
