"""The rules of the sla engine, one by one."""

from __future__ import annotations

import pytest

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.desk_pb2 import (
    ESCALATION_DO_NOTIFY,
    ESCALATION_DO_RAISE_PRIORITY,
    ESCALATION_DO_REASSIGN,
    ESCALATION_DO_WEBHOOK,
    ESCALATION_DO_WIDEN_SKILLS,
)
from proto.v1.envelope_pb2 import Skipped
from proto.v1.inbound_pb2 import AUTO_KIND_AUTO_REPLY, AUTO_KIND_BOUNCE, AUTO_KIND_UNSPECIFIED
from proto.v1.sla_pb2 import (
    CANCELLED_WHY_REPLACED,
    REPLY_OUTCOME_FAILED,
    REPLY_OUTCOME_UNCERTAIN,
    TARGET_KIND_FIRST_RESPONSE,
    TARGET_KIND_NEXT_RESPONSE,
    TARGET_KIND_RESOLUTION,
    TARGET_KIND_UPDATE,
    SlaEvent,
)
from services.sla import engine
from tests.sla.given import (
    DAY,
    HOUR,
    MINUTE,
    POLICY,
    STEPS,
    T0,
    WARSAW_HOURS,
    Sla,
    admitted,
    desk,
    failed,
    message,
    resolve,
    sent,
    suppressed,
    uncertain,
)
from tests.story import Story


def test_a_first_message_promises_an_answer_and_a_resolution() -> None:
    """The first message starts both promises, counted from when the mailbox took it."""
    story = Sla().at(T0 + 5_000).opened(T0)
    story.then_bodies("conversation", "started", "started").then_replays()
    first, whole = (event.started for event in story.new[1:])
    assert (first.kind, first.started_at_ms, first.due_at_ms) == (
        TARGET_KIND_FIRST_RESPONSE,
        T0,
        T0 + 10 * MINUTE,
    )
    assert (whole.kind, whole.due_at_ms) == (TARGET_KIND_RESOLUTION, T0 + 2 * HOUR)
    assert (first.warn_at_ms, whole.warn_at_ms) == (T0 + 5 * MINUTE, T0 + HOUR)
    assert (first.policy, first.policy_version, first.message_id) == ("normal", 1, "m1")
    assert [event.origin_id for event in story.new] == ["r-m1"] * 3


@pytest.mark.parametrize("auto", [AUTO_KIND_AUTO_REPLY, AUTO_KIND_BOUNCE])
def test_what_nobody_wrote_promises_nothing(auto: int) -> None:
    """An out-of-office or a bounce starts no clock; the first real message after it does."""
    story = Sla().said(message(T0, opens=True, auto=auto))  # type: ignore[arg-type]
    story.then_bodies()
    story.said(message(T0 + 1, "m2")).then_bodies("conversation", "started", "started").then_replays()
    assert story.new[1].started.kind == TARGET_KIND_FIRST_RESPONSE


def test_an_unclassified_message_counts_as_real() -> None:
    """A channel that cannot tell auto-replies does not lose its promises."""
    assert len(Sla().opened(auto=AUTO_KIND_UNSPECIFIED).new) == 3


def test_the_first_policy_that_fits_holds_by_channel() -> None:
    """Labels, attributes and channel choose the policy and the span."""
    vip = {"name": "vip", "when": {"attributes.tier": ["vip"]}, "first_response": "1m"}
    other = {"name": "rest", "first_response": {"email": "4h", "default": "8h"}}
    story = Sla(vip, other)
    story.opened(attributes={"tier": "vip"})
    assert story.new[1].started.due_at_ms == T0 + MINUTE
    story.said(message(T0, "m2", opens=True, channel="email", conversation_id="c2"))
    assert story.new[1].started.due_at_ms == T0 + 4 * HOUR
    story.said(message(T0, "m3", opens=True, conversation_id="c3"))
    assert story.new[1].started.due_at_ms == T0 + 8 * HOUR
    story.then_replays()


