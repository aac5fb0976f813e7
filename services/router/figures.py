"""What the router tells beside the kinds of its events: who waits, for what and how long; agents and their
load; how long offers are open.

Waiting conversations and agents are looked at when somebody asks, through the matcher's indexes: by what is
asked for, not one by one, but for who has waited longest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from proto.v1.routing_pb2 import QUEUED_WHY_ARRIVED, RULE_NOT_ONLINE, QueuedWhy, RefusedWhy, RoutingEvent
from services.router.floor import Floor
from services.router.profiles import Seat
from services.router.state import State, Status
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.runtime.metrics_desks import SKILLS_MAX, channel_label
from services.runtime.project_conversations import word

Labels = tuple[str, ...]
OFFERS_MAX = 100_000
"""Open offers whose beginning is known: more than any floor has agents."""
IN_HAND = {Status.OFFERED: "offered", Status.OWNED: "owned"}


class Figures:
    """As `services.runtime.metrics.Figures` says."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        # All reasons from the start: a series that begins at 1 is no rise for who asks for one.
        self._queued = Counter[Labels]({(word(QueuedWhy, why),): 0 for why in QueuedWhy.values() if why})
        self._refused = Counter[Labels]({(word(RefusedWhy, why),): 0 for why in RefusedWhy.values() if why})
        self._offered_ms: dict[str, int] = {}
        self._skills: dict[str, str] = {}
        metrics.queued.read(lambda: self._queued)
        metrics.requests_refused.read(lambda: self._refused)

    def hears(self, state: Callable[[], State]) -> Mapping[str, Callable[[RoutingEvent], None]]:
        """Waits that begin and end, offers, refused requests."""
        wait_seconds = self._metrics.wait_seconds
        ended = {kind: self._ended(kind) for kind in ("accepted", "declined", "expired", "withdrawn")}

        def accepted(event: RoutingEvent) -> None:
            ended["accepted"](event)
            conversation = state().data.conversations.get(event.accepted.conversation_id)
            if conversation is not None and conversation.since_ms:
                waited_ms = max(0, event.occurred_at_ms - conversation.since_ms)
                wait_seconds.labels(channel_label(conversation.channel)).observe(waited_ms / 1000)

        return {
            **ended,
            "queued": self._queue(),
            "offered": self._offer,
            "accepted": accepted,
            "refused": self._refuse,
        }

    def _queue(self) -> Callable[[RoutingEvent], None]:
        hops = self._metrics.hop_seconds
        in_line, offered = hops.labels("queued").observe, hops.labels("offered").observe
        queued, now_ms = self._queued, self._clock.now_ms
        labels = {why: (word(QueuedWhy, why),) for why in QueuedWhy.values()}

        def queue(event: RoutingEvent) -> None:
            body = event.queued
            why, since_ms = body.why, body.since_ms
            queued[labels.get(why, ("",))] += 1
            if why == QUEUED_WHY_ARRIVED and since_ms:
                (offered if body.offered_next else in_line)(max(0, now_ms() - since_ms) / 1000)

        return queue

    def _refuse(self, event: RoutingEvent) -> None:
        self._refused[(word(RefusedWhy, event.refused.why),)] += 1

    def _offer(self, event: RoutingEvent) -> None:
        if len(self._offered_ms) < OFFERS_MAX:
            self._offered_ms[event.offered.offer_id] = event.occurred_at_ms

    def _ended(self, outcome: str) -> Callable[[RoutingEvent], None]:
        observe = self._metrics.offer_seconds.labels(outcome).observe

        def ended(event: RoutingEvent) -> None:
            # One that was open before the last start is not known.
            began_ms = self._offered_ms.pop(getattr(event, outcome).offer_id, None)
            if began_ms is not None:
                observe((event.occurred_at_ms - began_ms) / 1000)

        return ended

    def look(self, states: Sequence[State], now_ms: int) -> Iterator[None]:
        """Desk by desk."""
        seen = _Seen(self._skill)
        for state in states:
            seen.open += len(state.data.conversations)
            for floor in list(state.matcher.floors.values()):
                seen.wait(floor)
                yield
                for seat in list(floor.seats.values()):
                    seen.agent(state, seat)
                yield
        metrics = self._metrics
        metrics.conversations.set(
            {
                ("open",): seen.open,
                ("waiting",): sum(seen.waiting.values()),
                **{(name,): seen.in_hand[status] for status, name in IN_HAND.items()},
            }
        )
        metrics.waiting.set(seen.waiting)
        metrics.waiting_oldest_seconds.set(_ages(seen.oldest_ms, now_ms))
        metrics.skill_waiting.set(seen.skill_waiting)
        metrics.nobody_waiting.set(seen.nobody_waiting)
        metrics.skill_waiting_oldest_seconds.set(_ages(seen.skill_oldest_ms, now_ms))
        metrics.agents.set(seen.agents)
        metrics.skill_agents.set(seen.skill_agents)
        metrics.capacity_units.set(seen.units)

    def _skill(self, name: str) -> str:
        """The skill as a label."""
        known = self._skills.get(name)
        if known is None:
            if len(self._skills) >= SKILLS_MAX:
                return "other"
            known = self._skills[name] = name
        return known


class _Seen:
    """What one look has found."""

    def __init__(self, skill: Callable[[str], str]) -> None:
        self._skill = skill
        self.open = 0
        self.waiting: Counter[Labels] = Counter()
        self.oldest_ms: dict[Labels, int] = {}
        self.skill_waiting: Counter[Labels] = Counter()
        self.nobody_waiting: Counter[Labels] = Counter()
        self.skill_oldest_ms: dict[Labels, int] = {}
        self.in_hand: Counter[int] = Counter()
        self.agents: Counter[Labels] = Counter()
        self.skill_agents: Counter[Labels] = Counter()
        self.units: Counter[Labels] = Counter()

    def wait(self, floor: Floor) -> None:
        """Who waits on a floor."""
        for shape in floor.shapes.values():
            if not shape.lines:
                continue
            count = sum(line.count for line in shape.lines.values())
            since_ms = min(place[1] for line in shape.lines.values() for place in line.places)
            channel = (channel_label(shape.channel),)
            self.waiting[channel] += count
            self.oldest_ms[channel] = min(since_ms, self.oldest_ms.get(channel, since_ms))
            for name in [self._skill(skill) for skill, _ in shape.requires] or ["none"]:
                self.skill_waiting[(name,)] += count
                self.nobody_waiting[(name,)] += 0 if shape.able_available else count
                self.skill_oldest_ms[(name,)] = min(since_ms, self.skill_oldest_ms.get((name,), since_ms))

    def agent(self, state: State, seat: Seat) -> None:
        """An agent, and what they have in hand."""
        agent = seat.agent
        kind = "bot" if agent.bot else "human"
        for key in seat.held:
            conversation = state.data.conversations.get(key)
            if conversation is not None:
                self.in_hand[conversation.status] += 1
        if seat.ruled:
            self.agents[kind, "away" if seat.ruled == RULE_NOT_ONLINE else "lost"] += 1
            return
        standing = "free" if seat.used < agent.capacity else "full"
        self.agents[kind, standing] += 1
        self.units[kind, "all"] += agent.capacity
        self.units[kind, "used"] += seat.used
        for skill, _ in agent.skills:
            self.skill_agents[self._skill(skill), standing] += 1


def _ages(since_ms: Mapping[Labels, int], now_ms: int) -> dict[Labels, float]:
    return {labels: max(0, now_ms - ms) / 1000 for labels, ms in since_ms.items()}
