"""The loop under lost, late and doubled appends and a rival owner."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.claims import Fence
from services.runtime import restore
from services.runtime.clock import ManualClock
from services.runtime.event_log import TopicPartition
from services.runtime.log_memory import Fault, Faults, MemoryLog
from services.runtime.loop import Loop
from services.runtime.snapshots import MemorySnapshots
from tests.runtime import toy
from tests.runtime.test_loop import OWN, batches, say

FAULTS = st.lists(st.sampled_from([None, Fault.LOST, Fault.LATE, Fault.DOUBLED]), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 10_000), FAULTS)
def test_under_faults_every_input_counts_once(numbers: list[int], seed: int, faults: list[Fault]) -> None:
    """Lost, late and doubled appends, and two owners who fight: each input is in the log exactly once."""

    async def story() -> None:
        clock = ManualClock()
        log = MemoryLog(clock, seed=seed, yields=True)
        await _with_two_owners(log, clock, numbers, faults)
        total, fence = 0, Fence()
        for batch in await batches(log):
            for value in batch.events:
                kind, _, rest = toy.EVENT.FromString(value).unchanged.what.partition(":")
                total += int(rest) if kind == "n" else 0
        assert total == sum(numbers), fence
        fold = await restore.take_over(toy, log, MemorySnapshots(), clock, 0)
        assert fold.state.data.total == sum(numbers)

    asyncio.run(story())


async def _with_two_owners(
    log: MemoryLog, clock: ManualClock, numbers: list[int], faults: list[Fault]
) -> None:
    loops = [Loop(toy, log, clock, MemorySnapshots()) for _ in range(2)]
    heard: list[tuple[int, int]] = []
    for loop in loops:
        loop.listen(lambda c: heard.append((c.offset, c.seq)))
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    try:
        for number in numbers:
            await say(log, f"n:{number}")
            log.faults.ordered = [f for f in faults if f]
            log.faults.topics = ("conversations",)
            await asyncio.sleep(0)
        log.faults = Faults()
        log.land_late()

        async def covered() -> bool:
            fold = restore.fresh(toy)
            reader = log.reader({TopicPartition(*OWN): 0})
            await restore.fold_to(toy, reader, fold, await log.end(*OWN))
            await reader.close()
            return bool(fold.state.data.total >= sum(numbers))

        await asyncio.wait_for(_until_async(covered), 20)
        seqs = [seq for _, seq in heard]
        assert len(seqs) == len(set(seqs)), "a seq was acknowledged twice"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_async(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():
        await asyncio.sleep(0.002)
