"""The shell: what happens between an attempt on the log and its report in the mailbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from proto.v1.content_pb2 import Attachment, IdentityContent, MessageContent, MessageRoute
from proto.v1.inbound_pb2 import (
    SEND_OUTCOME_FAILED,
    SEND_OUTCOME_RETRY,
    SEND_OUTCOME_SENT,
    SEND_OUTCOME_UNCERTAIN,
    Inbound,
    SendReport,
)
from services.kernel.external_ids import external_hash
from services.kernel.limits import DAY_MS, SEND_LEASE_MS
from services.notify.senders import SendRequest, SendResult, sent
from services.notify.shell import Calls
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import ManualClock
from services.runtime.event_log import TopicPartition
from services.runtime.keys import MemoryKeys
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Committed, Loop
from services.runtime.metrics import Metrics
from services.runtime.sealing import Sealing
from services.runtime.tracing import Untraced
from tests.notify import samples as s
from tests.story import START_MS, Story

if TYPE_CHECKING:
    from services.runtime.main import App


class Recorder:
    """A sender that notes what it is asked and answers as it is told."""

    def __init__(self, answer: Callable[[], SendResult] | None = None) -> None:
        self.asked: list[SendRequest] = []
        self.within_s: list[float] = []
        self._answer = answer

    async def send(self, request: SendRequest, within_s: float) -> SendResult:
        """See the port."""
        self.asked.append(request)
        self.within_s.append(within_s)
        return self._answer() if self._answer else sent("wamid.1")


class Bench:
    """The shell around a story: what the engine decides is handed to it as if it were on the log."""

    def __init__(self, sender: Recorder) -> None:
        self.clock = ManualClock(START_MS)
        self.log = MemoryLog(self.clock)
        self.keys = MemoryKeys()
        self.sealing = Sealing(b"m" * 32, self.keys, self.clock)
        self.blobs = MemoryBlobs()
        self.sender = sender
        self.story = s.story()
        parts = SimpleNamespace(
            clock=self.clock,
            log=self.log,
            sealing=self.sealing,
            blobs=self.blobs,
            metrics=Metrics(),
            tracing=Untraced(),
        )
        loop = SimpleNamespace(state=self.story.state, partition=0)
        by_channel = dict.fromkeys(("email", "whatsapp", "webhook"), sender)
        self.calls = Calls(cast("App", parts), cast("Loop", loop), by_channel)

    async def sealed(self, content: Any) -> Any:
        """Sealed under the customer's key."""
        key = await self.sealing.key_for(
            s.DESK, self.sealing.identity_hash(s.DESK, "email", "jan@example.com")
        )
        return self.sealing.seal(key, content)

    async def ask(self, content: MessageContent, way: tuple[str, str] = s.WHATSAPP) -> Story:
        """A customer writes and is replied to."""
        message = s.message("A", way=way)
        message.message.route.CopyFrom(await self.sealed(MessageRoute(address="jan@example.com")))
        reply = s.reply("A", "r1")
        reply.admitted.content.CopyFrom(await self.sealed(content))
        return self.story.when("conversations", message).when("routing", reply)

    async def report(self) -> SendReport:
        """Hand the new events to the shell and wait for its word in the mailbox."""
        self.calls.committed(Committed("notices", 0, 0, 1, 0, self.clock.now_ms(), self.story.new))
        running = asyncio.create_task(self.calls.run())
        reader = self.log.reader({TopicPartition("inbound", 0): 0})
        try:
            records = (await asyncio.wait_for(reader.fetch(2_000), 5)).records
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await reader.close()
        (record,) = records
        inbound = Inbound.FromString(record.value)
        assert inbound.desk_id == s.DESK
        assert inbound.record_id.startswith("r")
        return inbound.send_report


async def test_an_attempt_is_called_and_reported() -> None:
    """What was committed is opened and sent; the mailbox hears the result, the provider's id hashed."""
    bench = Bench(Recorder())
    story = await bench.ask(MessageContent(text="Już jedzie."))
    report = await bench.report()
    (asked,) = bench.sender.asked
    assert (asked.content.text, asked.route.address) == ("Już jedzie.", "jan@example.com")
    assert (asked.account.phone_number_id, asked.requested_ms) == ("1055", START_MS)
    assert bench.sender.within_s == [20]
    assert (report.send_id, report.attempt) == (story.body("requested").send_id, 1)
    assert report.outcome == SEND_OUTCOME_SENT
    key = bench.sealing.desk_key(s.DESK)
    assert report.provider_id_hash == external_hash(key, *s.WHATSAPP, "wamid.1")


