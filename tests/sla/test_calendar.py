"""The calendar against an oracle that walks minute by minute, and tables of known days."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.v1.desk_pb2 import OpenRange
from services.sla.calendar import BLOCK_MS, Calendar

HOUR = 3_600_000
MINUTE = 60_000

ZONES = ("Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
CHANGES = {
    "Europe/Warsaw": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "Asia/Kathmandu": ("2026-03-29T01:00", "2026-10-25T01:00"),
}
"""UTC instants of both changes in 2026 (for Kathmandu, which has none, any two)."""


def utc(text: str) -> int:
    """UTC milliseconds of an ISO text."""
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp() * 1000)


def local(zone: str, text: str) -> int:
    """Milliseconds of a local ISO text."""
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def hours(days: str, *ranges: str) -> list[OpenRange]:
    """Ranges "HH:MM-HH:MM" on the days whose numbers are given ("12345")."""
    made = []
    for day in days:
        for text in ranges:
            start, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
            made.append(OpenRange(weekday=int(day), start_min=start, end_min=end))
    return made


def is_open(zone: ZoneInfo, week: list[OpenRange], at_ms: int) -> bool:
    """The definition: the local weekday and minute lie in a range."""
    there = datetime.datetime.fromtimestamp(at_ms / 1000, zone)
    minute = there.hour * 60 + there.minute
    return any(r.weekday == there.isoweekday() and r.start_min <= minute < r.end_min for r in week)


WEEKS = st.lists(
    st.tuples(st.integers(1, 7), st.integers(0, 1439), st.integers(1, 1440)).map(
        lambda t: OpenRange(weekday=t[0], start_min=min(t[1], t[2] - 1), end_min=max(t[1] + 1, t[2]))
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 1), WEEKS, st.integers(-1500, 1500), st.integers(0, 2000))
def test_between_is_what_minutes_count(
    zone: str, change: int, week: list[OpenRange], shift: int, length: int
) -> None:
    """Open time between two instants is the number of open minutes, over both changes of the clock."""
    start = utc(CHANGES[zone][change]) + shift * MINUTE
    place = ZoneInfo(zone)
    counted = sum(is_open(place, week, start + i * MINUTE) for i in range(length)) * MINUTE
    assert Calendar(zone, week).open_ms_between(start, start + length * MINUTE) == counted


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 1), WEEKS, st.integers(-1500, 1500), st.integers(1, 600))
def test_due_is_the_first_instant_with_that_much_open_time(
    zone: str, change: int, week: list[OpenRange], shift: int, minutes: int
) -> None:
    """A promise is due when the last of its open minutes ends, and not before."""
    calendar = Calendar(zone, week)
    start = utc(CHANGES[zone][change]) + shift * MINUTE
    due = calendar.due_ms(start, minutes * MINUTE)
    assert calendar.open_ms_between(start, due) == minutes * MINUTE
    assert is_open(ZoneInfo(zone), week, due - 1)
    if due - start < 3000 * MINUTE:
        counted, at = 0, start
        place = ZoneInfo(zone)
        while counted < minutes:
            counted += is_open(place, week, at)
            at += MINUTE
        assert due == at


@settings(max_examples=40, deadline=None)
@given(WEEKS, st.integers(0, 10**12), st.integers(0, 10**9), st.integers(0, 10**9))
def test_open_time_adds_up(week: list[OpenRange], start: int, first: int, second: int) -> None:
    """Open time is additive, also over the edges of blocks, and due in two steps is due in one."""
    calendar = Calendar("Europe/Warsaw", week)
    middle, end = start + first, start + first + second
    assert calendar.open_ms_between(start, end) == calendar.open_ms_between(
        start, middle
    ) + calendar.open_ms_between(middle, end)
    assert calendar.due_ms(calendar.due_ms(start, first + 1), second) == calendar.due_ms(
        start, first + 1 + second
    )


def test_always_open_is_real_time() -> None:
    """A desk without hours, or open around the clock, counts every second, midnight and changes too."""
    for week in ([], hours("1234567", "00:00-24:00"), hours("1234567", "00:00-12:00", "12:00-24:00")):
        calendar = Calendar("Europe/Warsaw", week)
        start = utc("2026-03-28T22:59")
        assert calendar.always
        assert calendar.due_ms(start, 100 * HOUR) == start + 100 * HOUR
        assert calendar.open_ms_between(start, start + BLOCK_MS * 3) == BLOCK_MS * 3


WARSAW = hours("12345", "08:00-12:00", "12:30-20:00") + hours("6", "10:00-14:00")


@pytest.mark.parametrize(
    ("start", "ms", "days", "due"),
    [
        ("2026-01-09T16:30", HOUR, 0, "2026-01-09T17:30"),
        ("2026-01-09T19:30", HOUR, 0, "2026-01-10T10:30"),
        ("2026-01-10T13:30", HOUR, 0, "2026-01-12T08:30"),
        ("2026-01-09T11:30", HOUR, 0, "2026-01-09T13:00"),
        ("2026-01-09T19:00", HOUR, 0, "2026-01-09T20:00"),
        ("2026-01-11T03:00", HOUR, 0, "2026-01-12T09:00"),
        ("2026-01-07T09:15", 0, 1, "2026-01-08T09:15"),
        ("2026-01-09T09:00", 0, 1, "2026-01-10T10:00"),
        ("2026-01-09T16:00", 0, 1, "2026-01-10T14:00"),
        ("2026-01-10T11:00", 0, 1, "2026-01-12T11:00"),
        ("2026-01-10T15:00", 0, 1, "2026-01-13T08:00"),
        ("2026-01-06T12:10", 0, 1, "2026-01-07T12:30"),
        ("2026-01-10T12:10", 0, 1, "2026-01-12T12:00"),
        ("2026-01-08T19:00", HOUR * 2, 1, "2026-01-10T11:00"),
        ("2026-01-05T10:00", 0, 6, "2026-01-12T10:00"),
    ],
)
def test_known_days(start: str, ms: int, days: int, due: str) -> None:
    """Hours with a break and a short Saturday, as a desk would count by hand."""
    zone = "Europe/Warsaw"
    assert Calendar(zone, WARSAW).due_ms(local(zone, start), ms, days) == local(zone, due)


def test_a_business_day_keeps_the_time_of_day_over_the_change_of_the_clock() -> None:
    """One business day over the change is the same time of day, 23 or 25 hours away."""
    zone = "Europe/Warsaw"
    calendar = Calendar(zone, hours("1234567", "00:00-24:00"))
    assert calendar.due_ms(local(zone, "2026-03-28T12:00"), 0, 1) == local(zone, "2026-03-29T12:00")
    assert calendar.due_ms(local(zone, "2026-10-24T12:00"), 0, 1) == local(zone, "2026-10-25T12:00")


def test_a_night_shift_counts_the_repeated_hour_twice_and_the_skipped_one_never() -> None:
    """Open from 01:00 to 04:00: four hours in the night that is longer, two in the shorter one."""
    zone, week = "Europe/Warsaw", hours("7", "01:00-04:00")
    calendar = Calendar(zone, week)
    for day, open_hours in (("2026-10-25", 4), ("2026-03-29", 2), ("2026-01-11", 3)):
        start = local(zone, f"{day}T00:00")
        assert calendar.open_ms_between(start, local(zone, f"{day}T12:00")) == open_hours * HOUR


def test_business_days_never_go_back() -> None:
    """Whenever a promise in business days is made, it is due on a later day within the hours of that day."""
    calendar = Calendar("Europe/Warsaw", WARSAW)
    start = local("Europe/Warsaw", "2026-03-23T00:00")
    for step in range(0, 14 * 24 * 60, 37):
        at = start + step * MINUTE
        due = calendar.due_ms(at, 0, 1)
        assert due > at
        assert calendar.open_ms_between(at, due) > 0
        assert calendar.open_ms_between(due - 1, due + 1) > 0
