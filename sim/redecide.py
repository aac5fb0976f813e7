"""Decides a recorded router log anew and compares it with what was decided then, one by one.

Theory of operation. A batch says how far its writer had read its inputs, and the one time of all its
decisions. So the inputs between the positions of two batches, merged by the loop's own rule, are what was
decided on; then come what the shell said of agents' sessions, which stands on no other log and is read back
from what it led to, and the deadlines that were over by then. A round that decides nothing writes no batch:
an input that the batch does not name may have been met in a round before, on the state behind the last batch.
So it must lead to nothing there, or else in its place.

Each decision is made on the state as the log has it: the recorded events are folded, whatever is decided now,
so that one difference does not make a hundred. The same code makes the same decisions; another code, or a
mistake, is named by the first that differs.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence, is_claim
from services.kernel.engine import DEADLINE, LOCAL, Engine, Input
from services.router import engine as router
from services.runtime.event_log import LogRecord
from services.runtime.inputs import EVENT_CLASSES, Inputs, Unreadable
from services.runtime.kafka_access import KafkaAccess
from services.runtime.settings import Settings
from tools.invariants import Source
from tools.stored import StoredLogs
from tools.stored_kafka import KafkaLogs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sim redecide`."""
    add_source(parser)


def add_source(parser: argparse.ArgumentParser) -> None:
    """The options that say where the logs are."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, metavar="DIR", help="a data directory; its process may run")
    where.add_argument("--kafka", metavar="HOST:PORT", help="brokers, several with commas")
    parser.add_argument("--prefix", help="what the topics' names begin with in Kafka (CENTRALA_KAFKA_PREFIX)")


def source_of(arguments: argparse.Namespace) -> StoredLogs | KafkaLogs:
    """The logs that the options name. Raises CentralaError if they cannot be read."""
    if arguments.data is not None:
        return StoredLogs(arguments.data)
    settings = Settings.from_environment(os.environ, kafka=arguments.kafka, kafka_prefix=arguments.prefix)
    return KafkaLogs(KafkaAccess.of(settings))


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Decide every partition's log anew; a difference counts as a violation."""
    source = source_of(arguments)
    told = [redecide(source, partition) for partition in source.partitions()]
    first = next((one.first for one in told if one.first), "")
    return {
        "decisions": sum(one.decisions for one in told),
        "events": sum(one.events for one in told),
        "differences": sum(one.differences for one in told),
        "violations": [first] if first else [],
    }


class Told(NamedTuple):
    """What came of one partition. first: the first difference in words, or ""."""

    decisions: int
    events: int
    differences: int
    first: str


def redecide(source: Source, partition: int, engine: Engine = router) -> Told:
    """Decide one partition's log anew. `engine`: whose log it is."""
    return _Redecider(source, partition, engine).run()


