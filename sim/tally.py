"""What a period amounts to: waits, promises, breaches. One count for what was recorded and what is played."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from proto.v1 import routing_pb2 as rt
from proto.v1 import sla_pb2
from services.kernel.conditions import fits
from services.kernel.desk_policy import WEIGHT_PERMILLE
from services.router import engine as router
from services.router import planning
from services.router.state import Desk, State
from sim.figures import quantile
from sim.past import Past

_ARRIVES = frozenset((rt.QUEUED_WHY_ARRIVED, rt.QUEUED_WHY_REOPENED))
KINDS = {
    sla_pb2.TARGET_KIND_FIRST_RESPONSE: "first_response",
    sla_pb2.TARGET_KIND_NEXT_RESPONSE: "next_response",
    sla_pb2.TARGET_KIND_UPDATE: "update",
    sla_pb2.TARGET_KIND_RESOLUTION: "resolution",
}


class Tally:
    """Counts the events of one run, or of the log."""

    def __init__(self, past: Past, state: State) -> None:
        """state: the router's when the period begins."""
        self._desk = Desk()
        if past.config is not None:
            planning.configure(self._desk, past.config.desk, past.config.version)
        self._channels: dict[str, str] = {}
        self._weights: dict[str, int] = {}
        for key, c in state.data.conversations.items():
            self._channels[key], self._weights[key] = c.channel, planning.weight_of(self._desk, c)
        self._since_ms: dict[str, int] = {}
        self.waits: dict[str, list[float]] = defaultdict(list)
        self.arrived: Counter[str] = Counter()
        self.gave_up: Counter[str] = Counter()
        self.unanswered = 0
        self.offers = 0
        self._broken: dict[str, tuple[str, str]] = {}
        """Targets that were not kept: kind and conversation."""
        self._kept: dict[str, tuple[str, str]] = {}

    @classmethod
    def recorded(cls, past: Past) -> Tally:
        """Of what the log says."""
        tally = cls(past, router.load(past.router_state))
        for event in past.routing:
            tally.routing(event.WhichOneof("body"), event)
        for event in past.sla:
            tally.sla(event.WhichOneof("body"), event)
        tally.finish()
        return tally

    def routing(self, name: str, event: rt.RoutingEvent) -> None:
        """An event of the router's."""
        at_ms = event.occurred_at_ms
        if name == "queued":
            self._queued(at_ms, event.queued)
        elif name == "offered":
            self.offers += 1
        elif name == "assigned":
            since_ms = self._since_ms.pop(event.assigned.conversation_id, None)
            if since_ms is not None:
                channel = self._channels[event.assigned.conversation_id]
                self.waits[channel].append((at_ms - since_ms) / 1000)
        elif name == "resolved":
            key = event.resolved.conversation_id
            if self._since_ms.pop(key, None) is not None:
                self.gave_up[self._channels[key]] += 1

    def _queued(self, at_ms: int, body: rt.ConversationQueued) -> None:
        if body.why not in _ARRIVES:
            return
        key = body.conversation_id
        self._channels[key] = body.channel
        self._weights[key] = self._weight(body)
        self._since_ms[key] = at_ms
        self.arrived[body.channel] += 1

    def _weight(self, body: rt.ConversationQueued) -> int:
        """By the desk's own weights, whatever policy is played."""
        known = {**body.labels, "channel": body.channel}
        for when, weight in self._desk.weights:
            if fits(when, known):
                return weight
        return WEIGHT_PERMILLE

    def sla(self, name: str, event: sla_pb2.SlaEvent) -> None:
        """An event of sla's."""
        if name not in ("met", "breached", "breach_withdrawn"):
            return
        body = getattr(event, name)
        target_id, what = body.target_id, (KINDS.get(body.kind, ""), body.conversation_id)
        if name == "breached":
            self._broken[target_id] = what
        elif name == "breach_withdrawn":
            self._broken.pop(target_id, None)
        elif target_id not in self._broken and not body.late:
            self._kept[target_id] = what

    def finish(self) -> None:
        """The period is over."""
        self.unanswered = len(self._since_ms)

    def figures(self) -> dict[str, Any]:
        """All of it; a share or a wait of nobody is None."""
        broken, kept = list(self._broken.values()), list(self._kept.values())
        weights = [self._weights.get(key, WEIGHT_PERMILLE) / 1000 for _, key in broken]
        channels = sorted({*self.arrived, *self.waits})
        waits = {name: sorted(self.waits[name]) for name in channels}
        kinds = sorted({kind for kind, _ in broken + kept})
        return {
            "sla": {
                "all": _share(len(kept), len(broken)),
                **{k: _share(_of(kept, 0, k), _of(broken, 0, k)) for k in kinds},
                **{c: _share(self._on(kept, c), self._on(broken, c)) for c in channels},
            },
            "breaches": len(broken),
            "weighted_breaches": round(sum(weights), 3),
            "wait_mean_s": {c: round(statistics.fmean(w), 2) if w else None for c, w in waits.items()},
            "wait_p50_s": {c: round(quantile(w, 0.5), 2) if w else None for c, w in waits.items()},
            "wait_p90_s": {c: round(quantile(w, 0.9), 2) if w else None for c, w in waits.items()},
            "gave_up": {c: _share(self.gave_up[c], self.arrived[c] - self.gave_up[c]) for c in channels},
            "arrived": sum(self.arrived.values()),
            "waiting_at_end": self.unanswered,
            "offers": self.offers,
        }

    def _on(self, targets: Sequence[tuple[str, str]], channel: str) -> int:
        return sum(1 for _, key in targets if self._channels.get(key) == channel)


def _of(targets: Sequence[tuple[str, str]], part: int, value: str) -> int:
    return sum(1 for target in targets if target[part] == value)


def _share(hits: int, misses: int) -> float | None:
    return round(hits / (hits + misses), 4) if hits + misses > 0 else None
