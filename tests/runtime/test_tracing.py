"""Tracing: to which trace a record belongs, what hangs under what, and when there is none at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, Sampler

from proto.v1.conversations_pb2 import ConversationsEvent, MessageReceived
from proto.v1.inbound_pb2 import AgentRequest, Inbound
from proto.v1.routing_pb2 import Offered, RoutingEvent
from services.kernel.engine import DEADLINE, Input
from services.kernel.errors import Invalid
from services.runtime.clock import ManualClock
from services.runtime.event_log import TopicPartition
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Committed
from services.runtime.tracing import enabled
from services.runtime.tracing_otel import Otel, _TracedEngine, span_id
from tests.runtime import toy

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
RECORD = "r" + "ab" * 16


class World:
    """A log that is traced, and the spans that were told."""

    def __init__(self, sampler: Sampler = DEFAULT_ON) -> None:
        self.clock = ManualClock()
        self.exporter = InMemorySpanExporter()
        processor = SimpleSpanProcessor(self.exporter)
        self.otel = Otel(TracerProvider(sampler=sampler), processor, self.clock)
        self.plain = MemoryLog(self.clock)
        self.log = self.otel.log(self.plain)

    async def append(self, **fields: Any) -> Inbound:
        """Append a record, as it then lies in the mailbox."""
        record = Inbound(desk_id="d", **{"record_id": RECORD, **fields})
        offset = await self.log.append("inbound", 0, [record.SerializeToString()])
        reader = self.plain.reader({TopicPartition("inbound", 0): offset})
        [found] = (await reader.fetch(0)).records
        await reader.close()
        return Inbound.FromString(found.value)

    def committed(self, *events: Any, topic: str = "conversations") -> None:
        """These events are committed as batch 0."""
        self.otel.committed(Committed(topic, 0, 0, 1, 0, self.clock.now_ms(), events))

    def spans(self) -> dict[str, ReadableSpan]:
        """What was told, by name."""
        return {span.name: span for span in self.exporter.get_finished_spans()}


def trace_of(record: Inbound) -> str:
    """The trace id that a record carries."""
    return record.traceparent.split("-")[1]


async def test_a_trace_begins_with_a_record_and_is_called_like_it() -> None:
    """Without any context the record's own id is the trace's."""
    world = World()
    assert trace_of(await world.append()) == RECORD.removeprefix("r")
    context = world.spans()["inbound append"].context
    assert context is not None
    assert context.span_id.to_bytes(8, "big") == span_id("inbound/0/0")


async def test_a_records_own_context_goes_on() -> None:
    """What came by gRPC or through an edge elsewhere belongs to its sender's trace, under their span."""
    world = World()
    assert trace_of(await world.append(traceparent=f"00-{TRACE}-{SPAN}-01")) == TRACE
    parent = world.spans()["inbound append"].parent
    assert parent is not None
    assert f"{parent.span_id:016x}" == SPAN


async def test_what_the_sender_does_not_sample_is_not_traced() -> None:
    """The caller's flag decides, and then nothing is carried on."""
    world = World()
    assert (await world.append(traceparent=f"00-{TRACE}-{SPAN}-00")).traceparent == ""
    assert world.spans() == {}


async def test_a_sampler_that_takes_nothing() -> None:
    """What is not sampled carries nothing and tells nothing."""
    world = World(ALWAYS_OFF)
    assert (await world.append()).traceparent == ""
    assert world.spans() == {}


async def test_a_request_joins_the_conversation_that_it_is_about() -> None:
    """By the conversation, or by an offer of it: the trace of the customer's last message."""
    world = World()
    trace = bytes.fromhex(TRACE)
    message = MessageReceived(conversation_id="c1")
    world.committed(ConversationsEvent(desk_id="d", cause_id="inbound/0/0", trace=trace, message=message))
    offered = Offered(conversation_id="c1", offer_id="o1")
    world.committed(
        RoutingEvent(cause_id="conversations/0/0/0", trace=trace, offered=offered), topic="routing"
    )
    for request in (AgentRequest(conversation_id="c1"), AgentRequest(offer_id="o1")):
        assert trace_of(await world.append(request=request)) == TRACE
    assert trace_of(await world.append(request=AgentRequest(conversation_id="c2"))) != TRACE


def test_each_event_hangs_under_its_cause() -> None:
    """The parent of an event's span is the span of the record or event that its cause_id names."""
    world = World()
    trace = bytes.fromhex(TRACE)
    world.committed(
        ConversationsEvent(desk_id="d", cause_id="inbound/0/7", trace=trace, message=MessageReceived())
    )
    span = world.spans()["conversations message"]
    assert span.context is not None
    assert span.parent is not None
    assert span.context.span_id.to_bytes(8, "big") == span_id("conversations/0/0/0")
    assert span.parent.span_id.to_bytes(8, "big") == span_id("inbound/0/7")


def test_what_is_decided_on_a_traced_input_is_traced() -> None:
    """An engine's events get the input's trace; what time decides gets that of its origin; the rest none."""
    world = World()
    engine = _TracedEngine(toy, world.otel)
    record = Inbound(desk_id="d", record_id=RECORD, traceparent=f"00-{TRACE}-{SPAN}-01")
    events = engine.decide(toy.initial(), Input("inbound", "inbound/0/0", 0, record), 1)
    assert events
    assert {event.trace.hex() for event in events} == {TRACE}
    untraced = Input("inbound", "inbound/0/1", 0, Inbound(desk_id="d", record_id="r2"))
    assert {event.trace for event in engine.decide(toy.initial(), untraced, 1)} == {b""}
    known = ConversationsEvent(origin_id=RECORD, cause_id="inbound/0/0", trace=bytes.fromhex(TRACE))
    known.message.SetInParent()
    world.committed(known)

    class Late:
        """An engine that says something because time has passed."""

        @staticmethod
        def decide(state: Any, record: Input | None, now_ms: int) -> list[ConversationsEvent]:
            return [ConversationsEvent(origin_id=RECORD, cause_id=f"{DEADLINE}:x")]

    [late] = _TracedEngine(Late, world.otel).decide(None, None, 2)
    assert late.trace.hex() == TRACE


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_SDK_DISABLED": "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
    ],
)
def test_the_standard_variables_switch_it_on(environment: Mapping[str, str], wanted: bool) -> None:
    """Off unless a collector is named or asked for; the standard switches turn it off again."""
    assert enabled(environment) is wanted


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
    ],
)
def test_what_there_is_not_is_refused(environment: Mapping[str, str], named: str) -> None:
    """An exporter or a protocol that we do not have is said in plain words at the start."""
    with pytest.raises(Invalid, match=named):
        enabled(environment)
