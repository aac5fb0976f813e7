"""A second policy beside the live one: what it would have chosen, and where the two differ.

Theory of operation. For each desk that says `routing.shadow` there is a second state: the same fold of the
same events, but with a matcher that is arranged by the shadow's policy. Whenever the live engine has
decided, and before anything is folded, the same input (or the same deadline) is decided on the second
state, and the choices are compared: who is offered which conversation, and what is left waiting. Then both
states fold what the live engine decided. So both policies are asked about the very same floor, again and
again, and the shadow's answers lead to nothing: no event, no deadline, no byte of the log depends on them.

A shadow begins at the desk's first decision after its configuration or a take-over, with a copy of the
desk's open work as it then is. Beyond `SHADOW_OPEN_MAX` it waits until there is less, and says so. What
either policy puts off to the end of a burst's instant is compared there, when the burst is looked at as a
whole. Live there is such a look only if the live policy put something off.

A desk without a shadow pays one look at an empty dictionary a decision; a desk with one pays its decisions
and its folds twice, and its open work lies in memory twice. What was seen is a view: it begins anew with
the process and with each new configuration, and keeps the last few differences only. A shadow that fails,
or cannot begin, ends, and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from proto.v1.routing_pb2 import ConversationQueued, Offered, RoutingEvent
from services.kernel.engine import Engine, Input
from services.kernel.limits import SHADOW_OPEN_MAX
from services.router import state as states
from services.router import timers
from services.router.explain import Sentence, explain_offered
from services.router.resolved import Resolved, Short
from services.router.state import Data, Desk, State

DIFFERENCES_MAX = 100
"""The last differences of a desk that are kept."""
NAMES_MAX = 200
"""Queues and channels that are counted by name; what comes later counts as `OTHER`."""
OTHER = "…"

_log = logging.getLogger(__name__)

_WAITS = Sentence(pl="Czeka: nikt nie może jej teraz przyjąć.", en="Waits: nobody can take it now.")
_HELD = Sentence(
    pl="Czeka: może poczekać, a wolni są potrzebni pilniejszym.",
    en="Waits: it can wait, and whoever is free is needed for what cannot.",
)
_OTHER_FIRST = Sentence(pl="Najpierw inna rozmowa.", en="Another conversation goes first.")


class Side(Struct, frozen=True):
    """What one policy chose. agent: "" if it waits; conversation: what the agent gets."""

    agent: str
    conversation_id: str
    sentence: Sentence
    score: float | None = None
    parts: Mapping[str, float] = {}


class Difference(Struct, frozen=True):
    """kind: "agent" (another one), "work" (the agent gets another conversation), "waits" (the shadow lets it
    wait), "takes" (the shadow gives it to somebody, live it waits)."""

    at_ms: int
    conversation_id: str
    channel: str
    queue: str
    kind: str
    live: Side
    shadow: Side


class Count(Struct):
    """Choices that were compared, and how many were the same."""

    compared: int = 0
    agreed: int = 0


class Report(Struct):
    """What was seen of one desk's shadow."""

    live: str
    shadow: str
    since_ms: int = 0
    """Its first decision; 0 before."""
    all: Count = field(default_factory=Count)
    queues: dict[str, Count] = field(default_factory=dict)
    channels: dict[str, Count] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    """The last `DIFFERENCES_MAX`, oldest first."""
    failed: str = ""
    """Why it ended; "" as long as it goes on."""
    too_many: int = 0
    """So many conversations of the desk are open that it does not begin; 0: it may."""


