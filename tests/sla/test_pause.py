"""Pauses of the resolution while the customer has the word."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest

from proto.v1.inbound_pb2 import AUTO_KIND_AUTO_REPLY
from proto.v1.sla_pb2 import TARGET_KIND_RESOLUTION
from tests.sla.given import (
    DAY,
    HOUR,
    MINUTE,
    PAUSES,
    T0,
    WARSAW_HOURS,
    Sla,
    admitted,
    failed,
    message,
    resolve,
    sent,
)

PAUSING = {"name": "p", "resolution": "4h", "warn_at": 0.5} | PAUSES


def warsaw(text: str) -> int:
    """Milliseconds of a time in Warsaw."""
    there = datetime.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Warsaw"))
    return int(there.timestamp() * 1000)


def test_an_answer_stops_the_clock_and_the_next_message_starts_it() -> None:
    """Paused as of the answer's mailbox time, resumed with what was left."""
    story = Sla(PAUSING).opened().routed(admitted(T0 + HOUR)).at(T0 + HOUR + MINUTE)
    story.told(sent()).then_bodies("paused", "reply_settled")
    paused = story.body("paused")
    assert (paused.at_ms, paused.left_ms, paused.left_to_warning_ms) == (T0 + HOUR, 3 * HOUR, HOUR)
    assert paused.until_ms == T0 + HOUR + 2 * DAY
    story.until(T0 + DAY).then_bodies()
    story.said(message(T0 + DAY, "m2")).then_bodies("resumed", "asked")
    assert story.body("resumed").due_at_ms == T0 + DAY + 3 * HOUR
    story.until(T0 + 3 * DAY)
    assert story.times() == [("warned", 25 * 60), ("breached", 27 * 60)]
    story.then_replays()


def test_a_pause_ends_by_itself() -> None:
    """After `up_to` the clock runs again, whatever the customer does."""
    story = Sla(PAUSING).opened().routed(admitted(T0)).told(sent()).until(T0 + 9 * DAY)
    assert story.times() == [("resumed", 2 * 1440), ("warned", 2 * 1440 + 120), ("breached", 2 * 1440 + 240)]
    story.then_replays()


@pytest.mark.parametrize(
    ("opened", "answered", "asked", "due"),
    [
        # Closed hours in a pause count neither as work nor as waiting (erpnext#49414, #47884).
        ("2026-01-05T16:00", "2026-01-05T18:00", "2026-01-06T09:00", "2026-01-06T11:00"),
        ("2026-01-05T18:00", "2026-01-05T19:00", "2026-01-05T23:00", "2026-01-06T11:00"),
        # A pause that lies wholly in closed hours moves nothing.
        ("2026-01-05T18:00", "2026-01-05T21:00", "2026-01-06T07:00", "2026-01-06T10:00"),
        # Over a weekend with a short Saturday.
        ("2026-01-09T19:00", "2026-01-09T19:30", "2026-01-10T13:30", "2026-01-12T11:00"),
        # Over the break at noon.
        ("2026-01-05T11:00", "2026-01-05T11:30", "2026-01-05T12:15", "2026-01-05T16:00"),
        # No time at all.
        ("2026-01-05T13:00", "2026-01-05T14:00", "2026-01-05T14:00", "2026-01-05T17:00"),
    ],
)
def test_a_pause_keeps_open_time(opened: str, answered: str, asked: str, due: str) -> None:
    """Four open hours with a pause are four open hours outside it."""
    story = Sla(PAUSING, hours=WARSAW_HOURS).at(warsaw(opened)).opened(warsaw(opened))
    story.at(warsaw(answered)).routed(admitted(warsaw(answered))).told(sent())
    story.at(warsaw(asked)).said(message(warsaw(asked), "m2"))
    assert story.body("resumed").due_at_ms == warsaw(due)
    story.then_replays()


def test_paused_and_resolved_directly_is_met() -> None:
    """Resolved while paused, weeks later within the pause: no breach, no 42 days (FH#3776)."""
    story = Sla(PAUSING | {"pause_while_waiting_for_customer": {"up_to": "60d"}})
    story.opened().routed(admitted(T0 + HOUR)).told(sent()).until(T0 + 42 * DAY)
    story.routed(resolve(T0 + 42 * DAY)).then_bodies("met", "conversation_closed").then_replays()
    assert story.body("met").met_at_ms == T0 + 42 * DAY


def test_resolved_after_a_pause_that_had_ended_is_judged_by_the_time_left() -> None:
    """If the engine meets the end of the pause late, it still counts from there."""
    story = Sla(PAUSING).opened().routed(admitted(T0)).told(sent()).at(T0 + 3 * DAY)
    story.routed(resolve(T0 + 2 * DAY + HOUR)).then_bodies("resumed", "met", "conversation_closed")
    other = Sla(PAUSING).opened().routed(admitted(T0)).told(sent()).at(T0 + 3 * DAY)
    other.routed(resolve(T0 + 3 * DAY)).then_bodies("resumed", "breached", "met", "conversation_closed")
    story.then_replays()
    other.then_replays()


def test_a_message_newer_than_the_answer_keeps_the_clock_running() -> None:
    """The customer does not have the word if they wrote after the answer."""
    story = Sla(PAUSING).opened().routed(admitted(T0 + MINUTE)).said(message(T0 + 2 * MINUTE, "m2"))
    story.told(sent()).then_bodies("reply_settled").then_replays()


def test_an_auto_reply_does_not_end_a_pause() -> None:
    """Out of office is nobody's word."""
    story = Sla(PAUSING).opened().routed(admitted(T0)).told(sent())
    story.said(message(T0 + HOUR, "m2", auto=AUTO_KIND_AUTO_REPLY)).then_bodies().then_replays()


def test_a_second_answer_in_a_pause_changes_nothing() -> None:
    """The pause counts from the first answer."""
    story = Sla(PAUSING).opened().routed(admitted(T0)).told(sent())
    story.routed(admitted(T0 + HOUR, "q2")).then_bodies("reply_suspended")
    story.told(sent("q2")).then_bodies("reply_settled")
    story.told(sent("q2")).then_bodies().then_replays()


def test_a_failed_answer_does_not_pause() -> None:
    """The customer has heard nothing."""
    story = Sla(PAUSING).opened().routed(admitted(T0)).told(failed())
    story.then_bodies("reply_settled").until(T0 + DAY)
    assert story.times() == [("warned", 120), ("breached", 240)]
    story.then_replays()


def test_a_breach_does_not_pause() -> None:
    """What is broken stays broken until it is resolved."""
    story = Sla(PAUSING).opened().until(T0 + 5 * HOUR).routed(admitted(T0 + 5 * HOUR))
    story.then_bodies().told(sent()).then_bodies().then_replays()


def test_without_the_policys_word_nothing_pauses() -> None:
    """The clock runs on unless the policy says otherwise."""
    story = Sla({"name": "p", "resolution": "4h"}).opened().routed(admitted(T0)).told(sent())
    story.then_bodies()
    assert story.started(TARGET_KIND_RESOLUTION).pause_up_to_ms == 0


def test_a_warning_given_before_the_pause_is_not_given_again() -> None:
    """One warning for each promise."""
    story = Sla(PAUSING).opened().until(T0 + 3 * HOUR).routed(admitted(T0 + 3 * HOUR)).told(sent())
    story.said(message(T0 + DAY, "m2")).until(T0 + 3 * DAY)
    assert [name for name, _ in story.times()] == ["breached"]
    assert [e.WhichOneof("body") for e in story.log].count("warned") == 1
    story.then_replays()
