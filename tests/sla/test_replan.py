"""An edit of the policies while promises run."""

from __future__ import annotations

from typing import Any

from proto.v1 import desk_pb2 as pb
from proto.v1.sla_pb2 import CANCELLED_WHY_POLICY_CHANGED, TARGET_KIND_RESOLUTION
from services.sla import engine
from services.sla.replan import CONVERSATIONS_A_STEP
from tests.sla.given import DAY, HOUR, MINUTE, PAUSES, POLICY, T0, Sla, admitted, desk, message, sent


def edited(story: Sla, *policies: dict[str, Any], version: int = 2, **sections: Any) -> Sla:
    """The desk is put again, and what follows at once has happened."""
    story.said(desk(*policies, version=version, **sections))
    story.until(story.now_ms)
    return story


def test_shorter_promises_replace_the_running_ones() -> None:
    """Cancelled and started anew from the same beginning, under another id and the newer version."""
    story = edited(Sla().opened(), POLICY | {"first_response": "7m"})
    story.then_bodies("cancelled", "started", "cancelled", "started", "replanned").then_replays()
    cancelled, started = story.new[0].cancelled, story.new[1].started
    assert cancelled.why == CANCELLED_WHY_POLICY_CHANGED
    assert started.target_id != cancelled.target_id
    assert (started.started_at_ms, started.due_at_ms) == (T0, T0 + 7 * MINUTE)
    assert started.policy_version == 2
    story.until(T0 + 20 * MINUTE)
    assert story.times() == [("warned", 3), ("breached", 7)]


def test_an_edit_that_changes_no_span_changes_no_promise() -> None:
    """Names, escalation and conditions alone leave running promises as they are."""
    steps = [{"at": "breach", "do": "reassign"}]
    story = edited(Sla().opened(), POLICY | {"escalate": steps})
    story.then_bodies("replanned").then_replays()
    story.until(T0 + 20 * MINUTE).then_bodies("warned", "breached")


def test_an_edit_of_other_sections_is_not_even_seen() -> None:
    """A new queue is no business of promises; an old version neither."""
    story = Sla().opened()
    story.said(desk(POLICY, version=2, queues=[{"name": "q"}])).then_bodies()
    story.said(desk({"name": "other"}, version=0)).then_bodies().then_replays()


def test_new_hours_replan() -> None:
    """Opening hours count like spans."""
    story = edited(Sla().opened(), POLICY, hours={"tue": "08:00-20:00"})
    assert story.new[1].started.due_at_ms == T0 + 21 * HOUR + 10 * MINUTE
    story.then_replays()


def test_a_breach_that_the_new_policy_forgives_is_taken_back() -> None:
    """Due later than now: the target runs again; due earlier as well: it stays, without a second breach."""
    story = edited(Sla().opened().until(T0 + 15 * MINUTE), POLICY | {"first_response": "30m"})
    story.until(T0 + DAY)
    assert ("breached", 30) in story.times()
    story.then_replays()
    other = edited(Sla().opened().until(T0 + 15 * MINUTE), POLICY | {"first_response": "5m"})
    other.until(T0 + HOUR - 1).then_bodies().then_replays()


def test_a_warning_is_not_given_twice_by_an_edit() -> None:
    """Warned before, and the new warning would be past: it counts as given."""
    story = edited(Sla().opened().until(T0 + 6 * MINUTE), POLICY | {"first_response": "12m"})
    story.until(T0 + 20 * MINUTE)
    assert story.times() == [("breached", 12)]
    story.then_replays()


def test_a_policy_that_is_gone_takes_its_promises_back() -> None:
    """No policy, no promise, but for what an agent promised."""
    story = Sla().opened().routed(admitted(T0, within_ms=HOUR)).told(sent())
    edited(story, {"name": "empty"}).then_bodies("conversation", "cancelled", "replanned").then_replays()
    assert story.body("cancelled").target_id == story.started(TARGET_KIND_RESOLUTION).target_id
    story.until(T0 + DAY).then_bodies("warned", "breached")


def test_a_paused_resolution_stays_paused_with_the_time_that_it_used() -> None:
    """Four hours less one used, edited to six: five are left after the pause."""
    policy = {"name": "p", "resolution": "4h"} | PAUSES
    story = Sla(policy).opened().routed(admitted(T0 + HOUR)).told(sent()).at(T0 + 2 * HOUR)
    edited(story, policy | {"resolution": "6h"})
    story.then_bodies("cancelled", "started", "paused", "replanned")
    assert story.body("paused").left_ms == 5 * HOUR
    story.until(T0 + DAY).then_bodies()
    story.said(message(T0 + DAY, "m2"))
    assert story.body("resumed").due_at_ms == T0 + DAY + 5 * HOUR
    edited(story, policy | {"resolution": "5h"}, version=3)
    assert story.body("started").due_at_ms == T0 + DAY + 4 * HOUR
    story.then_replays()


def test_many_conversations_are_worked_off_in_steps() -> None:
    """Each step is bounded, begins where the last one ended, and goes on after a restart."""
    story = Sla()
    count = 2 * CONVERSATIONS_A_STEP + 30
    for index in range(count):
        story.said(message(T0, f"m{index}", opens=True, conversation_id=f"c{index:04}"))
    story.said(desk(POLICY | {"first_response": "5m"}, version=2))
    steps = []
    while engine.next_deadline_id(story.state) == "d/":
        restored = engine.load(engine.dump(story.state))
        events = engine.decide(story.state, None, T0)
        assert list(engine.decide(restored, None, T0)) == list(events)
        story.given(*events)
        steps.append(len(events))
    assert steps == [4 * CONVERSATIONS_A_STEP + 1] * 2 + [4 * 30 + 1]
    story.then_replays()
    story.until(T0 + 5 * MINUTE)
    assert story.bodies().count("breached") == count


