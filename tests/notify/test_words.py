"""Words and hours: templates, dates, and quiet hours across the clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.v1.desk_pb2 import DeskConfig
from proto.v1.notices_pb2 import SendRequested
from services.notify.quiet import quiet_until
from services.notify.templates import TEMPLATE_VERSION, render

WARSAW = "Europe/Warsaw"
DESK = DeskConfig(name="Sklep <Rowerowy>", locale="pl", time_zone=WARSAW)


def ms(text: str, zone: str = WARSAW) -> int:
    """Local time as Unix milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def notice(before: str, now: str, language: str, worded: str = "2026-01-10T12:00") -> SendRequested:
    """A delay from one date to another."""
    return SendRequested(
        order_id="R-17 & <b>",
        language=language,
        told_before_ms=ms(before) if before else 0,
        told_now_ms=ms(now),
        worded_at_ms=ms(worded),
        template_version=TEMPLATE_VERSION,
    )


@pytest.mark.parametrize(
    ("language", "subject", "sentence"),
    [
        (
            "pl-PL",
            "Zamówienie R-17 & <b>: nowy termin dostawy",
            "Nowy termin dostawy: środa, 14 stycznia (wcześniej: poniedziałek, 12 stycznia).",
        ),
        (
            "en",
            "Order R-17 & <b>: new delivery date",
            "New delivery date: Wednesday, 14 January (before: Monday, 12 January).",
        ),
        (
            "de",
            "Order R-17 & <b>: new delivery date",
            "New delivery date: Wednesday, 14 January (before: Monday, 12 January).",
        ),
    ],
)
def test_a_delay_is_told_with_both_dates(language: str, subject: str, sentence: str) -> None:
    """Old and new date by weekday and month, in the reader's language or English; in the desk's zone."""
    words = render(notice("2026-01-12T23:30", "2026-01-14T00:30", language), DESK)
    assert words.subject == subject
    assert sentence in words.text


def test_without_a_language_the_desks_is_used() -> None:
    """Nothing known of the reader: the desk's locale."""
    assert "Dzień dobry" in render(notice("2026-01-12", "2026-01-14", ""), DESK).text


def test_html_is_escaped_and_text_is_not() -> None:
    """Names and order numbers cannot write HTML; the plain text has them as they are."""
    words = render(notice("2026-01-12", "2026-01-14", "en"), DESK)
    assert "R-17 &amp; &lt;b&gt;" in words.html
    assert "<b>" not in words.html
    assert "R-17 & <b>" in words.text


def test_a_slip_within_the_day_says_the_hour() -> None:
    """Where the day stays the same the hour is what is new."""
    words = render(notice("2026-01-14T10:00", "2026-01-14T15:05", "pl"), DESK)
    assert "środa, 14 stycznia, około 15:05 (wcześniej: środa, 14 stycznia, około 10:00)" in words.text


def test_a_slip_into_another_year_says_the_years() -> None:
    """At the turn of the year both dates carry theirs."""
    words = render(notice("2026-12-30", "2027-01-04", "en"), DESK)
    assert "Monday, 4 January 2027 (before: Wednesday, 30 December 2026)" in words.text


@pytest.mark.parametrize(
    ("language", "before", "sentence"),
    [
        ("en", "", "Expected delivery: Saturday, 3 May 2031."),
        ("pl", "", "Przewidywany termin dostawy: sobota, 3 maja 2031."),
        ("en", "2031-05-01", "New delivery date: Saturday, 3 May 2031 (before: Thursday, 1 May 2031)."),
        ("pl", "2031-05-01", "Nowy termin dostawy: sobota, 3 maja 2031 (wcześniej: czwartek, 1 maja 2031)."),
        (
            "en",
            "2031-05-03T10:00",
            "Saturday, 3 May 2031, around 15:00 (before: Saturday, 3 May 2031, around",
        ),
    ],
)
def test_a_date_in_another_year_says_it(language: str, before: str, sentence: str) -> None:
    """A reader of this year takes a date without a year for one of this year."""
    now = "2031-05-03T15:00"
    assert sentence in render(notice(before, now, language), DESK).text
    words = render(notice(before, now, language, worded="2031-01-01"), DESK).text
    assert "2031" not in words


def test_the_year_is_the_one_of_the_desks_clocks() -> None:
    """What leaves in the first minutes of the desk's new year is of that year, though UTC has the old one."""
    for worded, said in (("2026-12-31T23:30", "4 January 2027"), ("2027-01-01T00:30", "4 January.")):
        assert said in render(notice("", "2027-01-04", "en", worded), DESK).text


def test_words_of_before_stay_as_they_were() -> None:
    """The first template said a year only between two: what was sent by it is shown so."""
    old = notice("2031-05-01", "2031-05-03", "en")
    old.template_version, old.worded_at_ms = 1, 0
    assert "New delivery date: Saturday, 3 May (before: Thursday, 1 May)." in render(old, DESK).text


def test_without_an_earlier_date_none_is_named() -> None:
    """Where nothing was promised the notice names the new date only."""
    words = render(notice("", "2026-01-14", "en"), DESK)
    assert "Expected delivery: Wednesday, 14 January." in words.text
    assert "before" not in words.text


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-14T20:59:59", ""),
        ("2026-01-14T21:00", "2026-01-15T08:00"),
        ("2026-01-15T07:59:59", "2026-01-15T08:00"),
        ("2026-01-15T08:00", ""),
        ("2026-03-28T22:00", "2026-03-29T08:00"),
        ("2026-10-24T22:00", "2026-10-25T08:00"),
    ],
)
def test_quiet_hours_across_midnight(now: str, until: str) -> None:
    """Quiet begins with its minute, ends before its end, over midnight and over changes of the clock."""
    assert quiet_until(WARSAW, 21 * 60, 8 * 60, ms(now)) == (ms(until) if until else 0)


def test_an_end_that_the_clock_skips_or_repeats() -> None:
    """An end at 02:30 is half past three on the short night, and the next to come on the long one."""
    assert quiet_until(WARSAW, 0, 150, ms("2026-03-29T01:00")) == ms("2026-03-29T03:30")
    second = ms("2026-10-25T02:15") + 3_600_000
    assert quiet_until(WARSAW, 0, 150, second) == ms("2026-10-25T02:30") + 3_600_000


@given(
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)),
    st.sampled_from([WARSAW, "UTC", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_quiet_ends_where_it_is_no_longer_quiet(start: int, end: int, at: datetime, zone: str) -> None:
    """The end is after now, at most a long day away, shows the wall time that was asked for unless the clock
    skips it, and is itself not quiet."""
    now_ms = int(at.replace(tzinfo=UTC).timestamp() * 1000)
    until_ms = quiet_until(zone, start, end, now_ms)
    if not until_ms:
        return
    assert now_ms < until_ms <= now_ms + 25 * 3_600_000
    wall = datetime.fromtimestamp(until_ms / 1000, ZoneInfo(zone))
    skipped = wall - timedelta(hours=1)
    assert end % 1440 in {wall.hour * 60 + wall.minute, skipped.hour * 60 + skipped.minute} or (
        zone == "Australia/Lord_Howe"
    )
