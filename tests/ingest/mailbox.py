"""Mailbox records for tests of the ingest engine, and a desk to send them to."""

from __future__ import annotations

import hashlib
from typing import Any

from proto.v1.conversations_pb2 import MessageReceived
from proto.v1.desk_pb2 import Account, DeskConfig
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import (
    AUTO_KIND_NONE,
    MESSAGE_KIND_NEW,
    ORDER_STATUS_OPEN,
    ChannelMessage,
    DeskPut,
    ErasureReport,
    ErasureRequest,
    Inbound,
    Order,
)
from proto.v1.notices_pb2 import SEND_KIND_REPLY, NoticesEvent, SendFailed, SendKind, SendSent
from proto.v1.routing_pb2 import Reopened, Resolved, RoutingEvent
from services.ingest import engine
from services.kernel.ids import derive_id
from tests.story import Story

DAY_MS = 86_400_000
ACCOUNTS = (("email", "pomoc"), ("email", "sklep"), ("chat", "www"), ("whatsapp", "48"))


def h(name: str) -> bytes:
    """A hash as an edge makes it: 16 bytes that follow from a name; b"" of none."""
    return hashlib.sha256(name.encode()).digest()[:16] if name else b""


def sealed(name: str) -> Sealed:
    """Sealed content, told apart by name."""
    return Sealed(key_id=b"key", nonce=b"nonce", data=name.encode())


def customer(identity: str) -> str:
    """The id of the customer whose first identity this is."""
    return derive_id("u", h(identity))


def conversation(external: str) -> str:
    """The id of the conversation that the message `external` opened."""
    return derive_id("c", message_id(external))


def message_id(external: str) -> str:
    """The id of a message."""
    return derive_id("m", external)


def record(record_id: str, desk_id: str = "d", /, **body: Any) -> Inbound:
    """A mailbox record."""
    return Inbound(desk_id=desk_id, record_id=derive_id("r", record_id), **body)


def says(
    external: str,
    *who: str,
    channel: str = "email",
    account: str = "",
    refs: tuple[str, ...] = (),
    thread: str = "",
    desk: str = "d",
    **more: Any,
) -> Inbound:
    """A message from the identities `who`."""
    message = ChannelMessage(
        message_id=message_id(external),
        channel=channel,
        account=account or next(account for listed, account in ACCOUNTS if listed == channel),
        identity_hashes=[h(one) for one in who],
        identity_channels=[channel for _ in who],
        identities=[sealed(one) for one in who],
        external_hash=h(external),
        reference_hashes=[h(ref) for ref in refs],
        thread_hash=h(thread),
        content=sealed("content " + external),
        route=sealed("route " + external),
        **{"kind": MESSAGE_KIND_NEW, "auto_kind": AUTO_KIND_NONE, **more},
    )
    return record("message " + external, desk, message=message)


def orders(order_id: str, *who: str, body: str = "1", desk: str = "d", **more: Any) -> Inbound:
    """An order of the identities `who`."""
    order = Order(
        order_id=order_id,
        identity_hashes=[h(one) for one in who],
        identity_channels=["email" for _ in who],
        identities=[sealed(one) for one in who],
        body_hash=h(body),
        **{"status": ORDER_STATUS_OPEN, "value_minor": 1000, **more},
    )
    return record(f"order {order_id} {body}", desk, order=order)


def desk_put(desk: str = "d", body: str = "1", accounts: tuple[tuple[str, str], ...] = ACCOUNTS) -> Inbound:
    """A desk's configuration with these accounts."""
    listed = [Account(channel=channel, account=account) for channel, account in accounts]
    return record("desk " + body, desk, desk=DeskPut(desk=DeskConfig(accounts=listed), body_hash=h(body)))


def erase(customer_id: str, name: str = "1", desk: str = "d", **more: Any) -> Inbound:
    """A wish to erase a customer."""
    return record("erase " + name, desk, erasure=ErasureRequest(customer_id=customer_id, **more))


def erased(erasure_id: str, desk: str = "d") -> Inbound:
    """The shell's word that an erasure is done."""
    return record(
        "erased " + erasure_id, desk, erasure_report=ErasureReport(erasure_id=erasure_id, keys=1, blobs=2)
    )


def resolved(conversation_id: str, desk: str = "d") -> RoutingEvent:
    """The router resolved a conversation."""
    return RoutingEvent(desk_id=desk, origin_id="x", resolved=Resolved(conversation_id=conversation_id))


def reopened(conversation_id: str, desk: str = "d") -> RoutingEvent:
    """The router opened a conversation again."""
    return RoutingEvent(desk_id=desk, origin_id="x", reopened=Reopened(conversation_id=conversation_id))


def sent(conversation_id: str, provider_id: str, desk: str = "d") -> NoticesEvent:
    """Something of ours was sent in a conversation."""
    body = SendSent(conversation_id=conversation_id, provider_id_hash=h(provider_id))
    return NoticesEvent(desk_id=desk, sent=body)


def failed(conversation_id: str, kind: SendKind = SEND_KIND_REPLY, had_way: bool = True) -> NoticesEvent:
    """Something of ours did not arrive in a conversation."""
    body = SendFailed(conversation_id=conversation_id, kind=kind, error="smtp 550", had_way=had_way)
    return NoticesEvent(desk_id="d", origin_id="r-answer", failed=body)


class Mailbox(Story):
    """A story of the ingest engine with the desks `d` and `e` configured."""

    def __init__(self) -> None:
        super().__init__(engine)
        self.when("inbound", desk_put()).when("inbound", desk_put("e"))

    def hears(self, inbound: Inbound) -> MessageReceived:
        """Decide a message record, which must be received as a message, and return that."""
        self.when("inbound", inbound)
        outcome = self.new[0]
        assert outcome.WhichOneof("body") == "message", outcome
        assert outcome.origin_id == inbound.record_id
        body: MessageReceived = outcome.message
        return body

    def resolve(self, conversation_id: str) -> None:
        """The router resolves a conversation that is open here."""
        self.when("routing", resolved(conversation_id)).then_bodies("closed")

    def days_later(self, days: int) -> Mailbox:
        """Let days pass."""
        self.until(self.now_ms + days * DAY_MS)
        return self
