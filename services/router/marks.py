"""What nobody of the desk can do, there or not: waiting conversations are marked so.

The mark is made when a conversation begins to wait or asks for less, and looked at again when an agent's
abilities change: settings, and capacity with empty hands. It is the same for all conversations of a shape, so
shapes are looked at, and only of those that are wrong their conversations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set

from services.router.floor import Floor
from services.router.profiles import Shape


def can_nobody(shape: Shape) -> bool:
    """Whether nobody has the abilities, or whoever has them too little capacity even with empty hands."""
    for profile in shape.able:
        for seat in profile.seats.values():
            if seat.agent.capacity >= shape.units:
                return False
    return True


def can_do(floor: Floor, agent_id: str) -> set[Shape]:
    """The shapes of waiting conversations that an agent can do, there or not."""
    seat = floor.seats.get(agent_id)
    if seat is None:
        return set()
    return {shape for shape in seat.profile.able if shape.lines and shape.units <= seat.agent.capacity}


def wrong(floor: Floor, marked: Set[str]) -> list[str]:
    """In order: who waits, can be done by nobody and is not marked, and who is marked and can be done."""
    nobody = {shape: can_nobody(shape) for shape in floor.waited}
    known = Counter(floor.where[key][0] for key in marked)
    found = [key for key in marked if not nobody[floor.where[key][0]]]
    for shape, is_so in nobody.items():
        if is_so and known[shape] < sum(line.count for line in shape.lines.values()):
            places = (place for line in shape.lines.values() for place in line.places)
            found += [key for *_, key in places if key not in marked]
    return sorted(found)
