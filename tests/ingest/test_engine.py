"""The ingest engine's outcomes: each record has exactly one, and it names the record."""

from __future__ import annotations

import pytest

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.desk_pb2 import AGENT_KIND_HUMAN, PRESENCE_STATE_ONLINE, Agent
from proto.v1.envelope_pb2 import Skipped
from proto.v1.inbound_pb2 import (
    MESSAGE_KIND_DELETE,
    MESSAGE_KIND_EDIT,
    MESSAGE_KIND_REACTION,
    QUARANTINE_REASON_MALFORMED,
    QUARANTINE_REASON_TOO_OLD,
    QUARANTINE_REASON_UNKNOWN_ACCOUNT,
    QUARANTINE_REASON_UNKNOWN_TYPE,
    REQUEST_KIND_REPLY,
    AgentRequest,
    ApiKeyPut,
    ApiKeyRemove,
    DeliveryReport,
    Inbound,
    PresencePut,
    SendReport,
    Shipment,
    Unparsed,
)
from services.ingest import engine
from tests.ingest.mailbox import (
    ACCOUNTS,
    DAY_MS,
    Mailbox,
    conversation,
    customer,
    desk_put,
    h,
    message_id,
    record,
    resolved,
    says,
    sealed,
)


def test_a_first_message_opens_a_conversation_of_its_customer() -> None:
    """A message of somebody unknown opens a conversation; ids follow from message and identity."""
    story = Mailbox()
    body = story.hears(says("m1", "ann", language="pl", intent="refund"))
    assert body.opens
    assert not body.reopens
    assert body.conversation_id == conversation("m1")
    assert body.customer_id == customer("ann")
    assert (body.language, body.intent) == ("pl", "refund")
    assert body.content == sealed("content m1")
    assert body.received_at_ms == story.now_ms
    story.then_bodies("message", "identity")
    linked = story.body("identity")
    assert (linked.customer_id, linked.identity_hash) == (customer("ann"), h("ann"))
    assert (linked.channel, linked.identity) == ("email", sealed("ann"))
    story.then_replays()


def test_the_same_message_again_is_a_duplicate_for_35_days() -> None:
    """Nothing more happens on a repeat, however often, until the horizon of deduplication is over."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    for days in (0, 1, 34):
        story.days_later(days).when("inbound", says("m1", "ann")).then_bodies("duplicate")
        assert story.body("duplicate").message_id == message_id("m1")
    story.days_later(2).when("inbound", says("m1", "ann"))
    assert story.bodies()[0] == "message"
    story.then_replays()


def test_an_identity_is_announced_once() -> None:
    """The sealed address of a customer goes on the log with their first message only."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.hears(says("m2", "ann"))
    story.then_bodies("message")


def test_too_old_goes_to_quarantine() -> None:
    """What was sent before the horizon of deduplication may be a replay: never a new message."""
    story = Mailbox()
    old = story.now_ms - 35 * DAY_MS
    story.when("inbound", says("m1", "ann", sent_at_ms=old - 1)).then_bodies("quarantined")
    assert story.body("quarantined").reason == QUARANTINE_REASON_TOO_OLD
    assert story.body("quarantined").raw == sealed("content m1")
    assert story.hears(says("m1", "ann", sent_at_ms=old)).opens


@pytest.mark.parametrize(
    ("inbound", "reason"),
    [
        (says("m1", "ann", account="other"), QUARANTINE_REASON_UNKNOWN_ACCOUNT),
        (says("m1", "ann", desk="nobody"), QUARANTINE_REASON_UNKNOWN_ACCOUNT),
        (says("m1"), QUARANTINE_REASON_MALFORMED),
        (says("m1", ""), QUARANTINE_REASON_MALFORMED),
        (record("new body"), QUARANTINE_REASON_UNKNOWN_TYPE),
        (
            record("bad", unparsed=Unparsed(reason=QUARANTINE_REASON_MALFORMED, raw=sealed("raw"))),
            QUARANTINE_REASON_MALFORMED,
        ),
    ],
)
def test_what_cannot_be_taken_is_quarantined(inbound: Inbound, reason: int) -> None:
    """A record that has no place is kept aside with the reason, and the next one goes through."""
    story = Mailbox()
    story.when("inbound", inbound).then_bodies("quarantined")
    assert story.body("quarantined").reason == reason
    assert story.new[0].origin_id == inbound.record_id
    assert story.hears(says("next", "ann")).opens
    story.then_replays()


