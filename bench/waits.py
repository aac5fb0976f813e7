"""How long what was appended waited for its outcome, by the log's own clock, read while it happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Any, NamedTuple

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.envelope_pb2 import Batch
from proto.v1.inbound_pb2 import Inbound
from services.kernel.claims import Fence
from services.runtime.event_log import TRY_LATER, EventLog, LogRecord, TopicPartition

AGAIN_S = 0.5
STILL_MS = 1_000
"""A partition stood still while a record waited for longer: promises are to fire within a second."""
MAILBOX, OUTCOMES = "inbound", "conversations"

_log = logging.getLogger(__name__)


class Wait(NamedTuple):
    """One record: how long it waited, in which partition, and when it was decided (Unix ms)."""

    ms: int
    partition: int
    until_ms: int


class Pause(NamedTuple):
    """A partition stood still: from when until when, Unix ms."""

    since_ms: int
    until_ms: int


class Waits:
    """Reads the mailbox and ingest's log of all partitions."""

    def __init__(self, log: EventLog, partitions: int) -> None:
        self.decided: set[str] = set()
        """Records that have an outcome."""
        self._log = log
        self._at = {TopicPartition(topic, n): 0 for topic in (MAILBOX, OUTCOMES) for n in range(partitions)}
        self._fences = {n: Fence() for n in range(partitions)}
        self._came_ms: dict[str, int] = {}
        self._early: dict[str, Wait] = {}
        self._waits: list[Wait] = []
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            reader = self._log.reader(self._at)
            try:
                while True:
                    for record in (await reader.fetch(1_000)).records:
                        self._take(record)
                    self._moved.set()
            except TRY_LATER as error:
                _log.info("what was decided is read again: %s", error)
                await asyncio.sleep(AGAIN_S)
            finally:
                await reader.close()

    def _take(self, record: LogRecord) -> None:
        self._at[TopicPartition(record.topic, record.partition)] = record.offset + 1
        if record.topic == MAILBOX:
            record_id = Inbound.FromString(record.value).record_id
            self._came_ms.setdefault(record_id, record.at_ms)
            if (early := self._early.pop(record_id, None)) is not None:
                self._count(record_id, early.partition, early.until_ms)
            return
        batch = Batch.FromString(record.value)
        if self._fences[record.partition].admit(batch):
            for event in map(ConversationsEvent.FromString, batch.events):
                if event.origin_id and event.origin_id not in self.decided:
                    self.decided.add(event.origin_id)
                    self._count(event.origin_id, record.partition, record.at_ms)

    def _count(self, record_id: str, partition: int, until_ms: int) -> None:
        came_ms = self._came_ms.get(record_id)
        if came_ms is None:  # another broker has answered first
            self._early[record_id] = Wait(0, partition, until_ms)
        else:
            self._waits.append(Wait(until_ms - came_ms, partition, until_ms))

    async def until_decided(self, records: Collection[str], within_s: float) -> bool:
        """Wait until all of these have an outcome; False if they have not in time."""
        try:
            async with asyncio.timeout(within_s):
                while not self.decided.issuperset(records):
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def every(self) -> list[Wait]:
        """All of them."""
        return list(self._waits)

    def figures(self) -> dict[str, Any]:
        """Percentiles, ms."""
        waits = sorted(wait.ms for wait in self._waits) or [0]
        named = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
        return {name: waits[int(len(waits) * share)] for name, share in named.items()} | {"max": waits[-1]}

    def longest(self) -> Wait:
        """The longest of all."""
        return max(self._waits, default=Wait(0, 0, 0))

    def longest_by_partition(self) -> dict[int, int]:
        """The longest of each partition, ms."""
        found: dict[int, int] = {}
        for wait in self._waits:
            found[wait.partition] = max(found.get(wait.partition, 0), wait.ms)
        return dict(sorted(found.items()))

    def pauses(self) -> dict[int, list[Pause]]:
        """When each partition stood still; they may overlap."""
        found: dict[int, list[Pause]] = {}
        for wait in self._waits:
            if wait.ms > STILL_MS:
                found.setdefault(wait.partition, []).append(Pause(wait.until_ms - wait.ms, wait.until_ms))
        return found
