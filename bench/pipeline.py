"""The distributed system under load: from a message's acknowledgement to the offer on the agent's stream.

Everything is a real process on this machine: brokers, Redis, one process of each engine, an edge, and the
load generator too. New customers write at a steady rate, whether or not answers are late; agents have room
for all of it and let the offers ring, so that one message is one offer. The clock starts with the 202,
which says that a majority of the brokers has the message.

A first phase at 100 messages/s is held against bounds and weighed: CPU time by process, bytes by topic.
Then the rate is raised until p99 goes over its bound. A last phase has whole conversations: accepted,
answered, resolved.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.brokers import WITH_BOTH_COMPILERS
from bench.client import Connection
from bench.embedded import TEXT, spread_ms
from bench.fleet import Fleet, running
from bench.program import ADMIN_KEY, Program
from bench.weights import memory_mb, weigh
from services.kernel.ids import derive_id
from tools.arguments import folder, number, whole

STEADY_RATE = 100
STEADY_MS = {"p50": 8.0, "p99": 60.0}
SEARCH_P99_MS = 250.0
LEAST_RATE = 300
"""The bounds: at the steady rate, what the search allows, and what it must find at least."""
STEPS = (150, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900, 1_000)
TRIES = 2
"""A rate counts as too high when it is missed so often: other programs disturb, too."""
WARM_UP_S = 150.0
"""So long the brokers' JVMs compile what they run: until then a message costs them twice the time."""
CONNECTIONS = 32
ARRIVES_WITHIN_S = 10.0
"""What comes later than this counts as never."""
WHOLE_RATE = 20
CONFIGURED_WITHIN_S = 30.0
IDLE_S = 5.0


