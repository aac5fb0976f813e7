"""The HTTP server itself: HEAD, Allow, headers, the description of the API, and how it stops."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from services.runtime.asgi import HotRequest, HotResponse
from services.runtime.hub import Told
from services.runtime.main import listen, serve_http
from tests.edges.installation import HEADERS, Installation, installation

STOPS_WITHIN_S = 1.0
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(made: Installation) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.Task[None]]]:
    """The App behind a real socket, and a client of it."""
    sock = listen("127.0.0.1", 0)
    task = asyncio.create_task(serve_http(made.app, sock))
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=url, headers=HEADERS, trust_env=False) as client:
            yield client, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_stop_with_a_stream_open_is_quick_and_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """The stream ends, the server is down within a second, and nothing is logged as an error."""
    caplog.set_level(logging.INFO)
    async with installation() as made:
        await made.desk("ola")
        async with (
            served(made) as (client, task),
            client.stream("GET", "/v1/desks/rowery/board/stream") as stream,
        ):
            parts = stream.aiter_bytes()
            assert b"retry" in await anext(parts)
            made.app.hub.close()
            task.cancel()
            async with asyncio.timeout(STOPS_WITHIN_S):
                await asyncio.wait({task})
            assert b"the process stops" in b"".join([part async for part in parts])
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_stop_at_rest_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """With a connection that is kept alive and idle, a stop takes no time and logs no error."""
    caplog.set_level(logging.INFO)
    async with installation() as made, served(made) as (client, task):
        answer = await client.get("/livez")
        assert "server" not in answer.headers
        task.cancel()
        async with asyncio.timeout(STOPS_WITHIN_S):
            await asyncio.wait({task})
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@asynccontextmanager
async def connected(
    client: httpx.AsyncClient,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to the same server."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    yield reader, writer
    writer.close()


def request(path: str) -> bytes:
    """A GET on the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {HEADERS['Authorization']}\r\n\r\n".encode()


async def test_a_stream_ends_with_its_client_whatever_was_asked_behind_it() -> None:
    """With a second request waiting behind a stream, the stream's end is noticed when the client goes."""
    async with installation() as made, served(made) as (client, _):
        await made.desk("ola")
        hub = made.app.hub
        async with connected(client) as (reader, writer):
            writer.write(request("/v1/desks/rowery/board/stream") + request("/livez"))
            assert b"snapshot" in await reader.readuntil(b"snapshot")
            assert hub.streams() == 1
        async with asyncio.timeout(10):
            while hub.streams():
                hub.publish("board/rowery", Told("queued", "e", {}))
                await asyncio.sleep(0)


async def test_what_is_no_http_takes_no_answer_from_what_came_before() -> None:
    """Behind two good requests comes rubbish: both are answered, then it is refused and the line closed."""
    async with installation() as made, served(made) as (client, _), connected(client) as (reader, writer):
        await made.desk("ola")
        writer.write(request("/v1/desks/rowery") + request("/livez") + b"\x00\x01 rubbish\r\n\r\n")
        answers = await reader.read()
        assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"200", b"200", b"400"]


