"""A week of a shop: customers who arrive and lose patience, agents who come, take breaks, handle and leave.

Theory of operation. This is the world, and only the world: who gets what is decided by the engines, which
hear what they hear in production. A contact is a message; an agent who is offered it accepts once it has
rung, answers at once (voice: picks up), and resolves it when the work is done; a customer who gives up, or
is still on the line when the day ends, has the conversation resolved without an owner. A break or the end of
a shift is an agent who is away: they keep what they hold, and go offline when the last of it is done.

Handling takes what the workload says, frozen at its start. What became of each contact is kept in an
`Outcome`; what it all amounts to is told by `sim.figures`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from proto.v1 import desk_pb2 as pb
from proto.v1 import inbound_pb2 as inbound
from proto.v1 import routing_pb2 as rt
from proto.v1.conversations_pb2 import (
    AgentConfigured,
    DeskConfigured,
    MessageReceived,
    PresenceSet,
    RequestSubmitted,
)
from proto.v1.inbound_pb2 import AgentRequest, PresencePut
from services.kernel.limits import DAY_MS
from sim.audit import Auditor
from sim.desk import ACCOUNT, CLASS, TIER, agent_of, capacities, class_of, desk_of
from sim.engines import Engines
from sim.hours import BusinessHours
from sim.shop import Contact, Person, Shop
from sim.stage import Stage

DESK_ID = "shop"
BEFORE_MS = 30 * DAY_MS
"""How long before the first day somebody with a preferred agent was served by them."""


class Outcome(Struct, gc=False):
    """What became of a contact. Business milliseconds; -1: never."""

    arrived_ms: int
    started_ms: int = -1
    gone_ms: int = -1
    """When the customer gave up or was lost."""
    lost: bool = False
    """The day ended on them."""
    agent: str = ""
    queued: bool = False
    """Nobody could take it when it came."""
    wait_p50_ms: int = 0
    wait_p90_ms: int = 0
    """What the engine said at arrival; 0: nothing."""
    preferred_free: bool = False
    """The preferred agent was there and had room when it came."""


class Desk(Struct):
    """An agent's day as it goes."""

    person: Person
    on: bool = False
    items: int = 0
    """Handled now, so without what only rings."""
    units: int = 0
    worked_ms: float = 0.0
    """Integral of units over the time when on, milliseconds times units."""
    on_ms: int = 0
    since_ms: int = 0


