"""The job that moves the views' bases: what it is asked for, and what holds it up."""

from __future__ import annotations

import pytest

from bench.program import free_port
from proto.v1.envelope_pb2 import Batch
from services.kernel.errors import Invalid
from services.runtime import views_base
from services.runtime.clock import ManualClock
from services.runtime.engine_process import numbers
from services.runtime.log_memory import MemoryLog
from services.runtime.redis_link import RedisLink
from services.runtime.snapshots import MemorySnapshots
from services.runtime.view_store import DeskViews, MemoryStore
from services.runtime.views import Views
from services.runtime.views_read import RemoteViews


async def test_a_partition_whose_views_are_away_holds_up_no_other() -> None:
    """The job goes on behind a partition that does not answer, and says at the end that one is left."""
    clock = ManualClock(views_base.COVERED_MS + 1_000)
    log, snapshots = MemoryLog(clock), MemorySnapshots()
    link = RedisLink(f"redis://127.0.0.1:{free_port()}", clock, 0.2)
    for partition in (0, 1):
        await log.append("conversations", partition, [Batch(epoch=1, now_ms=1).SerializeToString()])
    shown: dict[int, DeskViews] = {0: RemoteViews(link, 2).part(0), 1: Views(MemoryStore())}
    assert not await views_base.forward_all(log, snapshots, shown, clock.now_ms())
    await link.close()
    assert await snapshots.load(views_base.TOPIC, 0) is None
    assert await snapshots.load(views_base.TOPIC, 1) is not None
    assert await views_base.forward_all(log, snapshots, {1: shown[1]}, clock.now_ms())


@pytest.mark.parametrize("given", ["", "a", "1,", "-1", "2", "²", "9" * 5_000])
def test_what_is_no_partition_is_refused(given: str) -> None:
    """The command line says what it wants."""
    assert numbers("0,1", 2) == [0, 1]
    with pytest.raises(Invalid, match="from 0 to 1"):
        numbers(given, 2)
