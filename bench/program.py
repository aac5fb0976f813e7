"""A program of Centrala as a process: started as a user would, asked over HTTP, weighed by /proc."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.client import Connection

ROOT = Path(__file__).parents[1]
ADMIN_KEY = "bench-admin-key-0123456789"
START_WITHIN_S = 180.0
PORTS = range(26_100, 32_000)
"""Below those are Kafka's (`brokers.py`): whoever is started later has not taken theirs yet."""
_given: set[int] = set()


def free_port() -> int:
    """A TCP port that nothing listens on now and that was not given before, outside the range that outgoing
    connections get theirs from: a client that connects again and again to a dead server's port could be
    given that very one."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


def cpu_s(pid: int) -> float:
    """CPU time that a process has used, its threads' included, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> int:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Program:
    """`python -m MODULE` that serves HTTP on a port of its own; can be killed and started again there.

    output: the file that gets what it says. Python's bytecode is kept beside it: an installed system has
    that, while some environments (containers, CI) switch it off, and then compiling is most of a start.
    """

    def __init__(
        self, module: str, output: Path, settings: Mapping[str, str], arguments: Sequence[str] = ()
    ) -> None:
        self.module = module
        self.port = free_port()
        self._output = output
        self._settings = dict(settings)
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> float:
        """Start the process and wait until it is ready; the seconds that took."""
        self.launch()
        return await self.ready()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting for anything."""
        environment = os.environ | {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self._output.parent / "bytecode"),
            "CENTRALA_ADMIN_KEY": ADMIN_KEY,
            "CENTRALA_LOG_LEVEL": "warning",
            "CENTRALA_DESK_MESSAGES_PER_S": "1000000",
            **self._settings,
        }
        command = [sys.executable, "-m", self.module, "--port", str(self.port), *self._arguments]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=output)
        return self._process

    async def ready(self) -> float:
        """Wait until a process that was launched says so itself; the seconds waited. Raises RuntimeError if
        it ends, TimeoutError."""
        clock = time.perf_counter
        began_s = clock()
        while clock() - began_s < START_WITHIN_S:
            if not self.alive():
                said = "\n".join(self._output.read_text(errors="replace").splitlines()[-10:])
                raise RuntimeError(f"{self.module} ended: {said}")
            try:
                async with self.connect() as connection:
                    if (await connection.request("GET", "/readyz")).status == 200:
                        return clock() - began_s
            except OSError:
                pass
            await asyncio.sleep(0.02)
        self.kill()
        raise TimeoutError(f"{self.module} was not ready within {START_WITHIN_S} s")

    def connect(self, key: str = "") -> Connection:
        """A connection with a key, or that of the installation."""
        return Connection("127.0.0.1", self.port, key or ADMIN_KEY)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, and wait for nothing."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def cpu_s(self) -> float:
        """CPU time that the process has used, seconds."""
        return cpu_s(self.pid)

    def memory_bytes(self) -> int:
        """Resident memory."""
        return memory_bytes(self.pid)


def warnings_in(outputs: Iterable[Path]) -> Counter[str]:
    """What programs warned of in their outputs: level, logger and the first words, with how often."""
    found: Counter[str] = Counter()
    for line in (line for path in outputs for line in path.read_text(errors="replace").splitlines()):
        try:
            told = json.loads(line)
        except ValueError:
            found["not of the log: " + " ".join(line.split()[:6])] += 1
            continue
        if told["level"] != "info":
            found[" ".join([told["level"], told["logger"], *told["message"].split()[:5]])] += 1
    return found
