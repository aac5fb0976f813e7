"""How fast an installation is back: from its log, from snapshots, and a whole process from nothing.

Two logs are made by driving the real engines in virtual time and kept in real SQLite files: one of so
many own events of whole conversations, one with so many conversations that are still open. A fresh
process takes each over, exactly as a start does. Then a real server is started on an empty directory
and stopped with streams open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.client import Connection
from bench.embedded import DESK, set_up
from bench.server import Server
from bench.shop import Shop
from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS
from services.runtime.clock import ManualClock, SystemClock
from services.runtime.log_sqlite import SqliteLog
from services.runtime.snapshots import Snapshot, SqliteSnapshots
from services.runtime.sqlite_file import SqliteFile
from tools.arguments import folder, none_or, whole
from tools.stored import FILE

BOUNDS = {
    "log_s_a_million_events": 15.0,
    "snapshot_s_at_100000_open": 2.0,
    "bytes_an_open_conversation": 6_144,
    "ready_s": 3.0,
    "stop_s": 1.0,
}
"""What is asked of a machine with two cores."""
STREAMS = 40
STEP_MS = 60_000
SMALL_STEP_MS = 5_000
"""Of the open conversations: deadlines at many different moments weigh more."""
OPENED_AT_ONCE = 1_000
OPENED_WITHIN_MS = 10 * MINUTE_MS
CALM_MS = HOUR_MS
"""What is under way comes to its end before the snapshots are made: open is not busy."""
HOLDERS = 400
HELD_EACH = 100
"""Agents of the log with open conversations, and how many each holds; the others wait."""


class Written:
    """A data directory that is being written by driving the engines: all topics, real batches."""

    def __init__(self, data: Path, seed: int, agents: int, hold: bool = False) -> None:
        data.mkdir()
        self.database = data / FILE
        self._kept: defaultdict[str, list[bytes]] = defaultdict(list)
        self._clock = ManualClock(SystemClock().now_ms() - 2 * DAY_MS)
        self._file = SqliteFile(self.database, self._clock)
        self._log = SqliteLog(self._file, self._clock)
        capacity = HELD_EACH * 30 if hold else 100
        self.shop = Shop(self._clock, seed, agents, hold, capacity, self._keep)
        self.bytes = 0

    def _keep(self, topic: str, value: bytes) -> None:
        self._kept[topic].append(value)

    async def grow(self, conversations: int, within_ms: int, step_ms: int = STEP_MS) -> None:
        """So many more conversations, evenly within so much virtual time; all of it durable on return."""
        self.shop.run(self._clock.now_ms() + within_ms, conversations, step_ms)
        kept, self._kept = self._kept, defaultdict(list)
        for topic, values in kept.items():
            self.bytes += sum(map(len, values))
            await self._log.append(topic, 0, values)

    async def snapshots(self) -> dict[str, int]:
        """Keep a snapshot of each engine at the end of its log; their bytes."""
        store, sizes = SqliteSnapshots(self._file), {}
        for part in self.shop.exchange.parts:
            engine = part.engine
            data = engine.dump(part.state)
            sizes[engine.TOPIC] = len(data)
            await store.save(
                Snapshot(
                    engine.TOPIC,
                    0,
                    engine.STATE_VERSION,
                    part.offset,
                    1,
                    part.seq,
                    self._clock.now_ms(),
                    part.written(),
                    data,
                )
            )
        return sizes

    async def close(self) -> None:
        """Let go of the file."""
        await self._log.close()


async def from_log(directory: Path, events: int, seed: int) -> dict[str, Any]:
    """A log of so many own events of whole conversations, and its restore from zero."""
    began_s = time.perf_counter()
    written = Written(directory / "whole", seed, agents=60)
    group = max(100, events // 400)
    while written.shop.exchange.events < events:
        await written.grow(group, group * 2_000)
    await written.close()
    made_s = time.perf_counter() - began_s
    found = await _in_fresh_process("take_over", written.database)
    return {
        **found,
        "s_a_million_events": round(found["seconds"] * 1e6 / found["events"], 2),
        "log_mb": round(written.bytes / 1e6, 1),
        "conversations": written.shop.conversations,
        "making_it_s": round(made_s, 1),
    }


async def from_snapshot(directory: Path, conversations: int, seed: int) -> dict[str, Any]:
    """A log with so many open conversations, its restore from snapshots, and what they weigh."""
    began_s = time.perf_counter()
    written = Written(directory / "open", seed, HOLDERS, hold=True)
    while written.shop.open < conversations:
        group = min(OPENED_AT_ONCE, conversations - written.shop.open)
        await written.grow(group, OPENED_WITHIN_MS, SMALL_STEP_MS)
    await written.grow(0, CALM_MS)
    sizes = await written.snapshots()
    await written.close()
    made_s = time.perf_counter() - began_s
    found = await _in_fresh_process("take_over", written.database)
    weight = await _in_fresh_process("weigh", written.database)
    opened = written.shop.open
    states = weight["memory_bytes"] - weight["horizon_bytes"]
    return {
        "open": opened,
        "own_events_folded_into_them": written.shop.exchange.events,
        "restore": found,
        "weight": weight,
        "snapshot_bytes_an_open_conversation": round(sum(sizes.values()) / opened),
        "bytes_an_open_conversation": round(states / opened),
        "making_it_s": round(made_s, 1),
    }


async def _in_fresh_process(what: str, database: Path) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.restored", what, str(database), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"the restoring process ended with {child.returncode}")
    found: dict[str, Any] = json.loads(output)
    return found


async def start_and_stop(directory: Path) -> dict[str, float]:
    """A real process on an empty directory: until it is ready, and its stop with streams open."""
    (directory / "before").mkdir()
    before = Server(directory / "before")
    first_s = await before.start()
    before.stop()
    data = directory / "empty"
    data.mkdir()
    server = Server(data)
    ready_s = await server.start()
    keys = await set_up(server, STREAMS)
    opened = asyncio.Semaphore(0)

    async def listen(connection: Connection, agent: str) -> None:
        async for _ in connection.events(f"/v1/desks/{DESK}/agents/{agent}/stream"):
            opened.release()

    agents = [agent for agent in keys if agent != "shop"]
    tasks = [asyncio.create_task(listen(server.connect(keys[agent]), agent)) for agent in agents]
    for _ in agents:
        await opened.acquire()
    began_s = time.perf_counter()
    await asyncio.to_thread(server.stop)
    stop_s = time.perf_counter() - began_s
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "ready_without_bytecode_s": round(first_s, 3),
        "ready_s": round(ready_s, 3),
        "streams_open": len(agents),
        "stop_s": round(stop_s, 3),
    }


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """The three parts, one after the other."""
    result: dict[str, Any] = {"bench": "restore"}
    measured: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        directory = Path(name)
        result["process"] = process = await start_and_stop(directory)
        measured |= {"ready_s": process["ready_s"], "stop_s": process["stop_s"]}
        if arguments.events:
            result["log"] = log = await from_log(directory, arguments.events, arguments.seed)
            measured["log_s_a_million_events"] = log["s_a_million_events"]
        if arguments.open:
            result["snapshot"] = kept = await from_snapshot(directory, arguments.open, arguments.seed)
            measured["snapshot_s_at_100000_open"] = round(
                kept["restore"]["seconds"] * 100_000 / kept["open"], 3
            )
            measured["bytes_an_open_conversation"] = kept["bytes_an_open_conversation"]
    result["measured"] = measured
    result["bounds"] = BOUNDS
    result["within"] = {name: value <= BOUNDS[name] for name, value in measured.items()}
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.add_argument(
        "--events", type=none_or(10_000), default=1_000_000, help="own events of the log; 0: not made"
    )
    parser.add_argument(
        "--open", type=none_or(1_000), default=100_000, help="open conversations; 0: not made"
    )
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument("--directory", type=folder, help="where the data lies")