class Shadows:
    """The router engine with the shadows of its desks. Everything but `decide` and `evolve` is the
    engine's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._live: State | None = None
        self._running: dict[str, _Shadow] = {}
        self._ended: dict[str, Report] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def restored(self, state: State) -> None:
        """The loop owns this state from now on."""
        self._live = state
        self._running.clear()
        self._ended.clear()
        for desk_id, desk in state.data.desks.items():
            if desk.shadow is not None:
                self._running[desk_id] = _Shadow(desk_id, desk)

    def report(self, desk_id: str) -> Report | None:
        """What was seen of a desk; None if it has no shadow."""
        shadow = self._running.get(desk_id)
        return shadow.report if shadow is not None else self._ended.get(desk_id)

    def decide(self, state: State, record: Input | None, now_ms: int) -> Sequence[RoutingEvent]:
        """What the engine decides. What its shadow would have is looked at beside."""
        events: Sequence[RoutingEvent] = self._engine.decide(state, record, now_ms)
        if self._running and events and state is self._live:
            shadow = self._running.get(events[0].desk_id)
            if shadow is not None:
                due = self._engine.next_deadline_id(state) if record is None else ""
                self._guard(shadow, lambda: shadow.look(self._engine, state, record, due, now_ms, events))
        return events

    def evolve(self, state: State, event: RoutingEvent) -> None:
        """Fold, and let the shadow fold the same first: it may look up what the engine is about to forget."""
        if self._running and state is self._live:
            shadow = self._running.get(event.desk_id)
            if shadow is not None:
                self._guard(shadow, lambda: shadow.fold(self._engine, event))
        self._engine.evolve(state, event)
        if state is self._live and event.HasField("desk"):
            self._configured(event.desk_id, state.desk(event.desk_id))

    def _guard(self, shadow: _Shadow, look: Callable[[], None]) -> None:
        """A shadow that cannot go on must not stop what is live: it ends, visibly."""
        try:
            look()
        except Exception as error:
            _log.exception("the shadow of desk %s ends", shadow.desk_id)
            shadow.report.failed = f"{type(error).__name__}: {error}"[:300]
            self._ended[shadow.desk_id] = shadow.report
            del self._running[shadow.desk_id]

    def _configured(self, desk_id: str, desk: Desk) -> None:
        """A configuration holds: its shadow is to begin, goes on, or ends."""
        running = self._running.get(desk_id)
        self._ended.pop(desk_id, None)
        if desk.shadow is None:
            self._running.pop(desk_id, None)
        elif running is None or not running.is_as(desk):
            self._running[desk_id] = _Shadow(desk_id, desk)


class _Shadow:
    """One desk's second state, made at the first look."""

    def __init__(self, desk_id: str, desk: Desk) -> None:
        self.desk_id = desk_id
        self._policies = desk.policy, desk.shadow
        self._policy = desk.shadow or desk.policy
        self.report = Report(desk.policy.name, self._policy.name)
        self._state: State | None = None
        self._told: set[str] = set()
        """Waiting conversations that the shadow would have given away: told once, not at every look."""

    def is_as(self, desk: Desk) -> bool:
        """Whether it is still what the desk asks for."""
        return self._policies == (desk.policy, desk.shadow)

    def fold(self, engine: Engine, event: RoutingEvent) -> None:
        """Fold what the live engine decided, under the shadow's policy."""
        if self._state is None:
            return
        if event.HasField("resolved"):
            self._told.discard(event.resolved.conversation_id)
        engine.evolve(self._state, _under_shadow(event) if event.HasField("desk") else event)

    def look(
        self,
        engine: Engine,
        live: State,
        record: Input | None,
        due: str,
        now_ms: int,
        events: Sequence[RoutingEvent],
    ) -> None:
        """Decide the same and compare with what was decided live, but not folded yet. due: the id of the
        deadline, without an input."""
        if self._state is None:
            self.report.too_many = _too_many(live, self.desk_id)
            if self.report.too_many:
                return
            self._state = self._copy(engine, live)
            self.report.since_ms = now_ms
        if record is not None:
            other = engine.decide(self._state, record, now_ms)
        else:
            other = timers.due(self._state, due, now_ms).events
        chosen, others = _Chosen(events), _Chosen(other)
        put_off = chosen.put_off() | others.put_off()
        chosen.drop(put_off)
        others.drop(put_off)
        self._told -= chosen.offers.keys()
        served = chosen.by_agent()
        again = [
            key
            for key, offered in others.offers.items()
            if key in self._told and key not in chosen.queued and offered.agent_id not in served
        ]
        others.drop(again)
        _Comparison(self.report, self._state, now_ms, chosen, others).run()
        self._told |= others.offers.keys() - chosen.offers.keys()

    def _copy(self, engine: Engine, live: State) -> State:
        """The desk's state under the other policy."""
        desk_id = self.desk_id
        open_now = {key: c for key, c in live.data.conversations.items() if c.desk == desk_id}
        closed = {key: offer for key, offer in live.data.closed.items() if offer.desk == desk_id}
        desk = msgspec.structs.replace(live.desk(desk_id), policy=self._policy)
        # By way of its bytes, so that nothing is shared that either side changes.
        state: State = engine.load(states.dump_data(Data({desk_id: desk}, open_now, closed)))
        state.resolved = _LookedUp(live.resolved)
        return state


class _LookedUp(Resolved):
    """The resolved of the live state, to be read only: the live engine puts and takes."""

    __slots__ = ("_live",)

    def __init__(self, live: Resolved) -> None:
        super().__init__()
        self._live = live

    def get(self, desk_id: str, conversation_id: str, now_ms: int) -> Short | None:
        """See Resolved."""
        return self._live.get(desk_id, conversation_id, now_ms)

    def agent_of(self, desk_id: str, customer_id: str, now_ms: int) -> str:
        """See Resolved."""
        return self._live.agent_of(desk_id, customer_id, now_ms)

    def put(self, conversation_id: str, customer_id: str, short: Short, now_ms: int) -> None:
        """The live engine does."""

    def take(self, conversation_id: str) -> None:
        """The live engine does."""


