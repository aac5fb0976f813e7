"""A base of the views: what a rebuild begins with instead of the logs' beginning.

Theory of operation. Views show open work and what was resolved in the last 90 days. So there is a time, the
covered time, before which nothing began that they still show: the smaller of 90 days ago and the opening of
the oldest conversation that is kept. What stands in the views from before it is little: desks, agents,
keys, customers, orders, and the short documents of conversations that were not gone yet. A base holds that
as it was at the covered time, with a place `(offset, epoch, next_seq)` in each log; whoever rebuilds takes
it in and goes on from the places. It may always be thrown away: then the logs are read from their beginning.

A base is moved forward from the one before it: the logs are projected on from its places up to the new
covered time, in the order in which one thing led to another. So each record is read once for it, whatever
the age of the installation. It lies among the snapshots, in one piece, so that its places belong together.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from proto.v1.envelope_pb2 import Batch
from services.kernel.engine import Input
from services.kernel.errors import Corrupt
from services.kernel.limits import DAY_MS, RESOLVED_DAYS
from services.runtime import restore
from services.runtime.documents import (
    VERSION,
    AgentLoad,
    AgentView,
    ApiKeyView,
    Conversation,
    Customer,
    DeskView,
    Document,
    Leaving,
    OrderView,
    Ownership,
)
from services.runtime.event_log import OWNED_TOPICS, TRY_LATER, EventLog, TopicPartition
from services.runtime.inputs import Inputs, Place, Unreadable
from services.runtime.projections import HANDLERS
from services.runtime.snapshots import Snapshot, SnapshotStore
from services.runtime.sweep import sweep
from services.runtime.view_store import DeskViews, MemoryStore
from services.runtime.views import Views

TOPIC = "views"
"""What a base is called among the snapshots."""
CARRIED: Mapping[str, tuple[type[Document], ...]] = {
    "conversations": (Conversation, Customer, OrderView, Leaving, DeskView, AgentView, ApiKeyView),
    "routing": (Ownership, AgentLoad),
    "sla": (),
    "notices": (),
}
"""What of each log's views is carried over; of the rest nothing is left that long."""
COVERED_MS = (RESOLVED_DAYS + 1) * DAY_MS
OPENED_BEFORE_MS = 3_600_000
"""A conversation's opening is dated by the mailbox, batches by their writers' clocks."""

HOLDS_UP: tuple[type[Exception], ...] = (*TRY_LATER, Corrupt)
"""What concerns one partition of many."""

_CARRIED = tuple(kind for kinds in CARRIED.values() for kind in kinds)
_log = logging.getLogger(__name__)


class Base(msgspec.Struct):
    """The covered time, the place in each log, and the documents by kind."""

    until_ms: int
    places: dict[str, tuple[int, int, int]]
    documents: dict[str, list[bytes]]

    def of(self, topic: str) -> Iterator[Document]:
        """The documents of one log's views."""
        for kind in CARRIED[topic]:
            decode = msgspec.msgpack.Decoder(kind).decode
            for body in self.documents.get(kind.KIND, ()):
                yield decode(body)


async def load(log: EventLog, snapshots: SnapshotStore, partition: int) -> Base | None:
    """The base of a partition, if there is one that this release can read and the logs agree with. Raises
    Busy."""
    kept = await snapshots.load(TOPIC, partition)
    if kept is None or kept.state_version != VERSION:
        return None
    base = msgspec.msgpack.decode(kept.data, type=Base)
    for topic, (offset, epoch, next_seq) in base.places.items():
        at = Snapshot(topic, partition, VERSION, offset, epoch, next_seq, kept.now_ms, [], b"")
        if offset and not await restore.agrees(log, at):
            _log.warning("the base of the views of partition %d does not agree with its logs", partition)
            return None
    return base


async def covered_ms(views: DeskViews, now_ms: int) -> int:
    """Before when nothing began that the views of a partition still show, Unix ms. Raises Busy."""
    covered = now_ms - COVERED_MS
    for desk in await views.scan(DeskView, ""):
        for _, oldest in await views.find(Conversation, f"all/{desk.id}", 1, newest=False):
            covered = min(covered, oldest.opened_ms - OPENED_BEFORE_MS)
    return covered


async def forward(log: EventLog, snapshots: SnapshotStore, partition: int, until_ms: int) -> Base | None:
    """Move the base of a partition up to a covered time, and keep it; None if there is nothing to move over.

    Raises Busy, Fenced.
    """
    base = await load(log, snapshots, partition) or Base(0, {}, {})
    carrying = _Carrying(base)
    inputs = Inputs(OWNED_TOPICS, partition, {topic: Place(*place) for topic, place in base.places.items()})
    before = inputs.starts()
    await _project(log, inputs, carrying, until_ms)
    if inputs.starts() == before:
        return None
    await sweep(carrying, until_ms)
    await carrying.flush()
    places = {topic: (one.offset, one.epoch, one.next_seq) for topic, one in inputs.places.items()}
    moved = Base(until_ms, places, carrying.documents())
    own = places["conversations"]
    data = msgspec.msgpack.encode(moved)
    await snapshots.save(Snapshot(TOPIC, partition, VERSION, *own, until_ms, inputs.written(), data))
    return moved


async def forward_all(
    log: EventLog, snapshots: SnapshotStore, shown: Mapping[int, DeskViews], now_ms: int
) -> bool:
    """Move the base of each partition as far as its views say; whether all could be moved. What holds one
    up is logged, and holds up no other."""
    whole = True
    for partition, views in shown.items():
        try:
            await forward(log, snapshots, partition, await covered_ms(views, now_ms))
        except HOLDS_UP as error:
            _log.error("the base of the views of partition %d is not moved: %s", partition, error)
            whole = False
    return whole


async def _project(log: EventLog, inputs: Inputs, views: Views, until_ms: int) -> None:
    """Take everything before a time into the views. Of each log no more is read than the fetch that reaches
    that time."""
    ahead = inputs.starts()
    while ahead:
        reader, everywhere = log.reader(ahead), len(ahead)
        try:
            while len(ahead) == everywhere:
                fetched = await reader.fetch(0)
                for record in fetched.records:
                    place = TopicPartition(record.topic, record.partition)
                    if place not in ahead:
                        continue
                    if Batch.FromString(record.value).now_ms >= until_ms:
                        del ahead[place]
                        continue
                    ahead[place] = record.offset + 1
                    inputs.add([record])
                for found in inputs.merged():
                    _take(views, found)
                await views.flush()
                if fetched.drained:
                    return
        finally:
            await reader.close()


def _take(views: Views, found: Input) -> None:
    event: Any = found.event
    if isinstance(event, Unreadable):
        return
    name = event.WhichOneof("body")
    handler = HANDLERS[found.topic].get(name)
    if handler is not None:
        handler(views, event, getattr(event, name))


class _Carrying(Views):
    """Views in memory that hold only what a base carries."""

    def __init__(self, base: Base) -> None:
        super().__init__(MemoryStore())
        for topic in OWNED_TOPICS:
            for doc in base.of(topic):
                self.put(doc)

    def put(self, doc: Document) -> None:
        """As Views; what is not carried is forgotten at once."""
        if type(doc) in _CARRIED:
            super().put(doc)

    def documents(self) -> dict[str, list[bytes]]:
        """All of them by kind, in the order of their keys."""
        encode = msgspec.msgpack.Encoder().encode
        return {kind.KIND: [encode(doc) for doc in self.under(kind, "")] for kind in _CARRIED}
