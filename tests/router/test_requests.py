"""Agents' requests: admitted or refused, with the reason and the owner, exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from proto.v1.content_pb2 import MessageContent
from proto.v1.envelope_pb2 import Sealed
from services.kernel.limits import DAY_MS, REQUEST_AGE_MS_MAX, RESOLVED_DAYS, TRANSFER_WAIT_MS
from tests.router.scenes import MINUTE, SECOND, Scene, desk, queue

ONLINE, BUSY, OFFLINE = pb.PRESENCE_STATE_ONLINE, pb.PRESENCE_STATE_BUSY, pb.PRESENCE_STATE_OFFLINE
WORDS = Sealed(key_id=b"k", nonce=b"n", data=MessageContent(text="x").SerializeToString())


def owned() -> Scene:
    """c1 is anna's; bob and the lead ola are there too."""
    scene = Scene(desk()).agent("anna").arrives("c1").accepts("c1")
    return scene.agent("bob").agent("ola", online=False)


def test_a_reply_of_the_owner_is_admitted_with_its_words() -> None:
    """The sealed words, the promise and the time travel in the admission."""
    scene = owned().asks("reply", "anna", "c1", content=WORDS, promise_within_ms=MINUTE, age_ms=7)
    admitted = scene.then_bodies("admitted").body("admitted")
    assert admitted.content == WORDS
    assert admitted.owner_id == "anna"
    assert not admitted.bot
    assert (admitted.promise_within_ms, admitted.received_at_ms) == (MINUTE, scene.now_ms - 7)
    assert admitted.customer_id == "uc1"


@pytest.mark.parametrize("who", ["bob", "ola", ""])
def test_only_the_owner_replies(who: str) -> None:
    """Nobody answers in the owner's place, leads and admins included."""
    assert owned().asks("reply", who, "c1", content=WORDS).refusal() == ("not_owner", "anna")


def test_an_old_request_is_refused() -> None:
    """What the mailbox had more than ten seconds ago is refused."""
    scene = owned().asks("reply", "anna", "c1", age_ms=REQUEST_AGE_MS_MAX + 1)
    assert scene.refusal() == ("too_old", "anna")
    scene.asks("reply", "anna", "c1", age_ms=REQUEST_AGE_MS_MAX).then_bodies("admitted")


def test_unknown_agents_and_conversations() -> None:
    """An agent or conversation that the desk does not have is refused by name."""
    assert owned().asks("reply", "who", "c1").refusal() == ("unknown_agent", "anna")
    assert owned().asks("reply", "anna", "c9").refusal() == ("unknown_conversation", "")


@pytest.mark.parametrize("who", ["anna", "ola", ""])
def test_owner_lead_and_admin_resolve(who: str) -> None:
    """The owner, a lead, or the admin (no agent id) resolves; the event says who and whose."""
    resolved = owned().asks("resolve", who, "c1", reason="done").body("resolved")
    assert (resolved.by_agent_id, resolved.owner_id, resolved.reason) == (who, "anna", "done")


def test_others_do_not_resolve() -> None:
    """An agent who is neither owner nor lead is told who has it."""
    assert owned().asks("resolve", "bob", "c1").refusal() == ("not_owner", "anna")


def test_a_resolve_that_missed_a_message_is_refused() -> None:
    """A resolve names the last message seen, and is refused if there is a newer one."""
    scene = owned().writes("c1", "m2").asks("resolve", "anna", "c1", last_message_seen="mc1")
    assert scene.refusal() == ("newer_message", "anna")
    scene.asks("resolve", "anna", "c1", last_message_seen="m2").then_bodies("resolved", "admitted")


def test_a_resolved_conversation_is_worked_on_no_more() -> None:
    """Replies and transfers hear that it is resolved; a note is still taken."""
    scene = owned().asks("resolve", "anna", "c1")
    assert scene.asks("reply", "anna", "c1").refusal() == ("resolved", "")
    assert scene.asks("resolve", "anna", "c1").refusal() == ("resolved", "")
    scene.asks("note", "bob", "c1", content=WORDS).then_bodies("admitted")
    assert scene.body("admitted").content == WORDS


