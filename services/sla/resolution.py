"""The promise of a resolution: opening, pausing, going on, and the end of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proto.v1.routing_pb2 import QUEUED_WHY_REOPENED
from proto.v1.sla_pb2 import (
    CANCELLED_WHY_RESOLVED,
    PAUSED_WHY_CUSTOMER,
    TARGET_KIND_NEXT_RESPONSE,
    TARGET_KIND_RESOLUTION,
    SlaConversationClosed,
    SlaConversationSeen,
    TargetKind,
    TargetPaused,
)
from services.kernel.engine import Input
from services.sla.draft import Draft
from services.sla.policies import Live, Policy
from services.sla.state import BREACHED, WARNED, Conversation, DeskData, State, Target

CHANNEL = "channel"
"""The fact under which conditions find the channel."""


def see(
    draft: Draft, live: Live, conversation_id: str, channel: str, labels: Mapping[str, str]
) -> Policy | None:
    """Remember what decides about the conversation's promises; the policy that holds for it."""
    policy = live.policy_for({**labels, CHANNEL: channel})
    draft.add(
        conversation=SlaConversationSeen(
            conversation_id=conversation_id,
            channel=channel,
            policy=policy.name if policy else "",
            policy_version=live.version,
            labels=labels,
        )
    )
    return policy


def start(
    draft: Draft,
    live: Live,
    policy: Policy | None,
    conversation: tuple[str, str],
    kind: TargetKind,
    at_ms: int,
    *id_parts: str,
) -> bool:
    """Begin a promise of this kind, if the policy makes one. `conversation`: id and channel."""
    conversation_id, channel = conversation
    return draft.start(live.plan(policy, kind, channel, conversation_id, at_ms, *id_parts))


def pause(draft: Draft, live: Live, desk: DeskData, conversation: Conversation, at_ms: int) -> None:
    """The customer has the word since `at_ms`: what is left is kept in open time."""
    target = conversation.resolution()
    terms = desk.terms.get(target.terms) if target else None
    if target is None or not may_pause(desk, target) or terms is None or at_ms >= target.due_at_ms:
        return
    calendar = live.calendar
    draft.add(
        paused=TargetPaused(
            conversation_id=conversation.id,
            target_id=target.id,
            why=PAUSED_WHY_CUSTOMER,
            at_ms=at_ms,
            left_ms=calendar.open_ms_between(at_ms, target.due_at_ms),
            left_to_warning_ms=calendar.open_ms_between(at_ms, target.warn_at_ms),
            until_ms=calendar.due_ms(at_ms, terms.pause_ms, terms.pause_days),
        )
    )


def may_pause(desk: DeskData, target: Target) -> bool:
    """Whether it runs, is not breached, and its policy lets it pause."""
    terms = desk.terms.get(target.terms)
    runs = not target.paused_until_ms and not target.marks & BREACHED
    return runs and terms is not None and bool(terms.pause_ms or terms.pause_days)


def resumed_at(live: Live, target: Target, at_ms: int) -> tuple[int, int]:
    """Deadline and warning of a paused target that goes on at `at_ms`."""
    due_at_ms = live.calendar.due_ms(at_ms, target.left_ms)
    if not target.warn_at_ms or target.marks & WARNED:
        return due_at_ms, target.warn_at_ms
    return due_at_ms, live.calendar.due_ms(at_ms, target.left_to_warning_ms)


def go_on(draft: Draft, live: Live, conversation: Conversation, at_ms: int) -> None:
    """The customer wrote: a paused resolution goes on, from then or from the end of its pause."""
    target = conversation.resolution()
    if target and target.paused_until_ms:
        at_ms = min(at_ms, target.paused_until_ms)
        draft.resume(conversation, target, *resumed_at(live, target, at_ms))


def resolve_admitted(state: State, draft: Draft, body: Any, record: Input) -> None:
    """An agent resolves it: judged by when the request came."""
    _close(state, draft, body.conversation_id, body.received_at_ms or draft.now_ms)


def conversation_resolved(state: State, draft: Draft, body: Any, record: Input) -> None:
    """It is resolved. Where somebody asked for it, the admitted request says when: the mailbox time."""
    if body.by_agent_id or record.event.origin_id:
        return
    _close(state, draft, body.conversation_id, record.event.occurred_at_ms or draft.now_ms)


def _close(state: State, draft: Draft, conversation_id: str, at_ms: int) -> None:
    conversation = state.find(draft.desk_id, conversation_id)
    if conversation is None or conversation.closed:
        return
    live = state.live[draft.desk_id]
    for target in conversation.targets:
        if target.kind == TARGET_KIND_RESOLUTION:
            late = False
            if 0 < target.paused_until_ms < at_ms:
                due_at_ms, warn_at_ms = resumed_at(live, target, target.paused_until_ms)
                draft.resume(conversation, target, due_at_ms, warn_at_ms)
                late = at_ms > due_at_ms
                if late:
                    draft.breach(conversation, target, due_at_ms)
            draft.meet(conversation, target, at_ms, late)
        elif not conversation.suspended(target):
            draft.judge(conversation, target, at_ms)
            draft.cancel(conversation, target, CANCELLED_WHY_RESOLVED)
    draft.add(conversation_closed=SlaConversationClosed(conversation_id=conversation_id))


def conversation_queued(state: State, draft: Draft, body: Any, record: Input) -> None:
    """Opened again, it waits once more: a new resolution is promised.

    Where the customer did, their message has promised all of it, unless it crossed the resolution: read
    before that, its promise was cancelled with the others, and an answer is due all the same. So it is where
    an answer that did not arrive opened it: since then, because what it had met ended with the resolution.
    """
    conversation = state.find(draft.desk_id, body.conversation_id)
    live = state.live.get(draft.desk_id)
    known = conversation is not None and not conversation.closed
    if body.why != QUEUED_WHY_REOPENED or known or live is None:
        return
    labels = {name: value for name, value in body.labels.items() if value and name != CHANNEL}
    policy = see(draft, live, body.conversation_id, body.channel, labels)
    at_ms = record.event.occurred_at_ms or draft.now_ms
    names = (body.conversation_id, body.channel)
    if body.by_customer:
        at_ms = body.since_ms
    if body.by_customer or body.undelivered:
        start(draft, live, policy, names, TARGET_KIND_NEXT_RESPONSE, at_ms, body.last_message_id, record.id)
    start(draft, live, policy, names, TARGET_KIND_RESOLUTION, at_ms, record.id)
