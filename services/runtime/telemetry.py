"""Feeds the metrics of a process with what happens in its loops, its log file and its streams.

Theory of operation. While a message is on its way, telemetry only adds to plain numbers: one dictionary
access for each committed event, a handful of fields for the few kinds that are counted by more than their
kind. All the rest is read when somebody asks for `/metrics`: the loops' tallies, what is open, and the
invariants of the engines' states, in parts between which the loops go on.

Invariants are not looked at while an engine restores, nor in the first seconds after it did: what became
due while nobody owned the partition is being worked off then.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from proto.v1.inbound_pb2 import QuarantineReason
from proto.v1.notices_pb2 import (
    SEND_KIND_NOTICE,
    SEND_KIND_REPLY,
    SEND_KIND_UNSPECIFIED,
    SEND_KIND_WEBHOOK,
    SendKind,
)
from proto.v1.routing_pb2 import RefusedWhy
from services.runtime.clock import Clock
from services.runtime.loop import Committed, Loop
from services.runtime.measures import Tallied, Values
from services.runtime.metrics import RULES, Invariants, Metrics, channel_label
from services.runtime.project_conversations import word
from services.runtime.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from services.runtime.main import App

SETTLING_MS = 5_000
"""How long after a restore the invariants are not looked at."""

Hear = Callable[[Any], None]
"""Is told of an event that is committed."""
Look = Callable[[], Iterable[int]]
"""Gives how often a rule is broken now, in parts."""


def bind(app: App) -> None:
    """Feed the metrics of an App from now on. The services are bound before."""
    metrics = app.metrics
    details, held = _details(metrics), _Held(metrics)
    for topic, loop in app.loops.items():
        _Topic(metrics, loop, app.clock, details.get(topic, {}), metrics.invariants.get(topic), held)
    metrics.streams_open.set_function(app.hub.streams)


def watch_file(metrics: Metrics, file: SqliteFile) -> None:
    """Feed what the log's file says of its commits."""
    file.observe_commit = metrics.fsync_seconds.labels().observe
    metrics.commit_failures.read(lambda: {(): file.generation})