def test_reopening() -> None:
    """What is resolved is reopened on request and goes to whoever asked; what is open is not."""
    scene = owned().asks("reopen", "anna", "c1")
    assert scene.refusal() == ("not_resolved", "anna")
    scene.asks("resolve", "anna", "c1").asks("reopen", "bob", "c1")
    scene.then_bodies("reopened", "admitted", "queued", "offered")
    assert scene.where("c1") == ("offered", "bob")
    queued = scene.body("queued")
    assert (queued.channel, queued.account, queued.units) == ("chat", "www", 30)
    assert not queued.by_customer
    assert scene.asks("reopen", "anna", "c9").refusal() == ("unknown_conversation", "")
    scene.then_replays()


def test_a_reopened_conversation_knows_its_last_message() -> None:
    """After an agent's reopen a resolve still names the last message, and a newer one is still noticed."""
    scene = owned().writes("c1", "m2").asks("resolve", "anna", "c1").asks("reopen", "bob", "c1").accepts("c1")
    assert scene.asks("resolve", "bob", "c1", last_message_seen="mc1").refusal() == ("newer_message", "bob")
    scene.then_replays()
    scene.asks("resolve", "bob", "c1", last_message_seen="m2").then_bodies("resolved", "admitted")
    scene.asks("reopen", "bob", "c1").accepts("c1").writes("c1", "m3")
    assert scene.asks("resolve", "bob", "c1", last_message_seen="m2").refusal() == ("newer_message", "bob")
    scene.asks("resolve", "bob", "c1", last_message_seen="m3").then_bodies("resolved", "admitted")


def test_the_short_form_ends_after_its_horizon() -> None:
    """A conversation resolved more than ninety days ago is unknown."""
    scene = owned().asks("resolve", "anna", "c1")
    scene.at(scene.now_ms + RESOLVED_DAYS * DAY_MS).asks("reply", "anna", "c1")
    assert scene.refusal() == ("resolved", "")
    scene.at(scene.now_ms + 2 * DAY_MS).asks("reply", "anna", "c1")
    assert scene.refusal() == ("unknown_conversation", "")


def test_transfer_to_a_skill() -> None:
    """The conversation asks for the skill from now on, and not for the agent who gave it away."""
    scene = Scene().agent("anna", {"zwroty": 5}).arrives("c1").accepts("c1").agent("bob", {"zwroty": 1})
    since_ms = scene.now_ms
    scene.at(since_ms + MINUTE)
    scene.asks("transfer", "anna", "c1", transfer_to="TRANSFER_TO_SKILL", transfer_target="zwroty")
    scene.then_bodies("transferred", "released", "admitted", "queued", "offered")
    queued = scene.body("queued")
    assert dict(queued.requires) == {"zwroty": 1}
    assert queued.fixed
    assert queued.since_ms == since_ms
    assert scene.where("c1") == ("offered", "bob")
    scene.declines("c1")
    assert scene.where("c1") == ("waiting", "")
    scene.then_replays()


def test_transfer_to_an_agent_waits_for_them() -> None:
    """Only the named agent is asked; if they decline, the rules hold again."""
    scene = owned().agent("cyd").presence("bob", BUSY)
    scene.asks("transfer", "ola", "c1", transfer_to="TRANSFER_TO_AGENT", transfer_target="bob")
    assert scene.body("queued").only_agent_id == "bob"
    assert scene.where("c1") == ("waiting", "")
    scene.presence("bob", ONLINE)
    assert scene.where("c1") == ("offered", "bob")
    scene.declines("c1")
    assert scene.where("c1") == ("offered", "cyd")


@pytest.mark.parametrize("presence", [BUSY, OFFLINE])
def test_a_transfer_to_an_absent_agent_does_not_wait_for_ever(presence: pb.PresenceState) -> None:
    """Whoever was to get it and does not take it in time loses it to the rules, be they there or not."""
    scene = owned().agent("cyd").presence("bob", presence)
    scene.asks("transfer", "ola", "c1", transfer_to="TRANSFER_TO_AGENT", transfer_target="bob")
    queued = scene.then_bodies("transferred", "released", "admitted", "queued").body("queued")
    assert queued.only_until_ms == scene.now_ms + TRANSFER_WAIT_MS
    scene.then_replays()
    scene.until(queued.only_until_ms - 1).then_bodies()
    scene.until(queued.only_until_ms).then_bodies("queued", "offered")
    assert scene.body("queued").why == rt.QUEUED_WHY_NOT_TAKEN
    assert scene.body("queued").since_ms == queued.since_ms
    assert scene.where("c1") == ("offered", "cyd")
    scene.then_replays()


