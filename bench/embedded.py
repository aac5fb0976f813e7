"""The embedded mode under load: latency at a steady rate, and how much it takes at all.

Agents accept, reply and resolve over the public API while customers write; the disk is used as it
is, and once more with a stated delay on every fsync. What is printed is compared with the fsync of
the same run, since machines differ.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.client import Connection
from bench.server import Server
from services.kernel.ids import derive_id
from tools.arguments import folder, number, whole

DESK = "bench"
WHOLE_WITHIN_S = 5.0
TEXT = "Dzień dobry, gdzie jest moja paczka? Zamówienie miało przyjść wczoraj. Pozdrawiam, Ola"
AGENT_LOOKS = re.compile(rb'centrala_loop_busy_seconds_total\{topic="(\w+)"\} ([\d.e+-]+)')


@dataclass
class Load:
    """One load on one server: what was sent, what came back, when."""

    server: Server
    hold: bool = False
    sent_s: dict[str, float] = field(default_factory=dict)
    acks_s: list[float] = field(default_factory=list)
    offers_s: list[float] = field(default_factory=list)
    done: int = 0
    last_done_s: float = 0.0
    over: dict[str, asyncio.Event] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    last_record: str = ""
    numbers: Any = field(default_factory=itertools.count)

    def now(self) -> float:
        """Seconds of the event loop's clock."""
        return time.perf_counter()

    async def say(self, connection: Connection, sender: str, thread: str) -> str:
        """Send one message; its id. Notes how long the acknowledgement took."""
        body = {
            "channel": "chat",
            "account": "www",
            "external_id": f"{id(self)}-{next(self.numbers)}",
            "from": {"address": sender, "name": "Ola Nowak"},
            "text": TEXT,
            "thread": thread,
        }
        began = self.now()
        answer = await connection.request("POST", f"/v1/desks/{DESK}/messages", body)
        if answer.status != 202:
            self.errors.append(f"message: {answer.status} {answer.body[:200]!r}")
            return ""
        self.acks_s.append(self.now() - began)
        told = answer.json()
        self.sent_s[derive_id("c", told["message_id"])] = began
        self.last_record = told["record_id"]
        message_id: str = told["message_id"]
        return message_id

    async def work(self, agent: str, key: str) -> None:
        """An agent: take every offer, answer, resolve (or hold what was taken)."""
        async with self.server.connect(key) as stream, self.server.connect(key) as desk:
            path = f"/v1/desks/{DESK}/agents/{agent}/stream"
            async for name, told in stream.events(path):
                offers = told["offers"] if name == "snapshot" else [told] if name == "offer" else []
                for offer in offers:
                    await self._take(desk, agent, offer)

    async def _take(self, desk: Connection, agent: str, offer: dict[str, Any]) -> None:
        conversation = offer["conversation_id"]
        began = self.sent_s.get(conversation)
        if began is not None:
            self.offers_s.append(self.now() - began)
        base, number = f"/v1/desks/{DESK}", next(self.numbers)
        steps: list[tuple[str, dict[str, Any], int]] = [
            (f"{base}/offers/{offer['offer_id']}/accept", {"agent": agent}, 200)
        ]
        if not self.hold:
            talk = f"{base}/conversations/{conversation}"
            steps.append((f"{talk}/replies", {"agent": agent, "text": "Paczka jest w drodze."}, 202))
            steps.append((f"{talk}/resolve", {"agent": agent, "reason": "answered"}, 202))
        for step, (path, body, good) in enumerate(steps):
            answer = await desk.request("POST", path, body, key=f"{id(self)}-{number}-{step}")
            if answer.status != good:
                self.errors.append(f"{path.rsplit('/', 1)[1]}: {answer.status} {answer.body[:200]!r}")
                return
        self.done, self.last_done_s = self.done + 1, self.now()
        self.ended(conversation).set()

    def ended(self, conversation: str) -> asyncio.Event:
        """Set when an agent is done with the conversation."""
        return self.over.setdefault(conversation, asyncio.Event())

    async def drained_s(self, connection: Connection) -> float:
        """How long until the views cover what was sent last."""
        began = self.now()
        path = f"/v1/desks/{DESK}/conversations?limit=1&after={self.last_record}"
        for _ in range(20):
            if (await connection.request("GET", path)).status == 200:
                return self.now() - began
        return float("inf")


