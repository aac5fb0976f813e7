"""A reader of Kafka partitions that knows when nothing was left.

Theory of operation. Partitions are taken by their leading broker, those that are lazy apart: a lane. Each
lane keeps one long poll under way over a connection of its own, also while what it brought is being worked
on, so at rest a record arrives with the append and under load the next ones wait already. A lazy lane that
has brought something rests for a while: what comes meanwhile is brought by one request. A fetch that may
not wait asks once more over the log's shared connection and so proves, by the ends that the brokers name,
that nothing was left when it began: that is `drained`. A fetch that waits says `drained` only where the
polls prove the same; a deadline that is due makes the loop fetch without waiting.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Mapping

from services.kernel.errors import Busy, Corrupt, Invalid
from services.kernel.limits import INPUTS_IN_BATCH_MAX
from services.runtime.event_log import OWNED_TOPICS, Fetched, LogRecord, TopicPartition
from services.runtime.kafka_rights import REFUSED, lacking
from services.runtime.kafka_wire import (
    EARLIEST,
    LATER,
    LATEST,
    OUT_OF_RANGE,
    STALE,
    Found,
    Session,
    Wire,
)

LAZY_S = 0.025
"""How long lazy records wait for company. A batch of its own costs requests to brokers and to Redis, here and
in all who read it: measured against 10 ms a sixth of all processor time at 20 messages/s."""
POLL_MS = 5_000
"""Longest poll; one that ends without a record costs a request."""
POLL_EARLIER_MS = 5
"""A poll ends so long before the fetch that began it, so that its end proves what a timer would not."""
AHEAD_MAX = INPUTS_IN_BATCH_MAX
"""Records that lie ready at most before the next poll."""

_log = logging.getLogger(__name__)


class _Cursor:
    """One partition: `fetched` is the next offset to ask for, `end` what its leader named last."""

    __slots__ = ("end", "fetched", "lazy", "place", "records")

    def __init__(self, place: TopicPartition, start: int, lazy: bool) -> None:
        self.place = place
        self.lazy = lazy
        self.fetched = start
        self.end = -1
        self.records: deque[LogRecord] = deque()


class _Lane:
    """Partitions that one broker leads. `asked`: which fetch was under way when the last answered request
    was sent. `rests_s`: until when it asks for nothing by itself."""

    __slots__ = ("asked", "channel", "cursors", "lazy", "node", "poll", "rests_s", "session")

    def __init__(self, node: int, cursors: list[_Cursor]) -> None:
        self.lazy = all(cursor.lazy for cursor in cursors)
        self.node = node
        self.cursors = cursors
        self.channel = object()
        self.session = Session()
        self.poll: asyncio.Task[None] | None = None
        self.asked = 0
        self.rests_s = 0.0

    def idle(self) -> bool:
        """Whether no poll is under way."""
        return self.poll is None or self.poll.done()

    def wanted(self) -> dict[TopicPartition, int]:
        """Where each partition goes on."""
        return {cursor.place: cursor.fetched for cursor in self.cursors}


class KafkaReader:
    """A LogReader. One fetch at a time."""

    def __init__(self, wire: Wire, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> None:
        self._wire = wire
        self._cursors = {place: _Cursor(place, at, place.topic in lazy) for place, at in starts.items()}
        self._ripe_s = 0.0
        self._lanes: list[_Lane] | None = None
        self._news = asyncio.Event()
        self._fetches = 0
        self._first = 0
        self._woken = False
        self._closed = False
        self._broken: Exception | None = None

    async def fetch(self, max_wait_ms: int) -> Fetched:
        """See the port. While no broker answers, a fetch finds nothing and is not drained."""
        self._fetches += 1
        loop = asyncio.get_running_loop()
        until_s = loop.time() + max_wait_ms / 1000
        if self._ready() < AHEAD_MAX and max_wait_ms <= 0:
            await self._ask()
        while not (self._ripe() or self._woken or self._closed or max_wait_ms <= 0):
            rest_ms = round((until_s - loop.time()) * 1000)
            if rest_ms <= 0 and self._ready():
                break
            if rest_ms < 2 * POLL_EARLIER_MS and (rest_ms <= 0 or self._drained()):
                if not self._drained():
                    await self._ask()
                break
            await self._wait(rest_ms)
        if max_wait_ms > 0 and self._lazy_ready():
            await self._fetch_company()
        self._check()
        self._woken = False
        records = self._take()
        drained = self._drained()
        if self._lanes is not None and max_wait_ms > 0:
            self._poll_on(POLL_MS)
        return Fetched(records, drained)

    def wake(self) -> None:
        """See the port."""
        self._woken = True
        self._news.set()

    async def close(self) -> None:
        """See the port."""
        self._closed = True
        self._news.set()
        await self._drop_lanes()

    # What lies ready

    def _ready(self) -> int:
        return sum(len(cursor.records) for cursor in self._cursors.values())

    def _ripe(self) -> bool:
        """Whether anything lies ready that is not lazy, or has waited for company long enough."""
        if not self._lazy_ready():
            return self._ready() > 0
        return asyncio.get_running_loop().time() >= self._ripe_s

    def _lazy_ready(self) -> bool:
        """Whether something lies ready, and all of it is lazy."""
        filled = [cursor.lazy for cursor in self._cursors.values() if cursor.records]
        return bool(filled) and all(filled)

    def _drained(self) -> bool:
        """Whether every broker has answered a request of this fetch, and all it had is handed out."""
        return (
            self._lanes is not None
            and all(lane.asked >= self._fetches for lane in self._lanes)
            and all(not c.records and c.fetched >= c.end for c in self._cursors.values())
        )

    def _take(self) -> list[LogRecord]:
        """A fair share of each partition first, then as much as fits."""
        if self._closed:
            return []
        taken: list[LogRecord] = []
        filled = [cursor for cursor in self._cursors.values() if cursor.records]
        share = max(1, INPUTS_IN_BATCH_MAX // max(1, len(filled)))
        for limit in (share, INPUTS_IN_BATCH_MAX):
            for cursor in filled:
                room = min(limit, INPUTS_IN_BATCH_MAX - len(taken), len(cursor.records))
                taken += [cursor.records.popleft() for _ in range(room)]
        return taken

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    # Asking brokers

    async def _ask(self) -> None:
        """One request to each broker, answered at once."""
        self._check()
        try:
            lanes = await self._placed()
            await asyncio.gather(*(self._request(lane, 0, "now", Session()) for lane in lanes))
        except LATER as error:
            await self._lost(error)

    async def _wait(self, rest_ms: int) -> None:
        """Until something comes, a poll ends, or the time is over."""
        self._check()
        try:
            await self._placed()
        except LATER as error:
            await self._lost(error)
            return
        if self._ripe() or self._woken or self._closed:
            return  # while the lanes were made
        self._news.clear()
        self._poll_on(max(1, min(POLL_MS, rest_ms - POLL_EARLIER_MS)))
        loop = asyncio.get_running_loop()
        until_s = [lane.rests_s for lane in self._lanes or () if lane.idle()]
        if self._ready():
            until_s = [self._ripe_s]
        wait_s = min([rest_ms / 1000, *(at_s - loop.time() for at_s in until_s)])
        timer = loop.call_later(max(0.0, wait_s), self._news.set)
        try:
            await self._news.wait()
        finally:
            timer.cancel()

    def _poll_on(self, wait_ms: int) -> None:
        """Have a poll under way on each lane that does not rest, unless enough lies ready."""
        if self._closed or self._broken is not None or self._ready() >= AHEAD_MAX:
            return
        now_s = asyncio.get_running_loop().time()
        for lane in self._lanes or ():
            if lane.idle() and lane.rests_s <= now_s:
                lane.poll = asyncio.ensure_future(self._poll(lane, wait_ms))

    async def _fetch_company(self) -> None:
        """What came for lazy records while their lanes rested."""
        rested = [lane for lane in self._lanes or () if lane.lazy and lane.idle()]
        await asyncio.gather(*(self._poll(lane, 0) for lane in rested))

    async def _poll(self, lane: _Lane, wait_ms: int) -> None:
        try:
            await self._request(lane, wait_ms, lane.channel, lane.session)
        except LATER as error:
            if self._lanes is not None and lane in self._lanes:
                await self._lost(error, but=lane)
        except (Invalid, Corrupt) as error:
            self._broken = error
        self._news.set()

    async def _request(self, lane: _Lane, wait_ms: int, channel: object, session: Session) -> None:
        """Fetch once and take in what comes. Raises Invalid for a position that is gone."""
        asked, wanted = self._fetches, lane.wanted()
        found = await self._wire.fetch(lane.node, wanted, wait_ms, channel, session)
        for place, one in found.items():
            if one.error == OUT_OF_RANGE:
                await self._gone(place, wanted[place])
            elif one.error in REFUSED:
                raise Busy(lacking(["Read"], self._wire.access.topic(place.topic)))
            elif one.error in STALE:
                raise Busy(f"{place.topic}/{place.partition} has moved (error {one.error})")
            elif one.error:
                raise Corrupt(f"{place.topic}/{place.partition}: the broker says error {one.error}")
            else:
                self._add(self._cursors[place], one)
                if lane.lazy and one.records:
                    lane.rests_s = asyncio.get_running_loop().time() + LAZY_S
        lane.asked = max(lane.asked, asked)

    def _add(self, cursor: _Cursor, found: Found) -> None:
        """Take in records; another request may have brought some of them before."""
        place = cursor.place
        if found.records and cursor.lazy and not self._ready():
            self._ripe_s = asyncio.get_running_loop().time() + LAZY_S
        for record in found.records:
            if record.offset < cursor.fetched:
                continue
            if record.offset != cursor.fetched and place.topic in OWNED_TOPICS:
                missing = f"{cursor.fetched} to {record.offset - 1} are missing"
                raise Corrupt(f"{place.topic}/{place.partition}: {missing}")
            cursor.records.append(LogRecord(*place, record.offset, record.timestamp, record.value))
            cursor.fetched = record.offset + 1
        cursor.end = max(cursor.end, found.end)

    async def _gone(self, place: TopicPartition, position: int) -> None:
        first = await self._wire.offset(place, EARLIEST)
        end = await self._wire.offset(place, LATEST)
        where = f"{place.topic}/{place.partition}: position {position}"
        if position < first:
            raise Invalid(
                f"{where} is gone, the log begins at {first}; restore a backup of this log that reaches"
                " back to it"
            )
        if position > end:
            raise Invalid(f"{where} lies behind the log's end {end}; the log was replaced by an older one")
        raise Busy(f"{where} is not there yet")

    # Lanes

    async def _placed(self) -> list[_Lane]:
        """The lanes, made where they are missing."""
        if self._lanes is None:
            leaders = await self._wire.leaders(self._cursors)
            if self._closed:
                return []
            self._lanes = []
            for node, places in leaders.items():
                led = [self._cursors[place] for place in places]
                parts = [[c for c in led if c.lazy is lazy] for lazy in (False, True)]
                self._lanes += [_Lane(node, cursors) for cursors in parts if cursors]
        return self._lanes

    async def _lost(self, error: Exception, but: _Lane | None = None) -> None:
        """A broker does not answer or leads no more: ask anew who does, in a moment."""
        _log.warning("reading pauses: %r", error)
        await self._drop_lanes(but)
        if not self._closed:
            await self._wire.refresh()

    async def _drop_lanes(self, but: _Lane | None = None) -> None:
        """Forget the lanes; `but`: one whose poll runs this very code."""
        lanes, self._lanes = self._lanes or [], None
        for lane in lanes:
            if lane.poll is not None and lane is not but:
                lane.poll.cancel()
                await asyncio.wait([lane.poll])
            await self._wire.hang_up(lane.channel)
