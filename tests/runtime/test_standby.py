"""A standby follows a log that others write, and a loop goes on from what it has folded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from google.protobuf.message import DecodeError

from proto.v1.envelope_pb2 import Batch
from services.kernel.errors import Corrupt, Fenced
from services.runtime.clock import ManualClock
from services.runtime.event_log import LogRecord, TopicPartition
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Loop
from services.runtime.restore import fresh, take_over
from services.runtime.snapshots import MemorySnapshots
from services.runtime.standby import Standby
from tests.runtime import toy
from tests.runtime.test_loop import OWN, batches, running, say, turns

CLOCK = ManualClock()


class BusyLog(MemoryLog):
    """A log to which a former owner appends something right after an answer: that of the end, or of an
    append."""

    after_end: bytes | None = None
    after_append: bytes | None = None

    async def end(self, topic: str, partition: int) -> int:
        """See the port."""
        end = await super().end(topic, partition)
        value, self.after_end = self.after_end, None
        if value is not None:
            await self.append(topic, partition, [value])
        return end

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """See the port."""
        offset = await super().append(topic, partition, values)
        value, self.after_append = self.after_append, None
        if value is not None:
            await super().append(topic, partition, [value])
        return offset


async def owned(log: MemoryLog) -> tuple[int, int]:
    """Epoch and next seq of an owner that has added one and is gone."""
    async with running(log) as (loop, _):
        await say(log, "n:1")
        await until(lambda: loop.state.data.total == 1 and loop.tally.batches == 1)
        return loop.place()[1:]


def nine(epoch: int, seq: int) -> bytes:
    """A batch that adds nine."""
    event = toy._event("n:9", "n:9", 1)
    return Batch(epoch=epoch, seq=seq, now_ms=1, events=[event.SerializeToString()]).SerializeToString()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds; with a deadline."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def never() -> None:
    """No permission to claim, ever."""
    await asyncio.Event().wait()


async def claimed_again(loop: Loop, epoch: int) -> None:
    """Wait until the loop owns its partition under this epoch."""
    await until(lambda: loop.place()[1] == epoch)


def standby(log: MemoryLog) -> Standby:
    """One of the partition that the loops of these tests own."""
    return Standby(toy, log, MemorySnapshots(), CLOCK, 0)


async def test_a_standby_has_the_state_of_the_owner() -> None:
    """What an owner commits is folded by a standby too, before and after it has caught up."""
    log = MemoryLog(CLOCK)
    async with running(log) as (loop, _):
        await say(log, "n:1")
        await until(lambda: loop.state.data.total == 1)
        follower = standby(log)
        await follower.warm.wait()
        await say(log, "n:2", "n:3")
        await until(lambda: loop.state.data.total == 6 and loop.tally.batches >= 2)
        end = await log.end(*OWN)
        await until(lambda: follower._fold is not None and follower._fold.offset == end)
        fold = await follower.hand_over()
        assert fold is not None
        assert toy.dump(fold.state) == toy.dump(loop.state)
        assert fold.fence.next_seq == loop.place()[2]


async def test_a_loop_goes_on_from_a_warm_fold() -> None:
    """A loop that is given a standby's fold claims from there and decides every input once."""
    log = MemoryLog(CLOCK)
    async with running(log) as (loop, _):
        await say(log, "n:1", "n:2")
        await until(lambda: loop.state.data.total == 3)
    follower = standby(log)
    await follower.warm.wait()
    second = Loop(toy, log, CLOCK, MemorySnapshots())
    second.warm = await follower.hand_over()
    task = asyncio.create_task(second.run())
    await second.ready.wait()
    await say(log, "n:4")
    await until(lambda: second.state.data.total == 7)
    task.cancel()
    await asyncio.wait([task])
    assert second.state.data.said == ["n:1", "n:2", "n:4"]
    assert sum(len(batch.events) for batch in await batches(log)) == 3
    assert second.tally.claims == 1


async def test_what_the_former_owner_has_under_way_is_folded_past() -> None:
    """An append of the former owner that lands right behind a planned claim counts for nobody, and the new
    owner's first batch is expected behind it, without a second claim."""
    log = MemoryLog(CLOCK)
    late = nine(*await owned(log))
    follower = standby(log)
    await follower.warm.wait()
    warm = await follower.hand_over()

    tail = log.tail(TopicPartition(*OWN))
    end = tail.end

    async def land() -> None:
        await turns(lambda: tail.end > end)
        await log.append(*OWN, [late])

    landing = asyncio.create_task(land())
    fold = await take_over(toy, log, MemorySnapshots(), CLOCK, 0, warm=warm)
    await landing
    assert fold.state.data.total == 1
    assert fold.offset == await log.end(*OWN)


