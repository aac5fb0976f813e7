"""Offers: who is asked, in which order, how often, and what an answer does."""

from __future__ import annotations

import pytest

from proto.v1 import desk_pb2 as pb
from proto.v1.conversations_pb2 import ConversationsEvent, RequestSubmitted
from proto.v1.inbound_pb2 import AgentRequest
from services.kernel.limits import BARRED_AFTER_DECLINE_MS
from tests.router.scenes import MINUTE, SECOND, Scene, desk, queue, written


def test_an_arrival_is_offered_at_once() -> None:
    """A conversation that somebody can take is queued and offered in one decision."""
    scene = Scene().agent("anna").arrives("c1")
    scene.then_bodies("queued", "offered")
    offered = scene.body("offered")
    assert (offered.agent_id, offered.units) == ("anna", 30)
    assert offered.expires_at_ms == scene.now_ms + 20 * SECOND
    scene.then_replays()


def test_an_accepted_offer_makes_an_owner() -> None:
    """Accepting assigns the conversation and is the one outcome of the request."""
    scene = Scene().agent("anna").arrives("c1").accepts("c1")
    scene.then_bodies("accepted", "assigned", "admitted")
    assert scene.body("admitted").owner_id == "anna"
    assert {event.origin_id for event in scene.new} == {"q1"}
    assert scene.where("c1") == ("owned", "anna")


def test_fifty_accepts_of_one_offer() -> None:
    """Of fifty accepts of one offer one is admitted; the others hear who has it, the owner too."""
    scene = Scene().agent("anna").agent("bob", online=False).arrives("c1")
    offer = scene.conversation("c1").offer
    scene.asks("accept", "anna", offer_id=offer).then_bodies("accepted", "assigned", "admitted")
    for i in range(49):
        scene.asks("accept", "anna" if i % 2 else "bob", offer_id=offer).then_bodies("refused")
        assert scene.refusal() == ("already_accepted", "anna")
    assert scene.where("c1") == ("owned", "anna")


def test_twenty_agents_of_three() -> None:
    """Twenty agents with room for three and a thousand conversations: exactly sixty are owned."""
    scene = Scene()
    for i in range(20):
        scene.agent(f"a{i:02}", capacity=90)
    for i in range(1_000):
        scene.arrives(f"c{i:04}")
    scene.settle()
    offered = [key for key, c in scene.state.data.conversations.items() if c.offer]
    for key in offered:
        scene.accepts(key)
    states = [scene.where(key)[0] for key in scene.state.data.conversations]
    assert (states.count("owned"), states.count("waiting"), len(states)) == (60, 940, 1_000)
    assert all(scene.state.matcher.used("d", f"a{i:02}") == 90 for i in range(20))


def test_an_offer_that_nobody_answers_goes_on() -> None:
    """An expired offer goes to somebody else, and its agent is not asked again for a while."""
    scene = Scene().agent("anna").arrives("c1").agent("bob")
    scene.until(scene.now_ms + 20 * SECOND).then_bodies("expired", "queued", "offered")
    assert scene.where("c1") == ("offered", "bob")
    scene.until(scene.now_ms + 20 * SECOND).then_bodies("expired", "queued")
    assert scene.where("c1") == ("waiting", "")


def test_nobody_who_declines_is_asked_again_at_once() -> None:
    """When the only able agent has declined it waits until the bar ends, and then rings again."""
    scene = Scene().agent("anna").arrives("c1").declines("c1")
    scene.then_bodies("declined", "admitted", "queued")
    declined_ms = scene.now_ms
    scene.until(declined_ms + BARRED_AFTER_DECLINE_MS - 1).then_bodies()
    scene.until(declined_ms + BARRED_AFTER_DECLINE_MS).then_bodies("reconsidered", "offered")
    scene.then_replays()


