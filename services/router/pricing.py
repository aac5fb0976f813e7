"""What it costs to give an agent a conversation: the work, and what others will need the agent for.

Theory of operation (research/routing-theory 2b, opportunity cost; the parts in brackets are this page's).
Customers of *live* work sit and wait, so a minute too late is lost. For each live shape the matcher counts
the free slots n of those who could take it; if one slot less is free, weight is lost at
`risk = rate * a ** (n - 1) * (1 - a)` a second: the chance that the slot would have been the next one
needed and none left behind it. The *price* of an agent is the sum of the risks of what they could take now,
and a conversation that is in hand for t seconds costs t times that.

- An agent is chosen by work (handling time against the usual, longer with more in hand, shorter with more
  skill) + half the price [+ their usual share of live work, rate / agents who can, without which agents who
  do everything are spent on what specialists could do while nothing is scarce yet].
- Work that can wait is *held back* while its price is above a limit that grows as its time runs out,
  and is as free as live work once a twelfth of its time is left. What is late already is held like what
  has just come, until it has waited ten times what was promised.
- [The limit grows with the pressure of what waits (`pressure.py`), so that a peak does not drown the slow
  channels and a quiet day spends nobody on what has time.]
- [Live work that is late already is broken already: it is held back too, while it would cost more than
  `LATE_LIMIT`, since each minute of a scarce agent keeps a promise that can still be kept. Never is late
  worse than late, so that is no limit for long: nobody is held who has waited ten times what was promised.]
- The agent who had the customer last saves the seconds that the desk says.

Rates, handling times and promised times are learned (`learning.py`): nothing here knows a channel.
"""

from __future__ import annotations

from math import fsum, inf

from services.router import pressure
from services.router.floor import Floor
from services.router.learning import LIVE_TARGET_MS, promised_left_ms
from services.router.lines import STARVED_TIMES, Line, Place
from services.router.moves import Moves
from services.router.profiles import Profile, Seat, Shape

PRICE_WEIGHT = 0.5
USUAL_WEIGHT = 0.7
HELD_LIMIT = 0.75
"""Weight that may be lost for a conversation with 4.5 hours left, by the pressure of what waits ..."""
PRESSURE_POWER = 1.6
"""... to this power ..."""
HELD_SLACK_MS = 16_200_000
HELD_POWER = 1.35
"""... and so much more with less time left."""
HELD_PRESSURE_MIN = 0.12
"""With less pressure it is as with so much: somebody has time, sooner or later."""
HELD_URGENT = 0.08
"""With this share of its time left nothing is held back any more."""
LATE_LIMIT = 3.0
"""Weight that may be lost for a live conversation whose promise is broken."""
MISSING_WORK = 0.1
"""A level short of what is preferred weighs like so much more work."""


Shift = dict[Shape, int]
"""Free slots that live shapes have more once a decision under way is folded."""


def shifted(floor: Floor, moves: Moves) -> Shift:
    """What the moves of a decision change in the free slots of live work."""
    if moves.shift is not None:
        return moves.shift
    shift: Shift = {}
    for agent_id, moved in moves.agents.items():
        seat = floor.seats.get(agent_id)
        if seat is None or seat.ruled:
            continue
        slots = floor.room(seat, moved.units, moved.by_channel)[0]
        for kind, shapes in seat.profile.live:
            more = slots[kind] - seat.slots[kind]
            for shape in shapes if more else ():
                shift[shape] = shift.get(shape, 0) + more
    moves.shift = shift
    return shift


def price(floor: Floor, profile: Profile, slots: list[int], room: int, units: int, shift: Shift) -> float:
    """Weight that is lost in a second while an agent of the profile has so much less room.

    slots, room: of the agent as they will be once this decision is folded. What takes none of the slots
    away costs nobody anything. An exact sum: the order in which shapes came about must not show.
    """
    left, sizes = max(0, room - units), floor.sizes
    risks: list[float] = []
    for kind, shapes in profile.live:
        lost = slots[kind]
        if not lost:
            continue
        lost -= left // sizes[kind]
        if lost <= 0:
            continue
        if shift:
            risks += [
                lost * (shape.risk_at(shape.slots + shift[shape]) if shape in shift else shape.risk)
                for shape in shapes
            ]
        else:
            risks += [lost * shape.risk for shape in shapes if shape.risk]
    return fsum(risks) if risks else 0.0


