"""What agents and boards see as it happens: committed events as events of the streams.

Only what somebody watches is built. The views have taken the same events in before, so what a stream
tells is never ahead of what a read shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from proto.v1.desk_pb2 import ESCALATION_DO_NOTIFY, EscalationAt
from proto.v1.routing_pb2 import WithdrawnWhy
from proto.v1.sla_pb2 import TargetKind
from services.runtime.documents import AgentLoad, Document, Ownership, SendView
from services.runtime.hub import Hub, Told
from services.runtime.loop import Committed
from services.runtime.project_conversations import word
from services.runtime.shapes import offer_event, rfc3339

TARGET_EVENTS = {
    "started": "running",
    "paused": "paused",
    "resumed": "running",
    "met": "met",
    "warned": "warned",
    "breached": "breached",
    "breach_withdrawn": "met",
    "cancelled": "cancelled",
}
NOTICE_EVENTS = frozenset({"requested", "suppressed", "sent", "delivered", "deferred", "failed", "uncertain"})


D = TypeVar("D", bound=Document)


class Peek(Protocol):
    """Documents that are here."""

    def peek(self, kind: type[D], key: str) -> D | None:
        """One of them."""


def looked_at(bodies: list[tuple[str, Any, Any]]) -> set[tuple[type[Document], str]]:
    """The documents that the streams look at for a batch."""
    found: set[tuple[type[Document], str]] = set()
    for _, event, body in bodies:
        found.update((Ownership, key) for key in marks_of(body))
        for field, kind in (("conversation_id", Ownership), ("send_id", SendView)):
            if key := getattr(body, field, ""):
                found.add((kind, key))
        for field in ("agent_id", "owner_id"):
            if agent := getattr(body, field, ""):
                found.add((AgentLoad, f"{event.desk_id}/{agent}"))
    return found


def marks_of(body: Any) -> list[str]:
    """The conversations that the router marks together, or no longer."""
    return [*getattr(body, "unable_ids", ()), *getattr(body, "able_ids", ())]


OF_AGENTS = frozenset(
    "offered expired withdrawn declined assigned released resolved admitted undelivered".split()
)
"""What the router says that agents' own streams tell."""


def is_told(kinds: Mapping[str, int], topic: str, name: str, body: Any) -> bool:
    """Whether streams tell anything of an event where these kinds of them are open: boards and those of one
    conversation show everything, agents' their offers and what is said in conversations that are owned."""
    if kinds.get("board") or kinds.get("conversation"):
        return True
    if topic == "routing":
        return name in OF_AGENTS
    if topic == "sla":
        return name == "escalated" and body.do == ESCALATION_DO_NOTIFY
    return topic == "conversations" and (name == "message_changed" or (name == "message" and not body.opens))


