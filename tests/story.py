"""Given/when/then for engines: past events in, one input, the events that follow.

Story(router).given(event, ...).at(now_ms).when("conversations", event).then_bodies("queued", "offered")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from services.kernel.engine import Engine, Input

START_MS = 1_767_607_200_000
"""Monday 2026-01-05 10:00:00 UTC, 11:00 in Warsaw."""


class Story:
    """One engine, its state, its time, and everything that it has decided."""

    def __init__(self, engine: Engine, now_ms: int = START_MS) -> None:
        self.engine = engine
        self.state = engine.initial()
        self.now_ms = now_ms
        self.new: list[Any] = []
        self.log: list[Any] = []
        self._inputs = 0
        self._last: Input | None = None

    def given(self, *events: Any) -> Self:
        """Fold events of the engine's own log."""
        for event in events:
            self.engine.evolve(self.state, event)
            self.log.append(event)
        return self

    def at(self, now_ms: int) -> Self:
        """Set the time."""
        self.now_ms = now_ms
        return self

    def when(self, topic: str, event: Any, at_ms: int | None = None) -> Self:
        """Decide one input (appended at `at_ms`, default now), fold what follows, keep it in `new`."""
        self._inputs += 1
        record = Input(topic, f"{topic}/0/{self._inputs}", at_ms or self.now_ms, event)
        self._last = record
        self.new = list(self._take(self.engine.decide(self.state, record, self.now_ms)))
        return self

    def until(self, now_ms: int) -> Self:
        """Let time pass up to `now_ms`, firing each deadline when it is due; `new` holds all of it."""
        self.new = []
        for _ in range(100_000):
            due_ms = self.engine.next_deadline_ms(self.state)
            if due_ms is None or due_ms > now_ms:
                self.now_ms = now_ms
                return self
            self.now_ms = max(self.now_ms, due_ms)
            self.new.extend(self._take(self.engine.decide(self.state, None, self.now_ms)))
        raise AssertionError(f"deadlines never end: {self.engine.next_deadline_id(self.state)}")

    def _take(self, events: Sequence[Any]) -> Sequence[Any]:
        for event in events:
            self.engine.evolve(self.state, event)
            self.log.append(event)
        return events

    def bodies(self) -> list[str]:
        """Names of the bodies of the new events."""
        return [event.WhichOneof("body") for event in self.new]

    def body(self, name: str) -> Any:
        """The only new event body of that name."""
        found = [getattr(e, name) for e in self.new if e.WhichOneof("body") == name]
        assert len(found) == 1, f"{len(found)} of {name} in {self.bodies()}"
        return found[0]

    def then_bodies(self, *names: str) -> Self:
        """The new events are exactly these, in order."""
        assert self.bodies() == list(names), f"{self.bodies()} != {list(names)}"
        return self

    def then_replays(self) -> Self:
        """Folding the whole log from zero, and load(dump), give the same state byte for byte, which also
        decides the same: the next deadline, and the last input should it come again."""
        live = self.engine.dump(self.state)
        again = self.engine.initial()
        for event in self.log:
            self.engine.evolve(again, event)
        assert self.engine.dump(again) == live
        restored = self.engine.load(live)
        assert self.engine.dump(restored) == live
        due_ms = self.engine.next_deadline_ms(self.state)
        expected = self._decides(self.state, due_ms)
        for other in (again, restored):
            assert self.engine.next_deadline_ms(other) == due_ms
            assert self.engine.next_deadline_id(other) == self.engine.next_deadline_id(self.state)
            assert self._decides(other, due_ms) == expected
        assert self.engine.dump(self.state) == live, "deciding changes nothing"
        return self

    def _decides(self, state: Any, due_ms: int | None) -> list[bytes]:
        """What follows from the next deadline when it is due, and from the last input if it came now."""
        decided = list(self.engine.decide(state, None, max(self.now_ms, due_ms or 0)))
        if self._last is not None:
            decided += self.engine.decide(state, self._last, self.now_ms)
        return [event.SerializeToString(deterministic=True) for event in decided]
