"""Whatever happens in whatever order: once, never early, and nothing is forgotten."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proto.v1.sla_pb2 import TARGET_KIND_RESOLUTION
from services.sla import engine
from services.sla.state import BREACHED
from tests.sla.given import (
    MINUTE,
    PAUSES,
    POLICY,
    STEPS,
    T0,
    Sla,
    admitted,
    desk,
    failed,
    message,
    reopened,
    reopened_by,
    resolve,
    resolved,
    sent,
    suppressed,
    uncertain,
)

POLICIES: list[dict[str, Any]] = [
    POLICY | PAUSES | {"escalate": STEPS},
    POLICY | {"escalate": STEPS, "resolution": "1d"},
    POLICY | PAUSES | {"first_response": "3m", "next_response": "4m"},
    {"name": "none"},
]
HOURS: list[dict[str, Any]] = [{}, {"hours": {"mon-fri": ["08:00-12:00", "12:30-20:00"]}}]

WHAT = (
    "message reply promise sent failed uncertain suppressed resolve resolved reopened crossed desk wait late"
).split()
STEP = st.tuples(
    st.sampled_from(WHAT),
    st.integers(0, 3),
    st.integers(0, 90),
)


def play(story: Sla, steps: list[tuple[str, int, int]]) -> None:
    """Do the steps one after the other; the number chooses a reply or policy, minutes pass where it waits."""
    closed, replies = True, 0
    for index, (what, number, minutes) in enumerate(steps):
        now = story.now_ms
        if what == "message":
            story.said(message(now, f"x{index}", opens=index == 0, reopens=closed and index > 0))
            closed = False
        elif what in ("reply", "promise", "late"):
            late_ms = minutes * MINUTE // 9 if what == "late" else 0
            within_ms = 30 * MINUTE if what == "promise" else 0
            story.routed(admitted(now - late_ms, f"q{replies}", within_ms=within_ms))
            replies += 1
        elif what in ("sent", "failed", "uncertain", "suppressed"):
            result = {"sent": sent, "failed": failed, "uncertain": uncertain, "suppressed": suppressed}[what]
            story.told(result(f"q{max(0, replies - 1 - number)}"))
        elif what in ("resolve", "resolved"):
            story.routed((resolve if what == "resolve" else resolved)(now))
            closed = True
        elif what == "crossed":
            story.said(message(now, f"x{index}", opens=index == 0, reopens=closed and index > 0))
            if not closed:
                story.routed(resolve(now))
            story.routed(reopened_by(now, f"x{index}"))
            closed = False
        elif what == "reopened":
            story.routed(reopened(now))
            closed = False
        elif what == "desk":
            story.said(desk(POLICIES[number], version=index + 2, **HOURS[minutes % 2]))
        else:
            story.until(now + minutes * MINUTE)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=30))
def test_each_promise_warns_breaches_and_escalates_at_most_once_and_never_early(
    steps: list[tuple[str, int, int]],
) -> None:
    """Over any course of inputs and time; and once time has passed, nothing that was due is left."""
    story = Sla(POLICIES[0]).opened()
    play(story, steps)
    story.then_replays()
    story.until(story.now_ms + 30 * 1440 * MINUTE)
    story.then_replays()
    due: dict[str, tuple[int, int]] = {}
    said: Counter[tuple[str, str, int]] = Counter()
    for event in story.log:
        name = event.WhichOneof("body")
        body = getattr(event, name)
        if name in ("started", "resumed"):
            assert name == "resumed" or body.target_id not in due
            due[body.target_id] = (body.due_at_ms, body.warn_at_ms)
        elif name in ("warned", "breached", "escalated", "met", "cancelled"):
            said[name, body.target_id, body.step if name == "escalated" else 0] += 1
        if name == "breached":
            assert due[body.target_id][0] == body.due_at_ms <= event.occurred_at_ms
        elif name == "warned":
            assert due[body.target_id][1] <= event.occurred_at_ms
    assert max(said.values(), default=1) == 1
    for conversation in story.state.data.desks["d"].conversations.values():
        for target in conversation.targets:
            waits = conversation.suspended(target) or target.marks & BREACHED
            assert waits, "time has passed and it neither waits for an answer nor breached"
    assert engine.next_deadline_ms(story.state) is None


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=30))
def test_what_is_resolved_leaves_nothing_behind(steps: list[tuple[str, int, int]]) -> None:
    """After it is resolved and all answers are settled, the state is as before the conversation."""
    story = Sla(POLICIES[0]).opened()
    play(story, steps)
    story.routed(resolve(story.now_ms))
    for index in range(len(steps)):
        story.told(sent(f"q{index}"))
    desk_data = story.state.data.desks["d"]
    assert not desk_data.conversations
    assert not desk_data.terms
    assert not story.state.replies
    story.until(T0 + 60 * 1440 * MINUTE)
    assert not [name for name in story.bodies() if name != "replanned"]
    story.then_replays()


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=30))
def test_an_unanswered_customer_always_has_a_promise(steps: list[tuple[str, int, int]]) -> None:
    """While the customer's last message is unanswered and policies promise answers, one runs or is broken."""
    story = Sla(POLICIES[0]).opened()
    play(story, [step for step in steps if step[0] not in ("desk", "late", "reopened")])
    conversation = story.state.data.desks["d"].conversations.get("c1")
    if conversation is None or conversation.closed:
        return
    met = [e.met.met_at_ms for e in story.log if e.WhichOneof("body") == "met"]
    if conversation.asked_at_ms > max(met, default=0):
        assert [t for t in conversation.targets if t.kind != TARGET_KIND_RESOLUTION]
