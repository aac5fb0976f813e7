"""The four engines connected by their events, in virtual time and without I/O.

An event reaches its readers in the order in which all of them were decided, which is a causal order as
the loop keeps one: nobody hears of an effect before its cause. A round decides what has come and what
is due, and is one batch. What is kept of it is a log like any other, with epochs, seqs and positions;
only the fsync, the claims of rivals and the clock are missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from proto.v1.envelope_pb2 import Batch, InputPosition
from proto.v1.inbound_pb2 import Inbound
from services.ingest import engine as ingest
from services.kernel.engine import Engine, Input
from services.kernel.limits import BATCH_BYTES_MAX, DEADLINES_IN_BATCH_MAX
from services.notify import engine as notify
from services.router import engine as router
from services.runtime.clock import ManualClock
from services.sla import engine as sla

ENGINES: Sequence[Engine] = (ingest, router, sla, notify)
EVENT_OVERHEAD_BYTES = 8
EPOCH = 1

Keep = Callable[[str, bytes], None]
Listen = Callable[[str, Sequence[Any]], None]
Place = tuple[int, int, int, int]
"""Offset, epoch, next seq, index: what an InputPosition says."""


class Driven:
    """One engine, what it has not read yet, and the end of its own log."""

    def __init__(self, engine: Engine, emit: Callable[[Driven, list[Any]], None], kept: bool) -> None:
        self.engine = engine
        self.state: Any = engine.initial()
        self.waiting: deque[tuple[Input, Place]] = deque()
        self.places: dict[str, Place] = dict.fromkeys(engine.INPUTS, (0, 0, 0, 0))
        self.events = 0
        self.offset = 1
        self.seq = 0
        self.values: list[bytes] = []
        self.more = False
        """More is due than one round takes."""
        self._emit = emit
        self._kept = kept
        self._decided: list[Any] = []
        self._size = 0

    def round(self, now_ms: int) -> None:
        """Decide what has come and what is due."""
        waiting, engine, state = self.waiting, self.engine, self.state
        while waiting:
            record, place = waiting.popleft()
            self._take(engine.decide(state, record, now_ms))
            self.places[record.topic] = place
        self.more = True
        for _ in range(DEADLINES_IN_BATCH_MAX):
            due_ms = engine.next_deadline_ms(state)
            if due_ms is None or due_ms > now_ms:
                self.more = False
                break
            self._take(engine.decide(state, None, now_ms))
        self._commit()

    def written(self) -> list[InputPosition]:
        """The positions for a batch."""
        return [
            InputPosition(topic=topic, offset=place[0], epoch=place[1], next_seq=place[2], index=place[3])
            for topic, place in self.places.items()
        ]

    def _take(self, events: Sequence[Any]) -> None:
        if self._kept and events:
            values = [event.SerializeToString() for event in events]
            size = sum(map(len, values)) + EVENT_OVERHEAD_BYTES * len(values)
            if self._size + size > BATCH_BYTES_MAX:
                self._commit()
            self.values += values
            self._size += size
        for event in events:
            self.engine.evolve(self.state, event)
        self._decided += events

    def _commit(self) -> None:
        if self._decided:
            decided, self._decided, self._size = self._decided, [], 0
            self.events += len(decided)
            self._emit(self, decided)
            self.values = []
            self.offset += 1
            self.seq += 1


class Exchange:
    """All four, over one clock.

    keep: told each record that a log would have, by topic, in order (the claims too).
    listen: told the events of each batch, as somebody who watches would be.
    """

    def __init__(self, clock: ManualClock, keep: Keep | None, listen: Listen) -> None:
        self._clock = clock
        self._keep = keep
        self._listen = listen
        self._mailbox_offset = 0
        self.parts = [Driven(engine, self._emit, keep is not None) for engine in ENGINES]
        topics = [part.engine.TOPIC for part in self.parts]
        self._readers = {
            topic: [part for part in self.parts if topic in part.engine.INPUTS]
            for topic in ("inbound", *topics)
        }
        if keep is not None:
            claim = Batch(epoch=EPOCH, now_ms=clock.now_ms()).SerializeToString()
            for topic in topics:
                keep(topic, claim)

    @property
    def events(self) -> int:
        """Own events so far, over all services."""
        return sum(part.events for part in self.parts)

    def append(self, records: Iterable[Inbound]) -> None:
        """Put records into the mailbox, now."""
        now_ms = self._clock.now_ms()
        for record in records:
            if self._keep is not None:
                self._keep("inbound", record.SerializeToString())
            offset = self._mailbox_offset
            place = (offset + 1, 0, 0, 0)
            for reader in self._readers["inbound"]:
                reader.waiting.append((Input("inbound", f"inbound/0/{offset}", now_ms, record), place))
            self._mailbox_offset += 1

    def settle(self) -> None:
        """Rounds, in the services' order, until nothing follows any more at this time."""
        now_ms, busy = self._clock.now_ms(), self.parts
        while busy:
            for part in busy:
                part.round(now_ms)
            busy = [part for part in self.parts if part.waiting or part.more]

    def next_deadline_ms(self) -> int | None:
        """The earliest deadline of any engine."""
        found = [part.engine.next_deadline_ms(part.state) for part in self.parts]
        return min((due_ms for due_ms in found if due_ms is not None), default=None)

    def _emit(self, part: Driven, events: list[Any]) -> None:
        topic, now_ms = part.engine.TOPIC, self._clock.now_ms()
        if self._keep is not None:
            batch = Batch(
                epoch=EPOCH, seq=part.seq, now_ms=now_ms, positions=part.written(), events=part.values
            )
            self._keep(topic, batch.SerializeToString())
        last = len(events) - 1
        for index, event in enumerate(events):
            place = (
                (part.offset, EPOCH, part.seq, index + 1)
                if index < last
                else (part.offset + 1, EPOCH, part.seq + 1, 0)
            )
            record = Input(topic, f"{topic}/0/{part.seq}/{index}", now_ms, event)
            for reader in self._readers[topic]:
                reader.waiting.append((record, place))
        self._listen(topic, events)
