"""What stands around a conversation that begins to wait: the input of `forecast.py`, counted on the floor.

Counts cost a look at each agent who could take it, up to `LOOKED_MAX`, and at each shape in which somebody
waits. How much of another shape's work asks for the same agents is its *overlap*, a share that changes only
with people's settings and is kept until then. Sums do not depend on the order in which things are found, so a
restored floor counts the same.
"""

from __future__ import annotations

from math import fsum

from services.router.floor import Floor
from services.router.forecast import Around
from services.router.profiles import Shape

LOOKED_MAX = 200
"""With more able agents than this they are taken to be as full as they can be: that is why one waits."""
OVERLAPS_MAX = 2_000
"""Shapes whose overlap with another is kept, for each other."""


def look(floor: Floor, shape: Shape, priority: int) -> Around:
    """What stands around a conversation of this shape and priority."""
    able = shape.able_available
    one = two = more = 0
    if able > LOOKED_MAX:
        one, more = (able, 0) if shape.whole else (0, able)
    else:
        for profile in shape.able:
            for seat in profile.seats.values():
                if seat.ruled:
                    continue
                holds = len(seat.held)
                if holds > 2:
                    more += 1
                elif holds == 2:
                    two += 1
                else:
                    one += holds
    handled_ms = floor.learned.handled_ms(None, shape.channel)
    return Around(able, one, two, more, _ahead(floor, shape, priority), handled_ms, shape.whole)


def _ahead(floor: Floor, shape: Shape, priority: int) -> float:
    """How many go first, each counted by the share of its agents who could take this one, too."""
    least = priority if floor.policy.priority_first else 0
    only_live = shape.live and not least
    found: list[float] = []
    for other in floor.shapes.values():
        lines = other.lines
        if not lines or (only_live and not other.live):
            continue
        count = 0
        for line in lines.values():
            if line.priority >= least:
                count += line.count
        if count:
            shares = floor.overlaps.get(other)
            share = shares.get(shape) if shares is not None else None
            found.append(count * (_overlap(floor, other, shape) if share is None else share))
    return fsum(found)


def _overlap(floor: Floor, other: Shape, shape: Shape) -> float:
    """The share of the agents able to do the other's work who are able to do this."""
    every = sum([len(profile.seats) for profile in other.able])
    both = sum([len(profile.seats) for profile in other.able.keys() & shape.able.keys()])
    share = both / every if every else 0.0
    shares = floor.overlaps.setdefault(other, {})
    if len(shares) >= OVERLAPS_MAX:
        shares.clear()
    shares[shape] = share
    return share
