"""Folding: what each event of the router's own log changes. The only place that writes the state.

Every event ever written must be understood here, also one about a conversation, agent or desk that
the state does not have: it changes nothing then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import intern
from typing import Any

from proto.v1 import inbound_pb2 as inbound
from proto.v1 import routing_pb2 as rt
from proto.v1.routing_pb2 import RoutingEvent
from services.kernel.desk_policy import WEIGHT_PERMILLE
from services.router import experience, planning, skipping, staff, timers, waits
from services.router.profiles import Ask
from services.router.resolved import Short
from services.router.skipping import let_go, spoken
from services.router.state import (
    RELAX_DONE,
    Conversation,
    Desk,
    Served,
    State,
    Status,
    ask_of,
)

_ANSWER_OVER = frozenset((rt.REOPENED_WHY_CUSTOMER, rt.REOPENED_WHY_UNDELIVERABLE))
"""Opened again so, what becomes of the answer from before matters no longer."""
_ARRIVES = frozenset((rt.QUEUED_WHY_ARRIVED, rt.QUEUED_WHY_REOPENED))


def evolve(state: State, event: RoutingEvent) -> None:
    """Fold one event."""
    name = event.WhichOneof("body")
    change = CHANGES.get(name) if name else None
    if change is not None:
        change(state, event, getattr(event, str(name)))


def queued(state: State, event: RoutingEvent, body: rt.ConversationQueued) -> None:
    """It waits."""
    key, conversations = body.conversation_id, state.data.conversations
    c = conversations.get(key)
    if c is None:
        c = conversations[key] = Conversation(intern(event.desk_id), Status.LOOSE, "", "", body.customer_id)
    elif c.status in (Status.OFFERED, Status.OWNED):
        let_go(state, event, key, c, rt.REFUSED_WHY_WITHDRAWN)
    was_waiting = c.status == Status.WAITING
    c.status = Status.WAITING
    c.channel, c.account = intern(body.channel), intern(body.account)
    c.queue, c.language = intern(body.queue), intern(body.language)
    c.customer = body.customer_id or c.customer
    requires, labels = body.requires, body.labels
    c.requires = state.share(planning.pairs(requires)) if requires else ()
    prefers = body.prefers
    c.prefers = state.share(planning.pairs(prefers)) if prefers else ()
    c.weight = body.weight_permille or WEIGHT_PERMILLE
    c.labels = state.share(tuple(sorted([(name, labels[name]) for name in labels]))) if labels else ()
    c.units, c.priority = body.units, body.priority
    c.since_ms, c.due_ms = body.since_ms, body.due_at_ms
    if body.why not in waits.KEEPS_WAITING or not c.queued_ms:
        c.queued_ms = event.occurred_at_ms
        c.around, c.told_ms = body.around, body.wait_p90_ms
    c.human_only = body.human_only
    c.last_agent, c.hold_ms = intern(body.last_agent_id), body.last_agent_until_ms
    c.only, c.fixed, c.relax_step = body.only_agent_id, body.fixed, body.relax_step
    c.only_until_ms, c.given = body.only_until_ms, intern(given_queue(body))
    barred = body.barred_agents
    c.barred = dict(zip(barred, body.barred_until_ms, strict=True)) if barred else None
    c.order_value, c.version = body.order_value_minor, body.policy_version
    c.last_message = body.last_message_id
    ask = ask_of(c)
    if body.why in _ARRIVES:
        experience.arrived(state, c, ask, event.occurred_at_ms)
    if body.offered_next or body.put_off:
        instant = state.own_desk(c.desk).instant
        if body.put_off and not instant.put_off:
            staff.look_at_once(state, c.desk, event.occurred_at_ms)
        instant.begin(event.occurred_at_ms, body.put_off)
    state.mark(key, c, body.nobody)
    if not body.offered_next:
        _wait(state, key, c, ask, event.occurred_at_ms)
    elif was_waiting:
        _wait_no_more(state, key, c)


def given_queue(body: rt.ConversationQueued) -> str:
    """Where it was given to. Events of before do not say so, but as long as it waits there."""
    waits_there = body.fixed and not body.only_agent_id and body.relax_step < RELAX_DONE
    return body.given_queue or (body.queue if waits_there else "")


def _wait(state: State, key: str, c: Conversation, ask: Ask, now_ms: int) -> None:
    """Index a waiting conversation, or move it to where it belongs now."""
    state.matcher.join(ask, c, key)
    if c.desk in state.data.desks:
        state.hold_back(c.desk, now_ms, held=c.due_ms > 0)
    c.timer_ms = planning.timer_ms(state.desk(c.desk), c)
    if c.timer_ms:
        state.deadlines.set("w:" + key, c.timer_ms)
    else:
        state.deadlines.drop("w:" + key)


def _wait_no_more(state: State, key: str, c: Conversation) -> None:
    state.matcher.leave(c.desk, key)
    c.timer_ms = c.hold_ms = 0
    state.deadlines.drop("w:" + key)


def relaxed(state: State, event: RoutingEvent, body: rt.RequirementsRelaxed) -> None:
    """It requires less."""
    c = state.data.conversations.get(body.conversation_id)
    if c is None:
        return
    c.requires = state.share(planning.pairs(body.requires))
    if body.queue:
        queue = planning.queue_named(state.desk(c.desk), body.queue)
        c.queue, c.prefers = intern(body.queue), queue.prefers if queue is not None else ()
        c.priority = c.priority if c.raised else body.priority
    if body.why == rt.RELAXED_WHY_ESCALATED:
        c.only, c.given, c.fixed, c.relax_step, c.hold_ms = "", "", True, RELAX_DONE, 0
    else:
        c.relax_step = body.step
    if c.status == Status.WAITING:
        state.mark(body.conversation_id, c, body.nobody)
        timers.forget_past(c, event.occurred_at_ms)
        _wait(state, body.conversation_id, c, ask_of(c), event.occurred_at_ms)


def reconsidered(state: State, event: RoutingEvent, body: rt.Reconsidered) -> None:
    """A bar or the wait for the last agent is over."""
    c = state.data.conversations.get(body.conversation_id)
    if c is not None and c.status == Status.WAITING:
        timers.forget_past(c, event.occurred_at_ms)
        _wait(state, body.conversation_id, c, ask_of(c), event.occurred_at_ms)


def offered(state: State, event: RoutingEvent, body: rt.Offered) -> None:
    """An agent's capacity is reserved for it."""
    key = body.conversation_id
    c = state.data.conversations.get(key)
    if c is None or c.status != Status.WAITING:
        return
    _wait_no_more(state, key, c)
    state.mark(key, c, False)
    c.status = Status.OFFERED
    c.agent, c.offer, c.units = intern(body.agent_id), body.offer_id, body.units
    c.expires_ms = body.expires_at_ms
    state.offers[body.offer_id] = key
    state.deadlines.set("o:" + body.offer_id, body.expires_at_ms)
    desk = state.own_desk(event.desk_id)
    desk.offers += 1
    agent = desk.agents.get(body.agent_id)
    if agent is not None:
        agent.last_offer, agent.idle_ms = desk.offers, event.occurred_at_ms
        state.matcher.hold(event.desk_id, body.agent_id, key, body.units, c.channel)
    if desk.policy.shares:
        experience.shared(desk, c.queue)


