"""How much of all the time that agents have is needed for what waits, to be in time.

Theory of operation. Work that can wait goes by its promised moments, so it is feasible if for each moment d
the work that is promised until d fits between now and d (Liu and Layland's demand criterion for the earliest
deadline first). The *pressure* is the largest share that is needed:

    max over d of  (seconds of work promised until d) / (agents who could do it * seconds until d)

A few mails for the evening make none; the heap of a Monday morning, or a day on which more comes than usual,
makes much. `pricing.py` lets held work cost as much more as the pressure is higher: so what is held back
adapts to the load, the hour and the mix, without a constant for any of them.

It is worked out for each language, whose agents are the narrowest pool of a desk that anybody plans for.
What is needed, in agents, is worked out once a minute with the rates (`learning.py`), and is kept with them;
of long lines a few places stand for all, so it does not cost more with a million waiting. Who is there is
counted by the floor as agents come and go, so a shift that begins or ends shows at once, also before anything
arrives.
"""

from __future__ import annotations

from services.router.floor import Floor
from services.router.learning import promised_left_ms

PLACES_MAX = 8
"""So many of a line are looked at."""
LEFT_MS_MIN = 600_000
"""What is nearer than this counts as so far: one that is nearly late is no pressure by itself."""


def of(floor: Floor, language: str) -> float:
    """The pressure of a language; 0 where nothing waits that can."""
    needed = floor.learned.needed.get(language, 0.0)
    return needed / max(1, floor.able_later.get(language, 0))


def needed(floor: Floor, now_ms: int) -> dict[str, float]:
    """Agents who are needed by language, of those in which work that can wait does."""
    learned = floor.learned
    found: dict[str, list[tuple[float, float]]] = {}
    for shape in floor.shapes.values():
        if shape.live or not shape.lines:
            continue
        needs = found.setdefault(shape.language, [])
        work_ms = learned.handled_ms(shape.demand, shape.channel)
        for line in shape.lines.values():
            step = -(-line.count // PLACES_MAX)
            for place in line.places.each(step):
                left_ms, length_ms = promised_left_ms(
                    learned, line.channel, line.weight, line.due_ms(place), place[1], now_ms
                )
                needs.append((max(left_ms if left_ms > 0 else length_ms, LEFT_MS_MIN), work_ms * step))
    return {language: _most(needs) for language, needs in found.items()}


def _most(needs: list[tuple[float, float]]) -> float:
    """Sorted, so that the order in which lines came about does not show."""
    most = work_ms = 0.0
    for left_ms, more_ms in sorted(needs):
        work_ms += more_ms
        most = max(most, work_ms / left_ms)
    return most
