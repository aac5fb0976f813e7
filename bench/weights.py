"""What a fleet's processes have used: CPU time, memory, and the bytes that lie in each topic."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from typing import Any, NamedTuple

from bench.fleet import Fleet
from bench.program import cpu_s, memory_bytes

MB = 1e6
LOOPS = re.compile(
    rb'centrala_(append_seconds_sum|append_seconds_count|loop_busy_seconds_total)\{topic="(\w+)"\} (\S+)'
)
USED = re.compile(rb"used_memory:(\d+)")


class Weights(NamedTuple):
    """Everything used until now. CPU in seconds by process, bytes by topic (of one copy), and by topic of
    its engine: seconds of appends, appends, seconds of deciding. What Redis holds in its own memory."""

    cpu_s: dict[str, float]
    own_s: float
    bytes: dict[str, int]
    loops: dict[str, dict[str, float]]
    redis_bytes: int
    at_s: float

    def idle(self, before: Weights) -> dict[str, float]:
        """CPU time that each process took of a second in which nothing came, milliseconds."""
        seconds = self.at_s - before.at_s
        return {
            name: round((used - before.cpu_s.get(name, 0.0)) * 1000 / seconds, 1)
            for name, used in self.cpu_s.items()
        }

    def since(self, before: Weights, messages: int) -> dict[str, Any]:
        """What each of so many messages took."""
        cpu_ms = {
            name: round((used - before.cpu_s.get(name, 0.0)) * 1000 / messages, 3)
            for name, used in self.cpu_s.items()
        }
        ours = sum(used for name, used in cpu_ms.items() if not name.startswith(("kafka", "redis")))
        return {
            "cpu_ms_a_message": {**cpu_ms, "ours": round(ours, 3), "all": round(sum(cpu_ms.values()), 3)},
            "load_generator_cpu_ms_a_message": round((self.own_s - before.own_s) * 1000 / messages, 3),
            "bytes_a_message": {
                topic: round((size - before.bytes.get(topic, 0)) / messages)
                for topic, size in self.bytes.items()
            },
            "redis_bytes_a_message": round((self.redis_bytes - before.redis_bytes) / messages),
            "loops": {
                topic: _loop(loop, before.loops[topic], messages) for topic, loop in self.loops.items()
            },
        }


def _loop(now: dict[str, float], before: dict[str, float], messages: int) -> dict[str, float]:
    appends = now["append_seconds_count"] - before["append_seconds_count"]
    seconds = now["append_seconds_sum"] - before["append_seconds_sum"]
    busy = now["loop_busy_seconds_total"] - before["loop_busy_seconds_total"]
    return {
        "appends_a_message": round(appends / messages, 2),
        "append_ms": round(seconds * 1000 / max(1, appends), 2),
        "busy_ms_a_message": round(busy * 1000 / messages, 3),
    }


async def weigh(fleet: Fleet) -> Weights:
    """Look at every process, and at the first broker's files."""
    loops: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for programs in fleet.engines.values():
        for program in programs:
            async with program.connect() as connection:
                text = (await connection.request("GET", "/metrics")).body
            for name, topic, value in LOOPS.findall(text):
                loops[topic.decode()][name.decode()] += float(value)
    cpu = {name: cpu_s(pid) for name, pid in fleet.pids().items()}
    redis_bytes = int(USED.findall(await fleet.redis.tell("INFO", "memory"))[0])
    return Weights(cpu, time.process_time(), topic_bytes(fleet), loops, redis_bytes, time.perf_counter())


def topic_bytes(fleet: Fleet) -> dict[str, int]:
    """What one copy of each topic takes, of all its partitions, bytes."""
    found: dict[str, int] = defaultdict(int)
    prefix = fleet.access.prefix
    for file in (fleet.cluster.folder / "node-1").glob(f"{prefix}*/*.log"):
        found[file.parent.name.removeprefix(prefix).rsplit("-", 1)[0]] += file.stat().st_size
    return dict(found)


def memory_mb(fleet: Fleet) -> dict[str, float]:
    """Resident memory of every process."""
    return {name: round(memory_bytes(pid) / MB, 1) for name, pid in fleet.pids().items()}
