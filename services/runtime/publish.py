"""Publishing: the views of the logs that this process owns, written to a far store.

Theory of operation. Each log has a publisher of its own, which knows one thing for sure: the place up to
which the store says that it is covered. It takes what the loop has committed since (from memory if it is
still there, else from the log), projects it, and writes documents, terms and the new place at once. While
a write is under way the next batches gather, so at rest nothing waits and under load writes grow.

Whatever goes wrong, the answer is the same: forget everything and begin from the place that the store
says. So a store that was flushed, killed, frozen or put back to an older state costs time, and loops never
wait for it: what they commit is in the log, and only the last of it in memory here.

Beside the place, the store is told how far the loop has read its inputs, since an input that nobody has
anything to say about moves no place, and a reader may wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence, is_claim
from services.kernel.errors import Busy
from services.runtime import views_base
from services.runtime.clock import Clock
from services.runtime.documents import Document, FloorDue
from services.runtime.event_log import TRY_LATER, EventLog, LogReader, TopicPartition
from services.runtime.inputs import EVENT_CLASSES
from services.runtime.loop import Committed, Loop
from services.runtime.projections import SWEEP_EVERY_MS, project
from services.runtime.redis_link import RedisLink
from services.runtime.snapshots import SnapshotStore
from services.runtime.sweep import sweep
from services.runtime.views import Position, Views
from services.runtime.views_far import FarViews
from services.runtime.views_redis import Overtaken, RedisStore

if TYPE_CHECKING:
    from services.runtime.main import App

LOOK_EVERY_S = 0.025
"""Between two looks at inputs that were read without a word about them."""
ASSURE_EVERY_S = 1.0
"""Between two looks at the store when nothing happens: how late a lost one is noticed."""
AGAIN_S = 0.5
"""Before beginning anew after an error."""
KEPT_BATCHES = 1_000
"""Committed batches that are kept for a slow store; what is older is read from the log."""
EVENTS_AT_ONCE = 1_000
"""Events whose documents are written at once: some milliseconds of the store's time."""
DOCUMENTS_AT_ONCE = 1_000
"""Of a base, written at once."""
BEGINNING = Position(0, 0, 0)
BESIDE_EVERY_S = 1.0
"""Between two documents of a desk that stand beside its events, at least …"""
BESIDE_BYTES_PER_S = 100_000
"""… and for a desk with very much on its hands so long that it writes no more than this."""
BESIDE_AT_ONCE = 50
SWEEPER = "conversations"
"""The topic whose publisher removes what is over its time, for all of a partition."""

_log = logging.getLogger(__name__)


class Beside(Protocol):
    """Documents that follow from an engine's state as it is, not from its events."""

    def desks(self, state: Any) -> Iterable[str]:
        """Every desk that has one."""

    def document(self, state: Any, desk_id: str, now_ms: int, next_seq: int) -> Document:
        """The document of a desk. `next_seq`: every batch of the log before it is in the state."""


class Publishers:
    """All publishers of a process. `run` is one of its tasks."""

    def __init__(self, link: RedisLink, log: EventLog, clock: Clock, snapshots: SnapshotStore) -> None:
        self._link = link
        self._log = log
        self._clock = clock
        self._snapshots = snapshots
        self._publishers: dict[TopicPartition, tuple[Publisher, asyncio.Task[None] | None]] = {}
        self._running = False

    def bind(self, loop: Loop, beside: Beside | None = None) -> None:
        """Publish what a loop commits, whenever it owns its partition, and what stands beside it."""
        stores = self._link, self._log, self._snapshots
        publisher = Publisher(loop, *stores, self._clock, lambda: len(self._publishers), beside)
        self._publishers[publisher.place] = (publisher, self._begun(publisher))

    def attach(self, app: App) -> None:
        """Publish what all loops of an App commit."""
        for topic, loop in app.loops.items():
            self.bind(loop, app.beside.get(topic))

    def detach(self, app: App) -> None:
        """Publish it no longer."""
        for loop in app.loops.values():
            self.release(loop)

    def release(self, loop: Loop) -> None:
        """Publish it no longer."""
        _, task = self._publishers.pop(TopicPartition(loop.engine.TOPIC, loop.partition), (None, None))
        if task is not None:
            task.cancel()

    def unwritten(self) -> int:
        """How many logs are owned here whose views cannot be written now."""
        return sum(publisher.is_failing() for publisher, _ in self._publishers.values())

    def _begun(self, publisher: Publisher) -> asyncio.Task[None] | None:
        return asyncio.create_task(publisher.run()) if self._running else None

    async def run(self) -> None:
        """Publish until cancelled."""
        self._running = True
        for place, (publisher, _) in self._publishers.items():
            self._publishers[place] = (publisher, self._begun(publisher))
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                for publisher, task in self._publishers.values():
                    publisher.look()
                    if task is not None and task.done():
                        task.result()
        finally:
            self._running = False
            for _, task in self._publishers.values():
                if task is not None:
                    task.cancel()


