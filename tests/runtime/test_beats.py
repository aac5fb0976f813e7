"""What an edge says of the agents' sessions that live in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from proto.v1.envelope_pb2 import PresenceBeat
from services.kernel.errors import Fenced
from services.runtime.beats import beats
from services.runtime.clock import ManualClock
from services.runtime.hub import Hub
from services.runtime.log_memory import MemoryLog

WITHIN_S = 5
PARTITIONS = {"shop": 0, "garage": 1}


class Stuck(MemoryLog):
    """A log of which partition 1 takes nothing until `goes_on` is set, and refuses it then."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.goes_on = asyncio.Event()
        self.said: asyncio.Queue[tuple[int, list[str]]] = asyncio.Queue()

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """As EventLog says."""
        self.said.put_nowait((partition, list(PresenceBeat.FromString(values[0]).agent_ids)))
        if partition == 1:
            await self.goes_on.wait()
            raise Fenced("no acknowledgement")
        return await super().append(topic, partition, values)


async def test_a_partition_that_takes_nothing_holds_up_no_other() -> None:
    """While a partition has no leader the agents of all others are said as ever, and its own once it has: a
    few partitions without brokers must not make every agent of an edge count as lost."""
    clock, hub = ManualClock(), Hub()
    log = Stuck(clock)
    with hub.session("garage", "gus"), hub.session("shop", "ola"):
        task = asyncio.create_task(beats(hub, log, clock, PARTITIONS.__getitem__))
        async with asyncio.timeout(WITHIN_S):
            assert sorted([await log.said.get(), await log.said.get()]) == [(0, ["ola"]), (1, ["gus"])]
            with hub.session("shop", "kuba"):
                assert await log.said.get() == (0, ["ola", "kuba"])
                log.goes_on.set()
                again = [await log.said.get(), await log.said.get()]
                assert sorted(again) == [(0, ["ola", "kuba"]), (1, ["gus"])]
        task.cancel()
        await asyncio.wait([task])
