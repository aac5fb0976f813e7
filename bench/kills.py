"""kill -9 at random moments under load, restart each time, then look whether any promise was broken.

Customers write at a steady rate, orders come and parcels are late, agents accept, reply and resolve,
replies go out by a signed webhook to a receiver here. The first kills hit the first start, in an empty
directory; others hit a restart, most a running process, and some lives are long enough for snapshots.
After the last restart everything is left to settle, the process is stopped, and `bench.audit` and
`tools.check_log` read the log offline.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.audit import audit
from bench.client import Answer, Connection
from bench.server import Server

DESK = "kills"
AGENTS = 20
SENDERS = 24
CUSTOMERS = 20_000
RETRY_S = 0.25
LATE_S = 0.1
"""How far behind the clock the customers may be and still catch up."""
WAITING_S = 1.0
"""So many seconds' worth of messages wait for a server that is down."""
FIRST_START_KILLS = 3
KILL_IN_START_EVERY = 6
"""Each so many kills hit a process that is still starting."""
LONG_LIFE_EVERY = 10
LONG_LIFE_S = (5.0, 10.0)
"""The snapshotter looks every 5 s: a kill in here hits a snapshot that is being made or stored."""
START_S = 2.0
"""Within this a kill hits the start."""
PARCEL_EVERY = 40
"""Each so many messages an order and its late parcel come along."""
BROKEN = (OSError, ValueError, asyncio.IncompleteReadError)


