"""The log port: topics of partitions of records, appended at the end and read in order.

Shaped after the weaker backend (Kafka without transactions): no compare-and-append, no reads by key.
What fences writers is in the records themselves (`services.kernel.claims`). Every adapter passes
`tests/contracts/test_event_log.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from services.kernel.errors import Busy, Fenced

OWNED_TOPICS = ("conversations", "routing", "sla", "notices")
"""Topics with one writer a partition; each record is a Batch. Kept for ever."""

MAILBOX_TOPICS = ("inbound", "presence")
"""Topics that any edge appends to."""

TOPIC_PREFIX = "centrala."
"""Full names in Kafka: `centrala.inbound` and so on. Inside the code the short names are used."""


class TopicPartition(NamedTuple):
    """A partition of a topic, by the topic's short name."""

    topic: str
    partition: int


class LogRecord(NamedTuple):
    """One record. `at_ms` is the log's own clock at the append, Unix milliseconds."""

    topic: str
    partition: int
    offset: int
    at_ms: int
    value: bytes


class Fetched(NamedTuple):
    """What a fetch found. `drained`: nothing was left when the fetch began."""

    records: list[LogRecord]
    drained: bool


class LogReset(Exception):
    """Records that were read before they were durable are gone: restore and read again.

    Only an adapter that shows records before they are durable raises it (SQLite, after a failed
    commit). Every reader and every pending append of the process gets it.
    """


TRY_LATER: tuple[type[Exception], ...] = (Busy, Fenced, LogReset, OSError)
"""What a log, a store or a disk may raise that goes better later (`TimeoutError` is an OSError): a task
that runs for ever catches these, says so and goes on. Anything else ends it, and with it the process."""


class LogReader(Protocol):
    """Reads some partitions, each in order, from given offsets on."""

    async def fetch(self, max_wait_ms: int) -> Fetched:
        """What there is, at most `INPUTS_IN_BATCH_MAX` records; waits up to `max_wait_ms` for the first.

        Raises LogReset as above, and Invalid if a start offset lies before what is kept: such a
        position is gone for good and must stop the service in plain words.
        """

    def wake(self) -> None:
        """End a running fetch with what there is, or the next one if none is running."""

    async def close(self) -> None:
        """Stop reading. A running fetch ends with nothing."""


class EventLog(Protocol):
    """The log. Five methods."""

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """Append records one behind the other, all or none; return the offset of the first.

        Returns only when they are durable. Raises Fenced, LogReset or another of TRY_LATER when they
        are not, or when it is unknown whether they are: they may still land later. Records of appends
        that are begun one after the other from one task land in that order.
        """

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """A reader of these partitions, from these offsets (0: the beginning) on.

        lazy: topics whose records may wait some milliseconds for company before a waiting fetch
        ends for them; an adapter may ignore it.
        """

    async def end(self, topic: str, partition: int) -> int:
        """The offset that the next record will have."""

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Drop a mailbox's records below `offset` for good."""

    async def close(self) -> None:
        """Finish what is under way and let go of files and connections."""
