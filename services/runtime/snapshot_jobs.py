"""Has snapshots made of what this process serves, each by a short-lived process of its own, so that no
loop stops for one."""

from __future__ import annotations

import asyncio
import logging
import sys

from services.runtime.main import App
from services.runtime.seats import Seats

CHECK_EVERY_S = 5.0

_log = logging.getLogger(__name__)


class SnapshotJobs:
    """After so many events of a partition `python -m PROGRAM --snapshot N` is run, one at a time."""

    def __init__(self, app: App, seats: Seats, program: str) -> None:
        self._app = app
        self._seats = seats
        self._program = program
        self._covered: dict[int, int] = {}

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for partition, seat in list(self._seats.taken.items()):
                for topic, loop in seat.loops.items():
                    events = loop.tally.restored_events + loop.tally.events
                    # A loop that begins anew counts anew.
                    covered = min(self._covered.get(partition, 0), events)
                    if events - covered >= self._app.settings.snapshot_every_events:
                        self._covered[partition] = events
                        await self._make(topic, partition)

    async def _make(self, topic: str, partition: int) -> None:
        """A failed one is said, and tried again after as many events more."""
        metrics, began_s = self._app.metrics, self._app.clock.monotonic_s()
        command = [sys.executable, "-m", self._program, "--snapshot", str(partition)]
        child = await asyncio.create_subprocess_exec(*command)
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise
        if code:
            metrics.snapshots.labels(topic, "failed").inc()
            _log.error(
                "no snapshot of %s/%d could be made; a restore folds more of the log", topic, partition
            )
            return
        metrics.snapshots.labels(topic, "made").inc()
        metrics.snapshot_seconds.labels(topic).set(self._app.clock.monotonic_s() - began_s)