class Publisher:
    """Publishes one log."""

    def __init__(
        self,
        loop: Loop,
        link: RedisLink,
        log: EventLog,
        snapshots: SnapshotStore,
        clock: Clock,
        share: Callable[[], int],
        beside: Beside | None = None,
    ) -> None:
        self.place = TopicPartition(loop.engine.TOPIC, loop.partition)
        self._loop = loop
        self._link = link
        self._log = log
        self._snapshots = snapshots
        self._clock = clock
        self._share = share
        self._beside = beside
        self._due_s: dict[str, float] = {}
        """Desks whose document beside is to be written, and from when on."""
        self._not_before_s: dict[str, float] = {}
        self._kept: deque[Committed] = deque(maxlen=KEPT_BATCHES)
        self._wake = asyncio.Event()
        self._assured_s = 0.0
        self._failing = False
        self._read: dict[str, int] = {}
        self._reader: LogReader | None = None
        self._fence = Fence()
        self._swept_ms = clock.now_ms()
        loop.listen(self._heard)
        loop.on_owned(self._owned)

    def _heard(self, committed: Committed) -> None:
        self._kept.append(committed)
        self._wake.set()

    async def _owned(self) -> None:
        self._kept.clear()

    def is_failing(self) -> bool:
        """Whether the log is owned here and the last write of its views failed."""
        return self._failing and self._loop.ready.is_set()

    def look(self) -> None:
        """Wake up if there is something to say, or to make sure of."""
        now_s = self._clock.monotonic_s()
        late = now_s - self._assured_s >= ASSURE_EVERY_S or any(due <= now_s for due in self._due_s.values())
        if late or (self._loop.ready.is_set() and self._inputs() != self._read):
            self._wake.set()

    def _inputs(self) -> dict[str, int]:
        return {topic: self._loop.covered(topic) for topic in self._loop.engine.INPUTS}

    async def run(self) -> None:
        """Publish whenever the partition is ours, until cancelled."""
        while True:
            await self._loop.ready.wait()
            try:
                await self._publish()
            except Overtaken as error:
                _log.info("%s: beginning from there", error)
            except TRY_LATER as error:
                if not self._failing:
                    _log.warning("%s/%d is not published for now: %s", *self.place, error)
                self._failing = True
                await asyncio.sleep(AGAIN_S)
            finally:
                await self._close_reader()

    async def _publish(self) -> None:
        """Follow the loop for as long as it owns the partition. Raises Busy, Overtaken."""
        store = RedisStore(self._link, *self.place)
        views = FarViews(store, self._share())
        await views.open()
        if await self._beyond_the_log(views.position(*self.place)):
            _log.warning("views of %s/%d tell of what the log does not have: made anew", *self.place)
            await store.begin_anew()
            await views.open()
        if views.position(*self.place) == BEGINNING:
            await self._begin(views)
        whole, self._assured_s = False, 0.0
        if self._beside is not None:
            self._due_s = dict.fromkeys(self._beside.desks(self._loop.state), 0.0)
        while self._loop.ready.is_set():
            batches = await self._next(views.position(*self.place))
            await self._project(views, batches)
            self._put_beside(views, batches)
            whole = self._tell(store, views, batches, whole)
            await views.flush()
            self._assured_s, self._failing = self._clock.monotonic_s(), False
            if self.place.topic == SWEEPER and self._clock.now_ms() - self._swept_ms >= SWEEP_EVERY_MS:
                self._swept_ms = self._clock.now_ms()
                await sweep(views, self._swept_ms)
                await views.flush()

    async def _begin(self, views: FarViews) -> None:
        """Take in the base, if there is one, instead of reading the log from its beginning."""
        topic, partition = self.place
        base = await views_base.load(self._log, self._snapshots, partition)
        if base is None or self._is_ahead(place := Position(*base.places[topic])):
            return
        for number, document in enumerate(base.of(topic), 1):
            views.put(document)
            if number % DOCUMENTS_AT_ONCE == 0:
                await views.flush()
        views.advance(topic, partition, place)
        await views.flush()
        _log.info("views of %s/%d begin at offset %d", topic, partition, place.offset)

    async def _beyond_the_log(self, position: Position) -> bool:
        """Whether the views tell of what the log does not have. Raises Busy where it is this process that has
        not read all of it, as one that was frozen while another took over: the views are that one's then."""
        end = await self._log.end(*self.place)
        if not self._is_ahead(position):
            return False
        if self._loop.place()[0] < end:
            raise Busy("its views, and its log, tell of more than was read here")
        return True

    def _is_ahead(self, position: Position) -> bool:
        offset, epoch, next_seq = self._loop.place()
        return position.offset > offset or position.epoch > epoch or position.next_seq > next_seq

    async def _project(self, views: FarViews, batches: list[Committed]) -> None:
        """Take batches into the views."""

        def run(to: Views) -> None:
            for committed in batches:
                project(to, committed)

        if batches:
            await views.ready_for(run)
            run(views)

    def _put_beside(self, views: FarViews, batches: list[Committed]) -> None:
        """Write what stands beside the desks that have changed, each seldom enough; of the others, that they
        have."""
        if self._beside is None:
            return
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        changed: dict[str, int] = {}
        for committed in batches:
            for event in committed.events:
                changed[event.desk_id] = committed.seq + 1
                self._due_s.setdefault(event.desk_id, self._not_before_s.get(event.desk_id, 0.0))
        due = [desk_id for desk_id, due_s in self._due_s.items() if due_s <= now_s][:BESIDE_AT_ONCE]
        for desk_id in due:
            del self._due_s[desk_id]
            document = self._beside.document(self._loop.state, desk_id, now_ms, self._loop.place()[2])
            views.put(document)
            wait_s = max(BESIDE_EVERY_S, len(msgspec.msgpack.encode(document)) / BESIDE_BYTES_PER_S)
            self._not_before_s[desk_id] = now_s + wait_s
        for desk_id in changed.keys() & self._due_s.keys():
            views.put(FloorDue(desk_id, changed[desk_id]))

    def _tell(self, store: RedisStore, views: FarViews, batches: list[Committed], whole: bool) -> bool:
        """Say how far the log and its inputs are covered now, with the next write; whether to the end."""
        position = views.position(*self.place)
        if batches:
            last = batches[-1]
            position = Position(last.offset + 1, last.epoch, last.seq + 1)
            self._read = {one.topic: one.offset for one in last.positions}
        if position.next_seq == self._loop.place()[2]:
            whole, self._read = True, self._inputs()
        views.advance(*self.place, position)
        store.tell(whole, self._read)
        return whole

    async def _next(self, position: Position) -> list[Committed]:
        """What follows on a position: from memory, else from the log; nothing after a while at rest."""
        kept = self._kept
        while kept and kept[0].seq < position.next_seq:
            kept.popleft()
        if kept and kept[0].seq == position.next_seq:
            await self._close_reader()
            found, events = list[Committed](), 0
            while kept and events < EVENTS_AT_ONCE:
                found.append(kept.popleft())
                events += len(found[-1].events)
            return found
        if position.next_seq < self._loop.place()[2]:
            return await self._from_log(position)
        if self._assured_s:
            await self._wake.wait()
        self._wake.clear()
        return self._from_memory(position)

    def _from_memory(self, position: Position) -> list[Committed]:
        if self._kept and self._kept[0].seq == position.next_seq:
            return [self._kept.popleft()]
        return []

    async def _from_log(self, position: Position) -> list[Committed]:
        """The next valid batches of the log, up to what is acknowledged."""
        if self._reader is None:
            self._fence = Fence(position.epoch, position.next_seq)
            self._reader = self._log.reader({self.place: position.offset})
        parse: Any = EVENT_CLASSES[self.place.topic].FromString
        end, found, events = self._loop.place()[0], list[Committed](), 0
        for record in (await self._reader.fetch(1_000)).records:
            if record.offset >= end:
                await self._close_reader()
                break
            batch = Batch.FromString(record.value)
            seq = self._fence.next_seq
            if self._fence.admit(batch) and not is_claim(batch):
                decoded = [parse(value) for value in batch.events]
                at = (*self.place, record.offset, batch.epoch, seq, batch.now_ms)
                found.append(Committed(*at, decoded, tuple(batch.positions)))
                events += len(decoded)
        return found

    async def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
