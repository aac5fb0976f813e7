"""The HTTP server itself: HEAD, Allow, headers, the description of the API, and how it stops."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from services.runtime.main import listen, serve_http
from tests.edges.installation import HEADERS, Installation, installation

STOPS_WITHIN_S = 1.0


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
