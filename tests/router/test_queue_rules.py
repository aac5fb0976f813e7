"""The rules of the queue that a conversation comes into hold, by whatever way it comes there."""

from __future__ import annotations

from typing import Any

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from proto.v1 import sla_pb2 as sla
from services.runtime.documents import Ownership
from services.runtime.project_routing import HANDLERS
from services.runtime.views import MemoryStore, Views
from tests.router.scenes import MINUTE, Scene, desk, queue


def overflowing(name: str, into: str, **rest: Any) -> pb.Queue:
    """A queue that overflows into another after ten minutes."""
    made = queue(name, **rest)
    made.relax.add(after_ms=10 * MINUTE, queue=into, as_queue=True)
    return made


def test_an_overflow_into_a_queue_for_humans_leads_to_no_bot() -> None:
    """What overflows into a queue that is for humans only is for humans only from then on."""
    first = overflowing("first", "people", requires={"zwroty": 1}, when={"channel": ["chat"]})
    scene = Scene(desk(first, queue("people", human_only=True))).agent("bot", bot=True).arrives("c1")
    scene.until(scene.now_ms + 10 * MINUTE)
    assert scene.body("human_only").why == rt.HUMAN_WHY_QUEUE
    assert (scene.where("c1"), scene.conversation("c1").queue) == (("waiting", ""), "people")
    scene.agent("anna")
    assert scene.where("c1") == ("offered", "anna")
    scene.then_replays()


def test_the_views_show_the_queue_that_it_overflowed_into() -> None:
    """Boards and lists show a conversation in the queue in which it waits now, with that one's priority."""
    first = overflowing("first", "rest", requires={"zwroty": 1}, when={"channel": ["chat"]}, priority=3)
    scene = Scene(desk(first, queue("rest", {"dostawa": 2}, priority=8))).arrives("c1")
    scene.until(scene.now_ms + 10 * MINUTE)
    views = Views(MemoryStore())
    for event in scene.log:
        name = event.WhichOneof("body")
        if name in HANDLERS:
            HANDLERS[name](views, event, getattr(event, name))
    told = views.peek(Ownership, "c1")
    assert told is not None
    assert (told.queue, told.priority, told.requires) == ("rest", 8, {"dostawa": 2})


def test_a_transfer_asks_for_what_the_queue_requires() -> None:
    """An old conversation that is given to a queue is asked there first, and overflows at once if nobody
    there takes it; it is never left there asking for nothing."""
    hard = overflowing("hard", "rest", requires={"zwroty": 3})
    config = desk(queue("chat", when={"channel": ["chat"]}), hard, queue("rest", {"dostawa": 2}))

    def given(*able: str) -> Scene:
        scene = Scene(config).agent("anna").arrives("c1").accepts("c1")
        scene.until(scene.now_ms + 20 * MINUTE).agent("plain").agent("rita", {"dostawa": 2})
        for agent_id in able:
            scene.agent(agent_id, {"zwroty": 3})
        return scene.asks("transfer", "anna", "c1", transfer_to="TRANSFER_TO_QUEUE", transfer_target="hard")

    assert given("zoe").where("c1") == ("offered", "zoe")
    scene = given()
    assert scene.where("c1") == ("waiting", "")
    scene.settle()
    assert (scene.where("c1"), scene.conversation("c1").queue) == (("offered", "rita"), "rest")
    scene.then_replays()


def test_what_the_queue_prefers_comes_with_it() -> None:
    """Given to a queue, or opened again by an agent, a conversation prefers what that queue does."""
    prefers = {"zwroty": 3}
    config = desk(
        queue("chat", when={"channel": ["chat"]}, prefers={"dostawa": 5}), queue("hard", prefers=prefers)
    )
    scene = Scene(config).agent("anna").arrives("c1").accepts("c1")
    scene.asks("transfer", "anna", "c1", transfer_to="TRANSFER_TO_QUEUE", transfer_target="hard")
    assert dict(scene.body("queued").prefers) == prefers
    scene.asks("resolve", "", "c1").asks("reopen", "anna", "c1")
    assert dict(scene.body("queued").prefers) == prefers


def test_an_edit_of_what_is_preferred_or_weighs_reaches_who_waits() -> None:
    """What waits is planned anew by another preference of its queue, and by another weight of its promise."""
    scene = Scene(desk(queue("chat", prefers={"dostawa": 5}))).arrives("c1")
    scene.configure(desk(queue("chat", prefers={"zwroty": 2})), 2)
    assert dict(scene.body("queued").prefers) == {"zwroty": 2}
    heavy = desk(queue("chat", prefers={"zwroty": 2}))
    weight = heavy.routing.weights.add(weight_permille=3_000)
    weight.when.any.add(field="channel", values=["chat"])
    scene.configure(heavy, 3)
    assert scene.body("queued").weight_permille == 3_000
    scene.configure(heavy, 4)
    assert "queued" not in scene.bodies()


def test_a_label_that_weighs_counts_from_the_message_that_brings_it() -> None:
    """Who turns out to be worth more while they wait is weighed so from then on."""
    config = desk()
    weight = config.routing.weights.add(weight_permille=5_000)
    weight.when.any.add(field="attributes.tier", values=["vip"])
    scene = Scene(config).arrives("c1").writes("c1", "m2", attributes={"tier": "vip"})
    assert scene.body("queued").weight_permille == 5_000
    assert not scene.writes("c1", "m3", attributes={"tier": "vip"}).bodies().count("queued")


