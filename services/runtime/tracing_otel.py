"""Traces by OpenTelemetry: one trace from a webhook to the last send that follows from it, over the log.

Theory of operation. Engines know nothing of traces. Three wrappers stand around what they touch:

- the mailbox: each record that is appended carries the `traceparent` of its request (W3C Trace Context), and
  its append is a span;
- the engines: whatever is decided on a traced input carries the input's trace id (16 bytes in the event).
  What is decided because time has passed belongs to the trace of its origin, as far as that is remembered;
- the edge: each request that appends something is a span, and so is each call of a provider.

The log holds the rest already: every record and event has an id, and names the one that led to it. So a
span's id is a hash of the event's, and its parent's is a hash of `cause_id`: the tree of spans is the tree of
causes, whichever processes it grew in, and nothing has to be carried but the trace's id.

A trace begins with a request that brings no `traceparent`. Its id is then the `record_id` of what was
appended, without the r: who has an answer's record_id can look the trace up. An agent's request about a
conversation (accept, reply ...) belongs to the trace of the customer's last message in it, where this process
knows that; if it brings a trace of its own, the two are linked. Sampling is decided where a trace begins, by
the standard variables; what is not sampled carries nothing.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.status import Status, StatusCode

from proto.v1.inbound_pb2 import Inbound
from services.kernel.engine import DEADLINE, Input
from services.runtime.clock import Clock
from services.runtime.event_log import EventLog, LogReader, TopicPartition
from services.runtime.loop import Committed
from services.runtime.metrics import VERSION
from services.runtime.tracing import AsgiApp, Scope

if TYPE_CHECKING:
    from services.runtime.main import App

MAILBOX = "inbound"
REMEMBERED = 50_000
"""Conversations, offers and origins whose trace is known; the oldest are forgotten."""
SAMPLED = api.TraceFlags(api.TraceFlags.SAMPLED)
NS_PER_MS = 1_000_000
CLOSES_WITHIN_S = 1.0

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_RECORD_ID = re.compile(r"r([0-9a-f]{32})")

K = TypeVar("K")
V = TypeVar("V")


class Place:
    """Where something happens: a trace and a span of it. An undecided trace is b""."""

    __slots__ = ("links", "parent", "sampled", "span", "status", "template", "trace", "used")

    def __init__(self, trace: bytes, span: bytes, parent: bytes = b"") -> None:
        self.trace = trace
        self.span = span
        self.parent = parent
        self.sampled = bool(trace)
        self.links: list[api.Link] = []
        self.template = ""
        self.status = 0
        self.used = False
        """Whether anything was appended here."""


_here: ContextVar[Place | None] = ContextVar("centrala_span", default=None)


class Newest(Generic[K, V]):
    """What was put last, REMEMBERED of it."""

    def __init__(self) -> None:
        self._known: OrderedDict[K, V] = OrderedDict()

    def put(self, key: K, value: V) -> None:
        """Remember it, and forget the oldest if there is too much."""
        self._known[key] = value
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def get(self, key: K) -> V | None:
        """What was put last, or None."""
        return self._known.get(key)


def span_id(place: str) -> bytes:
    """The span id of a record (`inbound/0/17`) or an event (`routing/0/4/2`)."""
    return blake2b(place.encode(), digest_size=8).digest()


def started(clock: Clock) -> Otel:
    """Tracing to the collector that the environment names."""
    provider = TracerProvider()
    return Otel(provider, BatchSpanProcessor(OTLPSpanExporter()), clock)


class Otel:
    """Tracing that is on. See services.runtime.tracing.Tracing."""

    def __init__(self, provider: TracerProvider, processor: SpanProcessor, clock: Clock) -> None:
        self._sampler = provider.sampler
        self._resource = provider.resource
        self._processor = processor
        self._clock = clock
        self._scope = InstrumentationScope("centrala", VERSION)
        self.origins = Newest[str, tuple[bytes, bytes]]()
        """By origin: its trace, and the last span in it."""
        self._conversations = Newest[str, tuple[bytes, bytes]]()
        self._offers = Newest[str, str]()
        self._attempts = Newest[str, tuple[bytes, bytes]]()

    # What is wrapped.

    def log(self, log: EventLog) -> EventLog:
        """See Tracing."""
        return _TracedLog(log, self)

    def bind(self, app: App) -> None:
        """See Tracing."""
        self.follow(app)
        observe = app.asgi.observe

        def noting(template: str, status: int, seconds: float) -> None:
            place = _here.get()
            if place is not None:
                place.template, place.status = template, status
            if observe is not None:
                observe(template, status, seconds)

        app.asgi.observe = noting

        app.on_close(self._close)

    def follow(self, app: App) -> None:
        """See Tracing. The loops' engines are wrapped."""
        for loop in app.loops.values():
            loop.engine = _TracedEngine(loop.engine, self)
            loop.listen(self.committed)

    async def _close(self) -> None:
        """Give the collector a moment for the last spans; a stop does not wait for one that is down."""
        last = threading.Thread(target=self._processor.shutdown, daemon=True)
        last.start()
        await asyncio.to_thread(last.join, CLOSES_WITHIN_S)

    def around(self, asgi: AsgiApp) -> AsgiApp:
        """See Tracing."""

        async def traced(
            scope: Scope, receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]
        ) -> None:
            if scope["type"] != "http":
                await asgi(scope, receive, send)
                return
            place, began_ns = self._arrived(scope), self.now_ns()
            token = _here.set(place)
            try:
                await asgi(scope, receive, send)
            finally:
                _here.reset(token)
                if place.used and place.sampled:
                    self._answered(scope["method"], place, began_ns)

        return traced

    @contextmanager
    def _calling(self, send_id: str) -> Iterator[None]:
        found = self._attempts.get(send_id)
        if found is None:
            yield
            return
        place, began_ns = Place(found[0], secrets.token_bytes(8), found[1]), self.now_ns()
        token = _here.set(place)
        try:
            yield
        finally:
            _here.reset(token)
            attributes = {"centrala.send": send_id}
            self.emit("provider call", place, began_ns, attributes, api.SpanKind.CLIENT)

    def call(self, send_id: str) -> AbstractContextManager[None]:
        """See Tracing."""
        return self._calling(send_id)

    # Where a request belongs.

    def _arrived(self, scope: Scope) -> Place:
        """A request's place: in its sender's trace, if it brings one."""
        place = Place(b"", secrets.token_bytes(8))
        self._continue(place, dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1"))
        return place

    def _continue(self, place: Place, traceparent: str) -> None:
        brought = _TRACEPARENT.fullmatch(traceparent)
        if brought is not None:
            place.trace, place.parent = bytes.fromhex(brought[1]), bytes.fromhex(brought[2])
            flags = api.TraceFlags(int(brought[3], 16))
            above = api.NonRecordingSpan(_context(place.trace, place.parent, flags))
            place.sampled = self._sampled(place.trace, api.set_span_in_context(above))

    def begin(self, place: Place, record: Inbound) -> None:
        """A record is appended here. If the place has no trace, it gets that of the conversation which the
        record is about, or the record's own, or a new one."""
        request = record.request
        conversation_id = request.conversation_id or self._offers.get(request.offer_id) or ""
        about = self._conversations.get(conversation_id)
        if place.trace:
            if about is not None and about[0] != place.trace and not place.used:
                place.links.append(api.Link(_context(*about)))
            return
        if about is not None:
            (place.trace, place.parent), place.sampled = about, True
            return
        self._continue(place, record.traceparent)
        if not place.trace:
            named = _RECORD_ID.fullmatch(record.record_id)
            place.trace = bytes.fromhex(named[1]) if named else secrets.token_bytes(16)
            place.sampled = self._sampled(place.trace, None)

    def _sampled(self, trace: bytes, caller: Any) -> bool:
        decided = self._sampler.should_sample(caller, int.from_bytes(trace, "big"), MAILBOX)
        return decided.decision is Decision.RECORD_AND_SAMPLE

    # What is told.

    def committed(self, batch: Committed) -> None:
        """Tell a batch's traced events as spans, under what has caused them."""
        for index, event in enumerate(batch.events):
            if not event.trace:
                continue
            event_id, kind = batch.event_id(index), event.WhichOneof("body")
            body = getattr(event, kind)
            place = Place(event.trace, span_id(event_id), self._cause(event))
            attributes = {"centrala.event": event_id, "centrala.desk": event.desk_id}
            conversation_id = getattr(body, "conversation_id", "")
            if conversation_id:
                attributes["centrala.conversation"] = conversation_id
            self.emit(f"{batch.topic} {kind}", place, event.occurred_at_ms * NS_PER_MS, attributes)
            here = (place.trace, place.span)
            self.origins.put(event.origin_id, here)
            if kind == "message":
                self._conversations.put(conversation_id, here)
            elif kind == "offered":
                self._offers.put(body.offer_id, conversation_id)
            elif kind == "attempted":
                self._attempts.put(body.send_id, here)

    def _cause(self, event: Any) -> bytes:
        """The span above an event's: its cause's, or, when time has passed, the last one of its origin."""
        if not event.cause_id.startswith(DEADLINE):
            return span_id(event.cause_id)
        known = self.origins.get(event.origin_id)
        return known[1] if known is not None else b""

    def _answered(self, method: str, place: Place, began_ns: int) -> None:
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "http.response.status_code": place.status,
        }
        if place.template:
            attributes["http.route"] = place.template
        name = f"{method} {place.template}".strip()
        self.emit(name, place, began_ns, attributes, api.SpanKind.SERVER)

    def emit(
        self,
        name: str,
        place: Place,
        began_ns: int,
        attributes: Mapping[str, str | int],
        kind: api.SpanKind = api.SpanKind.INTERNAL,
    ) -> None:
        """Hand over a span that ends now. Never waits: what the collector does not take is dropped."""
        ends_ns = max(began_ns, self.now_ns())
        failed = place.status >= 500
        span = ReadableSpan(
            name,
            _context(place.trace, place.span),
            _context(place.trace, place.parent) if place.parent else None,
            self._resource,
            attributes,
            links=place.links,
            kind=kind,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=began_ns,
            end_time=ends_ns,
            instrumentation_scope=self._scope,
        )
        self._processor.on_end(span)

    def now_ns(self) -> int:
        """Unix nanoseconds, in whole milliseconds as everything on the log."""
        return self._clock.now_ms() * NS_PER_MS


