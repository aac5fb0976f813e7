"""Customers and their orders: identities, merges, what is attached, and erasure."""

from __future__ import annotations

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.envelope_pb2 import Skipped
from proto.v1.inbound_pb2 import (
    ORDER_STATUS_CANCELLED,
    ORDER_STATUS_DELIVERED,
    ORDER_STATUS_SHIPPED,
    AgentRequest,
)
from services.ingest.state import ORDER_DAYS
from services.kernel.limits import ERASURE_DELAY_MS
from tests.ingest.mailbox import (
    DAY_MS,
    Mailbox,
    conversation,
    customer,
    erase,
    erased,
    h,
    orders,
    record,
    says,
)


def test_all_identities_of_a_message_are_one_customer() -> None:
    """Who is known by one address is the same customer under each other one."""
    story = Mailbox()
    story.hears(says("m1", "wa", "phone", channel="whatsapp"))
    story.then_bodies("message", "identity", "identity")
    assert [e.identity.customer_id for e in story.new[1:]] == [customer("wa")] * 2
    assert story.hears(says("m2", "phone")).customer_id == customer("wa")
    story.then_bodies("message")
    story.then_replays()


def test_a_tie_between_addresses_outlives_every_horizon() -> None:
    """Years later the second address still names the same customer."""
    story = Mailbox()
    story.hears(says("m1", "wa", "phone", channel="whatsapp"))
    story.resolve(conversation("m1"))
    story.days_later(800)
    assert story.hears(says("m2", "phone")).customer_id == customer("wa")
    story.then_replays()


def test_the_younger_customer_is_merged_into_the_older() -> None:
    """An order that names addresses of both says that they are one; everything moves to the older."""
    story = Mailbox()
    story.hears(says("m1", "ann", channel="chat"))
    story.days_later(1)
    story.hears(says("m2", "bob", channel="chat"))
    story.when("inbound", orders("o1", "bob", "ann"))
    assert story.bodies() == ["order", "merged", "order_attached", "order_attached"]
    assert story.body("order").customer_id == customer("ann")
    merged = story.body("merged")
    assert (merged.customer_id, merged.merged_id) == (customer("ann"), customer("bob"))
    attached = {
        e.order_attached.conversation_id for e in story.new if e.WhichOneof("body") == "order_attached"
    }
    assert attached == {conversation("m1"), conversation("m2")}
    body = story.hears(says("m3", "bob", refs=("m1",)))
    assert (body.conversation_id, body.customer_id) == (conversation("m1"), customer("ann"))
    ask = AgentRequest(conversation_id=conversation("m2"))
    story.when("inbound", record("q", request=ask))
    assert story.body("request").customer_id == customer("ann")
    story.then_replays()


def test_merges_of_merges_lead_to_the_oldest() -> None:
    """However many customers turn out to be one, each of their addresses names the oldest."""
    story = Mailbox()
    for number in range(5):
        story.hears(says(f"m{number}", f"a{number}"))
        story.days_later(1)
    for number in (3, 1, 2, 0):
        story.when("inbound", orders(f"o{number}", f"a{number}", f"a{number + 1}"))
    for number in range(5):
        assert story.hears(says(f"n{number}", f"a{number}")).customer_id == customer("a0")
    story.then_replays()


