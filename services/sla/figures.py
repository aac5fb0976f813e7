"""What sla tells beside the kinds of its events: promises kept, broken, at risk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from proto.v1.sla_pb2 import SlaEvent, TargetKind
from services.runtime.metrics import Metrics
from services.runtime.project_conversations import word
from services.sla.state import BREACHED, WARNED, Conversation, State, Target

AT_ONCE = 1_000
"""Conversations that are looked at in one part: about a millisecond."""


class Figures:
    """As `services.runtime.metrics.Figures` says."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        kinds = [word(TargetKind, value) for value in TargetKind.values() if value]
        # All of them from the start, so that a share of what was kept has its denominator.
        outcomes = ("kept", "broken", "unbroken", "late")
        self._ended = Counter[tuple[str, ...]]({(kind, outcome): 0 for kind in kinds for outcome in outcomes})
        metrics.promises.read(lambda: self._ended)

    def hears(self, state: Callable[[], State]) -> Mapping[str, Callable[[SlaEvent], None]]:
        """How promises end."""
        return {"met": self._met, "breached": self._breached, "breach_withdrawn": self._unbroken}

    def _met(self, event: SlaEvent) -> None:
        outcome = "late" if event.met.late else "kept"
        self._ended[word(TargetKind, event.met.kind), outcome] += 1

    def _breached(self, event: SlaEvent) -> None:
        self._ended[word(TargetKind, event.breached.kind), "broken"] += 1

    def _unbroken(self, event: SlaEvent) -> None:
        self._ended[word(TargetKind, event.breach_withdrawn.kind), "unbroken"] += 1

    def look(self, states: Sequence[State], now_ms: int) -> Iterator[None]:
        """Every promise, in parts."""
        found = Counter[tuple[int, str]]()
        for desk in [desk for state in states for desk in state.data.desks.values()]:
            conversations = list(desk.conversations.values())
            for at in range(0, len(conversations), AT_ONCE):
                for conversation in conversations[at : at + AT_ONCE]:
                    if not conversation.closed:
                        found.update((one.kind, _standing(conversation, one)) for one in conversation.targets)
                yield
        self._metrics.promises_open.set(
            {(word(TargetKind, kind), standing): count for (kind, standing), count in found.items()}
        )


def _standing(conversation: Conversation, target: Target) -> str:
    if target.paused_until_ms:
        return "paused"
    if conversation.replies and conversation.suspended(target):
        return "answering"
    if target.marks & BREACHED:
        return "broken"
    return "at_risk" if target.marks & WARNED else "running"