class Load:
    """Messages of new customers to one desk or several, and agents who hear of their offers."""

    def __init__(self, edges: list[Program], desks: list[str]) -> None:
        self.edges = edges
        self.desks = desks
        self.acks_s: list[float] = []
        self.errors: list[str] = []
        self.whole = False
        """Whether agents accept, answer and resolve."""
        self.done = 0
        self._numbers = itertools.count()
        self._accepted_s: dict[str, float] = {}
        self._offered_s: dict[str, float] = {}
        self._connections: asyncio.Queue[Connection] = asyncio.Queue()
        for n in range(CONNECTIONS):
            self._connections.put_nowait(edges[n % len(edges)].connect(ADMIN_KEY))

    def close(self) -> None:
        """Let go of the customers' connections."""
        while not self._connections.empty():
            self._connections.get_nowait().close()

    async def work(self, desk: str, agent: str, edge: Program) -> None:
        """An agent: hear of every offer; take it where whole conversations are wanted."""
        now_s = time.perf_counter
        async with edge.connect() as stream, edge.connect() as hands:
            async for name, told in stream.events(f"/v1/desks/{desk}/agents/{agent}/stream"):
                offers = told["offers"] if name == "snapshot" else [told] if name == "offer" else []
                for offer in offers:
                    self._offered_s.setdefault(offer["conversation_id"], now_s())
                    if self.whole:
                        await self._serve(hands, desk, agent, offer)

    async def _serve(self, hands: Connection, desk: str, agent: str, offer: dict[str, Any]) -> None:
        base, said = f"/v1/desks/{desk}", {"agent": agent}
        talk = f"{base}/conversations/{offer['conversation_id']}"
        for path, body, good in (
            (f"{base}/offers/{offer['offer_id']}/accept", said, 200),
            (f"{talk}/replies", {**said, "text": "Paczka jest w drodze."}, 202),
            (f"{talk}/resolve", {**said, "reason": "answered"}, 202),
        ):
            answer = await hands.request("POST", path, body, key=f"work{next(self._numbers)}")
            if answer.status != good:
                self.errors.append(f"{path.rsplit('/', 1)[1]}: {answer.status} {answer.body[:200]!r}")
                return
        self.done += 1

    async def send(self, rate: float, seconds: float) -> dict[str, Any]:
        """New conversations at this rate; what became of them."""
        now_s = time.perf_counter
        self.acks_s, self._accepted_s, self._offered_s = [], {}, {}
        began_s = now_s()
        async with asyncio.TaskGroup() as group:
            for number in range(round(rate * seconds)):
                await asyncio.sleep(max(0.0, began_s + number / rate - now_s()))
                group.create_task(self._one(next(self._numbers)))
        took_s, until_s = now_s() - began_s, now_s() + ARRIVES_WITHIN_S
        while self._accepted_s.keys() - self._offered_s.keys() and now_s() < until_s:
            await asyncio.sleep(0.01)
        waited = [
            self._offered_s.get(conversation, until_s) - at_s
            for conversation, at_s in self._accepted_s.items()
        ]
        return {
            "rate": rate,
            "messages": len(waited),
            "messages_per_s": round(len(waited) / took_s, 1),
            "never_offered": len(self._accepted_s.keys() - self._offered_s.keys()),
            "offer_ms": spread_ms(waited),
            "ack_ms": spread_ms(self.acks_s),
        }

    async def _one(self, number: int) -> None:
        now_s = time.perf_counter
        desk = self.desks[number % len(self.desks)]
        body = {
            "channel": "chat",
            "account": "www",
            "external_id": f"m{number}",
            "from": {"address": f"s{number}@example.com", "name": "Ola Nowak"},
            "text": TEXT,
            "thread": f"t{number}",
        }
        connection = await self._connections.get()
        began_s = now_s()
        answer = await connection.request("POST", f"/v1/desks/{desk}/messages", body)
        at_s = now_s()
        self._connections.put_nowait(connection)
        if answer.status == 202:
            self._accepted_s[derive_id("c", answer.json()["message_id"])] = at_s
            self.acks_s.append(at_s - began_s)
        else:
            self.errors.append(f"message: {answer.status} {answer.body[:200]!r}")


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """One installation after the other, each with its number of brokers."""
    results = [await measure(arguments, brokers) for brokers in arguments.brokers]
    bounds = {"offer_ms": STEADY_MS, "search_p99_ms": SEARCH_P99_MS, "highest_rate": LEAST_RATE}
    return {"bench": "pipeline", "bounds": bounds, "results": results, "ok": all(r["ok"] for r in results)}


async def measure(arguments: argparse.Namespace, brokers: int) -> dict[str, Any]:
    """All phases over so many brokers."""
    with tempfile.TemporaryDirectory(dir=arguments.directory) as folder:
        fleet = Fleet(
            Path(folder),
            brokers,
            arguments.partitions,
            replicas=arguments.replicas,
            edges=arguments.edges,
            jvm=WITH_BOTH_COMPILERS,
        )
        async with running(fleet):
            desks = [f"bench{n}" for n in range(arguments.desks)]
            for desk in desks:
                await _configure(fleet.edges[0], desk, arguments.agents)
            return {"brokers": brokers, **await _phases(fleet, desks, arguments)}


