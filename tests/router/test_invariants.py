"""The router's invariants, looked at in its state: zero while all is well, and told when it is not."""

from __future__ import annotations

from proto.v1 import desk_pb2 as pb
from proto.v1.desk_pb2 import Agent
from proto.v1.routing_pb2 import Offered, RouterAgentSeen, RoutingEvent
from services.router.invariants import Invariants
from tests.router.scenes import DESK, Scene


class Watched:
    """A scene and the invariants that hear its events as they are committed."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.invariants = Invariants()
        self.invariants.restored(scene.state)
        self._heard = len(scene.log)

    def committed(self) -> Watched:
        """What was decided since the last call is on the log."""
        hears = self.invariants.hears()
        for event in self.scene.log[self._heard :]:
            hear = hears.get(event.WhichOneof("body"))
            if hear is not None:
                hear(event)
        self._heard = len(self.scene.log)
        return self

    def broken(self) -> dict[str, int]:
        """How often each rule is broken now."""
        return {name: sum(look(self.scene.now_ms)) for name, look in self.invariants.rules().items()}


def busy() -> Watched:
    """Two agents, one conversation owned, one offered, two waiting."""
    scene = Scene().agent("ola", capacity=30).agent("bot", bot=True, capacity=30)
    watched = Watched(scene)
    for name in ("A", "B", "C", "D"):
        scene.arrives(name)
    scene.accepts("A")
    return watched.committed()


WELL = {"capacity": 0, "two_states": 0, "human_only": 0}


def test_nothing_is_broken_on_a_busy_floor() -> None:
    """Waiting, offered and owned work within everybody's capacity breaks no rule, before and after a load."""
    watched = busy()
    assert watched.broken() == WELL
    scene = watched.scene
    restored = Invariants()
    restored.restored(scene.engine.load(scene.engine.dump(scene.state)))
    assert {name: sum(look(scene.now_ms)) for name, look in restored.rules().items()} == WELL


def test_a_lowered_capacity_drains() -> None:
    """Who has more than a lowered capacity breaks no rule: on the way to the log, on it, and restored."""
    watched = busy()
    watched.scene.agent("ola", capacity=10, online=False)
    assert watched.broken() == WELL, "decided, not committed"
    assert watched.committed().broken() == WELL
    watched.invariants.restored(watched.scene.state)
    assert watched.broken() == WELL


def test_an_offer_beyond_the_capacity_is_told() -> None:
    """An agent who is offered work on top of too much is over capacity, drained or not."""
    watched = busy()
    scene = watched.scene
    scene.agent("ola", capacity=10, online=False)
    offer = Offered(
        conversation_id="C", offer_id="o9", agent_id="ola", units=30, expires_at_ms=scene.now_ms + 1
    )
    scene.given(RoutingEvent(desk_id=DESK, offered=offer))
    assert watched.committed().broken() == {**WELL, "capacity": 1}


def test_a_conversation_in_two_hands_is_told() -> None:
    """A conversation that two agents have, or that nobody has, is counted."""
    watched = busy()
    seats = watched.scene.state.matcher.floors[DESK].seats
    [owned] = seats["ola"].held
    seats["bot"].held[owned] = 0
    assert watched.broken() == {**WELL, "two_states": 1}
    del seats["bot"].held[owned], seats["ola"].held[owned]
    assert watched.broken() == {**WELL, "two_states": 1}


def test_a_bot_with_what_is_for_humans_is_told() -> None:
    """A bot that has a conversation for humans only is counted; one that was just made a bot is not yet."""
    watched = busy()
    scene = watched.scene
    held = next(iter(scene.state.matcher.floors[DESK].seats["bot"].held))
    scene.conversation(held).human_only = True
    assert watched.broken() == {**WELL, "human_only": 1}
    made = Agent(agent_id="bot", kind=pb.AGENT_KIND_BOT, capacity=30)
    scene.given(RoutingEvent(desk_id=DESK, occurred_at_ms=scene.now_ms, agent=RouterAgentSeen(agent=made)))
    assert watched.broken() == WELL
