"""Whose conversations are, while no views say so.

What is said in a conversation is sealed under its customer's key, so an edge has to know an identity of
theirs before it appends a reply or a note. The views have it. While they are away, the edge folds ingest's
log as a standby does, from the newest snapshot on, and asks that state: up to seconds for the first such
request of a partition, next to nothing for those that follow. A minute after the last one it is let go of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from services.kernel.engine import Engine
from services.kernel.errors import Busy
from services.runtime.clock import Clock
from services.runtime.event_log import EventLog
from services.runtime.snapshots import SnapshotStore
from services.runtime.standby import Standby

UNUSED_S = 60.0
"""A state that nobody asks is kept that much longer."""

_log = logging.getLogger(__name__)


class Whose(NamedTuple):
    """A conversation, and the identity under whose key its words are sealed. `erased`: the customer is being
    erased, or has been."""

    conversation: str
    identity_hash: bytes
    erased: bool


Ask = Callable[[Any, str, str, int], Whose | None]
"""What a state says of a desk's conversation at a time (Unix ms); None if it does not know."""


class People:
    """Asks an engine's state. `run` is one of the process's tasks."""

    def __init__(
        self, engine: Engine, ask: Ask, log: EventLog, snapshots: SnapshotStore, clock: Clock
    ) -> None:
        self._engine = engine
        self._ask = ask
        self._log = log
        self._snapshots = snapshots
        self._clock = clock
        self._folds: dict[int, tuple[Standby, float]] = {}

    async def whose(
        self, partition: int, desk_id: str, conversation_id: str, within_s: float
    ) -> Whose | None:
        """What the log says up to its end; None if the desk has no such conversation. Raises Busy if it is
        not read in time: it goes on being read for the next one who asks."""
        standby = self._standby(partition)
        try:
            async with asyncio.timeout(within_s):
                end = await self._log.end(self._engine.TOPIC, partition)
                state = await standby.state_at(end)
                return self._ask(state, desk_id, conversation_id, self._clock.now_ms())
        except TimeoutError:
            raise Busy("Whose the conversation is is still being read from the log.") from None

    def _standby(self, partition: int) -> Standby:
        found = self._folds.get(partition)
        if found is not None and found[0].task.done():
            _log.error("%s/%d is folded anew", self._engine.TOPIC, partition, exc_info=_error(found[0].task))
            found = None
        if found is None:
            made = Standby(self._engine, self._log, self._snapshots, self._clock, partition)
            found = (made, 0.0)
        self._folds[partition] = (found[0], self._clock.monotonic_s())
        return found[0]

    def folded(self) -> list[int]:
        """The partitions whose log is read for it now."""
        return sorted(self._folds)

    async def run(self) -> None:
        """Let go of what nobody asks any more, until cancelled."""
        try:
            while True:
                await asyncio.sleep(UNUSED_S / 4)
                for partition, (standby, used_s) in list(self._folds.items()):
                    if self._clock.monotonic_s() - used_s > UNUSED_S:
                        del self._folds[partition]
                        standby.task.cancel()
        finally:
            for standby, _ in self._folds.values():
                standby.task.cancel()


def _error(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()
