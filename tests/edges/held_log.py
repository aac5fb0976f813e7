"""A log whose followers can be held up."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from services.runtime.event_log import EventLog, Fetched, LogReader, TopicPartition


class HeldLog:
    """An EventLog over another one. While `flows` is not set, whoever follows all of a partition hears
    nothing; an append to a mailbox sets it."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.flows = asyncio.Event()
        self.flows.set()

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """See the port."""
        offset = await self._log.append(topic, partition, values)
        if topic == "inbound":
            self.flows.set()
        return offset

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """See the port. One log alone is read as ever."""
        reader = self._log.reader(starts, lazy)
        return _HeldReader(reader, self.flows) if len(starts) > 1 else reader

    async def end(self, topic: str, partition: int) -> int:
        """See the port."""
        return await self._log.end(topic, partition)

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """See the port."""
        await self._log.delete_before(topic, partition, offset)

    async def close(self) -> None:
        """See the port."""
        await self._log.close()


class _HeldReader:
    """A LogReader that gives out nothing until it may."""

    def __init__(self, reader: LogReader, flows: asyncio.Event) -> None:
        self._reader = reader
        self._flows = flows

    async def fetch(self, max_wait_ms: int) -> Fetched:
        """See LogReader."""
        fetched = await self._reader.fetch(max_wait_ms)
        await self._flows.wait()
        return fetched

    def wake(self) -> None:
        """See LogReader."""
        self._reader.wake()

    async def close(self) -> None:
        """See LogReader."""
        await self._reader.close()
