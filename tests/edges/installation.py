"""A whole installation in memory for tests of the edge: the real App, engines, loops and views."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from services.edge.doors import know_people
from services.ingest import http as ingest_http
from services.ingest import rpc as ingest_rpc
from services.ingest import shell as ingest
from services.ingest.classify import Languages
from services.ingest.intake import Intake
from services.ingest.webhooks import Webhooks
from services.notify import http as notify_http
from services.notify import shell as notify
from services.router import http as router_http
from services.router import rpc as router_rpc
from services.router import shell as router
from services.runtime.auth import Auth, hash_of
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import Clock, SystemClock
from services.runtime.edge import Edge
from services.runtime.event_log import EventLog
from services.runtime.keys import KeyStore, MemoryKeys
from services.runtime.log_memory import MemoryLog
from services.runtime.main import App
from services.runtime.sealing import Sealing
from services.runtime.settings import Settings
from services.runtime.snapshots import MemorySnapshots
from services.runtime.view_store import NearStore
from services.runtime.views import MemoryStore, Views
from services.sla import shell as sla

ADMIN = "the-installation's-own-key"
HEADERS = {"Authorization": f"Bearer {ADMIN}"}
DESK: dict[str, Any] = {
    "name": "Sklep Rowerowy",
    "locale": "pl",
    "time_zone": "Europe/Warsaw",
    "channels": [{"channel": "chat", "account": "www", "units": 30}],
    "skills": ["dostawa"],
    "queues": [{"name": "ogolna", "requires": {}}],
    "sla": [{"name": "normal", "first_response": "5m", "resolution": "1d"}],
    "notices": {"quiet": "00:00-00:00", "delay": {"on": True, "tell_after": "1h"}},
}


class Installation:
    """The App and a client of it."""

    def __init__(self, app: App, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client

    @property
    def views(self) -> Views:
        """The views, which are near."""
        assert isinstance(self.app.views, Views)
        return self.app.views

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Ask as the installation."""
        told = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.client.request(method, path, json=body, headers=told)

    async def desk(self, *agents: str) -> None:
        """Make the desk `rowery` with agents who are online."""
        done = await self.call("PUT", "/v1/desks/rowery", DESK)
        assert done.status_code == 200, done.text
        for agent in agents:
            body = {"name": agent, "skills": {"dostawa": 3}}
            done = await self.call("PUT", f"/v1/desks/rowery/agents/{agent}", body)
            assert done.status_code == 200, done.text
            online = {"state": "online", "ttl_s": 3600}
            done = await self.call("PUT", f"/v1/desks/rowery/agents/{agent}/presence", online)
            assert done.status_code == 200, done.text

    async def message(self, external_id: str = "m1", **more: Any) -> dict[str, str]:
        """Send a chat message; the answer's ids."""
        body = {
            "channel": "chat",
            "account": "www",
            "external_id": external_id,
            "from": {"address": "jan@example.pl", "name": "Jan"},
            "text": "Gdzie jest moja paczka?",
            **more,
        }
        done = await self.call("POST", "/v1/desks/rowery/messages", body)
        assert done.status_code == 202, done.text
        answer: dict[str, str] = done.json()
        return answer

    async def only_conversation(self, record_id: str) -> dict[str, Any]:
        """The desk's only conversation, once it shows a record."""
        listed = await self.call("GET", f"/v1/desks/rowery/conversations?after={record_id}")
        assert listed.status_code == 200, listed.text
        [summary] = listed.json()["items"]
        whole = await self.call("GET", f"/v1/desks/rowery/conversations/{summary['id']}")
        answer: dict[str, Any] = whole.json()
        return answer

    async def until(self, read: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
        """Read again and again until it is as wanted; each read waits for what the mailbox holds."""
        async with asyncio.timeout(5):
            while True:
                found = await read()
                if wanted(found):
                    return found
                await asyncio.sleep(0.005)


def doors(app: App) -> None:
    """Hang the HTTP of all services onto an App."""
    edge = Edge.of(app)
    intake = Intake(
        app.log, app.sealing, app.blobs, app.clock, edge.directory, Languages(), partition_of=edge.partition
    )
    ingest_http.bind(app, intake, Webhooks(intake, lambda name: None))
    router_http.bind(app)
    notify_http.bind(app)
    ingest_rpc.bind(app, intake)
    router_rpc.bind(app)
    know_people(app)


@asynccontextmanager
async def installation(
    store: NearStore | None = None,
    log: EventLog | None = None,
    keys: KeyStore | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Installation]:
    """Start everything, give a client, stop everything."""
    clock = clock or SystemClock()
    views = Views(store or MemoryStore())
    await views.open()
    keys = keys or MemoryKeys()
    sealing = Sealing(bytes(32), keys, clock)
    app = App(
        Settings(),
        clock,
        log or MemoryLog(clock),
        keys,
        sealing,
        MemoryBlobs(),
        MemorySnapshots(),
        views,
        Auth(views, hash_of(ADMIN)),
    )
    for bind in (ingest.bind, router.bind, sla.bind, notify.bind):
        bind(app)
    doors(app)
    app.on_close(views.close)
    transport = httpx.ASGITransport(app.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://centrala") as client:
        await app.start()
        try:
            yield Installation(app, client)
        finally:
            await app.stop()
