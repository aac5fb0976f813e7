"""Quiet hours: until when a notice waits, in the wall time of a zone, whatever its clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from services.kernel.limits import MINUTE_MS

_DAY_MIN = 1440


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The IANA zone; UTC for a name that is none (the edge refuses those)."""
    try:
        return ZoneInfo(name or "UTC")
    except (ValueError, OSError, KeyError):
        return ZoneInfo("UTC")


def local(time_zone: str, at_ms: int) -> datetime:
    """A time as the clocks of the zone show it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone(time_zone))


def quiet_until(time_zone: str, start_min: int, end_min: int, now_ms: int) -> int:
    """When the quiet hours that hold at `now_ms` end, Unix milliseconds; 0 outside them.

    They begin with minute `start_min` of the day and end before `end_min`; equal: there are none.
    An end that the clocks skip is where they go on, one that they show twice is the next to come.
    """
    if start_min == end_min:
        return 0
    now = local(time_zone, now_ms)
    minute = now.hour * 60 + now.minute
    if start_min < end_min:
        inside, days = start_min <= minute < end_min, 0
    else:
        inside, days = minute >= start_min or minute < end_min, 1 if minute >= start_min else 0
    if not inside:
        return 0
    days, end_min = days + end_min // _DAY_MIN, end_min % _DAY_MIN
    day = (now + timedelta(days=days)).date()
    for fold in (0, 1):
        at = time(end_min // 60, end_min % 60, fold=fold, tzinfo=now.tzinfo)
        end_ms = int(datetime.combine(day, at).timestamp() * 1000)
        if end_ms > now_ms:
            return end_ms
    return now_ms + MINUTE_MS
