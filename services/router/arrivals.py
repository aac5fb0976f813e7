"""What follows from what ingest and sla say: messages, orders, settings, presence, targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from proto.v1 import sla_pb2
from proto.v1.conversations_pb2 import (
    AgentConfigured,
    DeskConfigured,
    MessageReceived,
    OrderAttached,
    PresenceSet,
)
from proto.v1.routing_pb2 import (
    MessageSeen,
    PresenceChanged,
    PriorityChanged,
    Reopened,
    RequirementsRelaxed,
    RouterAgentSeen,
    RouterDeskSeen,
)
from services.router import planning, releasing, reopening
from services.router.draft import Draft
from services.router.state import Conversation, Status, ask_of

PRIORITY_MAX = 10


def message(draft: Draft, received: MessageReceived) -> None:
    """A customer's message: its conversation arrives, comes back, or hears of it."""
    key = received.conversation_id
    c = draft.state.conversation(draft.desk_id, key)
    if c is not None:
        _seen(draft, key, c, received)
        return
    short = draft.state.resolved.get(draft.desk_id, key, draft.now_ms)
    if short is None and not received.reopens:
        _arrive(draft, received)
        return
    if planning.is_automatic(received) and not received.reopens:
        return  # an out-of-office reply to our last answer brings nobody back
    draft.say(reopened=Reopened(conversation_id=key, why=rt.REOPENED_WHY_CUSTOMER))
    fresh = _fresh(draft, received)
    why = None
    if short is not None:
        fresh.last_agent, fresh.human_only = short.last_agent, short.human_only
        fresh.language = short.language  # for words too few to tell
        # Whoever comes back after a bot resolved it was not helped by the bot.
        fresh.bot_failed = failed = short.bot_failed + 1 if draft.is_bot(short.last_agent) else 0
        if planning.has_failed(draft.desk, failed):
            why = rt.HUMAN_WHY_FAILED_ANSWERS
    _begin(draft, key, fresh, received, rt.QUEUED_WHY_REOPENED, why)


def _arrive(draft: Draft, received: MessageReceived) -> None:
    fresh = _fresh(draft, received)
    fresh.last_agent = draft.state.resolved.agent_of(draft.desk_id, received.customer_id, draft.now_ms)
    _begin(draft, received.conversation_id, fresh, received, rt.QUEUED_WHY_ARRIVED, None)


def _begin(
    draft: Draft,
    key: str,
    fresh: Conversation,
    received: MessageReceived,
    queued: rt.QueuedWhy,
    why: rt.HumanWhy | None,
) -> None:
    wanted = planning.human_wanted(draft.desk, received.wants_human, received.order_value_minor) or why
    if wanted is not None and not fresh.human_only:
        fresh.human_only = True
        draft.human_only(key, wanted)
    draft.queue(key, fresh, queued, by_customer=queued == rt.QUEUED_WHY_REOPENED)


def _fresh(draft: Draft, received: MessageReceived) -> Conversation:
    return Conversation(
        desk=draft.desk_id,
        status=Status.LOOSE,
        channel=received.channel,
        account=received.account,
        customer=received.customer_id,
        since_ms=received.received_at_ms or draft.now_ms,
        labels=planning.labels_of(received),
        order_value=received.order_value_minor,
        last_message=received.message_id,
    )


def _seen(draft: Draft, key: str, c: Conversation, received: MessageReceived) -> None:
    """A message to an open conversation: it may change what it waits for, or take it from a bot."""
    labels = planning.labels_of(received)
    automatic = planning.is_automatic(received)
    draft.say(
        message_seen=MessageSeen(
            conversation_id=key,
            message_id=received.message_id,
            labels=dict(labels),
            language=received.language,
            order_value_minor=received.order_value_minor,
            automatic=automatic,
        )
    )
    why = planning.human_wanted(draft.desk, received.wants_human, received.order_value_minor)
    is_failed_answer = c.bot_answered and not automatic and draft.is_bot(c.agent)
    if why is None and is_failed_answer and planning.has_failed(draft.desk, c.bot_failed + 1):
        why = rt.HUMAN_WHY_FAILED_ANSWERS
    known = msgspec.structs.replace(
        c, labels=labels, order_value=received.order_value_minor, last_message=received.message_id
    )
    if why is not None and not c.human_only:
        releasing.to_humans(draft, key, known, why)
    elif c.status == Status.WAITING and labels != c.labels:
        _plan_anew(draft, key, c, known)


def _plan_anew(draft: Draft, key: str, c: Conversation, known: Conversation) -> None:
    """The labels of a waiting conversation changed: queue it again if its rules say otherwise now."""
    if c.fixed:
        return
    queue, language = planning.queue_of(draft.desk, known), planning.language_of(draft.desk, known)
    is_same = queue.name == c.queue and language == c.language
    if not is_same or planning.weight_of(draft.desk, known) != c.weight:
        draft.queue(key, known, rt.QUEUED_WHY_RECONFIGURED)


def order_attached(draft: Draft, attached: OrderAttached) -> None:
    """An order came to belong to it: it may be worth too much for a bot."""
    key = attached.conversation_id
    c = draft.state.conversation(draft.desk_id, key)
    if c is None or c.human_only:
        return
    why = planning.human_wanted(draft.desk, False, attached.order_value_minor)
    if why is not None:
        known = msgspec.structs.replace(c, order_value=max(c.order_value, attached.order_value_minor))
        releasing.to_humans(draft, key, known, why)


