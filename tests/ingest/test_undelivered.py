"""What ingest says of an agent's answer that did not arrive, and of whose it says nothing."""

from __future__ import annotations

import pytest

from proto.v1.inbound_pb2 import AgentRequest
from proto.v1.notices_pb2 import SEND_KIND_NOTICE, SEND_KIND_REPLY, SEND_KIND_WEBHOOK, SendKind
from tests.ingest.mailbox import Mailbox, conversation, customer, erase, failed, orders, record, says


@pytest.mark.parametrize("closed", [False, True])
def test_an_answer_that_did_not_arrive_is_passed_on(closed: bool) -> None:
    """Open or resolved, with the provider's reason, the customer and the answer's own origin."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    if closed:
        story.resolve(conversation("m1"))
    story.when("notices", failed(conversation("m1"))).then_bodies("undelivered")
    [event] = story.new
    assert (event.origin_id, event.undelivered.reason) == ("r-answer", "smtp 550")
    assert event.undelivered.conversation_id == conversation("m1")
    assert event.undelivered.customer_id == customer("ann")
    story.then_replays()


@pytest.mark.parametrize(
    ("kind", "had_way"), [(SEND_KIND_NOTICE, True), (SEND_KIND_WEBHOOK, True), (SEND_KIND_REPLY, False)]
)
def test_only_answers_that_had_a_way_count(kind: SendKind, had_way: bool) -> None:
    """A notice, a copy for a webhook, and what no account could have sent open nothing again."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.when("notices", failed(conversation("m1"), kind, had_way)).then_bodies()


def test_the_customer_is_the_one_that_merges_left() -> None:
    """What opens again belongs to who the customer is now."""
    story = Mailbox()
    story.hears(says("m1", "ann", channel="chat"))
    story.days_later(1)
    story.hears(says("m2", "bob", channel="chat"))
    story.resolve(conversation("m2"))
    story.when("inbound", orders("o1", "bob", "ann"))
    story.when("notices", failed(conversation("m2")))
    assert story.body("undelivered").customer_id == customer("ann")


@pytest.mark.parametrize("closed", ["before", "after", "never"])
def test_of_an_erased_customer_nothing_is_said(closed: str) -> None:
    """Their conversation is nobody's, whether it was resolved before the erasure, since, or not at all."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    if closed == "before":
        story.resolve(conversation("m1"))
    story.when("inbound", erase(customer("ann")))
    if closed == "after":
        story.resolve(conversation("m1"))
    story.when("notices", failed(conversation("m1"))).then_bodies()
    story.then_replays()


def test_a_request_about_an_erased_conversation_names_nobody() -> None:
    """Also where others were merged: the request passes through without a customer."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.hears(says("m2", "bob", channel="chat"))
    story.hears(says("m3", "eve", channel="chat"))
    story.when("inbound", orders("o1", "bob", "eve"))
    story.when("inbound", erase(customer("ann")))
    story.resolve(conversation("m1"))
    story.when("inbound", record("q", request=AgentRequest(conversation_id=conversation("m1"))))
    assert story.body("request").customer_id == ""