class _Redecider:
    """One partition as it goes."""

    def __init__(self, source: Source, partition: int, engine: Engine) -> None:
        self._engine = engine
        self._own = source.records(engine.TOPIC, partition)
        self._inputs = Inputs(engine.INPUTS, partition, {}, engine.HEARS)
        self._unread = {topic: _Peek(source.records(topic, partition)) for topic in engine.INPUTS}
        self._state = engine.initial()
        self._decisions = self._events = self._differences = 0
        self._first = ""
        self._now_ms = 0

    def run(self) -> Told:
        """From the first batch to the last."""
        fence, parse = Fence(), EVENT_CLASSES[self._engine.TOPIC].FromString
        for record in self._own:
            batch = Batch.FromString(record.value)
            if fence.admit(batch) and not is_claim(batch):
                self._take(batch, [parse(value) for value in batch.events])
        return Told(self._decisions, self._events, self._differences, self._first)

    def _take(self, batch: Batch, recorded: list[Any]) -> None:
        """Decide what this batch decided."""
        left, causes = _Recorded(recorded), {event.cause_id for event in recorded}
        inputs = [one for one in self._read(batch) if one.id in causes or not self._led_to_nothing(one)]
        for record in inputs:
            self._compare(batch, record, left)
        while (event := left.next()) is not None:
            # What is left came from the shell, or from time having passed.
            self._compare(batch, _session(event, batch.now_ms), left)
        self._now_ms = batch.now_ms

    def _led_to_nothing(self, record: Input) -> bool:
        """Whether it leads to nothing on the state behind the last batch."""
        decided, error = self._decide(record, max(self._now_ms, record.at_ms))
        return not decided and not error

    def _read(self, batch: Batch) -> Iterator[Input]:
        """The inputs up to the batch's positions, in the order in which its writer met them."""
        inputs, ends = self._inputs, {p.topic: (p.offset, p.index) for p in batch.positions}
        for topic, (offset, index) in ends.items():
            inputs.add(self._unread[topic].before(offset + bool(index)))
        for record in inputs.merged():
            place = inputs.places[record.topic]
            if (place.offset, place.index) >= ends.get(record.topic, (0, 0)):
                return
            yield record

    def _compare(self, batch: Batch, record: Input | None, left: _Recorded) -> None:
        decided, error = self._decide(record, batch.now_ms)
        cause = (
            record.id if record is not None else f"{DEADLINE}:{self._engine.next_deadline_id(self._state)}"
        )
        expected = left.take(cause, len(decided))
        if not decided and not expected and not error:
            return
        self._decisions += 1
        self._events += len(expected)
        difference = _difference(decided, error, expected)
        if difference:
            self._differences += 1
            where = f"{self._engine.TOPIC} batch {batch.seq}, event {left.at - len(expected)}, on {cause}"
            self._first = self._first or f"{where}: {difference}"
        for event in expected:
            self._engine.evolve(self._state, event)

    def _decide(self, record: Input | None, now_ms: int) -> tuple[Sequence[Any], str]:
        """The events, or why there are none, as the loop would say it in a `skipped`."""
        try:
            if record is not None and isinstance(record.event, Unreadable):
                raise ValueError(record.event.error)
            return self._engine.decide(self._state, record, now_ms), ""
        except Exception as error:  # the loop skips such an input, and says the same of it
            return (), type(error).__name__


class _Recorded:
    """The events of a batch, taken decision by decision."""

    def __init__(self, events: list[Any]) -> None:
        self._events = events
        self.at = 0

    def next(self) -> Any:
        """The next one, or None."""
        return self._events[self.at] if self.at < len(self._events) else None

    def take(self, cause: str, most: int) -> list[Any]:
        """Those that one decision led to. A deadline may be due again at once, under the same id: then no
        more than are decided now."""
        begin = self.at
        while (event := self.next()) is not None and event.cause_id == cause:
            if cause.startswith(f"{DEADLINE}:") and most and self.at - begin == most:
                break
            self.at += 1
        event = self.next()
        if self.at == begin and event is not None and cause.startswith(f"{DEADLINE}:"):
            return self.take(
                event.cause_id, 0
            )  # another than the one that is due now: to be told, and passed
        return self._events[begin : self.at]


class _Peek:
    """Records of a topic, up to an offset at a time."""

    def __init__(self, records: Iterator[LogRecord]) -> None:
        self._records = records
        self._next: LogRecord | None = None

    def before(self, offset: int) -> list[LogRecord]:
        """Those that were not read yet and lie before it."""
        found: list[LogRecord] = []
        while True:
            record = self._next or next(self._records, None)
            self._next = record
            if record is None or record.offset >= offset:
                return found
            found.append(record)
            self._next = None


def _session(event: Any, now_ms: int) -> Input | None:
    """The input that stands on no log: what the shell saw of a session. None: a deadline led to this."""
    if not event.cause_id.startswith(f"{LOCAL}:"):
        return None
    return Input(LOCAL, event.cause_id, now_ms, event)


def _difference(decided: Sequence[Any], error: str, recorded: Sequence[Any]) -> str:
    """The first thing in which they differ, in words; "": none."""
    if error:
        skipped = recorded[0].skipped.error if recorded and recorded[0].HasField("skipped") else ""
        return "" if skipped.startswith(error) else f"deciding it raises {error}, and did not then"
    for now, then in zip(decided, recorded, strict=False):
        if then.trace:
            now.trace = then.trace  # copied by whatever traces, not decided
        if now != then:
            return f"decided {_plain(now)}, recorded {_plain(then)}"
    if len(decided) != len(recorded):
        return f"{len(decided)} events are decided, {len(recorded)} were recorded"
    return ""


def _plain(event: Any) -> dict[str, Any]:
    shown: dict[str, Any] = MessageToDict(event, preserving_proto_field_name=True)
    return shown
