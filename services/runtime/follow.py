"""Following: how an edge without engines hears what became of things.

Theory of operation. The log is the truth, so an edge reads it: the owned topics of the partitions that it
has streams or waiters for, from about where they end, in the order in which one thing led to another
(`inputs.py`), by the fence like every reader. Who waits for the outcome of a record is told at once, so an
accept does not depend on any store. Streams are told when the views show what happened, so that a stream is
never ahead of a read; a store that does not follow, or is away, holds them up for a moment only. What cannot
be told without the store (whose conversation a message is in) is made up for by a snapshot once it is back.

Where to begin reading, and what was valid there, is what the views' head says; without it the newest
snapshots; without those the beginning of the log.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from services.kernel.engine import Input
from services.kernel.errors import Busy
from services.runtime.clock import Clock
from services.runtime.decided import Answered, Answers, decided_by
from services.runtime.documents import Document
from services.runtime.event_log import OWNED_TOPICS, TRY_LATER, EventLog
from services.runtime.hub import Hub
from services.runtime.inputs import Inputs, Place, Unreadable
from services.runtime.loop import Loop
from services.runtime.patience import Patience
from services.runtime.projections import NO_OUTCOME
from services.runtime.snapshots import SnapshotStore
from services.runtime.streams import Streams, is_told, looked_at
from services.runtime.views_feed import HeadFeed, Wanted, covers, have_read, show
from services.runtime.views_read import PartitionViews, RemoteViews
from services.runtime.views_redis import Head

D = TypeVar("D", bound=Document)

GATE_S = 0.1
"""How long streams wait for views that lag behind."""
AGAIN_S = 0.2
"""Before a log is read again after an error."""
SHOWN_ONLY = ("sla", "notices")
"""Logs whose news boards show and nobody waits for."""
BEHIND = "The views do not show yet what has happened."
UNUSED_S = 60.0
"""A partition that nobody here asks about is followed that much longer."""
LOOK_S = 1.0
"""Between two looks at what is followed: so long streams hear nothing after an error that nobody expected."""

_log = logging.getLogger(__name__)


class _Said(NamedTuple):
    """One event for the streams."""

    topic: str
    offset: int
    name: str
    event: Any
    body: Any
    event_id: str


class Follower:
    """Follows partitions of the log. A Following."""

    def __init__(
        self, views: RemoteViews, hub: Hub, log: EventLog, clock: Clock, snapshots: SnapshotStore
    ) -> None:
        self._views = views
        self._hub = hub
        self._log = log
        self._clock = clock
        self._snapshots = snapshots
        self._tails: dict[int, _Tail] = {}
        self._decided: dict[int, int] = {}
        self._answers = Answers()
        self._feed = HeadFeed(views.link)

    def bind(self, loop: Loop) -> None:
        """An edge has no loops. Raises TypeError."""
        raise TypeError(f"{loop.engine.TOPIC}: this process has no loops")

    async def run(self) -> None:
        """Hear of the views, and let go of what nobody asks about any more, until cancelled."""
        hearing = asyncio.create_task(self._feed.run())
        try:
            while not hearing.done():
                await asyncio.sleep(LOOK_S)
                await self.let_go()
            hearing.result()
        finally:
            hearing.cancel()
            for tail in self._tails.values():
                tail.stop()
            self._tails.clear()

    async def let_go(self) -> None:
        """Follow no longer what nobody has asked about for a while, and anew what has ended by an error."""
        watched = {self._views.partition(desk_id) for desk_id in self._hub.watched}
        for partition, tail in list(self._tails.items()):
            if partition in watched:
                tail.used_s = self._clock.monotonic_s()
                if tail.over():
                    await self._begun(partition)
            elif self._clock.monotonic_s() - tail.used_s > UNUSED_S:
                self._tails.pop(partition).stop()
                await self._feed.forget(partition)

    async def watch(self, partition: int, within_s: float) -> None:
        """See Following."""
        await self._tail(partition, within_s)

    async def _tail(self, partition: int, within_s: float) -> _Tail:
        """The partition's tail, once it was at the log's end. Raises Busy."""
        tail = self._tails.get(partition)
        if tail is None or tail.over():
            tail = await self._begun(partition)
        tail.used_s = self._clock.monotonic_s()
        if not tail.ready.is_set():
            try:
                await asyncio.wait_for(tail.ready.wait(), within_s)
            except TimeoutError:
                raise Busy("What happens to the desk is not heard here yet.") from None
        return tail

    async def _begun(self, partition: int) -> _Tail:
        """Follow a partition from now on. What streams did not hear since another tail of it ended, they have
        by a snapshot."""
        where = self._views, self._hub, self._log, self._snapshots, self._answers, self._feed
        is_anew = partition in self._tails
        tail = self._tails[partition] = _Tail(partition, *where)
        tail.used_s = self._clock.monotonic_s()  # before anything waits: `let_go` may come meanwhile
        for desk_id in self._hub.watched if is_anew else ():
            if self._views.partition(desk_id) == partition:
                self._hub.renew(desk_id)
        await self._feed.follow(partition)
        return tail

    async def caught_up(self, partition: int, within_s: float) -> None:
        """See Following."""
        tail = self._tails.get(partition)
        if tail is not None:
            seqs = {topic: place.next_seq for topic, place in tail.places.items()}
            await self._shown_soon(partition, lambda heads: show(heads, seqs), within_s)

    async def at_end(self, topic: str, partition: int, within_s: float) -> None:
        """See Following."""
        try:
            async with asyncio.timeout(within_s):
                end = await self._log.end(topic, partition)
                tail = await self._tail(partition, within_s)
                wanted = functools.partial(tail.ends, topic, end)
                await self._shown_soon(partition, wanted, within_s)
        except TimeoutError:
            raise Busy(BEHIND) from None

    async def _shown_soon(self, partition: int, wanted: Wanted, within_s: float) -> None:
        if not await self._until(partition, wanted, within_s):
            raise Busy(BEHIND)

    async def shown(self, partition: int, mailbox_end: int, timeout_s: float) -> bool:
        """See Following: what ingest says of them, what the others say of that, and what they say of each
        other's words on it."""
        patience = Patience(self._clock, timeout_s)
        steps = ({"inbound"}, {"conversations"}, {"routing", "sla", "notices"})
        ends = {"inbound": mailbox_end}
        for topics in steps:
            wanted = {topic: end for topic, end in ends.items() if topic in topics}
            if not await self._until(partition, functools.partial(have_read, wanted), patience.left_s()):
                return False
            heads = await self._views.part(partition).heads()
            ends = {topic: head.offset for topic, head in heads.items()}
        return True

    async def _until(self, partition: int, wanted: Wanted, within_s: float) -> bool:
        """Wait until the heads are as wanted; False if they are not in time. Raises Busy."""
        patience = Patience(self._clock, within_s)
        part, was_told = self._views.part(partition), False
        while not wanted(await part.heads()):
            if not patience.left_s():
                return False
            if was_told:
                self._feed.distrust(partition)
            was_told = await self._feed.heard(partition, wanted)
        return True

    async def look(self, partition: int) -> None:
        """See Following. Without an answer nothing is known, and nobody turned away."""
        try:
            head = (await self._views.part(partition).heads()).get("conversations")
        except Busy:
            head = None
        if head is None:
            self._decided.pop(partition, None)
        else:
            self._decided[partition] = head.inputs.get("inbound", 0)

    def backlog(self, partition: int, mailbox_end: int) -> int:
        """See Following."""
        return max(0, mailbox_end - self._decided.get(partition, mailbox_end))

    def answered(self, partition: int, record_id: str) -> Answered | None:
        """See Following."""
        return self._answers.get(record_id)