def test_who_goes_offline_keeps_nobody_waiting() -> None:
    """What waits for one agent alone goes to anybody able when that agent goes offline."""
    scene = owned().agent("cyd").presence("bob", BUSY)
    scene.asks("transfer", "ola", "c1", transfer_to="TRANSFER_TO_AGENT", transfer_target="bob")
    scene.presence("bob", OFFLINE)
    assert scene.where("c1") == ("offered", "cyd")


def test_transfer_to_a_queue() -> None:
    """The queue's requirements and priority hold, and its relaxation steps."""
    config = desk(queue("vip", {"zwroty": 4}, {"intent": ["never"]}, [(MINUTE, {})], priority=9), queue("o"))
    scene = Scene(config).agent("anna").arrives("c1").accepts("c1").agent("bob")
    scene.asks("transfer", "anna", "c1", transfer_to="TRANSFER_TO_QUEUE", transfer_target="vip")
    queued = scene.body("queued")
    assert (queued.queue, dict(queued.requires), queued.priority) == ("vip", {"zwroty": 4}, 9)
    scene.until(scene.now_ms + MINUTE).then_bodies("relaxed", "offered")
    assert scene.where("c1") == ("offered", "bob")


def test_a_transfer_to_a_queue_follows_its_rules() -> None:
    """A new configuration of the queue that it was given to holds; where the queue is gone the desk's rules
    do."""
    vip, rest = queue("vip", {"zwroty": 4}, {"intent": ["never"]}, priority=9), queue("o", {"dostawa": 2})
    asked: dict[str, Any] = {"transfer_to": "TRANSFER_TO_QUEUE", "transfer_target": "vip"}
    scene = Scene(desk(vip, rest)).agent("anna", {"dostawa": 2}).arrives("c1").accepts("c1")
    scene.asks("transfer", "anna", "c1", **asked)
    assert dict(scene.body("queued").requires) == {"zwroty": 4}
    lower = queue("vip", {"zwroty": 3}, {"intent": ["never"]}, priority=9)
    scene.configure(desk(lower, rest), version=2)
    assert (scene.body("queued").queue, dict(scene.body("queued").requires)) == ("vip", {"zwroty": 3})
    scene.configure(desk(rest), version=3)
    assert (scene.body("queued").queue, dict(scene.body("queued").requires)) == ("o", {"dostawa": 2})
    assert not scene.conversation("c1").fixed
    scene.then_replays()


def test_a_skill_that_is_gone_holds_nobody() -> None:
    """Who was handed to a skill that the desk no longer has is planned by the rules again."""
    scene = Scene().agent("anna").arrives("c1").accepts("c1")
    scene.asks("transfer", "anna", "c1", transfer_to="TRANSFER_TO_SKILL", transfer_target="zwroty")
    assert scene.where("c1") == ("waiting", "")
    scene.configure(desk(skills=("dostawa",)), version=2).agent("bob")
    assert scene.where("c1") == ("offered", "bob")
    scene.then_replays()


@pytest.mark.parametrize(
    ("to", "target"),
    [("SKILL", "no"), ("AGENT", "no"), ("AGENT", "anna"), ("QUEUE", "no"), ("UNSPECIFIED", "x")],
)
def test_a_transfer_needs_a_target(to: str, target: str) -> None:
    """A skill, agent or queue that the desk does not have, or the owner again, is no target."""
    scene = owned().asks("transfer", "anna", "c1", transfer_to="TRANSFER_TO_" + to, transfer_target=target)
    assert scene.refusal() == ("unknown_target", "anna")
    assert scene.where("c1") == ("owned", "anna")


def test_priority_moves_a_waiting_conversation() -> None:
    """A priority set by hand moves it in the line, and stays through a decline."""
    scene = Scene().agent("anna", capacity=30).arrives("c0").accepts("c0").arrives("c1")
    scene.at(scene.now_ms + SECOND).arrives("c2").asks("priority", "", "c2", priority=10)
    scene.then_bodies("priority", "admitted")
    scene.asks("resolve", "anna", "c0")
    assert scene.where("c2") == ("offered", "anna")
    scene.declines("c2")
    assert next(e.queued for e in scene.new if e.WhichOneof("body") == "queued").priority == 10
    assert scene.asks("priority", "", "c2", priority=11).refusal() == ("unknown_target", "")


def test_a_request_of_no_kind_is_refused() -> None:
    """A request whose kind this release does not know still has its one outcome."""
    scene = owned().asks("unspecified", "anna", "c1")
    scene.then_bodies("refused")
