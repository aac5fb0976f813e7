"""The loop: the one place that drives engines and commits.

For one engine and one partition: claim, restore, then again and again take what the inputs have and
the deadlines that are due, `decide`, `evolve`, append all events and the new input positions as one
batch, and wait for its acknowledgement. Views, metrics and effects hear of a batch only after it was
acknowledged at the offset right after the one before. Anything else (a gap, an append that fails by
whatever error, a cancelled one) throws the state away and starts at the claim. While an append is under
way the next inputs gather, so batches grow with the load and at rest nothing waits.

An input whose `decide` raises, or whose events fit no batch, is skipped by an event that says so. A
failing `evolve`, a failing listener, an input position that is gone stop the service.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from proto.v1.envelope_pb2 import Batch, InputPosition, Skipped
from services.kernel.engine import DEADLINE, Engine, Input
from services.kernel.errors import Corrupt, Fenced, Invalid
from services.kernel.limits import BATCH_BYTES_MAX, DEADLINES_IN_BATCH_MAX
from services.runtime import restore
from services.runtime.clock import Clock
from services.runtime.event_log import TRY_LATER, EventLog, LogReader, TopicPartition
from services.runtime.inputs import Inputs, Unreadable, kinds
from services.runtime.logs import about
from services.runtime.restore import Fold
from services.runtime.snapshots import SnapshotStore
from services.runtime.successor import Successor

_log = logging.getLogger(__name__)

IDLE_WAIT_MS = 1_000
"""Longest fetch at rest; deadlines, submitted inputs and arrivals end it earlier."""
RECLAIM_MS = (10, 50, 200, 1_000, 3_000)
"""Waits before claiming again after a fence; the last repeats, so two owners never fight fast."""
AT_ONCE_MS = 1
"""A deadline at or before this is no time: due as soon as there are no inputs, and never late."""
EVENT_OVERHEAD_BYTES = 8
"""Bound on tag and length of one event inside a batch."""


class Committed(NamedTuple):
    """A batch that is acknowledged. The id of event i is `topic/partition/seq/i`."""

    topic: str
    partition: int
    offset: int
    epoch: int
    seq: int
    now_ms: int
    events: Sequence[Any]
    positions: Sequence[InputPosition] = ()

    def event_id(self, index: int) -> str:
        """The id of one of the events."""
        return f"{self.topic}/{self.partition}/{self.seq}/{index}"


@dataclass(slots=True)
class Tally:
    """What a loop has done, for metrics and the benchmark. `inputs` counts deadlines too, `fenced` what was
    lost and not given away."""

    batches: int = 0
    events: int = 0
    inputs: int = 0
    deadlines: int = 0
    skipped: int = 0
    claims: int = 0
    fenced: int = 0
    busy_s: float = 0.0
    restore_s: float = 0.0
    restored_events: int = 0
    restored_bytes: int = 0


class _Draft:
    """The batch that is being decided."""

    __slots__ = ("events", "size", "values")

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.values: list[bytes] = []
        self.size = 0


@dataclass(slots=True)
class _Appended:
    """A batch that waits for its acknowledgement."""

    seq: int
    now_ms: int
    events: list[Any]
    positions: list[InputPosition]
    began_s: float


class Loop:
    """Drives one engine on one partition. `run` returns only when cancelled or broken.

    lazy: inputs that nobody waits for; under load they are taken together, which halves the rounds.
    """

    def __init__(
        self,
        engine: Engine,
        log: EventLog,
        clock: Clock,
        snapshots: SnapshotStore,
        partition: int = 0,
        lazy: Collection[str] = (),
    ) -> None:
        self.engine = engine
        self.partition = partition
        self.ready = asyncio.Event()
        self.tally = Tally()
        self.state: Any = engine.initial()
        self.observe_append: Callable[[float], None] = _unobserved
        """Told how long each acknowledged append took, seconds."""
        self.observe_late: Callable[[float], None] = _unobserved
        """Told how long after it was due each deadline was decided, seconds."""
        self.permit: Callable[[], Awaitable[None]] = _permitted
        """Awaited before each claim: returns when this process may."""
        self.warm: Fold | None = None
        """A fold of the own log to begin the first take-over from, instead of a snapshot."""
        self._log = log
        self._clock = clock
        self._snapshots = snapshots
        self._listeners: list[Callable[[Committed], None]] = []
        self._settling: list[Callable[[], None]] = []
        self._on_owned: list[Callable[[], Awaitable[None]]] = []
        self._submitted: deque[Input] = deque()
        self._reader: LogReader | None = None
        self._inputs: Inputs | None = None
        self._successor: Successor | None = None
        self._covered: dict[str, int] = {}
        self._lazy = lazy
        self._appending = False
        self._epoch = 0
        self._seq = 0
        self._next_offset = 0
        self._acknowledged_seq = 0
        self._now_ms = 0

    def listen(self, callback: Callable[[Committed], None]) -> None:
        """Call back with each acknowledged batch, in order. What a listener raises stops the loop."""
        self._listeners.append(callback)

    def on_owned(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await this each time the partition is claimed and restored, before its first input."""
        self._on_owned.append(callback)

    def submit(self, record: Input) -> None:
        """An input that the shell makes itself; lost if the process dies before its batch lands."""
        self._submitted.append(record)
        if self._reader is not None:
            self._reader.wake()

    def heed(self, given_away: bool) -> None:
        """Whether the partition is another process' by now: its claim ends this ownership at once then."""
        if not given_away and self._successor is not None:
            self._successor.cancel()
            self._successor = None
        elif given_away and self._successor is None and self._reader is not None:
            own = TopicPartition(self.engine.TOPIC, self.partition)
            self._successor = Successor(self._log, own, *self.place()[:2], self._reader.wake)

    def place(self) -> tuple[int, int, int]:
        """(offset, epoch, next_seq) of the own log after what was acknowledged last."""
        return self._next_offset, self._epoch, self._acknowledged_seq

    def when_settled(self, callback: Callable[[], None]) -> None:
        """Call back once with no batch under way, so that the state is what the own log says up to `place()`:
        now, or with the next acknowledged batch."""
        if self._inputs is not None and not self._appending:
            callback()
        else:
            self._settling.append(callback)

    def covered(self, topic: str) -> int:
        """The offset of an input up to which everything is decided, and what followed acknowledged.

        0 while the partition is not owned. A batch says how far it was; what led to no event is in none,
        so with nothing under way the place of the inputs themselves counts.
        """
        if self._inputs is None:
            return 0
        if not self._appending:
            return self._inputs.places[topic].offset
        return self._covered.get(topic, 0)

    async def run(self) -> None:
        """Own the partition until cancelled. Raises Corrupt when the own log cannot be folded, Invalid when
        an input's position is gone, and whatever nobody expected."""
        failures = 0
        while True:
            batches = self.tally.batches
            try:
                await self._own()
            except TRY_LATER as error:
                planned = self._successor is not None
                self.tally.fenced += not planned
                failures = 0 if self.tally.batches > batches else failures + 1
                level = logging.INFO if planned else logging.WARNING
                _log.log(level, "%s/%d lost: %s", self.engine.TOPIC, self.partition, error)
            finally:
                self.ready.clear()
                self.heed(False)
            await asyncio.sleep(RECLAIM_MS[min(failures, len(RECLAIM_MS) - 1)] / 1000)

    async def _own(self) -> None:
        await self.permit()
        started_s, warm, self.warm = self._clock.monotonic_s(), self.warm, None
        stores = self._log, self._snapshots, self._clock
        fold = await restore.take_over(self.engine, *stores, self.partition, warm=warm)
        self.tally.claims += 1
        self.tally.restore_s = self._clock.monotonic_s() - started_s
        self.tally.restored_events, self.tally.restored_bytes = fold.events, fold.loaded_bytes
        self.state, self._epoch = fold.state, fold.fence.epoch
        self._seq = self._acknowledged_seq = fold.fence.next_seq
        self._appending, self._next_offset, self._now_ms = False, fold.offset, fold.now_ms
        inputs = Inputs(self.engine.INPUTS, self.partition, fold.places, self.engine.HEARS)
        self._submitted.clear()
        for callback in self._on_owned:
            await callback()
        self._inputs, self._covered = inputs, {t: place.offset for t, place in inputs.places.items()}
        self.ready.set()
        self._reader = self._log.reader(inputs.starts(), self._lazy)
        try:
            while True:
                await self._round(self._reader, inputs)
        finally:
            reader, self._reader, self._inputs = self._reader, None, None
            await reader.close()

    async def _round(self, reader: LogReader, inputs: Inputs) -> None:
        """Fetch, decide everything that is there, then the deadlines that are due."""
        began_ms = self._clock.now_ms()
        fetched = await reader.fetch(0 if self._submitted else self._wait_ms())
        if self._successor is not None and self._successor.claimed:
            raise Fenced(f"{self.engine.TOPIC}: its successor has claimed it")
        started_s = self._clock.monotonic_s()
        inputs.add(fetched.records)
        self._now_ms = max(self._now_ms, self._clock.now_ms())
        draft = _Draft()
        for record in inputs.merged():
            draft = await self._decide_into(draft, record, inputs)
        while self._submitted:
            draft = await self._decide_into(draft, self._submitted.popleft(), inputs)
        if fetched.drained:
            draft = await self._fire(draft, inputs, began_ms)
        self.tally.busy_s += self._clock.monotonic_s() - started_s
        if draft.events:
            await self._commit(draft, inputs)

    def _wait_ms(self) -> int:
        due_ms = self.engine.next_deadline_ms(self.state)
        if due_ms is None:
            return IDLE_WAIT_MS
        return max(0, min(IDLE_WAIT_MS, due_ms - self._clock.now_ms()))

    async def _fire(self, draft: _Draft, inputs: Inputs, began_ms: int) -> _Draft:
        """Fire deadlines that were due when the fetch began, so nothing in time is overlooked."""
        for _ in range(DEADLINES_IN_BATCH_MAX):
            due_ms = self.engine.next_deadline_ms(self.state)
            if due_ms is None or due_ms > began_ms:
                break
            draft = await self._decide_into(draft, None, inputs)
            self.tally.deadlines += 1
            if due_ms > AT_ONCE_MS:
                self.observe_late((self._now_ms - due_ms) / 1000)
        return draft

    async def _decide_into(self, draft: _Draft, record: Input | None, inputs: Inputs) -> _Draft:
        """Decide one input; its events go into this batch, or all of them into the next."""
        events, values = self._decided(record)
        if not events:
            return draft
        size = sum(map(len, values)) + EVENT_OVERHEAD_BYTES * len(values)
        if draft.size + size > BATCH_BYTES_MAX and draft.events:
            await self._commit(draft, inputs)
            draft = _Draft()
        for event in events:
            self._evolve(event)
        draft.events += events
        draft.values += values
        draft.size += size
        return draft

    def _decided(self, record: Input | None) -> tuple[list[Any], list[bytes]]:
        """What follows from an input, serialised; a Skipped event where deciding it is impossible."""
        self.tally.inputs += 1
        try:
            if record is not None and isinstance(record.event, Unreadable):
                raise ValueError(record.event.error)
            events = list(self.engine.decide(self.state, record, self._now_ms))
            values = [event.SerializeToString() for event in events]
            size = sum(map(len, values)) + EVENT_OVERHEAD_BYTES * len(values)
            if size > BATCH_BYTES_MAX:
                raise ValueError(f"its {len(values)} events take {size} bytes, more than a batch may have")
        except Exception as error:
            event = self._skipped(record, error)
            return [event], [event.SerializeToString()]
        return events, values

    def _skipped(self, record: Input | None, error: Exception) -> Any:
        self.tally.skipped += 1
        topic = record.topic if record else DEADLINE
        input_id = record.id if record else self.engine.next_deadline_id(self.state)
        known = about(record.event) if record else {}
        _log.error("%s skips %s %s", self.engine.TOPIC, topic, input_id, exc_info=error, extra=known)
        desk_id = getattr(record.event, "desk_id", "") if record else ""
        record_id = getattr(record.event, "record_id", "") if record else ""
        origin_id = record_id or (getattr(record.event, "origin_id", "") if record else "")
        return self.engine.EVENT(
            desk_id=desk_id,
            occurred_at_ms=self._now_ms,
            cause_id=input_id if record else f"{DEADLINE}:{input_id}",
            origin_id=origin_id,
            skipped=Skipped(
                topic=topic,
                input_id=input_id,
                error=f"{type(error).__name__}: {error}"[:300],
                due_at_ms=0 if record else self.engine.next_deadline_ms(self.state) or 0,
            ),
        )

    def _evolve(self, event: Any) -> None:
        try:
            self.engine.evolve(self.state, event)
        except Exception as error:
            raise Corrupt(f"{self.engine.TOPIC} cannot evolve {event.WhichOneof('body')}") from error

    async def _commit(self, draft: _Draft, inputs: Inputs) -> None:
        """Append the batch, await a contiguous acknowledgement, tell the listeners.

        Raises Fenced if somebody wrote in between, and for whatever error of the append but Corrupt and
        Invalid: what has landed is not known then.
        """
        positions = inputs.written()
        batch = Batch(
            epoch=self._epoch,
            seq=self._seq,
            now_ms=self._now_ms,
            positions=positions,
            events=draft.values,
            kinds=kinds(self.engine.TOPIC, [event.WhichOneof("body") for event in draft.events]),
        )
        began_s = self._clock.monotonic_s()
        entry = _Appended(self._seq, self._now_ms, draft.events, positions, began_s)
        self._seq += 1
        self._appending = True
        value = batch.SerializeToString()
        try:
            # Begun at once: what was decided on must not be taken back between the decision and this.
            offset = await self._log.append(self.engine.TOPIC, self.partition, [value])
        except (Corrupt, Invalid):
            raise
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # it is this loop that is stopped
            raise Fenced(f"{self.engine.TOPIC}: not acknowledged: {error!r}") from error
        if offset != self._next_offset:
            raise Fenced(f"{self.engine.TOPIC}: acknowledged at {offset}, not {self._next_offset}")
        self._appending = False
        self._tell(entry, offset)

    def _tell(self, entry: _Appended, offset: int) -> None:
        """Tell the listeners; what one of them raises is a bug, whatever it is."""
        place = self.engine.TOPIC, self.partition, offset, self._epoch, entry.seq, entry.now_ms
        committed = Committed(*place, entry.events, entry.positions)
        self._covered = {position.topic: position.offset for position in entry.positions}
        self._next_offset += 1
        self._acknowledged_seq = entry.seq + 1
        self.observe_append(self._clock.monotonic_s() - entry.began_s)
        self.tally.batches += 1
        self.tally.events += len(entry.events)
        try:
            for listener in self._listeners:
                listener(committed)
            while self._settling:
                self._settling.pop()()
        except Exception as error:
            raise RuntimeError(f"{self.engine.TOPIC}: a listener failed") from error


async def _permitted() -> None:
    """Whoever has its log alone may always claim."""


def _unobserved(seconds: float) -> None:
    """Nobody measures."""
