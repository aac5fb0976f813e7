"""What must always hold of promises (ARCHITECTURE, "What must always hold", 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from proto.v1.sla_pb2 import SlaEvent
from services.runtime.loop import Committed
from services.sla.state import BREACHED, Conversation, State

SLACK_MS = 5_000
"""How late a deadline may be decided before it counts as missed; as in tools/invariants."""
AT_ONCE = 1_000
"""Conversations that are looked at in one part: about a millisecond."""


class Invariants:
    """Watches one state of sla after the other."""

    def __init__(self) -> None:
        self._state: State | None = None

    def restored(self, state: State) -> None:
        """A new state."""
        self._state = state

    def committed(self, batch: Committed) -> None:
        """Events say it all."""

    def hears(self) -> Mapping[str, Callable[[SlaEvent], None]]:
        """Nothing: the state says it all."""
        return {}

    def rules(self) -> Mapping[str, Callable[[int], Iterator[int]]]:
        """By name, as `services.runtime.metrics.RULES` has them."""
        return {"promise": self._overdue}

    def _overdue(self, now_ms: int) -> Iterator[int]:
        for desk in list(self._state.data.desks.values()) if self._state is not None else ():
            conversations = list(desk.conversations.values())
            for at in range(0, len(conversations), AT_ONCE):
                yield sum(_overdue(each, now_ms - SLACK_MS) for each in conversations[at : at + AT_ONCE])


def _overdue(conversation: Conversation, late_ms: int) -> int:
    """Running targets that were due before `late_ms` and have no breach."""
    if conversation.closed:
        return 0
    return sum(
        target.due_at_ms < late_ms
        and not target.marks & BREACHED
        and not target.paused_until_ms
        and not conversation.suspended(target)
        for target in conversation.targets
    )
