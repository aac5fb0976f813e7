"""What rates do alike in one process and over many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bench.redis_server import RedisServer, redis_server
from services.runtime.clock import SystemClock
from services.runtime.rates import MemoryRates, Rates
from services.runtime.rates_redis import AT_ONCE_MAX, RedisRates
from services.runtime.redis_link import RedisLink

CLOCK = SystemClock()
Make = Callable[[], Rates]


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Redis of the test's own."""
    async with redis_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def link(redis: RedisServer) -> AsyncIterator[RedisLink]:
    """The way to it."""
    link = RedisLink(redis.url, CLOCK, within_s=5)
    yield link
    await link.close()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def rates(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rates]:
    """Rates of either kind."""
    if request.param == "memory":
        yield MemoryRates(CLOCK)
        return
    async with redis_server(tmp_path / "redis") as server:
        link = RedisLink(server.url, CLOCK, within_s=5)
        yield RedisRates(link, CLOCK)
        await link.close()


async def taken(rates: Rates, key: str, per_s: int, tries: int) -> int:
    """How many of so many tries, one after the other, got one."""
    return [await rates.take(key, per_s) for _ in range(tries)].count(0.0)


async def test_a_seconds_worth_at_once_and_no_more(rates: Rates) -> None:
    """Of a rate so much may come at once; then one is told when there is room again, and that is true."""
    began_s = CLOCK.monotonic_s()
    assert await taken(rates, "a", 3, 3) == 3
    wait_s = await rates.take("a", 3)
    passed_s = CLOCK.monotonic_s() - began_s
    assert 1 / 3 - passed_s - 0.01 <= wait_s <= 1 / 3
    async with asyncio.timeout(5):
        while await rates.take("a", 3):
            await asyncio.sleep(0.01)
    assert CLOCK.monotonic_s() - began_s >= 1 / 3 - 0.01


async def test_keys_do_not_disturb_each_other(rates: Rates) -> None:
    """A key that has nothing left leaves the others alone."""
    assert await taken(rates, "a", 1, 5) == 1
    assert await taken(rates, "b", 2, 2) == 2


@pytest.mark.servers
@pytest.mark.parametrize("per_s", [40, 3_000])
async def test_edges_share_a_rate(link: RedisLink, per_s: int) -> None:
    """Three edges together get a second's worth, and what came back meanwhile; next to nothing is lost."""
    edges = [RedisRates(link, CLOCK) for _ in range(3)]
    began_s = CLOCK.monotonic_s()
    counts = await asyncio.gather(*(taken(edge, "a", per_s, per_s) for edge in edges))
    passed_s = CLOCK.monotonic_s() - began_s
    assert per_s - 3 * AT_ONCE_MAX <= sum(counts) <= per_s * (1 + passed_s) + 1
    assert sum(counts) >= per_s or per_s > 40


@pytest.mark.servers
async def test_rates_without_redis(link: RedisLink, redis: RedisServer) -> None:
    """While Redis is away an edge goes on counting by itself; and nothing is kept that says nothing."""
    rates = RedisRates(link, CLOCK)
    assert await taken(rates, "a", 2, 3) == 2
    redis.kill()
    assert await taken(rates, "a", 2, 3) == 2
    assert await rates.take("b", 1) == 0.0
    await redis.start()
    async with asyncio.timeout(10):
        while not link.up or await redis.tell("DBSIZE") == b"0":
            await rates.take("c", 50)
            await asyncio.sleep(0.02)
        while await redis.tell("DBSIZE") != b"0":
            await asyncio.sleep(0.02)
