"""Reads the logs of an installation and checks what must always hold.

    python -m tools.check_log --data DIR

Offline and read-only; a running process is not disturbed. Prints one line for each violation and a
summary; exits 1 if there is a violation, 2 if the logs cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from services.ingest import engine as ingest
from services.kernel.engine import Engine
from services.kernel.errors import CentralaError
from services.notify import engine as notify
from services.router import engine as router
from services.sla import engine as sla
from tools.invariants import SLACK_MS, check
from tools.stored import StoredLogs

SHOWN_MAX = 1_000
"""Violations that are printed; the summary counts all."""


def engines() -> Mapping[str, Engine]:
    """The engine of each owned topic."""
    return {one.TOPIC: one for one in (ingest, router, sla, notify)}


def main(arguments: list[str]) -> int:
    """Check one data directory; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.check_log", description="Check what must always hold, on the logs."
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the data directory")
    parser.add_argument(
        "--slack-ms",
        type=int,
        default=SLACK_MS,
        metavar="MS",
        help=f"how late a deadline may be before it counts as missed (default {SLACK_MS})",
    )
    given = parser.parse_args(arguments)
    try:
        report = check(StoredLogs(given.data), engines(), given.slack_ms)
    except CentralaError as error:
        print(f"cannot read the logs: {error}", file=sys.stderr)
        return 2
    for violation in report.violations[:SHOWN_MAX]:
        print(violation)
    for name, state_hash in sorted(report.hashes.items()):
        print(f"state {name} {state_hash}")
    print(report.summary())
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
