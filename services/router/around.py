"""What stands around a conversation that begins to wait: the input of `forecast.py`, counted on the floor.

Who is there and how much they hold is counted for each profile, and so is what waits: each conversation
stands in the load of every profile that could take it, as one part of the agents who could (`Floor.wait`).
The work ahead is what falls to the agents who could take this one. All of it is kept up to date in whole
numbers, so that a restored floor counts the same, and a look costs an addition for each profile that fits.
"""

from __future__ import annotations

from services.router.floor import Floor
from services.router.forecast import Around
from services.router.profiles import EACH_UNIT, Shape

LOOKED_MAX = 200
"""With more able agents than this they are taken to be as full as they can be: that is why one waits."""


def look(floor: Floor, shape: Shape, priority: int) -> Around:
    """What stands around a conversation of this shape and priority."""
    least = priority if floor.policy.priority_first else int(shape.live)
    one = two = more = ahead = 0
    able = shape.able_available
    is_looked_at = able <= LOOKED_MAX
    for profile in shape.able:
        if is_looked_at:
            _, its_one, its_two, its_more, _ = profile.hands
            one += its_one
            two += its_two
            more += its_more
        for urgency, part in profile.load.items():
            if urgency >= least:
                ahead += part * len(profile.seats)
    if not is_looked_at:
        one, two, more = (able, 0, 0) if shape.whole else (0, 0, able)
    handled_ms = floor.learned.handled_ms(None, shape.channel)
    return Around(able, one, two, more, ahead / EACH_UNIT, handled_ms, shape.whole)
