"""What the doors say of themselves in /metrics: mails, requests, and who was turned away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.smtp import Envelope

from services.edge.doors import _observer
from services.ingest.smtp import MailDoor
from services.kernel.errors import Busy
from services.runtime.metrics import Metrics
from tests.edges.installation import HEADERS, installation
from tests.ingest.edge import MAIL, Edge

if TYPE_CHECKING:
    from services.runtime.main import App

RAW = f"From: Jan <jan@klient.example>\r\nTo: {MAIL}\r\nMessage-ID: <1@k>\r\n\r\nGdzie jest?\r\n".encode()


async def test_mails_are_counted_by_command_and_code() -> None:
    """A refused recipient, a stored mail and one that must come again are three different series."""
    metrics, edge = Metrics(), Edge()
    door = MailDoor(edge.intake, observe=_observer(cast("App", SimpleNamespace(metrics=metrics))))
    server: Any = None
    orders: list[list[Exception]] = [[], [Busy("too much at once")]]
    for failures in orders:
        edge.log.failures = failures
        envelope = Envelope()
        envelope.content, envelope.mail_from = RAW, "jan@klient.example"
        for address in ("nobody@nowhere.example", MAIL):
            await door.handle_RCPT(server, server, envelope, address, [])
        await door.handle_DATA(server, server, envelope)
    text = metrics.render().decode()
    for command, code, count in (("RCPT", 550, 2), ("RCPT", 250, 2), ("DATA", 250, 1), ("DATA", 451, 1)):
        labels = f'edge="smtp",route="{command}",status="{code}"'
        assert f"centrala_requests_total{{{labels}}} {count}.0" in text
    assert 'centrala_request_seconds_count{edge="smtp",route="DATA"} 2.0' in text


async def test_requests_that_come_too_early_are_turned_away() -> None:
    """While the process is not ready, a request counts as turned away; asking whether it is does not."""
    async with installation() as made:
        loop = made.app.loops["routing"]
        loop.ready.clear()
        assert (await made.client.get("/readyz")).status_code == 503
        refused = await made.client.get("/v1/desks/rowery", headers=HEADERS)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        loop.ready.set()
        text = (await made.client.get("/metrics")).text
        assert 'centrala_turned_away_total{reason="restoring"} 1.0' in text
