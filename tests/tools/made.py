"""Logs made by hand, for the checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.envelope_pb2 import Batch, InputPosition
from proto.v1.inbound_pb2 import Inbound
from proto.v1.notices_pb2 import NoticesEvent
from proto.v1.routing_pb2 import RoutingEvent
from proto.v1.sla_pb2 import SlaEvent
from services.runtime.event_log import LogRecord
from tools.invariants import check
from tools.invariants.report import Report
from tools.invariants.state import Kept

START_MS = 1_767_607_200_000
"""Monday 2026-01-05 11:00 in Warsaw."""

EVENTS: dict[str, Any] = {
    "conversations": ConversationsEvent,
    "routing": RoutingEvent,
    "sla": SlaEvent,
    "notices": NoticesEvent,
}


class MadeLogs:
    """A Source of one partition, filled batch by batch. Each owned topic begins with a claim."""

    def __init__(self) -> None:
        self.logs: dict[str, list[bytes]] = {"inbound": [], **{topic: [] for topic in EVENTS}}
        self.kept: dict[str, list[Kept]] = {}
        self.now_ms = START_MS
        self.seqs = dict.fromkeys(EVENTS, 0)
        for topic in EVENTS:
            self.append(topic, Batch(epoch=1, now_ms=START_MS))

    def append(self, topic: str, batch: Batch) -> None:
        """A record as it is."""
        self.logs[topic].append(batch.SerializeToString())

    def received(self, *record_ids: str) -> None:
        """Records of the mailbox."""
        for record_id in record_ids:
            self.logs["inbound"].append(Inbound(desk_id="d", record_id=record_id).SerializeToString())

    def at(self, seconds: float) -> None:
        """Set the time, in seconds after the start."""
        self.now_ms = START_MS + int(seconds * 1000)

    def batch(self, topic: str, *bodies: Any, read: Sequence[InputPosition] = (), **head: Any) -> None:
        """A valid batch with one event for each body (name, message); `head`: cause_id, origin_id."""
        events = [
            EVENTS[topic](desk_id="d", occurred_at_ms=self.now_ms, **head, **{name: body})
            for name, body in bodies
        ]
        self.append(
            topic,
            Batch(
                epoch=1,
                seq=self.seqs[topic],
                now_ms=self.now_ms,
                positions=read,
                events=[event.SerializeToString() for event in events],
            ),
        )
        self.seqs[topic] += 1

    def read(self, topic: str, index: int = 0) -> InputPosition:
        """The place at a topic's end; with an index, within its last record."""
        back = 1 if index else 0
        owned = topic != "inbound"
        return InputPosition(
            topic=topic,
            offset=len(self.logs[topic]) - back,
            epoch=1 if owned else 0,
            next_seq=self.seqs[topic] - back if owned else 0,
            index=index,
        )

    def partitions(self) -> Sequence[int]:
        """There is one."""
        return [0]

    def records(self, topic: str, partition: int) -> Iterator[LogRecord]:
        """What was appended."""
        for offset, value in enumerate(self.logs[topic]):
            yield LogRecord(topic, partition, offset, self.now_ms, value)

    def snapshots(self, topic: str, partition: int) -> Sequence[Kept]:
        """What was kept."""
        return self.kept.get(topic, [])

    def report(self, **engines: Any) -> Report:
        """Check all of it."""
        return check(self, engines)

    def violations(self) -> list[str]:
        """What the check finds, each as its line."""
        return [str(violation) for violation in self.report().violations]
