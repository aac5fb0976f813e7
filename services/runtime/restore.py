"""Taking over a partition: fold the own log, claim it, fold on up to the claim.

The partition is ours if the claim is valid at its own offset. State, seq and input positions are
then what the fold says at that place; whatever a former owner appended before it is in them.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence, is_claim
from services.kernel.engine import Engine
from services.kernel.errors import Busy, Corrupt, Fenced, Invalid
from services.kernel.limits import CLOCK_SKEW_MS_MAX
from services.runtime.clock import Clock
from services.runtime.event_log import EventLog, LogReader, LogRecord, TopicPartition
from services.runtime.inputs import Place
from services.runtime.snapshots import Snapshot, SnapshotStore

SETTLE_MS = 20
"""How long a planned take-over waits for what its predecessor has under way: an append takes a few ms."""
AGREES_TRIES = 10
"""Fetches of up to a second before a snapshot is judged later: brokers elect a leader meanwhile."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Fold:
    """The state of an engine at a place of its own log."""

    state: Any
    offset: int
    fence: Fence
    places: dict[str, Place]
    now_ms: int
    events: int = 0
    loaded_bytes: int = 0
    """Size of the snapshot that it began with."""

    def take(self, engine: Engine, record: LogRecord) -> Batch | None:
        """Fold one record; the batch if it is valid and has events.

        Raises Corrupt if it is valid but this release cannot read it, or is not the next one: a state with
        a hole would decide again what was decided, under a seq that counts for nobody.
        """
        if record.offset != self.offset:
            where = f"{engine.TOPIC}/{record.partition}"
            raise Corrupt(f"cannot fold {where}: {record.offset} follows, not {self.offset}")
        batch = Batch.FromString(record.value)
        self.offset = record.offset + 1
        if not self.fence.admit(batch):
            return None
        self.now_ms = max(self.now_ms, batch.now_ms)
        if is_claim(batch):
            return None
        for index, value in enumerate(batch.events):
            try:
                event = engine.EVENT.FromString(value)
                if event.WhichOneof("body") is None:
                    raise ValueError("an event type that this release does not know")
                engine.evolve(self.state, event)
            except Exception as error:
                where = f"{engine.TOPIC}/{record.partition}/{batch.seq}/{index}"
                raise Corrupt(f"cannot fold {where}: {error}") from error
        for position in batch.positions:
            self.places[position.topic] = Place(
                position.offset, position.epoch, position.next_seq, position.index
            )
        self.events += len(batch.events)
        return batch


def fresh(engine: Engine) -> Fold:
    """The fold before the first record."""
    return Fold(engine.initial(), 0, Fence(), {}, 0)


async def begin(engine: Engine, log: EventLog, snapshots: SnapshotStore, partition: int) -> Fold:
    """The fold of the newest snapshot that this release can read and the log agrees with. Raises Busy if the
    log does not say whether it does."""
    snapshot = await snapshots.load(engine.TOPIC, partition)
    if snapshot is None or snapshot.state_version != engine.STATE_VERSION:
        return fresh(engine)
    if not await agrees(log, snapshot):
        _log.warning(
            "snapshot of %s/%d does not agree with the log; folding from zero", engine.TOPIC, partition
        )
        return fresh(engine)
    return from_snapshot(engine, snapshot)


def from_snapshot(engine: Engine, snapshot: Snapshot) -> Fold:
    """The fold at a snapshot's place."""
    places = {p.topic: Place(p.offset, p.epoch, p.next_seq, p.index) for p in snapshot.positions}
    fence = Fence(snapshot.epoch, snapshot.next_seq)
    state, size = _loaded(engine, snapshot.data), len(snapshot.data)
    return Fold(state, snapshot.offset, fence, places, snapshot.now_ms, loaded_bytes=size)


