"""Who waits for the views hears of each write, and of the next ones after Redis was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.redis_server import RedisServer, redis_server
from services.kernel.errors import Busy
from services.runtime.clock import SystemClock
from services.runtime.event_log import TopicPartition
from services.runtime.redis_link import RedisLink
from services.runtime.view_store import Changes, Position
from services.runtime.views_feed import HeadFeed, Wanted
from services.runtime.views_redis import Head, RedisStore

pytestmark = pytest.mark.servers

LOG = TopicPartition("routing", 0)
WITHIN_S = 20


@pytest.fixture(params=[False, True], ids=["redis", "cluster"])
async def redis(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A server of the test's own."""
    async with redis_server(tmp_path / "redis", cluster=request.param) as server:
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
