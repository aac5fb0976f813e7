"""Every metric: name, kind, unit, meaning, labels. Nothing else in the project makes one.

One Metrics object belongs to a process (an App) and has a registry of its own, so that tests make as
many as they like. Labels are bounded: what a customer or a desk can choose (desk, agent, customer,
conversation, order, an unknown channel) is never a label. `python -m services.runtime.metrics`
prints `docs/metrics.md`, and a test compares.

Names follow Prometheus: base units (seconds, bytes), counters end in `_total`. What happens for each
message is measured by the kinds of `measures.py`, which cost next to nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, generate_latest

from services.runtime.measures_sum import Gone, Summed
from services.runtime.metrics_desks import SECONDS, DeskMetrics

if TYPE_CHECKING:
    from services.runtime.loop import Committed

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Media type of `Metrics.render`: the Prometheus text format."""

VERSION = "0.1.0"
"""Of the release; as pyproject.toml has it."""

LABELS = frozenset(
    """edge route status topic input hop channel skill reason outcome kind state rule version""".split()
)
"""Every label there is. Each takes values from a list in our code, never from outside; but `skill`, which
desks' leads name: SKILLS_MAX of them, and "other"."""

RULES: Mapping[str, str] = {
    "capacity": "agents who were offered more than their capacity",
    "two_states": "conversations that are in two of waiting, offered, owned, or in none",
    "human_only": "conversations for humans only that a bot is offered or owns",
    "outcome": "mailbox records that were read and have no outcome, or more than one, since the start",
    "promise": "running targets that are past due, without a breach, for longer than 5 s",
    "send_result": "attempts to send without a result 5 s after their lease",
    "seq_gap": "batches whose number did not follow from the one before, since the start",
    "notice_quiet": "notices sent in quiet hours, since the start",
    "notice_twice": "orders about which a customer was told the same twice",
}
"""What must always hold (ARCHITECTURE), by the label `rule`, and what is counted of what breaks it."""

COUNTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500)


class Invariants(Protocol):
    """What must hold of one service's state; `invariants.py` of the service."""

    def restored(self, state: Any) -> None:
        """From now on the loop has this state."""

    def committed(self, batch: Committed) -> None:
        """A batch is committed; its events are heard next."""

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Kinds of the service's own events that it must be told of when they are committed."""

    def rules(self) -> Mapping[str, Callable[[int], Iterable[int]]]:
        """By names of RULES: given the time (Unix milliseconds), how often it is broken now, in parts.
        Between two parts the loops get their turn."""


class Figures(Protocol):
    """What one service has to tell beside the kinds of its events; `figures.py` of the service."""

    def hears(self, state: Callable[[], Any]) -> Mapping[str, Callable[[Any], None]]:
        """Kinds of the service's own events that it must be told of when they are committed, by a loop with
        this state."""

    def look(self, states: Sequence[Any], now_ms: int) -> Iterator[None]:
        """Set the gauges, given the states of all loops and the time (Unix milliseconds), in parts. Between
        two parts the loops get their turn."""


