"""Promises of an answer: first and next response, and "we tell you more within"."""

from __future__ import annotations

from typing import Any

from proto.v1.inbound_pb2 import AUTO_KIND_NONE, AUTO_KIND_UNSPECIFIED
from proto.v1.sla_pb2 import (
    CANCELLED_WHY_REPLACED,
    CANCELLED_WHY_RESOLVED,
    REPLY_OUTCOME_FAILED,
    REPLY_OUTCOME_SENT,
    REPLY_OUTCOME_UNCERTAIN,
    TARGET_KIND_FIRST_RESPONSE,
    TARGET_KIND_NEXT_RESPONSE,
    TARGET_KIND_RESOLUTION,
    CustomerAsked,
    ReplyOutcome,
    ReplySettled,
    ReplySuspended,
)
from services.kernel.conditions import ATTRIBUTE_PREFIX
from services.kernel.engine import Input
from services.sla.draft import Draft
from services.sla.policies import RESPONSES, Live, Policy
from services.sla.resolution import CHANNEL, go_on, may_pause, pause, see, start
from services.sla.state import BREACHED, Conversation, Reply, State, Target

REAL = (AUTO_KIND_UNSPECIFIED, AUTO_KIND_NONE)
"""Messages that somebody wrote: no auto-replies, bounces, lists."""

OUTCOMES: dict[str, ReplyOutcome] = {
    "sent": REPLY_OUTCOME_SENT,
    "uncertain": REPLY_OUTCOME_UNCERTAIN,
    "failed": REPLY_OUTCOME_FAILED,
    "suppressed": REPLY_OUTCOME_FAILED,
}


def message_received(state: State, draft: Draft, body: Any, record: Input) -> None:
    """A customer's message opens, reopens, or asks again."""
    live = state.live.get(draft.desk_id)
    if live is None or body.auto_kind not in REAL:
        return
    at_ms = body.received_at_ms or record.at_ms
    labels = _labels(body)
    conversation = state.find(draft.desk_id, body.conversation_id)
    names = (body.conversation_id, body.channel)
    if conversation is None or conversation.closed:
        policy = see(draft, live, body.conversation_id, body.channel, labels)
        first = conversation is None and not body.reopens
        kind = TARGET_KIND_FIRST_RESPONSE if first else TARGET_KIND_NEXT_RESPONSE
        start(draft, live, policy, names, kind, at_ms, body.message_id)
        start(draft, live, policy, names, TARGET_KIND_RESOLUTION, at_ms, body.message_id)
        return
    if labels != conversation.facts() or body.channel != conversation.channel:
        see(draft, live, body.conversation_id, body.channel, labels)
    go_on(draft, live, conversation, at_ms)
    if not _answer_due(conversation):
        policy = live.policy_for({**labels, CHANNEL: body.channel})
        if start(draft, live, policy, names, TARGET_KIND_NEXT_RESPONSE, at_ms, body.message_id):
            return
    draft.add(
        asked=CustomerAsked(conversation_id=conversation.id, message_id=body.message_id, asked_at_ms=at_ms)
    )


def _labels(body: Any) -> dict[str, str]:
    """The facts that conditions may ask for, but the channel."""
    labels = {ATTRIBUTE_PREFIX + name: value for name, value in body.attributes.items() if value}
    if body.language:
        labels["language"] = body.language
    if body.intent:
        labels["intent"] = body.intent
    if body.mood:
        labels["mood"] = body.mood
    return labels


def _answer_due(conversation: Conversation) -> bool:
    """Whether a promise of an answer runs, with no answer under way."""
    return any(
        target.kind in RESPONSES and not conversation.suspended(target) for target in conversation.targets
    )


def reply_admitted(state: State, draft: Draft, body: Any, record: Input) -> None:
    """An answer is on its way: it suspends what it would meet."""
    conversation = state.find(draft.desk_id, body.conversation_id)
    if conversation is None or conversation.closed or conversation.reply(draft.origin_id):
        return
    at_ms = body.received_at_ms or draft.now_ms
    answered = [target for target in conversation.targets if _answers(at_ms, target)]
    for target in answered:
        is_over = at_ms > target.due_at_ms and not target.marks & BREACHED
        # One that an earlier answer under way holds is judged when that is settled.
        if is_over and not conversation.suspended(target):
            draft.breach(conversation, target, target.due_at_ms)
    resolution = conversation.resolution()
    desk = state.data.desks[draft.desk_id]
    suspended = [target.id for target in answered]
    matters = body.promise_within_ms or conversation.answer or (resolution and may_pause(desk, resolution))
    if not suspended and matters:
        suspended = [""]
    for target_id in suspended:
        draft.add(
            reply_suspended=ReplySuspended(
                conversation_id=conversation.id,
                target_id=target_id,
                reply_id=draft.origin_id,
                replied_at_ms=at_ms,
                promise_within_ms=body.promise_within_ms,
            )
        )
    _ask_again(state, draft, conversation, answered, at_ms)


def _answers(at_ms: int, target: Target) -> bool:
    """Whether an answer of that time is one to this promise."""
    return target.kind != TARGET_KIND_RESOLUTION and target.started_at_ms <= at_ms


