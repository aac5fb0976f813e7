"""The gRPC server of a process: its port, health, reflection, and how long connections live.

Health (grpc.health.v1) says SERVING exactly while the process is ready, for the whole and for each service.
Reflection tells tools what there is, without a key, as `/openapi.json` does.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection

from services.kernel.errors import Invalid
from services.runtime.hub import Hub
from services.runtime.problems import Refusal
from services.runtime.rpc import parsed
from services.runtime.rpc_errors import failure_of

if TYPE_CHECKING:
    from services.runtime.main import App

MESSAGE_BYTES_MAX = 4_194_304
"""What the transport takes at all; below it, above the bound of a body, a refusal says what is right."""
STOP_WITHIN_S = 0.5
"""What calls may take to end at a stop."""
HEALTH_EVERY_S = 0.25
"""Between two looks at whether the process is ready, for those who watch."""

Options = tuple[tuple[str, int], ...]
OPTIONS: Options = (
    ("grpc.so_reuseport", 0),  # else a second process would share the port instead of being refused
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # The default lets a client ping every five minutes, then says too_many_pings and goes away.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Connections end now and then, so that they spread over the edges there are.
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
)


class RpcServer:
    """Serves an App's calls. `listen` before the App starts, `run` while it runs."""

    def __init__(self, app: App, options: Options = OPTIONS) -> None:
        self._app = app
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers((app.rpc,))

    def listen(self, host: str, port: int) -> int:
        """Take the port (0: a free one); returns it. Raises Invalid, naming it, if it is taken."""
        address = f"[{host}]:{port}" if ":" in host else f"{host or '0.0.0.0'}:{port}"
        try:
            _try(host, port)
            return self._server.add_insecure_port(address)
        except (OSError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise Invalid(
                f"cannot listen for gRPC on {host} port {port}: {why}. Is it running already? "
                "Another port: CENTRALA_GRPC_PORT; no gRPC: CENTRALA_GRPC=false."
            ) from error

    async def run(self) -> None:
        """Serve until cancelled; then open calls get a moment, and streams end at once."""
        names = self._app.rpc.services()
        health = Health(self._app.ready, self._app.hub, frozenset(["", *names]))
        self._server.add_generic_rpc_handlers((health.handlers(),))
        shown = (*names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(shown, self._server)
        await self._server.start()
        try:
            await self._server.wait_for_termination()
        finally:
            await self._server.stop(STOP_WITHIN_S)

    async def close(self) -> None:
        """Let go of the port; for a process that never ran."""
        await self._server.stop(None)


def _try(host: str, port: int) -> None:
    """Bind the port and let go of it; gRPC says only on stderr why it cannot. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


class Health:
    """grpc.health.v1 over what is true at the moment."""

    def __init__(self, ready: Callable[[], bool], hub: Hub, services: frozenset[str]) -> None:
        self._ready = ready
        self._hub = hub
        self._services = services

    def handlers(self) -> Any:
        """What serves its calls. Requests are read here: an error in a deserialiser would be the caller's
        UNKNOWN."""
        answer = health_pb2.HealthCheckResponse.SerializeToString
        return grpc.method_handlers_generic_handler(
            health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self.check, response_serializer=answer),
                "Watch": grpc.unary_stream_rpc_method_handler(self.watch, response_serializer=answer),
            },
        )

    def _status(self) -> health_pb2.HealthCheckResponse:
        kinds = health_pb2.HealthCheckResponse
        return kinds(status=kinds.SERVING if self._ready() else kinds.NOT_SERVING)

    async def check(self, raw: bytes, context: Any) -> health_pb2.HealthCheckResponse:
        """Whether requests are let in now; NOT_FOUND for a service that is not here."""
        request = await _asked(raw, context)
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service here.")
        return self._status()

    async def watch(self, raw: bytes, context: Any) -> None:
        """The same as it changes, until the caller goes or the process stops. A service that is not here is
        SERVICE_UNKNOWN, and the stream stays open, as the specification of grpc.health.v1 asks."""
        request = await _asked(raw, context)
        kinds = health_pb2.HealthCheckResponse
        told: health_pb2.HealthCheckResponse | None = None
        while not self._hub.closed:
            known = request.service in self._services
            now = self._status() if known else kinds(status=kinds.SERVICE_UNKNOWN)
            if now != told:
                await context.write(now)
                told = now
            await asyncio.sleep(HEALTH_EVERY_S)


async def _asked(raw: bytes, context: Any) -> health_pb2.HealthCheckRequest:
    """What is asked; the call ends as every other where it cannot be read."""
    try:
        return parsed(health_pb2.HealthCheckRequest, raw)
    except (DecodeError, Refusal) as error:
        failure = failure_of(error)
        await context.abort(failure.code, failure.message(), failure.trailing())
        raise
