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
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import Clock, SystemClock
from services.runtime.event_log import EventLog
from services.runtime.far import process
from services.runtime.keys import MemoryKeys
from services.runtime.log_memory import MemoryLog
from services.runtime.main import App
from services.runtime.publish import Publishers
from services.runtime.sealing import Sealing
from services.runtime.settings import Settings
from services.runtime.snapshots import MemorySnapshots
from services.sla import shell as sla
from tests.edges.installation import ADMIN, Installation, doors

PATIENT_MS = 10_000
"""Bound of calls to Redis where a test is not about it being away: machines may be busy."""


class Shared(NamedTuple):
    """What all processes of an installation share."""

    clock: Clock
    log: EventLog
    keys: MemoryKeys
    blobs: MemoryBlobs
    snapshots: MemorySnapshots
    url: str
    within_ms: int

    @property
    def sealing(self) -> Sealing:
        """Each process opens keys by itself."""
        return Sealing(bytes(32), self.keys, self.clock)


class Distributed(NamedTuple):
    """The owners' process and the edges."""

    owners: App
    edges: Sequence[Installation]
    shared: Shared
    publishers: Publishers
    """Of the owners' views: `detach` leaves the views behind, `attach` lets them go on."""

    async def whole(self) -> None:
        """Wait until the views are whole."""
        async with asyncio.timeout(20):
            while (await self.edges[0].call("GET", "/v1/desks/rowery/notices")).status_code == 503:
                await asyncio.sleep(0.02)


def stores(clock: Clock, url: str, within_ms: int = PATIENT_MS) -> Shared:
    """Empty ones in memory, and a Redis."""
    return Shared(
        clock, MemoryLog(clock, yields=True), MemoryKeys(), MemoryBlobs(), MemorySnapshots(), url, within_ms
    )


def made(shared: Shared) -> tuple[App, Publishers]:
    """A process of the distributed mode, without any part."""
    settings = Settings(redis=shared.url, redis_within_ms=shared.within_ms, admin_key=ADMIN, smtp_port=0)
    return process(settings, shared.clock, shared, 1)


@asynccontextmanager
async def owners(shared: Shared) -> AsyncIterator[tuple[App, Publishers]]:
    """All four engines, and what publishes their views."""
    app, publishers = made(shared)
    for bind in (ingest.bind, router.bind, sla.bind, notify.bind):
        bind(app)
    publishers.attach(app)
    app.add_task("publishers", publishers.run)
    await app.start()
    try:
        yield app, publishers
    finally:
        await app.stop()


@asynccontextmanager
async def edge(shared: Shared) -> AsyncIterator[Installation]:
    """One edge, and a client of it."""
    app, _ = made(shared)
    doors(app)
    transport = httpx.ASGITransport(app.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://centrala") as client:
        await app.start()
        try:
            yield Installation(app, client)
        finally:
            await app.stop()


@asynccontextmanager
async def distributed(url: str, edges: int = 2, within_ms: int = PATIENT_MS) -> AsyncIterator[Distributed]:
    """Owners and edges, over a log in memory and a Redis."""
    shared = stores(SystemClock(), url, within_ms)
    async with AsyncExitStack() as stack:
        app, publishers = await stack.enter_async_context(owners(shared))
        running_edges = [await stack.enter_async_context(edge(shared)) for _ in range(edges)]
        running = Distributed(app, running_edges, shared, publishers)
        await running.whole()
        yield running