def _ask_again(
    state: State, draft: Draft, conversation: Conversation, answered: list[Target], at_ms: int
) -> bool:
    """Start a next response if the customer wrote after the answer and nothing is promised for that."""
    open_responses = [t for t in conversation.targets if t.kind in RESPONSES and t not in answered]
    if open_responses or conversation.asked_at_ms <= at_ms:
        return bool(open_responses)
    live = state.live[draft.desk_id]
    start(
        draft,
        live,
        _policy(live, conversation),
        (conversation.id, conversation.channel),
        TARGET_KIND_NEXT_RESPONSE,
        conversation.asked_at_ms,
        conversation.asked_id,
        draft.origin_id,
        draft.cause_id,
    )
    return True


def _policy(live: Live, conversation: Conversation) -> Policy | None:
    return live.policy_for({**conversation.facts(), CHANNEL: conversation.channel})


def reply_result(state: State, draft: Draft, body: Any, record: Input) -> None:
    """Notify says what became of an answer; of anything else it sends nothing is known here."""
    reply_id = draft.origin_id
    outcome = OUTCOMES[record.event.WhichOneof("body")]
    if reply_id in state.answers:
        if outcome == REPLY_OUTCOME_FAILED:
            _never_arrived(state, draft, reply_id)
        return
    conversation = state.find(draft.desk_id, state.replies.get(reply_id, ""))
    reply = conversation.reply(reply_id) if conversation else None
    if conversation is None or reply is None:
        return
    if outcome == REPLY_OUTCOME_SENT:
        _sent(state, draft, conversation, reply)
    elif reply.pending:
        _not_sent(draft, conversation, reply, outcome)


def _settle(draft: Draft, conversation: Conversation, reply: Reply, outcome: ReplyOutcome) -> None:
    draft.add(reply_settled=ReplySettled(conversation_id=conversation.id, reply_id=reply.id, outcome=outcome))


def _sent(state: State, draft: Draft, conversation: Conversation, reply: Reply) -> None:
    at_ms = reply.replied_at_ms
    answered = [target for target in conversation.targets if _answers(at_ms, target)]
    for target in answered:
        draft.meet(conversation, target, at_ms)
    if conversation.closed:
        _settle(draft, conversation, reply, REPLY_OUTCOME_SENT)
        return
    asked = _ask_again(state, draft, conversation, answered, at_ms)
    live = state.live[draft.desk_id]
    if reply.promise_within_ms:
        policy = _policy(live, conversation)
        draft.start(live.plan_update(policy, conversation.id, at_ms, reply.promise_within_ms, reply.id))
    if not asked:
        pause(draft, live, state.data.desks[draft.desk_id], conversation, at_ms)
    _settle(draft, conversation, reply, REPLY_OUTCOME_SENT)


def _not_sent(draft: Draft, conversation: Conversation, reply: Reply, outcome: ReplyOutcome) -> None:
    """Its targets go on towards their deadlines, unless another answer to them is under way. Of promises of
    an answer only the oldest does: the customer waits for one."""
    others = [other for other in conversation.replies if other.pending and other is not reply]
    freed = [
        target
        for target in conversation.targets
        if _answers(reply.replied_at_ms, target)
        and not any(other.replied_at_ms >= target.started_at_ms for other in others)
    ]
    newer = [target.id for target in freed if target.kind in RESPONSES][1:]
    for target in freed:
        if conversation.closed:
            draft.cancel(conversation, target, CANCELLED_WHY_RESOLVED)
        elif target.id in newer:
            draft.cancel(conversation, target, CANCELLED_WHY_REPLACED)
        else:
            draft.resume(conversation, target, target.due_at_ms, target.warn_at_ms)
    if not conversation.closed and any(target.kind in RESPONSES for target in freed):
        for target in conversation.targets:
            if target.kind in RESPONSES and target not in freed and not conversation.suspended(target):
                draft.cancel(conversation, target, CANCELLED_WHY_REPLACED)
    _settle(draft, conversation, reply, outcome)


def _never_arrived(state: State, draft: Draft, reply_id: str) -> None:
    """What was sent did not arrive: the customer still waits, towards the deadline that they waited for."""
    conversation = state.find(draft.desk_id, state.answers[reply_id])
    if conversation is None or conversation.closed or conversation.answer is None:
        return
    live = state.live[draft.desk_id]
    policy = _policy(live, conversation)
    again = conversation.answer.met
    if again:
        go_on(draft, live, conversation, draft.now_ms)
    for target in again:
        draft.start(live.plan_again(policy, conversation.id, target, reply_id))
    if any(target.kind in RESPONSES and not conversation.suspended(target) for target in again):
        for target in conversation.targets:
            if target.kind in RESPONSES and not conversation.suspended(target):
                draft.cancel(conversation, target, CANCELLED_WHY_REPLACED)
    draft.add(
        reply_settled=ReplySettled(
            conversation_id=conversation.id, reply_id=reply_id, outcome=REPLY_OUTCOME_FAILED
        )
    )