def test_a_declined_conversation_keeps_its_age() -> None:
    """Who waits again keeps `since_ms`, and so the place in the line."""
    scene = Scene().agent("anna", capacity=30).arrives("c1")
    since_ms = scene.now_ms
    scene.at(since_ms + SECOND).arrives("c2").declines("c1")
    assert scene.body("queued").since_ms == since_ms
    assert scene.where("c2") == ("offered", "anna")


def test_bars_do_not_pass_to_other_conversations() -> None:
    """Whoever declines one conversation is asked for the next."""
    scene = Scene().agent("anna").arrives("c1").declines("c1").arrives("c2")
    assert scene.where("c2") == ("offered", "anna")


@pytest.mark.parametrize(
    ("what", "why"), [("declines", "declined"), ("expires", "expired"), ("resolves", "withdrawn")]
)
def test_a_closed_offer_says_what_happened(what: str, why: str) -> None:
    """An accept that comes after the end of an offer hears what ended it."""
    scene = Scene().agent("anna").arrives("c1")
    offer = scene.conversation("c1").offer
    if what == "declines":
        scene.declines("c1")
    elif what == "expires":
        scene.until(scene.now_ms + 20 * SECOND)
    else:
        scene.asks("resolve", "", "c1")
    scene.asks("accept", "anna", offer_id=offer).then_bodies("refused")
    assert scene.refusal() == (why, "")


def test_an_accept_in_time_counts_by_its_mailbox_time() -> None:
    """An accept that the mailbox had before the deadline is in time; one after it is not."""
    scene = Scene().agent("anna").arrives("c1")
    offer, expires_ms = scene.conversation("c1").offer, scene.conversation("c1").expires_ms
    scene.at(expires_ms + 50).asks("accept", "anna", offer_id=offer, age_ms=10)
    assert scene.refusal() == ("expired", "")
    scene.asks("accept", "anna", offer_id=offer, age_ms=60).then_bodies("accepted", "assigned", "admitted")


def test_an_offer_is_for_one_agent() -> None:
    """Nobody accepts what another was offered."""
    scene = Scene().agent("anna").arrives("c1").agent("bob")
    scene.asks("accept", "bob", offer_id=scene.conversation("c1").offer)
    assert scene.refusal() == ("not_yours", "")
    scene.asks("accept", "bob", offer_id="o-unknown")
    assert scene.refusal() == ("unknown_offer", "")


def test_a_freed_agent_gets_the_next() -> None:
    """Resolving offers the freed capacity to the first in line, in the same decision."""
    scene = Scene().agent("anna", capacity=30).arrives("c1").accepts("c1").arrives("c2").arrives("c3")
    scene.asks("resolve", "anna", "c1").then_bodies("resolved", "admitted", "offered")
    assert scene.where("c2") == ("offered", "anna")


def test_what_nobody_can_do_does_not_hold_up_others() -> None:
    """Thousands who wait for a skill that nobody has cost nobody else a place."""
    config = desk(queue("faktury", {"faktury": 2}, {"intent": ["invoice"]}), queue("ogolna"))
    scene = Scene(config).agent("anna", {"dostawa": 1})
    for i in range(2_000):
        scene.arrives(f"x{i}", intent="invoice")
    assert scene.arrives("c1").where("c1") == ("offered", "anna")
    assert not scene.state.matcher.floors["d"].seats["anna"].profile.able.keys() - {
        shape for shape in scene.state.matcher.floors["d"].shapes.values() if not shape.requires
    }


def test_skills_need_their_levels() -> None:
    """An agent below the level is no candidate; the explanation counts the rule."""
    scene = Scene(desk(queue("zwroty", {"zwroty": 3}))).agent("low", {"zwroty": 2}).arrives("c1")
    assert scene.where("c1") == ("waiting", "")
    scene.agent("high", {"zwroty": 3})
    assert scene.where("c1") == ("offered", "high")
    offered = scene.body("offered")
    assert list(offered.ruled_out_rules) == [5]
    assert list(offered.ruled_out_counts) == [1]