def test_a_conversation_that_comes_during_a_replan_is_left_alone() -> None:
    """It follows the newest version from its beginning."""
    story = Sla().opened()
    story.said(desk(POLICY | {"first_response": "5m"}, version=2))
    story.said(message(T0, "m9", opens=True, conversation_id="c9"))
    story.until(T0)
    assert story.bodies().count("started") == 2
    story.then_replays()


def escalated(story: Sla) -> list[tuple[int, int]]:
    """Steps taken in what is new: what (EscalationDo), and minutes since T0."""
    new = [event for event in story.new if event.WhichOneof("body") == "escalated"]
    return [(event.escalated.do, (event.occurred_at_ms - T0) // MINUTE) for event in new]


FIRST = POLICY | {"resolution": "9d"}
TELL = {"at": "warning", "do": "notify", "to": "lead"}
RAISE = {"at": "warning", "after": "3m", "do": "raise_priority", "to": 9}
WIDEN = {"at": "breach", "after": "10m", "do": "widen_skills"}
NOTIFY, PRIORITY, SKILLS = (
    pb.ESCALATION_DO_NOTIFY,
    pb.ESCALATION_DO_RAISE_PRIORITY,
    pb.ESCALATION_DO_WIDEN_SKILLS,
)


def test_a_step_that_is_open_stays_open_when_its_promise_is_replaced() -> None:
    """Warned at 5 min and told a lead; at 6 the policy allows 12 min instead of 10, so the warning is past
    still: the step that was taken is not taken again, the one that is open is, by the new times."""
    steps = {"escalate": [TELL, RAISE, WIDEN]}
    story = Sla(FIRST | steps).opened().until(T0 + 6 * MINUTE)
    assert escalated(story) == [(NOTIFY, 5)]
    edited(story, FIRST | steps | {"first_response": "12m"}).until(T0 + HOUR)
    assert story.times() == [("escalated", 9), ("breached", 12), ("escalated", 22)]
    assert escalated(story) == [(PRIORITY, 9), (SKILLS, 22)]
    story.then_replays()


def test_a_step_whose_time_is_past_under_the_new_policy_is_taken_at_once() -> None:
    """It was open under the old one, and is due under the new one by now: it is taken, once."""
    story = Sla(FIRST | {"escalate": [RAISE], "warn_at": 0.6}).opened().until(T0 + 7 * MINUTE)
    assert escalated(story) == []
    edited(story, FIRST | {"escalate": [RAISE], "warn_at": 0.3})
    assert escalated(story) == [(PRIORITY, 7)]
    story.until(T0 + HOUR).then_bodies("breached").then_replays()


def test_a_step_is_the_policys_of_now() -> None:
    """One that the edit takes out is not taken any more; one that it brings is, after a past warning too."""
    story = Sla(FIRST | {"escalate": [TELL, RAISE]}).opened().until(T0 + 6 * MINUTE)
    edited(story, FIRST | {"escalate": [WIDEN | {"at": "warning"}, TELL], "first_response": "12m"})
    story.until(T0 + HOUR)
    assert escalated(story) == [(SKILLS, 16)]
    story.then_replays()


def test_equal_steps_are_taken_as_often_as_the_policy_has_them() -> None:
    """Of two equal steps one more than was taken is open."""
    story = Sla(FIRST | {"escalate": [TELL]}).opened().until(T0 + 6 * MINUTE)
    edited(story, FIRST | {"escalate": [TELL, TELL], "first_response": "12m"})
    assert escalated(story) == [(NOTIFY, 6)]
    story.until(T0 + HOUR)
    assert escalated(story) == []


def test_a_later_warning_and_breach_repeat_no_step() -> None:
    """The edit moves warning or deadline ahead: they come again at their new time, what was done does not."""
    steps = {"escalate": [TELL, {"at": "breach", "do": "reassign"}, WIDEN]}
    story = Sla(FIRST | steps).opened().until(T0 + 15 * MINUTE)
    assert [do for do, _ in escalated(story)] == [NOTIFY, pb.ESCALATION_DO_REASSIGN]
    edited(story, FIRST | steps | {"first_response": "40m"}).until(T0 + 2 * HOUR)
    assert story.times() == [("warned", 20), ("breached", 40), ("escalated", 50)]
    story.then_replays()


def test_two_edits_in_a_row_keep_what_was_taken() -> None:
    """What an edit has carried over the next one carries on."""
    steps = {"escalate": [TELL, RAISE]}
    story = Sla(FIRST | steps).opened().until(T0 + 6 * MINUTE)
    edited(story, FIRST | steps | {"first_response": "11m"})
    edited(story, FIRST | steps | {"first_response": "12m"}, version=3).until(T0 + 12 * MINUTE - 1)
    assert story.times() == [("escalated", 9)]
    story.then_replays()


def test_open_steps_of_a_breach_that_stays_are_taken_once() -> None:
    """Breached under both policies, the promise stays as it is, and so do its steps."""
    story = Sla(FIRST | {"escalate": [WIDEN]}).opened().until(T0 + 15 * MINUTE)
    edited(story, FIRST | {"escalate": [WIDEN], "first_response": "8m"}).until(T0 + DAY)
    assert escalated(story) == [(SKILLS, 20)]
