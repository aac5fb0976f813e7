"""How fast an engine's loop is on Kafka, held against a bare loop with the same client in the same run.

A day of a shop is made in virtual time; what it wrote is put on a real broker. The bare loop reads one
topic, parses every event, builds one for it and appends them in batches of ten, awaiting each
acknowledgement. Then the router's real loop works through the very same records.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.brokers import Cluster
from bench.shop import Shop
from proto.v1.envelope_pb2 import Batch
from proto.v1.routing_pb2 import RoutingEvent
from services.kernel.engine import Engine
from services.kernel.limits import BATCH_BYTES_MAX, DAY_MS
from services.router import engine as router
from services.runtime.clock import ManualClock, SystemClock
from services.runtime.event_log import TopicPartition
from services.runtime.inputs import EVENT_CLASSES
from services.runtime.kafka_access import KafkaAccess
from services.runtime.log_kafka import KafkaLog
from services.runtime.loop import Loop
from services.runtime.snapshots import MemorySnapshots
from services.runtime.topics import Topics
from tools.arguments import whole

BATCH_EVENTS = 10
STEP_MS = 60_000
MESSAGE_MS = 2_000
"""Virtual time between two conversations."""
AGENTS = 60
APPEND_RECORDS = 500
SETTLED_S = 3.0
"""A loop that commits nothing for so long has done what there was."""
BOUNDS = {"router_events_per_s": 5_000, "least_ratio": 0.5}
"""What is asked of a machine with two cores, one broker on them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--conversations", type=whole(1), default=2_000)
    parser.add_argument("--seed", type=int, default=1)


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Start brokers, fill them, and measure."""
    kept = _day(arguments.conversations, arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), arguments.brokers)
        try:
            await asyncio.to_thread(cluster.start)
            access = KafkaAccess(cluster.address)
            await Topics(access, 1, arguments.brokers).make()
            log = await KafkaLog.open(access)
            try:
                found = await _measure(log, kept)
            finally:
                await log.close()
        finally:
            cluster.close()
    return {"brokers": arguments.brokers, **found, "bounds": BOUNDS}


def _day(conversations: int, seed: int) -> dict[str, list[bytes]]:
    """What every topic holds after so many conversations."""
    kept: dict[str, list[bytes]] = defaultdict(list)
    clock = ManualClock(SystemClock().now_ms() - DAY_MS)
    shop = Shop(clock, seed, AGENTS, False, 100, lambda topic, value: kept[topic].append(value))
    shop.run(clock.now_ms() + conversations * MESSAGE_MS, conversations, STEP_MS)
    return kept


async def _measure(log: KafkaLog, kept: dict[str, list[bytes]]) -> dict[str, Any]:
    for topic in router.INPUTS:
        for values in _groups(kept[topic]):
            await log.append(topic, 0, values)
    bare, routed = await _bare(log, "conversations", "notices"), await _loop(log, router)
    ratio = round(routed["events_per_s"] / bare["events_per_s"], 2)
    ok = ratio >= BOUNDS["least_ratio"] and routed["events_per_s"] >= BOUNDS["router_events_per_s"]
    return {"bare": bare, "router": {**routed, "ratio": ratio}, "ok": ok}


def _groups(values: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The values in appends that a broker takes."""
    group: list[bytes] = []
    size = 0
    for value in values:
        if group and (len(group) == APPEND_RECORDS or size + len(value) > BATCH_BYTES_MAX):
            yield group
            group, size = [], 0
        group.append(value)
        size += len(value)
    yield group


async def _bare(log: KafkaLog, source: str, target: str) -> dict[str, Any]:
    """Consume, parse, build, append: the least that any loop must do."""
    end, parse = await log.end(source, 0), EVENT_CLASSES[source].FromString
    reader = log.reader({TopicPartition(source, 0): 0})
    events = batches = 0
    values: list[bytes] = []
    began_s, cpu_s = time.perf_counter(), time.process_time()
    at = 0
    while at < end:
        for record in (await reader.fetch(1_000)).records:
            at = record.offset + 1
            for raw in Batch.FromString(record.value).events:
                event = parse(raw)
                built = RoutingEvent(
                    desk_id=event.desk_id, occurred_at_ms=event.occurred_at_ms, cause_id=event.cause_id
                )
                values.append(built.SerializeToString())
                if len(values) == BATCH_EVENTS:
                    batch = Batch(epoch=1, seq=batches, now_ms=1, events=values)
                    await log.append(target, 0, [batch.SerializeToString()])
                    events, batches, values = events + len(values), batches + 1, []
    await reader.close()
    return _figures(events, batches, began_s, cpu_s)


async def _loop(log: KafkaLog, engine: Engine) -> dict[str, Any]:
    """The real loop over everything that its inputs hold now."""
    loop = Loop(engine, log, SystemClock(), MemorySnapshots())
    running = asyncio.create_task(loop.run())
    await loop.ready.wait()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    figures, moved_s = _figures(0, 0, began_s, cpu_s), began_s
    # The last records of one topic may wait for others that were never written: nothing more moves then.
    while time.perf_counter() - moved_s < SETTLED_S:
        await asyncio.sleep(0.005)
        if loop.tally.batches > figures["batches"]:
            figures = _figures(loop.tally.events, loop.tally.batches, began_s, cpu_s)
            moved_s = time.perf_counter()
    running.cancel()
    await asyncio.wait([running])
    return {**figures, "skipped": loop.tally.skipped}


def _figures(events: int, batches: int, began_s: float, cpu_s: float) -> dict[str, Any]:
    seconds = time.perf_counter() - began_s
    return {
        "events": events,
        "batches": batches,
        "events_per_s": round(events / seconds),
        "cpu_us_an_event": round((time.process_time() - cpu_s) / max(1, events) * 1e6),
    }