def test_no_span_no_promise() -> None:
    """A policy without a span for the channel promises nothing there."""
    story = Sla({"name": "mail", "first_response": {"email": "4h"}}).opened()
    story.then_bodies("conversation").until(T0 + 9 * DAY).then_bodies().then_replays()


def test_warning_and_breach_come_when_they_are_due_and_once() -> None:
    """Each fires once, at its time, and a breach says when it was due."""
    story = Sla().opened().until(T0 + DAY)
    assert story.times() == [("warned", 5), ("breached", 10), ("warned", 60), ("breached", 120)]
    assert story.new[1].breached.due_at_ms == T0 + 10 * MINUTE
    assert story.new[1].cause_id == "deadline:d/c1"
    story.then_replays()


def test_escalation_steps_come_once_each_in_clock_time() -> None:
    """Steps at the warning and at, and after, the breach; "lead" is whoever leads the desk then."""
    policy = {"name": "p", "first_response": "10m", "warn_at": 0.5, "escalate": STEPS}
    story = Sla(policy).opened().until(T0 + DAY)
    assert story.times() == [
        ("warned", 5),
        ("escalated", 5),
        ("breached", 10),
        ("escalated", 10),
        ("escalated", 20),
        ("escalated", 40),
        ("escalated", 70),
    ]
    steps = [event.escalated for event in story.new if event.WhichOneof("body") == "escalated"]
    assert [(step.do, list(step.to)) for step in steps] == [
        (ESCALATION_DO_NOTIFY, ["ola", "jan"]),
        (ESCALATION_DO_RAISE_PRIORITY, ["10"]),
        (ESCALATION_DO_WIDEN_SKILLS, []),
        (ESCALATION_DO_REASSIGN, []),
        (ESCALATION_DO_WEBHOOK, ["https://erp.example/sla"]),
    ]
    assert [step.step for step in steps] == [0, 1, 2, 3, 4]
    assert steps[0].kind == TARGET_KIND_FIRST_RESPONSE
    story.then_replays()


def test_a_reply_suspends_until_it_is_sent_and_counts_from_when_it_was_written() -> None:
    """From the admission on nothing warns or breaches; sent dates the answer back to its mailbox time."""
    story = Sla().opened().at(T0 + 4 * MINUTE).routed(admitted(T0 + 4 * MINUTE))
    story.then_bodies("reply_suspended")
    story.until(T0 + 30 * MINUTE).then_bodies()
    story.told(sent()).then_bodies("met", "reply_settled").then_replays()
    assert story.body("met").met_at_ms == T0 + 4 * MINUTE


def test_a_bots_reply_is_a_reply() -> None:
    """What matters is that the customer heard from us."""
    story = Sla().opened().routed(admitted(T0, bot=True)).told(sent())
    story.then_bodies("met", "reply_settled").then_replays()


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (failed, REPLY_OUTCOME_FAILED),
        (suppressed, REPLY_OUTCOME_FAILED),
        (uncertain, REPLY_OUTCOME_UNCERTAIN),
    ],
)
def test_a_reply_that_did_not_arrive_gives_the_deadline_back(result: object, outcome: int) -> None:
    """Failed, suppressed or uncertain: the target runs on towards its original deadline."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).at(T0 + 2 * MINUTE)
    story.told(result()).then_bodies("resumed", "reply_settled")  # type: ignore[operator]
    assert story.body("resumed").due_at_ms == T0 + 10 * MINUTE
    assert story.body("reply_settled").outcome == outcome
    story.until(T0 + 30 * MINUTE)
    assert story.times() == [("warned", 5), ("breached", 10)]
    story.then_replays()


def test_a_deadline_that_passed_meanwhile_breaches_then() -> None:
    """A send that fails after the deadline breaches at once, dated by the deadline."""
    story = Sla().opened().routed(admitted(T0 + 9 * MINUTE)).until(T0 + 20 * MINUTE).then_bodies()
    story.told(failed()).until(T0 + 20 * MINUTE)
    assert story.times() == [("warned", 20), ("breached", 20)]
    assert story.new[1].breached.due_at_ms == T0 + 10 * MINUTE
    story.then_replays()


def test_a_late_reply_is_a_breach_at_its_admission() -> None:
    """An answer written after the deadline breaches even where its deadline has not been looked at."""
    story = Sla().opened().at(T0 + 11 * MINUTE).routed(admitted(T0 + 11 * MINUTE))
    story.then_bodies("breached", "reply_suspended")
    assert story.body("breached").due_at_ms == T0 + 10 * MINUTE
    story.told(sent()).then_bodies("met", "reply_settled").then_replays()
    assert story.body("met").met_at_ms == T0 + 11 * MINUTE


def test_a_reply_in_time_that_is_met_late_withdraws_the_breach() -> None:
    """In time is what the mailbox took in time, whatever has fired in between."""
    story = Sla().opened().until(T0 + 10 * MINUTE)
    assert story.bodies()[-1] == "breached"
    story.routed(admitted(T0 + 10 * MINUTE)).then_bodies("reply_suspended")
    story.told(sent()).then_bodies("breach_withdrawn", "met", "reply_settled").then_replays()


def test_an_uncertain_reply_that_arrived_after_all_counts() -> None:
    """A later word that it was sent meets the target as of the reply, and takes back the breach."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).told(uncertain()).until(T0 + 15 * MINUTE)
    assert story.bodies()[-1] == "breached"
    story.told(sent()).then_bodies("breach_withdrawn", "met", "reply_settled").then_replays()


