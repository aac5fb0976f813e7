"""What notify tells beside the kinds of its events: how sends end by kind, why notices are suppressed, how
long it takes from the wish to the provider's word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from proto.v1.notices_pb2 import (
    SEND_KIND_NOTICE,
    SEND_KIND_REPLY,
    SEND_KIND_UNSPECIFIED,
    SEND_KIND_WEBHOOK,
    NoticesEvent,
    SendKind,
    SuppressedWhy,
)
from services.notify.state import State
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.runtime.project_conversations import word

OUTCOMES = ("requested", "sent", "delivered", "deferred", "failed", "uncertain", "suppressed")
"""Events of notices that say how far a send has come."""
KINDS = {SEND_KIND_REPLY: "reply", SEND_KIND_NOTICE: "notice", SEND_KIND_WEBHOOK: "webhook"}
UNKNOWN = "any"
"""Kind of a send that began before the process did, where its event does not say."""
ENDED = frozenset({"sent", "failed", "uncertain", "suppressed"})
SENDS_MAX = 100_000
"""Sends whose kind and beginning are known. Beyond it, and after a start, those of older ones are not."""
AT_ONCE = 5_000
"""Sends that are looked at in one part: about a millisecond."""


class Figures:
    """As `services.runtime.metrics.Figures` says."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        # All from the start: a series that begins at 1 is no rise for who asks for one.
        self._sends = Counter[tuple[str, ...]](
            {(kind, outcome): 0 for kind in (*KINDS.values(), UNKNOWN) for outcome in OUTCOMES}
        )
        self._suppressed = Counter[tuple[str, ...]](
            {(word(SuppressedWhy, why),): 0 for why in SuppressedWhy.values() if why}
        )
        self._open: dict[str, tuple[str, int]] = {}
        """By send: its kind, and when it was asked for, 0 if it is held."""
        self._observe = metrics.hop_seconds.labels("sent").observe
        metrics.sends.read(lambda: self._sends)
        metrics.suppressed.read(lambda: self._suppressed)

    def hears(self, state: Callable[[], State]) -> Mapping[str, Callable[[NoticesEvent], None]]:
        """How far sends have come."""
        return {outcome: self._of(outcome) for outcome in OUTCOMES}

    def _of(self, outcome: str) -> Callable[[NoticesEvent], None]:
        def hear(event: NoticesEvent) -> None:
            body = getattr(event, outcome)
            kind: SendKind = getattr(body, "kind", SEND_KIND_UNSPECIFIED)
            if outcome == "requested" and len(self._open) < SENDS_MAX:
                asked_ms = 0 if body.held_until_ms else event.occurred_at_ms
                self._open[body.send_id] = (KINDS.get(kind, UNKNOWN), asked_ms)
            known, asked_ms = self._open.get(body.send_id, (UNKNOWN, 0))
            if outcome in ENDED:
                self._open.pop(body.send_id, None)
            if outcome == "sent" and asked_ms:
                self._observe(max(0, self._clock.now_ms() - asked_ms) / 1000)
            if outcome == "suppressed":
                known = "notice"
                self._suppressed[(word(SuppressedWhy, body.why),)] += 1
            self._sends[KINDS.get(kind, known), outcome] += 1

        return hear

    def look(self, states: Sequence[State], now_ms: int) -> Iterator[None]:
        """Every send without a result, in parts."""
        found = Counter[tuple[str, ...]]({("calling",): 0, ("held",): 0, ("due",): 0})
        for state in states:
            sends = list(state.data.sends.values())
            for at in range(0, len(sends), AT_ONCE):
                for send in sends[at : at + AT_ONCE]:
                    standing = "calling" if send.lease_ms else "held" if send.due_ms > now_ms else "due"
                    found[(standing,)] += 1
                yield
        self._metrics.sends_open.set(found)
