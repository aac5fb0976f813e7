"""How much of the agents' time what waits needs follows who is there, not who was there when it came."""

from __future__ import annotations

import pytest

from proto.v1 import desk_pb2 as pb
from proto.v1 import inbound_pb2 as inbound
from proto.v1 import routing_pb2 as rt
from proto.v1.conversations_pb2 import PresenceSet
from services.kernel.engine import LOCAL
from services.router import engine, pressure
from services.router.state import State
from tests.router.scenes import DESK, MINUTE, SECOND, Scene, event

AGENTS = ("ola", "jan", "ewa", "iza")


def of(state: State) -> float:
    """The pressure of what asks for no language."""
    return pressure.of(state.matcher.floor(DESK), "")


def night() -> Scene:
    """A desk that knows how many chats come, with a heap of mail that came while nobody was there."""
    scene = Scene()
    for agent in AGENTS:
        scene.agent(agent, capacity=30, online=agent == "ola")
    for i in range(30):
        scene.until(scene.now_ms + 5 * SECOND).arrives(f"c{i}").accepts(f"c{i}")
        scene.asks("resolve", "ola", f"c{i}", last_message_seen=scene.conversation(f"c{i}").last_message)
    scene.presence("ola", pb.PRESENCE_STATE_OFFLINE)
    for i in range(150):
        scene.until(scene.now_ms + SECOND).arrives(f"m{i}", channel="email", account="pomoc")
    return scene


def come(scene: Scene, *agents: str) -> Scene:
    """They come in one instant."""
    for agent in agents:
        found = rt.RoutingEvent(desk_id=DESK, agent_found=rt.AgentFound(agent_id=agent))
        put = inbound.PresencePut(agent_id=agent, state=pb.PRESENCE_STATE_ONLINE)
        scene.when(LOCAL, found).when(
            "conversations", event(presence=PresenceSet(presence=put, received_at_ms=scene.now_ms))
        )
    return scene.settle()


@pytest.mark.parametrize(("agents", "takes_mail"), [(AGENTS[:1], True), (AGENTS[:2], False)])
def test_a_shift_that_begins_shows_at_once(agents: tuple[str, ...], takes_mail: bool) -> None:
    """Given a heap of mail, when one agent comes it presses and is taken; when two come there is more
    time for it, and it is held back for the chats, although nothing has arrived since."""
    scene = come(night(), *agents)
    offered = [one.offered.conversation_id for one in scene.new if one.HasField("offered")]
    assert bool(offered) == takes_mail, offered
    scene.then_replays()


def test_who_leaves_presses_the_others() -> None:
    """The pressure is divided among who is there now, whether they come, are lost, learn or leave; a restored
    router divides alike."""
    scene = come(night(), *AGENTS)
    alone = 4 * of(scene.state)
    scene.presence("jan", pb.PRESENCE_STATE_AWAY)
    assert of(scene.state) == pytest.approx(alone / 3)
    scene.session("ewa", found=False)
    assert of(scene.state) == pytest.approx(alone / 2)
    scene.agent("iza", channels=["chat"])
    assert of(scene.state) == pytest.approx(alone)
    assert of(engine.load(engine.dump(scene.state))) == of(scene.state)
    scene.presence("ola", pb.PRESENCE_STATE_OFFLINE)
    assert of(scene.state) == pytest.approx(alone)


def test_nothing_presses_any_more_once_nothing_waits() -> None:
    """A language whose mail is all done is forgotten within a minute of arrivals."""
    scene = night()
    for i in range(150):
        scene.asks("resolve", "", f"m{i}")
    scene.until(scene.now_ms + MINUTE).arrives("c")
    assert not scene.state.own_desk(DESK).learned.needed