def test_an_account_that_is_no_longer_listed_takes_nothing() -> None:
    """A new configuration decides which accounts are the desk's; what is open stays."""
    story = Mailbox()
    story.hears(says("m1", "ann", channel="chat"))
    story.when("inbound", desk_put(body="2", accounts=(("email", "pomoc"),))).then_bodies("desk")
    assert story.body("desk").version == 2
    story.when("inbound", says("m2", "ann", channel="chat")).then_bodies("quarantined")
    story.when("inbound", desk_put(body="3")).then_bodies("desk")
    assert not story.hears(says("m3", "ann", channel="chat")).opens
    story.then_replays()


def test_the_same_configuration_again_changes_nothing() -> None:
    """Desks, agents, keys and shipments with the same body are unchanged."""
    story = Mailbox()
    agent = Agent(agent_id="ola", kind=AGENT_KIND_HUMAN, skills={"a": 1, "b": 2}, capacity=100)
    key = ApiKeyPut(key_id="k1", key_hash=b"hash", name="shop")
    shipment = Shipment(shipment_id="s1", order_ids=["o9"], body_hash=h("s"))
    firsts = [
        (record("a", agent=agent), "agent", "agent"),
        (record("k", api_key=key), "api_key", "api_key"),
        (record("s", shipment=shipment), "shipment", "shipment"),
    ]
    for inbound, body, what in firsts:
        story.when("inbound", inbound).then_bodies(body)
        story.when("inbound", inbound).then_bodies("unchanged")
        assert story.body("unchanged").what == what
    story.when("inbound", desk_put()).then_bodies("unchanged")
    agent.capacity = 50
    story.when("inbound", record("a2", agent=agent)).then_bodies("agent")
    story.when("inbound", record("k2", api_key_remove=ApiKeyRemove(key_id="k1"))).then_bodies(
        "api_key_removed"
    )
    story.when("inbound", record("k2", api_key_remove=ApiKeyRemove(key_id="k1"))).then_bodies("unchanged")
    story.then_replays()


def test_a_carriers_word_that_comes_late_changes_nothing() -> None:
    """Words of a parcel that overtook each other on the way: the one that happened last holds. One without
    a time, and one dated in the future, hold when they come, and stand in nobody's way."""

    def word(name: str, happened_at_ms: int) -> Inbound:
        body = Shipment(shipment_id="s1", order_ids=["o9"], body_hash=h(name), happened_at_ms=happened_at_ms)
        return record(name, shipment=body)

    story = Mailbox()
    now_ms = story.now_ms
    story.when("inbound", word("delivered", now_ms - 5_000)).then_bodies("shipment")
    story.when("inbound", word("on its way", now_ms - 60_000)).then_bodies("unchanged")
    assert story.body("unchanged").what == "shipment_older"
    story.when("inbound", word("undated", 0)).then_bodies("shipment")
    story.when("inbound", word("older again", now_ms - 60_000)).then_bodies("unchanged")
    story.when("inbound", word("same moment", now_ms - 5_000)).then_bodies("shipment")
    story.when("inbound", word("wrong clock", now_ms + 10 * DAY_MS)).then_bodies("shipment")
    story.at(now_ms + 60_000).when("inbound", word("newest", now_ms + 30_000)).then_bodies("shipment")
    story.then_replays()


def test_a_shipment_says_when_the_mailbox_took_it_and_keeps_unknown_orders() -> None:
    """Orders of a shipment that nobody has heard of are named all the same."""
    story = Mailbox()
    shipment = Shipment(shipment_id="s1", order_ids=["o8", "o9"], body_hash=h("s"), estimated_at_ms=5)
    story.when("inbound", record("s", shipment=shipment), at_ms=story.now_ms - 700)
    seen = story.body("shipment")
    assert list(seen.order_ids) == ["o8", "o9"]
    assert seen.received_at_ms == story.now_ms - 700


