"""What must always hold of the mailbox (ARCHITECTURE, "What must always hold", 3).

Every record of it has one outcome, in the batch that says that it was read. So with each batch the outcomes
that were heard grow by as much as the position on the mailbox. An agent's request counts here as passed on;
that the router decides each is for `tools.check_log` to tell, which knows the past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from proto.v1.conversations_pb2 import ConversationsEvent
from services.ingest.state import State
from services.runtime.loop import Committed

MAILBOX = "inbound"
OUTCOMES = frozenset(
    """message duplicate quarantined message_changed order shipment unchanged send_report delivery desk agent
    presence api_key api_key_removed erasure_requested erasure_completed request""".split()
)
"""Bodies that are what became of a record; as in tools/invariants."""


class Invariants:
    """Counts records and outcomes from the first batch after a restore on."""

    def __init__(self) -> None:
        self._read: int | None = None
        """Where the mailbox is read to by the last batch; None before the first one."""
        self._due = 0
        """Records that the last batch read."""
        self._heard = 0
        self._wrong = 0

    def restored(self, state: State) -> None:
        """Begin anew: where the mailbox stands is told by the next batch."""
        self._wrong += abs(self._due - self._heard)
        self._read, self._due, self._heard = None, 0, 0

    def committed(self, batch: Committed) -> None:
        """The batch before this one was heard whole; of the first one it is not known where it began."""
        for position in batch.positions:
            if position.topic == MAILBOX:
                if self._read is not None:
                    self._wrong += abs(self._due - self._heard)
                    self._due, self._heard = position.offset - self._read, 0
                else:
                    self._due = sum(map(_is_outcome, batch.events))
                self._read = position.offset

    def hears(self) -> Mapping[str, Callable[[ConversationsEvent], None]]:
        """Every outcome, and what was skipped."""
        return {**dict.fromkeys(OUTCOMES, self._hear), "skipped": self._skipped}

    def _hear(self, event: ConversationsEvent) -> None:
        self._heard += 1

    def _skipped(self, event: ConversationsEvent) -> None:
        self._heard += event.skipped.topic == MAILBOX

    def rules(self) -> Mapping[str, Callable[[int], Iterator[int]]]:
        """By name, as `services.runtime.metrics.RULES` has them."""
        return {"outcome": lambda now_ms: iter((self._wrong + abs(self._due - self._heard),))}


def _is_outcome(event: ConversationsEvent) -> bool:
    kind = event.WhichOneof("body")
    return kind in OUTCOMES or (kind == "skipped" and event.skipped.topic == MAILBOX)
