"""A call has one patience for all that it waits for."""

from __future__ import annotations

from services.kernel.limits import REQUEST_WAIT_MS
from services.runtime.clock import ManualClock
from services.runtime.patience import Patience


def test_waits_use_it_up_and_work_does_not() -> None:
    """What is waited for is taken from it until nothing is left; what the call does itself is not."""
    clock = ManualClock()
    patience = Patience(clock)
    clock.advance(REQUEST_WAIT_MS - 500)
    assert patience.left_s() == 0.5
    with patience.paused():
        clock.advance(60_000)
    assert patience.left_s() == 0.5
    clock.advance(60_000)
    assert patience.left_s() == 0.0
