"""What of a mailbox is deleted, and when: records older than stated, behind what is committed.

The place of a time is found by halving: the log's clock never goes back within a partition.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from services.kernel.errors import Busy, Invalid
from services.runtime.clock import Clock
from services.runtime.event_log import TRY_LATER, EventLog, TopicPartition

EVERY_S = 600.0
FETCH_MS = 1_000

_log = logging.getLogger(__name__)


class Retention:
    """Keeps one mailbox partition short.

    keep_ms: how long a record stays at least. covered: the offset below which nobody needs a record
    any more, as far as anybody has said. every_s: how long from one look to the next.
    """

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        place: TopicPartition,
        keep_ms: int,
        covered: Callable[[], int],
        every_s: float = EVERY_S,
    ) -> None:
        self._log = log
        self._clock = clock
        self._place = place
        self._keep_ms = keep_ms
        self._covered = covered
        self._every_s = every_s
        self._first = 0

    async def run(self) -> None:
        """Delete every few minutes, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.prune()
            except TRY_LATER as error:
                _log.warning("%s is pruned later: %s", self._place.topic, error)

    async def prune(self) -> int:
        """Delete what is old enough and covered; the first offset that stays. Raises as the log does, and
        Busy where it does not say in time how old a record is: then nothing is deleted."""
        before_ms = self._clock.now_ms() - self._keep_ms
        low, high = self._first, min(self._covered(), await self._log.end(*self._place))
        while low < high:
            middle = (low + high) // 2
            at_ms = await self._at_ms(middle)
            if at_ms is None or at_ms < before_ms:
                low = middle + 1
            else:
                high = middle
        if low > self._first:
            await self._log.delete_before(*self._place, low)
            self._first = low
        return low

    async def _at_ms(self, offset: int) -> int | None:
        """When the record was appended; None if it is deleted already."""
        reader = self._log.reader({self._place: offset})
        try:
            records = (await reader.fetch(FETCH_MS)).records
        except Invalid:
            return None
        finally:
            await reader.close()
        if not records:
            raise Busy(f"{self._place.topic}: the log does not say how old its record {offset} is")
        return records[0].at_ms
