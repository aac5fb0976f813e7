"""Several desks' worlds beside each other, at work while something is done to the installation."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence

from bench.client import Connection
from bench.fleet import Fleet
from bench.program import ADMIN_KEY
from bench.waits import Waits
from bench.world import Connect, World
from services.kernel.ids import partition_of

ASKED_WITHIN_S = 180.0
"""Afterwards: how long the last messages may take to be acknowledged, and then to be decided."""


def connects(fleet: Fleet) -> Connect:
    """Connections to the edges in turn; one that breaks goes on at the next."""
    ports = [edge.port for edge in fleet.edges]
    turns = itertools.cycle(range(len(ports)))

    def connect(key: str) -> Connection:
        first = next(turns)
        return Connection("127.0.0.1", ports[first], key or ADMIN_KEY, ports[:first] + ports[first + 1 :])

    return connect


def desk_on_each(partitions: int) -> list[str]:
    """A desk's name for each partition."""
    found: dict[int, str] = {}
    for number in itertools.count():
        desk = f"desk{number}"
        found.setdefault(partition_of(desk, partitions), desk)
        if len(found) == partitions:
            return [found[n] for n in range(partitions)]
    raise AssertionError("numbers do not end")


async def at_work(
    worlds: Sequence[World],
    waits: Waits,
    trouble: Callable[[], Awaitable[None]],
    settle_s: float,
    settled: Callable[[], Awaitable[None]],
) -> bool:
    """Everybody at work through the trouble, and until all is quiet; whether all was decided in time.
    settled: called when it is, before agents go home."""
    hooks = [await asyncio.start_server(world.receive_webhook, "127.0.0.1", 0) for world in worlds]
    tasks: list[asyncio.Task[None]] = []
    try:
        for world, hook in zip(worlds, hooks, strict=True):
            await world.set_up(hook.sockets[0].getsockname()[1])
        customers = []
        for world in worlds:
            writing, agents = world.go()
            customers.append(writing)
            tasks += [writing, *agents]
        await trouble()
        for world in worlds:
            world.closed = True
        _, late = await asyncio.wait(customers, timeout=ASKED_WITHIN_S)
        is_decided = not late
        for world in worlds:
            is_decided = await waits.until_decided(world.acked, ASKED_WITHIN_S) and is_decided
        await asyncio.sleep(settle_s)
        await settled()
        for world in worlds:
            world.gone_home = True
        return is_decided
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for hook in hooks:
            hook.close()
