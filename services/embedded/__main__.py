"""`python -m services.embedded`: all four services in one process, over one SQLite file.

    python -m services.embedded --data DIR --port N [--demo]

One process, one file, no server to install. A second process on the same directory is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from services.embedded.compose import BINDS, Embedded, assembled
from services.embedded.demo import DESK_ID, Demo
from services.kernel.errors import CentralaError, Invalid
from services.runtime import collector, logs
from services.runtime.auth import keep_key
from services.runtime.clock import SystemClock
from services.runtime.main import App, run
from services.runtime.settings import Settings, unknown

SWITCH_INTERVAL_S = 0.001
"""How long the event loop may keep Python's lock from the thread that commits; at the default of 5 ms a
commit could cost more than the disk does."""

_log = logging.getLogger(__name__)


async def serve(settings: Settings, demo: bool) -> None:
    """Run the embedded mode until a signal. Raises CentralaError in plain words if it cannot."""
    async with assembled(settings, SystemClock()) as made:
        if demo:
            if not made.grpc:
                raise Invalid("the demo's agents come by gRPC: leave CENTRALA_GRPC on, or leave --demo out")
            made.app.guest_key = made.app.auth.admit_guest(DESK_ID, "read")
            key = made.app.auth.admit_guest(DESK_ID, "admin")
            made.app.add_task("demo", Demo(made.url, made.grpc, key, made.app.clock).run)
        await run(made.app, BINDS, _announcer(made, demo))


def _announcer(made: Embedded, demo: bool) -> Callable[[App], None]:
    def announce(app: App) -> None:
        collector.settle()
        if made.made_key:
            print(f"\nThe installation's key, shown only now:\n\n    {made.made_key}\n", flush=True)
            keep_key(Path(app.settings.data), made.made_key)
        if demo:
            print(f"The demo desk is open: {made.url}/", flush=True)
        else:
            print(f"Centrala listens on {made.url}", flush=True)
        if made.grpc:
            print(f"gRPC is on {made.grpc}", flush=True)
        if app.settings.smtp and app.settings.smtp_port:
            print(f"Mail is taken by SMTP on port {app.settings.smtp_port}", flush=True)

    return announce


def main() -> None:
    """Read the command line and the environment, and serve."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    parser = argparse.ArgumentParser(prog="python -m services.embedded", description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", help="directory of everything (CENTRALA_DATA)")
    parser.add_argument("--port", help="port of HTTP (CENTRALA_PORT)")
    parser.add_argument("--demo", action="store_true", help="with a demo desk, its customers and agents")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_environment(os.environ, data=arguments.data, port=arguments.port)
        logs.set_up(settings.log_level, settings.log_format)
        for line in unknown(os.environ):
            _log.warning(line)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, arguments.demo))
    except CentralaError as error:
        # Everything is closed. gRPC's thread still stands, fails in the interpreter's end, and says so.
        print(f"centrala: {error}", file=sys.stderr, flush=True)
        with contextlib.suppress(OSError):  # whoever read it may be gone
            sys.stdout.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
