"""Follows the logs of a run as they grow: the auditor after every event, and the eyes of whoever acts.

Only valid batches count, judged as every reader judges them. So an append that landed without an
acknowledgement is seen, and one of a deposed owner is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence, is_claim
from services.runtime.event_log import LogRecord, TopicPartition
from services.runtime.inputs import EVENT_CLASSES
from services.runtime.log_memory import MemoryLog
from tools.invariants import SLACK_MS, Check, Moment
from tools.invariants.promises import PromiseCheck
from tools.invariants.report import Report
from tools.invariants.routing import RoutingCheck
from tools.invariants.state import Kept

TOPICS = ("conversations", "routing", "sla")


class Follower:
    """Reads every owned topic of a memory log from its beginning on."""

    def __init__(self, log: MemoryLog, hears: Callable[[str, Any], None]) -> None:
        self.report = Report()
        self.events = 0
        self._log = log
        self._hears = hears
        self._fences = {topic: Fence() for topic in TOPICS}
        self._read = dict.fromkeys(TOPICS, 0)
        self._checks: dict[str, Check] = {
            "routing": RoutingCheck(self.report),
            "sla": PromiseCheck(self.report, SLACK_MS),
        }

    def look(self) -> None:
        """Take what has come."""
        for topic in TOPICS:
            tail = self._log.tail(TopicPartition(topic, 0))
            for record in tail.records[self._read[topic] :]:
                self._take(topic, record)
            self._read[topic] = tail.end

    def _take(self, topic: str, record: LogRecord) -> None:
        batch = Batch.FromString(record.value)
        if not self._fences[topic].admit(batch) or is_claim(batch):
            return
        events = [EVENT_CLASSES[topic].FromString(value) for value in batch.events]
        self.events += len(events)
        check = self._checks.get(topic)
        if check is not None:
            check.take(Moment(topic, 0, record.offset, batch, events))
        for event in events:
            self._hears(topic, event)

    def finish(self) -> list[str]:
        """All violations that were seen on the way."""
        self.look()
        for check in self._checks.values():
            check.finish()
        return [str(violation) for violation in self.report.violations]


class MemorySource:
    """The logs of a run for `tools.invariants.check`."""

    def __init__(self, log: MemoryLog, kept: Sequence[tuple[str, Kept]]) -> None:
        self._log = log
        self._kept = kept

    def partitions(self) -> Sequence[int]:
        """The one that there is."""
        return [0]

    def records(self, topic: str, partition: int) -> Iterator[LogRecord]:
        """All of a topic."""
        yield from self._log.tail(TopicPartition(topic, partition)).records

    def snapshots(self, topic: str, partition: int) -> Sequence[Kept]:
        """Those that were kept of it."""
        return [kept for name, kept in self._kept if name == topic]
