"""The way in: a bare-ASGI dispatcher in front of FastAPI.

The few routes that carry the load (messages, webhooks, accept, reply, streams …) are matched here and
handled without a framework: a quarter of the cost. Everything else goes on to the application behind.
Bodies are read whole before anything else happens, and never beyond the route's bound (413).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing, suppress
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from services.kernel.limits import BODY_BYTES_MAX as BODY_BYTES_MAX
from services.runtime.bodies import Bodies, Gone
from services.runtime.bodies import Receive as Receive
from services.runtime.problems import Refusal, refusal_of

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON = (b"content-type", b"application/json")
JSON_ONLY = (JSON,)
WHOLE_BODY = "centrala.body"
"""In a scope: the body, where the server had all of it when the request began."""
ANSWER = "centrala.answer"
"""In a scope: takes the status and the JSON of an answer and sends it at once, which is a fifth of the work
of two ASGI messages; says whether it could."""

_TRACE = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class HotRequest(NamedTuple):
    """A request of a hot route. Header names are in lower case; of repeated ones the last counts."""

    method: str
    path_params: dict[str, str]
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes


class HotResponse(NamedTuple):
    """The answer. `Content-Length` is added on the way out."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = JSON_ONLY


class HotStream(NamedTuple):
    """An answer without an end: a 200 with its parts as they come, until there are no more or the client
    goes."""

    parts: AsyncGenerator[bytes, None]
    headers: tuple[tuple[bytes, bytes], ...]
    status: int = 200


HotHandler = Callable[[HotRequest], Awaitable[HotResponse | HotStream]]


ALWAYS = ("/livez", "/readyz", "/metrics")
"""Answered before the process is ready, too."""

STOPPING = "The process stops: whether this was done is unknown; send the same again, with the same key."
"""Told to whoever waits for an answer at a stop."""

Observe = Callable[[str, int, float], None]
"""Told of each answer: the route's template ("" for none), its status, seconds from the arrival."""


class _Route(NamedTuple):
    template: str
    names: tuple[str, ...]
    handler: HotHandler
    body_max: int


class _Node:
    """One segment of the paths: what follows by word, what follows by parameter, who answers here."""

    __slots__ = ("by_method", "param", "words")

    def __init__(self) -> None:
        self.words: dict[bytes, _Node] = {}
        self.param: _Node | None = None
        self.by_method: dict[str, _Route] = {}


