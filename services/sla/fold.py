"""How each event of the own log changes the state: the only thing that does.

`evolve` understands every event ever written, never fails on one, and never asks a calendar:
deadlines are in the events.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import Any

from proto.v1.sla_pb2 import (
    REPLY_OUTCOME_SENT,
    REPLY_OUTCOME_UNCERTAIN,
    TARGET_KIND_RESOLUTION,
    SlaEvent,
)
from services.kernel.engine import DEADLINE
from services.sla.policies import RESPONSES
from services.sla.state import (
    BREACH,
    BREACHED,
    FIRST_STEP,
    MOVED,
    RESUME,
    WARN,
    WARNED,
    Answer,
    Conversation,
    DeskData,
    Reply,
    State,
    Step,
    Target,
    Terms,
    deadline_key,
    next_action,
)


def evolve(state: State, event: SlaEvent) -> None:
    """Fold one event."""
    name = event.WhichOneof("body")
    if name == "skipped":
        _skipped(state, event.skipped)
        return
    desk = state.data.desks.get(event.desk_id)
    if desk is None:
        if name != "desk":
            return
        desk = state.data.desks[event.desk_id] = DeskData(terms={}, conversations={})
    body = getattr(event, name) if name else None
    if name in _DESK:
        _DESK[name](state, event.desk_id, desk, body)
        return
    rule = _CONVERSATION.get(name or "")
    if rule is None or body is None:
        return
    conversation = desk.conversations.get(body.conversation_id)
    if conversation is None:
        return
    rule(desk, conversation, body)
    if name == "reply_suspended":
        state.replies[body.reply_id] = conversation.id
    elif name == "reply_settled":
        _settled(state, conversation, body)
    elif name == "conversation_closed":
        _retract(state, conversation)
    if conversation.closed and not conversation.pending():
        _forget(state, event.desk_id, desk, conversation)
    else:
        state.index(event.desk_id, desk, conversation)


def _forget(state: State, desk_id: str, desk: DeskData, conversation: Conversation) -> None:
    for target in conversation.targets:
        _end(desk, conversation, target)
    for reply in conversation.replies:
        state.replies.pop(reply.id, None)
    _retract(state, conversation)
    del desk.conversations[conversation.id]
    state.deadlines.drop(deadline_key(desk_id, conversation.id))


def _end(desk: DeskData, conversation: Conversation, target: Target) -> None:
    conversation.targets = tuple(other for other in conversation.targets if other is not target)
    terms = desk.terms.get(target.terms)
    if terms:
        terms.targets -= 1
        if not terms.targets:
            del desk.terms[target.terms]


def _desk_seen(state: State, desk_id: str, desk: DeskData, body: Any) -> None:
    desk.desk = body.desk.SerializeToString(deterministic=True)
    desk.version = body.version
    desk.replan_after = "" if desk.conversations else None
    state.refresh(desk_id, desk)


def _seen(state: State, desk_id: str, desk: DeskData, body: Any) -> None:
    labels = tuple(intern(text) for pair in sorted(body.labels.items()) for text in pair)
    conversation_id = body.conversation_id
    conversation = desk.conversations.get(conversation_id)
    if conversation is None:
        desk.conversations[conversation_id] = Conversation(
            conversation_id, intern(body.channel), intern(body.policy), body.policy_version, labels
        )
        return
    conversation.channel, conversation.policy = intern(body.channel), intern(body.policy)
    conversation.labels = labels
    if conversation.closed:
        conversation.closed, conversation.version = False, body.policy_version
    state.index(desk_id, desk, conversation)


def _replanned(state: State, desk_id: str, desk: DeskData, body: Any) -> None:
    desk.replan_after = None if body.done else body.through_conversation_id
    stale = state.stale.get(desk_id, [])
    while stale and stale[-1] <= body.through_conversation_id:
        stale.pop()
    if body.done:
        state.stale.pop(desk_id, None)
        state.deadlines.drop(deadline_key(desk_id, ""))


def _skipped(state: State, body: Any) -> None:
    """A deadline that could not be decided counts as done, so that the engine goes on. The desk stands in
    the deadline's id alone: the loop, which writes this event, knows nothing of desks."""
    if body.topic != DEADLINE:
        return
    desk_id, _, conversation_id = body.input_id.rpartition("/")
    desk = state.data.desks.get(desk_id)
    if desk is None:
        state.deadlines.drop(body.input_id)
        return
    if not conversation_id:
        desk.replan_after = None
        state.refresh(desk_id, desk)
        return
    conversation = desk.conversations.get(conversation_id)
    found = next_action(desk, conversation) if conversation else None
    if conversation is None or found is None:
        state.deadlines.drop(body.input_id)
        return
    _, action, target = found
    if action == RESUME:
        target.paused_until_ms = 2**62
    else:
        target.marks |= {WARN: WARNED, BREACH: BREACHED}.get(action) or FIRST_STEP << action
    state.index(desk_id, desk, conversation)


def _closed(desk: DeskData, conversation: Conversation, body: Any) -> None:
    conversation.closed = True


