"""What a desk's own log says of a period: who came, who gave up, who had what and for how long.

Theory of operation. The desk's events of ingest and router are read once, in the order of time. What lies
before the period makes the states that it begins with (the router's and sla's own folds) and teaches how
long things take; what lies within is kept as *cases*: each conversation with its *spells* (from a message
that opens it to its end), each spell with what happened while nobody had it and with its *stints*, one for
each time that an agent had it. A step of a stint is dated from the stint's beginning, because it would come
later if the agent came later.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from msgspec import Struct, field

from proto.v1 import inbound_pb2 as inbound
from proto.v1 import routing_pb2 as rt
from proto.v1.conversations_pb2 import ConversationsEvent, DeskConfigured, MessageReceived
from proto.v1.desk_pb2 import PRESENCE_STATE_OFFLINE
from proto.v1.envelope_pb2 import Batch
from proto.v1.inbound_pb2 import AgentRequest
from services.kernel.claims import Fence, is_claim
from services.kernel.engine import LOCAL
from services.kernel.errors import Invalid
from services.kernel.ids import partition_of
from services.kernel.limits import DAY_MS
from services.router import engine as router
from services.runtime.inputs import EVENT_CLASSES
from services.sla import engine as sla
from tools.invariants import Source

LEARNED_MS = 28 * DAY_MS
"""How much of the past before the end of the period teaches how long things take. What ended before that and
before the period is not kept, so that a log of years takes no more memory than one of weeks."""


class Step(Struct):
    """Something that happened while an agent had it: "reply", "message", "order", "priority"; last of all
    "transfer" or "resolve". at_ms: from the stint's beginning, or, while nobody had it, the instant."""

    at_ms: int
    kind: str
    body: Any = None


class Stint(Struct):
    """An agent has it. beside: how many others they had then; ended_ms: -1: they still have it."""

    agent: str
    began_ms: int
    beside: int
    steps: list[Step] = field(default_factory=list)
    ended_ms: int = -1


class Spell(Struct):
    """From a message that opens it to its end. opening: None if it was open before the period, or if an agent
    opened it again; gave_up_ms: it ended without anybody having had it."""

    opened_ms: int
    opening: MessageReceived | None = None
    queue: str = ""
    loose: list[Step] = field(default_factory=list)
    stints: list[Stint] = field(default_factory=list)
    ended_ms: int = -1
    gave_up_ms: int = -1


class Case(Struct):
    """A conversation."""

    key: str
    channel: str
    customer: str
    spells: list[Spell] = field(default_factory=list)


class Answer(Struct, frozen=True):
    """What an agent did about an offer: "accept", "decline" or "expire", and after how long; of which
    conversation it was, and when it began to ring."""

    agent: str
    channel: str
    kind: str
    rang_ms: int
    conversation: str = ""
    at_ms: int = 0


class Past(Struct):
    """All of it. Times are Unix milliseconds."""

    desk_id: str
    from_ms: int
    to_ms: int
    config: DeskConfigured | None = None
    """As it held when the period began, which is not before there was one."""
    router_state: bytes = b""
    sla_state: bytes = b""
    cases: dict[str, Case] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    world: list[tuple[int, str, Any]] = field(default_factory=list)
    """What was said of the desk and its people within the period: "desk", "agent", "presence", "session"; and
    "goes" and "ends", a presence and a session of somebody who left with nothing in hand."""
    routing: list[Any] = field(default_factory=list)
    """The router's events within the period, and sla's."""
    sla: list[Any] = field(default_factory=list)
    first_ms: int = 0
    last_ms: int = 0
    """Where the log of the desk begins and ends."""


def desks_of(source: Source) -> list[str]:
    """The desks that the logs know."""
    found: set[str] = set()
    for partition in source.partitions():
        for event in events_of(source, "conversations", partition, {"desk"}):
            found.add(event.desk_id)
    return sorted(found)


def events_of(source: Source, topic: str, partition: int, only: Collection[str] = ()) -> Iterator[Any]:
    """The events of valid batches. only: bodies to parse; empty: all of them."""
    fence, parse = Fence(), EVENT_CLASSES[topic].FromString
    fields = EVENT_CLASSES[topic].DESCRIPTOR.oneofs_by_name["body"].fields
    wanted = {one.number for one in fields if one.name in only}
    for record in source.records(topic, partition):
        batch = Batch.FromString(record.value)
        if not fence.admit(batch) or is_claim(batch):
            continue
        for place, value in enumerate(batch.events):
            if wanted and len(batch.kinds) == len(batch.events) and batch.kinds[place] not in wanted:
                continue
            event = parse(value)
            if not only or event.WhichOneof("body") in only:
                yield event