class Dispatcher:
    """The ASGI application: hot routes first, then the application behind."""

    def __init__(self, behind: AsgiApp) -> None:
        self.observe: Observe | None = None
        self.monotonic_s: Callable[[], float] = lambda: 0.0
        self.ready: Callable[[], bool] = lambda: True
        self.prepare: Callable[[Scope], Awaitable[None]] | None = None
        """Has at hand what handlers look up, where that is far; before anything else of a request."""
        self.admit: Callable[[Scope], None] = lambda scope: None
        """Asked before a body is waited for: raises Refusal for who is not let in with any."""
        self._behind = behind
        self._root = _Node()
        self._bodies = Bodies()

    def add(self, method: str, template: str, handler: HotHandler, body_max: int = BODY_BYTES_MAX) -> None:
        """Serve `method` on a path such as `/v1/desks/{desk}/messages`. Bodies up to `body_max` bytes."""
        node, names = self._root, []
        for segment in template.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.param = node.param or _Node()
                node = node.param
            else:
                node = node.words.setdefault(segment.encode(), _Node())
        node.by_method[method] = _Route(template, tuple(names), handler, body_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        at_once = scope.pop(ANSWER, None)  # out of the scope, which its server holds too: else a cycle
        if is_head := scope["method"] == "HEAD":
            at_once, (scope, receive, send) = None, _as_get(scope, send)
        template, began_s = "", self.monotonic_s()
        answer: HotResponse | HotStream
        try:
            if scope["path"] not in ALWAYS and not self.ready():
                raise Refusal(503, "The process is getting ready.", retry_after_s=1)
            if self.prepare is not None:
                await self.prepare(scope)
            found = self._match(scope)
            if found is None:
                await self._pass_on(scope, receive, send)
                return
            route, values = found
            template = route.template
            headers = dict(scope["headers"])
            body = b"" if scope["method"] == "GET" else scope.get(WHOLE_BODY)
            if body is None or len(body) > route.body_max:
                body = await self._read(scope, headers, receive, route.body_max)
            _check_coding(headers)
            params = dict(zip(route.names, values, strict=True))
            answer = await route.handler(
                HotRequest(scope["method"], params, scope["query_string"], headers, body)
            )
        except Gone:
            return
        except asyncio.CancelledError:
            # The process stops. What was under way may be durable or not, which 503 says and 500 does not.
            answer = problem_response(Refusal(503, STOPPING, retry_after_s=1))
        except Exception as error:  # the border: whatever went wrong, the client gets problem details
            answer = problem_response(error)
        if self.observe is not None:
            self.observe(template, answer.status, self.monotonic_s() - began_s)
        if isinstance(answer, HotStream) and is_head:
            await _stream_head(send, answer)
        elif isinstance(answer, HotStream):
            await stream(receive, send, answer)
        elif at_once is None or answer.headers != JSON_ONLY or not at_once(answer.status, answer.body):
            await respond(send, answer)

    async def _read(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, most: int) -> bytes:
        """The whole body, which is there already or waited for."""
        if WHOLE_BODY not in scope:
            self.admit(scope)
        return await self._bodies.read(headers, receive, most)

    def _match(self, scope: Scope) -> tuple[_Route, list[str]] | None:
        raw = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
        node, values = self._root, []
        for segment in raw.strip(b"/").split(b"/"):
            after = node.words.get(segment)
            if after is None:
                after = node.param
                if after is None:
                    return None
                values.append(segment)
            node = after
        route = node.by_method.get(scope["method"])
        if route is None:
            return None
        return route, [_text(value) for value in values]

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        _text(scope.get("raw_path") or b"")
        if scope["method"] in ("GET", "OPTIONS"):
            await self._answered_behind(scope, receive, send)
            return
        headers = dict(scope["headers"])
        body = await self._read(scope, headers, receive, BODY_BYTES_MAX)
        _check_coding(headers)
        told = False

        async def replay() -> MutableMapping[str, Any]:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._answered_behind(scope, replay, send)

    async def _answered_behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer. What it raises after it has begun to answer was told by it."""
        begun, began_s = False, self.monotonic_s()

        async def noting(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                if self.observe is not None:
                    route = scope.get("route")
                    seconds = self.monotonic_s() - began_s
                    self.observe(getattr(route, "path", ""), message["status"], seconds)
            await send(message)

        try:
            await self._behind(scope, receive, noting)
        except asyncio.CancelledError:
            if begun:
                raise Gone from None
            raise
        except Exception:
            if not begun:
                raise


def _as_get(scope: Scope, send: Send) -> tuple[Scope, Receive, Send]:
    """HEAD as GET whose body is not sent (RFC 9110 section 9.3.2). Once the headers are out the client
    counts as gone, so that a stream of the application behind ends."""
    asked, answered = False, asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def headers_only(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})
            answered.set()

    return {**scope, "method": "GET"}, receive, headers_only


def _text(segment: bytes) -> str:
    if b"%" not in segment and segment.isascii():
        return segment.decode("ascii")
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(400, "The path is not UTF-8.") from error


def _check_coding(headers: dict[bytes, bytes]) -> None:
    """Raise Refusal 415 for a compressed body (RFC 9110 section 12.5.3): read as it is, it would be called
    broken, and nobody would know why."""
    coding = headers.get(b"content-encoding", b"").strip().lower()
    if coding not in (b"", b"identity"):
        named = coding.decode("ascii", "replace")
        detail = f"The body is sent as {named}; send it as it is, without Content-Encoding."
        raise Refusal(415, detail, headers={"Accept-Encoding": "identity"})


def trace_of(headers: dict[bytes, bytes]) -> str:
    """The request's `traceparent` (W3C Trace Context, section 3.2); "" for anything else: it is kept in
    the plain, so free words have no place in it."""
    value = headers.get(b"traceparent", b"")
    return value.decode() if _TRACE.fullmatch(value) else ""


def problem_response(error: Exception) -> HotResponse:
    """An error as an answer."""
    refusal = refusal_of(error)
    return HotResponse(refusal.status, refusal.body(), tuple(refusal.header_pairs()))


async def respond(send: Send, answer: HotResponse) -> None:
    """Send an answer."""
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def stream(receive: Receive, send: Send, answer: HotStream) -> None:
    """Send the parts as they come; stop at once when the client is gone or the process stops."""
    tasks = [asyncio.create_task(_send_all(send, answer)), asyncio.create_task(_gone(receive))]
    with suppress(asyncio.CancelledError):  # the process stops: the client sees the end of the stream
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


async def _stream_head(send: Send, answer: HotStream) -> None:
    """Send the headers alone: nothing of the stream begins, so an agent's does not make a session."""
    await answer.parts.aclose()
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})


async def _send_all(send: Send, answer: HotStream) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    async with aclosing(answer.parts) as parts:
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def as_endpoint(handler: HotHandler) -> Callable[[Request], Awaitable[Response]]:
    """The same handler as a FastAPI endpoint, so that the hot routes stand in `/openapi.json`, a wrong
    method is a 405, and the application works without the dispatcher."""

    async def endpoint(request: Request) -> Response:
        raw: list[tuple[bytes, bytes]] = list(request.scope["headers"])
        params = {name: str(value) for name, value in request.path_params.items()}
        body = await request.body()
        answer: HotResponse | HotStream
        try:
            answer = await handler(
                HotRequest(request.method, params, request.scope["query_string"], dict(raw), body)
            )
        except Exception as error:  # the border, as in Dispatcher
            answer = problem_response(error)
        shown = {k.decode(): v.decode("latin-1") for k, v in answer.headers}
        if isinstance(answer, HotStream):
            return StreamingResponse(answer.parts, answer.status, shown)
        return Response(answer.body, answer.status, shown)

    return endpoint
