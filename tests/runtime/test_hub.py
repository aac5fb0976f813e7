"""Who waits for the outcomes of a record gets each of them, and leaves nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from services.runtime.hub import Hub

NEVER_S = 60.0


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