class _Held:
    """The invariants of all loops, looked at when somebody asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._violations = metrics.invariant_violations
        self._looks: dict[str, list[Look]] = {}
        metrics.refreshers.append(self.refresh)

    def hold(self, rule: str, look: Look) -> None:
        """Look at a rule of RULES from now on."""
        if rule not in RULES:
            raise ValueError(f"{rule} is no rule")
        self._looks.setdefault(rule, []).append(look)

    async def refresh(self) -> None:
        """Look at all of them; the loops get their turn between the parts."""
        for rule, looks in self._looks.items():
            found = 0
            for look in looks:
                for part in look():
                    found += part
                    await asyncio.sleep(0)
            self._violations.labels(rule).set(found)


class _Topic:
    """One loop: counts what it commits, and stands between its state and the invariants."""

    def __init__(
        self,
        metrics: Metrics,
        loop: Loop,
        clock: Clock,
        details: Mapping[str, Hear],
        invariants: Invariants | None,
        held: _Held,
    ) -> None:
        self._topic = loop.engine.TOPIC
        self._loop = loop
        self._clock = clock
        self._invariants = invariants
        # Kinds that were never seen stand at 0, so that their first one is a rise.
        kinds = loop.engine.EVENT.DESCRIPTOR.oneofs_by_name["body"].fields
        self._kinds = {kind.name: 0 for kind in kinds}
        self._hears: dict[str, tuple[Hear, ...]] = {kind: (hear,) for kind, hear in details.items()}
        self._sizes = metrics.batch_events.labels(self._topic)
        self._owned_ms = 0
        self._next_seq: int | None = None
        self._gaps = 0
        self._tell(metrics)
        if invariants is not None:
            for kind, hear in invariants.hears().items():
                self._hears[kind] = (*self._hears.get(kind, ()), hear)
            for rule, look in invariants.rules().items():
                held.hold(rule, self._settled(look))
        held.hold("seq_gap", lambda: (self._gaps,))
        loop.on_owned(self._owned)
        loop.listen(self.committed)

    def _tell(self, metrics: Metrics) -> None:
        """Let the metrics read the loop's numbers."""
        topic, loop = self._topic, self._loop
        tally, kinds = loop.tally, self._kinds
        for counter, total in (
            (metrics.batches, lambda: tally.batches),
            (metrics.inputs, lambda: tally.inputs - tally.deadlines),
            (metrics.deadlines, lambda: tally.deadlines),
            (metrics.loop_busy_seconds, lambda: tally.busy_s),
            (metrics.skipped_inputs, lambda: kinds["skipped"]),
            (metrics.restores, lambda: tally.claims),
            (metrics.claims_lost, lambda: tally.fenced),
        ):
            counter.read(_one(topic, total))
        metrics.events.read(lambda: {(topic, kind): count for kind, count in kinds.items()})
        metrics.restore_seconds.labels(topic).set_function(lambda: tally.restore_s)
        metrics.restored_events.labels(topic).set_function(lambda: tally.restored_events)
        metrics.engines_ready.labels(topic).set_function(lambda: loop.ready.is_set())
        loop.observe_append = metrics.append_seconds.labels(topic).observe
        loop.observe_late = metrics.deadline_late_seconds.labels(topic).observe

    def committed(self, batch: Committed) -> None:
        """Count a batch: the only thing here that a message pays for."""
        events, kinds, hears = batch.events, self._kinds, self._hears
        if self._next_seq is not None and batch.seq != self._next_seq:
            self._gaps += 1
        self._next_seq = batch.seq + 1
        self._sizes.observe(len(events))
        for event in events:
            kind = event.WhichOneof("body")
            kinds[kind] += 1
            if kind in hears:
                for hear in hears[kind]:
                    hear(event)

    async def _owned(self) -> None:
        """The state is a new one, and it goes on where the log stands."""
        self._owned_ms = self._clock.now_ms()
        self._next_seq = self._loop.place()[2]
        if self._invariants is not None:
            self._invariants.restored(self._loop.state)

    def _settled(self, look: Callable[[int], Iterable[int]]) -> Look:
        """Look only at the state of an engine that had time to work off what was due."""

        def looked() -> Iterable[int]:
            now_ms = self._clock.now_ms()
            if not self._loop.ready.is_set() or now_ms - self._owned_ms < SETTLING_MS:
                return ()
            return look(now_ms)

        return looked


def _one(topic: str, total: Callable[[], float]) -> Callable[[], Values]:
    """A source of one series."""
    return lambda: {(topic,): total()}


def _details(metrics: Metrics) -> dict[str, dict[str, Hear]]:
    """Events that are counted by more than their kind, by topic and kind."""
    messages, quarantined, refused = Counter[str](), Counter[str](), Counter[str]()
    sends = Counter[tuple[str, ...]]()

    def message(event: Any) -> None:
        messages[channel_label(event.message.channel)] += 1

    def quarantine(event: Any) -> None:
        quarantined[word(QuarantineReason, event.quarantined.reason)] += 1

    def refuse(event: Any) -> None:
        refused[word(RefusedWhy, event.refused.why)] += 1

    def send(outcome: str) -> Hear:
        def hear(event: Any) -> None:
            kind: SendKind = getattr(getattr(event, outcome), "kind", SEND_KIND_UNSPECIFIED)
            sends[_KINDS.get(kind, "any"), outcome] += 1

        return hear

    for counter, counted in (
        (metrics.messages, messages),
        (metrics.quarantined, quarantined),
        (metrics.requests_refused, refused),
    ):
        _read_words(counter, counted)
    metrics.sends.read(lambda: dict(sends))
    return {
        "conversations": {"message": message, "quarantined": quarantine},
        "routing": {"refused": refuse},
        "notices": {outcome: send(outcome) for outcome in OUTCOMES},
    }


def _read_words(counter: Tallied, counted: Counter[str]) -> None:
    counter.read(lambda: {(label,): count for label, count in counted.items()})


OUTCOMES = ("requested", "sent", "delivered", "deferred", "failed", "uncertain", "suppressed")
"""Events of notices that say how far a send has come."""
_KINDS = {SEND_KIND_REPLY: "reply", SEND_KIND_NOTICE: "notice", SEND_KIND_WEBHOOK: "webhook"}