def test_a_message_joins_a_conversation_of_the_customer_it_merges() -> None:
    """A mail from both addresses that answers the younger customer's mail stays in that conversation."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.days_later(1)
    story.hears(says("m2", "bob"))
    body = story.hears(says("m3", "bob", "ann", refs=("m2",)))
    assert (body.conversation_id, body.customer_id) == (conversation("m2"), customer("ann"))
    story.then_bodies("message", "merged")
    story.then_replays()


def test_a_message_says_the_customers_open_orders() -> None:
    """The named order first, then the newest open ones, and the highest value among them."""
    story = Mailbox()
    story.when("inbound", orders("o1", "ann", value_minor=500))
    story.when("inbound", orders("o2", "ann", value_minor=90_000, status=ORDER_STATUS_SHIPPED))
    story.when("inbound", orders("o3", "ann", value_minor=99_000, status=ORDER_STATUS_DELIVERED))
    story.when("inbound", orders("o4", "eve", value_minor=99_000))
    body = story.hears(says("m1", "ann", order_id="o1"))
    assert list(body.order_ids) == ["o1", "o2"]
    assert (body.order_value_minor, body.named_order_id) == (90_000, "o1")
    story.then_replays()


def test_somebody_elses_order_brings_no_value() -> None:
    """An order that is named but belongs to another customer is shown and counts for nothing."""
    story = Mailbox()
    story.when("inbound", orders("o4", "eve", value_minor=99_000))
    body = story.hears(says("m1", "ann", order_id="o4"))
    assert list(body.order_ids) == ["o4"]
    assert body.order_value_minor == 0


def test_an_order_that_comes_later_is_attached() -> None:
    """Open conversations are told once of an order, and again only if it is worth more."""
    story = Mailbox()
    opened = story.hears(says("m1", "ann")).conversation_id
    story.when("inbound", orders("o1", "ann", body="1", value_minor=500)).then_bodies(
        "order", "order_attached"
    )
    assert story.body("order_attached").conversation_id == opened
    assert story.body("order_attached").order_value_minor == 500
    story.when("inbound", orders("o1", "ann", body="1", value_minor=500)).then_bodies("unchanged")
    story.when("inbound", orders("o1", "ann", body="2", value_minor=500)).then_bodies("order")
    story.when("inbound", orders("o1", "ann", body="3", value_minor=900)).then_bodies(
        "order", "order_attached"
    )
    story.when("inbound", orders("o2", "ann", status=ORDER_STATUS_CANCELLED)).then_bodies("order")
    story.then_replays()


def test_an_order_named_later_is_attached() -> None:
    """A later message of the conversation that names a new order says so."""
    story = Mailbox()
    story.hears(says("m1", "ann", channel="chat"))
    body = story.hears(says("m2", "ann", channel="chat", order_id="o7"))
    assert list(body.order_ids) == ["o7"]
    story.then_bodies("message", "order_attached")
    story.hears(says("m3", "ann", channel="chat", order_id="o7"))
    story.then_bodies("message")
    story.then_replays()


def test_a_closed_order_is_known_for_the_horizon() -> None:
    """The same body of a delivered order changes nothing, and its value counts when it is named."""
    story = Mailbox()
    delivered = orders("o1", "ann", value_minor=7_000, status=ORDER_STATUS_DELIVERED)
    story.when("inbound", delivered).then_bodies("order", "identity")
    story.when("inbound", delivered).then_bodies("unchanged")
    assert story.hears(says("m1", "ann")).order_value_minor == 0
    assert story.hears(says("m2", "ann", order_id="o1")).order_value_minor == 7_000
    story.then_replays()


def test_orders_that_nobody_speaks_of_leave() -> None:
    """Open orders that a shop never closes do not stay for ever; those spoken of do."""
    story = Mailbox()
    for number in range(30):
        story.when("inbound", orders(f"o{number:02}", f"c{number}"))
    story.days_later(100).when("inbound", orders("o05", "c5", body="2"))
    story.days_later(ORDER_DAYS - 99)
    for number in range(5):
        story.when("inbound", orders(f"p{number}", "ann"))
        story.then_replays()
    for number in range(5, 10):
        story.when("inbound", orders(f"p{number}", "ann"))
    left = set(story.state.data.desks["d"].orders)
    assert left == {"o05", *(f"p{number}" for number in range(10))}
    story.then_replays()


def test_an_order_changes_hands() -> None:
    """An order that now names another customer is that customer's."""
    story = Mailbox()
    story.when("inbound", orders("o1", "ann")).when("inbound", orders("o1", "bob", body="2"))
    assert story.hears(says("m1", "ann")).order_ids == []
    assert list(story.hears(says("m2", "bob")).order_ids) == ["o1"]
    story.when("inbound", orders("o1", body="3"))
    assert story.body("order").customer_id == customer("bob")
    story.then_replays()