def read(source: Source, desk_id: str, from_ms: int, to_ms: int) -> Past:
    """The period [from_ms, to_ms) of a desk. Raises Invalid, in words, if there is nothing to look at."""
    known = desks_of(source)
    if desk_id not in known:
        raise Invalid(f"there is no desk {desk_id!r} in this log: it knows {', '.join(known) or 'none'}")
    partition = partition_of(desk_id, len(source.partitions()))
    reader = _Reader(Past(desk_id, from_ms, to_ms))
    own = [
        _of_desk(source, topic, partition, desk_id, rank)
        for rank, topic in enumerate(("conversations", "routing", "sla"))
    ]
    for _, rank, _, event in heapq.merge(*own, key=lambda one: one[:3]):
        if event.occurred_at_ms >= to_ms:
            reader.past.last_ms = max(reader.past.last_ms, event.occurred_at_ms)
            continue
        reader.take(rank, event)
    return reader.finish()


def _of_desk(
    source: Source, topic: str, partition: int, desk_id: str, rank: int
) -> Iterator[tuple[int, int, int, Any]]:
    """A topic's events of one desk, each with its place in time: causes go before what follows from them."""
    for number, event in enumerate(events_of(source, topic, partition)):
        if event.desk_id == desk_id:
            yield event.occurred_at_ms, rank, number, event


