"""Deadlines: the wheel agrees with a plain dictionary."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.kernel.deadlines import SLOT_MS, Deadlines

KEYS = st.sampled_from([f"k{n}" for n in range(12)])
TIMES = st.one_of(
    st.integers(0, 3 * SLOT_MS),
    st.integers(0, 2_000_000_000_000),
    st.sampled_from([0, SLOT_MS - 1, SLOT_MS, SLOT_MS + 1]),
)


class Wheel(RuleBasedStateMachine):
    """Any sequence of calls on the wheel and on a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.wheel = Deadlines()
        self.oracle: dict[str, int] = {}

    @rule(key=KEYS, due_ms=TIMES)
    def set(self, key: str, due_ms: int) -> None:
        """Set or move."""
        self.wheel.set(key, due_ms)
        self.oracle[key] = due_ms

    @rule(key=KEYS)
    def drop(self, key: str) -> None:
        """Drop, whether it is there or not."""
        self.wheel.drop(key)
        self.oracle.pop(key, None)

    @rule(due=st.dictionaries(KEYS, TIMES))
    def fill(self, due: dict[str, int]) -> None:
        """Set many at once that have none."""
        new = {key: due_ms for key, due_ms in due.items() if key not in self.oracle}
        self.wheel.fill(new.items())
        self.oracle |= new

    @rule()
    def fire(self) -> None:
        """Take the earliest away, as an engine does."""
        earliest = self.wheel.next()
        if earliest is not None:
            self.wheel.drop(earliest[1])
            del self.oracle[earliest[1]]

    @invariant()
    def agrees(self) -> None:
        """The earliest, the size and each single deadline are those of the dictionary."""
        expected = min(((due, key) for key, due in self.oracle.items()), default=None)
        assert self.wheel.next() == expected
        assert self.wheel.next() == expected
        assert len(self.wheel) == len(self.oracle)
        for n in range(12):
            assert self.wheel.get(f"k{n}") == self.oracle.get(f"k{n}")
            assert (f"k{n}" in self.wheel) == (f"k{n}" in self.oracle)


Wheel.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestWheel = Wheel.TestCase


@given(st.dictionaries(st.text(max_size=3), TIMES, max_size=50))
def test_they_come_out_by_due_and_id(deadlines: dict[str, int]) -> None:
    """All deadlines come out ordered by (due, id), whatever order they went in."""
    wheel = Deadlines()
    for key, due_ms in deadlines.items():
        wheel.set(key, due_ms)
    fired = []
    while (earliest := wheel.next()) is not None:
        fired.append(earliest)
        wheel.drop(earliest[1])
    assert fired == sorted((due, key) for key, due in deadlines.items())


@given(st.dictionaries(KEYS, TIMES), st.dictionaries(KEYS, TIMES))
def test_the_way_there_leaves_no_trace(before: dict[str, int], after: dict[str, int]) -> None:
    """A wheel that was moved about fires as one made anew from what is left: it is only an index."""
    moved, fresh = Deadlines(), Deadlines()
    for key, due_ms in before.items():
        moved.set(key, due_ms)
        moved.next()
    for key in before:
        moved.drop(key)
    for wheel in (moved, fresh):
        for key, due_ms in after.items():
            wheel.set(key, due_ms)
    assert moved.next() == fresh.next()


def test_many_set_and_dropped_leave_nothing_behind() -> None:
    """Deadlines that never fire (answered in time) cost no memory once time has passed them."""
    wheel = Deadlines()
    for n in range(10_000):
        wheel.set(f"k{n}", n * SLOT_MS)
        wheel.drop(f"k{n}")
    assert wheel.next() is None
    assert len(wheel) == 0
    assert not wheel._heap
    assert not wheel._slots
