"""Real Kafka brokers for tests and benchmarks, started by `deploy/kafka/start.sh` as a developer would."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.program import ROOT

START = ROOT / "deploy/kafka/start.sh"
PORTS = range(20_000, 26_000)
"""Below the ports that the kernel gives to outgoing connections, and other than those of `free_port`."""
_given: set[int] = set()
WITH_BOTH_COMPILERS = "-XX:+TieredCompilation"
"""The JVM as it compiles by itself: its second compiler takes minutes to be done, and halves a request."""
OTHER_PORTS = (10, 20)
"""A broker's controller listens this far above it, and what other brokers connect to."""

END_WITHIN_S = 60


class Cluster:
    """One or three brokers over one folder, each of which can be killed, frozen and started again."""

    def __init__(
        self,
        folder: Path,
        brokers: int = 1,
        settings: Sequence[str] = (),
        advertised: Sequence[int] = (),
        jvm: str = "",
        users: str = "",
    ) -> None:
        """settings: lines for each broker's properties, beyond those of deploy/kafka. advertised: the port
        that clients are told, for each broker, if that is not its own (a proxy's). jvm: options instead of
        those for a quick start. users: "NAME:PASSWORD ..." who alone are let in, by TLS."""
        self.folder = folder
        self.nodes = range(1, brokers + 1)
        self.port = _free_ports(brokers)
        self._running: dict[int, subprocess.Popen[str]] = {}
        prepare = ["--prepare", "--brokers", str(brokers), "--port", str(self.port)]
        self._jvm = jvm
        self._advertised = [str(port) for port in advertised]
        prepare += ["--secure"] if users else []
        environment = os.environ | {"KAFKA_ADVERTISED": " ".join(self._advertised), "KAFKA_USERS": users}
        subprocess.run([START, folder, *prepare], check=True, env=environment)
        for node in self.nodes:
            with (folder / f"node-{node}.properties").open("a") as file:
                file.writelines(f"{line}\n" for line in settings)

    @property
    def address(self) -> str:
        """What a client is given: all brokers."""
        ports = self._advertised or [str(self.port + node - 1) for node in self.nodes]
        return ",".join(f"127.0.0.1:{port}" for port in ports)

    @property
    def authority(self) -> Path:
        """The certificate that brokers' are checked against, where they have `users`."""
        return self.folder / "tls/ca.crt"

    def start(self, *nodes: int) -> None:
        """Start these brokers, or all; returns when they listen."""
        for node in nodes or self.nodes:
            command: list[str | Path] = [START, self.folder, "--node", str(node)]
            self._running[node] = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=os.environ | ({"KAFKA_JVM": self._jvm} if self._jvm else {}),
            )
        for node in nodes or self.nodes:
            output = self._running[node].stdout
            assert output is not None
            line = output.readline()
            assert line.startswith("Kafka listens on"), f"broker {node} did not start: {line}"

    def signal(self, node: int, number: signal.Signals) -> None:
        """Kill, stop or continue one broker."""
        os.kill(self.pid(node), number)
        if number == signal.SIGKILL:
            self._ended(node)

    def stop(self, node: int) -> None:
        """Have one broker hand over what it leads, and end."""
        self.signal(node, signal.SIGTERM)
        self._ended(node)

    def pid(self, node: int) -> int:
        """The process of one broker."""
        return int((self.folder / f"node-{node}.pid").read_text())

    def close(self) -> None:
        """Kill all: what they hold is thrown away with the folder."""
        for node in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                self.signal(node, signal.SIGKILL)

    def _ended(self, node: int) -> None:
        """Take leave of the script that ran the broker."""
        process = self._running.pop(node)
        process.wait(END_WITHIN_S)
        if process.stdout is not None:
            process.stdout.close()


def _free_ports(brokers: int) -> int:
    """The first of some ports that are free, those of the controllers included."""
    while True:
        first = secrets.choice(PORTS)
        wanted = {first + offset + n for n in range(brokers) for offset in (0, *OTHER_PORTS)}
        if not wanted & _given and all(_free(port) for port in wanted):
            _given.update(wanted)
            return first


def _free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