def test_a_language_counts_if_the_desk_lists_it() -> None:
    """A listed language is needed, by its base too; one that the desk does not list is not."""
    scene = Scene().agent("pola", languages=["pl"], capacity=300)
    assert scene.arrives("c1", language="en-GB").where("c1") == ("waiting", "")
    assert scene.arrives("c2", language="pl-PL").where("c2") == ("offered", "pola")
    assert scene.arrives("c3", language="de").where("c3") == ("offered", "pola")


def test_an_agent_may_have_some_channels_only() -> None:
    """An agent with a list of channels gets nothing from others."""
    scene = Scene().agent("mail", channels=["email"])
    assert scene.arrives("c1").where("c1") == ("waiting", "")
    assert scene.arrives("c2", channel="email", account="pomoc").where("c2") == ("offered", "mail")
    assert scene.conversation("c2").units == 10


def test_requirements_fall_away_with_time() -> None:
    """A relaxation step counts from when it began to wait, and looks for agents at once."""
    config = desk(queue("dostawa", {"dostawa": 1}, relax=[(3 * MINUTE, {})]))
    scene = Scene(config).agent("anna").arrives("c1")
    start_ms = scene.now_ms
    scene.until(start_ms + 3 * MINUTE - 1).then_bodies()
    scene.until(start_ms + 3 * MINUTE).then_bodies("relaxed", "offered")
    scene.declines("c1")
    assert dict(scene.body("queued").requires) == {}
    scene.then_replays()


def test_priority_then_deadline_then_arrival() -> None:
    """In one line the higher priority goes first, then the nearer deadline, none last, then age."""
    scene = Scene().agent("anna", capacity=30).arrives("busy").accepts("busy")
    for i, key in enumerate(("late", "due", "sooner", "urgent", "first")):
        scene.at(scene.now_ms + (0 if key == "first" else i)).arrives(key)
    scene.promise(started={"conversation_id": "due", "target_id": "t", "due_at_ms": scene.now_ms + MINUTE})
    scene.promise(started={"conversation_id": "sooner", "target_id": "t", "due_at_ms": scene.now_ms + SECOND})
    scene.asks("priority", "", "urgent", priority=9)
    order = []
    current = "busy"
    for _ in range(5):
        scene.asks("resolve", "anna", current)
        current = scene.body("offered").conversation_id
        order.append(current)
        scene.accepts(current)
    assert order == ["urgent", "sooner", "due", "late", "first"]


def test_presets_choose_differently() -> None:
    """Each preset asks the agent that its name says."""
    chosen = {}
    for preset in ("longest_idle", "least_active", "round_robin", "default"):
        scene = Scene(desk(preset=preset, units=20)).agent("anna", capacity=400).agent("bob", capacity=60)
        scene.at(scene.now_ms + SECOND).arrives("c1").accepts("c1")
        scene.at(scene.now_ms + SECOND).arrives("c2").accepts("c2")
        scene.at(scene.now_ms + SECOND).asks("resolve", "", "c1").arrives("c3").accepts("c3")
        scene.at(scene.now_ms + SECOND).arrives("c4")
        chosen[preset] = [scene.where(key)[1] for key in ("c2", "c3", "c4")]
    assert chosen == {
        "longest_idle": ["bob", "bob", "anna"],
        "least_active": ["bob", "anna", "bob"],
        "round_robin": ["bob", "anna", "bob"],
        "default": ["bob", "anna", "bob"],
    }


def test_the_best_skill_is_not_wasted() -> None:
    """Who can do the least beside it is asked, if the desk says so."""
    scene = Scene(desk(queue("zwroty", {"zwroty": 2})))
    scene.configure(written(queue("zwroty", {"zwroty": 2}), agent=pb.POLICY_AGENT_LEAST_FLEXIBLE), 2)
    scene = scene.agent("master", {"zwroty": 5, "dostawa": 5}).agent("plain", {"zwroty": 2})
    assert scene.arrives("c1").where("c1") == ("offered", "plain")