class _Tail:
    """Follows one partition."""

    def __init__(
        self,
        partition: int,
        views: RemoteViews,
        hub: Hub,
        log: EventLog,
        snapshots: SnapshotStore,
        answers: Answers,
        feed: HeadFeed,
    ) -> None:
        self.partition = partition
        self.ready = asyncio.Event()
        """Whether it was at the end of the log once."""
        self.used_s = 0.0
        self.places: dict[str, Place] = {}
        self._answers = answers
        self._views = views
        self._hub = hub
        self._log = log
        self._snapshots = snapshots
        self._feed = feed
        self._said: list[_Said] = []
        self._more = asyncio.Event()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._tell())]

    def stop(self) -> None:
        """Follow no longer."""
        for task in self._tasks:
            task.cancel()

    def over(self) -> bool:
        """Whether it has ended by an error; then it is to be begun anew."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                _log.error("partition %d is followed anew", self.partition, exc_info=error)
        if any(task.done() for task in self._tasks):
            self.stop()
            return True
        return False

    def ends(self, topic: str, end: int, heads: Mapping[str, Head]) -> bool:
        """Whether the views show a log up to what was its end. By offset while they move on; at rest by seq,
        since claims, and what counts for nobody, move a log's end and are in no view."""
        place = self.places[topic]
        return covers(heads, {topic: end}) or (place.offset >= end and show(heads, {topic: place.next_seq}))

    async def _read(self) -> None:
        """Hear everything, in order, until cancelled."""
        while True:
            self.places = self.places or await self._begin()
            inputs = Inputs(OWNED_TOPICS, self.partition, self.places)
            self.places = inputs.places
            reader = self._log.reader(inputs.starts(), lazy=SHOWN_ONLY)
            try:
                while True:
                    # Who waits for the log's end does not wait for more than there is.
                    fetched = await reader.fetch(1_000 if self.ready.is_set() else 0)
                    inputs.add(fetched.records)
                    for record in inputs.merged():
                        self._hear(record, inputs.places[record.topic].offset)
                    if fetched.drained:
                        self.ready.set()
                    if self._said:
                        self._more.set()
            except TRY_LATER as error:
                _log.warning("partition %d is read again: %s", self.partition, error)
                await asyncio.sleep(AGAIN_S)
            finally:
                await reader.close()

    async def _begin(self) -> dict[str, Place]:
        """Where to begin with each log."""
        part = self._views.part(self.partition)
        try:
            heads = await part.heads()
        except Busy:
            heads = {}
        places = {}
        for topic in OWNED_TOPICS:
            end, head = await self._log.end(topic, self.partition), heads.get(topic)
            if head is not None and head.offset <= end:
                places[topic] = Place(*head.position())
                continue
            snapshot = await self._snapshots.load(topic, self.partition)
            if snapshot is not None and snapshot.offset <= end:
                places[topic] = Place(snapshot.offset, snapshot.epoch, snapshot.next_seq)
            else:
                places[topic] = Place()
        return places

    def _hear(self, record: Input, offset: int) -> None:
        """Tell who waits for it, and keep it for the streams."""
        event, hub = record.event, self._hub
        if isinstance(event, Unreadable):
            return
        name = event.WhichOneof("body")
        body: Any = getattr(event, name) if name else None
        origin = event.origin_id
        if record.topic == "conversations":
            if name == "request":
                self._answers.asked(origin, body.request.body_hash)
                if origin in hub.waiting:
                    hub.hashes[origin] = body.request.body_hash
            elif name == "api_key_removed":
                self._views.revoke(event.desk_id, body.key_id)
            if name not in NO_OUTCOME and origin in hub.waiting:
                hub.settle(origin, name, body, offset)
        elif record.topic == "routing" and name in ("admitted", "refused", "skipped"):
            if name != "skipped":
                self._answers.answered(origin, decided_by(origin, name, body))
            hub.settle(origin, name, body, offset)
        watched = hub.watched.get(event.desk_id)
        if watched is not None and is_told(watched, record.topic, name, body):
            self._said.append(_Said(record.topic, offset, name, event, body, record.id))

    async def _tell(self) -> None:
        """Tell the streams what the views show, until cancelled."""
        while True:
            await self._more.wait()
            self._more.clear()
            said, self._said = self._said, []
            is_blind = False
            try:
                await self._gate(said)
                brought = await self._brought(said)
            except Busy:
                brought = _Brought()
                is_blind = True
            streams = Streams(brought, self._hub)
            for one in said:
                streams.tell(one.topic, one.name, one.event, one.body, one.event_id)
            for desk_id in {one.event.desk_id for one in said} if is_blind else ():
                self._hub.renew(desk_id)

    async def _gate(self, said: list[_Said]) -> None:
        """Wait until the views show what was said, but not for long. Raises Busy."""
        ends: dict[str, int] = {}
        for one in said:
            ends[one.topic] = max(ends.get(one.topic, 0), one.offset + 1)
        wanted, loop = functools.partial(covers, offsets=ends), asyncio.get_running_loop()
        until_s = loop.time() + GATE_S
        while loop.time() < until_s:
            if await self._feed.heard(self.partition, wanted):
                return
            if wanted(await self._views.part(self.partition).heads()):
                return

    async def _brought(self, said: list[_Said]) -> _Brought:
        """The documents that the streams look at. Raises Busy."""
        part: PartitionViews = self._views.part(self.partition)
        bodies = [(one.name, one.event, one.body) for one in said if self._looks(one)]
        wanted = sorted(looked_at(bodies), key=lambda it: (it[0].KIND, it[1]))
        by_kind = {kind: [key for one, key in wanted if one is kind] for kind, _ in wanted}
        # At once: they share a round trip.
        found = await asyncio.gather(*(part.many(kind, keys) for kind, keys in by_kind.items()))
        brought = _Brought()
        for (kind, keys), docs in zip(by_kind.items(), found, strict=True):
            brought.docs |= {(kind, key): doc for key, doc in zip(keys, docs, strict=True)}
        return brought

    def _looks(self, one: _Said) -> bool:
        """Whether the streams look at documents for it: agents' own do for messages alone, to know whose
        the conversation is."""
        watched: Mapping[str, int] = self._hub.watched.get(one.event.desk_id, {})
        return one.topic == "conversations" or any(watched.get(kind) for kind in ("board", "conversation"))


class _Brought:
    """Documents that were fetched; of others nothing is known."""

    def __init__(self) -> None:
        self.docs: dict[tuple[type[Document], str], Any] = {}

    def peek(self, kind: type[D], key: str) -> D | None:
        """One of them."""
        found: D | None = self.docs.get((kind, key))
        return found
