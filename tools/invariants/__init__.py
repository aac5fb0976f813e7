"""What must always hold, checked on the logs alone (ARCHITECTURE, "What must always hold").

Theory of operation. `check` walks each owned topic once, in log order, through the fence, and hands
every valid batch to the checks of that topic. A check is a small state machine of its own that knows
the promise and not the code that keeps it; only the fold of the states uses the engines. Nothing is
held in memory but what is open, ids of what is done, and a few numbers for each batch.

The order of the topics matters: conversations come before routing, because the checks of agents'
requests begin in the first and end in the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence, is_claim
from services.kernel.engine import Engine
from services.runtime.event_log import OWNED_TOPICS, LogRecord
from services.runtime.inputs import EVENT_CLASSES
from tools.invariants.order import OrderCheck
from tools.invariants.outbox import OutboxCheck
from tools.invariants.outcomes import OutcomeCheck
from tools.invariants.promises import PromiseCheck
from tools.invariants.report import Report
from tools.invariants.routing import RoutingCheck
from tools.invariants.state import Kept, StateCheck

SLACK_MS = 5_000
"""How late a deadline may be decided by an engine that was alive, before it counts as missed."""


class Source(Protocol):
    """Where the logs lie. Offsets of a partition have no holes."""

    def partitions(self) -> Sequence[int]:
        """The partitions that there are."""

    def records(self, topic: str, partition: int) -> Iterator[LogRecord]:
        """What is kept of a partition, in order."""

    def snapshots(self, topic: str, partition: int) -> Sequence[Kept]:
        """The kept snapshots of an engine's state, oldest first."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A valid batch, parsed."""

    topic: str
    partition: int
    offset: int
    batch: Batch
    events: list[Any]

    def where(self, index: int) -> str:
        """The id of one of its events."""
        return f"{self.topic}/{self.partition}/{self.batch.seq}/{index}"


class Check(Protocol):
    """A check of one topic: told each valid batch in order, then asked for what is left."""

    def take(self, moment: Moment) -> None:
        """Look at the next batch."""

    def finish(self) -> None:
        """Look at what is open at the end."""


def check(source: Source, engines: Mapping[str, Engine], slack_ms: int = SLACK_MS) -> Report:
    """Check everything. `engines`: by owned topic; without an engine its state is not folded."""
    report = Report()
    for partition in source.partitions():
        order = OrderCheck(report, partition)
        outcomes = OutcomeCheck(report, partition)
        outcomes.mailbox(source.records("inbound", partition))
        checks: dict[str, list[Check]] = {
            "conversations": [outcomes.of_conversations()],
            "routing": [outcomes.of_routing(), RoutingCheck(report)],
            "sla": [PromiseCheck(report, slack_ms)],
            "notices": [OutboxCheck(report, slack_ms)],
        }
        for topic in OWNED_TOPICS:
            if topic in engines:
                kept = source.snapshots(topic, partition)
                checks[topic].append(StateCheck(report, engines[topic], topic, partition, kept))
            _walk(source, topic, partition, order, checks[topic], report)
        outcomes.finish()
        order.finish(outcomes.mailbox_end)
    return report


def _walk(
    source: Source, topic: str, partition: int, order: OrderCheck, checks: list[Check], report: Report
) -> None:
    """Hand every valid batch of a topic to its checks."""
    fence = Fence()
    parse = EVENT_CLASSES[topic].FromString
    for record in source.records(topic, partition):
        batch = Batch.FromString(record.value)
        epoch, next_seq = fence.epoch, fence.next_seq
        valid = fence.admit(batch)
        order.take(topic, record.offset, batch, valid, epoch, next_seq)
        if not valid or is_claim(batch):
            continue
        moment = Moment(topic, partition, record.offset, batch, [parse(value) for value in batch.events])
        report.batches += 1
        report.events += len(moment.events)
        for one in checks:
            one.take(moment)
    for one in checks:
        one.finish()
