"""What is kept of a desk's log: the period, and the last weeks before its end."""

from __future__ import annotations

import pytest

from services.kernel.limits import DAY_MS, HOUR_MS
from sim.hours import MONDAY_MS
from sim.past import LEARNED_MS, Past, read
from sim.week import DESK_ID
from tests.sim.recorded import record
from tests.sim.worlds import contact, person, shop
from tests.tools.made import MadeLogs


@pytest.fixture(scope="module")
def logs() -> MadeLogs:
    """Two days, of which each has three chats of a minute or so."""
    day_s = 3_600
    chats = [contact(day * day_s + t) for day in (0, 1) for t in (60, 600, 1_200)]
    return record(shop(person("anna")), chats, "longest_idle")


def kept(past: Past) -> list[str]:
    """The conversations that are in memory."""
    return sorted(past.cases)


def test_what_is_too_old_to_teach_is_not_kept(logs: MadeLogs) -> None:
    """Given a period that ends four weeks after the first day, that day's conversations are gone, and the
    second day's are still there to learn from; a month later nothing is."""
    second_day_ms = MONDAY_MS + DAY_MS
    to_ms = second_day_ms + LEARNED_MS
    assert kept(read(logs, DESK_ID, to_ms - DAY_MS, to_ms)) == ["c3", "c4", "c5"]
    assert kept(read(logs, DESK_ID, to_ms + 30 * DAY_MS, to_ms + 31 * DAY_MS)) == []


def test_what_reaches_into_the_period_is_kept_however_old(logs: MadeLogs) -> None:
    """Given a period longer than what is learned from, or one that begins in the middle of a conversation,
    all that ended in it are there."""
    to_ms = MONDAY_MS + 60 * DAY_MS
    assert kept(read(logs, DESK_ID, MONDAY_MS, to_ms)) == ["c0", "c1", "c2", "c3", "c4", "c5"]
    middle_ms = MONDAY_MS + 8 * HOUR_MS + 1_230_000
    past = read(logs, DESK_ID, middle_ms, to_ms)
    assert kept(past) == ["c2", "c3", "c4", "c5"]
    [spell] = past.cases["c2"].spells
    assert spell.opened_ms < middle_ms < spell.ended_ms