def test_an_erasure_is_due_until_it_is_reported() -> None:
    """Due after the delay with every identity, said again each minute, completed once."""
    story = Mailbox()
    story.hears(says("m1", "ann", "phone"))
    story.days_later(1)
    story.hears(says("m2", "bob"))
    story.when("inbound", orders("o1", "ann", "bob"))
    story.when("inbound", erase(customer("bob"))).then_bodies("erasure_requested")
    wanted = story.body("erasure_requested")
    assert wanted.customer_id == customer("ann")
    assert set(wanted.identity_hashes) == {h("ann"), h("phone"), h("bob")}
    assert wanted.due_at_ms == story.now_ms + ERASURE_DELAY_MS
    story.when("inbound", erase(customer("ann"), "2")).then_bodies("unchanged")
    story.until(wanted.due_at_ms - 1)
    assert story.new == []
    story.until(wanted.due_at_ms + 2 * 60_000).then_bodies("erasure_due", "erasure_due", "erasure_due")
    assert set(story.new[0].erasure_due.identity_hashes) == set(wanted.identity_hashes)
    story.when("inbound", erased(wanted.erasure_id, "e")).then_bodies("unchanged")
    story.when("inbound", erased(wanted.erasure_id)).then_bodies("erasure_completed")
    assert story.body("erasure_completed").customer_id == customer("ann")
    story.when("inbound", erased(wanted.erasure_id)).then_bodies("unchanged")
    story.until(story.now_ms + DAY_MS)
    assert story.new == []
    story.then_replays()


def test_after_an_erasure_nothing_leads_back() -> None:
    """Whoever writes from an erased address is new: no tie, no conversation, no order of before."""
    story = Mailbox()
    story.when("inbound", orders("o1", "ann", "phone"))
    story.hears(says("m1", "ann", channel="chat", thread="t"))
    story.hears(says("m2", "ann"))
    story.resolve(conversation("m2"))
    story.when("inbound", erase(customer("ann")))
    erasure_id = story.body("erasure_requested").erasure_id
    story.when("inbound", erased(erasure_id))
    assert story.hears(says("m3", "phone")).customer_id == customer("phone")
    by_token = says("n1", "ann", reply_conversation_id=conversation("m1"))
    for asked in (says("n0", "ann", channel="chat", thread="t"), by_token, says("n2", "ann", channel="chat")):
        body = story.hears(asked)
        assert body.conversation_id not in (conversation("m1"), conversation("m2"))
        assert body.order_ids == []
    story.then_replays()
    assert story.hears(says("m5", "ann", refs=("m2",))).opens
    story.when("inbound", record("q", request=AgentRequest(conversation_id=conversation("m1"))))
    assert story.body("request").customer_id == ""
    story.resolve(conversation("m1"))
    assert story.hears(says("m6", "ann", refs=("m1",))).opens
    story.then_replays()


