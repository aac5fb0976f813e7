"""gRPC against HTTP on one server: messages a second by SubmitStream, by single calls, and by HTTP.

All ways send the same messages with the same number of them under way, in turns over several rounds, so that
what the machine does besides hits all alike; read the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.client import Connection
from bench.embedded import DESK, TEXT, set_up, spread_ms
from bench.server import Server
from clients.python.centrala_client import Centrala, message
from clients.python.centrala_client.v1.rpc_intake_pb2 import Message
from tools.arguments import folder, number, whole

WAYS = ("http", "single", "stream")
Way = Callable[[], Awaitable["Round"]]


class Round:
    """One round of one way: how many in how long, how long each took, what the server used."""

    def __init__(self) -> None:
        self.acks_s: list[float] = []
        self.elapsed_s = 0.0
        self.cpu_s = 0.0

    def per_s(self) -> float:
        """Messages a second."""
        return len(self.acks_s) / self.elapsed_s

    def cpu_ms(self) -> float:
        """CPU time of the server, for all that follows from a message too, milliseconds a message."""
        return self.cpu_s * 1000 / max(1, len(self.acks_s))


class Senders:
    """The same load by each way; every message is a new customer's."""

    def __init__(self, server: Server, key: str, centrala: Centrala, clients: int, seconds: float) -> None:
        self._server = server
        self._key = key
        self._centrala = centrala
        self._clients = clients
        self._seconds = seconds
        self._numbers = itertools.count()

    def _message(self) -> Message:
        number = next(self._numbers)
        made = message(
            channel="chat", account="www", external_id=f"r{number}", sender=f"r{number}", text=TEXT
        )
        made.desk = DESK
        return made

    async def http(self) -> Round:
        """POST /messages over as many connections as clients."""
        round_ = Round()
        path = f"/v1/desks/{DESK}/messages"

        async def client(until_s: float) -> None:
            async with self._server.connect(self._key) as connection:
                while time.perf_counter() < until_s:
                    number = next(self._numbers)
                    body = {"channel": "chat", "account": "www", "external_id": f"r{number}", "text": TEXT}
                    await self._timed(
                        round_, _posted(connection, path, body | {"from": {"address": f"r{number}"}})
                    )

        return await self._run(round_, [client] * self._clients)

    async def single(self) -> Round:
        """Intake.Submit, as many at once as clients, over one connection."""
        round_ = Round()

        async def client(until_s: float) -> None:
            while time.perf_counter() < until_s:
                await self._timed(round_, self._centrala.submit(self._message()))

        return await self._run(round_, [client] * self._clients)

    async def stream(self) -> Round:
        """Intake.SubmitStream, one stream, as many unanswered messages as clients."""
        round_ = Round()

        async def client(until_s: float) -> None:
            sent_s: list[float] = []
            room = asyncio.Semaphore(self._clients)

            async def messages() -> AsyncIterator[Message]:
                while time.perf_counter() < until_s:
                    await room.acquire()
                    sent_s.append(time.perf_counter())
                    yield self._message()

            number = 0
            async for accepted in self._centrala.submit_stream(messages()):
                if accepted.HasField("refused"):
                    raise RuntimeError(f"refused: {accepted.refused}")
                round_.acks_s.append(time.perf_counter() - sent_s[number])
                number += 1
                room.release()

        return await self._run(round_, [client])

    async def _timed(self, round_: Round, work: Awaitable[Any]) -> None:
        began_s = time.perf_counter()
        await work
        round_.acks_s.append(time.perf_counter() - began_s)

    async def _run(self, round_: Round, clients: list[Callable[[float], Awaitable[None]]]) -> Round:
        began_s, cpu_s = time.perf_counter(), self._server.cpu_s()
        await asyncio.gather(*(client(began_s + self._seconds) for client in clients))
        round_.elapsed_s = time.perf_counter() - began_s
        await self._drained()
        round_.cpu_s = self._server.cpu_s() - cpu_s
        return round_

    async def _drained(self) -> None:
        """Until the views show all, so that no way leaves its work to the next."""
        path = f"/v1/desks/{DESK}/conversations?limit=1&after=r{'a' * 32}"
        async with self._server.connect() as admin:
            while (await admin.request("GET", path)).status != 200:
                continue


async def _posted(connection: Connection, path: str, body: dict[str, Any]) -> None:
    answer = await connection.request("POST", path, body)
    if answer.status != 202:
        raise RuntimeError(f"{answer.status}: {answer.body[:200]!r}")


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Rounds of each way in turns, after a first one that is not counted."""
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        data = Path(name) / "data"
        data.mkdir()
        server = Server(data)
        await server.start()
        try:
            keys = await set_up(server, 0)
            target = f"127.0.0.1:{server.grpc_port}"
            async with Centrala(target, keys["shop"], DESK) as centrala:
                senders = Senders(server, keys["shop"], centrala, arguments.clients, arguments.seconds)
                rounds: dict[str, list[Round]] = {way: [] for way in WAYS}
                for number in range(arguments.rounds + 1):
                    for way in WAYS:
                        made = await getattr(senders, way)()
                        if number:
                            rounds[way].append(made)
        finally:
            if server.alive():
                server.stop()
    result: dict[str, Any] = {"bench": "rpc", "clients": arguments.clients, "rounds": arguments.rounds}
    for way, made in rounds.items():
        result[way] = {
            "messages_per_s": round(statistics.median(one.per_s() for one in made), 1),
            "ack_ms": spread_ms([took for one in made for took in one.acks_s]),
            "cpu_ms_a_message": round(statistics.median(one.cpu_ms() for one in made), 3),
        }
    base = result["http"]["messages_per_s"]
    result["of_http"] = {way: round(result[way]["messages_per_s"] / base, 3) for way in WAYS[1:]}
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.add_argument("--seconds", type=number(0.1), default=3.0, help="length of each round of each way")
    parser.add_argument("--rounds", type=whole(1), default=3)
    parser.add_argument("--clients", type=whole(1), default=16, help="messages under way at once")
    parser.add_argument("--directory", type=folder, help="where the data lies")