def _context(trace: bytes, span: bytes, flags: api.TraceFlags = SAMPLED) -> api.SpanContext:
    return api.SpanContext(int.from_bytes(trace, "big"), int.from_bytes(span, "big"), True, flags)


class _TracedLog:
    """A log whose mailbox records carry their trace."""

    def __init__(self, log: EventLog, otel: Otel) -> None:
        self._log = log
        self._otel = otel

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """See EventLog."""
        if topic != MAILBOX:
            return await self._log.append(topic, partition, values)
        records = [Inbound.FromString(value) for value in values]
        place = _here.get() or Place(b"", b"")
        self._otel.begin(place, records[0])
        place.used = True
        for record in records:
            above = (place.span or span_id(record.record_id)).hex()
            record.traceparent = f"00-{place.trace.hex()}-{above}-01" if place.sampled else ""
        began_ns = self._otel.now_ns()
        offset = await self._log.append(topic, partition, [record.SerializeToString() for record in records])
        for index, record in enumerate(records) if place.sampled else ():
            at = span_id(f"{MAILBOX}/{partition}/{offset + index}")
            durable = Place(place.trace, at, place.span or place.parent)
            attributes = {"centrala.desk": record.desk_id, "centrala.record": record.record_id}
            self._otel.emit(f"{MAILBOX} append", durable, began_ns, attributes, api.SpanKind.PRODUCER)
        return offset

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """See EventLog."""
        return self._log.reader(starts, lazy)

    async def end(self, topic: str, partition: int) -> int:
        """See EventLog."""
        return await self._log.end(topic, partition)

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """See EventLog."""
        await self._log.delete_before(topic, partition, offset)

    async def close(self) -> None:
        """See EventLog."""
        await self._log.close()


class _TracedEngine:
    """An engine whose events belong to the trace of what they are decided on."""

    def __init__(self, engine: Any, otel: Otel) -> None:
        self._engine = engine
        self._otel = otel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def decide(self, state: Any, record: Input | None, now_ms: int) -> list[Any]:
        """See Engine."""
        events = list(self._engine.decide(state, record, now_ms))
        trace = _trace_of(record) if events and record is not None else b""
        for event in events:
            if trace:
                event.trace = trace
            elif record is None:
                known = self._otel.origins.get(event.origin_id)
                event.trace = known[0] if known is not None else b""
        return events


def _trace_of(record: Input) -> bytes:
    """The trace of an input; b"" if it has none that is sampled."""
    if isinstance(record.event, Inbound):
        brought = _TRACEPARENT.fullmatch(record.event.traceparent)
        return bytes.fromhex(brought[1]) if brought and int(brought[3], 16) & 1 else b""
    trace: bytes = getattr(record.event, "trace", b"")
    return trace
