"""A real embedded server for a benchmark: started as a user would, told what to measure by /proc."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.client import Connection

ADMIN_KEY = "bench-admin-key-0123456789"
START_WITHIN_S = 30.0
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A TCP port that nothing listens on now, outside the range that outgoing connections get theirs
    from: a client that connects again and again to a dead server's port could be given that very one."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


class Server:
    """`python -m services.embedded` on a data directory; can be killed and started again."""

    def __init__(
        self,
        data: Path,
        fsync_delay_ms: float = 0.0,
        settings: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        self.data = data
        self._output = data.parent / f"{data.name}.log"
        self._settings = dict(settings or {})
        self.port = free_port()
        self.smtp_port = free_port()
        self.grpc_port = free_port()
        self._fsync_delay_ms = fsync_delay_ms
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> float:
        """Start the process and wait until it is ready; the seconds that took."""
        clock = time.perf_counter
        started_s = clock()
        process = self.launch()
        while clock() - started_s < START_WITHIN_S:
            if process.poll() is not None:
                said = "\n".join(self._output.read_text(errors="replace").splitlines()[-10:])
                raise RuntimeError(f"the server ended with {process.returncode}: {said}")
            try:
                async with self.connect() as connection:
                    if (await connection.request("GET", "/readyz")).status == 200:
                        return clock() - started_s
            except OSError:
                pass
            await asyncio.sleep(0.02)
        self.kill()
        raise TimeoutError(f"the server was not ready within {START_WITHIN_S} s")

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting for anything.

        Python's bytecode is kept beside the data directory: an installed system has it, while some
        environments (containers, CI) switch it off, and then compiling is most of a start."""
        environment = os.environ | {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self.data.parent / "bytecode"),
            "CENTRALA_ADMIN_KEY": ADMIN_KEY,
            "CENTRALA_SMTP_PORT": str(self.smtp_port),
            "CENTRALA_GRPC_PORT": str(self.grpc_port),
            "CENTRALA_FSYNC_EXTRA_MS": str(self._fsync_delay_ms),
            "CENTRALA_LOG_LEVEL": "warning",
            "CENTRALA_DESK_MESSAGES_PER_S": "1000000",
            **self._settings,
        }
        command = [sys.executable, "-m", "services.embedded"]
        command += ["--data", str(self.data), "--port", str(self.port), *self._options]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        return self._process

    def connect(self, key: str = ADMIN_KEY) -> Connection:
        """A connection with the installation's key or another."""
        return Connection("127.0.0.1", self.port, key)

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait()
        self._process = None

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def cpu_s(self) -> float:
        """CPU time that the process has used, seconds."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Resident memory."""
        assert self._process is not None
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
