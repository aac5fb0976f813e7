"""What surrounds the engine: its loop, the deletion of keys that erasures ask for, the mailbox's end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from proto.v1.content_pb2 import MessageContent, OrderContent
from proto.v1.conversations_pb2 import ErasureDue
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import ErasureReport, Inbound
from services.ingest import engine
from services.ingest.figures import Figures
from services.ingest.invariants import Invariants
from services.kernel.errors import CentralaError
from services.kernel.ids import HASH_BYTES, derive_id
from services.kernel.limits import DAY_MS, INBOUND_KEPT_DAYS, QUARANTINE_DAYS
from services.runtime.documents import Conversation, Customer, Message, OrderView
from services.runtime.event_log import TRY_LATER, LogReset, TopicPartition
from services.runtime.keys import WHENEVER_MS, made_ms
from services.runtime.loop import Committed
from services.runtime.retention import Retention
from services.runtime.view_store import DeskViews, Place

if TYPE_CHECKING:
    from services.runtime.main import App

CONVERSATIONS_AT_ONCE = 200
QUARANTINE_SWEPT_DAYS = 400
"""Days beyond the horizon whose keys are deleted again, at once: a process may have been off for long."""

M = TypeVar("M", MessageContent, OrderContent)
_log = logging.getLogger(__name__)


def bind(app: App) -> None:
    """Run the ingest engine in this process, and do what its events ask for."""
    loop = app.add_loop(engine, lazy=("routing", "notices"))
    app.metrics.figures[engine.TOPIC] = Figures(app.metrics, app.clock)
    app.metrics.invariants[engine.TOPIC] = Invariants
    read = _Read()
    loop.listen(read.committed)
    place = TopicPartition("inbound", loop.partition)
    keep_ms = INBOUND_KEPT_DAYS * DAY_MS
    app.add_task("mailbox end", Retention(app.log, app.clock, place, keep_ms, lambda: read.offset).run)
    eraser = Eraser(app, loop.partition)
    loop.listen(eraser.committed)

    async def erasures() -> None:
        await loop.ready.wait()
        eraser.resume(loop.state)
        await eraser.run()

    async def quarantine_end() -> None:
        await loop.ready.wait()
        await expire_quarantine(app, lambda: loop.state.data.desks)

    app.add_task("erasures", erasures)
    app.add_task("quarantine end", quarantine_end)


class _Read:
    """How far the mailbox is covered by what is committed."""

    def __init__(self) -> None:
        self.offset = 0

    def committed(self, batch: Committed) -> None:
        """Take over the batch's position."""
        for position in batch.positions:
            if position.topic == "inbound":
                self.offset = position.offset


