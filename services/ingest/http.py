"""Ingest's HTTP: messages and webhooks (hot), orders, shipments."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request
from pydantic_core import to_json

from proto.v1.content_pb2 import IdentityContent, OrderContent, ShipmentContent
from proto.v1.inbound_pb2 import Inbound, Order, Shipment
from services.ingest.channels import Address, ParsedAttachment, ParsedMessage
from services.ingest.http_customers import Customers
from services.ingest.http_desks import Configuration, Keys
from services.ingest.http_quarantine import Quarantine
from services.ingest.intake import Intake
from services.ingest.schemas import (
    MESSAGE,
    ORDER,
    SHIPMENT,
    MessageIn,
    OrderIn,
    ShipmentIn,
    ms,
)
from services.ingest.webhooks import PATH as WEBHOOK_PATH
from services.ingest.webhooks import Webhooks
from services.kernel.errors import Problem
from services.kernel.ids import make_id
from services.kernel.limits import CONTENT_BYTES_MAX, WEBHOOK_BYTES_MAX
from services.runtime.asgi import HotRequest, HotResponse, trace_of
from services.runtime.edge import Edge
from services.runtime.openapi import body_of, hot_route
from services.runtime.problems import Refusal

if TYPE_CHECKING:
    from services.runtime.main import App

SENDERS = ("admin", "integration")
_json = msgspec.json.encode


def bind(app: App, intake: Intake, webhooks: Webhooks) -> None:
    """Hang ingest's routes onto the App."""
    edge = Edge.of(app)
    router = APIRouter(tags=["ingest"])
    door = _Door(edge, intake)
    path = "/v1/desks/{desk}/messages"
    app.add_hot("POST", path, door.post_message)
    hot_route(router, "POST", path, door.post_message, MessageIn, 202, "Take a message of any channel")

    async def webhook(request: HotRequest) -> HotResponse:
        edge.room()
        return await edge.counted(webhooks.post(request))

    app.add_hot("POST", WEBHOOK_PATH, webhook, WEBHOOK_BYTES_MAX)
    app.add_hot("GET", WEBHOOK_PATH, webhooks.get)
    hot_route(router, "POST", WEBHOOK_PATH, webhook, None, 200, "A provider's webhook")
    hot_route(router, "GET", WEBHOOK_PATH, webhooks.get, None, 200, "A provider's handshake")
    _Records(edge).add_to(router)
    Configuration(edge).add_to(router)
    Keys(edge).add_to(router)
    Customers(edge).add_to(router)
    Quarantine(edge).add_to(router)
    app.add_router(router)


class _Door:
    """The hot path: a message in."""

    def __init__(self, edge: Edge, intake: Intake) -> None:
        self._edge = edge
        self._intake = intake

    async def post_message(self, request: HotRequest) -> HotResponse:
        """202 when it is durable; the same message again gets the same answer."""
        desk_id = request.path_params["desk"]
        self._edge.auth.check(request.headers, desk_id, SENDERS)
        self._edge.admit(desk_id)
        body = MESSAGE.validate_json(request.body)
        if self._edge.directory.account(desk_id, body.channel, body.account) is None:
            problem = Problem("/account", "must be an account of this desk on this channel")
            raise Refusal(422, "The desk has no such account.", [problem])
        trace = trace_of(request.headers)
        names = await self._edge.counted(self._intake.submit_message(desk_id, _parsed(body), trace))
        return HotResponse(202, _json({"message_id": names.message_id, "record_id": names.record_id}))


def _parsed(body: MessageIn) -> ParsedMessage:
    return ParsedMessage(
        channel=body.channel,
        account=body.account,
        external_id=body.external_id,
        senders=(Address(body.channel, body.sender.address),),
        name=body.sender.name,
        thread=body.thread,
        subject=body.subject,
        text=body.text,
        html=body.html,
        attachments=tuple(
            [ParsedAttachment(a.name, a.media_type, a.data, size=len(a.data)) for a in body.attachments]
        ),
        sent_at_ms=ms(body.sent_at),
        order_id=body.order_id,
        attributes={
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in body.attributes.items()
        },
    )


class _Records:
    """Orders and shipments: idempotent by their own ids."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        router.add_api_route(
            "/v1/desks/{desk}/orders", self.order, methods=["POST"], status_code=202,
            openapi_extra=body_of(OrderIn),
        )  # fmt: skip
        router.add_api_route(
            "/v1/desks/{desk}/shipments", self.shipment, methods=["POST"], status_code=202,
            openapi_extra=body_of(ShipmentIn),
        )  # fmt: skip

    async def order(self, desk: str, request: Request) -> dict[str, str]:
        """Take an order as it stands now."""
        self._edge.check(request, desk, SENDERS)
        self._edge.admit(desk)
        raw = await request.body()
        body = ORDER.validate_json(raw)
        sealing = self._edge.app.sealing
        addresses = body.customer.addresses
        hashes = [sealing.identity_hash(desk, a.channel, a.address) for a in addresses]
        keys = [await sealing.key_for(desk, one) for one in hashes]
        content = OrderContent(
            name=body.customer.name,
            channels=[a.channel for a in addresses],
            addresses=[a.address for a in addresses],
            items_json=to_json(body.items).decode() if body.items else "",
        )
        if content.ByteSize() > CONTENT_BYTES_MAX:
            blob = sealing.seal(keys[0], content).SerializeToString()
            content.full_blob = await self._edge.app.blobs.put(blob)
            content.ClearField("items_json")
        digest = hashlib.sha256(body.model_dump_json().encode()).digest()
        order = Order(
            order_id=body.order_id,
            identity_hashes=hashes,
            identity_channels=[a.channel for a in addresses],
            content=sealing.seal(keys[0], content),
            identities=[
                sealing.seal(
                    key, IdentityContent(channel=a.channel, address=a.address, name=body.customer.name)
                )
                for a, key in zip(addresses, keys, strict=True)
            ],
            language=body.customer.language,
            placed_at_ms=ms(body.placed_at),
            promised_at_ms=ms(body.promised_at),
            value_minor=int(body.value * 100),
            currency=body.currency,
            status=f"ORDER_STATUS_{body.status.upper()}",
            body_hash=digest[:16],
        )
        record_id = make_id("r", sealing.desk_key(desk), "order", body.order_id, digest)
        await self._edge.append(Inbound(desk_id=desk, record_id=record_id, order=order))
        return {"order_id": body.order_id, "record_id": record_id}

    async def shipment(self, desk: str, request: Request) -> dict[str, str]:
        """Take a shipment as it stands now."""
        self._edge.check(request, desk, SENDERS)
        self._edge.admit(desk)
        body = SHIPMENT.validate_json(await request.body())
        sealing = self._edge.app.sealing
        key = await sealing.own_key(desk)
        digest = hashlib.sha256(body.model_dump_json().encode()).digest()
        shipment = Shipment(
            shipment_id=body.shipment_id,
            order_ids=list(dict.fromkeys(body.order_ids)),
            carrier=body.carrier,
            status=f"SHIPMENT_STATUS_{body.status.upper()}",
            estimated_at_ms=ms(body.estimated_at),
            happened_at_ms=ms(body.occurred_at),
            content=sealing.seal(key, ShipmentContent(tracking=body.tracking, reason=body.reason)),
            body_hash=digest[:16],
        )
        record_id = make_id("r", sealing.desk_key(desk), "shipment", body.shipment_id, digest)
        await self._edge.append(Inbound(desk_id=desk, record_id=record_id, shipment=shipment))
        return {"shipment_id": body.shipment_id, "record_id": record_id}
