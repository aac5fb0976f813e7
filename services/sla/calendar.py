"""Opening hours of a week in a time zone, and the two questions that promises ask of them.

An instant is open when its local weekday and time of day lie in a range. Everything follows from
that: a local time that summer time skips does not exist, one that it repeats counts twice, and a
desk that is always open counts real time. `due_ms` and `open_ms_between` are all that the engine
knows of hours; holidays and single days with other hours change `_open_local` and nothing else.

How: time is cut into blocks of about a year. A block's open intervals are made once, from stretches
of constant offset in which local time is a straight line, and kept with running sums; a question is
then a search by halves. A week's hours never lack an open minute (the desk's parser sees to that; no
hours at all mean always open), so every search ends.

Business days: "1d" is the same local time of day on the next business day (a day with any open time).
Counting begins at the first open instant. If the desk is closed at that time of day, the end of the
open range before it on that day holds, or the day's first opening if there is none: never later than
asked for, and never before the day has begun.
"""

from __future__ import annotations

import datetime
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

from proto.v1.desk_pb2 import OpenRange
from services.kernel.limits import DAY_MS, MINUTE_MS

BLOCK_MS = 2**35
"""Width of a block: 398 days, so that a year's span touches two."""

DAYS_KEPT_MAX = 1_000
"""Local days whose ranges are kept at hand: promises reach a few weeks ahead."""