async def set_up(server: Server, agents: int) -> dict[str, str]:
    """Configure the desk and its agents; the agents' keys."""
    desk = {
        "name": "Bench",
        "locale": "pl",
        "channels": [{"channel": "chat", "account": "www", "units": 30}],
        "skills": ["dostawa"],
        "queues": [{"name": "ogolna", "requires": {"dostawa": 1}}],
        "sla": [{"name": "normal", "first_response": "1h", "next_response": "1h", "resolution": "8h"}],
    }
    keys: dict[str, str] = {}
    async with server.connect() as admin:
        await _must(admin, "PUT", f"/v1/desks/{DESK}", desk)
        for number in range(agents):
            agent = f"agent{number}"
            body = {"name": agent, "kind": "human", "skills": {"dostawa": 3}, "capacity": 100}
            await _must(admin, "PUT", f"/v1/desks/{DESK}/agents/{agent}", body)
            path = f"/v1/desks/{DESK}/agents/{agent}/presence"
            await _must(admin, "PUT", path, {"state": "online", "ttl_s": 3600})
            key = {"scope": "agent", "name": agent, "agent": agent}
            keys[agent] = (await _must(admin, "POST", f"/v1/desks/{DESK}/keys", key))["key"]
        key = {"scope": "integration", "name": "shop"}
        keys["shop"] = (await _must(admin, "POST", f"/v1/desks/{DESK}/keys", key))["key"]
    return keys


async def _must(connection: Connection, method: str, path: str, body: Any) -> Any:
    answer = await connection.request(method, path, body)
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {answer.body.decode()}")
    return answer.json() if answer.body else None


def spread_ms(values_s: list[float]) -> dict[str, float]:
    """p50, p99 and the largest, in milliseconds."""
    if not values_s:
        return {"n": 0}
    ordered = sorted(values_s)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99)]
    return {
        "n": len(ordered),
        "p50": round(at[0] * 1000, 3),
        "p99": round(at[1] * 1000, 3),
        "max": round(ordered[-1] * 1000, 3),
    }


async def steady(load: Load, key: str, rate: float, seconds: float) -> None:
    """Open loop: messages of new customers at a fixed rate, whether or not answers are late."""
    connections: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(32):
        connections.put_nowait(load.server.connect(key))

    async def one(number: int) -> None:
        connection = await connections.get()
        await load.say(connection, f"s{id(load)}-{number}@example.com", f"steady{id(load)}-{number}")
        connections.put_nowait(connection)

    began = load.now()
    async with asyncio.TaskGroup() as under_way:  # ends with the first that loses its connection
        for nth in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + nth / rate - load.now()))
            under_way.create_task(one(nth))


async def closed(
    load: Load, key: str, clients: int, seconds: float, threads: int, whole: bool = False
) -> None:
    """Closed loop: each client sends the next message when the last is acknowledged.

    threads: 0 for a new conversation each time, else how many open ones each client writes to.
    whole: each client waits until its conversation is answered and resolved.
    """

    async def client(number: int) -> None:
        async with load.server.connect(key) as connection:
            until = load.now() + seconds
            for turn in itertools.count():
                if load.now() >= until:
                    return
                part = turn % threads if threads else turn
                name = f"{'open' if threads else 'new'}{number}-{part}-{id(load)}"
                message_id = await load.say(connection, f"{name}@example.com", name)
                if whole and message_id:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(load.ended(derive_id("c", message_id)).wait(), WHOLE_WITHIN_S)

    await asyncio.gather(*(client(number) for number in range(clients)))


async def run_phase(
    server: Server, keys: dict[str, str], hold: bool, drive: Callable[[Load], Coroutine[Any, Any, None]]
) -> dict[str, Any]:
    """One phase with its agents: figures of it."""
    load = Load(server, hold=hold)
    agents = [asyncio.create_task(load.work(a, k)) for a, k in keys.items() if a != "shop"]
    await asyncio.sleep(0.5)
    busy, cpu, began = await _busy(server), server.cpu_s(), load.now()
    own_cpu = time.process_time()
    await drive(load)
    elapsed = load.now() - began
    async with server.connect() as admin:
        drained = await load.drained_s(admin)
    if not hold:
        await _settled(load)
    finished = max(elapsed, load.last_done_s - began)
    cpu, own_cpu = server.cpu_s() - cpu, time.process_time() - own_cpu
    after = await _busy(server)
    for agent in agents:
        agent.cancel()
    outcomes = await asyncio.gather(*agents, return_exceptions=True)
    load.errors += [repr(o) for o in outcomes if isinstance(o, Exception)]
    sent = len(load.acks_s)
    return {
        "messages": sent,
        "messages_per_s": round(sent / elapsed, 1),
        "ack_ms": spread_ms(load.acks_s),
        "offer_ms": spread_ms(load.offers_s),
        "whole_conversations": load.done,
        "whole_per_s": round(load.done / finished, 1) if not hold else None,
        "drained_s": round(drained, 3),
        "cpu_ms_a_message": round(cpu * 1000 / max(1, sent), 3),
        "cpu_ms_a_message_of_the_load": round(own_cpu * 1000 / max(1, sent), 3),
        "cpu_ms_a_message_by_loop": {
            topic: round((after.get(topic, 0.0) - busy.get(topic, 0.0)) * 1000 / max(1, sent), 4)
            for topic in after
        },
        "errors": load.errors[:5],
        "error_count": len(load.errors),
    }


