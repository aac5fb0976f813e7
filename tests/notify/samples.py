"""Inputs and configurations that the tests of notify are made of."""

from __future__ import annotations

from typing import Any

from proto.v1.conversations_pb2 import (
    ConversationsEvent,
    DeliveryReported,
    DeskConfigured,
    ErasureRequested,
    MessageReceived,
    OrderSeen,
    SendReported,
    ShipmentSeen,
)
from proto.v1.desk_pb2 import Account, DeskConfig, Notices, Webhook
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import (
    REQUEST_KIND_REPLY,
    SEND_OUTCOME_SENT,
    DeliveryReport,
    DeliveryState,
    SendOutcome,
    SendReport,
)
from proto.v1.routing_pb2 import Reopened, RequestAdmitted, Resolved, RoutingEvent
from proto.v1.sla_pb2 import SlaEvent
from services.kernel.ids import derive_id
from services.kernel.limits import DAY_MS, HOUR_MS
from services.notify import engine
from tests.story import START_MS, Story

DESK = "rowery"
HOOK = "https://erp.rowery.example/hooks/centrala"
PROMISED = START_MS + 2 * DAY_MS

EMAIL = ("email", "pomoc@rowery.example")
CHAT = ("chat", "www")
WHATSAPP = ("whatsapp", "48221234567")
TELEGRAM = ("telegram", "rowery_bot")
ALLEGRO = ("allegro", "rowery")


def conv(name: str) -> str:
    """A conversation's id."""
    return derive_id("c", name)


def desk(*events: str, quiet: tuple[int, int] = (0, 0), **notices: Any) -> DeskConfig:
    """A desk with an account of every way out, its webhook subscribed to `events`."""
    settings = {"delay_on": True, "delay_tell_after_ms": HOUR_MS, **notices}
    return DeskConfig(
        name="Sklep Rowerowy",
        locale="pl",
        time_zone="Europe/Warsaw",
        accounts=[
            Account(channel="chat", account="www"),
            Account(channel="email", account=EMAIL[1], smtp_host="smtp.example"),
            Account(channel="whatsapp", account=WHATSAPP[1], phone_number_id="1055", secret="env:WA"),
            Account(channel="telegram", account=TELEGRAM[1], secret="env:TG"),
            Account(channel="allegro", account="rowery"),
        ],
        notices=Notices(quiet_start_min=quiet[0], quiet_end_min=quiet[1], **settings),
        webhooks=[Webhook(url=HOOK, events=events)] if events else [],
    )


def said(origin_id: str = "", **body: Any) -> ConversationsEvent:
    """An event of ingest's."""
    return ConversationsEvent(desk_id=DESK, origin_id=origin_id, **body)


def routed(origin_id: str = "", **body: Any) -> RoutingEvent:
    """An event of the router's."""
    return RoutingEvent(desk_id=DESK, origin_id=origin_id, **body)


def measured(**body: Any) -> SlaEvent:
    """An event of sla's."""
    return SlaEvent(desk_id=DESK, **body)


def configured(value: DeskConfig) -> ConversationsEvent:
    """The desk is configured."""
    return said(desk=DeskConfigured(desk=value, version=1))


def message(
    name: str,
    customer: str = "u1",
    way: tuple[str, str] = EMAIL,
    key: bytes = b"key-1",
    **more: Any,
) -> ConversationsEvent:
    """A customer's message in conversation `name`; `key` names the data key of their address."""
    return said(
        message=MessageReceived(
            message_id=more.pop("message_id", "m1"),
            conversation_id=conv(name),
            customer_id=customer,
            channel=way[0],
            account=way[1],
            route=Sealed(key_id=key, nonce=b"n", data=b"route of " + name.encode()),
            **more,
        )
    )


def reply(name: str, origin_id: str, text: bytes = b"words") -> RoutingEvent:
    """An agent's reply, admitted."""
    return routed(
        origin_id,
        admitted=RequestAdmitted(
            kind=REQUEST_KIND_REPLY,
            conversation_id=conv(name),
            agent_id="ola",
            content=Sealed(key_id=b"key-1", nonce=b"n", data=text),
        ),
    )


def resolved(name: str) -> RoutingEvent:
    """The conversation is resolved."""
    return routed(resolved=Resolved(conversation_id=conv(name)))


def reopened(name: str) -> RoutingEvent:
    """The conversation is open again."""
    return routed(reopened=Reopened(conversation_id=conv(name)))


def report(send_id: str, outcome: SendOutcome = SEND_OUTCOME_SENT, attempt: int = 1, **more: Any) -> Any:
    """Our sender's word on an attempt."""
    return said(
        "r-report",
        send_report=SendReported(
            report=SendReport(send_id=send_id, attempt=attempt, outcome=outcome, **more)
        ),
    )


def delivered(
    provider_id_hash: bytes, state: DeliveryState, send_id: str = "", error_code: str = ""
) -> ConversationsEvent:
    """The provider's word on a send."""
    report = DeliveryReport(
        channel="whatsapp",
        provider_id_hash=provider_id_hash,
        state=state,
        send_id=send_id,
        error_code=error_code,
    )
    return said(delivery=DeliveryReported(report=report))


def order(order_id: str = "O1", customer: str = "u1", channel: str = "email", **more: Any) -> Any:
    """An order of the shop's."""
    more.setdefault("promised_at_ms", PROMISED)
    return said(
        order=OrderSeen(
            order_id=order_id,
            customer_id=customer,
            identity_channels=[channel] if channel else [],
            first_identity=Sealed(key_id=b"key-1", nonce=b"n", data=b"address") if channel else None,
            **more,
        )
    )


def shipment(estimated_at_ms: int, *order_ids: str, shipment_id: str = "S1", **more: Any) -> Any:
    """A carrier's word on a shipment."""
    return said(
        shipment=ShipmentSeen(
            shipment_id=shipment_id,
            order_ids=order_ids or ("O1",),
            estimated_at_ms=estimated_at_ms,
            received_at_ms=START_MS,
            **more,
        )
    )


def erasure(customer: str = "u1") -> ConversationsEvent:
    """The customer is to be erased."""
    return said(erasure_requested=ErasureRequested(erasure_id="e1", customer_id=customer))


def story(value: DeskConfig | None = None) -> Story:
    """A story of a desk that is configured."""
    return Story(engine).when("conversations", configured(value or desk()))