def accepted(state: State, event: RoutingEvent, body: rt.OfferAccepted) -> None:
    """The wait is over; `assigned` says the rest."""
    c = state.data.conversations.get(body.conversation_id)
    if c is None or c.status != Status.OFFERED:
        return
    desk, now_ms = state.own_desk(c.desk), event.occurred_at_ms
    rang_ms = max(0, now_ms - (c.expires_ms - desk.offer_expires_ms))
    waited_ms = max(0, now_ms - c.queued_ms)
    served = desk.served.get(c.queue, ())
    desk.served[c.queue] = waits.remember(served, Served(now_ms, waited_ms, rang_ms))
    if c.around:
        waits.learn(desk, c, waited_ms)
        c.around = b""


def assigned(state: State, event: RoutingEvent, body: rt.Assigned) -> None:
    """An agent owns it. The units that were reserved stay."""
    key = body.conversation_id
    c = state.data.conversations.get(key)
    if c is None or c.status != Status.OFFERED or c.agent != body.agent_id:
        return
    state.deadlines.drop("o:" + c.offer)
    c.status, c.expires_ms, c.barred = Status.OWNED, 0, None
    c.assigned_ms = event.occurred_at_ms
    c.beside = state.matcher.held_by(c.desk, c.agent) - 1
    c.last_agent = c.agent
    if c.only:
        c.only, c.fixed, c.relax_step = "", False, 0
    c.bot_answered = False
    desk = state.desk(c.desk)
    if _is_bot(desk, c.agent):
        # The customer's message that brought it here is not answered yet.
        _listen(state, key, c, desk, event.occurred_at_ms)
    else:
        c.bot_failed = 0