@pytest.mark.parametrize(("heeds", "appended"), [(True, 0), (False, 1)])
async def test_who_gives_a_partition_away_appends_nothing_behind_a_claim(heeds: bool, appended: int) -> None:
    """An owner that heeds its successor ends with that one's claim, though an input comes right behind it;
    one that does so no more learns of the claim by an append of its own."""
    log = MemoryLog(CLOCK)
    async with running(log) as (loop, _):
        await say(log, "n:1")
        await turns(lambda: loop.tally.batches == 1)
        loop.heed(True)
        loop.heed(heeds)
        loop.permit = never
        claim = Batch(epoch=loop.place()[1] + 1, now_ms=1).SerializeToString()
        behind = await log.append(*OWN, [claim]) + 1
        await turns(lambda: loop.ready.is_set() != heeds)
        await say(log, "n:2")
        await turns(lambda: not loop.ready.is_set())
        assert await log.end(*OWN) == behind + appended
        assert loop.tally.fenced == appended, "what is given away is not lost"


async def test_an_owner_heeds_the_successor_of_each_ownership() -> None:
    """An append before the claim counts, also when it comes after the owner was told; and who was deposed and
    owns again looks for a later claim than its own."""
    log = MemoryLog(CLOCK)
    async with running(log) as (loop, _):
        await say(log, "n:1")
        await turns(lambda: loop.tally.batches == 1)
        loop.heed(True)
        await say(log, "n:2")
        await turns(lambda: loop.tally.batches == 2)
        for epoch in (20, 30):
            await log.append(*OWN, [Batch(epoch=epoch, now_ms=1).SerializeToString()])
            await claimed_again(loop, epoch + 1)
            loop.heed(True)
        await say(log, "n:3")
        await until(lambda: loop.state.data.said == ["n:1", "n:2", "n:3"])
        assert (loop.tally.claims, loop.tally.fenced) == (3, 0)


async def test_what_the_former_owner_appends_during_a_take_over_is_folded() -> None:
    """A batch that lands after the log's end was asked for, and comes with the records before it, is in the
    state: it counts, being before the claim."""
    log = BusyLog(CLOCK)
    place = await owned(log)
    log.after_end = nine(*place)
    fold = await take_over(toy, log, MemorySnapshots(), CLOCK, 0)
    assert fold.state.data.total == 10
    assert fold.fence.next_seq == place[1] + 1


async def test_what_comes_together_with_a_claim_is_folded_past() -> None:
    """A batch that lands right behind the claim, and comes with it, counts for nobody and is passed."""
    log = BusyLog(CLOCK)
    log.after_append = nine(*await owned(log))
    fold = await take_over(toy, log, MemorySnapshots(), CLOCK, 0, warm=fresh(toy))
    assert fold.state.data.total == 1
    assert fold.offset == await log.end(*OWN)


async def test_a_claim_that_comes_together_with_ours_takes_the_partition() -> None:
    """A newer claim right behind ours is seen at once: the take-over gives up."""
    log = BusyLog(CLOCK)
    epoch, _ = await owned(log)
    log.after_append = Batch(epoch=epoch + 2).SerializeToString()
    with pytest.raises(Fenced):
        await take_over(toy, log, MemorySnapshots(), CLOCK, 0)


async def test_a_fold_takes_no_record_but_the_next() -> None:
    """A state never misses a record in silence."""
    fold = fresh(toy)
    with pytest.raises(Corrupt, match="1 follows, not 0"):
        fold.take(toy, LogRecord(*OWN, 1, 0, Batch(epoch=1).SerializeToString()))


async def test_a_standby_says_how_long_the_log_was_silent() -> None:
    """Silence is counted from the last record that was read."""
    clock = ManualClock()
    log = MemoryLog(clock)
    follower = Standby(toy, log, MemorySnapshots(), clock, 0)
    await follower.warm.wait()
    clock.advance(5_000)
    assert follower.silent_s() == pytest.approx(5)
    await log.append(*OWN, [Batch(epoch=1).SerializeToString()])
    await until(lambda: follower.silent_s() == 0)
    await follower.hand_over()


async def test_a_log_that_cannot_be_folded_ends_a_standby() -> None:
    """A standby that meets what this release cannot fold says so like a take-over."""
    log = MemoryLog(CLOCK)
    broken = toy._event("break", "", 1).SerializeToString()
    claim = Batch(epoch=1).SerializeToString()
    await log.append(*OWN, [claim, Batch(epoch=1, seq=0, events=[broken]).SerializeToString()])
    follower = standby(log)
    with pytest.raises(Corrupt):
        await follower.task


async def test_a_look_that_fails_is_not_silent() -> None:
    """What cannot be read while an owner looks out for its successor ends the owner."""
    log = MemoryLog(CLOCK)
    loop = Loop(toy, log, CLOCK, MemorySnapshots())
    owning = asyncio.create_task(loop.run())
    await say(log, "n:1")
    await turns(lambda: loop.tally.batches == 1)
    loop.heed(True)
    await log.append(*OWN, [b"\xff"])
    with pytest.raises(DecodeError):
        await owning
