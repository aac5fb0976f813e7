"""The distributed mode as an operator runs it: Kafka, Redis, engines and edges, all as processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from bench.brokers import Cluster
from bench.program import ROOT, free_port
from tests.edges.installation import ADMIN, HEADERS

ENGINES = ("ingest", "router", "sla", "notify")
UP_WITHIN_S = 300


class Program(NamedTuple):
    """A process that runs, and where it listens."""

    process: subprocess.Popen[bytes]
    port: int
    grpc_port: int


class Programs:
    """Processes of one installation, each with its output in a file."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = {"PYTHONDONTWRITEBYTECODE": "1", **settings}
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def prefix(self) -> str:
        """What its topics' names begin with."""
        return self._settings["CENTRALA_KAFKA_PREFIX"]

    def run(self, *arguments: str) -> None:
        """Run a module to its end."""
        command = [sys.executable, "-m", *arguments]
        subprocess.run(command, env=os.environ | self._settings, cwd=ROOT, check=True)

    def start(self, name: str, *arguments: str) -> Program:
        """Start a service."""
        port, grpc_port = free_port(), free_port()
        ports = {"CENTRALA_PORT": str(port), "CENTRALA_GRPC_PORT": str(grpc_port)}
        settings = os.environ | self._settings | ports
        with (self._folder / f"{name}-{port}.log").open("wb") as output:
            command = [sys.executable, "-m", f"services.{name}", *arguments]
            process = subprocess.Popen(command, env=settings, cwd=ROOT, stdout=output, stderr=output)
        self._running.append(process)
        return Program(process, port, grpc_port)

    def kill(self) -> None:
        """kill -9 all of them: nobody takes leave of anybody."""
        for process in self._running:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """End all of them."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def prepared(folder: Path, broker: Cluster, redis: str, more: Mapping[str, str]) -> Programs:
    """An installation with its topics, and nothing running yet. more: further settings."""
    settings = {
        "CENTRALA_KAFKA": broker.address,
        "CENTRALA_KAFKA_PREFIX": f"edges-{secrets.token_hex(4)}.",
        "CENTRALA_PARTITIONS": "4",
        "CENTRALA_REPLICATION": "1",
        "CENTRALA_REDIS": redis,
        "CENTRALA_REDIS_WITHIN_MS": "5000",
        "CENTRALA_MASTER_KEY": secrets.token_hex(32),
        "CENTRALA_ADMIN_KEY": ADMIN,
        "CENTRALA_DATA": str(folder),
        "CENTRALA_SMTP": "false",
        **more,
    }
    programs = Programs(folder, settings)
    programs.run("services.runtime.topics")
    return programs


def client_of(edge: Program) -> httpx.AsyncClient:
    """A client of an edge, as the installation."""
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{edge.port}", headers=HEADERS, timeout=30)


@asynccontextmanager
async def installed(
    folder: Path, broker: Cluster, redis: str, more: Mapping[str, str] | None = None
) -> AsyncIterator[Sequence[httpx.AsyncClient]]:
    """The engines, and a client of each of two edges. more: further settings."""
    programs = prepared(folder, broker, redis, {"CENTRALA_GRPC": "false", **(more or {})})
    try:
        engines = [programs.start(name) for name in ENGINES]
        edges = [programs.start("edge") for _ in range(2)]
        for program in (*engines, *edges):
            await up(program.port)
        clients = [client_of(edge) for edge in edges]
        try:
            yield clients
        finally:
            for client in clients:
                await client.aclose()
    finally:
        programs.stop()


async def up(port: int) -> None:
    """Wait until a process is ready."""
    async with httpx.AsyncClient() as client, asyncio.timeout(UP_WITHIN_S):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.2)


async def until(client: httpx.AsyncClient, method: str, path: str, **more: object) -> httpx.Response:
    """Ask again for as long as the answer is 503."""
    async with asyncio.timeout(UP_WITHIN_S):
        while True:
            answer = await client.request(method, path, **more)  # type: ignore[arg-type]
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(0.2)


async def offered(client: httpx.AsyncClient, desk: str, record_id: str) -> str:
    """The offer of the desk's only conversation."""
    async with asyncio.timeout(UP_WITHIN_S):
        while True:
            found = await until(client, "GET", f"{desk}/conversations?after={record_id}")
            offers = [one["offer"] for one in found.json()["items"] if one["offer"]]
            if offers:
                return str(offers[0]["offer_id"])
            await asyncio.sleep(0.1)