class Streams:
    """Builds stream events and hands them to the hub."""

    def __init__(self, views: Peek, hub: Hub) -> None:
        self._views = views
        self._hub = hub
        self._by_topic = {
            "conversations": self._conversations,
            "routing": self._routing,
            "sla": self._sla,
            "notices": self._notices,
        }

    def publish(self, committed: Committed, bodies: list[tuple[str, Any, Any]]) -> None:
        """Tell the watchers of the desks and agents that a batch is about."""
        for index, (name, event, body) in enumerate(bodies):
            self.tell(committed.topic, name, event, body, committed.event_id(index))

    def tell(self, topic: str, name: str, event: Any, body: Any, event_id: str) -> None:
        """Tell the watchers of what one event says."""
        self._by_topic[topic](name, event, body, event_id)
        if self._hub.kinds["conversation"]:
            self._changed(name, event.desk_id, body, event_id)

    def _changed(self, name: str, desk: str, body: Any, event_id: str) -> None:
        """Say to who watches one conversation that something has happened to it."""
        conversation: str = getattr(body, "conversation_id", "")
        send_id: str = getattr(body, "send_id", "")
        if not conversation and send_id:
            send = self._views.peek(SendView, send_id)
            conversation = send.conversation if send is not None else ""
        if conversation:
            told = Told(name, event_id, {}, conversation, desk=desk)
            self._hub.publish(f"conversation/{desk}/{conversation}", told)

    def _agent(self, desk: str, agent: str, told: Told) -> None:
        self._hub.publish(f"agent/{desk}/{agent}", told)

    def _board(self, desk: str, told: Told) -> None:
        self._hub.publish(f"board/{desk}", told)

    def _board_row(self, desk: str, name: str, event_id: str, conversation_id: str) -> None:
        if f"board/{desk}" in self._hub.listeners:
            owned = self._views.peek(Ownership, conversation_id)
            row = ownership_row(owned) if owned is not None else {"conversation_id": conversation_id}
            self._board(desk, Told(name, event_id, row))

    def _conversations(self, name: str, event: Any, body: Any, event_id: str) -> None:
        if name not in ("message", "message_changed"):
            return
        owned = self._views.peek(Ownership, body.conversation_id)
        if owned is not None and owned.owner:
            data = {"conversation_id": body.conversation_id, "message_id": body.message_id}
            ids = body.conversation_id, body.message_id
            told = Told("message", event_id, data, *ids, event.desk_id)
            self._agent(event.desk_id, owned.owner, told)

    def _routing(self, name: str, event: Any, body: Any, event_id: str) -> None:
        desk = event.desk_id
        if name == "offered":
            data = offer_event(body)
            self._agent(desk, body.agent_id, Told("offer", event_id, data, body.conversation_id, desk=desk))
            self._board_row(desk, "offered", event_id, body.conversation_id)
        elif name in ("expired", "withdrawn", "declined"):
            why = name if name != "withdrawn" else word(WithdrawnWhy, body.why) or name
            data = {"offer_id": body.offer_id, "conversation_id": body.conversation_id, "why": why}
            self._agent(desk, body.agent_id, Told("withdrawn", event_id, data))
        elif name == "assigned":
            data = {"conversation_id": body.conversation_id, "agent": body.agent_id}
            told = Told("assigned", event_id, data, body.conversation_id, desk=desk)
            self._agent(desk, body.agent_id, told)
            self._board_row(desk, "assigned", event_id, body.conversation_id)
        elif name == "undelivered":
            self._undelivered(desk, body, event_id)
        elif name == "marked":
            for conversation_id in marks_of(body):
                self._board_row(desk, "queued", f"{event_id}/{conversation_id}", conversation_id)
        elif name in ("queued", "reopened", "priority", "relaxed"):
            self._board_row(desk, "queued", event_id, body.conversation_id)
        elif name == "released":
            data = {"conversation_id": body.conversation_id, "why": "released"}
            self._agent(desk, body.agent_id, Told("closed", event_id, data))
        elif name == "resolved":
            data = {"conversation_id": body.conversation_id, "why": "resolved", "reason": body.reason}
            if body.owner_id:
                self._agent(desk, body.owner_id, Told("closed", event_id, data))
            self._board_row(desk, "resolved", event_id, body.conversation_id)
        elif name == "admitted" and body.content.data and body.owner_id:
            data = {"conversation_id": body.conversation_id, "message_id": event.origin_id}
            told = Told("message", event_id, data, body.conversation_id, event.origin_id, desk)
            self._agent(desk, body.owner_id, told)
        self._load_changed(name, desk, body, event_id)

    def _undelivered(self, desk: str, body: Any, event_id: str) -> None:
        """Tell who has the conversation, and the board."""
        if body.owner_id:
            data = {"conversation_id": body.conversation_id, "reason": body.reason}
            told = Told("undelivered", event_id, data, body.conversation_id, desk=desk)
            self._agent(desk, body.owner_id, told)
        self._board_row(desk, "undelivered", event_id, body.conversation_id)

    def _load_changed(self, name: str, desk: str, body: Any, event_id: str) -> None:
        """Say how an agent stands after what may have changed their presence or load."""
        if f"board/{desk}" not in self._hub.listeners or name in ("agent", "admitted", "refused"):
            return
        agent = getattr(body, "agent_id", "") or getattr(body, "owner_id", "")
        if not agent:
            return
        load = self._views.peek(AgentLoad, f"{desk}/{agent}")
        if load is not None:
            self._board(desk, Told("agent", f"{event_id}/agent", load_row(load)))

    def _sla(self, name: str, event: Any, body: Any, event_id: str) -> None:
        if name == "escalated" and body.do == ESCALATION_DO_NOTIFY:
            self._escalated(event.desk_id, body, event_id)
        state = TARGET_EVENTS.get(name)
        if state is None or f"board/{event.desk_id}" not in self._hub.listeners:
            return
        data = {
            "conversation_id": body.conversation_id,
            "target_id": body.target_id,
            "state": state,
            "at": rfc3339(event.occurred_at_ms),
        }
        if name == "started":
            data["kind"] = word(TargetKind, body.kind)
            data["state"] = "warned" if body.warned else state
        if name in ("started", "resumed", "warned", "breached"):
            data["due_at"] = rfc3339(body.due_at_ms)
        self._board(event.desk_id, Told("target", event_id, data))

    def _escalated(self, desk: str, body: Any, event_id: str) -> None:
        """Tell whom the step names, whether or not the conversation is theirs."""
        data = {
            "conversation_id": body.conversation_id,
            "target_id": body.target_id,
            "kind": word(TargetKind, body.kind),
            "at": word(EscalationAt, body.at),
        }
        for agent in body.to:
            self._agent(desk, agent, Told("escalated", event_id, data, body.conversation_id, desk=desk))

    def _notices(self, name: str, event: Any, body: Any, event_id: str) -> None:
        if name not in NOTICE_EVENTS or f"board/{event.desk_id}" not in self._hub.listeners:
            return
        send = self._views.peek(SendView, body.send_id) if body.send_id else None
        if send is None:
            return
        data = {
            "id": send.id,
            "notice": send.notice,
            "kind": send.kind or "reply",
            "conversation_id": send.conversation or None,
            "order_id": send.order or None,
            "channel": send.channel,
            "state": send.state,
            "why": send.why or None,
            "at": rfc3339(event.occurred_at_ms),
        }
        self._board(event.desk_id, Told("notice", event_id, data))


def ownership_row(owned: Ownership) -> dict[str, Any]:
    """A conversation as the board shows it: no words, no addresses."""
    offer = owned.offer
    return {
        "conversation_id": owned.id,
        "state": owned.state,
        "queue": owned.queue,
        "priority": owned.priority,
        "channel": owned.channel,
        "language": owned.language,
        "owner": owned.owner or None,
        "agent": owned.owner or (offer.agent if offer else None),
        "offer_id": offer.id if offer else None,
        "expires_at": rfc3339(offer.expires_ms) if offer else None,
        "waiting_since": rfc3339(owned.since_ms),
        "due_at": rfc3339(owned.due_ms) if owned.due_ms else None,
        "human_only": owned.human_only,
        "nobody": owned.nobody,
        "undeliverable": owned.undeliverable or None,
        "at": rfc3339(owned.changed_ms),
    }


def load_row(load: AgentLoad) -> dict[str, Any]:
    """An agent's presence and load as the board shows it."""
    return {
        "agent": load.id,
        "presence": load.presence,
        "connected": load.here,
        "used": load.used(),
        "offers": len(load.offers),
        "conversations": len(load.owned),
    }