def test_unknown_replies_and_repeats_change_nothing() -> None:
    """A result for something else that notify sends, or told twice, is ignored."""
    story = Sla().opened().told(sent("other")).then_bodies()
    story.routed(admitted(T0)).routed(admitted(T0)).then_bodies()
    story.told(sent()).told(sent()).then_bodies().then_replays()


def test_any_of_several_replies_meets() -> None:
    """Two answers under way: the first fails and nothing resumes, the second is sent and meets."""
    story = Sla().opened().routed(admitted(T0 + MINUTE, "q1")).routed(admitted(T0 + 2 * MINUTE, "q2"))
    story.told(failed("q1")).then_bodies("reply_settled")
    story.until(T0 + 30 * MINUTE).then_bodies()
    story.told(sent("q2")).then_bodies("met", "reply_settled").then_replays()
    assert story.body("met").met_at_ms == T0 + 2 * MINUTE


def test_a_message_after_the_answer_asks_for_the_next_one() -> None:
    """The next response begins with the customer's next message; more messages change nothing."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).told(sent()).until(T0 + 30 * MINUTE)
    story.said(message(T0 + 30 * MINUTE, "m2")).then_bodies("started")
    started = story.body("started")
    assert (started.kind, started.due_at_ms) == (TARGET_KIND_NEXT_RESPONSE, T0 + 50 * MINUTE)
    story.said(message(T0 + 31 * MINUTE, "m3")).then_bodies("asked").then_replays()


def test_a_message_while_an_answer_is_due_starts_nothing() -> None:
    """One promise of an answer at a time, counted from the first message that waits for it."""
    Sla().opened().said(message(T0 + MINUTE, "m2")).then_bodies("asked").then_replays()


def test_a_message_while_the_answer_is_under_way_waits_for_the_next() -> None:
    """What came after the answer is not answered by it."""
    story = Sla().opened().routed(admitted(T0 + MINUTE))
    story.said(message(T0 + 2 * MINUTE, "m2")).then_bodies("started")
    story.told(sent()).then_bodies("met", "reply_settled")
    story.until(T0 + 30 * MINUTE)
    assert story.times() == [("warned", 12), ("breached", 22)]
    story.then_replays()


def test_a_message_that_is_newer_than_an_answer_learned_of_later_is_not_answered() -> None:
    """The mailbox' order decides, even if the engine meets the message before the answer."""
    story = Sla().opened().said(message(T0 + 3 * MINUTE, "m2"))
    story.routed(admitted(T0 + 2 * MINUTE)).then_bodies("reply_suspended", "started")
    started = story.body("started")
    assert (started.kind, started.started_at_ms) == (TARGET_KIND_NEXT_RESPONSE, T0 + 3 * MINUTE)
    story.told(sent()).then_bodies("met", "reply_settled").then_replays()


