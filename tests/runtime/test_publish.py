"""Whose views count: those of a log that is gone are thrown away, those of a later owner never are."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from bench.redis_server import redis_server
from services.router import engine
from services.runtime.clock import SystemClock
from services.runtime.event_log import TopicPartition
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Loop
from services.runtime.publish import Publishers
from services.runtime.redis_link import RedisLink
from services.runtime.snapshots import MemorySnapshots
from services.runtime.views import Position
from services.runtime.views_far import FarViews
from services.runtime.views_redis import Names, RedisStore

pytestmark = pytest.mark.servers

OWN = TopicPartition("routing", 0)
SHOWN = Position(3, 2, 5)


class Stale:
    """A loop that has read one record of its log, and believes that it owns it."""

    engine = engine
    partition = 0

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.state = engine.initial()

    def place(self) -> tuple[int, int, int]:
        """See Loop."""
        return 1, 1, 0

    def covered(self, topic: str) -> int:
        """See Loop."""
        return 0

    def listen(self, callback: Any) -> None:
        """See Loop."""

    def on_owned(self, callback: Any) -> None:
        """See Loop."""


@pytest.mark.parametrize(("records", "stay"), [(3, True), (1, False)])
async def test_views_of_a_later_owner_are_not_thrown_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, records: int, stay: bool
) -> None:
    """A process that was frozen while another one took over finds views of more than it has read: it leaves
    them alone. Where its log has no more than it has read they are of another log, and are ended."""
    clock = SystemClock()
    log = MemoryLog(clock)
    for _ in range(records):
        await log.append(*OWN, [b""])
    async with redis_server(tmp_path) as redis:
        link = RedisLink(redis.url, clock, within_s=5)
        views = FarViews(RedisStore(link, *OWN), 1)
        await views.open()
        views.advance(*OWN, SHOWN)
        await views.flush()
        life = await redis.tell("HGET", Names(0).head, "life")
        publishers = Publishers(link, log, clock, MemorySnapshots())
        publishers.bind(cast("Loop", Stale()))
        running = asyncio.create_task(publishers.run())
        said = "more than was read here" if stay else "made anew"
        async with asyncio.timeout(20):
            while said not in caplog.text:
                await asyncio.sleep(0.01)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert (await redis.tell("HGET", Names(0).head, "life") == life) == stay
        await link.close()