async def test_head_is_get_without_a_body() -> None:
    """HEAD answers what GET would, without the body, and does not hang on a stream."""
    async with installation() as made:
        await made.desk("ola")
        async with served(made) as (client, _):
            for path in ("/livez", "/v1/desks/rowery", "/v1/desks/rowery/conversations", "/nowhere"):
                got, headed = await client.get(path), await client.head(path)
                assert headed.status_code == got.status_code
                assert headed.content == b""
                assert headed.headers["content-length"] == got.headers["content-length"]
                assert headed.headers["content-type"] == got.headers["content-type"]
            stream = await asyncio.wait_for(client.head("/v1/desks/rowery/board/stream"), 5)
            assert stream.headers["content-type"].startswith("text/event-stream")
        assert made.app.hub.streams() == 0


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/v1/desks/rowery", "GET, HEAD, PUT"),
        ("OPTIONS", "/v1/desks/rowery/agents/ola", "GET, HEAD, PUT"),
        ("GET", "/v1/desks/rowery/messages", "POST"),
        ("HEAD", "/v1/desks/rowery/messages", "POST"),
        ("DELETE", "/v1/webhooks/rowery/telegram/x", "GET, HEAD, POST"),
        ("PUT", "/v1/desks/rowery/customers/u1", "GET, HEAD, DELETE"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    """405 lists every method of the path, also those of its other routes."""
    async with installation() as made:
        done = await made.call(method, path)
        assert (done.status_code, done.headers["allow"]) == (405, allow)
        assert done.headers["content-type"] == "application/problem+json"


async def test_the_description_is_valid_openapi() -> None:
    """/openapi.json keeps the OpenAPI 3.1 schema, and every path parameter is described."""
    async with installation() as made:
        described = json.loads((await made.client.get("/openapi.json")).text)
        assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(described)] == []
        names = []
        for path, operations in described["paths"].items():
            wanted = {part[1:-1] for part in path.split("/") if part.startswith("{")}
            for operation in operations.values():
                names.append(operation["operationId"])
                given = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
                assert sorted(given) == sorted(wanted), path
        assert len(names) == len(set(names))


async def asked(port: int, parts: list[bytes], before: bytes = b"") -> tuple[bytes, list[bytes], bytes]:
    """Send the parts, each after the first only once `before` came; status line, headers by name, body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for place, part in enumerate(parts):
        if place:
            assert await reader.readexactly(len(before)) == before
        writer.write(part)
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).rstrip().split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in head[1:])
        body = await reader.readexactly(int(headers[b"content-length"]))
    writer.close()
    return head[0], sorted(headers.keys() - {b"connection"}), body


async def test_an_answer_is_the_same_however_its_request_comes() -> None:
    """In one piece, with a body that waits for the server's word, and on a connection that ends with it: the
    short ways and uvicorn's own give the same status, headers and body."""
    message = {"channel": "chat", "account": "www", "external_id": "m1", "text": "Gdzie paczka?"}
    body = json.dumps(message | {"from": {"address": "jan@example.pl"}}).encode()
    head = (
        "POST /v1/desks/rowery/messages HTTP/1.1\r\nHost: centrala\r\n"
        f"Authorization: {HEADERS['Authorization']}\r\nContent-Length: {len(body)}\r\n"
    ).encode()
    async with installation() as made, served(made) as (client, _):
        await made.desk("ola")
        port = client.base_url.port
        assert port is not None
        whole = await asked(port, [head + b"\r\n" + body])
        waiting = [head + b"Expect: 100-continue\r\n\r\n", body]
        awaited = await asked(port, waiting, b"HTTP/1.1 100 Continue\r\n\r\n")
        last = await asked(port, [head + b"Connection: close\r\n\r\n" + body])
        assert whole[0] == b"HTTP/1.1 202 Accepted"
        assert whole == awaited == last


async def test_a_body_over_a_routes_bound_is_refused_though_it_came_whole() -> None:
    """413, as for one that comes in pieces."""
    async with installation() as made, served(made) as (client, _):
        await made.desk("ola")

        async def never(request: HotRequest) -> HotResponse:
            raise AssertionError(request)

        made.app.add_hot("POST", "/v1/desks/{desk}/small", never, body_max=10)
        done = await client.post("/v1/desks/rowery/small", content=b"x" * 11)
        assert done.status_code == 413


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_is_answered_leaves_nothing_to_collect(method: str) -> None:
    """A request holds no cycle, so its memory is free at once: a thousand a second made the garbage collector
    stop everything for a tenth of a second."""
    async with installation() as made, served(made) as (client, _):
        await made.desk("ola")

        async def empty(_request: HotRequest) -> HotResponse:
            return HotResponse(200, b"{}")

        made.app.add_hot("GET", "/v1/desks/{desk}/small", empty)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(3):
                assert (await client.request(method, "/v1/desks/rowery/small")).status_code == 200
            gc.collect()
            found = [one for one in gc.garbage if isinstance(one, RequestResponseCycle)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
    assert found == []
