"""The other half of `bench.restore`: a fresh process that takes over all four partitions.

    python -m bench.restored DATABASE

It restores exactly as a start does (the newest snapshot, the rest of the log, the claim) and prints what
that took and what the states weigh, as one JSON object.
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
from services.runtime.snapshots import SqliteSnapshots
from services.runtime.sqlite_file import SqliteFile


async def restored(database: Path) -> dict[str, Any]:
    """Take over each partition in turn; figures by topic and over all."""
    clock = SystemClock()
    file = SqliteFile(database, clock)
    log, snapshots = SqliteLog(file, clock), SqliteSnapshots(file)
    before = resident_bytes()
    states, by_topic = [], {}
    for engine in ENGINES:
        began_s, cpu_s = time.perf_counter(), time.process_time()
        fold = await restore.take_over(engine, log, snapshots, clock, 0)
        took_s = time.perf_counter() - began_s
        used_s = time.process_time() - cpu_s
        states.append(fold.state)
        by_topic[engine.TOPIC] = {
            "seconds": round(took_s, 3),
            "cpu_s": round(used_s, 3),
            "events": fold.events,
        }
    memory = resident_bytes() - before
    packed = sum(map(horizon_bytes, states))
    entries = sum(len(one) for state in states for one in horizons(state))
    await log.close()
    events = sum(one["events"] for one in by_topic.values())
    seconds = sum(one["seconds"] for one in by_topic.values())
    return {
        "events": events,
        "seconds": round(seconds, 3),
        "cpu_s": round(sum(one["cpu_s"] for one in by_topic.values()), 3),
        "events_per_s": round(events / seconds),
        "by_topic": by_topic,
        "memory_bytes": memory,
        "horizon_bytes": packed,
        "horizon_entries": entries,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(restored(Path(sys.argv[1])))))
