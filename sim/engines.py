"""The real engines, router and sla, over virtual time.

Theory of operation. Whoever plays the world says what ingest would have written (`hear`), what an edge
would have seen of agents' sessions (`session`) and what notify would have written (`sent`). Each such input
is decided as the loop does it: `decide`, then `evolve` event by event; then both engines read what the other
one has said, until nothing follows. What the router said goes to `on_routing`, at once and in order. A
deadline fires by `fire`, when no input at or before it is left: inputs go first, as they do in production.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.notices_pb2 import NoticesEvent
from proto.v1.routing_pb2 import AgentFound, AgentLost, RoutingEvent
from proto.v1.sla_pb2 import SlaEvent
from services.kernel.engine import LOCAL, Input
from services.router import engine as router
from services.sla import engine as sla
from sim.audit import Auditor

NEVER_MS = 1 << 62
"""Stands for no deadline."""

_SLA_READS = frozenset(("queued", "admitted", "resolved"))
"""What sla looks at of routing: the rest would lead to nothing, and is not handed over."""
_ROUTER_READS = frozenset(("started", "resumed", "paused", "met", "cancelled", "escalated"))
"""What the router looks at of sla."""


class Engines:
    """One desk's router and, if promises matter, sla.

    on_routing: told each event of the router with its body's name, after it is folded; on_sla: sla's.
    """

    def __init__(
        self,
        desk_id: str,
        now_ms: int,
        on_routing: Callable[[str, RoutingEvent], None],
        with_sla: bool = True,
        auditor: Auditor | None = None,
        on_sla: Callable[[str, SlaEvent], None] | None = None,
    ) -> None:
        self.desk_id = desk_id
        self.now_ms = now_ms
        self.engine: Any = router
        """What decides and folds for the router: its engine, or something around it."""
        self.router = router.initial()
        self.sla = sla.initial() if with_sla else None
        self.decisions = 0
        self.events = 0
        self.breached = 0
        self.auditor = auditor
        self._on_routing = on_routing
        self._on_sla = on_sla
        self._inputs = 0
        self._said = 0
        self._unread: deque[tuple[str, str, Any]] = deque()

    def hear(self, origin_id: str = "", **body: Any) -> None:
        """An event of ingest's; the keyword names its body."""
        event = ConversationsEvent(
            desk_id=self.desk_id, occurred_at_ms=self.now_ms, origin_id=origin_id, **body
        )
        record = self._input("conversations", event)
        if self.auditor is not None:
            self.auditor.take("conversations", self.now_ms, [event])
        self._route(record)
        if self.sla is not None and "request" not in body:
            self._promise(record)
        self._exchange()

    def session(self, agent_id: str, is_there: bool) -> None:
        """A session of the agent is seen, or was for too long not."""
        if is_there:
            event = RoutingEvent(desk_id=self.desk_id, agent_found=AgentFound(agent_id=agent_id))
        else:
            event = RoutingEvent(desk_id=self.desk_id, agent_lost=AgentLost(agent_id=agent_id))
        self._route(self._input(LOCAL, event))
        self._exchange()

    def sent(self, origin_id: str, conversation_id: str) -> None:
        """An agent's answer reached its customer."""
        if self.sla is None:
            return
        event = NoticesEvent(desk_id=self.desk_id, occurred_at_ms=self.now_ms, origin_id=origin_id)
        event.sent.conversation_id = conversation_id
        self._promise(self._input("notices", event))
        self._exchange()

    def past(self, event: RoutingEvent) -> None:
        """An event that the router wrote long ago."""
        router.evolve(self.router, event)
        if self.auditor is not None:
            self.auditor.take("routing", event.occurred_at_ms, [event])

    def next_deadline_ms(self) -> int:
        """When one of the engines is to be called with nothing but the time."""
        due_ms = router.next_deadline_ms(self.router)
        due_ms = NEVER_MS if due_ms is None else due_ms
        if self.sla is None:
            return due_ms
        promised_ms = sla.next_deadline_ms(self.sla)
        return due_ms if promised_ms is None else min(due_ms, promised_ms)

    def fire(self) -> None:
        """Decide the earliest deadline; time goes on to it."""
        due_ms = self.next_deadline_ms()
        self.now_ms = max(self.now_ms, due_ms)
        if router.next_deadline_ms(self.router) == due_ms:
            self._route(None)
        else:
            self._promise(None)
        self._exchange()

    def _input(self, topic: str, event: Any) -> Input:
        self._inputs += 1
        return Input(topic, f"{topic}/0/{self._inputs}/0", self.now_ms, event)

    def _exchange(self) -> None:
        while self._unread:
            topic, event_id, event = self._unread.popleft()
            record = Input(topic, event_id, self.now_ms, event)
            if topic == "routing":
                self._promise(record)
            else:
                self._route(record)

    def _route(self, record: Input | None) -> None:
        state = self.router
        engine = self.engine
        events = engine.decide(state, record, self.now_ms)
        self.decisions += 1
        if not events:
            return
        for event in events:
            engine.evolve(state, event)
        self.events += len(events)
        if self.auditor is not None:
            self.auditor.take("routing", self.now_ms, events)
        for event in events:
            body = event.WhichOneof("body")
            if body in _SLA_READS and self.sla is not None:
                self._said += 1
                self._unread.append(("routing", f"routing/0/{self._said}/0", event))
            self._on_routing(body, event)

    def _promise(self, record: Input | None) -> None:
        state: Any = self.sla
        events = sla.decide(state, record, self.now_ms)
        self.decisions += 1
        if not events:
            return
        for event in events:
            sla.evolve(state, event)
        self.events += len(events)
        if self.auditor is not None:
            self.auditor.take("sla", self.now_ms, events)
        for event in events:
            body = event.WhichOneof("body")
            if self._on_sla is not None:
                self._on_sla(body, event)
            if body == "breached":
                self.breached += 1
            elif body in _ROUTER_READS:
                self._said += 1
                self._unread.append(("sla", f"sla/0/{self._said}/0", event))

    def finish(self) -> list[str]:
        """What the auditor found."""
        if self.auditor is None:
            return []
        engines: dict[str, Any] = {"routing": router}
        states: dict[str, Any] = {"routing": self.router}
        if self.sla is not None:
            engines["sla"], states["sla"] = sla, self.sla
        return self.auditor.finish(engines, states, self.now_ms)
