"""What surrounds the engine: its loop, the deletion of keys that erasures ask for, the mailbox's end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from proto.v1.content_pb2 import MessageContent
from proto.v1.conversations_pb2 import ErasureDue
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import ErasureReport, Inbound
from services.ingest import engine
from services.kernel.errors import CentralaError
from services.kernel.ids import derive_id
from services.kernel.limits import DAY_MS, INBOUND_KEPT_DAYS, QUARANTINE_DAYS
from services.runtime.documents import Conversation, DeskView, Message
from services.runtime.event_log import LogReset, TopicPartition
from services.runtime.loop import Committed
from services.runtime.retention import Retention

if TYPE_CHECKING:
    from services.runtime.main import App

CONVERSATIONS_AT_ONCE = 200
QUARANTINE_SWEPT_DAYS = 7
"""Days beyond the horizon whose keys are deleted again: a process may have been off for a while."""

_log = logging.getLogger(__name__)


def bind(app: App) -> None:
    """Run the ingest engine in this process, and do what its events ask for."""
    loop = app.add_loop(engine)
    read = _Read()
    loop.listen(read.committed)
    place = TopicPartition("inbound", loop.partition)
    keep_ms = INBOUND_KEPT_DAYS * DAY_MS
    app.add_task("mailbox end", Retention(app.log, app.clock, place, keep_ms, lambda: read.offset).run)
    eraser = Eraser(app)
    loop.listen(eraser.committed)
    app.add_task("erasures", eraser.run)
    app.add_task("quarantine end", lambda: expire_quarantine(app))


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
    """Deletes blobs, then keys, when an erasure is due, and reports it to the mailbox.

    Doing it twice is harmless; until it is reported the engine asks again.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._due: asyncio.Queue[tuple[str, ErasureDue]] = asyncio.Queue()

    def committed(self, batch: Committed) -> None:
        """Note erasures that are due."""
        for event in batch.events:
            if event.WhichOneof("body") == "erasure_due":
                self._due.put_nowait((event.desk_id, event.erasure_due))

    async def run(self) -> None:
        """Erase one after the other, until cancelled."""
        while True:
            desk_id, due = await self._due.get()
            try:
                await self.erase(desk_id, due)
            except (CentralaError, LogReset, OSError) as error:
                _log.error("erasure %s is not done yet, it is tried again: %s", due.erasure_id, error)

    async def erase(self, desk_id: str, due: ErasureDue) -> None:
        """Delete what the customer's words lie in, then the keys, then say so."""
        blobs = await self._blobs_of(due.customer_id)
        for blob in blobs:
            await self._app.blobs.delete(blob)
        keys = await self._app.sealing.erase(desk_id, list(due.identity_hashes))
        report = Inbound(
            desk_id=desk_id,
            record_id=derive_id("r", "erased", due.erasure_id),
            erasure_report=ErasureReport(erasure_id=due.erasure_id, keys=keys, blobs=len(blobs)),
        )
        await self._app.log.append("inbound", 0, [report.SerializeToString()])

    async def _blobs_of(self, customer_id: str) -> list[str]:
        """Blobs that the customer's messages name, found while their keys still open them."""
        views, found, after = self._app.views, [], None
        while True:
            page = await views.find(Conversation, f"customer/{customer_id}", CONVERSATIONS_AT_ONCE, after)
            for _, conversation in page:
                messages = views.under(Message, f"{conversation.id}/")
                found += await self._blobs_in([m.content for m in messages if m.content])
            if len(page) < CONVERSATIONS_AT_ONCE:
                return list(dict.fromkeys(found))
            after = page[-1][0]

    async def _blobs_in(self, sealed: Sequence[bytes]) -> list[str]:
        contents = await self._app.sealing.open_many([Sealed.FromString(s) for s in sealed], MessageContent)
        found: list[str] = []
        for content in contents:
            if content is not None:
                named = [content.raw_blob, content.full_blob, *(a.blob for a in content.attachments)]
                found += [blob for blob in named if blob]
        return found


async def expire_quarantine(app: App) -> None:
    """Delete the day keys of quarantined records that are over 30 days old, once a day."""
    while True:
        now_ms = app.clock.now_ms()
        days = range(QUARANTINE_DAYS + 1, QUARANTINE_DAYS + 1 + QUARANTINE_SWEPT_DAYS)
        for desk in app.views.under(DeskView, ""):
            identities = [app.sealing.day_identity(desk.id, now_ms - day * DAY_MS) for day in days]
            try:
                await app.sealing.erase(desk.id, identities)
            except (CentralaError, LogReset) as error:
                _log.error("old quarantine keys of a desk stay another day: %s", error)
        await asyncio.sleep(DAY_MS / 1000)
