"""Who waits for the outcomes of a record gets each of them, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.kernel.errors import Busy
from services.runtime.hub import Hub, Told

NEVER_S = 60.0
FEED = "agent/d/ola"


async def waits(hub: Hub, record_id: str) -> None:
    """Somebody who waits for one outcome."""
    with hub.expect(record_id) as waiter:
        await waiter.outcome(NEVER_S)


async def test_outcomes_of_one_moment_are_all_told() -> None:
    """What is said twice before the waiter's turn comes is heard twice, in order, by each who waits."""
    hub = Hub()
    with hub.expect("r") as one, hub.expect("r") as another:
        hub.settle("r", "unchanged", None, 1)
        hub.settle("r", "admitted", None, 2)
        for waiter in (one, another):
            names = [told.name for _ in range(2) if (told := await waiter.outcome(NEVER_S)) is not None]
            assert names == ["unchanged", "admitted"]
        assert await one.outcome(0.0) is None


@pytest.mark.parametrize("is_settled", [False, True])
async def test_who_is_cancelled_leaves_nothing_behind(is_settled: bool) -> None:
    """A request that is given up, even in the moment of its outcome, leaves no waiter and no hash."""
    hub = Hub()
    waiting = asyncio.ensure_future(waits(hub, "r"))
    await asyncio.sleep(0)
    hub.hashes["r"] = b"hash"
    if is_settled:
        hub.settle("r", "admitted", None, 1)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not hub.waiting
    assert not hub.hashes


async def test_an_outcome_after_the_time_leaves_nothing_behind() -> None:
    """An outcome that comes between the end of the time and the end of the wait leaves no hash."""
    hub = Hub()
    with hub.expect("r") as waiter:
        assert await waiter.outcome(0.0) is None
        hub.hashes["r"] = b"hash"
        hub.settle("r", "admitted", None, 1)
        with hub.expect("r"):
            pass
        assert hub.hashes == {"r": b"hash"}  # somebody waits still
    assert not hub.waiting
    assert not hub.hashes


async def _nothing_much() -> dict[str, Any]:
    return {}


async def _next(tellings: AsyncIterator[list[Told]]) -> Told:
    """The next event; one comes at a time."""
    while not (events := await anext(tellings)):
        pass
    [told] = events
    return told


async def test_no_two_snapshots_are_alike() -> None:
    """Who drops by id what they have seen, over all of their connections, drops no snapshot."""
    hub, seen = Hub(), set()
    for _ in range(2):
        async with hub.subscribe(FEED) as subscription:
            tellings = subscription.tellings(_nothing_much, NEVER_S)
            seen.add((await _next(tellings)).id)
            subscription.renew()
            seen.add((await _next(tellings)).id)
    assert len(seen) == 4


async def test_what_could_not_be_told_is_made_up_for() -> None:
    """A desk's streams are given a snapshot more, once one is to be had; what comes meanwhile is told, and
    streams of other desks go on as they are."""
    hub, away = Hub(), [Busy("the views are away")]

    async def snapshot() -> dict[str, Any]:
        if away:
            raise away.pop()
        return {}

    async with hub.subscribe(FEED) as ours, hub.subscribe("agent/e/ola") as other:
        told, theirs = ours.tellings(snapshot, NEVER_S), other.tellings(_nothing_much, NEVER_S)
        hub.publish(FEED, Told("offer", "1", {}))
        names = [(await _next(told)).event for _ in range(2)]
        await _next(theirs)
        away.append(Busy("again"))
        hub.renew("d")
        hub.publish(FEED, Told("offer", "2", {}))
        hub.publish("agent/e/ola", Told("offer", "3", {}))
        names += [(await _next(told)).event for _ in range(2)]
        assert names == ["offer", "snapshot", "offer", "snapshot"]
        assert (await _next(theirs)).event == "offer"