def _loaded(engine: Engine, data: bytes) -> Any:
    """The state of a snapshot. Without the collector, which would walk again and again over objects
    that all stay: a quarter of the time at 100,000 open conversations."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return engine.load(data)
    finally:
        if collecting:
            gc.enable()


async def agrees(log: EventLog, snapshot: Snapshot) -> bool:
    """Whether the record before the snapshot's place is the batch that the snapshot ends with. Raises Busy
    if the log does not say in time."""
    if snapshot.offset == 0 or snapshot.offset > await log.end(snapshot.topic, snapshot.partition):
        return False
    reader = log.reader({TopicPartition(snapshot.topic, snapshot.partition): snapshot.offset - 1})
    try:
        records = await _first_of(reader, snapshot)
    finally:
        await reader.close()
    if not records or records[0].offset != snapshot.offset - 1:
        return False
    batch = Batch.FromString(records[0].value)
    at_end = is_claim(batch) or batch.seq + 1 == snapshot.next_seq
    return batch.epoch == snapshot.epoch and at_end


async def _first_of(reader: LogReader, snapshot: Snapshot) -> list[LogRecord]:
    """The first records that the reader has; none only if nothing is there. A fetch that finds nothing and
    is not drained says nothing."""
    for _ in range(AGREES_TRIES):
        records, drained = await reader.fetch(1_000)
        if records or drained:
            return records
    where = f"{snapshot.topic}/{snapshot.partition}"
    raise Busy(f"{where}: the log does not say whether it agrees with the snapshot at {snapshot.offset}")


async def fold_to(
    engine: Engine,
    reader: LogReader,
    fold: Fold,
    end: int,
    look: Callable[[Fold], None] = lambda fold: None,
) -> None:
    """Fold on until the record before `end` is in, with whatever else came along: a reader gives each
    record once. `look` is called after each."""
    while fold.offset < end:
        for record in (await reader.fetch(1_000)).records:
            fold.take(engine, record)
            look(fold)


async def take_over(
    engine: Engine,
    log: EventLog,
    snapshots: SnapshotStore,
    clock: Clock,
    partition: int,
    on_claimed: Callable[[], None] = lambda: None,
    warm: Fold | None = None,
) -> Fold:
    """Claim the partition and return the state at the claim. warm: a fold to go on from, instead of the
    newest snapshot's.

    Raises Fenced if somebody else's claim came in between or the clocks differ, Corrupt if the log
    cannot be read, LogReset as the log does.
    """
    fold = warm or await begin(engine, log, snapshots, partition)
    own = TopicPartition(engine.TOPIC, partition)
    reader = log.reader({own: fold.offset})
    try:
        await fold_to(engine, reader, fold, await log.end(*own))
        now_ms = max(clock.now_ms(), fold.now_ms)
        claim = Batch(epoch=fold.fence.epoch + 1, now_ms=now_ms)
        before_ms = clock.now_ms()
        offset = await _claimed(log, own, claim)
        at_ms = await _fold_to_claim(engine, reader, fold, claim, offset)
        _check_clock(engine.TOPIC, before_ms, at_ms, clock.now_ms())
        if warm is not None:
            await _settle(engine, reader, fold, claim)
    finally:
        await reader.close()
    on_claimed()
    return fold


async def _claimed(log: EventLog, own: TopicPartition, claim: Batch) -> int:
    """Where the claim lies. Raises Fenced for whatever error of the append but Corrupt and Invalid."""
    try:
        return await log.append(*own, [claim.SerializeToString()])
    except (Corrupt, Invalid):
        raise
    except Exception as error:
        raise Fenced(f"{own.topic}: the claim is not acknowledged: {error!r}") from error


async def _fold_to_claim(engine: Engine, reader: LogReader, fold: Fold, claim: Batch, offset: int) -> int:
    """Fold up to our claim, with whatever came along behind it; its append time by the log's clock. Raises
    Fenced if it is not the last that is valid."""
    at_ms = 0
    while fold.offset <= offset:
        for record in (await reader.fetch(1_000)).records:
            epoch_before = fold.fence.epoch
            fold.take(engine, record)
            if record.offset == offset:
                if not epoch_before < claim.epoch == fold.fence.epoch:
                    raise Fenced(f"{engine.TOPIC}: another claim came first")
                at_ms = record.at_ms
    _check_epoch(engine, fold, claim)
    return at_ms


async def _settle(engine: Engine, reader: LogReader, fold: Fold, claim: Batch) -> None:
    """A former owner that still runs may have one append under way. It lands behind our claim and is
    skipped by everybody; folding past it now spares us a gap before our own first batch, and so a second
    take-over. Raises Fenced if it is somebody else's claim that lands."""
    while records := (await reader.fetch(SETTLE_MS)).records:
        for record in records:
            fold.take(engine, record)
        _check_epoch(engine, fold, claim)


def _check_epoch(engine: Engine, fold: Fold, claim: Batch) -> None:
    if fold.fence.epoch != claim.epoch:
        raise Fenced(f"{engine.TOPIC}: another claim followed")


def _check_clock(topic: str, before_ms: int, at_ms: int, after_ms: int) -> None:
    """A log whose clock is not ours would make promises fire early or late: do not serve it."""
    skew_ms = min(at_ms - before_ms, 0) or max(at_ms - after_ms, 0)
    if abs(skew_ms) > CLOCK_SKEW_MS_MAX:
        _log.error("%s: the log's clock is %+d ms off ours: claim given up", topic, skew_ms)
        raise Fenced(f"{topic}: the log's clock is {skew_ms:+d} ms off ours")
