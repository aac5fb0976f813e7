"""A week as a picture: what came, how long it waited, what was promised in vain, by channel and hour (SVG).

Written by hand: three panels over one axis of opening hours, a colour for each channel. Load and breaches are
stacked bars, so that their height is the sum; waits are means on a logarithmic axis, because a call waits
seconds and a mail hours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from sim.figures import attained
from sim.week import Week

HOUR_MS = 3_600_000
COLUMN, PANEL, GAP = 15, 150, 44
"""Widths and heights in SVG units: of an hour, of a panel, and between two."""
LEFT, TOP, RIGHT = 64, 56, 16
COLOURS = ("#d1495b", "#edae49", "#00798c", "#30638e", "#7a5195", "#6b705c")
WAIT_TICKS_S = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3_600: "1 h", 14_400: "4 h", 43_200: "12 h"}

Rows = dict[str, list[float]]
"""A value an hour, by channel."""


def plot(week: Week, title: str) -> str:
    """The week that was played, as an SVG document."""
    hours = math.ceil(week.shop.days * week.hours.day_ms / HOUR_MS)
    day_hours = hours // week.shop.days
    load, waits, breaches = _by_hour(week, hours)
    colours = dict(zip(week.shop.channels, COLOURS * len(week.shop.channels), strict=False))
    width, height = LEFT + hours * COLUMN + RIGHT, TOP + 3 * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        f' font-size="11"><rect width="{width}" height="{height}" fill="white"/>',
        _text(LEFT, 20, title, size=14),
        *_legend(colours),
    ]
    panels = (("contacts an hour", load), ("mean wait", waits), ("promises broken an hour", breaches))
    for place, (name, rows) in enumerate(panels):
        base = TOP + place * (PANEL + GAP) + PANEL
        parts.append(_text(LEFT, base - PANEL - 6, name))
        parts += _days(base, week.shop.days, day_hours)
        parts += _lines(base, rows, colours) if rows is waits else _bars(base, rows, colours)
    return "\n".join([*parts, "</svg>\n"])


def _by_hour(week: Week, hours: int) -> tuple[Rows, Rows, Rows]:
    """Contacts, mean seconds until somebody began, and broken promises, by the hour in which they came."""
    load, waited, served, broken = ({name: [0.0] * hours for name in week.shop.channels} for _ in range(4))
    for one, outcome in zip(week.contacts, week.outcomes, strict=True):
        hour = min(outcome.arrived_ms // HOUR_MS, hours - 1)
        load[one.channel][hour] += 1
        broken[one.channel][hour] += attained(week, one, outcome) is False
        if outcome.started_ms >= 0:
            served[one.channel][hour] += 1
            waited[one.channel][hour] += (outcome.started_ms - outcome.arrived_ms) / 1000
    waits = {
        name: [total / max(n, 1) for total, n in zip(waited[name], served[name], strict=True)]
        for name in waited
    }
    return load, waits, broken


def _bars(base: float, rows: Rows, colours: Mapping[str, str]) -> Iterator[str]:
    sums = [sum(column) for column in zip(*rows.values(), strict=True)]
    most = _round_up(max(sums, default=0))
    for value in (0, most / 2, most):
        yield from _tick(base - PANEL * value / most, f"{value:g}", len(sums))
    below = [0.0] * len(sums)
    for name, values in rows.items():
        for hour, value in enumerate(values):
            if value:
                tall = PANEL * value / most
                yield (
                    f'<rect x="{LEFT + hour * COLUMN + 1}" y="{base - below[hour] - tall:.1f}" '
                    f'width="{COLUMN - 2}" height="{tall:.1f}" fill="{colours[name]}"/>'
                )
                below[hour] += tall


def _lines(base: float, rows: Rows, colours: Mapping[str, str]) -> Iterator[str]:
    top = math.log10(max(WAIT_TICKS_S))

    def at(seconds: float) -> float:
        return base - PANEL * min(math.log10(max(seconds, 1.0)) / top, 1.0)

    hours = max(map(len, rows.values()), default=0)
    for seconds, said in WAIT_TICKS_S.items():
        yield from _tick(at(seconds), said, hours)
    for name, values in rows.items():
        points = " ".join(
            f"{LEFT + (hour + 0.5) * COLUMN},{at(value):.1f}" for hour, value in enumerate(values)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colours[name]}" stroke-width="1.6"/>'


def _days(base: float, days: int, day_hours: int) -> Iterator[str]:
    for day in range(days):
        x = LEFT + day * day_hours * COLUMN
        yield f'<path d="M{x} {base - PANEL}V{base}" stroke="#999"/>'
        yield _text(x + day_hours * COLUMN / 2, base + 16, f"day {day + 1}", "middle")


def _tick(y: float, said: str, hours: int) -> Sequence[str]:
    line = f'<path d="M{LEFT} {y:.1f}H{LEFT + hours * COLUMN}" stroke="#ddd"/>'
    return line, _text(LEFT - 6, y + 4, said, "end")


def _legend(colours: Mapping[str, str]) -> Iterator[str]:
    for place, (name, colour) in enumerate(colours.items()):
        x = LEFT + place * 90
        yield f'<rect x="{x}" y="28" width="10" height="10" fill="{colour}"/>'
        yield _text(x + 15, 37, name)


def _text(x: float, y: float, said: str, anchor: str = "start", size: int = 11) -> str:
    return f'<text x="{x:g}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(said)}</text>'


def _round_up(value: float) -> float:
    """The next round number that is not less."""
    step = 10.0 ** math.floor(math.log10(value)) if value >= 1 else 1.0
    return next(step * times for times in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * times >= value)