def usual(floor: Floor, profile: Profile, mask: int) -> float:
    """The share of all live work that falls to an agent of this profile with room for these kinds."""
    known = profile.usual.get(mask)
    if known is not None and known[0] == floor.staffed:
        return known[1]
    share = fsum(
        [
            shape.rate / (shape.able_available or 1)
            for kind, shapes in profile.live
            if mask >> kind & 1
            for shape in shapes
        ]
    )
    profile.usual[mask] = (floor.staffed, share)
    return share


def work(floor: Floor, shape: Shape) -> tuple[float, list[float], list[float]]:
    """Seconds that such a conversation is in hand usually, and the factors by level and by what else is in
    hand."""
    learned = floor.learned
    return learned.handled_ms(shape.demand, shape.channel) / 1000, floor.level_factors, floor.hand_factors


def is_held(floor: Floor, shape: Shape, due_ms: int, since_ms: int) -> bool:
    """Whether work of this shape can wait: its customer was not promised an answer within minutes."""
    return not shape.live or (due_ms > 0 and due_ms - since_ms > LIVE_TARGET_MS)


def limit(floor: Floor, shape: Shape, weight: int, due_ms: int, since_ms: int, now_ms: int) -> float:
    """What a conversation may cost now; infinite if it is not held back at all."""
    policy, learned = floor.policy, floor.learned
    if not policy.hold_back:
        return inf
    is_late = 0 < due_ms <= now_ms
    if not is_held(floor, shape, due_ms, since_ms):
        if not is_late or now_ms - due_ms >= (STARVED_TIMES - 1) * (due_ms - since_ms):
            return inf
        return LATE_LIMIT / policy.hold_back
    left_ms, length_ms = promised_left_ms(learned, shape.channel, weight, due_ms, since_ms, now_ms)
    if left_ms <= 0 and -left_ms < (STARVED_TIMES - 1) * length_ms:
        left_ms = length_ms  # what is late already is no reason to be late with others
    if left_ms <= length_ms * HELD_URGENT:
        return inf
    pressing = max(pressure.of(floor, shape.language), HELD_PRESSURE_MIN)
    urgency = (HELD_SLACK_MS / left_ms) ** HELD_POWER
    return float(HELD_LIMIT * pressing**PRESSURE_POWER * urgency / policy.hold_back)


class Bar:
    """What an agent may take of what can wait: one freed agent, many lines."""

    __slots__ = ("floor", "hands", "prices", "room", "seat", "shift", "slots")

    def __init__(
        self, floor: Floor, seat: Seat, in_hand: int, slots: list[int], room: int, moves: Moves
    ) -> None:
        self.floor = floor
        self.seat = seat
        self.slots = slots
        self.room = room
        self.hands = floor.hand_factors[min(in_hand, len(floor.hand_factors) - 1)]
        self.shift = shifted(floor, moves) if moves.agents else {}
        self.prices: dict[int, float] = {}
        """By units."""

    def holds(self, shape: Shape, line: Line, place: Place, level: int, now_ms: int) -> bool:
        """Whether who stands there is held back from the agent."""
        if shape.live and place[0] > now_ms and place[0] - place[1] <= LIVE_TARGET_MS:
            return False
        floor, units = self.floor, shape.units
        lost = self.prices.get(units)
        if lost is None:
            profile = self.seat.profile
            lost = self.prices[units] = price(floor, profile, self.slots, self.room, units, self.shift)
        if not lost:
            return False
        seconds, levels, _ = work(floor, shape)
        most = limit(floor, shape, line.weight, line.due_ms(place), place[1], now_ms)
        return seconds * (levels[level] * self.hands) * lost > most
