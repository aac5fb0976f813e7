"""A lean HTTP/1.1 client for benchmarks: keep-alive, one request at a time, and event streams.

General clients cost more CPU a request than the server under test, which shares their two cores.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self


class Answer(NamedTuple):
    """Status and body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Connection:
    """One keep-alive connection. Not for concurrent use.

    others: ports where the same is served; one connection broken, the next goes there.
    """

    def __init__(self, host: str, port: int, key: str, others: Sequence[int] = ()) -> None:
        self._host = host
        self._ports = itertools.cycle((port, *others))
        self._headers = f"Host: {host}:{port}\r\nAuthorization: Bearer {key}\r\n"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the socket."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, next(self._ports))
        return self._reader, self._writer

    async def request(self, method: str, path: str, body: Any = None, key: str = "") -> Answer:
        """One request; `key` is the Idempotency-Key. Raises OSError when the connection breaks."""
        reader, writer = await self._streams()
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(raw)}\r\n"
        if raw:
            head += "Content-Type: application/json\r\n"
        if key:
            head += f"Idempotency-Key: {key}\r\n"
        writer.write(head.encode() + b"\r\n" + raw)
        try:
            return await self._answer(reader)
        except asyncio.IncompleteReadError as error:
            self.close()
            raise ConnectionResetError("the connection ended") from error
        except OSError:
            self.close()
            raise

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        close = b"connection: close" in head
        if b"transfer-encoding: chunked" in head:
            body = await self._chunks(reader)
        else:
            at = head.find(b"content-length:")
            length = int(head[at + 15 : head.index(b"\r\n", at)]) if at >= 0 else 0
            body = await reader.readexactly(length) if length else b""
        if close:
            self.close()
        return Answer(status, body)

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)

    async def events(self, path: str) -> AsyncIterator[tuple[str, Any]]:
        """(event, data) of a server-sent event stream, until it ends."""
        reader, writer = await self._streams()
        writer.write(f"GET {path} HTTP/1.1\r\n{self._headers}Accept: text/event-stream\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if int(head[9:12]) != 200:
            raise ConnectionError(f"{path}: {head[:40]!r}")
        name, data = "", ""
        while line := await reader.readline():
            text = line.rstrip(b"\r\n").decode()
            if text.startswith("event:"):
                name = text[6:].strip()
            elif text.startswith("data:"):
                data = text[5:].strip()
            elif not text and data:
                yield name, json.loads(data)
                name, data = "", ""