async def _settled(load: Load) -> None:
    done = -1
    while done != load.done:
        done = load.done
        await asyncio.sleep(0.5)


async def _busy(server: Server) -> dict[str, float]:
    async with server.connect() as connection:
        text = (await connection.request("GET", "/metrics")).body
    return {m[0].decode(): float(m[1]) for m in AGENT_LOOKS.findall(text)}


def fsync_ms(directory: Path, delay_ms: float, size: int = 4096, times: int = 200) -> float:
    """Median of appending `size` bytes and an fsync on this disk, with the stated delay, ms."""
    path = directory / "fsync.probe"
    took: list[float] = []
    with path.open("wb") as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(b"x" * size)
            file.flush()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(took) * 1000 + delay_ms


async def measure(arguments: argparse.Namespace, directory: Path, delay_ms: float) -> dict[str, Any]:
    """All phases on a fresh server with `delay_ms` on each fsync."""
    data = directory / f"data{delay_ms}"
    data.mkdir()
    result: dict[str, Any] = {"fsync_ms": round(fsync_ms(directory, delay_ms), 3)}
    server = Server(data, delay_ms)
    result["ready_s"] = round(await server.start(), 3)
    try:
        keys = await set_up(server, arguments.agents)
        seconds, clients, shop = arguments.seconds, arguments.clients, keys["shop"]
        warm_s = arguments.warm_up_s
        if warm_s:
            # Code that runs for the first time and caches that begin empty are a start's, not a day's.
            await run_phase(server, keys, False, lambda load: steady(load, shop, arguments.rate, warm_s))
        result["warmed_up_s"] = warm_s
        result["steady"] = await run_phase(
            server, keys, False, lambda load: steady(load, shop, arguments.rate, seconds)
        )
        if not delay_ms and not arguments.steady_only:
            result["whole"] = await run_phase(
                server, keys, False, lambda load: closed(load, shop, clients, seconds, 0, whole=True)
            )
            result["open"] = await run_phase(
                server, keys, True, lambda load: closed(load, shop, clients, seconds, 4)
            )
            result["new"] = await run_phase(
                server, keys, True, lambda load: closed(load, shop, clients, seconds, 0)
            )
        result["memory_mb"] = round(server.memory_bytes() / 1e6, 1)
    finally:
        began = time.perf_counter()
        if server.alive():
            server.stop()
        result["stop_s"] = round(time.perf_counter() - began, 3)
    fsync, ack, offer = result["fsync_ms"], result["steady"]["ack_ms"], result["steady"]["offer_ms"]
    result["bounds_ms"] = {
        "ack_p50": round(1.5 * fsync + 2, 2),
        "ack_p99": round(4 * (1.5 * fsync + 2), 2),
        "offer_p50": round(3 * fsync + 3, 2),
        "offer_p99": round(4 * (3 * fsync + 3), 2),
    }
    result["within"] = {
        "ack_p50": ack.get("p50", 9e9) <= result["bounds_ms"]["ack_p50"],
        "ack_p99": ack.get("p99", 9e9) <= result["bounds_ms"]["ack_p99"],
        "offer_p50": offer.get("p50", 9e9) <= result["bounds_ms"]["offer_p50"],
        "offer_p99": offer.get("p99", 9e9) <= result["bounds_ms"]["offer_p99"],
    }
    return result


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """As the disk is, then with the added delay."""
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        directory = Path(name)
        result: dict[str, Any] = {"bench": "embedded", "rate": arguments.rate, "agents": arguments.agents}
        result["as_it_is"] = await measure(arguments, directory, 0.0)
        if arguments.added_ms:
            added = await measure(arguments, directory, arguments.added_ms)
            result[f"fsync_plus_{arguments.added_ms}_ms"] = added
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.add_argument("--rate", type=number(1), default=100.0, help="messages/s of the steady phase")
    parser.add_argument("--seconds", type=number(1), default=10.0, help="length of each phase")
    parser.add_argument(
        "--warm-up-s",
        type=number(0),
        default=5.0,
        help="the steady load before it is measured; 0: from the start",
    )
    parser.add_argument("--agents", type=whole(1), default=40)
    parser.add_argument("--clients", type=whole(1), default=16)
    parser.add_argument(
        "--added-ms", type=number(0), default=2.5, help="delay on each fsync, second run; 0: none"
    )
    parser.add_argument("--steady-only", action="store_true", help="leave throughput out")
    parser.add_argument("--directory", type=folder, help="where the data lies (the disk to measure)")
