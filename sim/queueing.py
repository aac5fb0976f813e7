"""One replication of a queueing model: the world as drawn (`sim.customers`), decisions by the real router.

What is counted begins with the arrival after the
warm-up and ends, for what is averaged over time, with the last arrival; whoever came in between is followed
to the end.
"""

from __future__ import annotations

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
from sim.customers import Customer, customers_of
from sim.draws import Draw, drawing
from sim.engines import NEVER_MS, Engines
from sim.hours import MONDAY_MS
from sim.model_file import (
    ACCOUNT,
    CHANNEL,
    CLASS,
    EVERY_CLASS,
    Class,
    Group,
    Model,
    agents_of,
    desk_of,
    may_handle,
    ms_per_unit,
)
from sim.stage import Stage

DESK_ID = "model"


class Tally(Struct):
    """What is counted of a class, or of all. Times in milliseconds."""

    offered: int = 0
    blocked: int = 0
    waited: int = 0
    abandoned: int = 0
    served: int = 0
    served_within: int = 0
    wait_ms: int = 0
    wait_served_ms: int = 0


class Level(Struct):
    """How many there are of something, and the integral of it over time while it is counted."""

    now: int = 0
    since_ms: int = 0
    area_ms: int = 0
    counting: bool = False

    def move(self, by: int, now_ms: int) -> None:
        """So many more from now on."""
        if self.counting:
            self.area_ms += self.now * (now_ms - self.since_ms)
        self.since_ms = now_ms
        self.now += by


class _Inside(Struct, gc=False):
    customer: Customer
    counted: bool
    started: bool = False


class Replication:
    """One run from empty."""

    def __init__(self, model: Model, number: int) -> None:
        self._model = model
        self._unit_ms = ms_per_unit(model)
        self.engines = Engines(DESK_ID, MONDAY_MS, self._hears, with_sla=False)
        self._stage = Stage(self.engines)
        self._coming = customers_of(model, number)
        self._service: dict[str, list[Draw | None]] = {}
        self._group: dict[str, Group] = {}
        self._customers: dict[str, _Inside] = {}
        self._arrived = 0
        self._waiting = 0
        self._counting = False
        self.tallies = [Tally() for _ in model.classes]
        self.inside = [Level() for _ in model.classes]
        self.busy = {group.name: Level() for group in model.groups}
        self.counted_ms = 0
        self._requests = 0
        self._began_ms = 0

    def run(self) -> None:
        """Play it: all arrivals, and everybody to the end."""
        self.engines.hear(desk=DeskConfigured(desk=desk_of(self._model), version=1))
        for group, agent in agents_of(self._model):
            self._group[agent.agent_id] = group
            services = [group.service.get(one.name) for one in self._model.classes]
            self._service[agent.agent_id] = [drawing(dist) if dist else None for dist in services]
            self.engines.hear(agent=AgentConfigured(agent=agent))
            self.engines.session(agent.agent_id, True)
            put = PresencePut(agent_id=agent.agent_id, state=pb.PRESENCE_STATE_ONLINE)
            self.engines.hear(presence=PresenceSet(presence=put, received_at_ms=self.engines.now_ms))
        self._began_ms = self.engines.now_ms
        self._next_arrival()
        self._stage.run(NEVER_MS - 1)

    def _next_arrival(self) -> None:
        customer = next(self._coming, None)
        if customer is not None:
            self._stage.at(self._began_ms + customer.at_ms, self._arrives, customer)

    def _arrives(self, customer: Customer) -> None:
        model, kind = self._model, customer.kind
        self._arrived += 1
        if self._arrived == model.warmup_arrivals + 1:
            self._begin()
        self._next_arrival()
        tally = self.tallies[kind]
        tally.offered += self._counting
        if self._is_full(kind):
            tally.blocked += self._counting
        else:
            self._enters(customer)
        if self._arrived == model.arrivals:
            self._end()

    def _enters(self, customer: Customer) -> None:
        key, model, now_ms = f"c{self._arrived}", self._model, self.engines.now_ms
        self._customers[key] = _Inside(customer, self._counting)
        self._waiting += 1
        self.inside[customer.kind].move(1, now_ms)
        if customer.patience_ms is not None:
            self._stage.at(now_ms + customer.patience_ms, self._gives_up, key)
        self.engines.hear(
            key,
            message=MessageReceived(
                message_id=key,
                conversation_id=key,
                customer_id=key,
                opens=True,
                channel=CHANNEL,
                account=ACCOUNT,
                received_at_ms=now_ms,
                attributes={CLASS: model.classes[customer.kind].name},
            ),
        )

    def _hears(self, body: str, event: rt.RoutingEvent) -> None:
        if body == "offered":
            offered = event.offered
            self._stage.at(
                self.engines.now_ms, self._starts, offered.agent_id, offered.conversation_id, offered.offer_id
            )

    def _starts(self, agent_id: str, key: str, offer_id: str) -> None:
        inside = self._customers.get(key)
        if inside is None:
            return
        self._asks(inbound.REQUEST_KIND_ACCEPT, agent_id, key, offer_id)
        now_ms, inside.started, customer = self.engines.now_ms, True, inside.customer
        self._waiting -= 1
        draw = self._service[agent_id][customer.kind]
        if draw is None:
            raise AssertionError(f"{agent_id} was given {key}, whom its group does not serve")
        self._stage.at(now_ms + customer.service_ms(draw, self._unit_ms), self._is_served, agent_id, key)
        self.busy[self._group[agent_id].name].move(1, now_ms)
        if inside.counted:
            self._count_served(customer.kind, now_ms - self._began_ms - customer.at_ms)

    def _count_served(self, kind: int, wait_ms: int) -> None:
        tally = self.tallies[kind]
        within = self._model.classes[kind].service_level_s
        tally.served += 1
        tally.waited += wait_ms > 0
        tally.wait_ms += wait_ms
        tally.wait_served_ms += wait_ms
        tally.served_within += within is not None and wait_ms <= within * self._unit_ms

    def _is_served(self, agent_id: str, key: str) -> None:
        kind = self._customers.pop(key).customer.kind
        self.inside[kind].move(-1, self.engines.now_ms)
        self.busy[self._group[agent_id].name].move(-1, self.engines.now_ms)
        self._asks(inbound.REQUEST_KIND_RESOLVE, agent_id, key)

    def _gives_up(self, key: str) -> None:
        inside = self._customers.get(key)
        if inside is None or inside.started:
            return
        del self._customers[key]
        self._waiting -= 1
        kind = inside.customer.kind
        self.inside[kind].move(-1, self.engines.now_ms)
        if inside.counted:
            tally = self.tallies[kind]
            tally.abandoned += 1
            tally.waited += 1
            tally.wait_ms += self.engines.now_ms - self._began_ms - inside.customer.at_ms
        self._asks(inbound.REQUEST_KIND_RESOLVE, "", key)

    def _is_full(self, kind: int) -> bool:
        """Whether who comes now is turned away: too many are inside, or wait. Where nobody may wait, that is
        whoever finds no agent free."""
        model = self._model
        inside = sum(level.now for level in self.inside)
        if model.max_in_system is not None and inside >= model.max_in_system:
            return True
        if model.max_waiting is None or self._waiting < model.max_waiting:
            return False
        return model.max_waiting > 0 or self._free(model.classes[kind]) <= self._waiting

    def _free(self, one: Class) -> int:
        """How many agents who may handle a class have nothing in hand."""
        able = (group for group in self._model.groups if may_handle(group, one))
        return sum(group.agents - self.busy[group.name].now for group in able)

    def _begin(self) -> None:
        """Count from now on."""
        self._counting = True
        self._count(True)
        self.counted_ms = -self.engines.now_ms

    def _end(self) -> None:
        """The last arrival: what is averaged over time ends here."""
        self._count(False)
        self.counted_ms += self.engines.now_ms

    def _count(self, is_on: bool) -> None:
        for level in (*self.inside, *self.busy.values()):
            level.move(0, self.engines.now_ms)
            level.counting = is_on

    def _asks(self, kind: inbound.RequestKind, agent_id: str, key: str, offer_id: str = "") -> None:
        self._requests += 1
        now_ms = self.engines.now_ms
        wanted = AgentRequest(kind=kind, agent_id=agent_id, conversation_id=key, offer_id=offer_id)
        self.engines.hear(
            f"q{self._requests}", request=RequestSubmitted(request=wanted, received_at_ms=now_ms)
        )


