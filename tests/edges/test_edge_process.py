"""An edge as a process is put together: every door over real sockets, beside owners of the engines."""

from __future__ import annotations

import asyncio
import smtplib
from pathlib import Path

import httpx
import pytest

from bench.program import free_port
from bench.redis_server import redis_server
from services.edge.compose import BINDS, assembled
from services.kernel.errors import Invalid
from services.runtime.clock import SystemClock
from services.runtime.main import bind_all
from services.runtime.settings import Settings
from tests.edges.distributed import PATIENT_MS, distributed, stores
from tests.edges.installation import ADMIN, DESK, HEADERS

pytestmark = pytest.mark.servers

MAIL = b"From: Jan <jan@example.pl>\r\nTo: pomoc@example.com\r\nSubject: Paczka\r\n\r\nGdzie jest?\r\n"


async def test_an_edge_serves_every_door(tmp_path: Path) -> None:
    """HTTP, pages, metrics, mail and gRPC are served by a process without an engine."""
    async with redis_server(tmp_path / "redis") as redis, distributed(redis.url, edges=1) as made:
        mail_port = free_port()
        chosen = Settings(
            redis=redis.url,
            redis_within_ms=PATIENT_MS,
            admin_key=ADMIN,
            port=0,
            smtp_port=mail_port,
            grpc_port=0,
        )
        async with assembled(chosen, SystemClock(), made.shared, 1) as edge:
            bind_all(edge.app, BINDS)
            await edge.app.start()
            try:
                url = f"http://127.0.0.1:{edge.port}"
                async with httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=30) as client:
                    desk = {**DESK, "channels": [{"channel": "email", "account": "pomoc@example.com"}]}
                    assert (await client.put("/v1/desks/poczta", json=desk)).status_code == 200
                    for path in ("/readyz", "/metrics", "/openapi.json", "/v1/desks", "/"):
                        assert (await client.get(path)).status_code == 200, path
                    await asyncio.to_thread(sent, mail_port)
                    listed = await client.get(f"/v1/desks/poczta/conversations?after=r{'0' * 32}")
                    assert [one["channel"] for one in listed.json()["items"]] == ["email"]
                assert edge.grpc_port
            finally:
                await edge.app.stop()


def sent(port: int) -> None:
    """Send a mail to the desk."""
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
        smtp.sendmail("jan@example.pl", ["pomoc@example.com"], MAIL)


async def test_what_is_missing_is_said() -> None:
    """Without Redis' address, or the installation's key, a process of the distributed mode does not start."""
    empty = stores(SystemClock(), "")
    for settings, word in ((Settings(admin_key=ADMIN), "CENTRALA_REDIS"), (Settings(redis="x"), "ADMIN")):
        with pytest.raises(Invalid, match=word):
            async with assembled(settings, SystemClock(), empty, 1):
                pass
