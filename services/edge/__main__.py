"""`python -m services.edge`: the edges of all four services behind one address, without any engine.

    python -m services.edge [--port N]

Any number of them may run; settings come from the environment (docs/settings.md, docs/kafka.md,
docs/redis.md).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

import uvloop

from services.edge.compose import BINDS, assembled
from services.kernel.errors import CentralaError
from services.runtime import collector, logs
from services.runtime.clock import SystemClock
from services.runtime.main import App, run
from services.runtime.settings import Settings, unknown
from services.runtime.shared import opened

_log = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Run an edge until a signal. Raises CentralaError in plain words if it cannot."""
    clock = SystemClock()
    async with (
        opened(settings, clock) as shared,
        assembled(settings, clock, shared, settings.partitions) as edge,
    ):
        await shared.blobs.check()
        edge.app.add_task("keys", shared.keys.follow)

        def announce(app: App) -> None:
            collector.settle()
            print(f"Centrala's edge listens on port {edge.port}", flush=True)

        await run(edge.app, BINDS, announce)


def main() -> None:
    """Read the command line and the environment, and serve."""
    parser = argparse.ArgumentParser(prog="python -m services.edge", description=__doc__.split("\n\n")[0])
    parser.add_argument("--port", help="port of HTTP (CENTRALA_PORT)")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_environment(os.environ, port=arguments.port)
        logs.set_up(settings.log_level, settings.log_format)
        for line in unknown(os.environ):
            _log.warning(line)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except CentralaError as error:
        sys.exit(f"centrala: {error}")


if __name__ == "__main__":
    main()