class _Chosen:
    """The choices of one decision: who is offered what, and what was put among the waiting."""

    def __init__(self, events: Sequence[RoutingEvent]) -> None:
        self.offers: dict[str, Offered] = {}
        self.queued: dict[str, ConversationQueued] = {}
        for event in events:
            name = event.WhichOneof("body")
            if name == "offered":
                self.offers[event.offered.conversation_id] = event.offered
            elif name == "queued":
                self.queued[event.queued.conversation_id] = event.queued

    def put_off(self) -> set[str]:
        """What waits for the end of the instant: nothing is chosen for it yet."""
        return {key for key, queued in self.queued.items() if queued.put_off}

    def drop(self, keys: Collection[str]) -> None:
        """Leave these out of what is compared."""
        for key in keys:
            self.offers.pop(key, None)
            self.queued.pop(key, None)

    def by_agent(self, without: Collection[str] = ()) -> dict[str, list[str]]:
        """What each agent is offered, in order. without: conversations that do not count."""
        found: dict[str, list[str]] = {}
        for key, offered in self.offers.items():
            if key not in without:
                found.setdefault(offered.agent_id, []).append(key)
        return found

    def side(self, key: str, other: _Chosen) -> Side:
        """What became of a conversation here. other: the other policy's choices."""
        offered = self.offers.get(key)
        if offered is not None:
            told = explain_offered(offered)
            best = next((one for one in told.best if one.agent == offered.agent_id), None)
            parts = best.parts if best is not None else {}
            return Side(offered.agent_id, key, told.sentence, best.score if best is not None else None, parts)
        agent_id = other.offers[key].agent_id if key in other.offers else ""
        if agent_id in self.by_agent():
            return Side("", key, _OTHER_FIRST)
        queued = self.queued.get(key)
        held = queued.held_back if queued is not None else bool(other.offers)
        return Side("", key, _HELD if held else _WAITS)


class _Comparison:
    """Live and shadow on one decision."""

    def __init__(self, report: Report, state: State, now_ms: int, live: _Chosen, shadow: _Chosen) -> None:
        self._report, self._state, self._now_ms = report, state, now_ms
        self._live, self._shadow = live, shadow

    def run(self) -> None:
        """Count each choice once."""
        live, shadow = self._live, self._shadow
        instead = self._instead()
        told = set(instead.values())
        for key in sorted({*live.offers, *shadow.offers, *live.queued, *shadow.queued} - told):
            mine, others = live.offers.get(key), shadow.offers.get(key)
            if (mine.agent_id if mine else "") == (others.agent_id if others else ""):
                self._count(key, "")
            elif mine and others:
                self._differs(key, key, "agent")
            elif key in instead:
                self._differs(key, instead[key], "work")
            else:
                self._differs(key, key, "waits" if mine else "takes")

    def _instead(self) -> dict[str, str]:
        """By what an agent is offered live alone, what the same agent is offered by the shadow alone."""
        live, shadow = self._live, self._shadow
        alone = shadow.by_agent(without=live.offers)
        return {
            first: other
            for agent_id, firsts in live.by_agent(without=shadow.offers).items()
            for first, other in zip(firsts, alone.get(agent_id, ()), strict=False)
        }

    def _differs(self, live: str, shadow: str, kind: str) -> None:
        channel, queue = self._count(live, kind)
        here, there = self._live.side(live, self._shadow), self._shadow.side(shadow, self._live)
        last = self._report.differences
        last.append(Difference(self._now_ms, live, channel, queue, kind, here, there))
        del last[:-DIFFERENCES_MAX]

    def _count(self, key: str, kind: str) -> tuple[str, str]:
        """Count one choice; the conversation's channel and queue."""
        report, queued = self._report, self._live.queued.get(key)
        c = self._state.data.conversations.get(key)
        if queued is not None:
            channel, queue = queued.channel, queued.queue
        else:
            channel, queue = (c.channel, c.queue) if c is not None else ("", "")
        for count in (report.all, _named(report.queues, queue), _named(report.channels, channel)):
            count.compared += 1
            count.agreed += not kind
        if kind:
            report.kinds[kind] = report.kinds.get(kind, 0) + 1
        return channel, queue


def _named(counts: dict[str, Count], name: str) -> Count:
    known = counts.get(name)
    if known is None:
        name = name if len(counts) < NAMES_MAX else OTHER
        known = counts.setdefault(name, Count())
    return known


def _too_many(live: State, desk_id: str) -> int:
    """How many are open, if they are too many to begin with; else 0."""
    found = live.matcher.open_count(desk_id)
    return found if found > SHADOW_OPEN_MAX else 0


def _under_shadow(event: RoutingEvent) -> RoutingEvent:
    """A desk's configuration with the shadow's policy in the place of its own."""
    made = RoutingEvent()
    made.CopyFrom(event)
    routing = made.desk.desk.routing
    routing.preset = routing.shadow.preset
    routing.ClearField("policy")
    if routing.shadow.HasField("policy"):
        routing.policy.CopyFrom(routing.shadow.policy)
    return made
