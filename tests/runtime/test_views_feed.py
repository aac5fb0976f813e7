"""Who waits for the views hears of each write, and of the next ones after Redis was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import from_url as connection

from bench.redis_server import RedisServer, redis_server
from services.kernel.errors import Busy
from services.runtime.clock import SystemClock
from services.runtime.event_log import TopicPartition
from services.runtime.redis_link import RedisLink
from services.runtime.view_store import Changes, Position
from services.runtime.views_feed import HeadFeed, Wanted
from services.runtime.views_redis import Head, Names, RedisStore
from tests.runtime.told import Told

pytestmark = pytest.mark.servers

LOG = TopicPartition("routing", 0)
WITHIN_S = 20


@pytest.fixture(params=[False, True], ids=["redis", "cluster"])
async def redis(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A server of the test's own."""
    async with redis_server(tmp_path / "redis", cluster=request.param) as server:
        yield server


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A server of the test's own, not a cluster."""
    async with redis_server(tmp_path / "redis") as server:
        yield server


@asynccontextmanager
async def listening(link: RedisLink) -> AsyncIterator[HeadFeed]:
    """A feed of the one partition."""
    feed = HeadFeed(link)
    await feed.follow(LOG.partition)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        await asyncio.wait([task])
        await link.close()


async def write(link: RedisLink, offset: int) -> None:
    """Say that the views show the log up to an offset."""
    store = RedisStore(link, *LOG)
    await store.open()
    await store.write(Changes(positions={LOG: Position(offset, 1, offset)}))


def at_least(offset: int) -> Wanted:
    """Whether the log is shown up to an offset."""

    def wanted(heads: Mapping[str, Head]) -> bool:
        return LOG.topic in heads and heads[LOG.topic].offset >= offset

    return wanted


async def heard(feed: HeadFeed, link: RedisLink, offset: int) -> None:
    """Write again and again until it is heard: the first words may come before anybody listens."""
    async with asyncio.timeout(WITHIN_S):
        while not await feed.heard(LOG.partition, at_least(offset)):
            try:
                await write(link, offset)
            except Busy:
                continue


async def test_a_write_is_heard_without_a_look(redis: RedisServer) -> None:
    """Who waits for the views to show an offset is woken by the write that shows it."""
    link = RedisLink(redis.url, SystemClock(), within_s=5)
    async with listening(link) as feed:
        await heard(feed, link, 3)
        waiting = asyncio.create_task(feed.heard(LOG.partition, at_least(7)))
        await write(link, 7)
        assert await waiting or await feed.heard(LOG.partition, at_least(7))


async def test_what_was_heard_before_redis_was_emptied_does_not_count(redis: RedisServer) -> None:
    """A new life of the views begins from nothing, whatever was told of the one before."""
    link = RedisLink(redis.url, SystemClock(), within_s=5)
    async with listening(link) as feed:
        await heard(feed, link, 9)
        await redis.flush()
        await write(link, 2)
        async with asyncio.timeout(WITHIN_S):
            while await feed.heard(LOG.partition, at_least(9)):
                await write(link, 2)
        await heard(feed, link, 2)


@pytest.mark.parametrize("redis", [False], indirect=True, ids=["redis"])
async def test_a_connection_that_was_lost_is_made_anew(redis: RedisServer) -> None:
    """After Redis was killed nothing of what it said counts; what is written then is heard again."""
    link = RedisLink(redis.url, SystemClock(), within_s=5)
    async with listening(link) as feed:
        await heard(feed, link, 9)
        redis.kill()
        async with asyncio.timeout(WITHIN_S):
            while await feed.heard(LOG.partition, at_least(9)):
                await asyncio.sleep(0)
        await redis.start()
        await heard(feed, link, 4)
        assert not await feed.heard(LOG.partition, at_least(9))


async def test_a_partition_is_heard_that_was_followed_while_the_feed_connects() -> None:
    """Whatever is followed before, during and after the connection is made is subscribed."""
    connected = asyncio.Event()
    pubsub = Slow(connected)
    feed = HeadFeed(cast("RedisLink", Slow(connected, pubsub)))
    await feed.follow(0)
    task = asyncio.create_task(feed.run())
    await pubsub.asked.wait()
    await feed.follow(1)
    connected.set()
    async with asyncio.timeout(WITHIN_S):
        while len(pubsub.names) < 2:
            await asyncio.sleep(0)
    await feed.follow(2)
    task.cancel()
    assert set(pubsub.names) == {Names(n).head for n in range(3)}


class Slow:
    """Stands for a link and its subscriber whose first subscription takes until it is told to go on."""

    def __init__(self, go: asyncio.Event, pubsub: Slow | None = None) -> None:
        self.asked = asyncio.Event()
        self.names: list[str] = []
        self._go, self._pubsub = go, pubsub

    @asynccontextmanager
    async def subscriber(self) -> AsyncIterator[Slow]:
        """See RedisLink."""
        assert self._pubsub is not None
        yield self._pubsub

    async def subscribe(self, *names: str) -> None:
        """See PubSub."""
        self.asked.set()
        await self._go.wait()
        self.names += names

    async def get_message(self, timeout: float) -> None:
        """Nothing is ever said."""
        await asyncio.Event().wait()


async def test_what_was_told_before_a_flush_makes_nobody_look_without_end(plain: RedisServer) -> None:
    """Who waits for what was true before the flush is told so once, and then waits for words."""
    link = RedisLink(plain.url, SystemClock(), within_s=5)
    async with listening(link) as feed:
        await heard(feed, link, 9)
        await plain.flush()
        assert await feed.heard(LOG.partition, at_least(9))
        feed.distrust(LOG.partition)
        assert not await feed.heard(LOG.partition, at_least(9))


async def test_a_word_that_cannot_be_read_is_passed_over(plain: RedisServer) -> None:
    """Given rubbish on the channel, the feed goes on and hears the next write."""
    link = RedisLink(plain.url, SystemClock(), within_s=5)
    async with listening(link) as feed:
        await heard(feed, link, 3)
        other = connection(plain.url)
        assert await other.publish(Names(LOG.partition).head, b"x")
        assert await other.publish(Names(LOG.partition).head, b"life routing \xc1")
        await other.aclose()
        await heard(feed, link, 5)


async def test_a_silent_connection_is_noticed(plain: RedisServer) -> None:
    """Given a Redis that says nothing any more on an open connection, what it said before does not count."""
    link = RedisLink(plain.url, SystemClock(), within_s=0.5)
    async with listening(link) as feed:
        await heard(feed, link, 3)
        plain.freeze()
        async with asyncio.timeout(WITHIN_S):
            while await feed.heard(LOG.partition, at_least(3)):
                await asyncio.sleep(0.05)
        plain.thaw()
        await heard(feed, link, 4)


async def test_a_connection_that_answers_is_kept() -> None:
    """Where nothing is told for long, but every question is answered, the feed stays with its connection."""
    told = Told()
    for _ in range(3):
        told.silence()
        told.pong()
    told.says(LOG.topic, Head(3, 1, 3))
    async with listening(cast("RedisLink", told)) as feed, asyncio.timeout(WITHIN_S):
        while not await feed.heard(LOG.partition, at_least(3)):
            await asyncio.sleep(0)
        assert (told.pings, told.connections) == (3, 1)
