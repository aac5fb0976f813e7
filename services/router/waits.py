"""What a customer would be told now about the wait: simple, and honest about not knowing.

With n ahead and agents who take one every m milliseconds, the wait is the sum of n + 1 such steps;
if they come at random that is an Erlang distribution, whose quantiles are taken by Wilson and
Hilferty's formula (within 1 % from two steps on). m is how fast the queue was served lately, the time
since the last one counted in, so an estimate grows when nothing moves. When an able agent has room,
it is what the last few rang. With fewer than `SERVED_MIN` served nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.router.planning import language_asked, queue_named, units_asked
from services.router.profiles import Ask
from services.router.state import Conversation, Served, State, Status

SERVED_MAX = 20
"""How many of the last served of a queue are remembered."""
SERVED_MIN = 5
_Z50 = 0.0
_Z90 = 1.2816


class Wait(NamedTuple):
    """Quantiles in milliseconds; 0: nothing can be said."""

    p50_ms: int
    p90_ms: int


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


def estimate(served: Sequence[Served], ahead: int, has_room: bool, now_ms: int) -> Wait:
    """The wait of somebody who comes now, with so many ahead. Times in milliseconds."""
    if len(served) < SERVED_MIN:
        return UNKNOWN
    if has_room and not ahead:
        rang = sorted(one.rang_ms for one in served)
        return Wait(rang[len(rang) // 2], rang[len(rang) * 9 // 10])
    step_ms = max(1, now_ms - served[0].at_ms) / len(served)
    return Wait(_quantile(ahead + 1, step_ms, _Z50), _quantile(ahead + 1, step_ms, _Z90))


def _quantile(steps: int, step_ms: float, z: float) -> int:
    spread: float = 1.0 - 1.0 / (9 * steps) + z / (3 * steps**0.5)
    return max(1, round(steps * step_ms * spread**3))


def remember(served: tuple[Served, ...], one: Served) -> tuple[Served, ...]:
    """The last few, with one more."""
    return (*served[-SERVED_MAX + 1 :], one)


def wait_for(
    state: State, desk_id: str, channel: str, requires: Sequence[tuple[str, int]], language: str, now_ms: int
) -> Wait:
    """What somebody would be told who came now on this channel, asking for this.

    Looks at the queue that requires the same, or else at the one that takes everything.
    """
    desk = state.desk(desk_id)
    wanted = tuple(sorted(requires))
    probe = Conversation(desk_id, Status.LOOSE, channel, "", "")
    queue = next((one for one in desk.queues if one.requires == wanted), None)
    queue = queue or next((one for one in desk.queues if not one.when), None)
    name = queue.name if queue else ""
    ask = Ask(
        desk_id, wanted, language_asked(desk, language), channel, units_asked(desk, probe), False, "", ()
    )
    _, free = state.matcher.room_for(ask)
    return estimate(desk.served.get(name, ()), state.matcher.waiting_in(desk_id, name), free > 0, now_ms)


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
    if first is not None:
        ask = Ask(
            desk_id, first.requires, language_asked(desk, first.language), first.channel, first.units,
            first.human_only, "", (),
        )  # fmt: skip
    else:
        queue = queue_named(desk, name)
        requires = queue.requires if queue else ()
        channel = next((key.partition("/")[0] for key in desk.units), "")
        probe = Conversation(desk_id, Status.LOOSE, channel, "", "")
        human_only = queue is not None and queue.human_only
        ask = Ask(desk_id, requires, "", channel, units_asked(desk, probe), human_only, "", ())
    able, free = state.matcher.room_for(ask)
    wait = estimate(desk.served.get(name, ()), count, free > 0, now_ms)
    return QueueNow(name, count, max(0, now_ms - since_ms) if count else 0, able, free, wait)
