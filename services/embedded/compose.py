"""The embedded mode put together: one App with all its stores over one data directory.

`python -m services.embedded` runs it until a signal; the system tests run the very same in their process.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from services.edge import doors
from services.embedded.snapshots import Snapshotter
from services.ingest import shell as ingest
from services.kernel.errors import Invalid
from services.notify import shell as notify
from services.router import shell as router
from services.runtime import telemetry
from services.runtime.auth import Auth, installation_key
from services.runtime.blobs import FileBlobs
from services.runtime.clock import Clock, SteadyClock
from services.runtime.keys import SqliteKeys
from services.runtime.log_sqlite import SqliteLog
from services.runtime.main import App, listen, serve_http
from services.runtime.rpc_server import RpcServer
from services.runtime.sealing import Sealing, load_master_key
from services.runtime.settings import Settings
from services.runtime.snapshots import SqliteSnapshots
from services.runtime.sqlite_file import SqliteFile
from services.runtime.tracing import from_environment
from services.runtime.views import Views
from services.runtime.views_sqlite import SqliteStore
from services.sla import shell as sla
from web import pages

BINDS = (
    ingest.bind,
    router.bind,
    sla.bind,
    notify.bind,
    telemetry.bind,
    telemetry.watch_process,
    doors.bind,
    pages.bind,
    lambda app: app.tracing.bind(app),
)
DATABASE = "centrala.db"
VIEWS = "views.db"


class Embedded(NamedTuple):
    """An App that is not started yet, and where it will be found. `grpc`: host and port, "" where it is not
    served. `made_key`: the installation's key if it was made just now, else ""."""

    app: App
    file: SqliteFile
    url: str
    made_key: str
    grpc: str


@asynccontextmanager
async def assembled(settings: Settings, machine: Clock) -> AsyncIterator[Embedded]:
    """Open the stores of the data directory and hang them onto an App; its parts are bound by the caller.

    Raises CentralaError in plain words: the directory is in use or cannot be written, the port is taken, the
    master key is another one. An App that was started closes its stores itself when it stops; one that never
    was has them closed here.
    """
    data = Path(settings.data)
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(
            f"the data directory {settings.data} cannot be made: {error.strerror}. Another: CENTRALA_DATA"
        ) from error
    clock = SteadyClock(machine)
    tracing = from_environment(os.environ, clock)
    async with AsyncExitStack() as opened:
        file = SqliteFile(data / DATABASE, clock, settings.fsync_extra_ms)
        opened.push_async_callback(file.close)
        admin_hash, made_key = installation_key(data, settings.admin_key)
        keys = SqliteKeys(file)
        log = SqliteLog(file, clock)
        clock.go_on_from(log.newest_ms)
        is_new = await log.end("inbound", 0) == 0 and await keys.sample() is None
        sealing = Sealing(load_master_key(data, os.environ, make=is_new), keys, clock)
        blobs = FileBlobs(data / "blobs")
        await blobs.check()
        sock = opened.enter_context(listen(settings.host, settings.port))
        await sealing.check()
        views = Views(SqliteStore(data / VIEWS))
        opened.push_async_callback(views.close)
        await views.open()
        app = App(
            settings,
            clock,
            tracing.log(log),
            keys,
            sealing,
            blobs,
            SqliteSnapshots(file),
            views,
            Auth(views, admin_hash),
        )
        app.tracing = tracing
        app.on_close(file.close)
        app.on_close(views.close)
        telemetry.watch_file(app.metrics, file)
        telemetry.watch_clock(app, clock)
        app.add_task("survey of keys", keys.survey)
        app.add_task("http", lambda: serve_http(app, sock))
        app.add_task("snapshots", Snapshotter(app, data / DATABASE).run)
        host, grpc = _shown(settings.host), ""
        if settings.grpc:
            server = RpcServer(app)
            grpc = f"{host}:{server.listen(settings.host, settings.grpc_port)}"
            app.add_task("grpc", server.run)
        yield Embedded(app, file, f"http://{host}:{sock.getsockname()[1]}", made_key, grpc)


def _shown(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "") else f"[{host}]" if ":" in host else host
