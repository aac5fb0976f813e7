"""A whole installation for system tests: the real composition over a real file, with real ports.

    async with start_embedded(tmp_path) as world:
        await world.desk()
        ola = await world.agent("ola")
        ids = await world.message("m1")

Everything goes through HTTP, SMTP and webhooks as from outside. The clock is the machine's, plus what a
test adds to it. Waits end by an event or an answer, and have a deadline.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import httpx

from bench.program import free_port
from services.embedded.compose import BINDS, Embedded, assembled
from services.runtime.clock import SystemClock
from services.runtime.loop import Committed
from services.runtime.main import App, bind_all
from services.runtime.settings import Settings
from tests.system.outside import ADMIN, Outside
from tests.system.streams import WAIT_S
from tools.check_log import engines
from tools.invariants import check
from tools.invariants.report import Report
from tools.stored import StoredLogs

ROOT = Path(__file__).parents[2]

T = TypeVar("T")


class ShiftedClock(SystemClock):
    """The machine's clocks, ahead by what was added."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        """See Clock."""
        return super().now_ms() + self.ahead_ms

    def monotonic_s(self) -> float:
        """See Clock."""
        return super().monotonic_s() + self.ahead_ms / 1000

    def advance(self, ms: int) -> None:
        """Let so much time have passed."""
        self.ahead_ms += ms


class World(Outside):
    """An installation that runs in this process, and everybody around it."""

    def __init__(
        self, embedded: Embedded, client: httpx.AsyncClient, smtp_port: int, clock: ShiftedClock
    ) -> None:
        super().__init__(client)
        self.embedded = embedded
        self.clock = clock
        self.smtp_port = smtp_port
        self.stopped = False
        self._moved = asyncio.Event()
        for loop in embedded.app.loops.values():
            loop.listen(self._committed)

    def _committed(self, batch: Committed) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def stop(self) -> None:
        """Stop it now, with whatever streams are open, and raise what has broken it."""
        broken = self.app.broken.exception() if self.app.broken.done() else None
        self.stopped = True
        await self.app.stop()
        if broken is not None:
            raise broken

    @property
    def app(self) -> App:
        """What runs."""
        return self.embedded.app

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.app.settings.data)

    async def shown(
        self, read: Callable[[], Awaitable[T]], wanted: Callable[[T], bool], within_s: float = WAIT_S
    ) -> T:
        """Read after each batch that an engine has committed, until it is as wanted."""
        async with asyncio.timeout(within_s):
            while True:
                moved = self._moved
                found = await read()
                if wanted(found):
                    return found
                await moved.wait()

    def state_bytes(self) -> dict[str, bytes]:
        """Each engine's state as it is live."""
        return {topic: loop.engine.dump(loop.state) for topic, loop in self.app.loops.items()}


def checked(data: Path, slack_ms: int = 5_000) -> Report:
    """What `tools.check_log` says of a data directory; there is no violation."""
    report = check(StoredLogs(data), engines(), slack_ms)
    assert not report.violations, "\n".join(map(str, report.violations[:20]))
    return report


@asynccontextmanager
async def start_embedded(
    data: Path, clock: ShiftedClock | None = None, **settings: Any
) -> AsyncIterator[World]:
    """Start the real composition in this process, and stop it at the end."""
    smtp_port = free_port()
    given: dict[str, Any] = {"admin_key": ADMIN, "private_targets": True, "smtp_port": smtp_port}
    given |= {"port": 0, "grpc_port": 0, "secrets_dir": str(data.parent)}
    clock = clock or ShiftedClock()
    async with assembled(Settings(data=str(data), **{**given, **settings}), clock) as made:
        bind_all(made.app, BINDS)
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        async with httpx.AsyncClient(base_url=made.url, timeout=WAIT_S, limits=limits) as client:
            world = World(made, client, smtp_port, clock)
            try:
                await made.app.start()
                async with world.stack:
                    yield world
            finally:
                if not world.stopped:
                    await world.stop()


class Process(Outside):
    """An installation in a process of its own, as `python -m services.embedded` starts it."""

    def __init__(self, child: asyncio.subprocess.Process, client: httpx.AsyncClient, grpc: str) -> None:
        super().__init__(client)
        self._child = child
        self.grpc = grpc

    async def kill(self) -> None:
        """kill -9."""
        self._child.kill()
        await self._child.wait()

    async def terminate(self) -> int:
        """SIGTERM, as an orchestrator stops it; the exit code."""
        self._child.send_signal(signal.SIGTERM)
        return await self._child.wait()


@asynccontextmanager
async def running(
    data: Path, smtp_port: int = 0, environment: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Process]:
    """Start a process, wait until it says that it listens; it is killed at the end if it still runs."""
    own = {
        "CENTRALA_ADMIN_KEY": ADMIN,
        "CENTRALA_SMTP_PORT": str(smtp_port or free_port()),
        "CENTRALA_GRPC_PORT": "0",
        "CENTRALA_PRIVATE_TARGETS": "true",
        "CENTRALA_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "services.embedded", "--data", str(data), "--port", "0"]
    child = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, **own, **environment}, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), 60)
        url = line.decode().strip().rpartition(" ")[2]
        assert url.startswith("http://"), f"it said {line!r}"
        grpc = (await child.stdout.readline()).decode().strip().rpartition(" ")[2]
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        async with httpx.AsyncClient(base_url=url, timeout=WAIT_S, limits=limits) as client:
            process = Process(child, client, grpc)
            async with process.stack:
                yield process
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
