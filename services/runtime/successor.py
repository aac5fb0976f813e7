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

_log = logging.getLogger(__name__)


class Successor:
    """Looks for a claim above `epoch` from an offset of the own log on, until it is there or `cancel`.

    claimed: whether it is there; `told` is called when it becomes so.
    """

    def __init__(
        self, log: EventLog, own: TopicPartition, offset: int, epoch: int, told: Callable[[], None]
    ) -> None:
        self.claimed = False
        self._log = log
        self._task = asyncio.ensure_future(self._look(own, offset, epoch, told))

    def cancel(self) -> None:
        """Look no more."""
        self._task.cancel()

    async def _look(self, own: TopicPartition, offset: int, epoch: int, told: Callable[[], None]) -> None:
        reader = self._log.reader({own: offset})
        try:
            while not self.claimed:
                records = (await reader.fetch(WAIT_MS)).records
                self.claimed = any(Batch.FromString(record.value).epoch > epoch for record in records)
            told()
        except (Busy, Corrupt, Invalid) as error:
            _log.warning("%s/%d: its successor will be noticed late: %s", *own, error)
        finally:
            await reader.close()
