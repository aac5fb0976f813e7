"""A real embedded server for a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.program import Program, free_port


class Server(Program):
    """`python -m services.embedded` on a data directory; can be killed and started again."""

    def __init__(
        self,
        data: Path,
        fsync_delay_ms: float = 0.0,
        settings: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        self.data = data
        self.smtp_port = free_port()
        self.grpc_port = free_port()
        of_this_kind = {
            "CENTRALA_SMTP_PORT": str(self.smtp_port),
            "CENTRALA_GRPC_PORT": str(self.grpc_port),
            "CENTRALA_FSYNC_EXTRA_MS": str(fsync_delay_ms),
            **(settings or {}),
        }
        output = data.parent / f"{data.name}.log"
        super().__init__("services.embedded", output, of_this_kind, ("--data", str(data), *options))