def test_reports_and_presence_pass_through() -> None:
    """Send and delivery reports and presence are outcomes as they came, each time."""
    story = Mailbox()
    for _ in range(2):
        story.when("inbound", record("1", send_report=SendReport(send_id="s"))).then_bodies("send_report")
        story.when("inbound", record("2", delivery=DeliveryReport(channel="c"))).then_bodies("delivery")
        put = PresencePut(agent_id="ola", state=PRESENCE_STATE_ONLINE)
        story.when("inbound", record("3", presence=put), at_ms=story.now_ms - 5).then_bodies("presence")
        assert story.body("presence").received_at_ms == story.now_ms - 5


def test_a_request_is_submitted_once_with_its_customer() -> None:
    """The same key is submitted once; the same key with another body is told apart."""
    story = Mailbox()
    opened = story.hears(says("m1", "ann")).conversation_id
    ask = AgentRequest(kind=REQUEST_KIND_REPLY, conversation_id=opened, agent_id="ola", body_hash=h("b"))
    story.when("inbound", record("q1", request=ask), at_ms=story.now_ms - 9).then_bodies("request")
    assert story.body("request").customer_id == customer("ann")
    assert story.body("request").received_at_ms == story.now_ms - 9
    story.when("inbound", record("q1", request=ask)).then_bodies("unchanged")
    assert story.body("unchanged").what == "request"
    ask.body_hash = h("other")
    story.when("inbound", record("q1", request=ask)).then_bodies("unchanged")
    assert story.body("unchanged").what == "request_differs"
    story.resolve(opened)
    story.when("inbound", record("q2", request=ask)).then_bodies("request")
    assert story.body("request").customer_id == customer("ann")
    story.when("inbound", record("q3", "e", request=ask)).then_bodies("request")
    assert story.body("request").customer_id == ""
    story.then_replays()


def test_labels_fold_into_the_conversation() -> None:
    """What was said last holds, silence keeps what was said, and wanting a human never goes back."""
    story = Mailbox()
    story.hears(says("m1", "ann", channel="chat", language="pl", intent="a", attributes={"x": "1", "y": "1"}))
    second = story.hears(
        says("m2", "ann", channel="chat", mood="angry", wants_human=True, attributes={"x": "2"})
    )
    assert (second.language, second.intent, second.mood) == ("pl", "a", "angry")
    third = story.hears(says("m3", "ann", channel="chat", language="en"))
    assert (third.language, third.mood, third.wants_human) == ("en", "angry", True)
    assert dict(third.attributes) == {"x": "2", "y": "1"}
    story.resolve(third.conversation_id)
    again = story.hears(says("m4", "ann", channel="chat", refs=("m1",)))
    assert again.reopens
    assert again.wants_human
    story.then_replays()


def change(external: str, kind: int, about: str, same_id: bool = False) -> Inbound:
    """An edit, deletion or reaction about a message, with an id of its own or that message's."""
    inbound = says(external, "ann", channel="chat", refs=(about,), kind=kind)
    if same_id:
        inbound.message.message_id = message_id(about)
        inbound.message.external_hash = h(about)
        del inbound.message.reference_hashes[:]
    return inbound


@pytest.mark.parametrize("kind", [MESSAGE_KIND_EDIT, MESSAGE_KIND_DELETE, MESSAGE_KIND_REACTION])
@pytest.mark.parametrize("same_id", [True, False])
def test_a_change_of_a_known_message_names_it(kind: int, same_id: bool) -> None:
    """An edit, deletion or reaction names the message and its conversation, once."""
    story = Mailbox()
    story.hears(says("m1", "ann", channel="chat"))
    asked = change("x1", kind, "m1", same_id)
    story.when("inbound", asked).then_bodies("message_changed")
    body = story.body("message_changed")
    assert (body.message_id, body.conversation_id) == (message_id("m1"), conversation("m1"))
    assert (body.kind, body.content) == (kind, sealed("content x1"))
    story.when("inbound", asked).then_bodies("unchanged")
    story.resolve(conversation("m1"))
    story.when("inbound", change("x2", kind, "m1", same_id)).then_bodies("message_changed")
    story.then_replays()


