"""The shell: erasures delete words and keys and say so; quarantine's keys end after their days."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from proto.v1.content_pb2 import Attachment, MessageContent, OrderContent
from proto.v1.conversations_pb2 import ConversationsEvent, ErasureDue, ErasureRequested
from proto.v1.envelope_pb2 import InputPosition, Sealed
from proto.v1.inbound_pb2 import Inbound
from services.ingest import engine
from services.ingest.shell import (
    CONVERSATIONS_AT_ONCE,
    QUARANTINE_SWEPT_DAYS,
    Eraser,
    _Read,
    expire_quarantine,
)
from services.kernel.errors import Busy
from services.kernel.limits import DAY_MS, QUARANTINE_DAYS
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import ManualClock
from services.runtime.documents import Conversation, Customer, Message, OrderView
from services.runtime.event_log import TopicPartition
from services.runtime.keys import WHENEVER_MS, MemoryKeys, StoredKey
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Committed
from services.runtime.sealing import DataKey, Sealing
from services.runtime.views import MemoryStore, Views

if TYPE_CHECKING:
    from services.runtime.main import App

DESK = "rowery"
PERSON = b"jan" + bytes(13)
OTHER = b"ewa" + bytes(13)


class MoodyKeys(MemoryKeys):
    """A key store that refuses to delete as often as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self.deletions = 0

    async def delete_identities(
        self, desk_id: str, identities: Sequence[bytes], until_ms: int = WHENEVER_MS
    ) -> int:
        """See the port."""
        if self.refusals:
            self.refusals -= 1
            raise Busy("somebody reads the file")
        self.deletions += 1
        return await super().delete_identities(desk_id, identities, until_ms)


