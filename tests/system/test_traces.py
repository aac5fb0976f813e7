"""One trace from the webhook to the send, over the log; nothing of it where nobody asks for traces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.notify.senders.fakes import Call
from tests.system.collector import collecting
from tests.system.outside import Outside
from tests.system.providers import http_provider
from tests.system.world import running, start_embedded
from tools.stored import StoredLogs, events

pytestmark = pytest.mark.servers

TOPICS = ("conversations", "routing", "sla", "notices")
CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLERS_SPAN = "00f067aa0ba902b7"
WAY = (
    "POST /v1/desks/{desk}/messages",
    "inbound append",
    "conversations message",
    "routing queued",
    "routing offered",
    "POST /v1/desks/{desk}/offers/{offer}/accept",
    "routing accepted",
    "POST /v1/desks/{desk}/conversations/{conversation}/replies",
    "conversations request",
    "routing admitted",
    "notices requested",
    "notices attempted",
    "provider call",
    "conversations send_report",
    "notices sent",
    "sla met",
)
"""What the trace of a message has to tell, whatever else it tells."""


async def answered(world: Outside, hook: str, traceparent: str = "") -> tuple[str, str]:
    """A customer's message is offered, accepted, answered, and the answer goes out to the shop's webhook;
    its record_id and conversation."""
    await world.desk(webhooks=[{"url": hook, "events": ["message.out"]}])
    ola = await world.agent("ola")
    headers = {"traceparent": traceparent} if traceparent else {}
    body = {"channel": "chat", "account": "www", "external_id": "m1", "from": {"address": "jan@example.pl"}}
    told = await world.must("POST", "messages", {**body, "text": "Gdzie jest?"}, headers=headers)
    offer = await ola.expect("offer")
    await world.accept("ola", offer)
    await world.reply("ola", offer["conversation_id"], "Jutro.")
    return told["record_id"], offer["conversation_id"]


def names(spans: list[Span], trace: str) -> set[str]:
    """The names of a trace's spans."""
    return {span.name for span in spans if span.trace_id.hex() == trace}


async def test_one_trace_from_the_webhook_to_the_send(tmp_path: Path) -> None:
    """The caller's own trace goes on through message, offer, accept, reply and send; each span hangs under
    its cause, and no words or addresses are in any."""
    async with collecting() as collector, http_provider(taken) as shop:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        settings["OTEL_SERVICE_NAME"] = "centrala-test"
        async with running(tmp_path / "data", environment=settings) as world:
            record_id, conversation = await answered(world, shop.url, f"00-{CALLER}-{CALLERS_SPAN}-01")
            spans = await collector.until(lambda spans: names(spans, CALLER) >= set(WAY))
        assert names(spans, CALLER) >= set(WAY)
        of_trace = {span.span_id: span for span in spans if span.trace_id.hex() == CALLER}
        parents = {span.parent_span_id for span in of_trace.values()}
        assert parents - of_trace.keys() == {bytes.fromhex(CALLERS_SPAN)}, "one root: the caller's span"
        assert collector.services == {"centrala-test"}
        told = b"".join(span.SerializeToString() for span in spans)
        assert record_id.encode() in told
        assert conversation.encode() in told
        assert not [word for word in (b"jan@example.pl", b"Gdzie", b"Jutro") if word in told]


async def test_a_trace_of_ours_is_named_by_the_record(tmp_path: Path) -> None:
    """A request without a trace begins one, whose id is the record_id that the answer gave."""
    async with collecting() as collector, http_provider(taken) as shop:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        async with running(tmp_path / "data", environment=settings) as world:
            record_id, _ = await answered(world, shop.url)
            trace = record_id.removeprefix("r")
            spans = await collector.until(lambda spans: names(spans, trace) >= set(WAY))
        assert names(spans, trace) >= set(WAY)


async def test_what_is_not_sampled_carries_nothing(tmp_path: Path) -> None:
    """With a sampler that takes nothing, no span is sent and no event names a trace."""
    async with collecting() as collector, http_provider(taken) as shop:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_SAMPLER": "always_off"}
        async with running(tmp_path / "data", environment=settings) as world:
            await answered(world, shop.url, f"00-{CALLER}-{CALLERS_SPAN}-01")
            assert await world.terminate() == 0
        assert collector.spans == []
    assert traces_on_the_log(tmp_path / "data") == set()


async def test_by_default_nothing_is_traced(tmp_path: Path) -> None:
    """Without a collector's address no event names a trace."""
    async with http_provider(taken) as shop, start_embedded(tmp_path / "data") as world:
        await answered(world, shop.url)
    assert traces_on_the_log(tmp_path / "data") == set()


def taken(call: Call) -> tuple[int, Any]:
    """The shop's webhook takes everything."""
    return 200, {}


def traces_on_the_log(data: Path) -> set[bytes]:
    """Every trace id that an event of an installation names."""
    logs = StoredLogs(data)
    return {event.trace for topic in TOPICS for event in events(logs, topic)} - {b""}
