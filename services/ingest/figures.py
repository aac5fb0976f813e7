"""What ingest tells beside the kinds of its events: messages by channel, quarantined records by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.inbound_pb2 import QuarantineReason
from services.ingest.state import State
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.runtime.metrics_desks import CHANNELS, channel_label
from services.runtime.project_conversations import word


class Figures:
    """As `services.runtime.metrics.Figures` says."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        messages = Counter[tuple[str, ...]]()
        # All reasons from the start: a series that begins at 1 is no rise for who asks for one.
        reasons = (word(QuarantineReason, reason) for reason in QuarantineReason.values() if reason)
        quarantined = Counter[tuple[str, ...]]({(reason,): 0 for reason in reasons})
        metrics.messages.read(lambda: messages)
        metrics.quarantined.read(lambda: quarantined)
        threaded, now_ms = metrics.hop_seconds.labels("threaded").observe, clock.now_ms
        labels = {channel: (channel,) for channel in CHANNELS}
        other = (channel_label(""),)

        def message(event: ConversationsEvent) -> None:
            body = event.message
            messages[labels.get(body.channel, other)] += 1
            # A broker's clock may be ahead of ours by a little.
            threaded(max(0, now_ms() - body.received_at_ms) / 1000)

        def quarantine(event: ConversationsEvent) -> None:
            quarantined[(word(QuarantineReason, event.quarantined.reason),)] += 1

        self._hears = {"message": message, "quarantined": quarantine}

    def hears(self, state: Callable[[], State]) -> Mapping[str, Callable[[ConversationsEvent], None]]:
        """New messages, and what could not be understood."""
        return self._hears

    def look(self, states: Sequence[State], now_ms: int) -> Iterator[None]:
        """Nothing: what is open stands with who decides about it."""
        return iter(())
