"""One partition as an edge follows it: who waits is told at once, streams once the views show it.

Theory of operation. One task reads the log and answers who waits; another one tells the streams, which look
at documents (whose a conversation is, a row of the board). If the views do not show the events in time, the
streams are told all the same, by what the views do show, and a third task has them begin anew with a
snapshot when the views have come that far: what an old document hid is in it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from services.kernel.engine import Input
from services.kernel.errors import Busy
from services.runtime.decided import Answers, decided_by
from services.runtime.documents import Document
from services.runtime.event_log import OWNED_TOPICS, TRY_LATER, EventLog
from services.runtime.hub import Hub
from services.runtime.inputs import Inputs, Place, Unreadable
from services.runtime.projections import NO_OUTCOME
from services.runtime.snapshots import SnapshotStore
from services.runtime.streams import Streams, is_told, looked_at
from services.runtime.views_feed import HeadFeed, covers, show
from services.runtime.views_read import PartitionViews, RemoteViews
from services.runtime.views_redis import Head

D = TypeVar("D", bound=Document)

GATE_S = 0.1
"""How long streams wait for views that lag behind."""
MAKE_UP_S = 1.0
"""Between two looks whether views that lagged have come far enough for a snapshot."""
AGAIN_S = 0.2
"""Before a log is read again after an error."""
SHOWN_ONLY = ("sla", "notices")
"""Logs whose news boards show and nobody waits for."""

_log = logging.getLogger(__name__)


class _Said(NamedTuple):
    """One event for the streams."""

    topic: str
    offset: int
    name: str
    event: Any
    body: Any
    event_id: str


class Tail:
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
        self._early: dict[str, dict[str, int]] = {}
        """Desks of which something was told before the views showed it, with how far those have to come."""
        doings = self._read(), self._tell(), self._make_up()
        self._tasks = [asyncio.create_task(doing) for doing in doings]

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
                if not await self._gate(_ends(said)):
                    self._owe([one for one in said if self._looks(one)])
                brought = await self._brought(said)
            except Busy:
                brought = _Brought()
                is_blind = True
            streams = Streams(brought, self._hub)
            for one in said:
                streams.tell(one.topic, one.name, one.event, one.body, one.event_id)
            for desk_id in {one.event.desk_id for one in said} if is_blind else ():
                self._hub.renew(desk_id)

    async def _gate(self, ends: dict[str, int]) -> bool:
        """Wait until the views show each log up to an offset, but not for long: whether they do. Raises
        Busy."""
        wanted, loop = functools.partial(covers, offsets=ends), asyncio.get_running_loop()
        until_s = loop.time() + GATE_S
        while loop.time() < until_s:
            if await self._feed.heard(self.partition, wanted):
                return True
            if wanted(await self._views.part(self.partition).heads()):
                return True
        return False

    def _owe(self, said: list[_Said]) -> None:
        """Remember what is told by views that do not show it yet."""
        for desk_id in {one.event.desk_id for one in said}:
            self._early.setdefault(desk_id, {}).update(_ends(said))

    async def _make_up(self) -> None:
        """Give the streams a snapshot once the views show what these were told too early, until cancelled:
        whose a conversation was may have been unknown then, and the row of a board an old one. Not more often
        than `MAKE_UP_S`, since views that lag have enough to do."""
        early: dict[str, dict[str, int]] = {}
        while True:
            await asyncio.sleep(MAKE_UP_S)
            if not early:
                early, self._early = self._early, {}
            if early:
                early = await self._still_early(early)

    async def _still_early(self, early: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        """Begin the streams of these desks anew, but for those that the views do not show yet."""
        try:
            heads = await self._views.part(self.partition).heads()
        except Busy:
            return early
        left = {desk_id: ends for desk_id, ends in early.items() if not covers(heads, ends)}
        for desk_id in early.keys() - left.keys():
            self._hub.renew(desk_id)
        return left

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


def _ends(said: list[_Said]) -> dict[str, int]:
    """Where the logs go on after what was said, by topic."""
    ends: dict[str, int] = {}
    for one in said:
        ends[one.topic] = max(ends.get(one.topic, 0), one.offset + 1)
    return ends
