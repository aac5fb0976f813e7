"""Who waits for the same, in the policy's order, and how lines compare.

A line holds conversations that ask for the same and weigh the same, so their order among each other is
plain: by deadline or by arrival. Lines compare by the *rank* of their head, a tuple of which the least
goes first; it is kept until time or a change makes it wrong.

Orders. `arrival`: who came first. `deadline`: whose deadline is nearest. `saveable`: whose deadline is
nearest among those that can still be kept; then the late, the heaviest first, so that nobody's minute is
spent on a promise that is broken already while another breaks (research 2: five points of service level
against the plain deadline). Whoever has waited ten times what was promised goes before both: late must not
mean never. `weighted`: weight times the share of the promised time that is gone, by handling time
(generalised c-mu, van Mieghem). `pressure`: weight times how many wait, by handling time (max-weight).
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Protocol

from proto.v1 import desk_pb2 as pb
from services.router.ordered import Ordered
from services.router.policy import Policy

NEVER_MS = 1 << 62
"""Stands for no deadline: goes last."""
STARVED_TIMES = 10
"""Waited so many times what was promised: goes before all but what somebody raised."""

Place = tuple[int, int, str]
"""Place of a conversation in its line: due_ms or 0, since_ms, id."""
LineKey = tuple[str, tuple[str, ...], str, int, int, bool]
"""Who alone may take it, who is barred, queue, weight, priority, whether somebody raised that."""
Rank = tuple[float, ...]
"""What lines compare by; behind it the place."""

RAISED, STARVED, SAVEABLE, LATE = -2, -1, 0, 1


class Waiter(Protocol):
    """What the matcher reads of a waiting conversation."""

    queue: str
    weight: int
    priority: int
    raised: bool
    due_ms: int
    since_ms: int


class Line:
    """Conversations that ask for the very same, in order."""

    __slots__ = ("about", "barred", "by_due", "channel", "count", "head", "key", "only", "places", "policy",
                 "priority", "queue", "raised", "rank", "until_ms", "weight")  # fmt: skip

    def __init__(self, policy: Policy, key: LineKey, c: Waiter, channel: str) -> None:
        self.policy = policy
        self.key = key
        self.only, self.barred = key[:2]
        self.about = (self.only, *self.barred) if self.only else self.barred
        """Agents for whom the line is another than for others."""
        self.queue = c.queue
        self.weight = c.weight
        self.priority = c.priority
        self.raised = c.raised
        self.channel = channel
        self.by_due = policy.order in (pb.POLICY_ORDER_DEADLINE, pb.POLICY_ORDER_SAVEABLE)
        self.places: Ordered[Place] = Ordered()
        self.count = 0
        self.head: Place | None = None
        self.rank: Rank = ()
        self.until_ms = 0
        """Until when `head` and `rank` hold."""

    def place(self, c: Waiter, conversation_id: str) -> Place:
        """Where it stands here."""
        return (c.due_ms or NEVER_MS) if self.by_due else 0, c.since_ms, conversation_id

    def due_ms(self, place: Place) -> int:
        """The deadline of who stands there; 0: none, or not known by this order."""
        return place[0] if self.by_due and place[0] < NEVER_MS else 0

    def add(self, place: Place) -> None:
        """Somebody begins to wait here."""
        self.places.add(place)
        self.count += 1
        if self.head is None or place < self.head or self.rank[1] >= LATE:
            self.until_ms = 0

    def fill(self, places: list[Place]) -> None:
        """Very many begin to wait at once."""
        self.places = Ordered([*self.places, *places])
        self.count += len(places)
        self.until_ms = 0

    def remove(self, place: Place) -> None:
        """Somebody waits here no longer."""
        self.places.remove(place)
        self.count -= 1
        if place == self.head:
            self.until_ms = 0

    def look(self, now_ms: int, taken: Set[str]) -> tuple[Place | None, Rank]:
        """Who goes first of those not taken, and the rank. `self` keeps what holds for longer."""
        if self.until_ms > now_ms and (not taken or self.head is None or self.head[2] not in taken):
            return self.head, self.rank
        if taken:
            place = self._first(now_ms, taken)
            return (place, self.ranked(place, now_ms)) if place is not None else (None, ())
        place = self.head = self._first(now_ms, taken)
        if place is not None:
            self.rank = self.ranked(place, now_ms)
            self.until_ms = self._holds_until(now_ms)
        return place, self.rank

    def _first(self, now_ms: int, taken: Set[str]) -> Place | None:
        first = _least(self.places, taken)
        if first is None or self.policy.order != pb.POLICY_ORDER_SAVEABLE or self.raised:
            return first
        if first[0] > now_ms or _starves_ms(first) <= now_ms:
            return first
        return _least(self.places.beyond((now_ms, NEVER_MS)), taken) or first

    def ranked(self, place: Place, now_ms: int) -> Rank:
        """What who stands there is compared by with those of other lines."""
        policy, order = self.policy, self.policy.order
        above = -self.priority if policy.priority_first and not policy.ageing_ms else 0
        younger_ms = self.priority * policy.ageing_ms
        due_ms, since_ms, _ = place
        if order == pb.POLICY_ORDER_SAVEABLE:
            if self.raised:
                return above, RAISED, -self.priority, due_ms, since_ms
            if due_ms > now_ms:
                return above, SAVEABLE, due_ms - younger_ms, since_ms
            if _starves_ms(place) <= now_ms:
                return above, STARVED, since_ms
            return above, LATE, -self.weight, -self.priority, due_ms, since_ms
        if order == pb.POLICY_ORDER_DEADLINE:
            return above, 0, due_ms - younger_ms, since_ms
        return above, 0, since_ms - younger_ms

    def _holds_until(self, now_ms: int) -> int:
        if self.policy.order != pb.POLICY_ORDER_SAVEABLE or self.raised or self.head is None:
            return NEVER_MS
        first = self.places.first()
        until_ms = NEVER_MS
        if self.head[0] > now_ms:
            until_ms = self.head[0]
        for place in (first, self.head):
            starves_ms = _starves_ms(place)
            if starves_ms > now_ms:
                until_ms = min(until_ms, starves_ms)
        return until_ms


def _starves_ms(place: Place) -> int:
    due_ms, since_ms, _ = place
    return since_ms + STARVED_TIMES * max(due_ms - since_ms, 1_000) if due_ms < NEVER_MS else NEVER_MS


def _least(places: Ordered[Place] | Iterator[Place], taken: Set[str]) -> Place | None:
    return next((place for place in places if place[2] not in taken), None)
