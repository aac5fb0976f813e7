"""A rebuild of the views begins at their base, and shows what one from the logs' beginning shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.redis_server import RedisServer, redis_server
from services.kernel.limits import DAY_MS
from services.runtime import views_base
from services.runtime.event_log import OWNED_TOPICS, LogReader, TopicPartition
from services.runtime.log_memory import MemoryLog
from services.runtime.redis_link import RedisLink
from services.runtime.views_read import RemoteViews
from tests.edges.distributed import Distributed, edge, owners, stores
from tests.edges.installation import DESK
from tests.edges.test_redis_lost import EWA
from tests.system.world import ShiftedClock

pytestmark = pytest.mark.servers

HOME = "/v1/desks/rowery"
KASIA = {"from": {"address": "kasia@example.pl", "name": "Kasia"}}


class WatchedLog(MemoryLog):
    """A log that remembers where each topic was read from, by who reads nothing else."""

    def __init__(self, clock: ShiftedClock) -> None:
        super().__init__(clock, yields=True)
        self.starts: dict[str, int] = {}

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """See the port."""
        if len(starts) == 1:
            [(place, offset)] = starts.items()
            self.starts[place.topic] = min(offset, self.starts.get(place.topic, offset))
        return super().reader(starts, lazy)


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Redis of the test's own."""
    async with redis_server(tmp_path / "redis") as server:
        yield server


async def everything(made: Distributed) -> list[Any]:
    """What readers see, once the views are whole and show all that has happened."""
    [shown] = made.edges
    after = f"after=r{'0' * 32}"
    paths = [f"conversations?{after}", "agents", "notices", "quarantine"]

    async def read() -> list[Any]:
        answers = [await shown.call("GET", f"{HOME}/{path}") for path in paths]
        found = [answer.json() if answer.status_code == 200 else None for answer in answers]
        for one in found[0]["items"] if found[0] else ():
            whole = await shown.call("GET", f"{HOME}/conversations/{one['id']}")
            found.append(whole.json() if whole.status_code == 200 else None)
        return found

    async with asyncio.timeout(30):
        while None in (seen := await read()):
            await asyncio.sleep(0.05)
    return seen


async def work(made: Distributed, number: int, open_: str, resolve: bool) -> str:
    """A message that Ola accepts and answers; the conversation. `open_`: another one that may be offered."""
    [at] = made.edges
    online = {"state": "online", "ttl_s": 3600}
    assert (await at.call("PUT", f"{HOME}/agents/ola/presence", online)).status_code == 200
    sender: dict[str, Any] = (EWA if number % 2 else {}) if resolve else KASIA
    sent = await at.message(f"m{number}", **sender)
    offered: list[Any] = []
    async with asyncio.timeout(30):
        while not offered:
            listed = await at.call("GET", f"{HOME}/conversations?state=offered&after={sent['record_id']}")
            found = listed.json()["items"] if listed.status_code == 200 else []
            offered = [one for one in found if one["id"] != open_]
    path, by = f"{HOME}/offers/{offered[0]['offer']['offer_id']}/accept", {"agent": "ola"}
    assert (await at.call("POST", path, by)).status_code == 200
    talk = f"{HOME}/conversations/{offered[0]['id']}"
    assert (await at.call("POST", f"{talk}/replies", {**by, "text": "Już."})).status_code == 202
    if resolve:
        assert (await at.call("POST", f"{talk}/resolve", by)).status_code == 202
    return str(offered[0]["id"])


@pytest.mark.parametrize("left_open", [2, 4])
async def test_a_rebuild_begins_at_the_base(redis: RedisServer, left_open: int) -> None:
    """After two hundred days of work a rebuild reads no record of what is gone, and shows the same as one
    from the beginning: agents of old, customers who came back, what is open, what was resolved lately."""
    clock = ShiftedClock()
    log = WatchedLog(clock)
    shared = stores(clock, redis.url)._replace(log=log)
    async with owners(shared) as (app, publishers), edge(shared) as at:
        made = Distributed(app, [at], shared, publishers)
        await made.whole()
        await at.desk("ola")
        # No promises: an open conversation would be escalated all the time that is let pass.
        assert (await at.call("PUT", HOME, {**DESK, "sla": []})).status_code == 200
        open_ = ""
        for number in range(6):
            talk = await work(made, number, open_, number != left_open)
            open_ = talk if number == left_open else open_
            clock.advance(40 * DAY_MS)
            await everything(made)
        before = await everything(made)
        link = RedisLink(redis.url, clock, 10.0)
        until_ms = await views_base.covered_ms(RemoteViews(link, 1).part(0), clock.now_ms())
        await link.close()
        base = await views_base.forward(log, shared.snapshots, 0, until_ms)
        assert base is not None
        places = {topic: base.places[topic][0] for topic in OWNED_TOPICS}
        assert all([0 < places[topic] < await log.end(topic, 0) for topic in OWNED_TOPICS])
        assert await views_base.forward(log, shared.snapshots, 0, until_ms) is None  # nothing to move over

        log.starts.clear()
        await redis.flush()
        assert await everything(made) == before
        # The record before is looked at, to see that the base is one of this log.
        assert log.starts == {topic: offset - 1 for topic, offset in places.items()}

        kept = await shared.snapshots.load(views_base.TOPIC, 0)
        assert kept is not None
        await shared.snapshots.save(
            replace(kept, state_version=0, offset=kept.offset + 1)
        )  # of another release
        log.starts.clear()
        await redis.flush()
        assert await everything(made) == before
        assert log.starts == dict.fromkeys(OWNED_TOPICS, 0)