@pytest.mark.parametrize("same_id", [True, False])
def test_a_message_that_was_deleted_before_it_came_is_not_opened(same_id: bool) -> None:
    """A deletion of an unknown message leaves a tombstone."""
    story = Mailbox()
    story.when("inbound", change("x1", MESSAGE_KIND_DELETE, "m1", same_id)).then_bodies("message_changed")
    assert story.body("message_changed").conversation_id == ""
    assert story.body("message_changed").target_hash == h("m1")
    story.when("inbound", says("m1", "ann", channel="chat")).then_bodies("duplicate")
    story.then_replays()


def test_an_edit_of_an_unknown_message_is_a_message() -> None:
    """The customer's words are never lost, even if what they change never came; a reaction is."""
    story = Mailbox()
    story.when("inbound", change("x1", MESSAGE_KIND_REACTION, "m1")).then_bodies("unchanged")
    assert story.hears(change("x2", MESSAGE_KIND_EDIT, "m1")).opens
    story.when("inbound", change("x2", MESSAGE_KIND_EDIT, "m1"))
    assert story.bodies() == ["message_changed"]


def test_a_change_never_touches_another_desk() -> None:
    """An id of one desk means nothing at another."""
    story = Mailbox()
    story.hears(says("m1", "ann", channel="chat"))
    strange = change("x1", MESSAGE_KIND_REACTION, "m1")
    strange.desk_id = "e"
    story.when("inbound", strange).then_bodies("unchanged")


def test_resolved_conversations_are_forgotten_after_90_days() -> None:
    """Everybody is told when a resolved conversation leaves the horizon; one opened again is not."""
    story = Mailbox()
    for number in range(250):
        story.hears(says(f"m{number}", f"ann{number}"))
        story.resolve(conversation(f"m{number}"))
    assert story.hears(says("again", "ann7", refs=("m7",))).reopens
    story.days_later(90)
    assert story.new == []
    story.days_later(1)
    gone = {event.forgotten.conversation_id for event in story.new}
    assert gone == {conversation(f"m{number}") for number in range(250) if number != 7}
    assert story.engine.next_deadline_ms(story.state) is None
    body = story.hears(says("late", "ann3", refs=("m3",)))
    assert body.opens
    assert body.customer_id == customer("ann3")
    story.then_replays()


def test_a_skipped_deadline_goes_away() -> None:
    """An engine whose deadline could not be decided goes on."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.resolve(conversation("m1"))
    name = story.engine.next_deadline_id(story.state)
    assert name.startswith("forget:")
    skipped = Skipped(topic="deadline", input_id=name)
    story.given(ConversationsEvent(occurred_at_ms=story.now_ms, skipped=skipped))
    assert story.engine.next_deadline_ms(story.state) is None
    story.then_replays()


def test_what_the_router_says_of_the_unknown_changes_nothing() -> None:
    """A word on a conversation that is not known, or known at another desk, has no event."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.when("routing", resolved("c" + "a" * 32)).then_bodies()
    story.when("routing", resolved(conversation("m1"), "e")).then_bodies()


def test_conversations_are_forgotten_in_their_own_desk_after_a_restore() -> None:
    """Whatever the order in which desks were made, each conversation is forgotten as its desk's."""
    story = Mailbox()
    story.when("inbound", desk_put("z")).when("inbound", desk_put("a"))
    for desk in ("z", "a"):
        story.hears(says("m" + desk, "ann " + desk, desk=desk))
        story.when("routing", resolved(conversation("m" + desk), desk)).then_bodies("closed")
    story.then_replays()
    story.state = engine.load(engine.dump(story.state))
    story.days_later(92).then_bodies("forgotten", "forgotten")
    assert [event.desk_id for event in story.new] == ["z", "a"]


def test_a_record_is_put_aside_once() -> None:
    """The same record again is no second entry in quarantine; with the reason gone it is a message."""
    story = Mailbox()
    asked = says("m1", "ann", account="gone")
    story.when("inbound", asked).then_bodies("quarantined")
    story.when("inbound", asked).then_bodies("unchanged")
    assert (story.body("unchanged").what, story.new[0].origin_id) == ("quarantined", asked.record_id)
    for other in (record("x", unparsed=Unparsed(detail="x")), record("y")):
        story.when("inbound", other).then_bodies("quarantined")
        story.when("inbound", other).then_bodies("unchanged")
    story.then_replays()
    story.when("inbound", desk_put(body="2", accounts=(*ACCOUNTS, ("email", "gone"))))
    assert story.hears(asked).opens
