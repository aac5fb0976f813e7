"""Metrics tell when Redis is away, and when it is there and takes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.redis_server import redis_server
from services.runtime.main import App
from tests.edges.distributed import Distributed, distributed

pytestmark = pytest.mark.servers

WITHIN_MS = 500


async def told(app: App, name: str) -> float:
    """What a process says of itself."""
    lines = (await app.metrics.scrape()).decode().splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith(f"centrala_{name} ")]
    return float(value)


async def until(made: Distributed, away: float, unwritten: bool) -> None:
    """Wait until every process says so of Redis, and the owners so of their views."""
    processes = [made.owners, *(edge.app for edge in made.edges)]
    async with asyncio.timeout(20):
        while (
            any([await told(app, "redis_away") != away for app in processes])
            or bool(await told(made.owners, "views_unwritten_logs")) != unwritten
        ):
            await asyncio.sleep(0.05)


async def test_a_redis_that_is_away_shows(tmp_path: Path) -> None:
    """Every process says at a scrape that Redis does not answer, though nobody has asked it for anything
    meanwhile; owners that no views are written; and that both are over."""
    async with redis_server(tmp_path) as redis, distributed(redis.url, within_ms=WITHIN_MS) as made:
        await until(made, away=0, unwritten=False)
        redis.kill()
        await until(made, away=1, unwritten=True)
        assert await told(made.edges[0].app, "views_unwritten_logs") == 0
        await redis.start()
        await until(made, away=0, unwritten=False)


async def test_a_redis_that_is_full_shows(tmp_path: Path) -> None:
    """One that answers and takes no writes is told by the views that cannot be written."""
    async with redis_server(tmp_path) as redis, distributed(redis.url, within_ms=WITHIN_MS) as made:
        await redis.tell("CONFIG", "SET", "maxmemory", "1")
        await until(made, away=0, unwritten=True)
        await redis.tell("CONFIG", "SET", "maxmemory", "0")
        await until(made, away=0, unwritten=False)
