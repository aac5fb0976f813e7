"""Events of the topic routing as views: who has what, decisions, agents' load, answers to requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proto.v1.desk_pb2 import PresenceState
from proto.v1.inbound_pb2 import REQUEST_KIND_REPLY, RequestKind
from proto.v1.routing_pb2 import (
    REOPENED_WHY_UNDELIVERABLE,
    AgentFound,
    AgentLost,
    AnswerUndelivered,
    Assigned,
    ConversationQueued,
    DeadlineChanged,
    HumanOnly,
    MessageSeen,
    NobodyMarked,
    OfferAccepted,
    Offered,
    PresenceChanged,
    PriorityChanged,
    Reconsidered,
    RefusedWhy,
    Released,
    Reopened,
    RequestAdmitted,
    RequestRefused,
    RequirementsRelaxed,
    Resolved,
    RoutingEvent,
    Transferred,
)
from services.runtime.documents import AgentLoad, Answer, Decision, Message, Ownership, RingingOffer
from services.runtime.project_conversations import word
from services.runtime.views import Views


def undeliverable(reason: str) -> str:
    """What is said of an answer that did not arrive."""
    return f"answer undeliverable: {reason}"


def _load(views: Views, desk_id: str, agent_id: str) -> AgentLoad:
    doc = views.edit(AgentLoad, f"{desk_id}/{agent_id}")
    if doc is None:
        doc = AgentLoad(desk_id, agent_id)
        views.put(doc)
    return doc


def _ownership(views: Views, event: RoutingEvent, conversation_id: str) -> Ownership | None:
    doc = views.edit(Ownership, conversation_id)
    if doc is not None:
        doc.events += 1
        doc.changed_ms = event.occurred_at_ms
    return doc


HISTORY_MAX = 50
"""Events of a conversation that are shown; the log has them all."""


def _keep(doc: Ownership, event: RoutingEvent, what: str, detail: str) -> None:
    doc.history.append((event.occurred_at_ms, what, detail))
    if len(doc.history) > HISTORY_MAX:
        del doc.history[0]


def _silenced(views: Views, doc: Ownership) -> None:
    """Nothing rings any more. An offer that ended without an event of its own (its end could not be
    decided) leaves its agent here."""
    if doc.offer is not None:
        _load(views, doc.desk, doc.offer.agent).offers.pop(doc.offer.id, None)
        doc.offer = None


def _queued(views: Views, event: RoutingEvent, body: ConversationQueued) -> None:
    doc = _ownership(views, event, body.conversation_id)
    if doc is None:
        doc = Ownership(body.conversation_id, event.desk_id, body.since_ms, "waiting", events=1)
        doc.changed_ms = event.occurred_at_ms
        views.put(doc)
    _silenced(views, doc)
    doc.state, doc.owner = "waiting", ""
    doc.queue, doc.priority, doc.channel = body.queue, body.priority, body.channel
    doc.customer, doc.language = body.customer_id, body.language
    doc.requires = dict(body.requires)
    doc.units, doc.since_ms, doc.due_ms = body.units, body.since_ms, body.due_at_ms
    doc.human_only, doc.policy_version = body.human_only, body.policy_version
    doc.wait_p50_ms, doc.wait_p90_ms = body.wait_p50_ms, body.wait_p90_ms
    doc.told_ms, doc.nobody = event.occurred_at_ms, body.nobody


def _relaxed(views: Views, event: RoutingEvent, body: RequirementsRelaxed) -> None:
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        doc.requires, doc.nobody = dict(body.requires), body.nobody
        if body.queue:
            doc.queue, doc.priority = body.queue, body.priority


def _reconsidered(views: Views, event: RoutingEvent, body: Reconsidered) -> None:
    """It waits, whatever was seen of it."""
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        _silenced(views, doc)
        doc.state = "waiting"


def _offered(views: Views, event: RoutingEvent, body: Offered) -> None:
    conversation_id, offer_id, agent_id = body.conversation_id, body.offer_id, body.agent_id
    _load(views, event.desk_id, agent_id).offers[offer_id] = body.units
    doc = _ownership(views, event, conversation_id)
    if doc is None:
        return
    _silenced(views, doc)
    doc.state, doc.decision, doc.nobody = "offered", offer_id, False
    _keep(doc, event, "offered", agent_id)
    doc.offer = RingingOffer(offer_id, agent_id, body.expires_at_ms, body.units)
    views.put(
        Decision(
            conversation_id,
            offer_id,
            event.occurred_at_ms,
            body.SerializeToString(),
            doc.wait_p50_ms,
            doc.wait_p90_ms,
            doc.queue,
            doc.told_ms,
            undeliverable=doc.undeliverable,
        )
    )


def _ended(views: Views, event: RoutingEvent, body: Any) -> None:
    """What came of a decision."""
    decision = views.edit(Decision, f"{body.conversation_id}/{body.offer_id}")
    if decision is not None:
        decision.outcome, decision.ended_ms = event.WhichOneof("body") or "", event.occurred_at_ms


def _accepted(views: Views, event: RoutingEvent, body: OfferAccepted) -> None:
    _load(views, event.desk_id, body.agent_id).offers.pop(body.offer_id, None)
    _ended(views, event, body)
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        doc.offer = None


def _offer_over(views: Views, event: RoutingEvent, body: Any) -> None:
    """Declined, expired, withdrawn: it waits again unless something else has happened."""
    _load(views, event.desk_id, body.agent_id).offers.pop(body.offer_id, None)
    _ended(views, event, body)
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None and doc.offer is not None and doc.offer.id == body.offer_id:
        doc.offer, doc.state = None, "waiting"
        _keep(doc, event, event.WhichOneof("body") or "", body.agent_id)


def _assigned(views: Views, event: RoutingEvent, body: Assigned) -> None:
    _load(views, event.desk_id, body.agent_id).owned[body.conversation_id] = body.units
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        doc.state, doc.owner, doc.offer = "owned", body.agent_id, None
        _keep(doc, event, "assigned", body.agent_id)


def _transferred(views: Views, event: RoutingEvent, body: Transferred) -> None:
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        _keep(doc, event, "transferred", body.target)


def _released(views: Views, event: RoutingEvent, body: Released) -> None:
    _load(views, event.desk_id, body.agent_id).owned.pop(body.conversation_id, None)
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        doc.state, doc.owner = "waiting", ""
        _keep(doc, event, "released", body.agent_id)


def _resolved(views: Views, event: RoutingEvent, body: Resolved) -> None:
    doc = _ownership(views, event, body.conversation_id)
    if body.owner_id:
        _load(views, event.desk_id, body.owner_id).owned.pop(body.conversation_id, None)
    if doc is None:
        return
    _silenced(views, doc)
    doc.state, doc.owner, doc.due_ms = "resolved", "", 0
    _keep(doc, event, "resolved", body.by_agent_id)


def _reopened(views: Views, event: RoutingEvent, body: Reopened) -> None:
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        doc.state = "waiting"
        unanswered = body.why == REOPENED_WHY_UNDELIVERABLE
        _keep(doc, event, "reopened", undeliverable(doc.undeliverable) if unanswered else body.by_agent_id)


def _undelivered(views: Views, event: RoutingEvent, body: AnswerUndelivered) -> None:
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        doc.undeliverable = body.reason
        _keep(doc, event, "undelivered", undeliverable(body.reason))


def _priority(views: Views, event: RoutingEvent, body: PriorityChanged) -> None:
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        doc.priority = body.priority


def _message_seen(views: Views, event: RoutingEvent, body: MessageSeen) -> None:
    _ownership(views, event, body.conversation_id)


def _deadline(views: Views, event: RoutingEvent, body: DeadlineChanged) -> None:
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        doc.due_ms = body.due_at_ms


def _human_only(views: Views, event: RoutingEvent, body: HumanOnly) -> None:
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None:
        doc.human_only = True


def _presence(views: Views, event: RoutingEvent, body: PresenceChanged) -> None:
    _load(views, event.desk_id, body.agent_id).presence = word(PresenceState, body.state) or "offline"


def _lost(views: Views, event: RoutingEvent, body: AgentLost) -> None:
    _load(views, event.desk_id, body.agent_id).here = False


def _found(views: Views, event: RoutingEvent, body: AgentFound) -> None:
    _load(views, event.desk_id, body.agent_id).here = True


def _admitted(views: Views, event: RoutingEvent, body: RequestAdmitted) -> None:
    kind = word(RequestKind, body.kind)
    origin_id, now_ms = event.origin_id, event.occurred_at_ms
    views.put(Answer(origin_id, body.conversation_id, body.owner_id, "", kind, now_ms))
    if not body.content.data:  # replies, notes, and transfers with a note have words
        return
    doc = _ownership(views, event, body.conversation_id)
    if doc is not None and body.kind == REQUEST_KIND_REPLY:
        doc.undeliverable = ""
    direction = "out" if body.kind == REQUEST_KIND_REPLY else "note"
    channel = doc.channel if doc is not None else ""
    content = body.content.SerializeToString()
    at_ms = body.received_at_ms or now_ms
    number = doc.events if doc is not None else 0
    views.put(
        Message(body.conversation_id, origin_id, direction, channel, body.agent_id, at_ms, content, number)
    )


def _refused(views: Views, event: RoutingEvent, body: RequestRefused) -> None:
    why = word(RefusedWhy, body.why) or "refused"
    kind = word(RequestKind, body.kind)
    views.put(Answer(event.origin_id, body.conversation_id, body.owner_id, why, kind, event.occurred_at_ms))


def _marked(views: Views, event: RoutingEvent, body: NobodyMarked) -> None:
    for ids, nobody in ((body.unable_ids, True), (body.able_ids, False)):
        for conversation_id in ids:
            doc = _ownership(views, event, conversation_id)
            if doc is not None and doc.state == "waiting":
                doc.nobody = nobody


HANDLERS: Mapping[str, Callable[[Views, Any, Any], None]] = {
    "queued": _queued,
    "relaxed": _relaxed,
    "reconsidered": _reconsidered,
    "offered": _offered,
    "accepted": _accepted,
    "declined": _offer_over,
    "expired": _offer_over,
    "withdrawn": _offer_over,
    "assigned": _assigned,
    "transferred": _transferred,
    "released": _released,
    "resolved": _resolved,
    "reopened": _reopened,
    "priority": _priority,
    "message_seen": _message_seen,
    "deadline": _deadline,
    "human_only": _human_only,
    "undelivered": _undelivered,
    "marked": _marked,
    "presence": _presence,
    "agent_lost": _lost,
    "agent_found": _found,
    "admitted": _admitted,
    "refused": _refused,
}
