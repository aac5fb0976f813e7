"""The distributed mode as an operator runs it: Kafka, Redis, four engines and two edges, all as processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bench.brokers import Cluster
from bench.program import ROOT, free_port
from bench.redis_server import redis_server
from tests.edges.installation import ADMIN, DESK, HEADERS
from tests.s3 import ACCESS, S3Server
from tests.system.outside import MAILBOX
from tests.system.providers import Mail, mail_server

pytestmark = pytest.mark.servers

ENGINES = ("ingest", "router", "sla", "notify")
UP_WITHIN_S = 120


class Programs:
    """Processes of one installation, each with its output in a file."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = {"PYTHONDONTWRITEBYTECODE": "1", **settings}
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self, *arguments: str) -> None:
        """Run a module to its end."""
        command = [sys.executable, "-m", *arguments]
        subprocess.run(command, env=os.environ | self._settings, cwd=ROOT, check=True)

    def start(self, name: str, *arguments: str) -> int:
        """Start a module that serves HTTP; its port."""
        port = free_port()
        settings = os.environ | self._settings | {"CENTRALA_PORT": str(port)}
        with (self._folder / f"{name}-{port}.log").open("wb") as output:
            command = [sys.executable, "-m", f"services.{name}", *arguments]
            self._running.append(
                subprocess.Popen(command, env=settings, cwd=ROOT, stdout=output, stderr=output)
            )
        return port

    def stop(self) -> None:
        """End all of them."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@asynccontextmanager
async def installed(
    folder: Path, broker: Cluster, redis: str, more: Mapping[str, str] | None = None
) -> AsyncIterator[Sequence[httpx.AsyncClient]]:
    """The engines, and a client of each of two edges. more: further settings."""
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
        "CENTRALA_GRPC": "false",
        **(more or {}),
    }
    programs = Programs(folder, settings)
    programs.run("services.runtime.topics")
    try:
        engines = [programs.start(name) for name in ENGINES]
        edges = [programs.start("edge") for _ in range(2)]
        for port in (*engines, *edges):
            await up(port)
        clients = [
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=30)
            for port in edges
        ]
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


async def test_desks_over_partitions_and_edges(tmp_path: Path, broker: Cluster) -> None:
    """Desks of different partitions live through any edge: a message of one is offered, shown and accepted
    at the other, once."""
    async with redis_server(tmp_path / "redis") as redis, installed(tmp_path, broker, redis.url) as edges:
        first, second = edges
        for name in ("alfa", "beta", "gamma"):
            desk = f"/v1/desks/{name}"
            assert (await until(first, "PUT", desk, json=DESK)).status_code == 200
            agent = {"name": "Ola", "skills": {"dostawa": 3}}
            assert (await until(second, "PUT", f"{desk}/agents/ola", json=agent)).status_code == 200
            online = {"state": "online", "ttl_s": 3600}
            assert (await until(first, "PUT", f"{desk}/agents/ola/presence", json=online)).status_code == 200
            message = {
                "channel": "chat",
                "account": "www",
                "external_id": "m1",
                "from": {"address": "jan@example.pl", "name": "Jan"},
                "text": "Gdzie jest moja paczka?",
            }
            taken = await until(second, "POST", f"{desk}/messages", json=message)
            assert taken.status_code == 202
            offer = await offered(first, desk, taken.json()["record_id"])
            path = f"{desk}/offers/{offer}/accept"
            answers = await asyncio.gather(*(accepted(edges[n % 2], path, f"key-{n}") for n in range(10)))
            assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
        listed = await until(second, "GET", "/v1/desks")
        assert {"alfa", "beta", "gamma"} <= {one["desk"] for one in listed.json()}


async def test_files_through_a_bucket(tmp_path: Path, broker: Cluster, s3: S3Server) -> None:
    """A mail with a long text and a file is taken at one edge and shown whole by the other; the file of an
    answer reaches the customer byte for byte. All of it lies sealed in the bucket, none of it in a folder."""
    folder, settings = (
        s3.bucket("system"),
        {
            "CENTRALA_BLOBS_ENDPOINT": s3.endpoint,
            "CENTRALA_BLOBS_BUCKET": "system",
            **ACCESS,
        },
    )
    text, file = "Gdzie jest moja paczka? " * 4_000, b"%PDF-1.7 faktura" * 8_000
    async with (
        redis_server(tmp_path / "redis") as redis,
        mail_server() as mail,
        installed(tmp_path, broker, redis.url, settings) as (first, second),
    ):
        desk = "/v1/desks/rowery"
        smtp = {"host": "127.0.0.1", "port": mail.port, "tls": "none"}
        channel = {"channel": "email", "account": MAILBOX, "units": 10, "smtp": smtp}
        assert (await until(first, "PUT", desk, json={**DESK, "channels": [channel]})).status_code == 200
        agent = {"name": "Ola", "skills": {"dostawa": 3}}
        assert (await until(first, "PUT", f"{desk}/agents/ola", json=agent)).status_code == 200
        online = {"state": "online", "ttl_s": 3600}
        assert (await until(first, "PUT", f"{desk}/agents/ola/presence", json=online)).status_code == 200
        attached = {"name": "f.pdf", "media_type": "application/pdf", "data": b64encode(file).decode()}
        message = {
            "channel": "email",
            "account": MAILBOX,
            "external_id": "<one@poczta.example>",
            "from": {"address": "jan@poczta.example", "name": "Jan"},
            "subject": "Paczka",
            "text": text,
            "attachments": [attached],
        }
        taken = await until(first, "POST", f"{desk}/messages", json=message)
        assert taken.status_code == 202, taken.text
        offer = await offered(second, desk, taken.json()["record_id"])
        won = await accepted(second, f"{desk}/offers/{offer}/accept", "key")
        path = f"{desk}/conversations/{won.json()['conversation_id']}"
        [shown] = (await until(second, "GET", path)).json()["messages"]
        assert shown["text"].strip() == text.strip()
        reply = {"agent": "ola", "text": "W załączniku.", "attachments": [attached]}
        assert (await until(second, "POST", f"{path}/replies", json=reply)).status_code == 202
        sent: Mail = await mail.next()
        assert [part.get_content() for part in sent.message.iter_attachments()] == [file]
    kept = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(kept) >= 3  # the text, the customer's file, the agent's
    assert not any(b"paczka" in blob or b"faktura" in blob for blob in kept)
    assert not (tmp_path / "blobs").exists()


async def accepted(client: httpx.AsyncClient, path: str, key: str) -> httpx.Response:
    """Accept an offer; what is not known in time is asked again with the same key."""
    return await until(client, "POST", path, json={"agent": "ola"}, headers={"Idempotency-Key": key})


async def offered(client: httpx.AsyncClient, desk: str, record_id: str) -> str:
    """The offer of the desk's only conversation."""
    async with asyncio.timeout(UP_WITHIN_S):
        while True:
            found = await until(client, "GET", f"{desk}/conversations?after={record_id}")
            offers = [one["offer"] for one in found.json()["items"] if one["offer"]]
            if offers:
                return str(offers[0]["offer_id"])
            await asyncio.sleep(0.1)
