"""An edge put together: the doors of all four services over the log and Redis, and no engine.

It keeps nothing that another edge would need: any of them takes any request, and one that is gone is
replaced by whichever its clients connect to next.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from services.edge import doors
from services.kernel.errors import Invalid
from services.runtime import telemetry
from services.runtime.clock import Clock
from services.runtime.far import Stores, process
from services.runtime.main import App, listen, serve_http
from services.runtime.rpc_server import RpcServer
from services.runtime.settings import Settings
from web import pages

BINDS = (
    telemetry.bind,
    telemetry.watch_process,
    doors.bind,
    pages.bind,
    lambda app: app.tracing.bind(app),
)


class EdgeProcess(NamedTuple):
    """An App that is not started yet, and the ports where it will be found. `grpc_port`: 0 where gRPC is
    not served."""

    app: App
    port: int
    grpc_port: int


@asynccontextmanager
async def assembled(
    settings: Settings, clock: Clock, stores: Stores, partitions: int
) -> AsyncIterator[EdgeProcess]:
    """Listen, and hang everything onto an App; its parts are bound by the caller.

    Raises Invalid in plain words: a port is taken, a setting is missing. The stores stay the caller's.
    """
    if not settings.admin_key:
        raise Invalid("an edge needs CENTRALA_ADMIN_KEY, the same in every one of them")
    app, _ = process(settings, clock, stores, partitions)
    sock: socket.socket = listen(settings.host, settings.port)
    try:
        app.add_task("http", lambda: serve_http(app, sock))
        grpc_port = 0
        if settings.grpc:
            server = RpcServer(app)
            grpc_port = server.listen(settings.host, settings.grpc_port)
            app.add_task("grpc", server.run)
        yield EdgeProcess(app, sock.getsockname()[1], grpc_port)
    finally:
        sock.close()
