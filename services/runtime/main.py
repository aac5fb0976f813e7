"""A process of Centrala: what it holds, in which order it starts, and how it stops.

Each service has one `bind(app)`: it hangs its loop, routes and tasks onto the App. A process is a
list of binds over one set of stores. Start: stores, binds, loops, edge; stop in reverse. Whatever a
task raises stops the process with a plain word: a supervisor starts it anew, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from typing import Any

import uvicorn
from fastapi import APIRouter, Depends

from services.kernel.engine import Engine
from services.kernel.errors import Invalid
from services.runtime import openapi, problems, query
from services.runtime.asgi import BODY_BYTES_MAX, Dispatcher, HotHandler
from services.runtime.auth import Auth
from services.runtime.blobs import Blobs
from services.runtime.clock import Clock
from services.runtime.event_log import EventLog
from services.runtime.following import Following
from services.runtime.hub import Hub
from services.runtime.keys import KeyStore
from services.runtime.loop import Loop
from services.runtime.metrics import Metrics
from services.runtime.one_write import OneWriteProtocol
from services.runtime.people import People
from services.runtime.publish import Beside
from services.runtime.rates import MemoryRates, Rates
from services.runtime.rpc import Rpc
from services.runtime.sealing import Sealing
from services.runtime.settings import Settings
from services.runtime.snapshots import SnapshotStore
from services.runtime.tracing import Tracing, Untraced
from services.runtime.view_store import ViewReader

_log = logging.getLogger(__name__)

STOP_WITHIN_S = 0.8
"""What a task may take to end after it was asked to; then it is left behind."""

Bind = Callable[["App"], None]
Job = Callable[[], Coroutine[Any, Any, None]]


class App:
    """Everything that the parts of one process share. Parts are added before `start`."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        log: EventLog,
        keys: KeyStore,
        sealing: Sealing,
        blobs: Blobs,
        snapshots: SnapshotStore,
        views: ViewReader,
        auth: Auth,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.log = log
        self.keys = keys
        self.sealing = sealing
        self.blobs = blobs
        self.snapshots = snapshots
        self.views = views
        self.auth = auth
        self.guest_key = ""
        """A read key that the demo's page is given; "" without a demo."""
        self.partition = 0
        """Which one this App's loops serve; the embedded mode has one."""
        self.hub = Hub()
        self.metrics = Metrics()
        self.tracing: Tracing = Untraced()
        self.loops: dict[str, Loop] = {}
        self.fastapi = openapi.Described(
            title="Centrala",
            version="0.1.0",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            dependencies=[Depends(query.known)],
            responses=openapi.PROBLEMS,
        )
        problems.install(self.fastapi)
        self.asgi = Dispatcher(self.fastapi)
        self.partitions = 1
        """Of every topic: one in the embedded mode."""
        self.beside: dict[str, Beside] = {}
        """What is published beside the views of a topic, where views are published."""
        self.rates: Rates = MemoryRates(clock)
        """How much each desk may send."""
        self.following: Following | None = None
        """How edges hear of what happens where that is not from the loops of this process."""
        self.people: People | None = None
        """Whose conversations are, where the views can be away."""
        self.rpc = Rpc(self)
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._jobs: list[tuple[str, Job]] = []
        self._conditions: list[Callable[[], bool]] = []
        self._before: list[Callable[[], Awaitable[None]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def add_loop(self, engine: Engine, lazy: Collection[str] = ()) -> Loop:
        """Drive an engine in this process; `lazy` as in Loop."""
        loop = Loop(engine, self.log, self.clock, self.snapshots, self.partition, lazy=lazy)
        self.loops[engine.TOPIC] = loop
        self.add_task(f"loop {engine.TOPIC}", loop.run)
        return loop

    def add_router(self, router: APIRouter) -> None:
        """Serve the routes of a FastAPI router."""
        self.fastapi.include_router(router)

    def add_hot(
        self, method: str, template: str, handler: HotHandler, body_max: int = BODY_BYTES_MAX
    ) -> None:
        """Serve a path without a framework; `handler` takes a HotRequest and gives a HotResponse."""
        self.asgi.add(method, template, handler, body_max)

    def add_task(self, name: str, job: Job) -> None:
        """Run `job` from start to stop. If it ends by an error, the process stops."""
        self._jobs.append((name, job))

    def before_ready(self, step: Callable[[], Awaitable[None]]) -> None:
        """Run once, after the loops own their partitions and before the process is ready."""
        self._before.append(step)

    def also_ready(self, condition: Callable[[], bool]) -> None:
        """The process is ready only while this holds too."""
        self._conditions.append(condition)

    def on_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Run at the stop, after all tasks have ended, in reverse order."""
        self._closers.append(closer)

    async def start(self) -> None:
        """Start all tasks; returns when every loop owns its partition and is restored."""
        for name, job in self._jobs:
            task = asyncio.create_task(job(), name=name)
            task.add_done_callback(self._ended)
            self._tasks.append(task)
        owned = asyncio.create_task(self._owned())
        either: set[asyncio.Future[Any]] = {owned, self.broken}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            owned.cancel()
        if self.broken.done():
            self.broken.result()
        for step in self._before:
            await step()
        self._started = True

    async def _owned(self) -> None:
        """Return when every loop owns its partition."""
        for loop in self.loops.values():
            await loop.ready.wait()

    def ready(self) -> bool:
        """Whether the start is over, every loop owns its partition, and nothing has failed."""
        return (
            self._started
            and not self.broken.done()
            and all(loop.ready.is_set() for loop in self.loops.values())
            and all(condition() for condition in self._conditions)
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self.broken.done():
            return
        error = task.exception()
        if error is not None:
            self.broken.set_exception(error)

    async def stop(self) -> None:
        """End the streams, the tasks, then the stores."""
        self.hub.close()
        for task in reversed(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_WITHIN_S)
        if self.broken.done() and not self.broken.cancelled():
            self.broken.exception()
        for closer in reversed(self._closers):
            await closer()
        # Some of the application lives on in FastAPI's caches. Whatever ran must not: gRPC's thread ends with
        # its server, and complains where the interpreter ends first.
        self._jobs.clear()
        self._tasks.clear()
        self._closers.clear()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Invalid, naming the port, when it is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise Invalid(
            f"cannot listen on {host} port {port}: {error.strerror}. Is it running already? "
            "Another port: CENTRALA_PORT; another address: CENTRALA_HOST."
        ) from error
    sock.listen(1024)
    sock.setblocking(False)
    return sock


async def serve_http(app: App, sock: socket.socket) -> None:
    """Serve the App's HTTP until cancelled; open requests get a moment, streams end at once."""
    config = uvicorn.Config(
        app.tracing.around(app.asgi),
        log_config=None,
        access_log=False,
        lifespan="off",
        http=OneWriteProtocol,
        ws="none",
        timeout_keep_alive=75,
        backlog=1024,
        proxy_headers=False,
        server_header=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await asyncio.wait({serving}, timeout=STOP_WITHIN_S)
        server.force_exit = True  # whoever still reads an answer is cut off
        raise


async def until_stopped(app: App) -> None:
    """Wait for SIGINT or SIGTERM, or raise what broke the process."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    waiting = asyncio.create_task(asked.wait())
    either: set[asyncio.Future[Any]] = {waiting, app.broken}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if app.broken.done():
        app.broken.result()


def bind_all(app: App, binds: Iterable[Bind]) -> None:
    """Hang every part onto the App, in order."""
    for bind in binds:
        bind(app)


async def run(app: App, binds: Sequence[Bind], announce: Callable[[App], None]) -> None:
    """Start the App, announce it, run it until a signal, stop it."""
    bind_all(app, binds)
    try:
        await app.start()
        announce(app)
        await until_stopped(app)
    finally:
        await app.stop()