def measures(model: Model, run: Replication) -> dict[str, dict[str, float]]:
    """What the model asks for, by class, for all, and by group. Times in the model's unit."""
    unit = ms_per_unit(model)
    found: dict[str, dict[str, float]] = {}
    for one, tally, level in zip(model.classes, run.tallies, run.inside, strict=True):
        found[one.name] = _of(tally, level.area_ms / run.counted_ms, one.service_level_s is not None, unit)
    every = Tally(*(sum(getattr(t, name) for t in run.tallies) for name in Tally.__struct_fields__))
    inside = sum(level.area_ms for level in run.inside) / run.counted_ms
    is_told = any(one.service_level_s is not None for one in model.classes)
    found[EVERY_CLASS] = _of(every, inside, is_told, unit)
    for group in model.groups:
        found[f"group {group.name}"] = {
            "utilisation": run.busy[group.name].area_ms / run.counted_ms / group.agents
        }
    found["cost"] = {
        "cost_rate_mean": sum(
            one.cost_rate * level.area_ms / run.counted_ms
            for one, level in zip(model.classes, run.inside, strict=True)
        )
    }
    return found


def _of(tally: Tally, inside: float, is_told: bool, unit_ms: int) -> dict[str, float]:
    entered = max(tally.offered - tally.blocked, 1)
    within = {"served_within": tally.served_within / max(tally.offered, 1)} if is_told else {}
    return {
        "p_wait": tally.waited / entered,
        "p_block": tally.blocked / max(tally.offered, 1),
        "p_abandon": tally.abandoned / entered,
        "wait_mean": tally.wait_ms / entered / unit_ms,
        "wait_mean_served": tally.wait_served_ms / max(tally.served, 1) / unit_ms,
        **within,
        "in_system_mean": inside,
    }
