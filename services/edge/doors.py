"""Every way in and out of Centrala but the senders: the services' HTTP and gRPC, and mail by SMTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest import engine as ingest_engine
from services.ingest import http as ingest_http
from services.ingest import rpc as ingest_rpc
from services.ingest.classify import Languages
from services.ingest.intake import Intake
from services.ingest.smtp import MailDoor, Observe
from services.ingest.webhooks import Webhooks
from services.ingest.whose import whose
from services.kernel.errors import Invalid
from services.notify import http as notify_http
from services.router import http as router_http
from services.router import rpc as router_rpc
from services.runtime.edge import Edge
from services.runtime.people import People
from services.runtime.secrets import all_lines

if TYPE_CHECKING:
    from services.runtime.main import App


def bind(app: App) -> None:
    """Hang all doors onto the App. The loops they follow are bound before."""
    edge = Edge.of(app)
    languages = Languages()
    stores = app.log, app.sealing, app.blobs
    intake = Intake(*stores, app.clock, edge.directory, languages, partition_of=edge.partition)
    ingest_http.bind(app, intake, Webhooks(intake, all_lines(app.settings)))
    router_http.bind(app)
    notify_http.bind(app)
    ingest_rpc.bind(app, intake)
    router_rpc.bind(app)
    app.add_task("languages", languages.load)
    know_people(app)
    if app.settings.smtp:
        app.before_ready(lambda: _open_mail(app, MailDoor(intake, observe=_observer(app))))
    edge.follow()


def know_people(app: App) -> None:
    """Have ingest's log say whose conversations are where the views can be away."""
    if app.following is not None:
        app.people = People(ingest_engine, whose, app.log, app.snapshots, app.clock)
        app.add_task("people", app.people.run)


def _observer(app: App) -> Observe:
    """Count what the mail server answers beside the requests of HTTP."""
    requests, durations = app.metrics.requests, app.metrics.request_seconds

    def observe(command: str, code: str, seconds: float) -> None:
        requests.labels("smtp", command, code).inc()
        if command == "DATA":
            durations.labels("smtp", command).observe(seconds)

    return observe


async def _open_mail(app: App, door: MailDoor) -> None:
    """Take mail from now on. Raises Invalid, naming the port, if it is taken."""
    settings = app.settings
    try:
        server = await door.listen(settings.host, settings.smtp_port)
    except OSError as error:
        raise Invalid(
            f"cannot listen for mail on {settings.host} port {settings.smtp_port}: {error.strerror}. "
            "Another port: CENTRALA_SMTP_PORT; no mail: CENTRALA_SMTP=false."
        ) from error

    async def close() -> None:
        server.close()

    app.on_close(close)
