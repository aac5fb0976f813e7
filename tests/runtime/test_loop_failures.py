"""What the loop does with errors: it restores when an append fails, and stops at a bug."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

import pytest

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import is_claim
from services.kernel.errors import Busy, Corrupt, Fenced, Invalid
from services.runtime.clock import ManualClock
from services.runtime.event_log import LogReset
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Committed, Loop
from services.runtime.snapshots import MemorySnapshots
from tests.runtime import toy
from tests.runtime.test_loop import OWN, batches, running, say, until


class BrokenLog(MemoryLog):
    """A log whose appends to the own topic raise these errors, one after the other, and then work."""

    def __init__(self, *errors: BaseException) -> None:
        super().__init__(ManualClock())
        self.errors = list(errors)

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """As EventLog says, at last."""
        if topic == OWN[0] and self.errors and not is_claim(Batch.FromString(values[0])):
            raise self.errors.pop(0)
        return await super().append(topic, partition, values)


@pytest.mark.parametrize(
    "error",
    [
        OSError("no space left"),
        TimeoutError(),
        Busy("later"),
        LogReset("lost"),
        Fenced("whose?"),
        ValueError("of a driver"),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_append_that_fails_by_whatever_error_leads_to_a_restore(error: BaseException) -> None:
    """Nobody knows what has landed: the state is thrown away, the partition claimed, the input decided."""
    log = BrokenLog(error)
    async with running(log) as (loop, committed):
        await say(log, "n:7")
        await asyncio.wait_for(until(lambda: len(committed) == 1), 5)
        assert loop.state.data.total == 7
        assert (loop.tally.claims, loop.tally.fenced) == (2, 1)
    assert len(await batches(log)) == 1


async def test_a_claim_that_fails_by_whatever_error_is_made_again() -> None:
    """A log that is away at the start is waited for."""

    class Away(MemoryLog):
        errors: ClassVar = [OSError("unreachable"), ValueError("of a driver")]

        async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
            if topic == OWN[0] and self.errors:
                raise self.errors.pop()
            return await super().append(topic, partition, values)

    async with running(Away(ManualClock())) as (loop, _):
        await asyncio.wait_for(loop.ready.wait(), 5)
    assert loop.tally.fenced == 2


@pytest.mark.parametrize("error", [Corrupt("damaged"), Invalid("no such topic")])
async def test_an_append_that_can_never_go_well_stops_the_service(error: Exception) -> None:
    """What is damaged or wrong is not tried for ever."""
    log = BrokenLog(error)
    await say(log, "n:7")
    with pytest.raises(type(error)):
        await asyncio.wait_for(Loop(toy, log, ManualClock(), MemorySnapshots()).run(), 5)


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError("of its own"), Fenced("not ours")])
async def test_a_listener_that_fails_stops_the_service(error: Exception) -> None:
    """Whatever a listener raises is a bug, and no reason to decide again."""
    log = MemoryLog(ManualClock())
    loop = Loop(toy, log, ManualClock(), MemorySnapshots())

    def listener(committed: Committed) -> None:
        raise error

    loop.listen(listener)
    await say(log, "n:7")
    with pytest.raises(RuntimeError, match="a listener failed") as stopped:
        await asyncio.wait_for(loop.run(), 5)
    assert stopped.value.__cause__ is error


async def test_a_position_that_is_gone_stops_the_service() -> None:
    """Inputs that were deleted before they were read cannot be decided any more."""
    log = MemoryLog(ManualClock())
    await say(log, "n:1", "n:2")
    await log.delete_before("inbound", 0, 1)
    with pytest.raises(Invalid, match="position 0 is gone"):
        await asyncio.wait_for(Loop(toy, log, ManualClock(), MemorySnapshots()).run(), 5)


async def test_an_event_that_cannot_be_folded_stops_the_service() -> None:
    """A failing evolve is a bug that must be seen, not skipped."""
    log = MemoryLog(ManualClock())
    loop = Loop(toy, log, ManualClock(), MemorySnapshots())
    await say(log, "break:x")
    with pytest.raises(Corrupt, match="cannot evolve"):
        await loop.run()
