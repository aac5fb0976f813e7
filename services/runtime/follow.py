"""Following: how an edge without engines hears what became of things.

Theory of operation. The log is the truth, so an edge reads it: the owned topics of the partitions that it
has streams or waiters for, from about where they end, in the order in which one thing led to another
(`inputs.py`), by the fence like every reader. Who waits for the outcome of a record is told at once, so an
accept does not depend on any store. Streams are told when the views show what happened, so that a stream is
never ahead of a read; a store that does not follow, or is away, holds them up for a moment only. What cannot
be told without the store (whose conversation a message is in) is made up for by a snapshot once it follows
again (`follow_tail.py`).

Where to begin reading, and what was valid there, is what the views' head says; without it the newest
snapshots; without those the beginning of the log.
"""

from __future__ import annotations

import asyncio
import functools
import logging

from services.kernel.errors import Busy
from services.runtime.clock import Clock
from services.runtime.decided import Answered, Answers
from services.runtime.event_log import EventLog
from services.runtime.follow_tail import Tail
from services.runtime.hub import Hub
from services.runtime.loop import Loop
from services.runtime.patience import Patience
from services.runtime.snapshots import SnapshotStore
from services.runtime.views_feed import HeadFeed, Wanted, have_read, show
from services.runtime.views_read import RemoteViews

BEHIND = "The views do not show yet what has happened."
UNUSED_S = 60.0
"""A partition that nobody here asks about is followed that much longer."""
LOOK_S = 1.0
"""Between two looks at what is followed: so long streams hear nothing after an error that nobody expected."""

_log = logging.getLogger(__name__)


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
        self._tails: dict[int, Tail] = {}
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

    async def _tail(self, partition: int, within_s: float) -> Tail:
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

    async def _begun(self, partition: int) -> Tail:
        """Follow a partition from now on. What streams did not hear since another tail of it ended, they have
        by a snapshot."""
        where = self._views, self._hub, self._log, self._snapshots, self._answers, self._feed
        is_anew = partition in self._tails
        tail = self._tails[partition] = Tail(partition, *where)
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