def _asked(desk: DeskData, conversation: Conversation, body: Any) -> None:
    conversation.asked_id, conversation.asked_at_ms = body.message_id, body.asked_at_ms


def _started(desk: DeskData, conversation: Conversation, body: Any) -> None:
    key = intern(f"{body.policy}@{body.policy_version}") if body.policy else "@" * bool(body.escalate)
    if key:
        terms = desk.terms.get(key)
        if terms is None:
            steps = [Step(step.at, step.after_ms, step.do, step.to) for step in body.escalate]
            terms = Terms(steps, body.pause_up_to_ms, body.pause_up_to_days, body.promise_hash)
            desk.terms[key] = terms
        terms.targets += 1
    kind, at_ms = body.kind, body.started_at_ms
    marks = sum((FIRST_STEP << step for step in body.taken_steps), WARNED if body.warned else 0)
    target = Target(body.target_id, kind, key, at_ms, body.due_at_ms, body.warn_at_ms, body.open_ms, marks)
    conversation.targets = (*conversation.targets, target)
    if kind in RESPONSES and at_ms > conversation.asked_at_ms:
        conversation.asked_id, conversation.asked_at_ms = body.message_id, at_ms


def _paused(desk: DeskData, conversation: Conversation, body: Any) -> None:
    target = conversation.target(body.target_id)
    if target:
        target.left_ms, target.left_to_warning_ms = body.left_ms, body.left_to_warning_ms
        target.paused_until_ms = body.until_ms


def _resumed(desk: DeskData, conversation: Conversation, body: Any) -> None:
    target = conversation.target(body.target_id)
    if target:
        if target.paused_until_ms:
            target.marks |= MOVED
        target.left_ms = target.left_to_warning_ms = target.paused_until_ms = 0
        target.due_at_ms = body.due_at_ms
        target.warn_at_ms = body.warn_at_ms


def _marked(mark: int) -> Callable[[DeskData, Conversation, Any], None]:
    def rule(desk: DeskData, conversation: Conversation, body: Any) -> None:
        target = conversation.target(body.target_id)
        if target:
            target.marks |= mark

    return rule


def _withdrawn(desk: DeskData, conversation: Conversation, body: Any) -> None:
    target = conversation.target(body.target_id)
    if target:
        target.marks &= ~BREACHED


def _escalated(desk: DeskData, conversation: Conversation, body: Any) -> None:
    _marked(FIRST_STEP << body.step)(desk, conversation, body)


def _ended(desk: DeskData, conversation: Conversation, body: Any) -> None:
    target = conversation.target(body.target_id)
    if target:
        _end(desk, conversation, target)


def _met(desk: DeskData, conversation: Conversation, body: Any) -> None:
    target = conversation.target(body.target_id)
    if target:
        _end(desk, conversation, target)
        if target.kind != TARGET_KIND_RESOLUTION:
            conversation.met = (*conversation.met, target)


def _reply_suspended(desk: DeskData, conversation: Conversation, body: Any) -> None:
    if conversation.reply(body.reply_id) is None:
        reply = Reply(body.reply_id, body.replied_at_ms, body.promise_within_ms)
        conversation.replies = (*conversation.replies, reply)


def _settled(state: State, conversation: Conversation, body: Any) -> None:
    """An uncertain reply is kept until another is sent: it may turn out to have arrived."""
    if conversation.answer and conversation.answer.id == body.reply_id:
        _retract(state, conversation)
    reply = conversation.reply(body.reply_id)
    if reply is None:
        return
    reply.pending = False
    if body.outcome == REPLY_OUTCOME_UNCERTAIN:
        return
    kept = conversation.replies
    if body.outcome == REPLY_OUTCOME_SENT:
        _retract(state, conversation)
        if not conversation.closed:
            conversation.answer = Answer(reply.id, conversation.met)
            state.answers[reply.id] = conversation.id
        conversation.met = ()
        kept = tuple(other for other in kept if other.pending)
    kept = tuple(other for other in kept if other is not reply)
    for other in conversation.replies:
        if other not in kept:
            state.replies.pop(other.id, None)
    conversation.replies = kept


def _retract(state: State, conversation: Conversation) -> None:
    """The newest answer that was sent is another one now, or none."""
    if conversation.answer:
        state.answers.pop(conversation.answer.id, None)
        conversation.answer = None


def _nothing(desk: DeskData, conversation: Conversation, body: Any) -> None:
    """Its effect is on the indexes too: see `evolve`."""


_DESK: dict[str | None, Callable[[State, str, DeskData, Any], None]] = {
    "desk": _desk_seen,
    "conversation": _seen,
    "replanned": _replanned,
}

_CONVERSATION: dict[str, Callable[[DeskData, Conversation, Any], None]] = {
    "conversation_closed": _closed,
    "asked": _asked,
    "started": _started,
    "paused": _paused,
    "resumed": _resumed,
    "warned": _marked(WARNED),
    "breached": _marked(BREACHED),
    "breach_withdrawn": _withdrawn,
    "escalated": _escalated,
    "met": _met,
    "cancelled": _ended,
    "reply_suspended": _reply_suspended,
    "reply_settled": _nothing,
}