class _Reader:
    """One pass."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self._router = router.initial()
        self._sla = sla.initial()
        self._is_inside = False
        self._offers: dict[str, tuple[int, str, str]] = {}
        """When each that is open began to ring, for which channel, and which conversation it is of."""
        self._in_hand: Counter[str] = Counter()

    def take(self, rank: int, event: Any) -> None:
        """The next event of the desk."""
        past, at_ms, name = self.past, event.occurred_at_ms, event.WhichOneof("body")
        past.first_ms, past.last_ms = past.first_ms or at_ms, at_ms
        if at_ms >= past.from_ms and not self._is_inside and past.config is not None:
            self._begin()
        if rank == 0:
            self._canonical(name, event)
        elif rank == 1:
            self._routed(name, event)
            self._fold(router, self._router, event, past.routing)
        else:
            self._fold(sla, self._sla, event, past.sla)

    def _fold(self, engine: Any, state: Any, event: Any, within: list[Any]) -> None:
        if self._is_inside:
            within.append(event)
        else:
            engine.evolve(state, event)

    def _begin(self) -> None:
        """The period begins: the states are as they are now."""
        self._is_inside = True
        self.past.router_state, self.past.sla_state = router.dump(self._router), sla.dump(self._sla)

    def finish(self) -> Past:
        """What was read. Raises Invalid if nobody came within the period."""
        past = self.past
        if not self._is_inside:
            self._begin()
        if past.config is None:
            raise Invalid(f"desk {past.desk_id!r} had no configuration yet when the period ended")
        return past

    # What ingest said.

    def _canonical(self, name: str, event: ConversationsEvent) -> None:
        at_ms, past = event.occurred_at_ms, self.past
        if name == "desk" and not self._is_inside:
            past.config = event.desk
            past.from_ms = max(past.from_ms, at_ms)  # there is nothing to play before the first one
        elif name in ("desk", "agent") and self._is_inside:
            past.world.append((at_ms, name, getattr(event, name)))
        elif name == "presence" and self._is_inside:
            put = event.presence.presence
            is_clean = put.state == PRESENCE_STATE_OFFLINE and not self._in_hand[put.agent_id]
            past.world.append((at_ms, "goes" if is_clean else "presence", event.presence))
        elif name == "message":
            self._message(at_ms, event.message)
        elif name == "order_attached":
            self._happens(event.order_attached.conversation_id, at_ms, "order", event.order_attached)

    def _message(self, at_ms: int, message: MessageReceived) -> None:
        key = message.conversation_id
        case = self.past.cases.get(key)
        if case is None:
            case = self.past.cases[key] = Case(key, message.channel, message.customer_id)
        light = MessageReceived()
        light.CopyFrom(message)
        light.ClearField("content")
        light.ClearField("route")
        if not case.spells or case.spells[-1].ended_ms >= 0:
            case.spells.append(Spell(at_ms, light))
        else:
            self._happens(key, at_ms, "message", light)

    def _happens(self, key: str, at_ms: int, kind: str, body: Any = None) -> None:
        spell = self._spell(key)
        if spell is None:
            return
        stint = spell.stints[-1] if spell.stints else None
        if stint is not None and stint.ended_ms < 0:
            stint.steps.append(Step(at_ms - stint.began_ms, kind, body))
        else:
            spell.loose.append(Step(at_ms, kind, body))

    def _spell(self, key: str) -> Spell | None:
        """The one that is open."""
        case = self.past.cases.get(key)
        return case.spells[-1] if case is not None and case.spells and case.spells[-1].ended_ms < 0 else None

    # What the router said.

    def _routed(self, name: str, event: rt.RoutingEvent) -> None:
        if name in ("agent_found", "agent_lost"):
            if self._is_inside and event.cause_id.startswith(LOCAL):
                agent_id, is_there = getattr(event, name).agent_id, name == "agent_found"
                is_clean = not is_there and not self._in_hand[agent_id]
                kind = "ends" if is_clean else "session"
                self.past.world.append((event.occurred_at_ms, kind, (agent_id, is_there)))
            return
        rule = getattr(self, f"_{name}", None)
        if rule is not None:
            rule(event.occurred_at_ms, getattr(event, name))

    def _queued(self, at_ms: int, body: rt.ConversationQueued) -> None:
        spell = self._spell(body.conversation_id)
        if spell is None:
            # An agent opened it again, or its message lies before the log.
            case = self.past.cases.setdefault(
                body.conversation_id, Case(body.conversation_id, body.channel, body.customer_id)
            )
            spell = Spell(at_ms)
            case.spells.append(spell)
        spell.queue = spell.queue or body.queue

    def _offered(self, at_ms: int, body: rt.Offered) -> None:
        case = self.past.cases.get(body.conversation_id)
        channel = case.channel if case is not None else ""
        self._offers[body.offer_id] = at_ms, channel, body.conversation_id

    def _accepted(self, at_ms: int, body: rt.OfferAccepted) -> None:
        self._answered(at_ms, body.offer_id, body.agent_id, "accept")

    def _declined(self, at_ms: int, body: rt.OfferDeclined) -> None:
        self._answered(at_ms, body.offer_id, body.agent_id, "decline")

    def _expired(self, at_ms: int, body: rt.OfferExpired) -> None:
        self._answered(at_ms, body.offer_id, body.agent_id, "expire")

    def _answered(self, at_ms: int, offer_id: str, agent_id: str, kind: str) -> None:
        began_ms, channel, key = self._offers.pop(offer_id, (at_ms, "", ""))
        if at_ms >= self.past.to_ms - LEARNED_MS:
            self.past.answers.append(Answer(agent_id, channel, kind, at_ms - began_ms, key, began_ms))

    def _assigned(self, at_ms: int, body: rt.Assigned) -> None:
        spell = self._spell(body.conversation_id)
        if spell is not None:
            spell.stints.append(Stint(body.agent_id, at_ms, self._in_hand[body.agent_id]))
            self._in_hand[body.agent_id] += 1

    def _admitted(self, at_ms: int, body: rt.RequestAdmitted) -> None:
        if body.kind == inbound.REQUEST_KIND_REPLY:
            self._happens(body.conversation_id, at_ms, "reply", body.promise_within_ms)

    def _priority(self, at_ms: int, body: rt.PriorityChanged) -> None:
        if body.by_agent_id:
            self._happens(body.conversation_id, at_ms, "priority", body.priority)

    def _transferred(self, at_ms: int, body: rt.Transferred) -> None:
        to = AgentRequest(transfer_to=body.to, transfer_target=body.target, reason=body.reason)
        self._happens(body.conversation_id, at_ms, "transfer", to)

    def _released(self, at_ms: int, body: rt.Released) -> None:
        self._ends(at_ms, body.conversation_id, body.agent_id)

    def _resolved(self, at_ms: int, body: rt.Resolved) -> None:
        spell = self._spell(body.conversation_id)
        if spell is None:
            return
        if body.owner_id:
            self._happens(body.conversation_id, at_ms, "resolve", body.reason)
            self._ends(at_ms, body.conversation_id, body.owner_id)
        elif not spell.stints:
            spell.gave_up_ms = at_ms
        spell.ended_ms = at_ms
        if at_ms < min(self.past.from_ms, self.past.to_ms - LEARNED_MS):
            self._forget(body.conversation_id)

    def _forget(self, key: str) -> None:
        """Its last spell is too old to teach anything and does not reach into the period."""
        case = self.past.cases[key]
        case.spells.pop()
        if not case.spells:
            del self.past.cases[key]

    def _ends(self, at_ms: int, key: str, agent_id: str) -> None:
        spell = self._spell(key)
        if spell is not None and spell.stints and spell.stints[-1].ended_ms < 0:
            spell.stints[-1].ended_ms = at_ms
            self._in_hand[agent_id] -= 1