async def _phases(fleet: Fleet, desks: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    load = Load(fleet.edges, desks)
    async with asyncio.TaskGroup() as group:
        agents = [
            group.create_task(load.work(desk, f"agent{n}", fleet.edges[n % len(fleet.edges)]))
            for desk in desks
            for n in range(arguments.agents)
        ]
        rate = min(STEADY_RATE, arguments.rate)
        await load.send(rate, arguments.warm_up)
        before = await weigh(fleet)
        await asyncio.sleep(IDLE_S)
        idle = (await weigh(fleet)).idle(before)
        steady = await _weighed(fleet, load, rate, arguments.seconds)
        memory = memory_mb(fleet)
        search = await _search(load, arguments)
        load.whole = True
        whole = await _weighed(fleet, load, min(WHOLE_RATE, arguments.rate), arguments.seconds)
        for agent in agents:
            agent.cancel()
    load.close()
    highest = max((s["rate"] for s in [steady, *search] if _within(s)), default=0)
    ok = all(steady["offer_ms"][at] <= most for at, most in STEADY_MS.items())
    return {
        "warm_up_s": arguments.warm_up,  # brokers compile meanwhile: nothing of it is measured
        "idle_cpu_ms_a_s": idle,
        "steady": steady,
        "memory_mb": memory,
        "highest_rate": highest,
        "search": search,
        "whole": {**whole, "done": load.done},
        "errors": load.errors[:5],
        "error_count": len(load.errors),
        "ok": ok and highest >= min(LEAST_RATE, arguments.rate) and not load.errors,
    }


async def _weighed(fleet: Fleet, load: Load, rate: float, seconds: float) -> dict[str, Any]:
    before = await weigh(fleet)
    sent = await load.send(rate, seconds)
    return sent | (await weigh(fleet)).since(before, max(1, sent["messages"]))


async def _search(load: Load, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Higher and higher rates until one is missed, up to the given one."""
    found: list[dict[str, Any]] = []
    for rate in (step for step in STEPS if step <= arguments.rate):
        for _ in range(TRIES):
            found.append(await load.send(rate, arguments.step_seconds))
            if _within(found[-1]):
                break
        else:
            break
    return found


def _within(sent: dict[str, Any]) -> bool:
    """Whether a rate was held: nothing missing, p99 within its bound."""
    return bool(sent["messages"]) and sent["offer_ms"]["p99"] <= SEARCH_P99_MS


async def _configure(edge: Program, desk: str, agents: int) -> None:
    """A desk whose agents have room for everything, and let offers ring for an hour."""
    base = f"/v1/desks/{desk}"
    policy = {
        "name": "Bench",
        "locale": "pl",
        "channels": [{"channel": "chat", "account": "www", "units": 1}],
        "skills": ["dostawa"],
        "queues": [{"name": "ogolna", "requires": {"dostawa": 1}}],
        "routing": {"offer_expires": "1h"},
        "sla": [{"name": "normal", "first_response": "1h", "next_response": "1h", "resolution": "8h"}],
    }
    async with edge.connect() as admin:
        await _must(admin, base, policy)
        for number in range(agents):
            agent = f"{base}/agents/agent{number}"
            await _must(admin, agent, {"kind": "human", "skills": {"dostawa": 3}, "capacity": 10_000})
            await _must(admin, f"{agent}/presence", {"state": "online", "ttl_s": 3600})


async def _must(connection: Connection, path: str, body: Any) -> None:
    """Ask until views are there, as clients do."""
    async with asyncio.timeout(CONFIGURED_WITHIN_S):
        while (answer := await connection.request("PUT", path, body)).status == 503:
            await asyncio.sleep(0.1)
    if answer.status >= 300:
        raise RuntimeError(f"PUT {path}: {answer.status} {answer.body.decode()}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.add_argument("--brokers", type=int, nargs="+", choices=(1, 3), default=[3], help="`3 1`: both")
    parser.add_argument("--rate", type=whole(1), default=1_000, help="highest messages/s that are tried")
    parser.add_argument(
        "--seconds", type=number(1), default=10.0, help="length of the phases that are weighed"
    )
    parser.add_argument(
        "--step-seconds", type=number(1), default=5.0, help="length of each step of the search"
    )
    parser.add_argument("--warm-up", type=number(0), default=WARM_UP_S, help="seconds before the first phase")
    parser.add_argument(
        "--desks", type=whole(1), default=1, help="each lies in a partition by its name's hash"
    )
    parser.add_argument("--agents", type=whole(1), default=20, help="of each desk, each with a stream")
    parser.add_argument("--partitions", type=whole(1), default=4)
    parser.add_argument("--replicas", type=whole(1), default=1, help="processes of each engine")
    parser.add_argument("--edges", type=whole(1), default=1)
    parser.add_argument("--directory", type=folder, help="where the brokers' data lies")
