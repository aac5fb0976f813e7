"""The live state is held against its log, at one place, between two batches."""

from __future__ import annotations

import asyncio

import pytest

from proto.v1.inbound_pb2 import Inbound
from services.kernel.errors import Invalid
from services.runtime import state_check
from services.runtime.clock import ManualClock
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Loop
from services.runtime.snapshots import MemorySnapshots
from services.runtime.state_check import (
    BYTES_MAX,
    DIFFERENT,
    EVENT_BYTES,
    SAME,
    UNSEEN,
    Said,
    Witness,
    Witnesses,
)
from tests.runtime import toy


async def said(log: MemoryLog, *words: str) -> None:
    """Records for the toy."""
    for word in words:
        await log.append("inbound", 0, [Inbound(record_id=word).SerializeToString()])


class Place:
    """The toy's loop over a log in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock, yields=True)
        self.snapshots = MemorySnapshots()
        self.loop = Loop(toy, self.log, self.clock, self.snapshots)
        self.running = asyncio.ensure_future(self.loop.run())

    async def decided(self, *words: str) -> None:
        """Say so much, and wait until the loop has it on its log."""
        await self.loop.ready.wait()
        await said(self.log, *words)
        end = await self.log.end("inbound", 0)
        while self.loop.covered("inbound") < end:
            await asyncio.sleep(0)

    async def compared(self, witness: Witness | None) -> str:
        """What a snapshot says of the witness."""
        return (await state_check.snapshot(toy, self.log, self.snapshots, 0, witness)).verdict

    async def stop(self) -> None:
        """End the loop."""
        self.running.cancel()
        await asyncio.wait([self.running])


async def test_a_witness_is_compared_at_its_own_place() -> None:
    """What follows after the witness was taken does not matter, nor whether the fold begins at a snapshot."""
    place = Place()
    await place.decided("n:1", "n:2")
    witness = await Witnesses().take(place.loop)
    await place.decided("n:3", "due:1000:x")
    assert await place.compared(witness) == SAME
    later = await Witnesses().take(place.loop)
    assert await place.compared(later) == SAME
    await place.decided("n:4")
    assert await place.compared(witness) == UNSEEN  # the snapshot lies behind it by now
    assert await place.compared(None) == UNSEEN
    await place.stop()


async def test_a_state_that_was_changed_beside_the_log_is_different() -> None:
    """One number that no event tells of is enough."""
    place = Place()
    await place.decided("n:1")
    place.loop.state.data.total += 1
    assert await place.compared(await Witnesses().take(place.loop)) == DIFFERENT
    await place.stop()


async def test_a_witness_of_a_busy_loop_is_taken_between_two_batches() -> None:
    """While batches are under way the state is ahead of what is acknowledged: the witness waits for it."""
    place = Place()
    await place.decided("n:1")
    witnesses = Witnesses()
    for number in range(20):
        await said(place.log, f"n:{number}")
        for _ in range(number):  # so that it is asked for at every step of a batch's way
            await asyncio.sleep(0)
        assert await place.compared(await witnesses.take(place.loop)) == SAME
    await place.stop()


def test_what_is_no_witness_is_refused() -> None:
    """The command line says what it wants."""
    assert state_check.parsed("") is None
    assert state_check.parsed("7:ab") == Witness(7, "ab")
    for wrong in ("seven", "7", "²:ab", "9" * 5_000 + ":ab"):
        with pytest.raises(Invalid, match="OFFSET:SHA256"):
            state_check.parsed(wrong)


def test_what_a_snapshots_process_says_is_known_or_refused() -> None:
    """What it says becomes a metric's label: nothing but the known outcomes may."""
    for outcome in state_check.OUTCOMES:
        assert state_check.heard(f"{Said(outcome, 7)}\n") == (outcome, 7)
    for wrong in ("", "same", "alike 7", "a warning of a library\nsame 7", "same ²"):
        with pytest.raises(Invalid, match="OUTCOME BYTES"):
            state_check.heard(wrong)


async def test_a_state_that_is_too_large_is_not_dumped_in_the_loop() -> None:
    """Whether a dump takes too long is known before it is made: by the last snapshot, or by what was loaded
    at the start and the events since."""
    place = Place()
    await place.decided("n:1")
    witnesses = Witnesses()
    for size_bytes, is_taken in ((BYTES_MAX, True), (BYTES_MAX + 1, False)):
        place.loop.tally.restored_bytes = size_bytes - EVENT_BYTES * place.loop.tally.events
        assert (await witnesses.take(place.loop) is not None) is is_taken
    witnesses.made(place.loop, BYTES_MAX)
    assert await witnesses.take(place.loop) is not None
    witnesses.made(place.loop, BYTES_MAX + 1)
    assert await witnesses.take(place.loop) is None
    await place.stop()
