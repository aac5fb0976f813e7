"""The start of a process's parts, given up half way."""

from __future__ import annotations

import asyncio

from services.runtime.auth import Auth
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import ManualClock
from services.runtime.keys import MemoryKeys
from services.runtime.log_memory import MemoryLog
from services.runtime.main import App
from services.runtime.sealing import Sealing
from services.runtime.settings import Settings
from services.runtime.snapshots import MemorySnapshots
from services.runtime.views import MemoryStore, Views
from tests.runtime import toy

TURNS = 20


async def test_a_start_that_is_given_up_leaves_nothing_behind() -> None:
    """A seat whose partition goes to another process while it starts waits for it no longer: what waited
    would stay until the process ends, and be called an error then."""
    clock, keys, views = ManualClock(), MemoryKeys(), Views(MemoryStore())
    stores = MemoryLog(clock), keys, Sealing(bytes(32), keys, clock), MemoryBlobs(), MemorySnapshots()
    app = App(Settings(), clock, *stores, views, Auth(views, b""))

    async def never() -> None:
        await asyncio.Event().wait()

    app.add_loop(toy).permit = never
    before = asyncio.all_tasks()
    starting = asyncio.create_task(app.start())
    for _ in range(TURNS):
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait([starting])
    await app.stop()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
