"""A router that finds more inputs than one batch takes, driven by the loop that drives it in earnest."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from proto.v1 import desk_pb2 as pb
from proto.v1.conversations_pb2 import AgentConfigured, ConversationsEvent, DeskConfigured, PresenceSet
from proto.v1.envelope_pb2 import Batch
from proto.v1.inbound_pb2 import PresencePut
from services.kernel.limits import INPUTS_IN_BATCH_MAX
from services.router import engine
from services.runtime.clock import ManualClock
from services.runtime.inputs import kinds
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Committed, Loop
from services.runtime.snapshots import MemorySnapshots
from tests.router.scenes import DAY, desk, event, message, queue

AGENTS = 40
COUNT = 2 * INPUTS_IN_BATCH_MAX


async def batches(capacity: int, preset: str) -> list[Counter[str]]:
    """What the router's batches hold that decide on so many who wrote while it was away."""
    clock = ManualClock()
    log, now_ms = MemoryLog(clock, yields=True), clock.now_ms()
    config = desk(queue("ogolna", priority=4), preset=preset, units=30)
    inputs: list[ConversationsEvent] = [event(desk=DeskConfigured(desk=config, version=1))]
    for i in range(AGENTS):
        agent = pb.Agent(
            agent_id=f"a{i:02}", kind=pb.AGENT_KIND_HUMAN, languages={"pl": 5}, capacity=capacity
        )
        put = PresencePut(agent_id=agent.agent_id, state=pb.PRESENCE_STATE_ONLINE, ttl_ms=DAY)
        inputs.append(event(agent=AgentConfigured(agent=agent)))
        inputs.append(event(presence=PresenceSet(presence=put, received_at_ms=now_ms)))
    inputs += [message(f"c{i:05}", at_ms=now_ms, opens=True) for i in range(COUNT)]
    await log.append("conversations", 0, [Batch(epoch=1, now_ms=now_ms).SerializeToString()])
    for seq, each in enumerate(inputs):
        batch = Batch(
            epoch=1,
            seq=seq,
            now_ms=now_ms,
            events=[each.SerializeToString()],
            kinds=kinds("conversations", [each.WhichOneof("body")]),
        )
        await log.append("conversations", 0, [batch.SerializeToString()])
    loop = Loop(engine, log, clock, MemorySnapshots())
    found: list[Counter[str]] = []
    all_there = asyncio.Event()

    def see(committed: Committed) -> None:
        clock.advance(1)
        found.append(Counter(str(each.WhichOneof("body")) for each in committed.events))
        if sum(each["queued"] for each in found) >= COUNT:
            all_there.set()

    loop.listen(see)
    task = asyncio.create_task(loop.run())
    try:
        await asyncio.wait_for(all_there.wait(), 60)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return found


async def test_a_backlog_is_offered_while_there_is_room() -> None:
    """Where agents have room for all of a backlog, whoever is read in the first batch is offered in it."""
    first, *_ = await batches(capacity=30 * COUNT, preset="longest_idle")
    assert first["queued"] > INPUTS_IN_BATCH_MAX // 2
    assert first["offered"] == first["queued"]


@pytest.mark.parametrize("preset", ["longest_idle", "priority", "default"])
async def test_scarce_agents_are_not_idle_until_a_backlog_is_read(preset: str) -> None:
    """Where agents have room for little of it, all of them are busy long before the last input is read."""
    first, second, *_ = await batches(capacity=90, preset=preset)
    assert first["offered"] + second["offered"] == AGENTS * 3