class Shell:
    """The stores around the shell, and what customers wrote."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock)
        self.keys = MoodyKeys()
        self.sealing = Sealing(b"k" * 32, self.keys, self.clock)
        self.blobs = MemoryBlobs()
        self.views = Views(MemoryStore())
        parts = SimpleNamespace(
            clock=self.clock, log=self.log, sealing=self.sealing, blobs=self.blobs, views=self.views
        )
        self.app = cast("App", parts)
        self.eraser = Eraser(self.app, 0)

    async def wrote(self, customer: str, person: bytes, conversation: str) -> list[str]:
        """A message with a raw mail, a long text and an attachment; the ids of its three blobs."""
        key = await self.sealing.key_for(DESK, person)
        raw, full, picture = [await self._blob(key, f"{conversation} {n}") for n in range(3)]
        content = MessageContent(
            text="Gdzie jest paczka?", raw_blob=raw, full_blob=full, attachments=[Attachment(blob=picture)]
        )
        self.views.put(Conversation(conversation, DESK, customer, "email", "pomoc", person, 1))
        self.views.put(
            Message(
                conversation,
                "m1",
                "in",
                "email",
                "",
                1,
                self.sealing.seal(key, content).SerializeToString(),
            )
        )
        return [raw, full, picture]

    async def _blob(self, key: DataKey, text: str) -> str:
        sealed = self.sealing.seal_bytes(key, text.encode())
        return await self.blobs.put(sealed.SerializeToString())

    def due(self, customer: str, *persons: bytes) -> ErasureDue:
        """The engine's word that the keys are to go."""
        return ErasureDue(erasure_id="e1", customer_id=customer, identity_hashes=persons)

    def decided(self, due: ErasureDue) -> Committed:
        """The same, committed."""
        events = [ConversationsEvent(desk_id=DESK), ConversationsEvent(desk_id=DESK, erasure_due=due)]
        return Committed("conversations", 0, 0, 1, 0, self.clock.now_ms(), events)

    async def reports(self) -> list[Inbound]:
        """What the mailbox has."""
        reader = self.log.reader({TopicPartition("inbound", 0): 0})
        records = (await reader.fetch(2_000)).records
        await reader.close()
        return [Inbound.FromString(one.value) for one in records]

    @asynccontextmanager
    async def erasing(self) -> AsyncIterator[None]:
        """The eraser runs."""
        running = asyncio.create_task(self.eraser.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_an_erasure_deletes_words_and_keys_and_says_so() -> None:
    """Blobs and keys of the customer are gone, those of others stay, and the mailbox hears the numbers."""
    shell = Shell()
    gone = await shell.wrote("u1", PERSON, "c1") + await shell.wrote("u1", PERSON, "c2")
    stay = await shell.wrote("u2", OTHER, "c3")
    sealed = shell.views.under(Message, "c1/")[0].content
    async with shell.erasing():
        shell.eraser.committed(shell.decided(shell.due("u1", PERSON)))
        [report] = await shell.reports()
    assert [await shell.blobs.get(blob) for blob in gone] == [None] * 6
    assert None not in [await shell.blobs.get(blob) for blob in stay]
    assert await shell.keys.by_identity(DESK, PERSON) is None
    assert await shell.keys.by_identity(DESK, OTHER) is not None
    assert b"paczka" not in sealed
    assert (report.desk_id, report.erasure_report.erasure_id) == (DESK, "e1")
    assert (report.erasure_report.keys, report.erasure_report.blobs) == (1, 6)


async def test_what_is_written_after_the_request_is_spared() -> None:
    """From the request on the person's words go under a new key, which stays with its blobs, also when the
    process starts anew in between; what was there at the request goes, in the same millisecond even."""
    shell = Shell()
    gone = await shell.wrote("u1", PERSON, "c1")
    until_ms = shell.clock.now_ms()
    wanted = ErasureRequested(erasure_id="e1", customer_id="u1", identity_hashes=[PERSON])
    event = ConversationsEvent(desk_id=DESK, occurred_at_ms=until_ms, erasure_requested=wanted)
    shell.eraser.committed(Committed("conversations", 0, 0, 1, 0, until_ms, [event]))
    stay = await shell.wrote("u1", PERSON, "c2")
    state = engine.initial()
    engine.evolve(state, event)
    shell.sealing = shell.app.sealing = Sealing(b"k" * 32, shell.keys, shell.clock)
    shell.eraser.resume(state)
    stay += await shell.wrote("u1", PERSON, "c3")
    due = shell.due("u1", PERSON)
    due.keys_until_ms = until_ms
    await shell.eraser.erase(DESK, due)
    old, *new = [
        Sealed.FromString(m.content) for c in ("c1/", "c2/", "c3/") for m in shell.views.under(Message, c)
    ]
    assert await shell.sealing.open(old, MessageContent) is None
    assert None not in await shell.sealing.open_many(new, MessageContent)
    assert [await shell.blobs.get(blob) for blob in gone] == [None] * 3
    assert None not in [await shell.blobs.get(blob) for blob in stay]


async def test_the_blob_of_an_order_goes_with_its_customer() -> None:
    """What an order holds beside the log is deleted too."""
    shell = Shell()
    key = await shell.sealing.key_for(DESK, PERSON)
    blob = await shell._blob(key, "items")
    content = shell.sealing.seal(key, OrderContent(full_blob=blob)).SerializeToString()
    shell.views.put(OrderView(DESK, "o1", 1, customer="u1", content=content))
    await shell.eraser.erase(DESK, shell.due("u1", PERSON))
    assert await shell.blobs.get(blob) is None


async def test_an_erasure_deletes_the_blobs_of_whom_it_takes_along() -> None:
    """What lies beside the log of a customer who was merged into the erased one is deleted too."""
    shell = Shell()
    gone = await shell.wrote("u1", PERSON, "c1") + await shell.wrote("u2", OTHER, "c2")
    due = shell.due("u1", PERSON, OTHER)
    shell.views.put(Customer("u1", DESK, erasing={due.erasure_id: ("u2",)}))
    await shell.eraser.erase(DESK, due)
    assert [await shell.blobs.get(blob) for blob in gone] == [None] * 6


async def test_an_erasure_that_is_done_twice_is_the_same() -> None:
    """Asked again, it finds nothing left, and reports under the same id, so that it counts once."""
    shell = Shell()
    await shell.wrote("u1", PERSON, "c1")
    for _ in range(2):
        await shell.eraser.erase(DESK, shell.due("u1", PERSON))
    first, second = await shell.reports()
    assert first.record_id == second.record_id
    assert (second.erasure_report.keys, second.erasure_report.blobs) == (0, 0)


async def test_an_erasure_that_fails_waits_for_the_next_word(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be deleted now is said and not reported; the engine's next word finishes it."""
    shell = Shell()
    await shell.wrote("u1", PERSON, "c1")
    shell.keys.refusals = 1
    async with shell.erasing():
        with caplog.at_level(logging.ERROR):
            shell.eraser.committed(shell.decided(shell.due("u1", PERSON)))
            shell.eraser.committed(shell.decided(shell.due("u1", PERSON)))
            [report] = await shell.reports()
    assert "erasure e1 is not done yet" in caplog.text
    assert report.erasure_report.keys == 1
    assert await shell.keys.by_identity(DESK, PERSON) is None


async def test_every_conversation_of_a_customer_is_searched() -> None:
    """However many conversations there are, more than a page of them included, no blob is overlooked."""
    shell = Shell()
    wrote = [await shell.wrote("u1", PERSON, f"c{number:03}") for number in range(CONVERSATIONS_AT_ONCE + 1)]
    await shell.eraser.erase(DESK, shell.due("u1", PERSON))
    [report] = await shell.reports()
    assert report.erasure_report.blobs == 3 * len(wrote)
    assert await shell.blobs.get(wrote[0][0]) is await shell.blobs.get(wrote[-1][2]) is None


async def stored(shell: Shell, days_ago: int) -> StoredKey | None:
    """The key of a day's quarantine, if it is there still."""
    now_ms = shell.clock.now_ms()
    return await shell.keys.by_identity(DESK, shell.sealing.day_identity(DESK, now_ms - days_ago * DAY_MS))


async def test_quarantine_ends_after_its_days() -> None:
    """Each day's key goes once it is older than stated, also after some days in which nothing ran."""
    shell = Shell()
    now_ms = shell.clock.now_ms()
    over = range(QUARANTINE_DAYS + 1, QUARANTINE_DAYS + 1 + QUARANTINE_SWEPT_DAYS)
    for day in (0, 1, QUARANTINE_DAYS, *over):
        await shell.sealing.day_key(DESK, now_ms - day * DAY_MS)
    running = asyncio.create_task(expire_quarantine(shell.app, lambda: [DESK]))
    while not shell.keys.deletions:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [day for day in over if await stored(shell, day)] == []
    assert [day for day in (0, 1, QUARANTINE_DAYS) if await stored(shell, day) is None] == []


async def test_a_key_store_that_fails_does_not_end_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    """One desk whose keys cannot be deleted today is said; the other desks' keys go."""
    shell = Shell()
    await shell.sealing.day_key(DESK, shell.clock.now_ms() - (QUARANTINE_DAYS + 1) * DAY_MS)
    shell.keys.refusals = 1
    with caplog.at_level(logging.ERROR):
        running = asyncio.create_task(expire_quarantine(shell.app, lambda: ["a", DESK]))
        while not shell.keys.deletions:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert "stay another day" in caplog.text
    assert await stored(shell, QUARANTINE_DAYS + 1) is None


def test_the_mailbox_is_covered_by_what_is_committed() -> None:
    """How far the mailbox may be deleted is what the last committed batch says of it, and of it alone."""
    read = _Read()
    positions = [InputPosition(topic="inbound", offset=7), InputPosition(topic="routing", offset=99)]
    read.committed(Committed("conversations", 0, 0, 1, 0, 0, (), positions))
    read.committed(Committed("conversations", 0, 1, 1, 1, 0, ()))
    assert read.offset == 7