def test_a_closed_order_of_the_erased_is_nobodys() -> None:
    """A later word on it, by a shop that sends no address any more, names no customer, and neither does a
    message that names the order."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.when("inbound", orders("o1", "ann", status=ORDER_STATUS_DELIVERED))
    story.when("inbound", orders("o1", body="2", status=ORDER_STATUS_DELIVERED))
    assert story.body("order").customer_id == customer("ann")
    story.when("inbound", erase(customer("ann")))
    story.when("inbound", orders("o1", body="2", status=ORDER_STATUS_DELIVERED)).then_bodies("unchanged")
    story.when("inbound", orders("o1", body="3", status=ORDER_STATUS_DELIVERED))
    assert story.body("order").customer_id == ""
    story.then_replays()


def test_a_closed_order_without_a_customer_stays_so() -> None:
    """Nobody's order is nobody's when it is spoken of again."""
    story = Mailbox()
    story.when("inbound", orders("o1", status=ORDER_STATUS_DELIVERED))
    story.when("inbound", orders("o1", body="2", status=ORDER_STATUS_DELIVERED))
    assert story.body("order").customer_id == ""


def test_who_writes_while_the_erasure_waits_begins_anew() -> None:
    """From the request on a message opens a new conversation, which later ones find, and which the erasure
    does not take; it deletes the keys made until the request."""
    story = Mailbox()
    story.hears(says("m1", "ann", channel="chat", thread="t"))
    story.when("inbound", erase(customer("ann")))
    wanted, asked_ms = story.body("erasure_requested"), story.now_ms
    story.until(story.now_ms + 60_000)
    again = story.hears(says("m2", "ann", channel="chat", thread="t"))
    assert (again.opens, again.conversation_id) == (True, conversation("m2"))
    assert "identity" in story.bodies()
    story.hears(says("m3", "bob", channel="chat"))
    story.when("inbound", orders("o1", "bob", "ann"))
    assert "merged" in story.bodies()
    story.then_replays()
    story.until(wanted.due_at_ms).then_bodies("erasure_due")
    due = story.body("erasure_due")
    assert (due.customer_id, due.keys_until_ms) == (customer("ann"), asked_ms)
    assert list(due.identity_hashes) == [h("ann")]
    story.when("inbound", erased(wanted.erasure_id)).then_bodies("erasure_completed")
    late = story.hears(says("m4", "ann", channel="chat", thread="t"))
    assert late.conversation_id == conversation("m2")
    story.resolve(conversation("m1"))
    story.resolve(conversation("m2"))
    assert story.hears(says("m5", "ann", channel="chat", thread="t")).conversation_id == conversation("m2")
    story.then_replays()


def test_nobody_unknown_is_erased() -> None:
    """An erasure of a customer nobody knows, or of another desk's, changes nothing."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.when("inbound", erase(customer("nobody"))).then_bodies("unchanged")
    story.when("inbound", erase(customer("ann"), desk="e")).then_bodies("unchanged")
    assert story.body("unchanged").what == "erasure"


def test_a_customer_beyond_the_horizon_can_be_erased() -> None:
    """What the key store still has of a customer is enough, if it leads to that customer."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.resolve(conversation("m1"))
    story.days_later(200)
    for number in range(40):
        story.hears(says(f"n{number}", f"x{number}"))
        story.resolve(conversation(f"n{number}"))
    story.when("inbound", erase(customer("ann"))).then_bodies("unchanged")
    asked = erase(customer("ann"), "2", identity_hashes=[h("ann"), h("eve")])
    story.when("inbound", asked).then_bodies("erasure_requested")
    assert list(story.body("erasure_requested").identity_hashes) == [h("ann")]


def test_a_skipped_erasure_is_tried_again_a_day_later() -> None:
    """What could not be decided does not stop the engine, and is not given up."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.when("inbound", erase(customer("ann")))
    name, due = story.engine.next_deadline_id(story.state), story.now_ms + ERASURE_DELAY_MS
    skipped = Skipped(topic="deadline", input_id=name, due_at_ms=due)
    story.given(ConversationsEvent(occurred_at_ms=due, skipped=skipped))
    assert story.engine.next_deadline_ms(story.state) == due + DAY_MS
    story.then_replays()


def test_an_order_of_nobody_stays_nobodys() -> None:
    """An order whose customer was erased, or that never named one, may change without naming anybody: it has
    no customer, open or closed, also where other customers were merged."""
    box = Mailbox()
    box.hears(says("m1", "eva"))
    box.hears(says("m2", "adam"))
    box.when("inbound", orders("o9", "eva", "adam"))
    box.when("inbound", orders("o1", "jan")).when("inbound", erase(customer("jan")))
    box.when("inbound", orders("o2", status=ORDER_STATUS_DELIVERED))
    for order_id in ("o1", "o2"):
        box.when("inbound", orders(order_id, body="2"))
        assert box.body("order").customer_id == ""
    box.then_replays()


def test_an_order_is_passed_on_with_all_its_addresses() -> None:
    """Notify chooses among them: each has its channel, hash and sealed identity, as they were given."""
    story = Mailbox()
    inbound = orders("o1", "phone", "mail", "chat")
    inbound.order.identity_channels[:] = ["sms", "email", "chat"]
    seen = story.when("inbound", inbound).body("order")
    assert list(seen.identity_channels) == ["sms", "email", "chat"]
    assert list(seen.identity_hashes) == [h("phone"), h("mail"), h("chat")]
    assert [one.data for one in (seen.first_identity, *seen.more_identities)] == [b"phone", b"mail", b"chat"]
