"""Ingest's HTTP: messages and webhooks (hot), orders, shipments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request

from services.ingest.http_customers import Customers
from services.ingest.http_desks import Configuration, Keys
from services.ingest.http_quarantine import Quarantine
from services.ingest.intake import Intake
from services.ingest.schemas import MESSAGE, ORDER, SHIPMENT, MessageIn, OrderIn, ShipmentIn
from services.ingest.taking import SENDERS, Taking
from services.ingest.webhooks import PATH as WEBHOOK_PATH
from services.ingest.webhooks import Webhooks
from services.kernel.limits import WEBHOOK_BYTES_MAX
from services.runtime.answers import MessageTaken, OrderTaken, ShipmentTaken
from services.runtime.asgi import HotRequest, HotResponse, trace_of
from services.runtime.edge import Edge
from services.runtime.openapi import answer_of, body_of, hot_route

if TYPE_CHECKING:
    from services.runtime.main import App

_json = msgspec.json.encode


def bind(app: App, intake: Intake, webhooks: Webhooks) -> None:
    """Hang ingest's routes onto the App."""
    edge = Edge.of(app)
    router = APIRouter(tags=["ingest"])
    taking = Taking(edge, intake)
    door = _Door(edge, taking)
    path = "/v1/desks/{desk}/messages"
    app.add_hot("POST", path, door.post_message)
    hot_route(
        router, "POST", path, door.post_message, MessageIn, MessageTaken, 202, "Take a message of any channel"
    )

    async def webhook(request: HotRequest) -> HotResponse:
        edge.room(request.path_params["desk"])
        return await edge.counted(webhooks.post(request))

    app.add_hot("POST", WEBHOOK_PATH, webhook, WEBHOOK_BYTES_MAX)
    app.add_hot("GET", WEBHOOK_PATH, webhooks.get)
    hot_route(router, "POST", WEBHOOK_PATH, webhook, None, None, 200, "A provider's webhook")
    hot_route(router, "GET", WEBHOOK_PATH, webhooks.get, None, None, 200, "A provider's handshake")
    _Records(edge, taking).add_to(router)
    Configuration(edge).add_to(router)
    Keys(edge).add_to(router)
    Customers(edge).add_to(router)
    Quarantine(edge).add_to(router)
    app.add_router(router)


class _Door:
    """The hot path: a message in."""

    def __init__(self, edge: Edge, taking: Taking) -> None:
        self._edge = edge
        self._taking = taking

    async def post_message(self, request: HotRequest) -> HotResponse:
        """202 when it is durable; the same message again gets the same answer."""
        desk_id = request.path_params["desk"]
        self._edge.auth.check(request.headers, desk_id, SENDERS)
        await self._edge.admit(desk_id)
        body = MESSAGE.validate_json(request.body)
        names = await self._taking.message(desk_id, body, trace_of(request.headers))
        return HotResponse(202, _json({"message_id": names.message_id, "record_id": names.record_id}))


class _Records:
    """Orders and shipments: idempotent by their own ids."""

    def __init__(self, edge: Edge, taking: Taking) -> None:
        self._edge = edge
        self._taking = taking

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        router.add_api_route(
            "/v1/desks/{desk}/orders", self.order, methods=["POST"], status_code=202,
            openapi_extra=body_of(OrderIn), responses=answer_of(OrderTaken, 202),
        )  # fmt: skip
        router.add_api_route(
            "/v1/desks/{desk}/shipments", self.shipment, methods=["POST"], status_code=202,
            openapi_extra=body_of(ShipmentIn), responses=answer_of(ShipmentTaken, 202),
        )  # fmt: skip

    async def order(self, desk: str, request: Request) -> dict[str, str]:
        """Take an order as it stands now."""
        self._edge.check(request, desk, SENDERS)
        await self._edge.admit(desk)
        body = ORDER.validate_json(await request.body())
        record_id = await self._taking.order(desk, body)
        return {"order_id": body.order_id, "record_id": record_id}

    async def shipment(self, desk: str, request: Request) -> dict[str, str]:
        """Take a shipment as it stands now."""
        self._edge.check(request, desk, SENDERS)
        await self._edge.admit(desk)
        body = SHIPMENT.validate_json(await request.body())
        record_id = await self._taking.shipment(desk, body)
        return {"shipment_id": body.shipment_id, "record_id": record_id}