def _is_bot(desk: Desk, agent_id: str) -> bool:
    agent = desk.agents.get(agent_id)
    return agent is not None and agent.bot


def _listen(state: State, key: str, c: Conversation, desk: Desk, now_ms: int) -> None:
    """A customer waits for a bot's word from now on, if not for longer already."""
    if desk.bots_silent_ms and not c.silent_ms:
        c.silent_ms = now_ms + desk.bots_silent_ms
        state.deadlines.set("s:" + key, c.silent_ms)


def _offer_over(why: int) -> Callable[[State, RoutingEvent, Any], None]:
    def offer_over(state: State, event: RoutingEvent, body: Any) -> None:
        """An offer ended without an owner."""
        c = state.data.conversations.get(body.conversation_id)
        if c is not None and c.status == Status.OFFERED and c.offer == body.offer_id:
            let_go(state, event, body.conversation_id, c, why)

    return offer_over


def released(state: State, event: RoutingEvent, body: rt.Released) -> None:
    """The owner has it no longer."""
    c = state.data.conversations.get(body.conversation_id)
    if c is not None and c.status == Status.OWNED:
        experience.bot_done(state, c, alone=False)
        let_go(state, event, body.conversation_id, c, rt.REFUSED_WHY_ALREADY_ACCEPTED)


def short_of(c: Conversation, owner: str) -> Short:
    """What is left of an open conversation when it is resolved. `owner`: who owned it until then."""
    return Short(
        c.desk,
        c.channel,
        c.account,
        c.language,
        c.queue,
        owner or c.last_agent,
        c.human_only,
        c.bot_failed,
        c.last_message,
    )


def resolved(state: State, event: RoutingEvent, body: rt.Resolved) -> None:
    """It is done; its short form stays for the horizon."""
    key = body.conversation_id
    c = state.data.conversations.get(key)
    if c is None:
        return
    state.mark(key, c, False)
    if c.status == Status.WAITING:
        _wait_no_more(state, key, c)
    elif c.status != Status.LOOSE:
        experience.bot_done(state, c, alone=True)
        let_go(state, event, key, c, rt.REFUSED_WHY_ALREADY_ACCEPTED)
    state.resolved.put(key, c.customer, short_of(c, body.owner_id), event.occurred_at_ms)
    del state.data.conversations[key]


def reopened(state: State, event: RoutingEvent, body: rt.Reopened) -> None:
    """It is open again; `queued` says the rest."""
    key = body.conversation_id
    if key in state.data.conversations:
        return
    short = state.resolved.get(event.desk_id, key, event.occurred_at_ms)
    c = Conversation(intern(event.desk_id), Status.LOOSE, "", "", "")
    if short is not None:
        state.resolved.take(key)
        if body.why in _ANSWER_OVER:
            state.answers.settle(key)
        by_customer = body.why == rt.REOPENED_WHY_CUSTOMER
        back = by_customer and _is_bot(state.desk(c.desk), short.last_agent)
        c.bot_failed = short.bot_failed + 1 if back else short.bot_failed
    state.data.conversations[key] = c


def priority(state: State, event: RoutingEvent, body: rt.PriorityChanged) -> None:
    """Somebody set its priority."""
    c = state.data.conversations.get(body.conversation_id)
    if c is not None:
        c.priority, c.raised = body.priority, True
        if c.status == Status.WAITING:
            state.join(body.conversation_id, c)


