"""What nobody of the desk can do is marked, and looked at again when agents' abilities change."""

from __future__ import annotations

from proto.v1 import desk_pb2 as pb
from proto.v1.envelope_pb2 import Skipped
from proto.v1.routing_pb2 import RoutingEvent
from services.router import engine
from services.router.skipping import SKIPPED_AGAIN_MS
from services.router.timers import PLANNED_IN_STEP_MAX
from services.runtime.documents import Ownership
from services.runtime.project_routing import HANDLERS
from services.runtime.streams import looked_at
from services.runtime.views import MemoryStore, Views
from tests.router.scenes import DESK, Scene, desk, queue

AWAY = {"online": False}


def marked(scene: Scene) -> set[str]:
    """Conversations that are marked, as the state and the views have it."""
    views = Views(MemoryStore())
    for event in scene.log:
        name = event.WhichOneof("body")
        if name in HANDLERS:
            HANDLERS[name](views, event, getattr(event, name))
    open_ones = scene.state.data.conversations
    found = {key for key, c in open_ones.items() if c.nobody}
    shown = (views.peek(Ownership, key) for key in open_ones)
    assert found == {doc.id for doc in shown if doc is not None and doc.nobody}
    assert found == scene.state.marked.get(DESK, set())
    return found


def waiting(*names: str) -> Scene:
    """Conversations that ask for `zwroty` 3, of which anna has 1."""
    scene = Scene(desk(queue("hard", {"zwroty": 3}))).agent("anna", {"zwroty": 1})
    for name in names:
        scene.arrives(name)
    return scene


def test_a_skill_that_somebody_gets_takes_the_mark_away() -> None:
    """Though nobody who has it is there, so that nothing is offered; it comes back when the skill goes."""
    scene = waiting("c1", "c2")
    assert marked(scene) == {"c1", "c2"}
    scene.agent("bob", {"zwroty": 3}, online=False)
    assert list(scene.body("marked").able_ids) == ["c1", "c2"]
    assert marked(scene) == set()
    scene.then_replays()
    scene.agent("bob", {"zwroty": 2}, online=False)
    assert list(scene.body("marked").unable_ids) == ["c1", "c2"]
    assert marked(scene) == {"c1", "c2"}
    scene.then_replays()


def test_language_channel_capacity_and_being_a_bot_count_too() -> None:
    """Whatever says whether an agent can ever do it: each alone brings the mark, and takes it away."""
    scene = waiting("c1").agent("bob", {"zwroty": 3}, online=False)
    for lacking in ({"capacity": 20}, {"channels": ["email"]}):
        scene.agent("bob", {"zwroty": 3}, online=False, **lacking)
        assert marked(scene) == {"c1"}
        scene.agent("bob", {"zwroty": 3}, online=False)
        assert marked(scene) == set()
    scene = waiting().agent("bob", {"zwroty": 3}, online=False).arrives("c1", wants_human=True)
    scene.agent("bob", {"zwroty": 3}, online=False, bot=True)
    assert marked(scene) == {"c1"}
    scene = waiting().agent("bob", {"zwroty": 3}, online=False).arrives("c1", language="en")
    scene.agent("bob", {"zwroty": 3}, languages=["pl"], online=False)
    assert marked(scene) == {"c1"}


def test_what_changes_nothing_is_not_looked_at() -> None:
    """Another name, presence, or a skill that nobody waits for brings no event."""
    scene = waiting("c1")
    scene.agent("anna", {"zwroty": 1, "dostawa": 5})
    assert "marked" not in scene.bodies()
    scene.presence("anna", pb.PRESENCE_STATE_OFFLINE)
    assert "marked" not in scene.bodies()


def test_an_agent_who_is_there_gets_it_instead() -> None:
    """Who is online with the skill is offered it; the mark goes with that, and others' by the look."""
    scene = waiting("c1", "c2", "c3", "c4")
    scene.agent("bob", {"zwroty": 3}, capacity=30)
    assert marked(scene) == set()
    assert scene.where("c1") == ("offered", "bob")
    scene.then_replays()


def test_a_resolved_conversation_is_marked_no_more() -> None:
    """What leaves leaves no mark behind."""
    scene = waiting("c1").asks("resolve", "", "c1")
    assert scene.state.marked[DESK] == set()
    scene.then_replays()


def test_very_many_are_marked_in_steps() -> None:
    """No step is large, and all of them together are right."""
    names = [f"c{number:03}" for number in range(2 * PLANNED_IN_STEP_MAX + 1)]
    scene = waiting(*names).agent("bob", {"zwroty": 3}, online=False)
    steps = [event.marked for event in scene.new if event.HasField("marked")]
    assert [len(step.able_ids) for step in steps] == [PLANNED_IN_STEP_MAX, PLANNED_IN_STEP_MAX, 1]
    assert [step.more for step in steps] == [True, True, False]
    assert marked(scene) == set()
    scene.then_replays()


def test_a_look_that_could_not_be_decided_comes_back() -> None:
    """It is put off by a minute, like every deadline of the router's."""
    scene = waiting("c1")
    before = len(scene.log)
    scene.agent("bob", {"zwroty": 3}, online=False)
    again = Scene()
    again.state = engine.initial()
    for event in scene.log[: before + 1]:
        engine.evolve(again.state, event)
    skipped = Skipped(topic="deadline", input_id=f"n:{DESK}")
    engine.evolve(again.state, RoutingEvent(desk_id=DESK, occurred_at_ms=scene.now_ms, skipped=skipped))
    assert again.state.deadlines.get(f"n:{DESK}") == scene.now_ms + SKIPPED_AGAIN_MS


def test_boards_are_told_of_each() -> None:
    """A stream looks at every conversation that one event marks."""
    scene = waiting("c1", "c2").agent("bob", {"zwroty": 3}, online=False)
    [event] = [event for event in scene.new if event.HasField("marked")]
    assert looked_at([("marked", event, event.marked)]) == {(Ownership, "c1"), (Ownership, "c2")}
