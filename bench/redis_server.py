"""A real Redis (or Valkey) for tests and benchmarks: private, on a free port, over a folder of its own.

It can be killed, frozen, flushed, and restored from an older snapshot. As a cluster it is one node that
owns every slot: enough to refuse whatever is not cluster-safe.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bench.program import free_port
from services.runtime.clock import SystemClock

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
START_WITHIN_S = 10.0
LAST_SLOT = 16_383


class RedisServer:
    """One server over one folder; started again it is found at the same address."""

    def __init__(self, folder: Path, cluster: bool = False, options: Sequence[str] = ()) -> None:
        """options: more of them, as a command line has them."""
        self.port = free_port()
        self.folder = folder
        self.cluster = cluster
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, as the setting has it."""
        scheme = "redis+cluster" if self.cluster else "redis"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError if there is no such program."""
        if PROGRAM is None:
            raise RuntimeError("redis-server is missing: tools/install_servers.sh installs it")
        self.folder.mkdir(parents=True, exist_ok=True)
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        options += ["--save", "", "--rdbcompression", "no"]  # so that a snapshot can be searched
        options += [*(["--cluster-enabled", "yes"] if self.cluster else []), *self._options]
        with (self.folder / "redis.log").open("ab") as output:
            self._process = subprocess.Popen([PROGRAM, *options], stdout=output, stderr=output)
        await self._answers()
        if self.cluster:
            if b"cluster_slots_assigned:0" in await self.tell("CLUSTER", "INFO"):
                await self.tell("CLUSTER", "ADDSLOTSRANGE", "0", str(LAST_SLOT))
            while b"cluster_state:ok" not in await self.tell("CLUSTER", "INFO"):
                await asyncio.sleep(0.01)

    async def _answers(self) -> None:
        clock = SystemClock()
        until_s = clock.monotonic_s() + START_WITHIN_S
        while clock.monotonic_s() < until_s:
            with contextlib.suppress(RedisError, OSError):
                await self.tell("PING")
                return
            await asyncio.sleep(0.01)
        raise TimeoutError(f"redis did not answer within {START_WITHIN_S} s")

    async def tell(self, *command: str) -> bytes:
        """One command over a connection of its own; its answer."""
        async with Redis(host="127.0.0.1", port=self.port, decode_responses=False) as client:
            client.response_callbacks.clear()
            answer: object = await client.execute_command(*command)  # type: ignore[no-untyped-call]
            return answer if isinstance(answer, bytes) else str(answer).encode()

    def kill(self) -> None:
        """kill -9; what was in memory is gone."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: what was sent meanwhile is worked off."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    async def flush(self) -> None:
        """FLUSHALL."""
        await self.tell("FLUSHALL")

    async def save(self) -> bytes:
        """Everything that it holds now, as its snapshot file has it."""
        await self.tell("SAVE")
        return (self.folder / "dump.rdb").read_bytes()

    async def restore(self, snapshot: bytes) -> None:
        """Stop, put an older snapshot in place, start."""
        self.kill()
        (self.folder / "dump.rdb").write_bytes(snapshot)
        await self.start()


@asynccontextmanager
async def redis_server(
    folder: Path, cluster: bool = False, options: Sequence[str] = ()
) -> AsyncIterator[RedisServer]:
    """A server for the time of the context."""
    server = RedisServer(folder, cluster, options)
    await server.start()
    try:
        yield server
    finally:
        server.thaw()
        server.kill()
