"""The auditor: what must always hold, checked over every event of a run while it happens.

The checks are those that operators run on a real log (`tools.invariants`), told each decision as the batch
that it would be. At the end the states themselves are looked at: as their indexes have them, and whether a
restored one is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proto.v1.envelope_pb2 import Batch
from services.kernel.engine import Engine
from services.router.invariants import Invariants
from tools.invariants import SLACK_MS, Check, Moment
from tools.invariants.promises import PromiseCheck
from tools.invariants.report import Report
from tools.invariants.routing import RoutingCheck


class Auditor:
    """Follows the events of one run."""

    def __init__(self) -> None:
        self.report = Report()
        self._checks: dict[str, Check] = {
            "routing": RoutingCheck(self.report),
            "sla": PromiseCheck(self.report, SLACK_MS),
        }
        self._batches = {topic: Batch() for topic in self._checks}
        self._said: dict[str, list[Any]] = {topic: [] for topic in self._checks}
        self._now_ms = 0

    def take(self, topic: str, now_ms: int, events: Sequence[Any]) -> None:
        """What one decision led to, or what was said to the engines, which is nothing to look at. All of one
        instant is a batch, and looked at when time goes on."""
        if topic not in self._said:
            return
        if now_ms != self._now_ms:
            self._look()
            self._now_ms = now_ms
        self._said[topic] += events

    def _look(self) -> None:
        for topic, events in self._said.items():
            if not events:
                continue
            batch = self._batches[topic]
            batch.now_ms = self._now_ms
            self.report.events += len(events)
            self._checks[topic].take(Moment(topic, 0, batch.seq, batch, events))
            self._said[topic] = []
            batch.seq += 1

    def finish(self, engines: Mapping[str, Engine], states: Mapping[str, Any], now_ms: int) -> list[str]:
        """Look at what is open, at the states and at what a restore makes of them: all violations, in
        words."""
        self._look()
        for check in self._checks.values():
            check.finish()
        for topic, engine in engines.items():
            self._restored(topic, engine, states[topic])
        watch = Invariants()
        watch.restored(states["routing"])
        for name, rule in watch.rules().items():
            found = sum(rule(now_ms))
            if found:
                self.report.add(6, "routing", f"{name} does not hold in the state: {found}")
        return [str(violation) for violation in self.report.violations]

    def _restored(self, topic: str, engine: Engine, state: Any) -> None:
        dumped = engine.dump(state)
        again = engine.load(dumped)
        if engine.dump(again) != dumped:
            self.report.add(6, topic, "the state is another one after a restore")
        if engine.next_deadline_ms(again) != engine.next_deadline_ms(state):
            self.report.add(6, topic, "the next deadline is another one after a restore")
