"""A clock that never goes back, and does not stand still."""

from __future__ import annotations

from services.runtime.clock import SteadyClock

HOUR_MS = 3_600_000


class Machine:
    """A machine whose clock can be set."""

    def __init__(self) -> None:
        self.wall_ms, self.up_s = 1_767_225_600_000, 100.0

    def now_ms(self) -> int:
        """As it was set."""
        return self.wall_ms

    def monotonic_s(self) -> float:
        """Since it was started."""
        return self.up_s

    def passes(self, ms: int) -> None:
        """Time passes for both."""
        self.wall_ms += ms
        self.up_s += ms / 1_000


def test_it_is_the_machines_while_that_goes_on() -> None:
    """Nothing is added or kept back, forward jumps are followed."""
    machine = Machine()
    clock = SteadyClock(machine)
    machine.passes(1_234)
    assert clock.now_ms() == machine.wall_ms
    machine.wall_ms += HOUR_MS  # it slept
    assert clock.now_ms() == machine.wall_ms
    assert clock.ahead_ms() == 0
    assert clock.monotonic_s() == machine.up_s


def test_set_back_it_goes_on_at_half_its_pace_until_the_machine_has_caught_up() -> None:
    """It never goes back, does not stand still, and is the machine's again after twice the step."""
    machine = Machine()
    clock = SteadyClock(machine)
    before_ms = clock.now_ms()
    machine.wall_ms -= HOUR_MS
    assert clock.now_ms() == before_ms
    assert clock.ahead_ms() == HOUR_MS
    for step in range(1, 121):
        machine.passes(60_000)
        assert clock.now_ms() == before_ms + step * 30_000
    assert clock.now_ms() == machine.wall_ms
    machine.passes(60_000)
    assert (clock.now_ms(), clock.ahead_ms()) == (machine.wall_ms, 0)


def test_readings_a_moment_apart_lose_nothing() -> None:
    """Half a millisecond is not rounded away, however often it is looked at."""
    machine = Machine()
    clock = SteadyClock(machine)
    machine.wall_ms -= HOUR_MS
    before_ms = clock.now_ms()
    for _ in range(1_000):
        machine.passes(1)
        clock.now_ms()
    assert abs(clock.now_ms() - before_ms - 500) <= 1


def test_it_goes_on_from_a_log_that_is_ahead() -> None:
    """A start with a clock behind the log's newest record begins there; a clock that is further stays."""
    machine = Machine()
    clock = SteadyClock(machine)
    clock.go_on_from(machine.wall_ms - 5)
    assert clock.now_ms() == machine.wall_ms
    clock.go_on_from(machine.wall_ms + HOUR_MS)
    machine.passes(1_000)
    assert clock.ahead_ms() == HOUR_MS - 500