class World:
    """Customers, agents and the shop's webhook receiver, who live through the server's deaths."""

    def __init__(self, server: Server, rate: float) -> None:
        self.server = server
        self.rate = rate
        self.acked: set[str] = set()
        self.deliveries: Counter[str] = Counter()
        self.without_key = 0
        self.keys: dict[str, str] = {}
        self.handled = 0
        self.closed = False
        self.gone_home = False
        self.unexpected: Counter[str] = Counter()
        self._numbers = itertools.count()

    async def receive_webhook(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Count each delivery by its key."""
        with contextlib.suppress(*BROKEN):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                names = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                await reader.readexactly(int(names.get("content-length", "0")))
                if names.get("webhook-id") and names.get("webhook-signature"):
                    self.deliveries[names["webhook-id"]] += 1
                else:
                    self.without_key += 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        writer.close()

    async def set_up(self, webhook_port: int) -> None:
        """The desk, its agents and their keys."""
        desk = {
            "name": "Kills",
            "channels": [{"channel": "allegro", "account": "shop", "units": 30}],
            "skills": ["all"],
            "queues": [{"name": "one", "requires": {"all": 1}}],
            "routing": {"offer_expires": "2s"},
            "sla": [{"name": "tight", "first_response": "1s", "resolution": "4s", "warn_at": 0.5}],
            "notices": {"channels": ["allegro"], "delay": {"on": True, "tell_after": "1h"}},
            "webhooks": [{"url": f"http://127.0.0.1:{webhook_port}/", "events": ["message.out", "notice"]}],
        }
        async with self.server.connect() as admin:
            await _must(admin, "PUT", f"/v1/desks/{DESK}", desk)
            for number in range(AGENTS):
                agent = f"a{number}"
                path = f"/v1/desks/{DESK}/agents/{agent}"
                await _must(admin, "PUT", path, {"name": agent, "kind": "human", "skills": {"all": 3}})
                body = {"scope": "agent", "name": agent, "agent": agent}
                self.keys[agent] = (await _must(admin, "POST", f"/v1/desks/{DESK}/keys", body))["key"]

    # Customers and the shop

    async def customers(self) -> None:
        """Messages at the stated rate; what is not acknowledged is sent again with the same id.

        While the server is down so many wait, and no more: a longer queue would only be a test of
        throughput."""
        pending: asyncio.Queue[int] = asyncio.Queue(int(self.rate * WAITING_S))
        senders = [asyncio.create_task(self._sender(pending)) for _ in range(SENDERS)]
        clock = asyncio.get_running_loop().time
        due_s = clock()
        for number in itertools.count():
            if self.closed:
                break
            await asyncio.sleep(max(0.0, due_s - clock()))
            await pending.put(number)
            due_s = max(due_s + 1 / self.rate, clock() - LATE_S)
        await pending.join()
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)

    async def _sender(self, pending: asyncio.Queue[int]) -> None:
        connection = self.server.connect()
        while True:
            number = await pending.get()
            for what, body in _sent_with(number):
                answer = await self._ask(connection, f"/v1/desks/{DESK}/{what}", body)
                if answer.status == 202:
                    self.acked.add(answer.json()["record_id"])
                else:
                    self.unexpected[f"{what} {answer.status} {answer.body[:100]!r}"] += 1
            pending.task_done()

    async def _ask(self, connection: Connection, path: str, body: Any, key: str = "") -> Answer:
        """POST until there is an answer that means something; always with the same key."""
        while True:
            try:
                answer = await connection.request("POST", path, body, key)
            except BROKEN:
                connection.close()
            else:
                if answer.status not in (429, 503):
                    return answer
            await asyncio.sleep(RETRY_S)

    # Agents

    async def agent(self, agent: str) -> None:
        """Stay connected; accept, answer and resolve whatever is offered."""
        key, base = self.keys[agent], f"/v1/desks/{DESK}"
        while not self.gone_home:
            with contextlib.suppress(*BROKEN):
                async with self.server.connect(key) as stream, self.server.connect(key) as desk:
                    await desk.request("PUT", f"{base}/agents/{agent}/presence", {"state": "online"})
                    async for name, told in stream.events(f"{base}/agents/{agent}/stream"):
                        await self._hear(desk, agent, name, told)
            await asyncio.sleep(RETRY_S)

    async def _hear(self, desk: Connection, agent: str, name: str, told: dict[str, Any]) -> None:
        if name == "snapshot":
            for talk in told["conversations"]:
                await self._answer(desk, agent, talk["id"])
        for offer in told["offers"] if name == "snapshot" else [told] * (name == "offer"):
            path = f"/v1/desks/{DESK}/offers/{offer['offer_id']}/accept"
            answer = await self._ask(desk, path, {"agent": agent}, offer["offer_id"])
            if answer.status == 200:
                await self._answer(desk, agent, offer["conversation_id"])
            elif answer.status != 409:
                self.unexpected[f"accept {answer.status} {answer.body[:100]!r}"] += 1

    async def _answer(self, desk: Connection, agent: str, conversation: str) -> None:
        talk = f"/v1/desks/{DESK}/conversations/{conversation}"
        number = next(self._numbers)
        steps = (
            ("replies", {"agent": agent, "text": "Już sprawdzam."}),
            ("resolve", {"agent": agent, "reason": "ok"}),
        )
        for what, body in steps:
            answer = await self._ask(desk, f"{talk}/{what}", body, f"{what}{number}")
            if answer.status not in (202, 409):
                self.unexpected[f"{what} {answer.status} {answer.body[:100]!r}"] += 1
        self.handled += 1


def _sent_with(number: int) -> list[tuple[str, dict[str, Any]]]:
    """What the outside says under this number: a message, now and then an order and its late parcel."""
    address, order = f"c{number // 3 % CUSTOMERS}", f"o{number}"
    message = {
        "channel": "allegro",
        "account": "shop",
        "external_id": f"m{number}",
        "from": {"address": address, "name": "Jan"},
        "thread": f"t{number // 3}",
        "text": f"Pytanie numer {number}",
    }
    if number % PARCEL_EVERY:
        return [("messages", message)]
    promised = datetime(2030, 1, 1, tzinfo=UTC)
    return [
        ("messages", message),
        (
            "orders",
            {
                "order_id": order,
                "customer": {"addresses": [{"channel": "allegro", "address": address}], "name": "Jan"},
                "promised_at": promised.isoformat(),
            },
        ),
        (
            "shipments",
            {
                "shipment_id": f"p{number}",
                "order_ids": [order],
                "status": "delayed",
                "estimated_at": (promised + timedelta(days=2)).isoformat(),
            },
        ),
    ]


async def _must(connection: Connection, method: str, path: str, body: Any) -> Any:
    answer = await connection.request(method, path, body)
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {answer.body.decode()}")
    return answer.json() if answer.body else None


class Executioner:
    """Kills the server again and again; how, is drawn from the seed."""

    def __init__(self, server: Server, seed: int, alive_s: float) -> None:
        self.starts_s: list[float] = []
        self.ended_alone = 0
        self.in_start = 0
        self.long_lives = 0
        self._server = server
        self._dice = random.Random(seed)
        self._alive_s = alive_s

    async def first_start(self, kills: int) -> None:
        """Kills while the empty directory is being filled, then a whole start."""
        for _ in range(kills):
            await self._kill_start()
        self.starts_s.append(await self._server.start())

    async def run(self, kills: int) -> None:
        """So many kills, each followed by a start; the last one leaves the server running."""
        for number in range(kills):
            is_long = number % LONG_LIFE_EVERY == LONG_LIFE_EVERY // 3
            if number % KILL_IN_START_EVERY == KILL_IN_START_EVERY - 1 and not is_long:
                self._server.kill()
                await self._kill_start()
            else:
                await self._live(is_long)
                self.ended_alone += not self._server.alive()
                self._server.kill()
            self.starts_s.append(await self._server.start())

    async def _kill_start(self) -> None:
        self._server.launch()
        await asyncio.sleep(self._dice.uniform(0.05, START_S))
        self._server.kill()
        self.in_start += 1

    async def _live(self, is_long: bool) -> None:
        self.long_lives += is_long
        await asyncio.sleep(self._dice.uniform(*LONG_LIFE_S if is_long else (0.05, self._alive_s)))


async def run(arguments: argparse.Namespace, data: Path) -> tuple[World, Executioner]:
    """The whole play: kills under load, then everybody goes home and the server is stopped."""
    server = Server(data, settings={"CENTRALA_SNAPSHOT_EVERY_EVENTS": str(arguments.snapshot_every)})
    world = World(server, arguments.rate)
    executioner = Executioner(server, arguments.seed, arguments.alive_s)
    hooks = await asyncio.start_server(world.receive_webhook, "127.0.0.1", 0)
    tasks: list[asyncio.Task[None]] = []
    try:
        first = min(FIRST_START_KILLS, arguments.n)
        await executioner.first_start(first)
        await world.set_up(hooks.sockets[0].getsockname()[1])
        tasks = [asyncio.create_task(world.agent(agent)) for agent in world.keys]
        customers = asyncio.create_task(world.customers())
        tasks.append(customers)
        await executioner.run(arguments.n - first)
        world.closed = True
        await asyncio.wait_for(customers, arguments.settle_s + 60)
        await asyncio.sleep(arguments.settle_s)
        world.gone_home = True
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.stop()
        hooks.close()
    return world, executioner


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Kill and restart `n` times, settle, stop, audit."""
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        data = Path(name) / "data"
        data.mkdir()
        world, executioner = await run(arguments, data)
        found = audit(data, world.acked, world.deliveries)
        command = [sys.executable, "-m", "tools.check_log", "--data", str(data)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        said = (Path(name) / "data.log").read_text(errors="replace")
        if arguments.keep_output:
            Path(arguments.keep_output).write_text(said)
    starts = sorted(executioner.starts_s)
    broken = found.pop("broken")
    if world.without_key:
        broken["deliveries_without_key"] = world.without_key
    if world.unexpected:
        broken["unexpected_answers"] = dict(world.unexpected.most_common(5))
    if executioner.ended_alone:
        broken["ended_by_itself"] = executioner.ended_alone
    if checked.returncode:
        broken["check_log"] = (checked.stdout + checked.stderr).splitlines()[:20]
    return {
        "bench": "kills",
        "kills": arguments.n,
        "kills_in_a_start": executioner.in_start,
        "long_lives": executioner.long_lives,
        "seed": arguments.seed,
        "rate": arguments.rate,
        **found,
        "conversations_answered": world.handled,
        "deliveries": sum(world.deliveries.values()),
        "deliveries_repeated_under_their_key": sum(n - 1 for n in world.deliveries.values()),
        "start_s": {"p50": round(starts[len(starts) // 2], 3), "max": round(starts[-1], 3)},
        "server_said": dict(Counter(filter(None, map(_kind_of, said.splitlines()))).most_common(8)),
        "check_log": "green" if checked.returncode == 0 else "red",
        "broken": broken,
        "ok": not broken,
    }


def _kind_of(line: str) -> str:
    """What a line of the server's log is about: level, logger and the first words; "" for others."""
    parts = line.split()
    return " ".join(parts[2:8]) if len(parts) > 3 and parts[2] in ("ERROR", "WARNING", "CRITICAL") else ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.add_argument("--n", type=int, default=50, help="how many times to kill")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--rate", type=float, default=300.0, help="messages/s")
    parser.add_argument("--alive-s", type=float, default=1.2, help="longest ordinary life")
    parser.add_argument("--settle-s", type=float, default=4.0, help="time for everything to settle")
    parser.add_argument("--snapshot-every", type=int, default=1_000, help="events of an engine")
    parser.add_argument("--directory", default=None, help="where the data lies")
    parser.add_argument("--keep-output", default="", help="file for what the server printed")
