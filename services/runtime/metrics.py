"""Every metric: name, kind, unit, meaning, labels. Nothing else in the project makes one.

One Metrics object belongs to a process (an App) and has a registry of its own, so that tests make as
many as they like. Labels are bounded: what a customer or a desk can choose (desk, agent, customer,
conversation, order, an unknown channel) is never a label. `python -m services.runtime.metrics`
prints `docs/metrics.md`, and a test compares.

Names follow Prometheus: base units (seconds, bytes), counters end in `_total`. What happens for each
message is measured by the kinds of `measures.py`, which cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from services.runtime.measures import Distribution, Tallied

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Media type of `Metrics.render`: the Prometheus text format."""

LABELS = frozenset(
    {"edge", "route", "status", "topic", "channel", "reason", "outcome", "kind", "state", "rule"}
)
"""Every label there is. Each takes values from a list in our code, never from outside."""

CHANNELS = frozenset(
    """email chat whatsapp telegram sms voice messenger instagram allegro api webhook""".split()
)
"""Channels that are told apart in metrics; the others count as "other". "webhook": what goes to a URL."""

RULES: Mapping[str, str] = {
    "capacity": "agents who were offered more than their capacity",
    "two_states": "conversations that are in two of waiting, offered, owned, or in none",
    "human_only": "conversations for humans only that a bot is offered or owns",
    "promise": "running targets that are past due, without a breach, for longer than 5 s",
    "send_result": "attempts to send without a result 5 s after their lease",
    "seq_gap": "batches whose number did not follow from the one before, since the start",
    "notice_quiet": "notices sent in quiet hours, since the start",
    "notice_twice": "orders about which a customer was told the same twice",
}
"""What must always hold (ARCHITECTURE), by the label `rule`, and what is counted of what breaks it."""

# From far below an fsync to the 3 s after which an edge gives up, about two steps an octave where
# the targets lie (milliseconds).
SECONDS = (
    0.0005,
    0.001,
    0.002,
    0.003,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    3.0,
    10.0,
)
COUNTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500)


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric as the documentation names it."""

    name: str
    kind: str
    unit: str
    meaning: str
    labels: tuple[str, ...]


class Invariants(Protocol):
    """What must hold of one service's state; `invariants.py` of the service."""

    def restored(self, state: Any) -> None:
        """From now on the loop has this state."""

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Kinds of the service's own events that it must be told of when they are committed."""

    def rules(self) -> Mapping[str, Callable[[int], Iterable[int]]]:
        """By names of RULES: given the time (Unix milliseconds), how often it is broken now, in parts.
        Between two parts the loops get their turn."""


def channel_label(channel: str) -> str:
    """The channel as a label: itself where it is known, else "other"."""
    return channel if channel in CHANNELS else "other"


