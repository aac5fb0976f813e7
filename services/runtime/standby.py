"""A standby: the state of a partition that others own, kept warm for the moment that it becomes ours.

It folds the own log like a take-over does, and goes on as records come. Handing over its fold saves a
take-over everything but the last records and the claim.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from services.kernel.engine import Engine
from services.runtime import restore
from services.runtime.clock import Clock
from services.runtime.event_log import TRY_LATER, EventLog, TopicPartition
from services.runtime.restore import Fold
from services.runtime.snapshots import SnapshotStore

FETCH_MS = 1_000
AGAIN_S = 1.0

_log = logging.getLogger(__name__)


class Standby:
    """Follows one partition until it is handed over."""

    def __init__(
        self, engine: Engine, log: EventLog, snapshots: SnapshotStore, clock: Clock, partition: int
    ) -> None:
        self._clock = clock
        self._heard_s = clock.monotonic_s()
        self._engine = engine
        self._log = log
        self._snapshots = snapshots
        self._partition = partition
        self._fold: Fold | None = None
        self.warm = asyncio.Event()
        """Set once the log was read to its end."""
        self._moved = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    def silent_s(self) -> float:
        """For how long nothing was appended, as far as we have read."""
        return self._clock.monotonic_s() - self._heard_s

    async def hand_over(self) -> Fold | None:
        """Stop, and give what was folded; None if that is nothing yet. Raises what the fold met."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        return self._fold

    async def state_at(self, offset: int) -> Any:
        """The state once everything before `offset` of the log is folded; not to be changed, nor to be looked
        at behind another await."""
        while self._fold is None or self._fold.offset < offset:
            await self._moved.wait()
        return self._fold.state

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except TRY_LATER as error:
                _log.warning("standby of %s/%d: %s", self._engine.TOPIC, self._partition, error)
            await asyncio.sleep(AGAIN_S)

    async def _follow(self) -> None:
        fold = self._fold
        if fold is None:
            fold = await restore.begin(self._engine, self._log, self._snapshots, self._partition)
        reader = self._log.reader({TopicPartition(self._engine.TOPIC, self._partition): fold.offset})
        try:
            while True:
                fetched = await reader.fetch(FETCH_MS if self.warm.is_set() else 0)
                # Between two awaits a fold is whole: it may be handed over at each of them.
                self._fold = None
                for record in fetched.records:
                    fold.take(self._engine, record)
                    self._heard_s = self._clock.monotonic_s()
                self._fold = fold
                moved, self._moved = self._moved, asyncio.Event()
                moved.set()
                if fetched.drained:
                    self.warm.set()
                await asyncio.sleep(0)
        finally:
            await reader.close()
