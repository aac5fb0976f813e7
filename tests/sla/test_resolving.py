"""The end of a conversation, and its opening again."""

from __future__ import annotations

from proto.v1.sla_pb2 import (
    CANCELLED_WHY_RESOLVED,
    TARGET_KIND_NEXT_RESPONSE,
    TARGET_KIND_RESOLUTION,
)
from tests.sla.given import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Sla,
    admitted,
    failed,
    message,
    reopened,
    reopened_by,
    resolve,
    resolved,
    sent,
)


def test_resolving_ends_everything() -> None:
    """Answers due are cancelled, the resolution is met, nothing stays in the state or fires."""
    story = Sla().opened().at(T0 + MINUTE).routed(resolve(T0 + MINUTE))
    story.then_bodies("cancelled", "met", "conversation_closed")
    assert story.body("cancelled").why == CANCELLED_WHY_RESOLVED
    assert not story.state.data.desks["d"].conversations
    assert not story.state.data.desks["d"].terms
    story.routed(resolved(T0 + MINUTE)).then_bodies().until(T0 + DAY).then_bodies().then_replays()


def test_resolved_without_a_request_counts_from_the_routers_word() -> None:
    """Whoever resolved it, the clock stops."""
    story = Sla().opened().at(T0 + 3 * HOUR).routed(resolved(T0 + 3 * HOUR))
    story.then_bodies("breached", "cancelled", "breached", "met", "conversation_closed").then_replays()


def test_an_agents_resolve_counts_from_its_mailbox_time() -> None:
    """The router decided after the deadline what was asked for before it: the promise is kept."""
    story = Sla({"name": "p", "resolution": "1h"}).opened().at(T0 + HOUR + 500)
    story.routed(resolved(T0 + HOUR + 400, by="ola")).then_bodies()
    story.routed(resolve(T0 + HOUR - 1)).then_bodies("met", "conversation_closed").then_replays()


def test_an_admins_resolve_counts_from_its_mailbox_time() -> None:
    """A key that is no agent's resolved it: its request says when, as an agent's does."""
    story = Sla({"name": "p", "resolution": "1h"}).opened().at(T0 + HOUR + 500)
    story.routed(resolved(T0 + HOUR + 400, origin_id="q-resolve")).then_bodies()
    story.routed(resolve(T0 + HOUR - 1)).then_bodies("met", "conversation_closed").then_replays()


def test_a_resolve_in_time_withdraws_late_breaches() -> None:
    """The engine met the resolve late: what it said of deadlines after it is taken back."""
    story = Sla().opened().until(T0 + 10 * MINUTE).routed(resolve(T0 + 9 * MINUTE))
    story.then_bodies("breach_withdrawn", "cancelled", "met", "conversation_closed").then_replays()


def test_answer_and_resolve_is_an_answer_in_time() -> None:
    """An answer under way when it is resolved is waited for and meets its target."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).routed(resolve(T0 + MINUTE))
    story.then_bodies("met", "conversation_closed").then_replays()
    story.told(sent()).then_bodies("met", "reply_settled").then_replays()
    assert not story.state.data.desks["d"].conversations
    assert not story.state.replies


def test_answer_and_resolve_whose_answer_fails_is_over() -> None:
    """A failed answer of a resolved conversation wakes no clock."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).routed(resolve(T0 + MINUTE))
    story.told(failed()).then_bodies("cancelled", "reply_settled")
    story.until(T0 + DAY).then_bodies().then_replays()
    assert not story.state.data.desks["d"].conversations


def test_a_reply_to_a_reopened_conversation_promises_anew() -> None:
    """Reopened by the customer: a next response and a new resolution, under new ids."""
    story = Sla().opened().routed(resolve(T0))
    before = {event.started.target_id for event in story.log if event.WhichOneof("body") == "started"}
    story.said(message(T0 + DAY, "m2", reopens=True)).then_bodies("conversation", "started", "started")
    assert [e.started.kind for e in story.new[1:]] == [TARGET_KIND_NEXT_RESPONSE, TARGET_KIND_RESOLUTION]
    assert not before & {event.started.target_id for event in story.new[1:]}
    story.then_replays()


