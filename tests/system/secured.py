"""An installation whose brokers and whose Redis speak TLS, ask for passwords and check rights.

The rights are those of the production overlay's KafkaUser and of the line in docs/redis.md: what runs here
needs no more than what is written there.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.brokers import Cluster
from bench.program import free_port
from bench.redis_server import RedisServer, redis_server
from services.ingest import engine as ingest_engine
from services.ingest import shell as ingest
from services.notify import engine as notify_engine
from services.notify import shell as notify
from services.router import engine as router_engine
from services.router import shell as router
from services.runtime.clock import SystemClock
from services.runtime.far import process
from services.runtime.membership import Membership
from services.runtime.seats import Seats
from services.runtime.settings import Settings
from services.runtime.shared import Shared, opened
from services.sla import engine as sla_engine
from services.sla import shell as sla
from tests.certificates import Authority
from tests.deploy.manifests import of_kind, overlay
from tests.deploy.prometheus import ROOT
from tests.edges.installation import ADMIN, Installation, doors
from tests.rights import Rights, grant

USER, PASSWORD = "centrala-processes", "s3cret"
STRANGER = "stranger"
"""Knows a password, and has no rights."""
PARTITIONS = 1
PATIENT_MS = 10_000
ENGINES = (
    (ingest_engine, ingest.bind),
    (router_engine, router.bind),
    (sla_engine, sla.bind),
    (notify_engine, notify.bind),
)


def rights() -> Rights:
    """What the production overlay gives the processes' user."""
    [user] = of_kind(overlay("production"), "KafkaUser")
    given: Rights = user["spec"]["authorization"]["acls"]
    return given


def broker(folder: Path, elsewhere: int) -> Cluster:
    """A broker that lets nobody do anything who was not given the right to. elsewhere: a port of it where it
    says that it is found at another one, where nobody is."""
    cluster = Cluster(
        folder,
        settings=["allow.everyone.if.no.acl.found=false"],
        users=f"{USER}:{PASSWORD} {STRANGER}:{PASSWORD}",
    )
    more = {
        "listeners": f"ELSEWHERE://127.0.0.1:{elsewhere}",
        "advertised.listeners": "ELSEWHERE://127.0.0.1:1",
        "listener.security.protocol.map": "ELSEWHERE:PLAINTEXT",
    }
    path = folder / "node-1.properties"
    lines = [line.split("=", 1) for line in path.read_text().splitlines() if "=" in line]
    path.write_text("\n".join("=".join([k, f"{v},{more[k]}" if k in more else v]) for k, v in lines))
    return cluster


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[tuple[RedisServer, str, Authority]]:
    """A Redis with a port by TLS and a user of the documented rights; its URL, and who signed its
    certificate."""
    folder.mkdir()
    authority = Authority(folder)
    issued = authority.issue("redis")
    line = re.search(r"^ACL SETUSER centrala on >PASSWORD (.*)$", (ROOT / "docs/redis.md").read_text(), re.M)
    assert line is not None, "docs/redis.md says what the user must be allowed"
    port = free_port()
    options = ["--tls-port", str(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", str(authority.file)]
    options += ["--tls-cert-file", str(issued.cert), "--tls-key-file", str(issued.key)]
    options += ["--user", "centrala", "on", f">{PASSWORD}", *line[1].split()]
    async with redis_server(folder, options=options) as server:
        yield server, f"rediss://centrala@127.0.0.1:{port}", authority


def settings(cluster: Cluster, url: str = "", authority: Authority | None = None, **others: Any) -> Settings:
    """What a process is told."""
    told: dict[str, Any] = {
        "kafka": cluster.address,
        "kafka_security": "sasl_ssl",
        "kafka_ca": str(cluster.authority),
        "kafka_user": USER,
        "kafka_password": PASSWORD,
        "redis": url,
        "redis_password": PASSWORD,
        "redis_ca": str(authority.file) if authority else "",
        "redis_within_ms": PATIENT_MS,
        "partitions": PARTITIONS,
        "replication": 1,
        "master_key": "ab" * 32,
        "admin_key": ADMIN,
        "smtp_port": 0,
    }
    return Settings(**(told | others))


@asynccontextmanager
async def engine(told: Settings, shared: Shared, which: int) -> AsyncIterator[Seats]:
    """One engine, as its process has it but for its port."""
    module, bind = ENGINES[which]
    app, publishers = process(told, SystemClock(), shared, PARTITIONS)
    membership = Membership(shared.access, module.TOPIC)
    seats = Seats(app, module, bind, membership, publishers.attach, publishers.detach)
    app.add_task("publishers", publishers.run)
    app.add_task("seats", seats.run)
    await membership.join()
    await app.start()
    try:
        yield seats
    finally:
        await seats.leave()
        await app.stop()


@asynccontextmanager
async def installed(cluster: Cluster, told: Settings) -> AsyncIterator[tuple[Installation, list[Seats]]]:
    """Four engines and an edge over topics that are there; a client of the edge."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        shared = await stack.enter_async_context(opened(told, clock))
        running = [await stack.enter_async_context(engine(told, shared, n)) for n in range(len(ENGINES))]
        app, _ = process(told, clock, shared, PARTITIONS)
        doors(app)
        app.add_task("keys", shared.keys.follow)
        transport = httpx.ASGITransport(app.asgi)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://centrala")
        )
        await app.start()
        stack.push_async_callback(app.stop)
        yield Installation(app, client), running


async def granted(cluster: Cluster) -> None:
    """Give the processes' user its rights."""
    await grant(cluster, USER, rights())