def test_a_lowered_capacity_drains() -> None:
    """Who has more than a lowered capacity keeps it and gets nothing new before it has drained."""
    scene = Scene().agent("anna", capacity=90)
    for key in ("c1", "c2", "c3", "c4"):
        scene.arrives(key)
    for key in ("c1", "c2", "c3"):
        scene.accepts(key)
    scene.agent("anna", capacity=30, online=False)
    scene.asks("resolve", "anna", "c1").then_bodies("resolved", "admitted")
    scene.asks("resolve", "anna", "c2").then_bodies("resolved", "admitted")
    scene.asks("resolve", "anna", "c3").then_bodies("resolved", "admitted", "offered")


def test_units_freeze_at_the_offer() -> None:
    """What a channel takes changes for later offers, not for work in hand."""
    scene = Scene().agent("anna", capacity=90).arrives("c1").accepts("c1")
    scene.configure(desk(units=50), version=2).arrives("c2").arrives("c3")
    assert scene.conversation("c1").units == 30
    assert scene.where("c2") == ("offered", "anna")
    assert scene.where("c3") == ("waiting", "")
    assert scene.state.matcher.used("d", "anna") == 80


def test_a_desk_never_reaches_into_another() -> None:
    """A request of one desk about another's conversation does not find it."""
    scene = Scene().agent("anna").arrives("c1")
    request = AgentRequest(kind="REQUEST_KIND_RESOLVE", conversation_id="c1")
    submitted = RequestSubmitted(request=request, received_at_ms=scene.now_ms)
    scene.when("conversations", ConversationsEvent(desk_id="other", origin_id="q", request=submitted))
    assert scene.refusal() == ("unknown_conversation", "")


def test_a_new_configuration_plans_waiting_work_anew() -> None:
    """Waiting conversations are queued again where the rules say otherwise now, in bounded steps."""
    config = desk(queue("faktury", {"faktury": 2}))
    scene = Scene(config).agent("anna", capacity=60)
    for i in range(250):
        scene.arrives(f"c{i:03}")
    scene.configure(desk(queue("ogolna")), version=2)
    bodies = scene.bodies()
    assert (bodies.count("queued"), bodies.count("offered"), bodies.count("replanned")) == (250, 2, 3)
    assert {c.queue for c in scene.state.data.conversations.values()} == {"ogolna"}
    scene.configure(desk(queue("ogolna")), version=3)
    assert "queued" not in scene.bodies()
    scene.then_replays()


def test_presence_away_and_busy_take_nothing_new() -> None:
    """Only who is online is asked; away and busy keep what they have."""
    for state in (pb.PRESENCE_STATE_BUSY, pb.PRESENCE_STATE_AWAY):
        scene = Scene().agent("anna").arrives("c1").accepts("c1").presence("anna", state).arrives("c2")
        assert scene.where("c1") == ("owned", "anna")
        assert scene.where("c2") == ("waiting", "")
        scene.presence("anna", pb.PRESENCE_STATE_ONLINE)
        assert scene.where("c2") == ("offered", "anna")


def test_bars_are_written_in_one_order() -> None:
    """Who may not be asked is written by name, so that a restored state says the same."""
    scene = Scene().agent("cyd").arrives("c").declines("c").agent("anna").declines("c")
    scene.agent("bob").declines("c")
    assert list(scene.body("queued").barred_agents) == ["anna", "bob", "cyd"]
    scene.then_replays()


def test_a_limit_that_is_gone_lets_agents_work() -> None:
    """At most so many of a channel at a time; another policy without the limit offers what waited for it."""
    scene = Scene(written(like="longest_idle", limits={"chat": 1})).agent("anna")
    scene.arrives("c1").arrives("c2").arrives("m1", channel="email", account="pomoc")
    assert [scene.where(key)[0] for key in ("c1", "c2", "m1")] == ["offered", "waiting", "offered"]
    assert list(scene.body("offered").ruled_out_rules) == []
    scene.configure(written(like="longest_idle"), version=2)
    assert scene.where("c2") == ("offered", "anna")
    scene.then_replays()
