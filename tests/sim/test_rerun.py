"""A period played again from its middle: what was done before it is not done twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.envelope_pb2 import Batch, Sealed
from proto.v1.routing_pb2 import RoutingEvent
from sim.change import Change
from sim.learn import learn
from sim.past import read
from sim.rerun import Rerun
from tests.router.scenes import DESK, MINUTE, Scene
from tests.tools.made import MadeLogs

WORDS = Sealed(key_id=b"k", nonce=b"n", data=b"x")
TOLD = ("offered", "assigned", "transferred", "admitted", "resolved")


class Logged(Scene):
    """A scene that writes what is heard and what is decided onto logs."""

    def __init__(self) -> None:
        self.logs = MadeLogs()
        super().__init__()

    def _write(self, topic: str, events: Sequence[Any]) -> None:
        values = [event.SerializeToString() for event in events]
        self.logs.append(topic, Batch(epoch=1, seq=self.logs.seqs[topic], now_ms=self.now_ms, events=values))
        self.logs.seqs[topic] += 1

    def when(self, topic: str, event: Any, at_ms: int | None = None) -> Self:
        """As Story."""
        if isinstance(event, ConversationsEvent):
            event.occurred_at_ms = self.now_ms
            self._write(topic, [event])
        return super().when(topic, event, at_ms)

    def _take(self, events: Sequence[Any]) -> Sequence[Any]:
        if events:
            self._write("routing", events)
        return super()._take(events)


def told(events: Sequence[RoutingEvent], start_ms: int) -> list[tuple[str, int]]:
    """What happened, and after how many seconds."""
    found = [(str(event.WhichOneof("body")), event.occurred_at_ms) for event in events]
    return [(name, round((at_ms - start_ms) / 1_000)) for name, at_ms in found if name in TOLD]


def test_what_was_done_before_the_period_is_not_done_again() -> None:
    """Given a conversation that was answered and passed on before the period, and waits when it begins: who
    gets it does what was left, as recorded; nobody answers or passes it on once more."""
    scene = Logged()
    scene.agent("anna").arrives("c1").accepts("c1")
    start_ms = scene.now_ms
    scene.until(start_ms + MINUTE).asks("reply", "anna", "c1", content=WORDS)
    scene.until(start_ms + 2 * MINUTE)
    scene.asks("transfer", "anna", "c1", transfer_to="TRANSFER_TO_SKILL", transfer_target="zwroty")
    from_ms = scene.until(start_ms + 5 * MINUTE).now_ms
    before = len(scene.log)
    scene.until(start_ms + 6 * MINUTE).agent("bob", {"zwroty": 3}).accepts("c1")
    scene.until(start_ms + 8 * MINUTE).asks("reply", "bob", "c1", content=WORDS)
    scene.until(start_ms + 10 * MINUTE).asks("resolve", "bob", "c1")

    past = read(scene.logs, DESK, from_ms, scene.now_ms + 60 * MINUTE)
    played: list[RoutingEvent] = []

    class Heard(Rerun):
        def _hears(self, name: str, event: RoutingEvent) -> None:
            played.append(event)
            super()._hears(name, event)

    Heard(past, learn(past), Change(), 1).run()
    assert told(played, start_ms) == told(scene.log[before:], start_ms)
