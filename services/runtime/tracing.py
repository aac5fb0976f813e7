"""Tracing as the rest of the process sees it; what it does is in `tracing_otel.py`, if it is on.

Off by default. It is on where the standard environment variables of OpenTelemetry name a collector
(`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) or ask for one
(`OTEL_TRACES_EXPORTER=otlp`), unless `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER=none` say otherwise. Off,
it costs nothing: the log, the engines and the HTTP edge are as they are without it, and OpenTelemetry is not
even loaded.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from services.kernel.errors import Invalid
from services.runtime.clock import Clock
from services.runtime.event_log import EventLog

if TYPE_CHECKING:
    from services.runtime.main import App

Scope = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[None]]


class Tracing(Protocol):
    """What a process asks of its tracing."""

    def log(self, log: EventLog) -> EventLog:
        """The log through which records of the mailbox get their trace."""

    def bind(self, app: App) -> None:
        """Follow a process: its loops, its HTTP edge, its end; after everything else is bound."""

    def follow(self, app: App) -> None:
        """Follow the loops of an App that is a part of a process, before they run."""

    def around(self, asgi: AsgiApp) -> AsgiApp:
        """The HTTP edge, each request as a span."""

    def call(self, send_id: str) -> AbstractContextManager[None]:
        """Around the call of a provider, and the report of it."""


class Untraced:
    """Tracing that is off."""

    def log(self, log: EventLog) -> EventLog:
        """The log itself."""
        return log

    def bind(self, app: App) -> None:
        """Nothing."""

    def follow(self, app: App) -> None:
        """Nothing."""

    def around(self, asgi: AsgiApp) -> AsgiApp:
        """The edge itself."""
        return asgi

    def call(self, send_id: str) -> AbstractContextManager[None]:
        """Nothing around it."""
        return nullcontext()


def enabled(environment: Mapping[str, str]) -> bool:
    """Whether the environment wants traces. Raises Invalid for an exporter or protocol that there is not."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    if exporter not in ("", "none", "otlp"):
        raise Invalid(f"OTEL_TRACES_EXPORTER must be otlp or none, not {exporter!r}")
    ends = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    is_on = exporter == "otlp" or (exporter == "" and any(environment.get(name) for name in ends))
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        protocol = environment.get(name, "")
        if is_on and protocol not in ("", "http/protobuf"):
            raise Invalid(f"{name} must be http/protobuf, not {protocol!r}; collectors take it on port 4318")
    return is_on


def from_environment(environment: Mapping[str, str], clock: Clock) -> Tracing:
    """The tracing that the environment asks for."""
    if not enabled(environment):
        return Untraced()
    # Loaded only when it is wanted: OpenTelemetry takes 0.2 s and 15 MB.
    made: Tracing = importlib.import_module("services.runtime.tracing_otel").started(clock)
    return made
