"""Reads the logs of an installation and checks what must always hold.

    python -m tools.check_log --data DIR
    python -m tools.check_log --kafka [HOST:PORT] [--prefix centrala.]

The second form takes what is not given (CENTRALA_KAFKA), TLS and passwords from the environment
(docs/settings.md). Offline and
read-only; a running process is not disturbed. Prints one line for each violation and a summary; exits 1 if
there is a violation, 2 if the logs cannot be read.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from services.ingest import engine as ingest
from services.kernel.engine import Engine
from services.kernel.errors import CentralaError
from services.notify import engine as notify
from services.router import engine as router
from services.runtime.kafka_access import KafkaAccess
from services.runtime.settings import Settings
from services.sla import engine as sla
from tools.invariants import SLACK_MS, check
from tools.invariants.report import Report
from tools.stored import StoredLogs
from tools.stored_kafka import KafkaLogs

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
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, metavar="DIR", help="the data directory")
    where.add_argument(
        "--kafka",
        metavar="HOST:PORT",
        nargs="?",
        const="",
        help="brokers, with commas (CENTRALA_KAFKA)",
    )
    parser.add_argument("--prefix", help="what the topics' names begin with in Kafka (CENTRALA_KAFKA_PREFIX)")
    parser.add_argument(
        "--slack-ms",
        type=int,
        default=SLACK_MS,
        metavar="MS",
        help=f"how late a deadline may be before it counts as missed (default {SLACK_MS})",
    )
    given = parser.parse_args(arguments)
    # It says twenty times a second that a topic is missing, while we wait for it; we say so once.
    logging.getLogger("aiokafka.cluster").setLevel(logging.CRITICAL)
    try:
        if given.kafka is not None:
            report = _check_kafka(given.kafka, given.prefix, given.slack_ms)
        else:
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


def _check_kafka(servers: str, prefix: str | None, slack_ms: int) -> Report:
    settings = Settings.from_environment(os.environ, kafka=servers or None, kafka_prefix=prefix)
    logs = KafkaLogs(KafkaAccess.of(settings))
    try:
        return check(logs, engines(), slack_ms)
    finally:
        logs.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