class Metrics(DeskMetrics):
    """The metrics of one process; one attribute each."""

    def __init__(self) -> None:
        super().__init__("centrala", LABELS)
        # A series beside every counter that says when it was made: twice the series, and nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives it no types
        self._parts: list[CollectorRegistry] = []
        self._gone = Gone()
        self.invariants: dict[str, Callable[[], Invariants]] = {}
        """By owned topic, made anew for each loop; each service's shell adds its own."""
        self.figures: dict[str, Figures] = {}
        """By owned topic, the same for all loops; each service's shell adds its own."""
        self.refreshers: list[Callable[[], Awaitable[None]]] = []
        ProcessCollector(registry=self.registry)
        self._edges()
        self._loop()
        self._restores()
        self._log()
        self._redis()
        self.define_desks()
        self.build_info = self._levels(
            "build_info", "", "1, with the version that runs.", ("version",), "max"
        )
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
            "Requests answered, by edge (http, webhook, smtp, grpc), route and status; none of /livez, "
            "/readyz and /metrics.",
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
            "Requests turned away: rate, desk_streams (429), in_flight, streams (503), restoring: the "
            "process is not ready, or too much waits to be decided (503).",
            ("reason",),
        )
        for reason in ("rate", "in_flight", "streams", "desk_streams", "restoring"):
            self.turned_away.labels(reason)
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
        self.restore_seconds = self._levels(
            "restore_seconds", "seconds", "How long the last restore took.", ("topic",), "max"
        )
        self.restored_events = self._levels(
            "restored_events", "events", "Own events folded in the last restore.", ("topic",), "max"
        )
        self.claims_lost = self._tallied(
            "claims_lost_total",
            "claims",
            "Times a partition was lost to another owner, or an append's outcome was unknown. Not where it "
            "was given away, as when processes are added or stopped.",
            ("topic",),
        )
        self.engines_ready = self._levels(
            "engine_ready",
            "",
            "1 while all partitions of the topic that this process serves are restored and running, else 0.",
            ("topic",),
            "min",
        )
        self.lag = self._levels(
            "lag_records",
            "records",
            "Records of an input that the writer of a topic has not decided yet.",
            ("topic", "input"),
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
            "snapshot_seconds", "seconds", "How long the last snapshot took.", ("topic",), "max"
        )
        self.snapshot_bytes = self._gauge(
            "snapshot_bytes", "bytes", "Size of the last snapshot.", ("topic",), "max"
        )
        self.snapshots = self._counter(
            "snapshots_total",
            "snapshots",
            "Snapshots tried, by outcome: made, failed.",
            ("topic", "outcome"),
        )
        self.state_checks = self._counter(
            "state_checks_total",
            "checks",
            "With each snapshot the live state's hash is compared with that of a fold of the log up to the "
            "same place: same, different (must stay 0), unseen where that could not be done.",
            ("topic", "outcome"),
        )

    def _redis(self) -> None:
        """What the distributed mode has beside the log."""
        self.redis_away = self._gauge(
            "redis_away",
            "processes",
            "1 while Redis does not answer this process, or refuses it; asked at each scrape. Always 0 in "
            "the embedded mode.",
            (),
        )
        self.views_unwritten = self._gauge(
            "views_unwritten_logs",
            "logs",
            "Logs that are served here and whose views cannot be written: Redis is away, full, or refuses.",
            (),
        )

    async def scrape(self) -> bytes:
        """Bring up to date what is looked at only when somebody asks; then `render`. All at once: with a log
        that does not answer, one wait for each partition would be longer than Prometheus waits."""
        await asyncio.gather(*(refresh() for refresh in self.refreshers))
        return self.render()

    def render(self) -> bytes:
        """All of it in the Prometheus text format, what is refreshed as it was."""
        joined = {definition.name: definition.joined for definition in self.definitions}
        return generate_latest(Summed(self.registry, self._parts, self._gone, joined))

    def add(self, part: Metrics) -> None:
        """From now on sum up with the metrics of a part of the process."""
        self._parts.append(part.registry)
        self.refreshers += part.refreshers

    def drop(self, part: Metrics) -> None:
        """A part has ended: what it counted stays counted."""
        self._parts.remove(part.registry)
        self.refreshers = [one for one in self.refreshers if one not in part.refreshers]
        self._gone.take(part.registry)


def page() -> str:
    """docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "`GET /metrics` in the Prometheus text format. No label ever carries a desk, an agent, a",
        "customer or anything else that somebody outside can choose, so the number of series stays",
        "small. The usual `process_*` metrics (memory, CPU, open files) are there too. Over several",
        "processes and partitions numbers add up, but where (max) or (min) stands.",
        "",
        "This page is printed by `python -m services.runtime.metrics`.",
        "",
        "| metric | kind | unit | labels | meaning |",
        "|---|---|---|---|---|",
    ]
    for metric in Metrics().definitions:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        kind = metric.kind if metric.joined == "sum" else f"{metric.kind} ({metric.joined})"
        lines.append(f"| `{metric.name}` | {kind} | {metric.unit} | {labels} | {metric.meaning} |")
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
        "",
        '`centrala_state_checks_total{outcome="different"}` is the rule that needs the whole state: with',
        "each snapshot (`CENTRALA_SNAPSHOT_EVERY_EVENTS`) its hash must be that of a fold of its log.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