_EPOCH = datetime.datetime(1970, 1, 1)
_UTC = datetime.UTC
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday (Monday is 0)."""


class _Block(NamedTuple):
    """Open intervals of a block, UTC milliseconds, in order; `sums[i]`: open time before interval i.

    `turns` and `offsets`: where stretches of constant offset begin, and local time less UTC there.
    """

    starts: array[int]
    ends: array[int]
    sums: array[int]
    turns: array[int]
    offsets: array[int]


class _Day(NamedTuple):
    """A local day: its offset (None: it changes), its open ranges in UTC milliseconds."""

    offset_ms: int | None
    ranges: list[tuple[int, int]]


class Calendar:
    """When a desk is open. `hours` without a range: always."""

    __slots__ = ("_blocks", "_days", "_week", "_zone", "always")

    def __init__(self, time_zone: str, hours: Iterable[OpenRange]) -> None:
        self._zone = ZoneInfo(time_zone or "UTC")
        week: list[list[tuple[int, int]]] = [[] for _ in range(7)]
        for span in hours:
            week[span.weekday - 1].append((span.start_min * MINUTE_MS, span.end_min * MINUTE_MS))
        self._week = [_joined(day) for day in week]
        if not any(self._week):
            self._week = [[(0, DAY_MS)]] * 7
        self.always = all(day == [(0, DAY_MS)] for day in self._week)
        self._blocks: dict[int, _Block] = {}
        self._days: dict[int, _Day] = {}

    def due_ms(self, start_ms: int, open_ms: int, business_days: int = 0) -> int:
        """When a promise made at `start_ms` is due: business days first, then open time.

        The earliest instant at which that much time has been open, so a day's work that ends with
        the opening hours is due when they end. Nothing promised is due at once.
        """
        at_ms = self._after_days(start_ms, business_days) if business_days else start_ms
        if open_ms <= 0 or self.always:
            return at_ms + max(0, open_ms)
        index = at_ms // BLOCK_MS
        block = self._block(index)
        wanted = _open_before(block, at_ms) + open_ms
        while wanted > block.sums[-1]:
            wanted -= block.sums[-1]
            index += 1
            block = self._block(index)
        place = bisect_left(block.sums, wanted) - 1
        return block.starts[place] + wanted - block.sums[place]

    def open_ms_between(self, start_ms: int, end_ms: int) -> int:
        """Open time from one instant to a later one; 0 if it is not later."""
        if end_ms <= start_ms:
            return 0
        if self.always:
            return end_ms - start_ms
        first, last = start_ms // BLOCK_MS, end_ms // BLOCK_MS
        whole = sum(self._block(index).sums[-1] for index in range(first, last))
        return whole + _open_before(self._block(last), end_ms) - _open_before(self._block(first), start_ms)

    def opens_ms(self, at_ms: int) -> int:
        """The first open instant at or after `at_ms`."""
        if self.always:
            return at_ms
        index = at_ms // BLOCK_MS
        while True:
            block = self._block(index)
            place = bisect_right(block.ends, at_ms)
            if place < len(block.ends):
                return max(at_ms, block.starts[place])
            index += 1

    def _after_days(self, start_ms: int, days: int) -> int:
        start_ms = self.opens_ms(start_ms)
        block = self._block(start_ms // BLOCK_MS)
        local_ms = start_ms + block.offsets[bisect_right(block.turns, start_ms) - 1]
        date, time_ms = divmod(local_ms, DAY_MS)
        if self.always:
            return self._instant_ms((date + days) * DAY_MS + time_ms)
        while days:
            date += 1
            days -= 1 if self._open_local(date) else 0
        return self._on_day(date, time_ms)

    def _on_day(self, date: int, time_ms: int) -> int:
        """A local time of day on a business day, moved to where the day is open."""
        day = self._day(date)
        local_ms = date * DAY_MS + time_ms
        wanted_ms = self._instant_ms(local_ms) if day.offset_ms is None else local_ms - day.offset_ms
        found_ms: int | None = None
        for start_ms, end_ms in day.ranges:
            if wanted_ms < start_ms:
                return start_ms if found_ms is None else found_ms
            found_ms = min(wanted_ms, end_ms)
        return wanted_ms if found_ms is None else found_ms

    def _day(self, date: int) -> _Day:
        day = self._days.get(date)
        if day is None:
            midnight_ms = date * DAY_MS
            first_ms, last_ms = self._instant_ms(midnight_ms), self._instant_ms(midnight_ms + DAY_MS)
            ranges = [
                (self._instant_ms(midnight_ms + start), self._instant_ms(midnight_ms + end))
                for start, end in self._open_local(date)
            ]
            same = last_ms - first_ms == DAY_MS
            day = _Day(midnight_ms - first_ms if same else None, ranges)
            if len(self._days) >= DAYS_KEPT_MAX:
                self._days.clear()
            self._days[date] = day
        return day

    def _open_local(self, date: int) -> list[tuple[int, int]]:
        """Open ranges of a local day, milliseconds of the day; `date` in days since 1970-01-01."""
        return self._week[(date + _EPOCH_WEEKDAY) % 7]

    def _offset_ms(self, at_ms: int) -> int:
        offset = datetime.datetime.fromtimestamp(at_ms // 1000, self._zone).utcoffset()
        return 0 if offset is None else round(offset.total_seconds() * 1000)

    def _instant_ms(self, local_ms: int) -> int:
        """The instant of a local time; the first of a repeated one, a skipped one by the offset before."""
        local = _EPOCH + datetime.timedelta(milliseconds=local_ms)
        offset = local.replace(tzinfo=self._zone).utcoffset()
        return local_ms - (0 if offset is None else round(offset.total_seconds() * 1000))

    def _block(self, index: int) -> _Block:
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = self._made(index * BLOCK_MS, (index + 1) * BLOCK_MS)
        return block

    def _made(self, from_ms: int, to_ms: int) -> _Block:
        starts, ends, sums = array("q"), array("q"), array("q", [0])
        stretches = list(self._stretches(from_ms, to_ms))
        for start_ms, end_ms in self._intervals(stretches):
            if ends and ends[-1] == start_ms:
                sums[-1] += end_ms - start_ms
                ends[-1] = end_ms
            else:
                starts.append(start_ms)
                ends.append(end_ms)
                sums.append(sums[-1] + end_ms - start_ms)
        turns = array("q", (first_ms for first_ms, _, _ in stretches))
        return _Block(starts, ends, sums, turns, array("q", (offset_ms for _, _, offset_ms in stretches)))

    def _intervals(self, stretches: list[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
        for first_ms, last_ms, offset_ms in stretches:
            low_ms, high_ms = first_ms + offset_ms, last_ms + offset_ms
            for date in range(low_ms // DAY_MS, -(-high_ms // DAY_MS)):
                for start, end in self._open_local(date):
                    start_ms = max(low_ms, date * DAY_MS + start)
                    end_ms = min(high_ms, date * DAY_MS + end)
                    if start_ms < end_ms:
                        yield start_ms - offset_ms, end_ms - offset_ms

    def _stretches(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, int, int]]:
        """Stretches of constant offset. No zone changes its offset twice within a day."""
        begin_ms, offset_ms = from_ms, self._offset_ms(from_ms)
        at_ms = from_ms
        while at_ms < to_ms:
            next_ms = min(at_ms + DAY_MS, to_ms)
            if (new_ms := self._offset_ms(next_ms)) != offset_ms:
                change_ms = self._change(at_ms, next_ms, offset_ms)
                if begin_ms < change_ms:
                    yield begin_ms, min(change_ms, to_ms), offset_ms
                begin_ms, offset_ms = change_ms, new_ms
            at_ms = next_ms
        if begin_ms < to_ms:
            yield begin_ms, to_ms, offset_ms

    def _change(self, low_ms: int, high_ms: int, offset_ms: int) -> int:
        """The second at which the offset stops being `offset_ms`."""
        low, high = low_ms // 1000, -(-high_ms // 1000)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset_ms(middle * 1000) == offset_ms:
                low = middle
            else:
                high = middle
        return high * 1000


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, those that touch or overlap made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif start < end:
            joined.append((start, end))
    return joined


def _open_before(block: _Block, at_ms: int) -> int:
    """Open time of the block before an instant in it."""
    place = bisect_right(block.starts, at_ms) - 1
    if place < 0:
        return 0
    return block.sums[place] + min(at_ms, block.ends[place]) - block.starts[place]