def desk_configured(draft: Draft, configured: DeskConfigured) -> None:
    """Take over what routing looks at; waiting work is planned anew from a deadline, in steps."""
    draft.say(desk=RouterDeskSeen(desk=planning.taken_over(configured.desk), version=configured.version))


def agent_configured(draft: Draft, configured: AgentConfigured) -> None:
    """Take over an agent's settings. Who becomes a bot keeps nothing that is for humans only."""
    agent_id = configured.agent.agent_id
    draft.say(agent=RouterAgentSeen(agent=configured.agent))
    known = draft.desk.agents.get(agent_id)
    if known is None or known.bot or configured.agent.kind != pb.AGENT_KIND_BOT:
        return
    for key in draft.state.matcher.in_hand(draft.desk_id, agent_id):
        c = draft.state.data.conversations[key]
        if c.human_only:
            releasing.release(draft, key, c, rt.RELEASED_WHY_HUMAN_WANTED, bar=True, refill=False)


def presence_set(draft: Draft, put: PresenceSet) -> None:
    """What an agent says of themselves. Without a time it holds while a session lives, and the
    grace of a lost session if there is none yet."""
    presence = put.presence
    agent = draft.desk.agents.get(presence.agent_id)
    if agent is None:
        return
    if presence.ttl_ms:
        until_ms = (put.received_at_ms or draft.now_ms) + presence.ttl_ms
    else:
        until_ms = 0 if agent.session else draft.now_ms + draft.desk.agent_lost_after_ms
    draft.say(presence=PresenceChanged(agent_id=presence.agent_id, state=presence.state, until_ms=until_ms))


def agent_found(draft: Draft, found: rt.AgentFound) -> None:
    """The shell sees a session of the agent. A transition only."""
    agent = draft.desk.agents.get(found.agent_id)
    if agent is not None and not agent.session:
        draft.say(agent_found=found)


def agent_lost(draft: Draft, lost: rt.AgentLost) -> None:
    """The shell has seen no session for as long as the desk allows."""
    agent = draft.desk.agents.get(lost.agent_id)
    if agent is None or not agent.session:
        return
    held = agent.until_ms > draft.now_ms and agent.state != pb.PRESENCE_STATE_OFFLINE
    draft.say(agent_lost=rt.AgentLost(agent_id=lost.agent_id, held=held))


def target_due(draft: Draft, started: sla_pb2.TargetStarted | sla_pb2.TargetResumed) -> None:
    """A target runs: the nearest of them places the conversation."""
    _target(draft, started.conversation_id, started.target_id, started.due_at_ms)


def target_over(
    draft: Draft, over: sla_pb2.TargetPaused | sla_pb2.TargetMet | sla_pb2.TargetCancelled
) -> None:
    """A target runs no longer."""
    _target(draft, over.conversation_id, over.target_id, 0)


def _target(draft: Draft, key: str, target_id: str, due_ms: int) -> None:
    c = draft.state.conversation(draft.desk_id, key)
    if c is None:
        return
    targets = dict(c.targets or {})
    if targets.get(target_id, 0) == due_ms:
        return
    targets.pop(target_id, None)
    if due_ms:
        targets[target_id] = due_ms
    draft.say(
        deadline={
            "conversation_id": key,
            "due_at_ms": min(targets.values(), default=0),
            "target_id": target_id,
            "target_due_at_ms": due_ms,
        }
    )


def escalated(draft: Draft, step: sla_pb2.Escalated) -> None:
    """The steps that are the router's: raise the priority, widen the skills, give it to another."""
    key = step.conversation_id
    c = draft.state.conversation(draft.desk_id, key)
    if c is None:
        return
    if step.do == pb.ESCALATION_DO_RAISE_PRIORITY:
        wanted = next((int(to) for to in step.to if to.isascii() and to.isdigit()), 0)
        if c.priority < wanted <= PRIORITY_MAX:
            draft.say(priority=PriorityChanged(conversation_id=key, priority=wanted))
    elif step.do == pb.ESCALATION_DO_WIDEN_SKILLS:
        if c.requires or c.only or c.hold_ms:
            copy = msgspec.structs.replace(c, requires=(), only="", hold_ms=0)
            nobody, why = draft.state.matcher.can_nobody(ask_of(copy)), rt.RELAXED_WHY_ESCALATED
            draft.say(relaxed=RequirementsRelaxed(conversation_id=key, why=why, nobody=nobody))
            if c.status == Status.WAITING:
                draft.place(key, copy)
    elif step.do == pb.ESCALATION_DO_REASSIGN and c.status != Status.WAITING:
        releasing.release(draft, key, c, rt.RELEASED_WHY_REASSIGNED, bar=True)


CONVERSATIONS: Mapping[str, Callable[[Draft, Any], None]] = {
    "message": message,
    "order_attached": order_attached,
    "desk": desk_configured,
    "agent": agent_configured,
    "presence": presence_set,
    "undelivered": reopening.undelivered,
}
SLA: Mapping[str, Callable[[Draft, Any], None]] = {
    "started": target_due,
    "resumed": target_due,
    "paused": target_over,
    "met": target_over,
    "cancelled": target_over,
    "escalated": escalated,
}
LOCAL_INPUTS: Mapping[str, Callable[[Draft, Any], None]] = {
    "agent_found": agent_found,
    "agent_lost": agent_lost,
}
