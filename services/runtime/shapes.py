"""How things look from outside: views and events as the JSON of API.md. Pure functions."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

from proto.v1.content_pb2 import MessageContent, OrderContent, ShipmentContent
from proto.v1.routing_pb2 import Offered
from services.runtime.documents import (
    Conversation,
    Message,
    OrderView,
    Ownership,
    Promises,
    SendView,
    ShipmentOfOrder,
)

TARGET_STATES = ("running", "paused", "met", "breached")


def rfc3339(ms: int) -> str:
    """A time as it is written in JSON: RFC 3339 with offset."""
    second, rest = divmod(ms, 1000)
    return f"{_second(second)}.{rest:03d}+00:00"


@functools.lru_cache(4096)
def _second(second: int) -> str:
    """Its part up to the second: times that are shown lie close together."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def moment(ms: int) -> str | None:
    """The same, None for 0."""
    return rfc3339(ms) if ms else None


def minor(value: int) -> str:
    """An amount in hundredths as a decimal."""
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02d}"


def offer_event(body: Offered) -> dict[str, Any]:
    """An offer as its agent is told."""
    return {
        "offer_id": body.offer_id,
        "conversation_id": body.conversation_id,
        "agent": body.agent_id,
        "expires_at": rfc3339(body.expires_at_ms),
        "units": body.units,
        "reasons": reasons(body),
    }


def reasons(body: Offered) -> list[str]:
    """Why this agent: the parts of their score."""
    count, agents = len(body.score_parts), list(body.best_agents)
    place = agents.index(body.agent_id) if body.agent_id in agents else 0
    values = body.best_parts[place * count : (place + 1) * count]
    return [f"{name}: {value:g}" for name, value in zip(body.score_parts, values, strict=False)]


def labels(doc: Conversation) -> dict[str, Any]:
    """What is known; what is not known is absent."""
    known: dict[str, Any] = {"language": doc.language, "intent": doc.intent, "mood": doc.mood}
    return {**{name: value for name, value in known.items() if value}, "wants_human": doc.wants_human}


def targets(promises: Promises | None) -> list[dict[str, Any]]:
    """The targets of a conversation; withdrawn ones are no promises any more."""
    return [
        {
            "id": target.id,
            "kind": target.kind,
            "due_at": rfc3339(target.due_ms),
            "state": target.state,
            "started_at": rfc3339(target.started_ms),
            "warned_at": moment(target.warned_ms),
            "breached_at": moment(target.breached_ms),
            "met_at": moment(target.met_ms),
            "policy": target.policy,
        }
        for target in (promises.targets if promises else [])
        if target.state in TARGET_STATES
    ]


def summary(doc: Conversation, owned: Ownership | None, promises: Promises | None) -> dict[str, Any]:
    """A conversation without its words."""
    return {
        "id": doc.id,
        "desk": doc.desk,
        "customer": {"id": doc.customer},
        "state": owned.state if owned else "waiting",
        "queue": (owned.queue if owned else "") or None,
        "priority": owned.priority if owned else None,
        "owner": (owned.owner if owned else "") or None,
        "channel": doc.channel,
        "account": doc.account,
        "labels": labels(doc),
        "attributes": doc.attributes,
        "order_ids": list(doc.orders),
        "opened_at": rfc3339(doc.opened_ms),
        "last_message_at": rfc3339(doc.last_at_ms or doc.opened_ms),
        "last_message_id": doc.last_message,
        "human_only": owned.human_only if owned else False,
        "offer": ringing(owned),
        "undeliverable": (owned.undeliverable if owned else "") or None,
        "targets": targets(promises),
        "seq": doc.events + (owned.events if owned else 0) + (promises.events if promises else 0),
    }


def ringing(owned: Ownership | None) -> dict[str, Any] | None:
    """The offer that is open, if one is."""
    if owned is None or owned.offer is None:
        return None
    offer = owned.offer
    return {"offer_id": offer.id, "agent": offer.agent, "expires_at": rfc3339(offer.expires_ms)}


def message(
    doc: Message, content: MessageContent | None, state: str, why: str | None = None
) -> dict[str, Any]:
    """One utterance; without content (erased, deleted) its words are null. `why`: what keeps it from
    being sent."""
    author: str | None = doc.author or (content.author if content else "") or None
    attachments = [
        {"name": a.name, "media_type": a.media_type, "size_bytes": a.size_bytes, "blob": a.blob or None}
        for a in (content.attachments if content else ())
    ]
    return {
        "id": doc.id,
        "direction": doc.direction,
        "channel": doc.channel,
        "author": author,
        "subject": (content.subject if content else "") or None,
        "text": content.text if content else None,
        "html": (content.html if content else "") or None,
        "attachments": attachments,
        "at": rfc3339(doc.at_ms),
        "state": state,
        "why": why,
    }


def order(
    doc: OrderView, content: OrderContent | None, shipments: list[ShipmentContent | None]
) -> dict[str, Any]:
    """An order with its shipments."""
    return {
        "order_id": doc.id,
        "customer": doc.customer or None,
        "status": doc.status or None,
        "placed_at": moment(doc.placed_ms),
        "promised_at": moment(doc.promised_ms),
        "value": minor(doc.value_minor),
        "currency": doc.currency or None,
        "items_json": (content.items_json if content else "") or None,
        "shipments": [shipment(seen, opened) for seen, opened in zip(doc.shipments, shipments, strict=True)],
    }


def shipment(seen: ShipmentOfOrder, content: ShipmentContent | None) -> dict[str, Any]:
    """A shipment of an order."""
    return {
        "shipment_id": seen.id,
        "carrier": seen.carrier or None,
        "tracking": (content.tracking if content else "") or None,
        "status": seen.status or None,
        "estimated_at": moment(seen.estimated_ms),
        "reason": (content.reason if content else "") or None,
    }


def delay(orders: list[OrderView], shown: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The largest slip of the orders against what was promised, None if nothing is late."""
    worst, found = 0, None
    for doc, order_shown in zip(orders, shown, strict=True):
        for seen, seen_shown in zip(doc.shipments, order_shown["shipments"], strict=True):
            slip = seen.estimated_ms - doc.promised_ms
            if doc.promised_ms and slip > worst and seen.status not in ("delivered", "returned"):
                worst = slip
                found = {
                    "order_id": doc.id,
                    "promised_at": rfc3339(doc.promised_ms),
                    "late_s": slip // 1000,
                    **seen_shown,
                }
    return found


def notice(doc: SendView, text: str | None) -> dict[str, Any]:
    """A notice, and what became of it."""
    return {
        "id": doc.id,
        "kind": doc.kind or None,
        "order_id": doc.order or None,
        "customer": doc.customer or None,
        "conversation_id": doc.conversation or None,
        "channel": doc.channel or None,
        "state": doc.state,
        "why": doc.why or None,
        "cause": doc.cause,
        "text": text,
        "at": rfc3339(doc.at_ms),
        "changed_at": rfc3339(doc.changed_ms or doc.at_ms),
    }


def wait(p50_ms: int, p90_ms: int) -> dict[str, float | None]:
    """A wait estimate; None where nothing can be said."""
    return {"p50_s": p50_ms / 1000 if p90_ms else None, "p90_s": p90_ms / 1000 if p90_ms else None}
