"""Which conversation a message belongs to, rule by rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.v1.inbound_pb2 import (
    AUTO_KIND_AUTO_REPLY,
    AUTO_KIND_BOUNCE,
    AUTO_KIND_LIST,
    AUTO_KIND_SYSTEM,
    AutoKind,
    Inbound,
)
from services.ingest.state import REFERENCES_MAX
from services.kernel.limits import DEDUPLICATION_DAYS, RESOLVED_DAYS
from tests.ingest.mailbox import Mailbox, conversation, customer, orders, reopened, says, sent

AUTOMATIC = [AUTO_KIND_AUTO_REPLY, AUTO_KIND_BOUNCE, AUTO_KIND_LIST, AUTO_KIND_SYSTEM]


def test_a_mail_is_never_threaded_because_a_conversation_is_open() -> None:
    """Two mails of one customer without a reference are two conversations of that customer."""
    story = Mailbox()
    first, second = story.hears(says("m1", "ann")), story.hears(says("m2", "ann"))
    assert second.opens
    assert first.customer_id == second.customer_id


def test_mails_without_ids_are_never_threaded() -> None:
    """An empty id matches nothing: as many conversations as mails."""
    story = Mailbox()
    opened = set()
    for number in range(300):
        inbound = says(f"m{number}", "ann", refs=("",))
        inbound.message.external_hash = b""
        inbound.message.reference_hashes[0] = b""
        opened.add(story.hears(inbound).conversation_id)
    assert len(opened) == 300


def test_a_mail_follows_its_references() -> None:
    """The nearest reference that is known decides, whichever place it has."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.hears(says("m2", "ann"))
    assert story.hears(says("m3", "ann", refs=("unknown", "m2", "m1"))).conversation_id == conversation("m2")
    assert story.hears(says("m4", "ann", refs=("m3",))).conversation_id == conversation("m2")
    story.then_replays()


def test_a_stranger_with_a_known_reference_opens_a_new_conversation() -> None:
    """Whoever does not take part in a conversation cannot get into it by its ids."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    body = story.hears(says("m2", "eve", refs=("m1",)))
    assert body.opens
    assert body.customer_id == customer("eve")


def test_a_forged_message_id_takes_nothing_over() -> None:
    """The id of a message goes on leading to the conversation it led to first."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    forged = says("x1", "eve")
    forged.message.external_hash = says("m1").message.external_hash
    story.hears(forged)
    assert story.hears(says("m2", "ann", refs=("m1",))).conversation_id == conversation("m1")
    story.resolve(conversation("x1"))
    assert story.hears(says("m3", "ann", refs=("m1",))).conversation_id == conversation("m1")


def test_a_reply_token_is_enough() -> None:
    """Whoever holds our signed address may answer, from any address; a token of another desk is none."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    body = story.hears(says("m2", "ann at work", reply_conversation_id=conversation("m1")))
    assert (body.conversation_id, body.customer_id) == (conversation("m1"), customer("ann"))
    assert story.hears(says("m3", "ann", desk="e", reply_conversation_id=conversation("m1"))).opens
    assert story.hears(says("m4", "ann", reply_conversation_id="c" + "a" * 32)).opens
    story.then_replays()


def test_a_thread_id_holds_within_channel_and_account() -> None:
    """The sender's own thread id leads to its conversation, and to no other account's or desk's."""
    story = Mailbox()
    story.hears(says("m1", "ann", thread="t"))
    assert not story.hears(says("m2", "ann", thread="t")).opens
    assert story.hears(says("m3", "ann", thread="t", account="sklep")).opens
    assert story.hears(says("m4", "ann", thread="t", desk="e")).opens
    assert story.hears(says("m5", "ann", thread="u")).opens


def test_a_mail_that_names_an_order_joins_the_conversation_about_it() -> None:
    """By order: the conversation that named it, else one that has it and names no other."""
    story = Mailbox()
    story.when("inbound", orders("o1", "ann")).when("inbound", orders("o2", "ann"))
    general = story.hears(says("m1", "ann")).conversation_id
    assert story.hears(says("m2", "ann", order_id="o2")).conversation_id == general
    about_other = story.hears(says("m3", "ann", order_id="o1"))
    assert about_other.opens
    assert story.hears(says("m4", "ann", order_id="o1")).conversation_id == about_other.conversation_id
    assert story.hears(says("m5", "ann", order_id="o9")).opens
    assert story.hears(says("m6", "eve", order_id="o1")).opens
    story.then_replays()


