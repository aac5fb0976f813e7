"""An edit of a desk's policies, worked off conversation by conversation, in order of their ids.

A target is replaced where the policy's spans or the desk's hours changed: cancelled, and started anew
from the same beginning. What is promised already is only ever taken back by such explicit events. Two
things stay: a breach that the new policy would have seen too, and an update promise, which an agent
made and no policy. A kind that the conversation did not have begins with its next message.

What was taken stays taken: a warning that is past under the new policy too is not given again, and an
escalation step that equals one that was taken (when, what, to whom) is not taken again. Every other step
of the new policy is open, and taken when it is due: at once, if that is past.
"""

from __future__ import annotations

from typing import Any

from proto.v1.sla_pb2 import (
    CANCELLED_WHY_POLICY_CHANGED,
    PAUSED_WHY_CUSTOMER,
    TARGET_KIND_UPDATE,
    PolicyReplanned,
    SlaDeskSeen,
    TargetPaused,
    TargetStarted,
)
from services.kernel.engine import Input
from services.sla.draft import Draft
from services.sla.policies import Live, Policy, sla_part
from services.sla.resolution import CHANNEL, see
from services.sla.state import (
    BREACHED,
    FIRST_STEP,
    MOVED,
    WARNED,
    Conversation,
    DeskData,
    State,
    Step,
    Target,
    Terms,
)

CONVERSATIONS_A_STEP = 100
"""Bounds a step to a few milliseconds and its events to a part of a batch."""


def desk_configured(state: State, draft: Draft, body: Any, record: Input) -> None:
    """Take over a newer version, if anything in it is this service's."""
    desk = state.data.desks.get(draft.desk_id)
    part = sla_part(body.desk)
    if desk and (body.version <= desk.version or desk.desk == part.SerializeToString(deterministic=True)):
        return
    draft.add(desk=SlaDeskSeen(desk=part, version=body.version))


def step(state: State, draft: Draft) -> None:
    """Bring the next conversations up to the newest version."""
    desk, live = state.data.desks[draft.desk_id], state.live[draft.desk_id]
    found: list[Conversation] = []
    for conversation_id in reversed(state.stale.get(draft.desk_id, [])):
        conversation = desk.conversations.get(conversation_id)
        if conversation is None or conversation.version >= desk.version:
            continue
        if len(found) == CONVERSATIONS_A_STEP:
            break
        found.append(conversation)
    else:
        _step(draft, desk, live, found, done=True)
        return
    _step(draft, desk, live, found, done=False)


def _step(draft: Draft, desk: DeskData, live: Live, found: list[Conversation], done: bool) -> None:
    for conversation in found:
        if not conversation.closed:
            _replan(draft, desk, live, conversation)
    through = found[-1].id if found else ""
    draft.add(replanned=PolicyReplanned(through_conversation_id=through, done=done))


def _replan(draft: Draft, desk: DeskData, live: Live, conversation: Conversation) -> None:
    labels = conversation.facts()
    policy = live.policy_for({**labels, CHANNEL: conversation.channel})
    if (policy.name if policy else "") != conversation.policy:
        see(draft, live, conversation.id, conversation.channel, labels)
    for target in conversation.targets:
        terms = desk.terms.get(target.terms)
        if target.kind == TARGET_KIND_UPDATE or terms is None:
            continue
        if policy is None or policy.fingerprint != terms.fingerprint:
            _replace(draft, live, policy, conversation, target, terms)


def _replace(
    draft: Draft,
    live: Live,
    policy: Policy | None,
    conversation: Conversation,
    target: Target,
    terms: Terms,
) -> None:
    kind: Any = target.kind
    planned = live.plan(
        policy,
        kind,
        conversation.channel,
        conversation.id,
        target.started_at_ms,
        target.id,
        str(live.version),
    )
    if planned is not None and (target.paused_until_ms or target.marks & MOVED):
        _keep_pauses(draft, live, target, planned)
    if planned is not None and target.marks & BREACHED and planned.due_at_ms <= draft.now_ms:
        return
    draft.cancel(conversation, target, CANCELLED_WHY_POLICY_CHANGED)
    if planned is None:
        return
    planned.message_id = ""
    left_to_warning_ms = live.calendar.open_ms_between(draft.now_ms, planned.warn_at_ms)
    planned.warned = bool(target.marks & WARNED) and planned.warn_at_ms <= draft.now_ms
    planned.taken_steps.extend(_taken(target, terms, planned))
    draft.start(planned)
    if target.paused_until_ms and (planned.pause_up_to_ms or planned.pause_up_to_days):
        draft.add(
            paused=TargetPaused(
                conversation_id=conversation.id,
                target_id=planned.target_id,
                why=PAUSED_WHY_CUSTOMER,
                at_ms=draft.now_ms,
                left_ms=live.calendar.open_ms_between(draft.now_ms, planned.due_at_ms),
                left_to_warning_ms=left_to_warning_ms,
                until_ms=target.paused_until_ms,
            )
        )


def _taken(target: Target, terms: Terms, planned: TargetStarted) -> list[int]:
    """The new steps that equal one that was taken, each of those once."""
    was = [step for index, step in enumerate(terms.steps) if target.marks & FIRST_STEP << index]
    found = []
    for index, step in enumerate(planned.escalate):
        same = Step(step.at, step.after_ms, step.do, step.to)
        if same in was:
            was.remove(same)
            found.append(index)
    return found


def _keep_pauses(draft: Draft, live: Live, target: Target, planned: TargetStarted) -> None:
    """Move the new deadline by the pauses there were: what counts is the open time that was used."""
    now_ms, calendar = draft.now_ms, live.calendar
    left_ms = target.left_ms if target.paused_until_ms else calendar.open_ms_between(now_ms, target.due_at_ms)
    used_ms = max(0, target.open_ms - left_ms)
    warn_ms = calendar.open_ms_between(planned.started_at_ms, planned.warn_at_ms)
    planned.due_at_ms = calendar.due_ms(now_ms, max(0, planned.open_ms - used_ms))
    planned.warn_at_ms = calendar.due_ms(now_ms, max(0, warn_ms - used_ms))
