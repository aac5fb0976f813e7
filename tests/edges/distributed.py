"""The distributed mode in one process: owners of the engines, and edges that share only log and Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import httpx

from services.ingest import shell as ingest
from services.notify import shell as notify
from services.router import shell as router
from services.router.published import Published
from services.runtime.auth import Auth, hash_of
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import Clock, SystemClock
from services.runtime.event_log import EventLog
from services.runtime.follow import Follower
from services.runtime.keys import MemoryKeys
from services.runtime.log_memory import MemoryLog
from services.runtime.main import App
from services.runtime.publish import Publishers
from services.runtime.rates_redis import RedisRates
from services.runtime.redis_link import RedisLink
from services.runtime.sealing import Sealing
from services.runtime.settings import Settings
from services.runtime.snapshots import MemorySnapshots
from services.runtime.views_read import RemoteViews
from services.sla import shell as sla
from tests.edges.installation import ADMIN, Installation, doors


class Shared(NamedTuple):
    """What all processes of an installation share."""

    clock: Clock
    log: EventLog
    keys: MemoryKeys
    blobs: MemoryBlobs
    snapshots: MemorySnapshots
    url: str


class Distributed(NamedTuple):
    """The owners' process and the edges."""

    owners: App
    edges: Sequence[Installation]
    shared: Shared

    async def whole(self) -> None:
        """Wait until the views are whole."""
        async with asyncio.timeout(20):
            while (await self.edges[0].call("GET", "/v1/desks/rowery/notices")).status_code == 503:
                await asyncio.sleep(0.02)


def process(shared: Shared) -> tuple[App, RedisLink]:
    """A process of the distributed mode, without any part."""
    link = RedisLink(shared.url, shared.clock)
    views = RemoteViews(link, 1, shared.clock)
    app = App(
        Settings(),
        shared.clock,
        shared.log,
        shared.keys,
        Sealing(bytes(32), shared.keys, shared.clock),
        shared.blobs,
        shared.snapshots,
        views,
        Auth(views, hash_of(ADMIN)),
    )
    app.following = Follower(views, app.hub, shared.log, shared.clock, shared.snapshots)
    app.rates = RedisRates(link, shared.clock)
    app.on_close(link.close)
    return app, link


@asynccontextmanager
async def owners(shared: Shared) -> AsyncIterator[App]:
    """All four engines, which publish their views."""
    app, link = process(shared)
    for bind in (ingest.bind, router.bind, sla.bind, notify.bind):
        bind(app)
    publishers = Publishers(link, shared.log, shared.clock)
    for loop in app.loops.values():
        publishers.bind(loop, Published() if loop.engine.TOPIC == "routing" else None)
    app.add_task("publishers", publishers.run)
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


@asynccontextmanager
async def edge(shared: Shared) -> AsyncIterator[Installation]:
    """One edge, and a client of it."""
    app, _ = process(shared)
    doors(app)
    transport = httpx.ASGITransport(app.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://centrala") as client:
        await app.start()
        try:
            yield Installation(app, client)
        finally:
            await app.stop()


@asynccontextmanager
async def distributed(url: str, edges: int = 2, clock: Clock | None = None) -> AsyncIterator[Distributed]:
    """Owners and edges, over a log in memory and a Redis."""
    clock = clock or SystemClock()
    stores = MemoryLog(clock, yields=True), MemoryKeys(), MemoryBlobs(), MemorySnapshots()
    shared = Shared(clock, *stores, url)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(owners(shared))
        made = [await stack.enter_async_context(edge(shared)) for _ in range(edges)]
        running = Distributed(app, made, shared)
        await running.whole()
        yield running
