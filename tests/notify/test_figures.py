"""What notify tells of its sends: how they end, by kind, and how long they took."""

from __future__ import annotations

from typing import Any

from proto.v1.notices_pb2 import (
    SEND_KIND_NOTICE,
    SEND_KIND_REPLY,
    SUPPRESSED_WHY_ALREADY_TOLD,
    NoticesEvent,
    SendDeferred,
    SendRequested,
    SendSent,
    SendSuppressed,
)
from services.notify.figures import Figures
from services.notify.state import Data, State
from services.runtime.clock import ManualClock
from services.runtime.metrics import Metrics


class Heard:
    """Figures that hear events one after the other."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.metrics = Metrics()
        self.hears = Figures(self.metrics, self.clock).hears(lambda: State(Data()))

    def hear(self, **body: Any) -> None:
        """One event, committed at once."""
        event = NoticesEvent(desk_id="d", occurred_at_ms=self.clock.now_ms(), **body)
        self.hears[event.WhichOneof("body") or ""](event)

    def text(self) -> str:
        """All metrics."""
        return self.metrics.render().decode()


def test_each_outcome_counts_under_its_kind() -> None:
    """A deferral does not say what is deferred; it counts under the kind that was asked for."""
    heard = Heard()
    heard.hear(requested=SendRequested(send_id="s1", kind=SEND_KIND_REPLY))
    heard.hear(deferred=SendDeferred(send_id="s1"))
    heard.hear(deferred=SendDeferred(send_id="from before the start"))
    assert 'centrala_sends_total{kind="reply",outcome="deferred"} 1.0' in heard.text()
    assert 'centrala_sends_total{kind="any",outcome="deferred"} 1.0' in heard.text()


def test_every_series_is_there_before_it_rises() -> None:
    """A series that begins at 1 is no rise, so the alert would miss the first: of those, too, whose kind
    nobody knows any more."""
    text = Heard().text()
    for kind in ("reply", "notice", "webhook", "any"):
        assert f'centrala_sends_total{{kind="{kind}",outcome="uncertain"}} 0.0' in text


def test_a_suppressed_notice_tells_why() -> None:
    """What is not sent counts under its reason."""
    heard = Heard()
    heard.hear(suppressed=SendSuppressed(why=SUPPRESSED_WHY_ALREADY_TOLD))
    assert 'centrala_notices_suppressed_total{reason="already_told"} 1.0' in heard.text()
    assert 'centrala_sends_total{kind="notice",outcome="suppressed"} 1.0' in heard.text()


def test_the_last_hop_is_from_the_wish_to_the_providers_word() -> None:
    """A reply's time counts from its wish; a notice that was held for the morning is not slow."""
    heard = Heard()
    heard.hear(requested=SendRequested(send_id="s1", kind=SEND_KIND_REPLY))
    heard.hear(requested=SendRequested(send_id="s2", kind=SEND_KIND_NOTICE, held_until_ms=1))
    heard.clock.advance(250)
    heard.hear(sent=SendSent(send_id="s1", kind=SEND_KIND_REPLY))
    heard.hear(sent=SendSent(send_id="s2", kind=SEND_KIND_NOTICE))
    assert 'centrala_hop_seconds_sum{hop="sent"} 0.25' in heard.text()
    assert 'centrala_hop_seconds_count{hop="sent"} 1.0' in heard.text()
