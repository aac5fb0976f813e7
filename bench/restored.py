"""The other half of `bench.restore`: what a fresh process finds in a data directory.

    python -m bench.restored take_over DATABASE
    python -m bench.restored weigh DATABASE

`take_over` restores all four partitions exactly as a start does (the newest snapshot, the rest of the
log, the claim) and prints what that took. `weigh` loads nothing but the states of the newest snapshots
and prints what they take of memory. One JSON object each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench.exchange import ENGINES
from bench.memory import horizon_bytes, horizons, resident_bytes
from services.runtime import restore
from services.runtime.clock import SystemClock
from services.runtime.log_sqlite import SqliteLog
from services.runtime.snapshots import SqliteSnapshots, stored_snapshots
from services.runtime.sqlite_file import SqliteFile


async def take_over(database: Path) -> dict[str, Any]:
    """Take over all partitions at once; the time over all, and when each was there."""
    clock = SystemClock()
    file = SqliteFile(database, clock)
    log, snapshots = SqliteLog(file, clock), SqliteSnapshots(file)
    before = resident_bytes()
    by_topic = {}

    async def one(engine: Any) -> Any:
        began = time.perf_counter()
        fold = await restore.take_over(engine, log, snapshots, clock, 0)
        by_topic[engine.TOPIC] = {
            "until_s": round(time.perf_counter() - began, 3),
            "events": fold.events,
        }
        return fold.state

    began_s, cpu_s = time.perf_counter(), time.process_time()
    states = await asyncio.gather(*map(one, ENGINES))
    seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    memory = resident_bytes() - before
    del states
    await log.close()
    events = sum(int(one["events"]) for one in by_topic.values())
    return {
        "events": events,
        "seconds": round(seconds, 3),
        "cpu_s": round(cpu_s, 3),
        "events_per_s": round(events / seconds),
        "by_topic": by_topic,
        "memory_mb": round(memory / 1e6, 1),
    }


def weigh(database: Path) -> dict[str, Any]:
    """Load the states and look at what that took; what horizons hold is told apart, packed as it is."""
    states, by_topic = [], {}
    for engine in ENGINES:
        before = resident_bytes()
        snapshot = stored_snapshots(database, engine.TOPIC, 0)[0]
        states.append(engine.load(snapshot.data))
        packed = len(snapshot.data)
        del snapshot
        by_topic[engine.TOPIC] = {
            "memory_bytes": resident_bytes() - before,
            "snapshot_bytes": packed,
            "horizon_bytes": horizon_bytes(states[-1]),
        }
    return {
        "by_topic": by_topic,
        "memory_bytes": sum(one["memory_bytes"] for one in by_topic.values()),
        "snapshot_bytes": sum(one["snapshot_bytes"] for one in by_topic.values()),
        "horizon_bytes": sum(one["horizon_bytes"] for one in by_topic.values()),
        "horizon_entries": sum(len(one) for state in states for one in horizons(state)),
    }


if __name__ == "__main__":
    if sys.argv[1] == "weigh":
        print(json.dumps(weigh(Path(sys.argv[2]))))
    else:
        print(json.dumps(asyncio.run(take_over(Path(sys.argv[2])))))