async def test_after_the_lease_nobody_is_called() -> None:
    """A sender that wakes after its lease does not send; it says that it did not."""
    bench = Bench(Recorder())
    await bench.ask(MessageContent(text="x"))
    bench.clock.advance(SEND_LEASE_MS)
    report = await bench.report()
    assert bench.sender.asked == []
    assert report.outcome == SEND_OUTCOME_RETRY


async def test_the_call_ends_before_the_lease() -> None:
    """A call that begins late has only what is left of the lease."""
    bench = Bench(Recorder())
    await bench.ask(MessageContent(text="x"))
    bench.clock.advance(SEND_LEASE_MS - 4_000)
    await bench.report()
    assert bench.sender.within_s == [4]


async def test_an_erased_customer_is_not_written_to() -> None:
    """Content whose key is gone cannot be sent, and the send fails."""
    bench = Bench(Recorder())
    await bench.ask(MessageContent(text="x"))
    identity = bench.sealing.identity_hash(s.DESK, "email", "jan@example.com")
    await bench.sealing.erase(s.DESK, [identity])
    report = await bench.report()
    assert (report.outcome, report.error, bench.sender.asked) == (SEND_OUTCOME_FAILED, "customer erased", [])


async def test_a_sender_that_breaks_leaves_it_uncertain(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in a sender may strike after the call: uncertain, and its words are not logged."""

    def breaks() -> SendResult:
        raise RuntimeError("jan@example.com")

    bench = Bench(Recorder(breaks))
    await bench.ask(MessageContent(text="x"))
    with caplog.at_level(logging.INFO):
        report = await bench.report()
    assert (report.outcome, report.error) == (SEND_OUTCOME_UNCERTAIN, "RuntimeError")
    assert "RuntimeError" in caplog.text
    assert "jan@" not in caplog.text


@pytest.mark.parametrize("way", [s.EMAIL, s.CHAT], ids=["mail", "webhook"])
async def test_long_content_and_attachments_come_from_blobs(way: tuple[str, str]) -> None:
    """What was too large for the log is fetched, opened and sent whole, be it by mail or by webhook."""
    bench = Bench(Recorder())
    if way == s.CHAT:
        bench.story.when("conversations", s.configured(s.desk("message.out")))
    key = await bench.sealing.key_for(s.DESK, bench.sealing.identity_hash(s.DESK, "email", "jan@example.com"))
    blob = await bench.blobs.put(bench.sealing.seal_bytes(key, b"%PDF \x00\xff").SerializeToString())
    whole = MessageContent(text="długo " * 20_000, attachments=[Attachment(name="a.pdf", blob=blob)])
    full = await bench.blobs.put((await bench.sealed(whole)).SerializeToString())
    await bench.ask(MessageContent(text="długo", full_blob=full), way=way)
    assert (await bench.report()).outcome == SEND_OUTCOME_SENT
    asked = bench.sender.asked[0]
    assert bool(asked.requested.url) == (way == s.CHAT)
    assert asked.content.text == whole.text
    assert [data for _, data in asked.attachments] == [b"%PDF \x00\xff"]


async def test_a_notice_is_worded_by_the_template() -> None:
    """A notice to an order's address is rendered and sent there."""
    bench = Bench(Recorder())
    order = s.order()
    order.order.first_identity.CopyFrom(await bench.sealed(IdentityContent(address="jan@example.com")))
    story = bench.story.when("conversations", order)
    story.when("conversations", s.shipment(s.PROMISED + DAY_MS)).until(START_MS)
    await bench.report()
    (asked,) = bench.sender.asked
    assert asked.route.address == "jan@example.com"
    assert asked.content.subject == "Zamówienie O1: nowy termin dostawy"


async def test_what_is_decided_already_is_not_called() -> None:
    """An attempt that has its result by the time it would start is passed over."""
    bench = Bench(Recorder())
    story = await bench.ask(MessageContent(text="x"))
    events = list(story.new)
    story.when("conversations", s.report(story.body("requested").send_id))
    bench.calls.committed(Committed("notices", 0, 0, 1, 0, START_MS, events))
    running = asyncio.create_task(bench.calls.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert bench.sender.asked == []
