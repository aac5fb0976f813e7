"""Projections: how events become views.

Each owned topic has handlers by event body; they change documents of their own topic only, with what
the event says and the document holds. Applying is idempotent by the log's seq: a batch that the views
cover already is passed over. What is not covered when a partition is (again) owned is read from the
log before the first new batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence, is_claim
from services.kernel.errors import Busy
from services.runtime import project_conversations, project_notices, project_routing, project_sla
from services.runtime.clock import Clock
from services.runtime.decided import Answered
from services.runtime.event_log import EventLog, TopicPartition
from services.runtime.hub import Hub
from services.runtime.inputs import EVENT_CLASSES
from services.runtime.loop import Committed, Loop
from services.runtime.streams import Streams
from services.runtime.sweep import sweep
from services.runtime.views import Position, Views

FLUSH_AFTER_MS = 300
"""What changed is written to the store this long after at most …"""
FLUSH_AFTER_CHANGES = 5_000
"""… or when this much has changed."""
LOOK_AGAIN_S = 0.005
"""A loop that has nothing to say about an input writes no batch: who waits for it looks this often."""
SWEEP_EVERY_MS = 600_000

HANDLERS: Mapping[str, Mapping[str, Callable[[Views, Any, Any], None]]] = {
    "conversations": project_conversations.HANDLERS,
    "routing": project_routing.HANDLERS,
    "sla": project_sla.HANDLERS,
    "notices": project_notices.HANDLERS,
}
"""By topic and body: what changes in the views. Called with (views, event, body)."""

NO_OUTCOME = frozenset(
    """request identity merged order_attached forgotten closed reopened erasure_due reference
    undelivered""".split()
)
"""Bodies on `conversations` that follow from a record and are not what became of it."""

_log = logging.getLogger(__name__)


def project(views: Views, committed: Committed, again: bool = True) -> list[tuple[str, Any, Any]]:
    """Take a batch's events into the views; each event's name, the event, and its body. `again`: the views
    may hold already what it begins."""
    handlers = HANDLERS[committed.topic]
    bodies = []
    for event in committed.events:
        name = event.WhichOneof("body")
        body = getattr(event, name) if name else None
        bodies.append((name, event, body))
        if name == "message" and event.message.opens and not again:
            views.begins(event.message.conversation_id)
        handler = handlers.get(name)
        if handler is not None:
            handler(views, event, body)
    return bodies


class Projector:
    """Keeps the views behind the loops of this process, and tells the hub what became of records."""

    def __init__(self, views: Views, hub: Hub, log: EventLog, clock: Clock) -> None:
        self._views = views
        self._hub = hub
        self._log = log
        self._clock = clock
        self._streams = Streams(views, hub)
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._loops: dict[TopicPartition, Loop] = {}

    def bind(self, loop: Loop) -> None:
        """Follow a loop: at each taking over from the log, then batch by batch."""

        async def owned() -> None:
            await self.catch_up(loop.engine.TOPIC, loop.partition, loop.place()[0])

        self._loops[TopicPartition(loop.engine.TOPIC, loop.partition)] = loop
        loop.on_owned(owned)
        loop.listen(self.apply)

    def apply(self, committed: Committed, again: bool = False) -> None:
        """Take a committed batch into the views, then tell whoever waits. Idempotent by seq.

        again: it was read from the log, so other logs may have been read further already.
        """
        position = self._views.position(committed.topic, committed.partition)
        if committed.seq < position.next_seq:
            return
        if committed.seq > position.next_seq:
            raise RuntimeError(
                f"views: {committed.topic} goes on at seq {committed.seq}, not {position.next_seq}"
            )
        views, bodies = self._views, project(self._views, committed, again)
        done = Position(committed.offset + 1, committed.epoch, committed.seq + 1)
        views.advance(committed.topic, committed.partition, done)
        self._tell(committed, bodies)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        if views.changed >= FLUSH_AFTER_CHANGES:
            self._wake.set()

    def _tell(self, committed: Committed, bodies: list[tuple[str, Any, Any]]) -> None:
        topic, hub = committed.topic, self._hub
        if hub.waiting:
            if topic == "conversations":
                for name, event, body in bodies:
                    if name not in NO_OUTCOME and event.origin_id in hub.waiting:
                        hub.settle(event.origin_id, name, body, committed.offset)
            elif topic == "routing":
                for name, event, body in bodies:
                    if name in ("admitted", "refused", "skipped") and event.origin_id in hub.waiting:
                        hub.settle(event.origin_id, name, body, committed.offset)
        if hub.listeners:
            self._streams.publish(committed, bodies)

    async def shown(self, partition: int, mailbox_end: int, timeout_s: float) -> bool:
        """Wait until the views show what follows from the mailbox's records before `mailbox_end`: what
        ingest says of them, what the others say of that, and what they say of each other's words on it.

        False if that takes longer than `timeout_s`.
        """
        deadline_s = self._clock.monotonic_s() + timeout_s
        loops = [loop for place, loop in self._loops.items() if place.partition == partition]
        first = [(loop, "inbound", mailbox_end) for loop in loops if "inbound" in loop.engine.INPUTS]
        return (
            await self._covered(first, deadline_s)
            and await self._covered(_ends(loops, ("conversations",)), deadline_s)
            and await self._covered(_ends(loops, ("routing", "sla", "notices")), deadline_s)
        )

    async def _covered(self, wanted: list[tuple[Loop, str, int]], deadline_s: float) -> bool:
        """Wait until each loop has committed what follows from its input up to an offset."""
        while wanted := [one for one in wanted if one[0].covered(one[1]) < one[2]]:
            if self._clock.monotonic_s() >= deadline_s:
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), LOOK_AGAIN_S)
        return True

    async def watch(self, partition: int, within_s: float) -> None:
        """See Following: everything is heard."""

    async def caught_up(self, partition: int, within_s: float) -> None:
        """See Following: what is heard is shown."""

    async def at_end(self, topic: str, partition: int, within_s: float) -> None:
        """See Following: what is committed is shown."""

    async def look(self, partition: int) -> None:
        """See Following: there is nothing to ask."""

    def answered(self, partition: int, record_id: str) -> Answered | None:
        """See Following: the views are always there."""
        return None

    def backlog(self, partition: int, mailbox_end: int) -> int:
        """How many records of the mailbox, up to `mailbox_end`, ingest has not decided yet; 0 while it is
        restored, since then nothing is let in anyway."""
        ingest = self._loops.get(TopicPartition("conversations", partition))
        if ingest is None or not ingest.ready.is_set():
            return 0
        return max(0, mailbox_end - ingest.covered("inbound"))

    async def catch_up(self, topic: str, partition: int, end: int) -> None:
        """Apply the valid batches of a log that the views do not cover, up to offset `end`."""
        position = self._views.position(topic, partition)
        if position.offset >= end:
            return
        fence, parse = Fence(position.epoch, position.next_seq), EVENT_CLASSES[topic].FromString
        reader = self._log.reader({TopicPartition(topic, partition): position.offset})
        try:
            offset = position.offset
            while offset < end:
                for record in (await reader.fetch(1_000)).records:
                    if record.offset >= end:
                        break
                    offset = record.offset + 1
                    batch = Batch.FromString(record.value)
                    seq = fence.next_seq
                    if fence.admit(batch) and not is_claim(batch):
                        events = [parse(value) for value in batch.events]
                        place = (topic, partition, record.offset, batch.epoch, seq, batch.now_ms)
                        self.apply(Committed(*place, events, tuple(batch.positions)), again=True)
                self._views.advance(topic, partition, Position(offset, fence.epoch, fence.next_seq))
                if self._views.changed >= FLUSH_AFTER_CHANGES:
                    await self._views.flush()
                await asyncio.sleep(0)
        finally:
            await reader.close()

    async def run(self) -> None:
        """Write the views behind, until cancelled. A store that fails is tried again, and said once."""
        swept_ms, fails = self._clock.now_ms(), False
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), FLUSH_AFTER_MS / 1000)
            self._wake.clear()
            try:
                await self._views.flush()
            except Exception as error:  # views can be made anew; the logs and the engines go on
                if not fails:
                    unforeseen = None if isinstance(error, Busy) else error
                    _log.error(
                        "the views cannot be written, tried each second: %s", error, exc_info=unforeseen
                    )
                fails = True
                await asyncio.sleep(1)
            else:
                if fails:
                    _log.warning("the views are written again")
                fails = False
            if self._clock.now_ms() - swept_ms >= SWEEP_EVERY_MS:
                swept_ms = self._clock.now_ms()
                await sweep(self._views, swept_ms)


def _ends(loops: list[Loop], topics: tuple[str, ...]) -> list[tuple[Loop, str, int]]:
    """For each loop that reads one of the topics: where that ends now, as far as it is acknowledged."""
    ends = {loop.engine.TOPIC: loop.place()[0] for loop in loops if loop.engine.TOPIC in topics}
    return [
        (loop, topic, end) for loop in loops for topic, end in ends.items() if topic in loop.engine.INPUTS
    ]