def message_seen(state: State, event: RoutingEvent, body: rt.MessageSeen) -> None:
    """The customer wrote again."""
    c = state.data.conversations.get(body.conversation_id)
    if c is None:
        return
    c.last_message = body.message_id
    if body.labels:
        c.labels = state.share(tuple(sorted(body.labels.items())))
    c.order_value = body.order_value_minor
    desk = state.desk(c.desk)
    if body.automatic or c.status != Status.OWNED or not _is_bot(desk, c.agent):
        return
    if c.bot_answered:
        c.bot_answered, c.bot_failed = False, c.bot_failed + 1
    _listen(state, body.conversation_id, c, desk, event.occurred_at_ms)


def deadline(state: State, event: RoutingEvent, body: rt.DeadlineChanged) -> None:
    """One of its targets runs, runs differently, or runs no longer."""
    c = state.data.conversations.get(body.conversation_id)
    if c is None:
        return
    targets = c.targets or {}
    if not targets and body.target_due_at_ms and c.status != Status.OWNED:
        experience.promised(state, c, body.target_due_at_ms, event.occurred_at_ms)
    targets.pop(body.target_id, None)
    if body.target_due_at_ms:
        targets[body.target_id] = body.target_due_at_ms
    c.targets = targets or None
    if c.due_ms != body.due_at_ms:
        c.due_ms = body.due_at_ms
        if c.status == Status.WAITING:
            state.join(body.conversation_id, c)
            if c.desk in state.data.desks and state.matcher.is_held(c.desk, body.conversation_id):
                state.hold_back(c.desk, event.occurred_at_ms, held=True)


def human_only(state: State, event: RoutingEvent, body: rt.HumanOnly) -> None:
    """No bot is a candidate any more."""
    c = state.data.conversations.get(body.conversation_id)
    if c is None:
        return
    c.human_only = True
    if c.status == Status.WAITING:
        state.join(body.conversation_id, c)
    elif c.silent_ms:
        spoken(state, body.conversation_id, c)


def admitted(state: State, event: RoutingEvent, body: rt.RequestAdmitted) -> None:
    """A reply is the newest answer. One of a bot: it has spoken, and waits to see whether that helped."""
    if body.kind != inbound.REQUEST_KIND_REPLY:
        return
    state.answers.put(body.conversation_id, event.origin_id, event.occurred_at_ms)
    c = state.data.conversations.get(body.conversation_id)
    if c is not None:
        c.undelivered_ms = 0
    if body.bot and c is not None and c.status == Status.OWNED:
        c.bot_answered = True
        spoken(state, body.conversation_id, c)


def undelivered(state: State, event: RoutingEvent, body: rt.AnswerUndelivered) -> None:
    """The newest answer did not arrive. It does so once."""
    state.answers.settle(body.conversation_id)
    c = state.data.conversations.get(body.conversation_id)
    if c is not None:
        c.undelivered_ms = event.occurred_at_ms


CHANGES: Mapping[str, Callable[[State, RoutingEvent, Any], None]] = {
    "skipped": skipping.skipped,
    "desk": staff.desk_seen,
    "replanned": staff.replanned,
    "desk_looked": staff.desk_looked,
    "marked": staff.marked,
    "agent": staff.agent_seen,
    "presence": staff.presence,
    "agent_lost": staff.agent_lost,
    "agent_found": staff.agent_found,
    "looked": staff.agent_looked,
    "queued": queued,
    "relaxed": relaxed,
    "reconsidered": reconsidered,
    "offered": offered,
    "accepted": accepted,
    "declined": _offer_over(rt.REFUSED_WHY_DECLINED),
    "expired": _offer_over(rt.REFUSED_WHY_EXPIRED),
    "withdrawn": _offer_over(rt.REFUSED_WHY_WITHDRAWN),
    "assigned": assigned,
    "released": released,
    "resolved": resolved,
    "reopened": reopened,
    "priority": priority,
    "message_seen": message_seen,
    "deadline": deadline,
    "admitted": admitted,
    "human_only": human_only,
    "undelivered": undelivered,
}
"""`transferred` and `refused` change nothing: the events around a transfer say it all."""