def test_a_chat_goes_on_where_it_is_open() -> None:
    """Chat-like channels: the customer's open conversation on the same channel and account."""
    story = Mailbox()
    opened = story.hears(says("m1", "ann", channel="chat")).conversation_id
    assert story.hears(says("m2", "ann", channel="chat")).conversation_id == opened
    assert story.hears(says("m3", "ann", channel="whatsapp")).opens
    assert story.hears(says("m4", "bob", channel="chat")).opens
    assert story.hears(says("m5", "ann", channel="chat", desk="e")).opens
    story.resolve(opened)
    assert story.hears(says("m6", "ann", channel="chat")).opens
    story.then_replays()


def test_another_thread_on_a_chat_is_another_conversation() -> None:
    """A thread that its sender names is not joined to what is open outside of it: a group is no private chat
    of its members."""
    story = Mailbox()
    private = story.hears(says("m1", "ann", channel="whatsapp")).conversation_id
    group = story.hears(says("m2", "ann", channel="whatsapp", thread="group"))
    assert group.opens
    again = story.hears(says("m3", "ann", channel="whatsapp", thread="group"))
    assert again.conversation_id == group.conversation_id != private
    story.then_replays()


@pytest.mark.parametrize("how", ["reference", "thread", "token"])
def test_a_reply_within_90_days_opens_again(how: str) -> None:
    """What refers to a resolved conversation opens it again until the horizon, then a new one."""

    def reply(external: str) -> Inbound:
        token = conversation("m1") if how == "token" else ""
        refs, thread = (("m1",) if how == "reference" else ()), ("t" if how == "thread" else "")
        return says(external, "ann", refs=refs, thread=thread, reply_conversation_id=token)

    story = Mailbox()
    story.hears(says("m1", "ann", thread="t"))
    story.resolve(conversation("m1"))
    story.days_later(89)
    body = story.hears(reply("m2"))
    assert body.reopens
    assert not body.opens
    assert body.conversation_id == conversation("m1")
    assert not story.hears(reply("m3")).reopens
    story.resolve(conversation("m1"))
    story.days_later(92)
    late = story.hears(reply("m4"))
    assert late.opens
    assert late.customer_id == customer("ann")
    story.then_replays()


@pytest.mark.parametrize("kind", AUTOMATIC)
def test_automatic_mail_is_kept_but_opens_nothing_again(kind: AutoKind) -> None:
    """A bounce or auto-reply lies where it belongs, whoever sent it, and leaves a resolved matter so."""
    story = Mailbox()
    story.hears(says("m1", "ann", language="pl"))

    def machine(external: str, *refs: str) -> Inbound:
        who = "mailer-daemon"
        return says(external, who, refs=refs, auto_kind=kind, wants_human=True, language="en")

    body = story.hears(machine("b1", "m1"))
    assert (body.conversation_id, body.opens, body.reopens) == (conversation("m1"), False, False)
    assert (body.language, body.wants_human) == ("pl", False)
    story.resolve(conversation("m1"))
    body = story.hears(machine("b2", "m1"))
    assert (body.conversation_id, body.opens, body.reopens) == (conversation("m1"), False, False)
    assert story.hears(says("m2", "ann", refs=("m1",))).reopens
    assert story.hears(machine("b3")).opens
    story.then_replays()


def test_answers_to_what_we_sent_find_their_conversation() -> None:
    """The provider's id of a sent reply is a reference of its conversation, resolved or not."""
    story = Mailbox()
    story.hears(says("m1", "ann"))
    story.when("notices", sent(conversation("m1"), "ours1")).then_bodies("reference")
    story.when("notices", sent(conversation("m1"), "ours1")).then_bodies()
    assert not story.hears(says("m2", "ann", refs=("ours1",))).opens
    story.resolve(conversation("m1"))
    story.when("notices", sent(conversation("m1"), "ours2")).then_bodies("reference")
    assert story.hears(says("m3", "ann", refs=("ours2",))).reopens
    story.when("notices", sent(conversation("m1"), "ours3", "e")).then_bodies()
    story.when("notices", sent(conversation("m1"), "")).then_bodies()
    story.then_replays()


