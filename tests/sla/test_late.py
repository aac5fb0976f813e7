"""Answers and their results that come late."""

from __future__ import annotations

from proto.v1.sla_pb2 import (
    CANCELLED_WHY_REPLACED,
    TARGET_KIND_FIRST_RESPONSE,
    TARGET_KIND_NEXT_RESPONSE,
)
from tests.sla.given import (
    HOUR,
    MINUTE,
    PAUSES,
    POLICY,
    T0,
    Sla,
    admitted,
    failed,
    message,
    resolve,
    sent,
)


def test_a_late_reply_breaches_nothing_that_an_earlier_one_holds() -> None:
    """While an answer in time is under way, another one after the deadline says nothing: if the first is
    sent the promise was kept, and only if it fails is it broken."""
    story = Sla().opened().routed(admitted(T0 + 9 * MINUTE)).at(T0 + 11 * MINUTE)
    story.routed(admitted(T0 + 11 * MINUTE, "q2")).then_bodies("reply_suspended")
    story.told(sent()).then_bodies("met", "reply_settled").then_replays()
    assert story.body("met").met_at_ms == T0 + 9 * MINUTE
    other = Sla().opened().routed(admitted(T0 + 9 * MINUTE)).at(T0 + 11 * MINUTE)
    other.routed(admitted(T0 + 11 * MINUTE, "q2")).told(failed()).told(failed("q2")).until(T0 + 12 * MINUTE)
    assert "breached" in [event.WhichOneof("body") for event in other.log]
    other.then_replays()


def test_a_late_failure_of_an_older_answer_changes_nothing() -> None:
    """Once a newer answer was sent, or the conversation resolved, the customer no longer waits for it."""
    story = Sla().opened().routed(admitted(T0)).told(sent()).routed(admitted(T0 + 1, "q2")).told(sent("q2"))
    story.told(failed("q1")).then_bodies().then_replays()
    story.routed(resolve(T0 + 2)).told(failed("q2")).then_bodies().then_replays()
    assert not story.state.answers


def test_a_late_failure_ends_the_pause_and_replaces_a_later_promise() -> None:
    """The customer has no word to answer: the resolution goes on, and the older promise stands alone."""
    story = Sla(POLICY | PAUSES).opened().routed(admitted(T0)).told(sent())
    story.then_bodies("met", "paused", "reply_settled")
    story.at(T0 + MINUTE).told(failed()).then_bodies("resumed", "started", "reply_settled").then_replays()
    assert story.body("resumed").due_at_ms == T0 + 2 * HOUR + MINUTE
    story = Sla().opened().routed(admitted(T0)).told(sent()).said(message(T0 + MINUTE, "m2"))
    story.then_bodies("started").told(failed()).then_bodies("started", "cancelled", "reply_settled")
    assert story.body("cancelled").why == CANCELLED_WHY_REPLACED
    story.then_replays()


def test_two_answers_that_fail_leave_one_promise() -> None:
    """The customer wrote again between two answers, and neither went out: they wait for one, from their first
    message on, and are not owed two."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).said(message(T0 + 2 * MINUTE, "m2"))
    story.routed(admitted(T0 + 3 * MINUTE, "q2")).told(failed()).then_bodies("reply_settled")
    first, second = story.started(TARGET_KIND_FIRST_RESPONSE), story.started(TARGET_KIND_NEXT_RESPONSE)
    story.told(failed("q2")).then_bodies("resumed", "cancelled", "reply_settled").then_replays()
    assert story.body("resumed").target_id == first.target_id
    cancelled = story.body("cancelled")
    assert (cancelled.target_id, cancelled.why) == (second.target_id, CANCELLED_WHY_REPLACED)
    story.until(T0 + HOUR)
    assert [event.WhichOneof("body") for event in story.new].count("breached") == 1
