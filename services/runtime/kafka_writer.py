"""One idempotent producer, and what must be thrown away with it.

An awaited idempotent batch is appended whole or not at all, behind the one before. Whatever else happens
(an error, a wait that is over, a cancelled call) leaves a producer whose next batches may fail for ever
(a burnt sequence number) and whose last one may still land: so it is thrown away, and the next append
makes another. Nothing is tried again here; who decided on a state that may be old must claim first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

from services.kernel.errors import Fenced, Invalid
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_rights import REFUSALS, plain
from services.runtime.kafka_wire import NOT_NOW

APPEND_WITHIN_S = 6.0
"""Longest wait for an acknowledgement: brokers replace a leader that died within 3 s or so. A request's own
bound (`patience.py`) does not end it: a cancelled append throws the mailboxes' shared producer away."""
CLOSE_WITHIN_S = 1.0
REQUEST_BYTES_MAX = 1_048_576
"""Kafka's own default of the largest batch (message.max.bytes), less its headers."""
RECORD_OVERHEAD_BYTES = 32
"""Bound on what a record takes beside its value (aiokafka reckons 21 and lengths)."""
BATCH_OVERHEAD_BYTES = 128

Record = tuple[bytes | None, bytes | None]
"""Key and value. Logs have no keys; in a compacted topic a record without a value deletes its key."""

_log = logging.getLogger(__name__)
_leaving: set[asyncio.Task[None]] = set()


def check_size(where: str, values: Sequence[bytes]) -> None:
    """Raise Invalid if the values fit no batch: brokers would refuse it and break the producer."""
    size = sum(map(len, values)) + RECORD_OVERHEAD_BYTES * len(values) + BATCH_OVERHEAD_BYTES
    if size > REQUEST_BYTES_MAX:
        raise Invalid(f"{where}: {size} bytes in one append, at most {REQUEST_BYTES_MAX}")


class Writer:
    """A producer from its first append to its first failure."""

    def __init__(self, access: KafkaAccess) -> None:
        self.alive = True
        self._producer: Any = AIOKafkaProducer(
            **access.options(),
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=REQUEST_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
        )
        self._starting: asyncio.Task[None] | None = asyncio.ensure_future(self._producer.start())

    async def append(self, topic: str, partition: int, records: Sequence[Record], alone: bool = False) -> int:
        """Append as one batch; the first offset. alone: nobody else writes through this producer, so a
        cancelled call throws it away too.

        Raises Fenced for whatever leaves the outcome unknown; the writer is dead then.
        """
        try:
            async with asyncio.timeout(APPEND_WITHIN_S):
                if self._starting is not None:
                    await asyncio.shield(self._starting)
                    self._starting = None
                acknowledged = await asyncio.shield(await self._send(topic, partition, records))
        except asyncio.CancelledError:
            if alone:
                self.discard()
            raise
        except NOT_NOW as error:  # TimeoutError is an OSError
            self.discard()
            why = plain(error, "Write", topic)
            if isinstance(error, REFUSALS):  # an edge's caller is told to come again; it will never do
                _log.error("%s", why)
            raise Fenced(f"no acknowledgement from {topic}/{partition}: {why}") from error
        if acknowledged.offset < 0:
            self.discard()
            raise Fenced(f"{topic}/{partition} does not say where the append lies")
        return int(acknowledged.offset)

    async def _send(self, topic: str, partition: int, records: Sequence[Record]) -> asyncio.Future[Any]:
        if len(records) == 1:
            ((key, value),) = records
            send = self._producer.send(topic, value, key=key, partition=partition)
            future: asyncio.Future[Any] = await send
            return future
        batch = self._producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                raise Invalid(f"{topic}/{partition}: {len(records)} records fit no batch")
        batch.close()
        future = await self._producer.send_batch(batch, topic, partition=partition)
        return future

    def discard(self) -> None:
        """Never use this producer again; what it still holds may land or not."""
        if self.alive:
            self.alive = False
            task = asyncio.ensure_future(self._cut())
            _leaving.add(task)
            task.add_done_callback(_leaving.discard)

    async def close(self) -> None:
        """Let what is under way finish for a moment, then let go."""
        if not self.alive:
            return
        self.alive = False
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                if self._starting is not None:
                    await self._starting
                await self._producer.flush()
        except NOT_NOW as error:
            _log.warning("a producer ends with appends under way: %r", error)
        await self._cut()

    async def _cut(self) -> None:
        """Close without sending anything more: `stop` would flush, and may hang for ever."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting], timeout=CLOSE_WITHIN_S)
        producer = self._producer
        producer._closed = True
        sender = producer._sender.sender_task
        for _ in range(2):  # the first ends the sending, the second what that still waits for
            if sender is not None and not sender.done():
                sender.cancel()
                await asyncio.wait([sender], timeout=CLOSE_WITHIN_S / 4)
        _fail(producer._message_accumulator)
        await producer.client.close()


def _fail(accumulator: Any) -> None:
    """Whoever waits for a batch need not wait longer; whoever has gone needs no word."""
    queued = [batch for batches in accumulator._batches.values() for batch in batches]
    accumulator._pending_batches.update(queued)  # where the client looks for what is done
    for batch in list(accumulator._pending_batches):
        futures = [batch.future, *(future for future, _ in batch._msg_futures)]
        batch.failure(ProducerClosed())
        for future in (*futures, batch._drain_waiter):
            if not future.cancelled():
                future.exception()


async def all_gone() -> None:
    """Wait until every discarded producer has let go of its connections."""
    while _leaving:
        await asyncio.wait(set(_leaving))
