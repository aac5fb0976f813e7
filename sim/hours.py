"""Business time and the clock: a workload counts open hours only, engines live by the calendar.

A week of business time is laid out from a Monday on, opening at 08:00 UTC (or at midnight, if days are
longer than sixteen hours), so that an engine that learns by the hour of the day, and a promise that counts
open hours, meet in the simulator what they meet in production. Times are whole milliseconds.
"""

from __future__ import annotations

from proto.v1.desk_pb2 import OpenRange
from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS

MONDAY_MS = 1_767_571_200_000
"""Monday 2026-01-05 00:00 UTC."""
OPENS_MS = 8 * HOUR_MS
"""When the desk opens, from midnight on."""
WEEK_DAYS = 7


class BusinessHours:
    """`days` days a week of `day_ms` each, one after the other."""

    def __init__(self, day_ms: int, days: int) -> None:
        self.day_ms = day_ms
        self.days = days
        self.opens_ms = OPENS_MS if OPENS_MS + day_ms <= DAY_MS else 0
        self.start_ms = MONDAY_MS + self.opens_ms

    def clock_ms(self, business_ms: int) -> int:
        """The instant of a business time; a day's end is the next day's beginning."""
        day, in_day = divmod(business_ms, self.day_ms)
        week, day = divmod(day, self.days)
        return self.start_ms + (week * WEEK_DAYS + day) * DAY_MS + in_day

    def business_ms(self, clock_ms: int) -> int:
        """Business time that has passed until an instant."""
        day, in_day = divmod(clock_ms - self.start_ms, DAY_MS)
        week, day = divmod(day, WEEK_DAYS)
        if day >= self.days:
            return (week + 1) * self.days * self.day_ms
        return (week * self.days + day) * self.day_ms + min(in_day, self.day_ms)

    def ranges(self) -> list[OpenRange]:
        """The opening hours as a desk's configuration has them."""
        start_min = self.opens_ms // MINUTE_MS
        end_min = start_min + self.day_ms // MINUTE_MS
        return [OpenRange(weekday=day + 1, start_min=start_min, end_min=end_min) for day in range(self.days)]