class Week:
    """One run. Raises Invalid if the contacts do not fit the shop."""

    def __init__(
        self,
        shop: Shop,
        contacts: Sequence[Contact],
        policy: pb.Routing,
        ring_s: float = 0.0,
        auditor: Auditor | None = None,
    ) -> None:
        self.shop = shop
        self.contacts = contacts
        self.hours = BusinessHours(shop.day_seconds * 1000, shop.days)
        self.outcomes = [Outcome(round(one.t * 1000)) for one in contacts]
        self.preferred = [_preferred(shop, one) for one in contacts]
        self.desks = {person.id: Desk(person) for person in shop.agents}
        self.capacity: dict[str, int] = {}
        self.engines = Engines(DESK_ID, self.hours.start_ms - BEFORE_MS, self._hears, auditor=auditor)
        self.stage = Stage(self.engines)
        self._ring_ms = round(ring_s * 1000)
        self._policy = policy
        self._requests = 0
        self._units: dict[str, int] = {}

    def run(self) -> list[str]:
        """Play it to the end of the last day; what the auditor found."""
        self._configure()
        self._remember()
        self.engines.now_ms = self.hours.start_ms
        for day in range(self.shop.days):
            start_ms = day * self.hours.day_ms
            if day:
                self._at(start_ms, self._day_ends)
            for person in self.shop.agents:
                self._plan_shift(start_ms, person)
        for i, outcome in enumerate(self.outcomes):
            self._at(outcome.arrived_ms, self._arrives, i)
        end_ms = self.shop.days * self.hours.day_ms
        self.stage.run(self.hours.clock_ms(end_ms - 1))
        self._day_ends(end_ms)
        for desk in self.desks.values():
            self._count(desk, end_ms)
        return self.engines.finish()

    def _at(self, business_ms: int, do: Callable[..., None], *arguments: Any) -> None:
        self.stage.at(self.hours.clock_ms(business_ms), do, *arguments)

    def _now_ms(self) -> int:
        return self.hours.business_ms(self.engines.now_ms)

    # Before the first day.

    def _configure(self) -> None:
        self._units, capacity = capacities(self.shop)
        config = desk_of(self.shop, self.hours, self._policy, self._units)
        self.engines.hear(desk=DeskConfigured(desk=config, version=1))
        for person in self.shop.agents:
            self.capacity[person.id] = capacity[person.profile]
            agent = agent_of(self.shop, person, capacity[person.profile])
            self.engines.hear(agent=AgentConfigured(agent=agent))

    def _remember(self) -> None:
        """Let everybody with a preferred agent have been served by them, long ago."""
        for i, person in enumerate(self.preferred):
            if person is None:
                continue
            about: dict[str, Any] = {"desk_id": DESK_ID, "occurred_at_ms": self.engines.now_ms}
            key, channel = f"before-{i}", self.contacts[i].channel
            was = rt.ConversationQueued(
                conversation_id=key, channel=channel, account=ACCOUNT, customer_id=f"u{i}",
                units=1, since_ms=self.engines.now_ms, why=rt.QUEUED_WHY_ARRIVED, offered_next=True,
            )  # fmt: skip
            self.engines.past(rt.RoutingEvent(**about, queued=was))
            done = rt.Resolved(conversation_id=key, by_agent_id=person, owner_id=person)
            self.engines.past(rt.RoutingEvent(**about, resolved=done))

    # Agents.

    def _plan_shift(self, start_ms: int, person: Person) -> None:
        begins_s, ends_s = self.shop.shifts[person.shift]
        times = [(begins_s, True), (ends_s, False)]
        if person.break_len:
            times += [(person.break_start, False), (person.break_start + person.break_len, True)]
        for at_s, is_on in sorted(times):
            self._at(start_ms + round(at_s * 1000) - (not is_on), self._turns, person.id, is_on)

    def _turns(self, agent_id: str, is_on: bool) -> None:
        """An agent begins or stops to take work."""
        desk = self.desks[agent_id]
        if desk.on == is_on:
            return
        self._count(desk, self._now_ms())
        desk.on = is_on
        if is_on:
            self.engines.session(agent_id, True)
            self._says(agent_id, pb.PRESENCE_STATE_ONLINE)
        else:
            self._says(agent_id, pb.PRESENCE_STATE_AWAY)
            self._leaves_if_done(agent_id, desk)

    def _leaves_if_done(self, agent_id: str, desk: Desk) -> None:
        if not desk.on and not desk.items and not self._in_break(desk.person):
            self._says(agent_id, pb.PRESENCE_STATE_OFFLINE)
            self.engines.session(agent_id, False)

    def _in_break(self, person: Person) -> bool:
        in_day_s = self._now_ms() % self.hours.day_ms / 1000
        begins_s, ends_s = self.shop.shifts[person.shift]
        return begins_s <= in_day_s < ends_s - 0.001

    def _says(self, agent_id: str, state: pb.PresenceState) -> None:
        put = PresencePut(agent_id=agent_id, state=state)
        self.engines.hear(presence=PresenceSet(presence=put, received_at_ms=self.engines.now_ms))

    def _count(self, desk: Desk, now_ms: int) -> None:
        """Add the time since the last change to what the agent worked."""
        if desk.on:
            passed_ms = now_ms - desk.since_ms
            desk.on_ms += passed_ms
            desk.worked_ms += passed_ms * desk.units
        desk.since_ms = now_ms

    # Customers.

    def _arrives(self, i: int) -> None:
        contact, now_ms = self.contacts[i], self.engines.now_ms
        self.outcomes[i].preferred_free = self._has_room(self.preferred[i], contact)
        self.engines.hear(
            f"r{i}",
            message=MessageReceived(
                message_id=f"m{i}",
                conversation_id=f"c{i}",
                customer_id=f"u{i}",
                opens=True,
                channel=contact.channel,
                account=ACCOUNT,
                received_at_ms=now_ms,
                language=contact.lang,
                intent=contact.topic,
                attributes={CLASS: class_of(contact), TIER: contact.tier},
            ),
        )
        if contact.patience is not None:
            gives_up_ms = self.outcomes[i].arrived_ms + round(contact.patience * 1000)
            self._at(gives_up_ms, self._gives_up, i, False)

    def _has_room(self, agent_id: str | None, contact: Contact) -> bool:
        if agent_id is None or not self.desks[agent_id].on:
            return False
        used = self.engines.router.matcher.used(DESK_ID, agent_id)
        return used + self._units[contact.channel] <= self.capacity[agent_id]

    def _gives_up(self, i: int, is_lost: bool) -> None:
        outcome = self.outcomes[i]
        if outcome.started_ms >= 0 or outcome.gone_ms >= 0:
            return
        outcome.gone_ms, outcome.lost = self._now_ms(), is_lost
        self._asks(inbound.REQUEST_KIND_RESOLVE, "", i, reason="lost" if is_lost else "abandoned")

    def _day_ends(self, end_ms: int = -1) -> None:
        """Whoever sits waiting is lost."""
        end_ms = end_ms if end_ms >= 0 else self._now_ms()
        for i, outcome in enumerate(self.outcomes):
            if outcome.arrived_ms >= end_ms:
                break
            if self.shop.channels[self.contacts[i].channel].live:
                self._gives_up(i, True)

    # What the router says, and what agents do about it.

    def _hears(self, body: str, event: rt.RoutingEvent) -> None:
        if body == "offered":
            offered = event.offered
            self.stage.at(
                self.engines.now_ms + self._ring_ms,
                self._picks_up,
                offered.agent_id,
                int(offered.conversation_id[1:]),
                offered.offer_id,
            )
        elif body == "queued" and event.queued.why == rt.QUEUED_WHY_ARRIVED:
            queued = event.queued
            if queued.conversation_id[0] != "c":
                return
            outcome = self.outcomes[int(queued.conversation_id[1:])]
            outcome.queued = not queued.offered_next
            outcome.wait_p50_ms, outcome.wait_p90_ms = queued.wait_p50_ms, queued.wait_p90_ms

    def _picks_up(self, agent_id: str, i: int, offer_id: str) -> None:
        """An agent answers what rings; whoever has left in between declines."""
        outcome, desk = self.outcomes[i], self.desks[agent_id]
        if outcome.gone_ms >= 0:
            return
        kind = inbound.REQUEST_KIND_ACCEPT if desk.on else inbound.REQUEST_KIND_DECLINE
        self._asks(kind, agent_id, i, offer_id=offer_id)
        if not desk.on or self._router_agent(i) != agent_id:
            return
        self.engines.sent(self._asks(inbound.REQUEST_KIND_REPLY, agent_id, i), f"c{i}")
        contact, now_ms = self.contacts[i], self._now_ms()
        outcome.started_ms, outcome.agent = now_ms, agent_id
        level = desk.person.topics[contact.topic]
        factor = self.shop.level_time_factor[str(level)] * (1 + self.shop.slowdown * desk.items)
        self._count(desk, now_ms)
        desk.items += 1
        desk.units += self._units[contact.channel]
        self._at(now_ms + round(contact.work * factor * 1000), self._is_done, agent_id, i)

    def _router_agent(self, i: int) -> str:
        c = self.engines.router.data.conversations.get(f"c{i}")
        return c.agent if c is not None else ""

    def _is_done(self, agent_id: str, i: int) -> None:
        desk = self.desks[agent_id]
        self._count(desk, self._now_ms())
        desk.items -= 1
        desk.units -= self._units[self.contacts[i].channel]
        self._asks(inbound.REQUEST_KIND_RESOLVE, agent_id, i, reason="done")
        self._leaves_if_done(agent_id, desk)

    def _asks(self, kind: inbound.RequestKind, agent_id: str, i: int, **rest: Any) -> str:
        """A request of an agent's, or of the edge in the customer's name; its origin's id."""
        self._requests += 1
        origin_id, now_ms = f"q{self._requests}", self.engines.now_ms
        wanted = AgentRequest(
            kind=kind, agent_id=agent_id, conversation_id=f"c{i}", requested_at_ms=now_ms, **rest
        )
        self.engines.hear(
            origin_id,
            request=RequestSubmitted(request=wanted, received_at_ms=now_ms, customer_id=f"u{i}"),
        )
        return origin_id


def _preferred(shop: Shop, contact: Contact) -> str | None:
    """Whom the customer would like, by the drawn number among the qualified; one that was rounded up to 1 is
    the last."""
    if contact.sticky_u is None:
        return None
    able = shop.qualified(contact)
    return able[min(int(contact.sticky_u * len(able)), len(able) - 1)].id if able else None
