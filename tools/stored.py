"""The logs of an embedded installation, read from its file without disturbing who runs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence
from services.kernel.errors import Invalid
from services.runtime.event_log import LogRecord, TopicPartition
from services.runtime.inputs import EVENT_CLASSES
from services.runtime.log_sqlite import stored_partitions, stored_records
from services.runtime.snapshots import stored_snapshots
from tools.invariants import Source
from tools.invariants.state import Kept

FILE = "centrala.db"
"""Name of the file in the data directory."""


class StoredLogs:
    """A Source over the file of a data directory.

    Each topic is read up to where it ended when this object was made, so that a process that goes on
    writing is never seen with an effect and without its cause.
    """

    def __init__(self, data: Path) -> None:
        """Raises Invalid if there is no such file, or none of this release's; Corrupt if it is damaged."""
        self._path = data / FILE
        if not self._path.is_file():
            raise Invalid(f"there is no {FILE} in {data}")
        self._ends = {place: kept.end for place, kept in stored_partitions(self._path).items()}

    def partitions(self) -> Sequence[int]:
        """The partitions that the file has."""
        return sorted({place.partition for place in self._ends})

    def records(self, topic: str, partition: int) -> Iterator[LogRecord]:
        """What is kept of a partition, in order."""
        end = self._ends.get(TopicPartition(topic, partition), 0)
        for record in stored_records(self._path, topic, partition):
            if record.offset >= end:
                return
            yield record

    def snapshots(self, topic: str, partition: int) -> Sequence[Kept]:
        """The snapshots that are whole, oldest first."""
        found = stored_snapshots(self._path, topic, partition)
        end = self._ends.get(TopicPartition(topic, partition), 0)
        return [
            Kept(kept.offset, kept.next_seq, kept.state_version, kept.data)
            for kept in reversed(found)
            if kept.offset <= end
        ]


def events(log: Source, topic: str, partition: int = 0) -> Iterator[Any]:
    """The events of an owned topic's valid batches, parsed, in order."""
    fence, parse = Fence(), EVENT_CLASSES[topic].FromString
    for record in log.records(topic, partition):
        batch = Batch.FromString(record.value)
        if fence.admit(batch):
            yield from map(parse, batch.events)