def test_a_failed_answer_leaves_one_promise_not_two() -> None:
    """The older promise runs on, the newer one gives way; if the answer arrived after all, it is back."""
    story = Sla().opened().routed(admitted(T0 + MINUTE)).said(message(T0 + 2 * MINUTE, "m2"))
    first = story.body("started").target_id
    story.told(uncertain()).then_bodies("resumed", "cancelled", "reply_settled")
    assert story.body("cancelled").why == CANCELLED_WHY_REPLACED
    story.told(sent()).then_bodies("met", "started", "reply_settled").then_replays()
    assert story.body("started").started_at_ms == T0 + 2 * MINUTE
    assert story.body("started").target_id != first


def test_an_update_promise_is_met_by_the_next_answer() -> None:
    """ "We tell you more within an hour" runs on the clock once it is sent, and the next answer keeps it."""
    story = Sla(hours={"tue": "08:00-09:00"}).opened().routed(admitted(T0, within_ms=HOUR)).told(sent())
    started = story.started(TARGET_KIND_UPDATE)
    assert (started.started_at_ms, started.due_at_ms) == (T0, T0 + HOUR)
    story.routed(admitted(T0 + HOUR, "q2")).told(sent("q2")).then_bodies("met", "reply_settled")
    story.then_replays()


def test_a_broken_update_promise_escalates() -> None:
    """Who promised news and did not write is somebody's matter: the policy's steps are taken."""
    policy = POLICY | {"resolution": None, "escalate": STEPS[:2]}
    story = Sla(policy).opened().routed(admitted(T0, within_ms=HOUR)).told(sent()).until(T0 + DAY)
    assert story.times() == [("warned", 30), ("escalated", 30), ("breached", 60), ("escalated", 60)]
    steps = [event.escalated for event in story.new if event.WhichOneof("body") == "escalated"]
    assert {step.kind for step in steps} == {TARGET_KIND_UPDATE}
    story.then_replays()


def test_an_update_promise_needs_no_policy() -> None:
    """A desk without policies still keeps what an agent promised."""
    story = Sla({"name": "none"}).opened().routed(admitted(T0, within_ms=HOUR)).told(sent()).until(T0 + DAY)
    assert story.times() == [("warned", 45), ("breached", 60)]
    story.then_replays()


def test_an_update_promise_without_a_policy_escalates_to_the_leads() -> None:
    """Where no policy fits, a broken word to the customer is still told to somebody: the leads, once."""
    vip = {"name": "vip", "when": {"attributes.tier": ["vip"]}, "first_response": "1m"}
    story = Sla(vip).opened().routed(admitted(T0, within_ms=HOUR)).told(sent()).until(T0 + DAY)
    assert story.times() == [("warned", 45), ("breached", 60), ("escalated", 60)]
    step = story.body("escalated")
    assert (step.kind, step.do, list(step.to)) == (TARGET_KIND_UPDATE, ESCALATION_DO_NOTIFY, ["ola", "jan"])
    story.said(message(story.now_ms, "m2")).routed(admitted(story.now_ms, "q2")).told(sent("q2"))
    assert not story.state.data.desks["d"].conversations["c1"].targets
    story.then_replays()


def test_an_answer_that_turns_out_not_to_have_arrived_gives_the_deadline_back() -> None:
    """When the provider says `failed` after `sent`, the promise runs on towards its original deadline."""
    policy = POLICY | {"escalate": STEPS[:1]}
    story = Sla(policy).opened().at(T0 + MINUTE).routed(admitted(T0 + MINUTE)).told(sent())
    story.at(T0 + 3 * MINUTE).told(failed()).then_bodies("started", "reply_settled").then_replays()
    again = story.body("started")
    assert (again.kind, again.started_at_ms, again.due_at_ms) == (
        TARGET_KIND_FIRST_RESPONSE,
        T0,
        T0 + 10 * MINUTE,
    )
    assert (again.policy, len(again.escalate)) == ("normal", 1)
    story.told(failed()).then_bodies()
    story.until(T0 + 20 * MINUTE)
    assert story.times() == [("warned", 5), ("escalated", 5), ("breached", 10)]
    story.routed(admitted(story.now_ms, "q2")).told(sent("q2")).then_bodies("met", "reply_settled")
    story.then_replays()


