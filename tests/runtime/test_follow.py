"""An edge follows what it is asked about, and waits for the views without looking all the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from proto.v1.conversations_pb2 import ConversationsEvent, MessageReceived
from proto.v1.envelope_pb2 import Batch
from services.kernel.errors import Corrupt
from services.kernel.ids import partition_of
from services.runtime.clock import Clock, ManualClock, SystemClock
from services.runtime.event_log import OWNED_TOPICS, EventLog, Fetched, LogReader, TopicPartition
from services.runtime.follow import Follower
from services.runtime.follow_tail import MAKE_UP_S
from services.runtime.hub import Hub
from services.runtime.log_memory import MemoryLog
from services.runtime.redis_link import RedisLink
from services.runtime.snapshots import MemorySnapshots
from services.runtime.views_read import RemoteViews
from services.runtime.views_redis import Head
from tests.edges.held_log import HeldLog
from tests.runtime.told import Told

WITHIN_S = 20
SPINS_S = 5.0
"""Who looks without a pause keeps everybody else from going on for so long, and is done when they do."""


@asynccontextmanager
async def following(
    told: Told, log: EventLog, clock: Clock, hub: Hub | None = None
) -> AsyncIterator[Follower]:
    """Somebody who follows partition 0 and listens to its writers."""
    views = RemoteViews(cast("RedisLink", told), 2)
    follower = Follower(views, hub or Hub(), log, clock, MemorySnapshots())
    task = asyncio.create_task(follower.run())
    try:
        async with asyncio.timeout(WITHIN_S):
            await follower.watch(0, WITHIN_S)
            await told.listens.wait()
        yield follower
    finally:
        task.cancel()
        await asyncio.wait([task])


def written(told: Told, offset: int, inbound: int) -> None:
    """Write a head of each log, and tell of it."""
    for topic in OWNED_TOPICS:
        head = Head(offset, 1, offset, whole=True, inputs={"inbound": inbound})
        told.shows(topic, head)
        told.says(topic, head)


async def a_moment() -> None:
    """Let everybody go on who can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_what_was_told_and_is_not_so_is_waited_for() -> None:
    """Where a store was put back behind what it told, who waits for that does not look again and again
    without a pause, and is woken when it is told anew."""
    told, clock = Told(), SystemClock()
    async with following(told, MemoryLog(clock), clock) as follower:
        written(told, 1, inbound=9)
        await a_moment()
        for topic in OWNED_TOPICS:
            told.shows(topic, Head(0, 1, 0, inputs={"inbound": 3}))
        waiting = asyncio.create_task(follower.shown(0, 8, SPINS_S))
        await a_moment()
        assert not waiting.done()
        written(told, 2, inbound=9)
        assert await waiting


async def test_of_whom_nothing_was_told_is_waited_for() -> None:
    """Where only some of the writers were heard of, who waits for all does not look without a pause."""
    told, clock = Told(), SystemClock()
    async with following(told, MemoryLog(clock), clock) as follower:
        told.says("sla", Head(1, 1, 1, inputs={"conversations": 3}))
        waiting = asyncio.create_task(follower.shown(0, 8, SPINS_S))
        await a_moment()
        assert not waiting.done()
        written(told, 2, inbound=9)
        assert await waiting


async def test_what_is_asked_about_is_not_let_go() -> None:
    """A partition that somebody has just asked about goes on being followed, though its words are not heard
    yet when it is looked what nobody asks about."""
    told, clock = Told(), ManualClock()
    log = HeldLog(MemoryLog(clock))
    async with following(told, log, clock) as follower:
        told.asked.clear()
        told.goes_on.clear()
        log.flows.clear()
        asking = asyncio.create_task(follower.watch(1, WITHIN_S))
        await told.asked.wait()
        await follower.let_go()
        told.goes_on.set()
        log.flows.set()
        await asking


async def test_what_was_told_by_old_views_is_made_up_for() -> None:
    """Given views that do not show yet whose a conversation is, an agent's stream cannot tell that somebody
    wrote in it; once they have come that far it begins anew with a snapshot, though nothing else happens."""
    told, clock, hub = Told(), SystemClock(), Hub()
    log = MemoryLog(clock)
    desk_id = next(name for name in map(str, range(9)) if partition_of(name, 2) == 0)
    said = ConversationsEvent(desk_id=desk_id, message=MessageReceived(conversation_id="c1", message_id="m1"))

    async def snapshot() -> dict[str, Any]:
        return {}

    async with (
        following(told, log, clock, hub),
        asyncio.timeout(WITHIN_S),
        hub.subscribe(f"agent/{desk_id}/ola") as subscription,
    ):
        written(told, 0, inbound=0)
        tellings = subscription.tellings(snapshot, WITHIN_S)
        assert [one.event for one in await anext(tellings)] == ["snapshot"]
        await log.append("conversations", 0, [Batch(epoch=1).SerializeToString()])
        await log.append(
            "conversations", 0, [Batch(epoch=1, events=[said.SerializeToString()]).SerializeToString()]
        )
        coming = asyncio.ensure_future(anext(tellings))
        done, _ = await asyncio.wait([coming], timeout=2 * MAKE_UP_S)
        assert not done, "the views do not show it yet"
        written(told, 2, inbound=0)
        assert await coming == []
        assert [one.event for one in await anext(tellings)] == ["snapshot"]


class Breaking(MemoryLog):
    """A log whose readers fail, once, with what nobody expects, when `breaks` is set."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.breaks = asyncio.Event()

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """As EventLog says."""
        return _Breaking(super().reader(starts, lazy), self.breaks)


class _Breaking:
    def __init__(self, reader: LogReader, breaks: asyncio.Event) -> None:
        self._reader = reader
        self._breaks = breaks

    async def fetch(self, max_wait_ms: int) -> Fetched:
        fetched = await self._reader.fetch(max_wait_ms)
        if self._breaks.is_set():
            self._breaks.clear()
            raise Corrupt("the broker says an error that nobody knows")
        return fetched

    def wake(self) -> None:
        self._reader.wake()

    async def close(self) -> None:
        await self._reader.close()


async def test_streams_go_on_after_an_error_that_nobody_expected() -> None:
    """Following ends by an error while nobody asks for anything: it begins anew by itself, and an open stream
    is told by a snapshot what it did not hear."""
    told, clock = Told(), SystemClock()
    log = Breaking(clock)
    desk_id = next(name for name in map(str, range(9)) if partition_of(name, 2) == 0)

    async def snapshot() -> dict[str, Any]:
        await follower.watch(0, WITHIN_S)
        return {}

    hub = Hub()
    async with (
        following(told, log, clock, hub) as follower,
        asyncio.timeout(WITHIN_S),
        hub.subscribe(f"agent/{desk_id}/ola") as subscription,
    ):
        tellings = subscription.tellings(snapshot, WITHIN_S)
        assert [one.event for one in await anext(tellings)] == ["snapshot"]
        log.breaks.set()
        await log.append("routing", 0, [b""])
        while not (again := await anext(tellings)):
            pass
        assert [one.event for one in again] == ["snapshot"]