def test_reopened_while_the_last_answer_is_under_way() -> None:
    """The old answer still meets what it answered; the new message has its own promise."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).routed(resolve(T0 + MINUTE))
    story.said(message(T0 + 2 * MINUTE, "m2", reopens=True))
    story.told(sent()).then_bodies("met", "reply_settled")
    kinds = [t.kind for t in story.state.data.desks["d"].conversations["c1"].targets]
    assert kinds == [TARGET_KIND_NEXT_RESPONSE, TARGET_KIND_RESOLUTION]
    story.then_replays()


def test_reopened_by_an_agent_promises_a_resolution() -> None:
    """Nobody asked, so no answer is due; the matter is open again."""
    story = Sla().opened().routed(resolve(T0)).routed(reopened(T0 + HOUR))
    story.then_bodies("conversation", "started")
    assert story.body("started").kind == TARGET_KIND_RESOLUTION
    story.routed(reopened(T0 + HOUR)).then_bodies().then_replays()


def test_a_message_that_crossed_the_resolution_is_still_to_be_answered() -> None:
    """Read before the resolution, its promise went with the others; the router, who met them in turn, opens
    the conversation again: the answer is promised anew, from when the customer wrote."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).told(sent())
    story.at(T0 + HOUR).said(message(T0 + HOUR, "m2")).then_bodies("started")
    due_ms = story.body("started").due_at_ms
    story.routed(resolve(T0 + HOUR)).then_bodies("met", "cancelled", "conversation_closed")
    story.routed(reopened_by(T0 + HOUR)).then_bodies("conversation", "started", "started")
    assert [e.started.kind for e in story.new[1:]] == [TARGET_KIND_NEXT_RESPONSE, TARGET_KIND_RESOLUTION]
    assert [e.started.started_at_ms for e in story.new[1:]] == [T0 + HOUR, T0 + HOUR]
    assert story.new[1].started.due_at_ms == due_ms
    ids = [event.started.target_id for event in story.log if event.WhichOneof("body") == "started"]
    assert len(set(ids)) == len(ids)
    story.then_replays()


def test_a_message_that_opened_it_again_promises_once() -> None:
    """Read after the resolution, the message promises all of it; the router's word adds nothing."""
    story = Sla().opened().routed(resolve(T0)).said(message(T0 + MINUTE, "m2", reopens=True))
    story.routed(reopened_by(T0 + MINUTE)).then_bodies().then_replays()


def test_a_message_to_one_that_is_only_just_resolved_is_no_first_one() -> None:
    """While the last answer is under way the conversation is known here: who writes then asks the next."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).routed(resolve(T0 + MINUTE))
    story.said(message(T0 + 2 * MINUTE, "m2")).then_bodies("conversation", "started", "started")
    assert story.new[1].started.kind == TARGET_KIND_NEXT_RESPONSE


def test_an_answer_that_did_not_arrive_is_promised_again() -> None:
    """Resolved with an answer that the provider refused, it opens again: an answer and a resolution are due
    from then on, and only the resolution where an agent opens it."""
    for undelivered, kinds in ((True, [TARGET_KIND_NEXT_RESPONSE, TARGET_KIND_RESOLUTION]),
                               (False, [TARGET_KIND_RESOLUTION])):  # fmt: skip
        story = Sla().opened().at(T0 + MINUTE).routed(admitted(T0 + MINUTE)).routed(resolve(T0 + MINUTE))
        story.told(failed()).at(T0 + HOUR)
        back = reopened(T0 + HOUR)
        back.queued.undelivered = undelivered
        story.routed(back)
        started = [event.started for event in story.new if event.WhichOneof("body") == "started"]
        assert [(one.kind, one.started_at_ms) for one in started] == [(kind, T0 + HOUR) for kind in kinds]
        story.then_replays()
