"""A process of the distributed mode that runs one engine: `python -m services.router` and its siblings.

    python -m services.SERVICE             serve the partitions that the group gives us, until a signal
    python -m services.SERVICE --snapshot N   make one snapshot of partition N, say how its state compares
                                              with a witness (`state_check.py`), and exit
    python -m services.SERVICE --views N,M    move the views' bases of these partitions forward, and exit

Any number of processes may run the same engine: they spread the partitions among them. At SIGTERM a process
leaves the group, goes on until others have claimed its partitions, and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence

import uvloop

from services.kernel.engine import Engine
from services.kernel.errors import CentralaError, Invalid
from services.runtime import collector, health, logs, state_check, telemetry, views_base
from services.runtime.base_jobs import BaseJobs
from services.runtime.clock import SystemClock
from services.runtime.far import process
from services.runtime.kafka_wire import NOT_NOW
from services.runtime.main import Bind, listen, serve_http, until_stopped
from services.runtime.membership import Membership
from services.runtime.publish import SWEEPER
from services.runtime.redis_link import RedisLink
from services.runtime.seats import Seats
from services.runtime.settings import Settings, unknown
from services.runtime.shared import opened
from services.runtime.snapshot_jobs import SnapshotJobs
from services.runtime.state_check import Said, Witness
from services.runtime.views_read import RemoteViews

SNAPSHOT_NICENESS = 10
WITH_BLOBS = ("conversations", "notices")
"""Ingest deletes blobs, notify sends them; other engines need no access to them."""

_log = logging.getLogger(__name__)


async def serve(settings: Settings, engine: Engine, bind: Bind, program: str) -> None:
    """Run the engine until a signal. Raises CentralaError in plain words if it cannot."""
    clock = SystemClock()
    async with opened(settings, clock) as shared:
        if engine.TOPIC in WITH_BLOBS:
            await shared.blobs.check()
        sock = listen(settings.host, settings.port)
        app, publishers = process(settings, clock, shared, settings.partitions)
        membership = Membership(shared.access, engine.TOPIC)
        seats = Seats(app, engine, bind, membership, publishers.attach, publishers.detach)
        app.also_ready(seats.ready)
        health.add_to(app)
        telemetry.watch_process(app)
        app.tracing.bind(app)
        app.add_task("http", lambda: serve_http(app, sock))
        app.add_task("keys", shared.keys.follow)
        if engine.TOPIC == "conversations":
            app.add_task("keys' end", shared.keys.roll)
        app.add_task("publishers", publishers.run)
        app.add_task("seats", seats.run)
        app.add_task("snapshots", SnapshotJobs(app, seats, program).run)
        if engine.TOPIC == SWEEPER:
            app.add_task("views' bases", BaseJobs(seats, program).run)
        try:
            await membership.join()
        except NOT_NOW as error:
            raise Invalid(f"the group of {engine.TOPIC} cannot be joined: {error}") from error
        try:
            await app.start()
            collector.settle()
            port = sock.getsockname()[1]
            sys.stdout.write(f"Centrala's {engine.TOPIC} engine runs; health and metrics on port {port}\n")
            sys.stdout.flush()
            await until_stopped(app)
            await seats.drain()
        finally:
            await seats.leave()
            await app.stop()


async def snapshot(settings: Settings, engine: Engine, partition: int, witness: Witness | None) -> Said:
    """Fold a partition's log to its end and keep the state; what is said of it."""
    clock = SystemClock()
    async with opened(settings, clock) as shared:
        return await state_check.snapshot(engine, shared.log, shared.snapshots, partition, witness)


def numbers(given: str, partitions: int) -> list[int]:
    """Partitions as the command line names them: N,M. Raises Invalid for what is none."""
    listed = given.split(",")
    if not all(
        one.isascii() and one.isdecimal() and len(one) < 10 and int(one) < partitions for one in listed
    ):
        raise Invalid(f"--views must be partitions from 0 to {partitions - 1} as N,M, not {given!r}")
    return [int(one) for one in listed]


async def views(settings: Settings, partitions: Sequence[int]) -> bool:
    """Move the bases of the views of some partitions forward, each as far as its views say; whether all could
    be moved."""
    clock = SystemClock()
    async with opened(settings, clock) as shared:
        link = RedisLink.of(settings, clock)
        try:
            remote = RemoteViews(link, settings.partitions)
            shown = {partition: remote.part(partition) for partition in partitions}
            return await views_base.forward_all(shared.log, shared.snapshots, shown, clock.now_ms())
        finally:
            await link.close()


def main(engine: Engine, bind: Bind, program: str, arguments: Sequence[str]) -> None:
    """Read the command line and the environment, and serve. program: the module's name."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=__doc__.split("\n\n")[0])
    parser.add_argument("--port", help="port of health and metrics (CENTRALA_PORT)")
    parser.add_argument("--snapshot", type=int, metavar="N", help="make one snapshot of partition N and exit")
    parser.add_argument("--witness", default="", help="OFFSET:SHA256 of the live state, to be compared with")
    parser.add_argument("--views", metavar="N,M", help="move the views' bases of these partitions and exit")
    given = parser.parse_args(arguments)
    try:
        settings = Settings.from_environment(os.environ, port=given.port)
        logs.set_up(settings.log_level, settings.log_format)
        for line in unknown(os.environ):
            _log.warning(line)
        if given.snapshot is not None or given.views is not None:
            os.nice(SNAPSHOT_NICENESS)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            if given.snapshot is not None:
                witness = state_check.parsed(given.witness)
                said = runner.run(snapshot(settings, engine, given.snapshot, witness))
                sys.stdout.write(f"{said}\n")
            elif given.views is not None:
                if not runner.run(views(settings, numbers(given.views, settings.partitions))):
                    sys.exit(1)
            else:
                runner.run(serve(settings, engine, bind, program))
    except CentralaError as error:
        sys.exit(f"centrala: {error}")
