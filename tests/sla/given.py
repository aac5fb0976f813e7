"""Inputs of the sla engine, in few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proto.v1.conversations_pb2 import ConversationsEvent, DeskConfigured, MessageReceived
from proto.v1.inbound_pb2 import (
    AUTO_KIND_NONE,
    REQUEST_KIND_REPLY,
    REQUEST_KIND_RESOLVE,
    AutoKind,
    RequestKind,
)
from proto.v1.notices_pb2 import NoticesEvent, SendFailed, SendSent, SendSuppressed, SendUncertain
from proto.v1.routing_pb2 import (
    QUEUED_WHY_REOPENED,
    ConversationQueued,
    RequestAdmitted,
    Resolved,
    RoutingEvent,
)
from services.kernel.desk import parse_desk
from services.sla import engine
from tests.story import START_MS, Story

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = START_MS
"""Monday 2026-01-05, 11:00 in Warsaw."""

POLICY: dict[str, Any] = {
    "name": "normal",
    "first_response": "10m",
    "next_response": "20m",
    "resolution": "2h",
    "warn_at": 0.5,
}
STEPS = [
    {"at": "warning", "do": "notify", "to": "lead"},
    {"at": "breach", "do": "raise_priority", "to": 10},
    {"at": "breach", "after": "10m", "do": "widen_skills"},
    {"at": "breach", "after": "30m", "do": "reassign"},
    {"at": "breach", "after": "1h", "do": "webhook", "to": "https://erp.example/sla"},
]
PAUSES = {"pause_while_waiting_for_customer": {"up_to": "2d"}}
WARSAW_HOURS = {"mon-fri": ["08:00-12:00", "12:30-20:00"], "sat": ["10:00-14:00"]}


def desk(
    *policies: Mapping[str, Any], version: int = 1, desk_id: str = "d", **sections: Any
) -> ConversationsEvent:
    """A desk with these policies, always open unless `hours` says otherwise."""
    document = {
        "name": "Shop",
        "channels": [{"channel": "chat", "account": "www"}, {"channel": "email", "account": "a@b.example"}],
        "skills": [],
        "leads": ["ola", "jan"],
        "time_zone": "Europe/Warsaw",
        "sla": list(policies),
    }
    parsed = parse_desk(document | sections).desk
    return ConversationsEvent(desk_id=desk_id, desk=DeskConfigured(desk=parsed, version=version))


def message(
    at_ms: int,
    message_id: str = "m1",
    *,
    opens: bool = False,
    reopens: bool = False,
    auto: AutoKind = AUTO_KIND_NONE,
    channel: str = "chat",
    conversation_id: str = "c1",
    desk_id: str = "d",
    **labels: Any,
) -> ConversationsEvent:
    """A customer's message that the mailbox took at `at_ms`."""
    body = MessageReceived(
        message_id=message_id,
        conversation_id=conversation_id,
        opens=opens,
        reopens=reopens,
        channel=channel,
        received_at_ms=at_ms,
        auto_kind=auto,
        **labels,
    )
    return ConversationsEvent(desk_id=desk_id, origin_id=f"r-{message_id}", message=body)


def admitted(
    at_ms: int,
    reply_id: str = "q1",
    *,
    kind: RequestKind = REQUEST_KIND_REPLY,
    within_ms: int = 0,
    conversation_id: str = "c1",
    bot: bool = False,
) -> RoutingEvent:
    """The router grants a request that the mailbox took at `at_ms`."""
    body = RequestAdmitted(
        kind=kind,
        conversation_id=conversation_id,
        received_at_ms=at_ms,
        promise_within_ms=within_ms,
        bot=bot,
    )
    return RoutingEvent(desk_id="d", origin_id=reply_id, admitted=body)


def resolve(at_ms: int, conversation_id: str = "c1") -> RoutingEvent:
    """A resolve is granted."""
    return admitted(at_ms, "q-resolve", kind=REQUEST_KIND_RESOLVE, conversation_id=conversation_id)


def resolved(at_ms: int, by: str = "", origin_id: str = "") -> RoutingEvent:
    """The router says that c1 is resolved."""
    body = Resolved(conversation_id="c1", by_agent_id=by)
    return RoutingEvent(desk_id="d", occurred_at_ms=at_ms, origin_id=origin_id, resolved=body)


def reopened(at_ms: int, conversation_id: str = "c1") -> RoutingEvent:
    """An agent opened it again, and it waits."""
    body = ConversationQueued(conversation_id=conversation_id, channel="chat", why=QUEUED_WHY_REOPENED)
    return RoutingEvent(desk_id="d", occurred_at_ms=at_ms, queued=body)


def reopened_by(at_ms: int, message_id: str = "m2", conversation_id: str = "c1") -> RoutingEvent:
    """A message that the router met after the resolution opened it again, and it waits."""
    body = ConversationQueued(
        conversation_id=conversation_id,
        channel="chat",
        why=QUEUED_WHY_REOPENED,
        by_customer=True,
        last_message_id=message_id,
        since_ms=at_ms,
    )
    return RoutingEvent(desk_id="d", occurred_at_ms=at_ms + 5, queued=body)


def sent(reply_id: str = "q1") -> NoticesEvent:
    """The reply was sent."""
    return NoticesEvent(desk_id="d", origin_id=reply_id, sent=SendSent(conversation_id="c1"))


def failed(reply_id: str = "q1") -> NoticesEvent:
    """The reply was certainly not sent."""
    return NoticesEvent(desk_id="d", origin_id=reply_id, failed=SendFailed(conversation_id="c1"))


def uncertain(reply_id: str = "q1") -> NoticesEvent:
    """Nobody knows whether the reply was sent."""
    return NoticesEvent(desk_id="d", origin_id=reply_id, uncertain=SendUncertain(conversation_id="c1"))


def suppressed(reply_id: str = "q1") -> NoticesEvent:
    """The reply will not be sent (its customer is erased)."""
    return NoticesEvent(desk_id="d", origin_id=reply_id, suppressed=SendSuppressed())


class Sla(Story):
    """A story of the sla engine, with a desk configured."""

    def __init__(self, *policies: Mapping[str, Any], **sections: Any) -> None:
        super().__init__(engine)
        self.when("conversations", desk(*(policies or (POLICY,)), **sections))

    def said(self, event: ConversationsEvent) -> Sla:
        """An event of ingest."""
        self.when("conversations", event)
        return self

    def routed(self, event: RoutingEvent) -> Sla:
        """An event of the router."""
        self.when("routing", event)
        return self

    def told(self, event: NoticesEvent) -> Sla:
        """An event of notify."""
        self.when("notices", event)
        return self

    def opened(self, at_ms: int = T0, **more: Any) -> Sla:
        """The first message of c1."""
        return self.said(message(at_ms, opens=True, **more))

    def started(self, kind: int) -> Any:
        """The newest target of this kind."""
        started = [event.started for event in self.log if event.WhichOneof("body") == "started"]
        return [target for target in started if target.kind == kind][-1]

    def times(self) -> list[tuple[str, int]]:
        """Names of the new events, and minutes since T0 at which they were decided."""
        return [(e.WhichOneof("body"), (e.occurred_at_ms - T0) // MINUTE) for e in self.new]