def test_an_answer_that_failed_after_its_deadline_is_a_breach_then() -> None:
    """The original deadline may have passed when the bounce comes: it breaches at once."""
    story = Sla().opened().routed(admitted(T0)).told(sent()).until(T0 + 59 * MINUTE)
    story.told(failed()).until(story.now_ms)
    assert ("breached", 59) in story.times()
    story.then_replays()


def test_new_labels_choose_the_policy_of_the_next_promise() -> None:
    """What is promised stays; the next promise follows what is known by then."""
    vip = {"name": "vip", "when": {"mood": ["angry"]}, "next_response": "1m"}
    story = Sla(vip, POLICY).opened().routed(admitted(T0)).told(sent())
    story.said(message(T0 + HOUR, "m2", mood="angry")).then_bodies("conversation", "started")
    assert story.body("started").due_at_ms == T0 + HOUR + MINUTE
    story.then_replays()


def test_business_hours_and_days_count() -> None:
    """Monday 11:00 with a break at noon: an hour and a half is due at 13:00, a day on Tuesday at 11:00."""
    policy = {"name": "p", "first_response": "1h30m", "resolution": "1d", "warn_at": 0.5}
    story = Sla(policy, hours=WARSAW_HOURS).opened()
    first, whole = story.new[1].started, story.new[2].started
    assert (first.due_at_ms - T0, first.warn_at_ms - T0) == (2 * HOUR, 45 * MINUTE)
    assert (whole.due_at_ms - T0, whole.open_ms) == (DAY, 11 * HOUR + 30 * MINUTE)
    story.then_replays()


def test_desks_do_not_touch_each_other() -> None:
    """A request that names another desk's conversation does nothing."""
    story = Sla().opened()
    story.said(desk(POLICY, desk_id="other"))
    foreign = admitted(T0)
    foreign.desk_id = "other"
    story.routed(foreign).then_bodies()
    closing = resolve(T0)
    closing.desk_id = "other"
    story.routed(closing).then_bodies().then_replays()


def test_without_a_configured_desk_nothing_is_promised() -> None:
    """Messages of a desk that is not configured start nothing and fail nothing."""
    Story(engine).when("conversations", message(T0, opens=True)).then_bodies().then_replays()


def test_a_skipped_deadline_goes_away() -> None:
    """A deadline that could not be decided counts as done, and the others go on."""
    story = Sla().opened().at(T0 + 5 * MINUTE)
    assert engine.next_deadline_id(story.state) == "d/c1"
    skipped = Skipped(topic="deadline", input_id="d/c1", due_at_ms=T0 + 5 * MINUTE)
    story.given(SlaEvent(desk_id="d", skipped=skipped)).until(T0 + DAY)
    assert story.times() == [("breached", 10), ("warned", 60), ("breached", 120)]
    story.then_replays()


def test_events_that_are_no_business_of_ours_are_passed_over() -> None:
    """Any other event of the inputs follows nothing."""
    Sla().said(ConversationsEvent(desk_id="d")).then_bodies()


def test_the_channel_that_the_customer_asked_on_last_says_what_is_promised() -> None:
    """A conversation goes on by mail while an answer to the chat is under way: what is promised for the mail,
    which that answer does not answer, is mail's."""
    policy = POLICY | {"next_response": {"chat": "5m", "email": "8h"}}
    story = Sla(policy).opened().at(T0 + 2 * MINUTE).said(message(T0 + 2 * MINUTE, "m2", channel="email"))
    story.routed(admitted(T0 + MINUTE)).then_bodies("reply_suspended", "started")
    started = story.body("started")
    assert (started.kind, started.due_at_ms) == (TARGET_KIND_NEXT_RESPONSE, T0 + 2 * MINUTE + 8 * HOUR)
    story.then_replays()
