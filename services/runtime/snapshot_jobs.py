"""Has snapshots made of what this process serves, each by a short-lived process of its own, so that no
loop stops for one. That process also says whether the live state was what the log says
(`state_check.py`)."""

from __future__ import annotations

import asyncio
import logging
import sys

from services.kernel.errors import Invalid
from services.runtime import state_check
from services.runtime.loop import Loop
from services.runtime.main import App
from services.runtime.metrics import Metrics
from services.runtime.seats import Seats
from services.runtime.state_check import Witnesses

CHECK_EVERY_S = 5.0

_log = logging.getLogger(__name__)


class SnapshotJobs:
    """After so many events of a partition `python -m PROGRAM --snapshot N` is run, one at a time."""

    def __init__(self, app: App, seats: Seats, program: str) -> None:
        self._app = app
        self._seats = seats
        self._program = program
        self._covered: dict[int, int] = {}
        self._witnesses = Witnesses()

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        begin_counting(self._app.metrics, self._seats.topic)
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for partition, seat in list(self._seats.taken.items()):
                for topic, loop in seat.loops.items():
                    events = loop.tally.restored_events + loop.tally.events
                    # A loop that begins anew counts anew.
                    covered = min(self._covered.get(partition, 0), events)
                    if events - covered >= self._app.settings.snapshot_every_events:
                        self._covered[partition] = events
                        await self._make(topic, partition, loop)

    async def _make(self, topic: str, partition: int, loop: Loop) -> None:
        """A failed one is said, and tried again after as many events more."""
        metrics, clock = self._app.metrics, self._app.clock
        began_s = clock.monotonic_s()
        witness = await self._witnesses.take(loop)
        command = [sys.executable, "-m", self._program, "--snapshot", str(partition)]
        command += ["--witness", str(witness)] if witness is not None else []
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            said, _ = await child.communicate()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise
        if child.returncode:
            metrics.snapshots.labels(topic, "failed").inc()
            _log.error(
                "no snapshot of %s/%d could be made; a restore folds more of the log", topic, partition
            )
            return
        metrics.snapshots.labels(topic, "made").inc()
        try:
            verdict, size_bytes = state_check.heard(said.decode(errors="replace"))
        except Invalid as error:
            metrics.state_checks.labels(topic, state_check.UNSEEN).inc()
            _log.error("the state of %s/%d was not compared: %s", topic, partition, error)
        else:
            metrics.state_checks.labels(topic, verdict).inc()
            metrics.snapshot_bytes.labels(topic).set(size_bytes)
            self._witnesses.made(loop, size_bytes)
        metrics.snapshot_seconds.labels(topic).set(clock.monotonic_s() - began_s)


def begin_counting(metrics: Metrics, topic: str) -> None:
    """Have all series there from the start, so that their first rise is seen."""
    for outcome in ("made", "failed"):
        metrics.snapshots.labels(topic, outcome)
    for outcome in state_check.OUTCOMES:
        metrics.state_checks.labels(topic, outcome)
