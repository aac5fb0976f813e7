"""A collector of traces: takes OTLP over HTTP and keeps the spans."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

WITHIN_S = 20.0


class Collector:
    """What it was told so far. `url`: the endpoint for `OTEL_EXPORTER_OTLP_ENDPOINT`."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self._told = asyncio.Condition()

    async def until(self, wanted: Callable[[list[Span]], bool]) -> list[Span]:
        """All spans, once they are as wanted; as they are after a while."""
        try:
            async with asyncio.timeout(WITHIN_S), self._told:
                await self._told.wait_for(lambda: wanted(self.spans))
        except TimeoutError:
            return self.spans
        return self.spans

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: POSTs with a length, until it is closed."""
        while (head := await _head(reader)) is not None:
            body = await reader.readexactly(int(head[b"content-length"]))
            if head.get(b"content-encoding") == b"gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            async with self._told:
                for resource in request.resource_spans:
                    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
                    self.services.add(attributes.get("service.name", ""))
                    for scope in resource.scope_spans:
                        self.spans += scope.spans
                self._told.notify_all()
            answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
            writer.write(answer)
            await writer.drain()
        writer.close()


async def _head(reader: asyncio.StreamReader) -> dict[bytes, bytes] | None:
    """The header of the next request; None at the end."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    pairs = (line.split(b":", 1) for line in raw.split(b"\r\n")[1:] if b":" in line)
    return {name.lower(): value.strip() for name, value in pairs}


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """One that listens on loopback."""
    made = Collector()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made