class Metrics:
    """The metrics of one process; one attribute each."""

    def __init__(self) -> None:
        # A series beside every counter that says when it was made: twice the series, and nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives it no types
        self.registry = CollectorRegistry()
        self.definitions: list[Definition] = []
        self.invariants: dict[str, Invariants] = {}
        """By owned topic; each service's shell adds its own, telemetry has them watched."""
        self.refreshers: list[Callable[[], Awaitable[None]]] = []
        ProcessCollector(registry=self.registry)
        self._edges()
        self._loop()
        self._restores()
        self._log()
        self._work()
        self._sending()
        self.invariant_violations = self._gauge(
            "invariant_violations",
            "",
            "How often what must always hold does not; must be 0. By rule, see metrics.md.",
            ("rule",),
        )

    def _edges(self) -> None:
        """Rate, errors, duration of everything that outsiders call."""
        self.requests = self._counter(
            "requests_total",
            "requests",
            "Requests answered, by edge (http, webhook, smtp, grpc), route and status.",
            ("edge", "route", "status"),
        )
        self.request_seconds = self._histogram(
            "request_seconds",
            "seconds",
            "From a request's arrival to its answer.",
            ("edge", "route"),
            SECONDS,
        )
        self.turned_away = self._counter(
            "turned_away_total",
            "requests",
            "Requests turned away: rate and in_flight (429, 503), streams (503), restoring: the process is "
            "not ready, or too much waits to be decided (503).",
            ("reason",),
        )
        self.streams_open = self._gauge("streams_open", "streams", "Event streams open now.", ())

    def _loop(self) -> None:
        """The loop of each engine."""
        self.batches = self._tallied(
            "batches_total", "batches", "Batches committed, by owned topic.", ("topic",)
        )
        self.batch_events = self._histogram(
            "batch_events", "events", "Events in a committed batch.", ("topic",), COUNTS
        )
        self.append_seconds = self._histogram(
            "append_seconds",
            "seconds",
            "From handing a batch to the log to its acknowledgement.",
            ("topic",),
            SECONDS,
        )
        self.inputs = self._tallied("inputs_total", "inputs", "Inputs that were decided.", ("topic",))
        self.deadlines = self._tallied("deadlines_total", "deadlines", "Deadlines that fired.", ("topic",))
        self.loop_busy_seconds = self._tallied(
            "loop_busy_seconds_total",
            "seconds",
            "Time spent deciding and folding; divided by inputs and deadlines it is what one costs.",
            ("topic",),
        )
        self.deadline_late_seconds = self._histogram(
            "deadline_late_seconds",
            "seconds",
            "How long after it was due a deadline was decided. Never negative: nothing fires early.",
            ("topic",),
            SECONDS,
        )
        self.skipped_inputs = self._tallied(
            "skipped_inputs_total",
            "inputs",
            "Inputs passed over because their decision failed. Must stay 0; each is a bug to report.",
            ("topic",),
        )

    def _restores(self) -> None:
        """How engines come to own their partition, and lose it."""
        self.restores = self._tallied(
            "restores_total",
            "restores",
            "Times an engine was restored: its start, and after a fence.",
            ("topic",),
        )
        self.restore_seconds = self._gauge(
            "restore_seconds", "seconds", "How long the last restore took.", ("topic",)
        )
        self.restored_events = self._gauge(
            "restored_events", "events", "Own events folded in the last restore.", ("topic",)
        )
        self.claims_lost = self._tallied(
            "claims_lost_total",
            "claims",
            "Times a partition was lost to another owner, or an append's outcome was unknown.",
            ("topic",),
        )
        self.engines_ready = self._gauge(
            "engine_ready", "", "1 while the engine is restored and running, else 0.", ("topic",)
        )

    def _log(self) -> None:
        """The log under it."""
        self.fsync_seconds = self._histogram(
            "fsync_seconds", "seconds", "One commit of the log file, fsync included.", (), SECONDS
        )
        self.commit_failures = self._tallied(
            "commit_failures_total",
            "commits",
            "Commits that failed (disk full, I/O error). The edges answer 503 meanwhile.",
            (),
        )
        self.snapshot_seconds = self._gauge(
            "snapshot_seconds", "seconds", "How long the last snapshot took.", ("topic",)
        )
        self.snapshot_bytes = self._gauge("snapshot_bytes", "bytes", "Size of the last snapshot.", ("topic",))
        self.snapshots = self._counter(
            "snapshots_total",
            "snapshots",
            "Snapshots tried, by outcome: made, failed.",
            ("topic", "outcome"),
        )

    def _work(self) -> None:
        """What the desks are doing."""
        self.events = self._tallied(
            "events_total",
            "events",
            "Committed events by topic and kind (see events.md): routing's `accepted` counts accepted "
            "offers, sla's `breached` broken promises, conversations' `duplicate` repeated messages.",
            ("topic", "kind"),
        )
        self.messages = self._tallied(
            "messages_total", "messages", "Customers' new messages, by channel.", ("channel",)
        )
        self.quarantined = self._tallied(
            "quarantined_total", "records", "Records that could not be understood, by reason.", ("reason",)
        )
        self.requests_refused = self._tallied(
            "requests_refused_total",
            "requests",
            "Agents' requests that were refused, by reason.",
            ("reason",),
        )
        self.conversations = self._gauge(
            "conversations", "conversations", "Conversations that are open, and that wait.", ("state",)
        )
        self.promises_watched = self._gauge(
            "promises_watched", "conversations", "Conversations with a promise whose clock runs.", ()
        )

    def _sending(self) -> None:
        """The outbox."""
        self.sends = self._tallied(
            "sends_total",
            "sends",
            "Replies, notices and webhooks by kind and outcome: requested, sent, delivered, deferred, "
            "failed, uncertain, suppressed. Kind `any`: the outcome does not say which.",
            ("kind", "outcome"),
        )
        self.sends_open = self._gauge(
            "sends_open", "sends", "Sends that have no result yet, held ones included.", ()
        )
        self.provider_seconds = self._histogram(
            "provider_seconds", "seconds", "One call of a provider, by channel.", ("channel",), SECONDS
        )

    async def scrape(self) -> bytes:
        """Bring up to date what is looked at only when somebody asks; then `render`."""
        for refresh in self.refreshers:
            await refresh()
        return self.render()

    def render(self) -> bytes:
        """All of it in the Prometheus text format, what is refreshed as it was."""
        return generate_latest(self.registry)

    def _define(self, name: str, kind: str, unit: str, meaning: str, labels: tuple[str, ...]) -> str:
        """Note the metric for the documentation; its full name."""
        if not LABELS.issuperset(labels):
            raise ValueError(f"{name}: {set(labels) - LABELS} is no bounded label")
        self.definitions.append(Definition(f"centrala_{name}", kind, unit, meaning, labels))
        return f"centrala_{name}"

    def _counter(self, name: str, unit: str, meaning: str, labels: tuple[str, ...]) -> Counter:
        full = self._define(name, "counter", unit, meaning, labels)
        return Counter(full, meaning, labels, registry=self.registry)

    def _tallied(self, name: str, unit: str, meaning: str, labels: tuple[str, ...]) -> Tallied:
        full = self._define(name, "counter", unit, meaning, labels)
        return Tallied(full, meaning, labels, self.registry)

    def _gauge(self, name: str, unit: str, meaning: str, labels: tuple[str, ...]) -> Gauge:
        full = self._define(name, "gauge", unit, meaning, labels)
        return Gauge(full, meaning, labels, registry=self.registry)

    def _histogram(
        self, name: str, unit: str, meaning: str, labels: tuple[str, ...], bounds: Sequence[float]
    ) -> Distribution:
        full = self._define(name, "histogram", unit, meaning, labels)
        return Distribution(full, meaning, labels, self.registry, bounds)


def page() -> str:
    """docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "`GET /metrics` in the Prometheus text format. No label ever carries a desk, an agent, a",
        "customer or anything else that somebody outside can choose, so the number of series stays",
        "small. The usual `process_*` metrics (memory, CPU, open files) are there too.",
        "",
        "This page is printed by `python -m services.runtime.metrics`.",
        "",
        "| metric | kind | unit | labels | meaning |",
        "|---|---|---|---|---|",
    ]
    for metric in Metrics().definitions:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        lines.append(f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {metric.meaning} |")
    lines += [
        "",
        "## What must be zero",
        "",
        "`centrala_invariant_violations` counts, by `rule`, what breaks",
        "[what must always hold](../ARCHITECTURE.md#what-must-always-hold):",
        "",
        "| rule | counted |",
        "|---|---|",
        *(f"| `{rule}` | {counted} |" for rule, counted in RULES.items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
