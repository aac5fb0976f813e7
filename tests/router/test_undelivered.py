"""An answer that did not arrive: who has the conversation is told, and a resolved one opens again, once."""

from __future__ import annotations

import pytest

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from proto.v1.content_pb2 import MessageContent
from proto.v1.conversations_pb2 import SendUndelivered
from proto.v1.envelope_pb2 import Sealed
from services.kernel.limits import ANSWER_DAYS, DAY_MS, UNSEEN_MS
from tests.router.scenes import MINUTE, SECOND, Scene, desk, event, queue

WORDS = Sealed(key_id=b"k", nonce=b"n", data=MessageContent(text="x").SerializeToString())


def answered(bot: bool = False) -> tuple[Scene, str]:
    """anna has answered c1, which she owns; and the answer's origin."""
    scene = Scene(desk(queue("zwroty", {"zwroty": 1}, {"intent": ["return"]}), queue("ogolna")))
    scene.agent("anna", {"zwroty": 3}, bot=bot)
    scene.arrives("c1", intent="return").accepts("c1").asks("reply", "anna", "c1", content=WORDS)
    return scene, f"q{scene.requests}"


def bounces(scene: Scene, origin: str, customer: str = "uc1") -> Scene:
    """Ingest says that this answer in c1 did not arrive."""
    lost = SendUndelivered(conversation_id="c1", customer_id=customer, reason="smtp 550")
    scene.when("conversations", event(origin, undelivered=lost))
    return scene


def test_a_resolved_conversation_opens_again_for_its_last_agent() -> None:
    """It waits again as what it was, and its last agent is offered it at once; the reason is on the log."""
    scene, origin = answered()
    scene.asks("resolve", "anna", "c1").at(scene.now_ms + MINUTE)
    bounces(scene, origin, "merged").then_bodies("undelivered", "reopened", "queued", "offered")
    assert scene.body("undelivered").reason == "smtp 550"
    assert scene.body("reopened").why == rt.REOPENED_WHY_UNDELIVERABLE
    queued = scene.body("queued")
    assert (queued.why, queued.undelivered) == (rt.QUEUED_WHY_REOPENED, True)
    assert (queued.queue, queued.customer_id, queued.since_ms) == ("zwroty", "merged", scene.now_ms)
    assert scene.where("c1") == ("offered", "anna")
    scene.then_replays()


def test_it_opens_again_for_others_where_the_last_agent_is_gone() -> None:
    """The usual rules of a reopened conversation hold: whoever is able gets it."""
    scene, origin = answered()
    scene.asks("resolve", "anna", "c1").agent("bob", {"zwroty": 1})
    scene.presence("anna", pb.PRESENCE_STATE_OFFLINE)
    bounces(scene, origin)
    assert scene.where("c1") == ("offered", "bob")


def test_a_second_bounce_of_the_same_answer_does_nothing() -> None:
    """Once an answer was said not to have arrived, whatever is resolved after that stays so."""
    scene, origin = answered()
    scene.asks("resolve", "anna", "c1").at(scene.now_ms + MINUTE)
    bounces(bounces(scene, origin), origin).then_bodies()
    scene.accepts("c1").asks("resolve", "anna", "c1").then_bodies("resolved", "admitted")
    bounces(scene, origin).then_bodies()
    assert scene.where("c1") == ("closed", "")
    scene.then_replays()


def test_only_the_newest_answer_matters() -> None:
    """What was answered again since is missed by nobody."""
    scene, first = answered()
    scene.asks("reply", "anna", "c1", content=WORDS).asks("resolve", "anna", "c1")
    bounces(scene, first).then_bodies()
    scene.then_replays()


def test_a_message_of_the_customer_settles_it() -> None:
    """They opened it again themselves; what was resolved after that does not open for the old answer."""
    scene, origin = answered()
    scene.asks("resolve", "anna", "c1").writes("c1", "m2", reopens=True).accepts("c1")
    bounces(scene, origin).then_bodies()
    scene.asks("resolve", "anna", "c1")
    bounces(scene, origin).then_bodies()
    scene.then_replays()


def test_an_answer_is_missed_after_an_agent_opened_it_again() -> None:
    """An agent who opens and resolves it once more has told the customer nothing in between."""
    scene, origin = answered()
    scene.asks("resolve", "anna", "c1").asks("reopen", "anna", "c1").accepts("c1")
    scene.asks("resolve", "anna", "c1")
    bounces(scene, origin)
    assert scene.where("c1") == ("offered", "anna")


@pytest.mark.parametrize("days", [ANSWER_DAYS - 1, ANSWER_DAYS + 1])
def test_an_answer_is_remembered_for_days(days: int) -> None:
    """As long as reports of it may come, and not for ever."""
    scene, origin = answered()
    scene.asks("resolve", "anna", "c1").at(scene.now_ms + days * DAY_MS)
    bounces(scene, origin)
    assert ("reopened" in scene.bodies()) == (days < ANSWER_DAYS)


def test_an_open_conversation_stays_with_its_owner() -> None:
    """Nothing moves: the owner is told."""
    scene, origin = answered()
    bounces(scene, origin).then_bodies("undelivered")
    assert scene.body("undelivered").owner_id == "anna"
    assert scene.where("c1") == ("owned", "anna")
    scene.then_replays()


@pytest.mark.parametrize(("later_ms", "opens"), [(0, True), (UNSEEN_MS - 1, True), (UNSEEN_MS, False)])
def test_whoever_cannot_have_seen_it_resolves_for_a_moment_only(later_ms: int, opens: bool) -> None:
    """A resolve that follows the refusal within seconds is granted, and the conversation opens again at
    once, resolution first; who has had the time to see it may resolve it all the same."""
    scene, origin = answered()
    bounces(scene, origin).at(scene.now_ms + later_ms).asks("resolve", "anna", "c1")
    if not opens:
        scene.then_bodies("resolved", "admitted")
        return
    scene.then_bodies("resolved", "admitted", "reopened", "queued", "offered")
    assert scene.where("c1") == ("offered", "anna")
    scene.accepts("c1").asks("resolve", "anna", "c1").then_bodies("resolved", "admitted").then_replays()


def test_a_later_answer_makes_good_for_it() -> None:
    """Who answers again after the refusal resolves as ever."""
    scene, origin = answered()
    bounces(scene, origin).asks("reply", "anna", "c1", content=WORDS)
    scene.at(scene.now_ms + SECOND).asks("resolve", "anna", "c1").then_bodies("resolved", "admitted")


def test_what_a_bot_had_resolved_goes_to_humans() -> None:
    """A bot would answer again to where nothing arrives: it opens for humans only, for ever."""
    scene, origin = answered(bot=True)
    scene.asks("resolve", "anna", "c1").agent("bob", {"zwroty": 1})
    bounces(scene, origin)
    assert scene.body("human_only").why == rt.HUMAN_WHY_UNDELIVERABLE
    assert scene.where("c1") == ("offered", "bob")
    scene.then_replays()


def test_what_is_not_known_any_more_stays_closed() -> None:
    """An answer in a conversation that the router does not have, or has left, opens nothing."""
    bounces(Scene(desk()), "q1").then_bodies()
