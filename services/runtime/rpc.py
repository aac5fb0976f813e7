"""gRPC, as far as every call of every service is alike.

A service hangs its calls onto the process by `Rpc.add`: plain coroutines over the messages of proto/v1.
What is around each of them stands here: nothing is answered before the process is ready; a message is bounded
and parsed here, so that a wrong one is INVALID_ARGUMENT and never an error of ours; whatever goes wrong
leaves as a canonical code with details (`rpc_errors.py`); a single call has a bound in time, whether its
caller sets one or not; and every answer is counted.

Streams are written with `Call.write`, which waits until the transport has room. So a slow reader is behind
in a bounded queue (`hub.py`), and in no other place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.kernel.limits import BODY_BYTES_MAX
from services.runtime.auth import Principal
from services.runtime.problems import Refusal
from services.runtime.rpc_errors import Failure, failure_of

if TYPE_CHECKING:
    from services.runtime.main import App

CALL_WITHIN_S = 10.0
"""Bound of a single call, and of one request within a stream, however long its caller would wait: longer than
any wait for an outcome."""

M = TypeVar("M", bound=Message)
Handler = Callable[..., Awaitable[Any]]
"""Single: (call, request) -> answer. A stream of answers: (call, request) -> None, written by `call.write`.
Streams both ways: (call, requests) -> None, the same."""


class Call:
    """One call: who makes it, and the way back to them."""

    __slots__ = ("_app", "_context", "_writing", "desks", "headers")

    def __init__(self, app: App, context: Any) -> None:
        self._app = app
        self._context = context
        self._writing = asyncio.Lock()
        self.desks: set[str] = set()
        """Those at which its key was found good."""
        self.headers: dict[bytes, bytes] = {
            name.encode(): value if isinstance(value, bytes) else value.encode()
            for name, value in context.invocation_metadata() or ()
        }

    async def check(self, desk_id: str, scopes: tuple[str, ...]) -> Principal:
        """Who asks, by the key in the metadata (`authorization: Bearer KEY`); as Auth.check,
        or Busy. A stream asks again with each request, since keys are removed. The desk is at hand then."""
        await self._app.views.prepare(desk_id, self._app.auth.key_hash(self.headers))
        principal = self._app.auth.check(self.headers, desk_id, scopes)
        self.desks.add(desk_id)
        return principal

    def ready(self) -> None:
        """Whether requests are let in now. Raises Refusal 503."""
        if not self._app.ready():
            self._app.metrics.turned_away.labels("restoring").inc()
            raise Refusal(503, "The process is getting ready.", retry_after_s=1)

    async def write(self, message: Message) -> None:
        """Send one message of a stream of answers; returns when the transport has taken it."""
        async with self._writing:
            await self._context.write(message.SerializeToString())


class Rpc(grpc.GenericRpcHandler):
    """The calls of one process."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {}
        self._described: dict[str, MethodDescriptor] = {}

    def add(self, service: ServiceDescriptor, handlers: Mapping[str, Handler]) -> None:
        """Serve these calls of a service. Several parts may serve calls of one service."""
        for name, handler in handlers.items():
            method = service.methods_by_name[name]
            path = f"/{service.full_name}/{name}"
            self._methods[path] = self._served(method, handler)
            self._described[path] = method

    def services(self) -> list[str]:
        """Full names of the services of which any call is served."""
        return sorted({path.split("/")[1] for path in self._methods})

    def calls(self) -> Mapping[str, MethodDescriptor]:
        """Every call that is served, by its path."""
        return self._described

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """See grpc: what serves this call; None: UNIMPLEMENTED."""
        return self._methods.get(handler_call_details.method)

    def _served(self, method: MethodDescriptor, handler: Handler) -> grpc.RpcMethodHandler[bytes, bytes]:
        cls = GetMessageClass(method.input_type)
        route = f"{method.containing_service.name}/{method.name}"

        async def single(raw: bytes, context: Any) -> bytes:
            began_s = self._app.clock.monotonic_s()
            async with self._answering(route, context) as call, asyncio.timeout(CALL_WITHIN_S):
                answer: Message = await handler(call, parsed(cls, raw))
            self._app.metrics.request_seconds.labels("grpc", route).observe(
                self._app.clock.monotonic_s() - began_s
            )
            return answer.SerializeToString()

        async def stream(raw: bytes, context: Any) -> None:
            async with self._answering(route, context) as call:
                await handler(call, parsed(cls, raw))

        async def both(_: Any, context: Any) -> None:
            async with self._answering(route, context) as call:
                await handler(call, _requests(cls, context))

        # Neither serialiser is given: an error in one would be the caller's UNKNOWN.
        if method.client_streaming:
            return grpc.stream_stream_rpc_method_handler(both)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(single)

    @asynccontextmanager
    async def _answering(self, route: str, context: Any) -> AsyncIterator[Call]:
        """Let the body answer; whatever it raises is told to the caller."""
        status = "OK"
        failure: Failure | None = None
        try:
            call = Call(self._app, context)
            call.ready()
            yield call
        except asyncio.CancelledError:  # the caller has gone or their deadline has passed
            status = "CANCELLED"
            raise
        except Exception as error:  # the border: whatever went wrong, the caller gets a status
            failure = failure_of(error)
            status = failure.code.name
        finally:
            self._app.metrics.requests.labels("grpc", route, status).inc()
        if failure is not None:
            await context.abort(failure.code, failure.message(), failure.trailing())


async def _requests(cls: type[M], context: Any) -> AsyncIterator[M]:
    """What the caller streams, until they end their side. Raises as `parsed`."""
    while (raw := await context.read()) is not grpc.aio.EOF:
        yield parsed(cls, raw)


def parsed(cls: type[M], raw: bytes) -> M:
    """The message. Raises Refusal 413 for one that is too large, DecodeError for what is none."""
    if len(raw) > BODY_BYTES_MAX:
        raise Refusal(413, f"The message makes {len(raw)} bytes; {BODY_BYTES_MAX} are the most.")
    message = cls()
    message.ParseFromString(raw)
    return message


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run parts of a stream until all have ended; the first error ends the others and is raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
