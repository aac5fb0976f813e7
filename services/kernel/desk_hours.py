"""Times of day in a desk's configuration: opening hours of a week, quiet hours, dates.

A range may cross midnight ("22:00-02:00"): it then ends on the next day. Ranges of one day may touch
each other and never overlap.
"""

from __future__ import annotations

import datetime
import re

from proto.v1.desk_pb2 import OpenRange
from services.kernel.document import Node

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 1440
RANGES_A_DAY_MAX = 12

_RANGE = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])\s*[-–]\s*(?:([01]?[0-9]|2[0-3]):([0-5][0-9])|(24:00))")
_DAYS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?")


def parse_hours(node: Node) -> list[OpenRange]:
    """The open ranges of a week, sorted, none across midnight. Closed all week is refused."""
    week: dict[int, list[tuple[int, int]]] = {}
    said_by: dict[int, str] = {}
    before = len(node.problems)
    for spec, ranges in node.entries(limit=7).items():
        spans = _ranges(ranges)
        for weekday in _weekdays(ranges, spec):
            if weekday in said_by:
                ranges.wrong(f"{WEEKDAYS[weekday]} is set by {said_by[weekday]} already: name each day once")
                continue
            said_by[weekday] = spec
            for start, end in spans:
                _put(week, ranges, weekday, start, end)
    if not week and len(node.problems) == before:
        node.wrong("no day is open: name an open day, or leave hours out to be open always")
    return [
        OpenRange(weekday=weekday + 1, start_min=start, end_min=end)
        for weekday in sorted(week)
        for start, end in sorted(week[weekday])
    ]


def _weekdays(node: Node, spec: str) -> list[int]:
    """The days of a key such as "mon", "mon-fri" or "sat,sun"; a range may run over Sunday."""
    days: list[int] = []
    for part in spec.lower().replace(" ", "").split(","):
        found = _DAYS.fullmatch(part)
        names = [name for name in found.groups() if name] if found else []
        if not names or any(name not in WEEKDAYS for name in names):
            node.wrong('is no day: write "mon" (tue, wed, thu, fri, sat, sun), "mon-fri" or "sat,sun"')
            return []
        first, last = WEEKDAYS.index(names[0]), WEEKDAYS.index(names[-1])
        days.extend((first + step) % 7 for step in range((last - first) % 7 + 1))
    return days


def _ranges(node: Node) -> list[tuple[int, int]]:
    """The ranges of a day in minutes."""
    found = []
    for item in node.one_or_more(RANGES_A_DAY_MAX):
        span = parse_range(item)
        if span is not None and span[0] == span[1]:
            item.wrong('is no time at all: for the whole day write "00:00-24:00"')
        elif span is not None:
            found.append(span)
    return found


def _put(week: dict[int, list[tuple[int, int]]], node: Node, weekday: int, start: int, end: int) -> None:
    pieces = [(weekday, start, end)]
    if end < start:
        pieces = [(weekday, start, DAY_MIN), ((weekday + 1) % 7, 0, end)]
    for day, first, last in pieces:
        if first == last:
            continue
        if any(first < other_last and other_first < last for other_first, other_last in week.get(day, ())):
            node.wrong(f"{WEEKDAYS[day]} has ranges that overlap: let one end before the next begins")
            return
        week.setdefault(day, []).append((first, last))


def parse_range(node: Node) -> tuple[int, int] | None:
    """Start and end of "HH:MM-HH:MM" in minutes of the day; None, and a problem, if it is none."""
    found = _RANGE.fullmatch(node.value.strip()) if isinstance(node.value, str) else None
    if found is None:
        node.wrong('must be a range of times such as "08:00-16:30" (to "24:00"), in quotes')
        return None
    start = int(found.group(1)) * 60 + int(found.group(2))
    end = DAY_MIN if found.group(5) else int(found.group(3)) * 60 + int(found.group(4))
    return start, end


def check_date(node: Node) -> None:
    """A date such as 2026-12-24 that exists."""
    try:
        datetime.date.fromisoformat(node.value if isinstance(node.value, str) else "")
    except ValueError:
        node.wrong('must be a date such as "2026-12-24"')
