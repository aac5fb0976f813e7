"""Agents' requests: each is admitted or refused, with the reason and who has the conversation.

The edge has checked who speaks; here it is judged by the conversation's state. An empty agent id is
the desk's admin; leads may do what the owner may, except answer in the owner's name. Exactly one
`admitted` or `refused` carries the request's origin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from proto.v1 import inbound_pb2 as inbound
from proto.v1 import routing_pb2 as rt
from proto.v1.conversations_pb2 import RequestSubmitted
from proto.v1.inbound_pb2 import AgentRequest
from proto.v1.routing_pb2 import (
    OfferDeclined,
    OfferWithdrawn,
    PriorityChanged,
    Reopened,
    RequestRefused,
    Transferred,
)
from services.kernel.limits import BARRED_AFTER_DECLINE_MS, REQUEST_AGE_MS_MAX, TRANSFER_WAIT_MS
from services.kernel.packed import pack
from services.router import planning, releasing, reopening
from services.router.arrivals import PRIORITY_MAX
from services.router.changes import short_of
from services.router.draft import Draft
from services.router.state import RELAX_DONE, Conversation, Status


class Refusal(NamedTuple):
    """Why a request is not granted, and who has the conversation."""

    why: rt.RefusedWhy
    owner: str = ""


class Asked(NamedTuple):
    """A request with what it is about. `c` is None when that is not open."""

    request: AgentRequest
    submitted: RequestSubmitted
    key: str
    c: Conversation | None


Judge = Callable[[Draft, Asked], Refusal | None]


def request(draft: Draft, submitted: RequestSubmitted) -> None:
    """Judge one request, say what follows, and then its one outcome."""
    asked = _look_up(draft, submitted)
    refusal = _too_old_or_unknown(draft, asked) or _JUDGES[asked.request.kind](draft, asked)
    if refusal is None:
        return
    draft.say(
        refused=RequestRefused(
            kind=asked.request.kind,
            conversation_id=asked.key,
            agent_id=asked.request.agent_id,
            offer_id=asked.request.offer_id,
            why=refusal.why,
            owner_id=refusal.owner,
        )
    )


def _look_up(draft: Draft, submitted: RequestSubmitted) -> Asked:
    wanted = submitted.request
    key = wanted.conversation_id
    if wanted.offer_id:
        state = draft.state
        closed = state.data.closed.get(wanted.offer_id)
        found = state.offers.get(wanted.offer_id) or (closed.conversation if closed else "")
        if found and (not key or key == found):
            key = found
    return Asked(wanted, submitted, key, draft.state.conversation(draft.desk_id, key) if key else None)


def _too_old_or_unknown(draft: Draft, asked: Asked) -> Refusal | None:
    owner = _owner(asked.c)
    if draft.now_ms - asked.submitted.received_at_ms > REQUEST_AGE_MS_MAX:
        return Refusal(rt.REFUSED_WHY_TOO_OLD, owner)
    if asked.request.agent_id and asked.request.agent_id not in draft.desk.agents:
        return Refusal(rt.REFUSED_WHY_UNKNOWN_AGENT, owner)
    return None if asked.request.kind in _JUDGES else Refusal(rt.REFUSED_WHY_UNKNOWN_TARGET, owner)


def _owner(c: Conversation | None) -> str:
    return c.agent if c is not None and c.status == Status.OWNED else ""


def _admit(draft: Draft, asked: Asked, owner: str) -> None:
    wanted = asked.request
    submitted, agent_id = asked.submitted, wanted.agent_id
    admitted: dict[str, Any] = {
        "kind": wanted.kind,
        "conversation_id": asked.key,
        "agent_id": agent_id,
        "offer_id": wanted.offer_id,
        "owner_id": owner,
        "promise_within_ms": wanted.promise_within_ms,
        "received_at_ms": submitted.received_at_ms,
        "bot": draft.is_bot(agent_id),
        "customer_id": submitted.customer_id or (asked.c.customer if asked.c else ""),
    }
    if wanted.HasField("content"):
        admitted["content"] = wanted.content
    draft.say(admitted=admitted)


def _closed(draft: Draft, asked: Asked) -> Refusal | None:
    """Why a conversation cannot be worked on: it is resolved, or nobody knows it."""
    if asked.c is not None:
        return None
    if asked.key and draft.state.resolved.get(draft.desk_id, asked.key, draft.now_ms) is not None:
        return Refusal(rt.REFUSED_WHY_RESOLVED)
    return Refusal(rt.REFUSED_WHY_UNKNOWN_CONVERSATION)


def _not_in_charge(draft: Draft, asked: Asked, c: Conversation) -> Refusal | None:
    """Owner, lead and admin are in charge of a conversation."""
    agent_id = asked.request.agent_id
    if not agent_id or agent_id == _owner(c) or agent_id in draft.desk.leads:
        return None
    return Refusal(rt.REFUSED_WHY_NOT_OWNER, _owner(c))


def _offer_refusal(draft: Draft, asked: Asked) -> Refusal | None:
    """Why an offer cannot be answered any more. In time is what the mailbox had in time."""
    wanted, c = asked.request, asked.c
    closed = draft.state.data.closed.get(wanted.offer_id)
    if closed is not None and closed.desk == draft.desk_id:
        return Refusal(closed.why, _owner(c))  # type: ignore[arg-type]  # the number of a RefusedWhy
    if c is None or not wanted.offer_id or c.offer != wanted.offer_id:
        return Refusal(rt.REFUSED_WHY_UNKNOWN_OFFER, _owner(c))
    if c.status == Status.OWNED:
        return Refusal(rt.REFUSED_WHY_ALREADY_ACCEPTED, c.agent)
    if wanted.agent_id != c.agent:
        return Refusal(rt.REFUSED_WHY_NOT_YOURS)
    if c.expires_ms and asked.submitted.received_at_ms > c.expires_ms:
        return Refusal(rt.REFUSED_WHY_EXPIRED)
    return None


def _accept(draft: Draft, asked: Asked) -> Refusal | None:
    refusal = _offer_refusal(draft, asked)
    if refusal is not None or asked.c is None:
        return refusal
    c, key = asked.c, asked.key
    draft.say(accepted={"conversation_id": key, "offer_id": c.offer, "agent_id": c.agent})
    draft.say(assigned={"conversation_id": key, "agent_id": c.agent, "units": c.units})
    _admit(draft, asked, c.agent)
    return None


def _decline(draft: Draft, asked: Asked) -> Refusal | None:
    refusal = _offer_refusal(draft, asked)
    if refusal is not None or asked.c is None:
        return refusal
    c, key = asked.c, asked.key
    draft.say(
        declined=OfferDeclined(
            conversation_id=key,
            offer_id=c.offer,
            agent_id=c.agent,
            reason=asked.request.reason,
            barred_until_ms=draft.now_ms + BARRED_AFTER_DECLINE_MS,
        )
    )
    _admit(draft, asked, "")
    draft.take_from(c)
    draft.queue(key, draft.changed(c, bar=c.agent), rt.QUEUED_WHY_DECLINED)
    draft.refill(c.agent)
    return None


def _reply(draft: Draft, asked: Asked) -> Refusal | None:
    if asked.c is None:
        return _closed(draft, asked)
    owner = _owner(asked.c)
    if not owner or asked.request.agent_id != owner:
        return Refusal(rt.REFUSED_WHY_NOT_OWNER, owner)
    _admit(draft, asked, owner)
    return None


def _note(draft: Draft, asked: Asked) -> Refusal | None:
    """Any agent may note something, also when it is resolved."""
    refusal = _closed(draft, asked)
    if refusal is not None and refusal.why != rt.REFUSED_WHY_RESOLVED:
        return refusal
    _admit(draft, asked, _owner(asked.c))
    return None


def _transfer(draft: Draft, asked: Asked) -> Refusal | None:
    c, wanted, key = asked.c, asked.request, asked.key
    if c is None:
        return _closed(draft, asked)
    refusal = _not_in_charge(draft, asked, c)
    if refusal is not None:
        return refusal
    copy = draft.changed(c, bar=_owner(c))
    copy.only, copy.last_agent = "", ""
    if not _aim(draft, copy, wanted, _owner(c)):
        return Refusal(rt.REFUSED_WHY_UNKNOWN_TARGET, _owner(c))
    draft.say(
        transferred=Transferred(
            conversation_id=key,
            from_agent_id=_owner(c),
            to=wanted.transfer_to,
            target=wanted.transfer_target,
            reason=wanted.reason,
        )
    )
    releasing.let_go(draft, key, c, rt.RELEASED_WHY_TRANSFERRED)
    _admit(draft, asked, "")
    draft.queue(key, copy, rt.QUEUED_WHY_TRANSFERRED)
    if c.agent:
        draft.refill(c.agent)
    return None


def _aim(draft: Draft, copy: Conversation, wanted: AgentRequest, owner: str) -> bool:
    """Put the target into the copy; False if there is no such target, or it could never take it."""
    target, copy.given = wanted.transfer_target, ""
    if wanted.transfer_to == inbound.TRANSFER_TO_SKILL:
        copy.requires, copy.fixed, copy.relax_step = ((target, 1),), True, RELAX_DONE
        return target in draft.desk.skills
    if wanted.transfer_to == inbound.TRANSFER_TO_AGENT:
        copy.requires, copy.only, copy.fixed, copy.relax_step = (), target, True, RELAX_DONE
        copy.only_until_ms = draft.now_ms + TRANSFER_WAIT_MS
        copy.barred = {agent: until for agent, until in (copy.barred or {}).items() if agent != target}
        is_fit = target in draft.desk.agents and not (copy.human_only and draft.is_bot(target))
        return is_fit and target != owner
    queue = planning.queue_named(draft.desk, target)
    if wanted.transfer_to != inbound.TRANSFER_TO_QUEUE or queue is None:
        return False
    copy.given, copy.fixed, copy.human_only = target, True, copy.human_only or queue.human_only
    # Whoever gives it there wants it asked there first: what overflows by its age does so from a deadline.
    step = planning.steps_within(queue, planning.steps_done(queue, copy.since_ms, draft.now_ms))
    planning.relax(draft.desk, queue, step, copy)
    return True


def _resolve(draft: Draft, asked: Asked) -> Refusal | None:
    c, wanted, key = asked.c, asked.request, asked.key
    if c is None:
        return _closed(draft, asked)
    refusal = _not_in_charge(draft, asked, c)
    if refusal is not None:
        return refusal
    # Packed, since the id of a message from before a resolution is known in that form only.
    seen = wanted.last_message_seen
    if seen and c.last_message and pack(seen) != pack(c.last_message):
        return Refusal(rt.REFUSED_WHY_NEWER_MESSAGE, _owner(c))
    if c.status == Status.OFFERED:
        draft.say(
            withdrawn=OfferWithdrawn(
                conversation_id=key, offer_id=c.offer, agent_id=c.agent, why=rt.WITHDRAWN_WHY_RESOLVED
            )
        )
    draft.say(
        resolved={
            "conversation_id": key,
            "by_agent_id": wanted.agent_id,
            "owner_id": _owner(c),
            "reason": wanted.reason,
        }
    )
    _admit(draft, asked, "")
    if c.agent:
        draft.take_from(c)
    at_ms = asked.submitted.received_at_ms
    if reopening.is_unseen(c, at_ms):
        reopening.unanswered(draft, key, reopening.fresh(draft, short_of(c, _owner(c)), c.customer, at_ms))
    if c.agent:
        draft.refill(c.agent)
    return None


def _reopen(draft: Draft, asked: Asked) -> Refusal | None:
    if asked.c is not None:
        return Refusal(rt.REFUSED_WHY_NOT_RESOLVED, _owner(asked.c))
    short = draft.state.resolved.get(draft.desk_id, asked.key, draft.now_ms)
    if short is None:
        return Refusal(rt.REFUSED_WHY_UNKNOWN_CONVERSATION)
    by = asked.request.agent_id
    draft.say(reopened=Reopened(conversation_id=asked.key, why=rt.REOPENED_WHY_AGENT, by_agent_id=by))
    _admit(draft, asked, "")
    submitted = asked.submitted
    fresh = reopening.fresh(draft, short, submitted.customer_id, submitted.received_at_ms)
    fresh.last_agent = by or fresh.last_agent
    draft.queue(asked.key, fresh, rt.QUEUED_WHY_REOPENED)
    return None


def _priority(draft: Draft, asked: Asked) -> Refusal | None:
    c, wanted = asked.c, asked.request
    if c is None:
        return _closed(draft, asked)
    refusal = _not_in_charge(draft, asked, c)
    if refusal is not None:
        return refusal
    if not 1 <= wanted.priority <= PRIORITY_MAX:
        return Refusal(rt.REFUSED_WHY_UNKNOWN_TARGET, _owner(c))
    draft.say(
        priority=PriorityChanged(
            conversation_id=asked.key, priority=wanted.priority, by_agent_id=wanted.agent_id
        )
    )
    _admit(draft, asked, _owner(c))
    return None


_JUDGES: dict[int, Judge] = {
    inbound.REQUEST_KIND_ACCEPT: _accept,
    inbound.REQUEST_KIND_DECLINE: _decline,
    inbound.REQUEST_KIND_REPLY: _reply,
    inbound.REQUEST_KIND_NOTE: _note,
    inbound.REQUEST_KIND_TRANSFER: _transfer,
    inbound.REQUEST_KIND_RESOLVE: _resolve,
    inbound.REQUEST_KIND_REOPEN: _reopen,
    inbound.REQUEST_KIND_PRIORITY: _priority,
}