class Eraser:
    """Retires the keys when an erasure is requested; deletes blobs, then keys, when it is due, and
    reports it to the mailbox.

    Doing it twice is harmless; until it is reported the engine asks again.
    """

    def __init__(self, app: App, partition: int) -> None:
        self._app = app
        self._partition = partition
        self._due: asyncio.Queue[tuple[str, ErasureDue]] = asyncio.Queue()

    def committed(self, batch: Committed) -> None:
        """Retire the keys of who is to be erased; note erasures that are due."""
        for event in batch.events:
            what = event.WhichOneof("body")
            if what == "erasure_requested":
                hashes = event.erasure_requested.identity_hashes
                self._app.sealing.retire(event.desk_id, hashes, event.occurred_at_ms)
            elif what == "erasure_due":
                self._due.put_nowait((event.desk_id, event.erasure_due))

    def resume(self, state: engine.State) -> None:
        """After a start: retire the keys of erasures that were requested before it."""
        for erasure in state.data.erasures.values():
            self._app.sealing.retire(erasure.desk, erasure.hashes, erasure.keys_until_ms)

    async def run(self) -> None:
        """Erase one after the other, until cancelled."""
        while True:
            desk_id, due = await self._due.get()
            try:
                await self.erase(desk_id, due)
            except (CentralaError, LogReset, OSError) as error:  # whatever it is, the others go on
                told = "erasure %s is not done yet, it is tried again: %s"
                _log.error(told, due.erasure_id, error, extra={"desk": desk_id})

    async def erase(self, desk_id: str, due: ErasureDue) -> None:
        """Delete what the customer's words lie in, then the keys, then say so."""
        blobs = await self._blobs_of(desk_id, due)
        for blob in blobs:
            await self._app.blobs.delete(blob)
        hashes = list(due.identity_hashes)
        keys = await self._app.sealing.erase(desk_id, hashes, due.keys_until_ms or WHENEVER_MS)
        report = Inbound(
            desk_id=desk_id,
            record_id=derive_id("r", "erased", due.erasure_id),
            erasure_report=ErasureReport(erasure_id=due.erasure_id, keys=keys, blobs=len(blobs)),
        )
        await self._app.log.append("inbound", self._partition, [report.SerializeToString()])

    async def _blobs_of(self, desk_id: str, due: ErasureDue) -> list[str]:
        """Blobs that messages and orders name of the customer and of whom the erasure takes along; found
        while their keys still open them."""
        views = self._app.views.of(desk_id)
        customer = await views.get(Customer, due.customer_id)
        taken = customer.erasing.get(due.erasure_id, ()) if customer is not None else ()
        found: dict[str, None] = {}
        for one in (due.customer_id, *taken):
            found.update(dict.fromkeys(await self._blobs_under(views, f"customer/{one}", due)))
        return [blob for blob in found if blob]

    async def _blobs_under(self, views: DeskViews, term: str, due: ErasureDue) -> list[str]:
        found = list[str]()
        after: Place | None = None
        more = True
        while more:
            page = await views.find(Conversation, term, CONVERSATIONS_AT_ONCE, after)
            for _, conversation in page:
                messages = await views.scan(Message, f"{conversation.id}/")
                for content in await self._dying([m.content for m in messages], due, MessageContent):
                    found += [content.raw_blob, content.full_blob, *(a.blob for a in content.attachments)]
            after = page[-1][0] if page else None
            more = len(page) == CONVERSATIONS_AT_ONCE
        after, more = None, True
        while more:
            orders = await views.find(OrderView, term, CONVERSATIONS_AT_ONCE, after)
            for order in await self._dying([order.content for _, order in orders], due, OrderContent):
                found.append(order.full_blob)
            after = orders[-1][0] if orders else None
            more = len(orders) == CONVERSATIONS_AT_ONCE
        return found

    async def _dying(self, raw: Sequence[bytes], due: ErasureDue, cls: type[M]) -> list[M]:
        """Contents under keys that this erasure deletes."""
        identities, until_ms = set(due.identity_hashes), due.keys_until_ms or WHENEVER_MS
        sealed = [Sealed.FromString(one) for one in raw if one]
        dying = [
            one for one in sealed if one.key_id[:HASH_BYTES] in identities and made_ms(one.key_id) <= until_ms
        ]
        opened = await self._app.sealing.open_many(dying, cls)
        return [content for content in opened if content is not None]


async def expire_quarantine(app: App, desks: Callable[[], Iterable[str]]) -> None:
    """Delete the day keys of quarantined records that are over 30 days old, once a day."""
    while True:
        now_ms = app.clock.now_ms()
        days = range(QUARANTINE_DAYS + 1, QUARANTINE_DAYS + 1 + QUARANTINE_SWEPT_DAYS)
        for desk_id in list(desks()):
            identities = [app.sealing.day_identity(desk_id, now_ms - day * DAY_MS) for day in days]
            try:
                await app.sealing.erase(desk_id, identities)
            except TRY_LATER as error:
                told = "old quarantine keys of a desk stay another day: %s"
                _log.error(told, error, extra={"desk": desk_id})
        await asyncio.sleep(DAY_MS / 1000)