def test_an_agent_may_open_a_conversation_again() -> None:
    """After the router's word messages of the customer go on in it."""
    story = Mailbox()
    opened = story.hears(says("m1", "ann", channel="chat")).conversation_id
    story.when("routing", reopened(opened)).then_bodies()
    story.resolve(opened)
    story.when("routing", reopened(opened, "e")).then_bodies()
    story.when("routing", reopened(opened)).then_bodies("reopened")
    body = story.hears(says("m2", "ann", channel="chat"))
    assert (body.conversation_id, body.reopens) == (opened, False)
    story.then_replays()


def test_a_very_long_conversation_keeps_its_first_references() -> None:
    """References beyond those held ready are still known, open and resolved."""
    story = Mailbox()
    story.hears(says("m0", "ann"))
    for number in range(1, REFERENCES_MAX + 20):
        story.hears(says(f"m{number}", "ann", refs=(f"m{number - 1}",)))
    assert not story.hears(says("x1", "ann", refs=("m0",))).opens
    story.resolve(conversation("m0"))
    assert story.hears(says("x2", "ann", refs=("m1",))).reopens
    story.then_replays()


WHO = st.sampled_from(["ann", "bob", "eve"])
STEP = st.one_of(
    st.tuples(st.just("mail"), WHO, st.integers(0, 30)),
    st.tuples(st.just("chat"), WHO, st.just(0)),
    st.tuples(st.just("both"), WHO, st.integers(0, 30)),
    st.tuples(st.just("resolve"), WHO, st.integers(0, 30)),
    st.tuples(st.just("order"), WHO, st.integers(0, 3)),
    st.tuples(st.just("wait"), WHO, st.integers(1, 60)),
)


@given(st.lists(STEP, max_size=30))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_state_and_log_agree(steps: list[tuple[str, str, int]]) -> None:
    """Any history folds to the same bytes live, from zero and restored; every record has one outcome."""
    story = Mailbox()
    opened: list[str] = []
    for number, (what, who, which) in enumerate(steps):
        if what == "mail":
            body = story.hears(says(f"m{number}", who, refs=(f"m{which}",)))
            opened.append(body.conversation_id)
        elif what == "chat":
            opened.append(story.hears(says(f"m{number}", who, channel="chat")).conversation_id)
        elif what == "both":
            story.hears(says(f"m{number}", who, f"phone of {who}", f"card {which % 3}", channel="whatsapp"))
        elif what == "resolve" and opened:
            story.when("routing", reopened(opened[which % len(opened)]))
        elif what == "order":
            story.when("inbound", orders(f"o{which}", who, f"card {which}", body=str(number)))
        elif what == "wait":
            story.days_later(which)
        origins = [event.origin_id for event in story.new if event.origin_id]
        assert len(set(origins)) <= 1
    story.then_replays()


def test_a_message_that_comes_again_after_the_horizon_opens_a_conversation_of_its_own() -> None:
    """Nobody knows it any more, and it has no time of its own: it opens another conversation, never that of
    before under its id, which would be forgotten while it is open."""
    box = Mailbox()
    first = box.hears(says("m1", "jan"))
    box.resolve(first.conversation_id)
    again = box.days_later(DEDUPLICATION_DAYS + 2).hears(says("m1", "jan"))
    assert again.opens
    assert again.conversation_id != first.conversation_id
    box.days_later(RESOLVED_DAYS)
    assert [event.forgotten.conversation_id for event in box.new] == [first.conversation_id]
    box.then_replays()


def test_a_mail_that_names_an_order_goes_to_the_newest_conversation_that_has_it() -> None:
    """Of two that have the order attached it is the newer one; one that does not have it is never meant,
    though it is open and names no other order."""
    story = Mailbox()
    older, newer = story.hears(says("m1", "ann")), story.hears(says("m2", "ann"))
    assert story.hears(says("m3", "ann", order_id="o9")).opens
    story.when("inbound", orders("o1", "ann"))
    found = story.hears(says("m4", "ann", order_id="o1"))
    assert found.conversation_id == newer.conversation_id != older.conversation_id
    story.then_replays()
