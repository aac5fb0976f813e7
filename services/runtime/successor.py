"""A former owner's look out for its successor.

Theory of operation. Who gives a partition away goes on until somebody else has claimed it, and would learn
of that only by an append that lands behind the claim and counts for nobody. The successor, who expects its
own first batch right behind its claim, would find a gap there and claim again: half a second in which the
desk stands still. So from when others may come the owner reads its own log as well, and decides nothing
more once the claim lies there; an append that is under way just then is what `restore.SETTLE_MS` is for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from proto.v1.envelope_pb2 import Batch
from services.kernel.errors import Busy, Corrupt, Invalid
from services.runtime.event_log import EventLog, TopicPartition

WAIT_MS = 1_000
"""Longest fetch; a claim that comes ends it earlier."""

_log = logging.getLogger(__name__)


class Successor:
    """Looks for a claim above `epoch` from an offset of the own log on, until it is there or `cancel`;
    `told` is called when the look is over."""

    def __init__(
        self, log: EventLog, own: TopicPartition, offset: int, epoch: int, told: Callable[[], None]
    ) -> None:
        self._log = log
        self._task = asyncio.ensure_future(self._look(own, offset, epoch))
        self._task.add_done_callback(lambda _: told())

    @property
    def claimed(self) -> bool:
        """Whether the claim is there. Raises what nobody expected of the look."""
        return self._task.done() and self._task.result()

    def cancel(self) -> None:
        """Look no more."""
        self._task.cancel()

    async def _look(self, own: TopicPartition, offset: int, epoch: int) -> bool:
        reader = self._log.reader({own: offset})
        try:
            while True:
                records = (await reader.fetch(WAIT_MS)).records
                if any(Batch.FromString(record.value).epoch > epoch for record in records):
                    return True
        except (Busy, Corrupt, Invalid) as error:
            _log.warning("%s/%d: its successor will be noticed late: %s", *own, error)
            return False
        finally:
            await reader.close()
