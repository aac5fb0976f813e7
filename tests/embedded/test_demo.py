"""The demo goes on after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.embedded.demo import DESK_ID, Demo
from services.router.state import Status
from tests.system.world import World, start_embedded

PACE = 0.05
WITHIN_S = 40.0


@asynccontextmanager
async def acting(world: World) -> AsyncIterator[None]:
    """The demo's people, twenty times as fast as they are, for the time of the context."""
    key = world.app.auth.admit_guest(DESK_ID, "admin")
    demo = Demo(world.embedded.url, world.embedded.grpc, key, world.clock, pace=PACE)
    task = asyncio.create_task(demo.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def owned(world: World) -> set[str]:
    """Conversations that an agent has in hand, as the router has it."""
    talks = world.app.loops["routing"].state.data.conversations
    return {known for known, talk in talks.items() if talk.status == Status.OWNED}


async def test_agents_finish_what_they_had_before_a_restart(tmp_path: Path) -> None:
    """What agents of the demo had in hand at a stop is resolved by them after the next start."""
    async with start_embedded(tmp_path) as world:
        async with acting(world):
            await world.shown(lambda: owned(world), lambda found: len(found) >= 3, WITHIN_S)
        left = await owned(world)
    assert left
    async with start_embedded(tmp_path) as world, acting(world):
        await world.shown(lambda: owned(world), lambda found: not left & found, WITHIN_S)
