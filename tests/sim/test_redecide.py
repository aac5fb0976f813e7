"""A recorded log decided anew: the same code decides the same, and whatever differs is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proto.v1 import desk_pb2 as pb
from proto.v1.conversations_pb2 import (
    AgentConfigured,
    ConversationsEvent,
    DeskConfigured,
    MessageReceived,
    PresenceSet,
)
from proto.v1.envelope_pb2 import Batch
from proto.v1.inbound_pb2 import PresencePut
from proto.v1.routing_pb2 import AgentFound, RoutingEvent
from services.kernel.engine import LOCAL, Input
from services.kernel.ids import derive_id
from services.router import engine as router
from sim.redecide import redecide
from tests.tools.made import MadeLogs


class Writer:
    """A router that reads made logs and writes its own, batch by batch."""

    def __init__(self) -> None:
        self.logs = MadeLogs()
        self.state = router.initial()

    def hears(self, **body: Any) -> None:
        """Ingest says something, and a batch says what the router decides on it."""
        self.logs.batch("conversations", *body.items())
        position = self.logs.read("conversations")
        self.decides(router_input(self.logs, position.next_seq - 1))

    def decides(self, record: Input | None) -> None:
        """A batch of what follows from an input, or from the next deadline."""
        events = router.decide(self.state, record, self.logs.now_ms)
        for event in events:
            router.evolve(self.state, event)
        batch = Batch(epoch=1, seq=self.logs.seqs["routing"], now_ms=self.logs.now_ms)
        batch.positions.append(self.logs.read("conversations"))
        batch.events.extend(event.SerializeToString() for event in events)
        self.logs.append("routing", batch)
        self.logs.seqs["routing"] += 1


def router_input(logs: MadeLogs, seq: int) -> Input:
    """The newest event of ingest's as the router's loop hands it over."""
    batch = Batch.FromString(logs.logs["conversations"][-1])
    event = ConversationsEvent.FromString(batch.events[0])
    return Input("conversations", f"conversations/0/{seq}/0", batch.now_ms, event)


def a_morning() -> MadeLogs:
    """Two agents come, three customers write; one offer is left to ring, and expires."""
    writer = Writer()
    config = pb.DeskConfig(name="d", accounts=[pb.Account(channel="chat", account="www", units=100)])
    config.routing.preset = "longest_idle"
    writer.hears(desk=DeskConfigured(desk=config, version=1))
    for name in ("ola", "jan"):
        writer.hears(agent=AgentConfigured(agent=pb.Agent(agent_id=name)))
        put = PresencePut(agent_id=name, state=pb.PRESENCE_STATE_ONLINE, ttl_ms=600_000)
        writer.hears(presence=PresenceSet(presence=put))
    found = RoutingEvent(desk_id="d", agent_found=AgentFound(agent_id="ola"))
    writer.decides(Input(LOCAL, f"{LOCAL}:presence/1/1", writer.logs.now_ms, found))
    for n in range(3):
        writer.logs.at(n + 1)
        key = derive_id("c", str(n))
        writer.hears(message=MessageReceived(conversation_id=key, channel="chat", account="www", opens=True))
    writer.logs.at(60)
    while (router.next_deadline_ms(writer.state) or 1 << 62) <= writer.logs.now_ms:
        writer.decides(None)
    return writer.logs


class Other:
    """The router, but it lets offers ring for a second longer."""

    def __getattr__(self, name: str) -> Any:
        return getattr(router, name)

    def decide(self, state: Any, record: Input | None, now_ms: int) -> Sequence[RoutingEvent]:
        """What the router decides, with later ends."""
        events = list(router.decide(state, record, now_ms))
        for event in events:
            if event.HasField("offered"):
                event.offered.expires_at_ms += 1_000
        return events


def test_the_same_code_decides_the_same() -> None:
    """Given a log with arrivals, sessions and deadlines, deciding it anew finds no difference."""
    told = redecide(a_morning(), 0)
    assert told.differences == 0, told.first
    assert told.decisions >= 12
    assert told.events >= told.decisions


def test_other_code_is_named_by_its_first_difference() -> None:
    """Given code that decides otherwise, every decision that differs counts, and the first is told in words:
    batch, event, cause, and both sides."""
    told = redecide(a_morning(), 0, Other())
    assert told.differences >= 2
    assert told.first.startswith("routing batch"), told.first
    assert "on conversations/0/5/0: decided" in told.first
    assert "expires_at_ms" in told.first


def test_what_the_log_does_not_know_of_is_found() -> None:
    """Given an event on the log that nothing led to, it is told, and the rest still compares."""
    logs = a_morning()
    batch = Batch.FromString(logs.logs["routing"][7])
    made = RoutingEvent(desk_id="d", cause_id="conversations/0/99/0")
    made.looked.agent_id = "ola"
    batch.events.append(made.SerializeToString())
    logs.logs["routing"][7] = batch.SerializeToString()
    told = redecide(logs, 0)
    assert told.differences >= 1
    assert "looked" in told.first