def _given(config: pb.DeskConfig, **to: str) -> Scene:
    """c1 was given to the queue `hard`, and has overflowed into `rest`: nobody there either."""
    scene = Scene(config).agent("anna").arrives("c1").accepts("c1")
    scene.asks("transfer", "anna", "c1", transfer_to="TRANSFER_TO_QUEUE", transfer_target="hard")
    scene.until(scene.now_ms + 10 * MINUTE)
    assert scene.conversation("c1").queue == "rest"
    return scene


def _desk(hard: pb.Queue, *rest: pb.Queue) -> pb.DeskConfig:
    return desk(queue("chat", when={"channel": ["chat"]}), hard, *rest)


HARD = overflowing("hard", "rest", requires={"zwroty": 3})


def test_an_overflow_of_what_was_given_follows_edits() -> None:
    """What a transfer put into a queue, and time into another, asks for what that queue asks for now."""
    scene = _given(_desk(HARD, queue("rest", {"dostawa": 2}, priority=3)))
    scene.configure(_desk(HARD, queue("rest", {"dostawa": 4}, priority=7, prefers={"zwroty": 1})), 2)
    queued = scene.body("queued")
    assert (queued.queue, dict(queued.requires), dict(queued.prefers)) == (
        "rest",
        {"dostawa": 4},
        {"zwroty": 1},
    )
    assert (queued.priority, queued.given_queue, queued.fixed) == (7, "hard", True)
    scene.then_replays()
    scene.configure(_desk(HARD, queue("rest", {"dostawa": 4}, priority=7, prefers={"zwroty": 1})), 3)
    assert "queued" not in scene.bodies()


def test_an_overflow_that_is_put_off_by_an_edit_goes_back() -> None:
    """The desk lets the queue wait for longer now: it waits there again, and overflows when that is over."""
    scene = _given(_desk(HARD, queue("rest", {"dostawa": 2})))
    later = queue("hard", {"zwroty": 3})
    later.relax.add(after_ms=30 * MINUTE, queue="rest", as_queue=True)
    scene.configure(_desk(later, queue("rest", {"dostawa": 2})), 2)
    assert (scene.conversation("c1").queue, dict(scene.conversation("c1").requires)) == (
        "hard",
        {"zwroty": 3},
    )
    scene.then_replays()
    scene.until(scene.now_ms + 20 * MINUTE)
    assert scene.conversation("c1").queue == "rest"


def test_an_overflow_follows_an_edit_to_another_queue() -> None:
    """Where the queue overflows to is what the desk says now; a queue that is gone leaves it to the rules."""
    scene = _given(_desk(HARD, queue("rest", {"dostawa": 2}), queue("other", {"dostawa": 5})))
    hard = overflowing("hard", "other", requires={"zwroty": 3})
    scene.configure(_desk(hard, queue("rest", {"dostawa": 2}), queue("other", {"dostawa": 5})), 2)
    assert (scene.conversation("c1").queue, scene.body("queued").given_queue) == ("other", "hard")
    scene.configure(desk(queue("chat", when={"channel": ["chat"]}), queue("other", {"dostawa": 5})), 3)
    c = scene.conversation("c1")
    assert (c.queue, c.given, c.fixed) == ("chat", "", False)
    scene.then_replays()


def test_what_was_opened_again_and_has_overflowed_follows_edits() -> None:
    """A reopened conversation keeps its queue as one that was given there."""
    config = _desk(HARD, queue("rest", {"dostawa": 2}))
    scene = Scene(config).agent("anna", {"zwroty": 3}).arrives("c1").accepts("c1")
    scene.asks("transfer", "anna", "c1", transfer_to="TRANSFER_TO_QUEUE", transfer_target="hard")
    scene.asks("resolve", "", "c1").presence("anna", pb.PRESENCE_STATE_OFFLINE)
    scene.asks("reopen", "", "c1").until(scene.now_ms + 10 * MINUTE)
    assert (scene.conversation("c1").queue, scene.conversation("c1").given) == ("rest", "hard")
    scene.configure(_desk(HARD, queue("rest", {"dostawa": 4})), 2)
    assert dict(scene.conversation("c1").requires) == {"dostawa": 4}


def test_what_was_given_on_or_widened_is_no_longer_given_there() -> None:
    """A transfer to a skill, and an escalation that widens, leave the queue behind: edits change neither."""
    config = _desk(HARD, queue("rest", {"dostawa": 2}))
    edit = _desk(HARD, queue("rest", {"dostawa": 4}))
    scene = _given(config)
    scene.asks("transfer", "", "c1", transfer_to="TRANSFER_TO_SKILL", transfer_target="zwroty")
    assert scene.configure(edit, 2).conversation("c1").requires == (("zwroty", 1),)
    scene = _given(config)
    scene.promise(escalated=sla.Escalated(conversation_id="c1", do=pb.ESCALATION_DO_WIDEN_SKILLS))
    assert scene.conversation("c1").requires == ()
    assert scene.configure(edit, 2).conversation("c1").requires == ()
    scene.then_replays()


def test_events_from_before_say_where_it_was_given_to() -> None:
    """A log that does not name the queue it was given to names the one in which it waits."""
    scene = Scene(_desk(HARD, queue("rest", {"dostawa": 2}))).arrives("c1")
    old = scene.log[-1]
    old.queued.queue, old.queued.fixed, old.queued.given_queue = "hard", True, ""
    scene.given(old)
    assert scene.conversation("c1").given == "hard"
