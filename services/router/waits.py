"""What a customer is told about the wait, and what is learned of it.

Who is offered to somebody at once waits as long as the last few offers rang. Whoever has to wait is told what
`forecast.py` expects from what stands around them; where nobody is there who could take it, nothing can be
said. What was promised is not taken back while somebody waits: what remains of it only shrinks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from proto.v1 import routing_pb2 as rt
from services.router import forecast
from services.router.choosing import Want
from services.router.forecast import Around, Wait
from services.router.planning import NO_QUEUE, language_asked, queue_named, units_asked, weight_of
from services.router.profiles import Ask
from services.router.state import Conversation, Desk, Queue, Served, State, Status

SERVED_MAX = 20
"""How many of the last served of a queue are remembered."""
SERVED_MIN = 5
LEAST_LEFT_PERMILLE = 100
"""Whoever has waited longer than they were told is told that it takes this much of it more."""


KEEPS_WAITING = frozenset(
    (rt.QUEUED_WHY_DECLINED, rt.QUEUED_WHY_EXPIRED, rt.QUEUED_WHY_RECONFIGURED, rt.QUEUED_WHY_NOT_TAKEN)
)
"""Queued again, but still in the same wait as far as the customer is concerned."""


class QueueNow(NamedTuple):
    """One queue of a desk as it stands. `able`, `free`: available agents who could take what
    stands first, and those of them with room."""

    queue: str
    waiting: int
    oldest_ms: int
    able: int
    free: int
    wait: Wait


UNKNOWN = Wait(0, 0)


def ringing(served: Sequence[Served]) -> Wait:
    """The wait of somebody who is offered to an agent at once: what the last few offers of the queue rang."""
    if len(served) < SERVED_MIN:
        return UNKNOWN
    rang = sorted(one.rang_ms for one in served)
    return Wait(rang[len(rang) // 2], rang[len(rang) * 9 // 10])


def waiting(state: State, ask: Ask, priority: int) -> tuple[Wait, Around | None]:
    """The wait of somebody who begins to wait, and what it is expected from; None: nobody is there for it, or
    none but those who have declined it or let it ring, or it is too much for whoever could do it."""
    matcher = state.matcher
    around = matcher.around(ask, priority)
    if not around.able or matcher.has_asked_all(ask) or matcher.can_nobody(ask):
        return UNKNOWN, None
    known = state.desk(ask.desk).forecasts.get(ask.channel) or forecast.fresh(around.whole)
    return forecast.foresee(known, around), around


def learn(desk: Desk, c: Conversation, waited_ms: int) -> None:
    """The wait of a conversation ended with an agent."""
    around = forecast.unpack(c.around)
    known = desk.forecasts.get(c.channel)
    if known is None:
        known = desk.forecasts[c.channel] = forecast.fresh(around.whole)
    forecast.learn(known, around, c.told_ms, waited_ms)


def remaining(told: Wait, waited_ms: int) -> Wait:
    """What is left of what was told to somebody who has waited for so long: it never grows or ends."""
    return Wait(
        *(
            max(value - waited_ms, value * LEAST_LEFT_PERMILLE // 1000, 1) if value else 0
            for value in (told.p50_ms, told.p90_ms)
        )
    )


def kept(c: Conversation, why: rt.QueuedWhy, fresh: Wait, now_ms: int) -> Wait:
    """What to tell whoever is queued again: in the same wait no more than is left of what they were told."""
    if why not in KEEPS_WAITING or not c.told_ms:
        return fresh
    left = remaining(Wait(c.told_ms, c.told_ms), now_ms - c.queued_ms)
    return Wait(*(min(value or most, most) for value, most in zip(fresh, left, strict=True)))


def remember(served: tuple[Served, ...], one: Served) -> tuple[Served, ...]:
    """The last few, with one more."""
    return (*served[-SERVED_MAX + 1 :], one)


def wait_for(
    state: State, desk_id: str, channel: str, requires: Sequence[tuple[str, int]], language: str, now_ms: int
) -> Wait:
    """What somebody would be told who came now on this channel, asking for this.

    Looks at the queue that requires the same, or else at the one that takes everything. Who would be held
    back is told a wait like everybody who waits, whoever has room.
    """
    desk = state.desk(desk_id)
    wanted = tuple(sorted(requires))
    probe = Conversation(desk_id, Status.LOOSE, channel, "", "")
    queue = next((one for one in desk.queues if one.requires == wanted), None)
    queue = queue or next((one for one in desk.queues if not one.when), None) or NO_QUEUE
    units = units_asked(desk, probe)
    ask = Ask(desk_id, wanted, language_asked(desk, language), channel, units, False, "", ())
    probe.weight = weight_of(desk, probe)
    return _told(state, ask, queue, probe, now_ms)


def _told(state: State, ask: Ask, queue: Queue, c: Conversation, now_ms: int) -> Wait:
    """The wait of a conversation that asks for this in a queue now."""
    matcher, want = state.matcher, Want(queue=queue.name, weight=c.weight)
    _, free = matcher.room_for(ask)
    if free and not matcher.holds_back(ask, want, c.due_ms, c.since_ms or now_ms, now_ms):
        return ringing(state.desk(ask.desk).served.get(queue.name, ()))
    return waiting(state, ask, queue.priority)[0]


def queues(state: State, desk_id: str, now_ms: int) -> list[QueueNow]:
    """Every queue of a desk that is configured or waited in."""
    desk = state.desk(desk_id)
    found: dict[str, tuple[int, int, Conversation | None]] = {}
    for queue in desk.queues:
        found[queue.name] = (0, 0, None)
    for key in state.matcher.waiting(desk_id):
        c = state.data.conversations[key]
        count, since_ms, first = found.get(c.queue, (0, 0, None))
        is_older = first is None or c.since_ms < since_ms
        found[c.queue] = (count + 1, c.since_ms if is_older else since_ms, c if is_older else first)
    return [_queue_now(state, desk_id, name, *there, now_ms) for name, there in found.items()]


def _queue_now(
    state: State, desk_id: str, name: str, count: int, since_ms: int, first: Conversation | None, now_ms: int
) -> QueueNow:
    desk = state.desk(desk_id)
    queue = queue_named(desk, name) or msgspec.structs.replace(NO_QUEUE, name=name)
    if first is not None:
        ask = Ask(
            desk_id, first.requires, language_asked(desk, first.language), first.channel, first.units,
            first.human_only, "", (),
        )  # fmt: skip
    else:
        channel = next((key.partition("/")[0] for key in desk.units), "")
        first = Conversation(desk_id, Status.LOOSE, channel, "", "")
        first.weight = weight_of(desk, first)
        ask = Ask(desk_id, queue.requires, "", channel, units_asked(desk, first), queue.human_only, "", ())
    able, free = state.matcher.room_for(ask)
    wait = _told(state, ask, queue, first, now_ms)
    return QueueNow(name, count, max(0, now_ms - since_ms) if count else 0, able, free, wait)
