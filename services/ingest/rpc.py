"""Ingest's gRPC: messages, orders and shipments in (Intake), a desk's configuration (Desk.Put, Desk.Get)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from proto.v1 import rpc_desks_pb2, rpc_intake_pb2
from proto.v1.rpc_desks_pb2 import GetDesk, PutDesk, StoredDesk
from proto.v1.rpc_intake_pb2 import Accepted, Message, OrderPut, ShipmentPut
from services.ingest.configuring import ADMIN, Configuring
from services.ingest.intake import Intake
from services.ingest.schemas import MESSAGE, ORDER, SHIPMENT, MessageIn
from services.ingest.taking import SENDERS, Taking
from services.kernel.errors import Problem
from services.runtime.asgi import trace_of
from services.runtime.auth import READERS, Principal
from services.runtime.edge import Edge
from services.runtime.problems import Refusal
from services.runtime.rpc import CALL_WITHIN_S, Call, together
from services.runtime.rpc_errors import failure_of
from services.runtime.rpc_shapes import files, plain, shown, time_of

if TYPE_CHECKING:
    from services.runtime.main import App

BEGIN_WITHIN_S = 30.0
"""How long a stream may be open before its first message: until then nobody knows whose it is."""
WINDOW = 64
"""Messages of one stream that are worked on at once; whoever sends faster is held back by the transport."""


def bind(app: App, intake: Intake) -> None:
    """Hang ingest's calls onto the App."""
    edge = Edge.of(app)
    door = _Intake(edge, Taking(edge, intake))
    app.rpc.add(
        rpc_intake_pb2.DESCRIPTOR.services_by_name["Intake"],
        {
            "Submit": door.submit,
            "SubmitStream": door.submit_stream,
            "PutOrder": door.put_order,
            "PutShipment": door.put_shipment,
        },
    )
    desks = _Desks(edge)
    service = rpc_desks_pb2.DESCRIPTOR.services_by_name["Desk"]
    app.rpc.add(service, {"Put": desks.put, "Get": desks.get})


class _Intake:
    """Messages, orders and shipments: idempotent by their own ids."""

    def __init__(self, edge: Edge, taking: Taking) -> None:
        self._edge = edge
        self._taking = taking

    async def submit(self, call: Call, request: Message) -> Accepted:
        """OK when it is durable; the same message again gets the same answer."""
        await self._admit(call, request.desk)
        names = await self._taking.message(request.desk, _message(request), trace_of(call.headers))
        return Accepted(
            message_id=names.message_id, record_id=names.record_id, external_id=request.external_id
        )

    async def submit_stream(self, call: Call, requests: AsyncIterator[Message]) -> None:
        """One answer for each message, in their order; what is refused does not end the stream, but a key
        that is not known, or is removed."""
        pending: asyncio.Queue[asyncio.Task[Accepted] | None] = asyncio.Queue(WINDOW)

        async def take() -> None:
            async for request in begun(requests):
                await pending.put(asyncio.create_task(self._one(call, request)))
            await pending.put(None)

        async def answer() -> None:
            while (task := await pending.get()) is not None:
                await call.write(await task)

        try:
            await together(take(), answer())
        finally:
            while not pending.empty():
                task = pending.get_nowait()
                if task is not None:
                    task.cancel()

    async def _one(self, call: Call, request: Message) -> Accepted:
        try:
            call.ready()
            async with asyncio.timeout(CALL_WITHIN_S):
                return await self.submit(call, request)
        except Exception as error:  # told to whoever sent it; the others go on
            unknown = isinstance(error, Refusal) and error.status == 401
            if unknown and (not call.desks or request.desk in call.desks):
                raise
            return Accepted(external_id=request.external_id, refused=failure_of(error).within(""))

    async def put_order(self, call: Call, request: OrderPut) -> Accepted:
        """Take an order as it stands now."""
        await self._admit(call, request.desk)
        customer = request.customer
        body = {
            "order_id": request.order_id,
            "customer": {
                "addresses": [{"channel": a.channel, "address": a.address} for a in customer.addresses],
                "name": customer.name,
                "language": customer.language,
            },
            "placed_at": time_of(request, "placed_at"),
            "promised_at": time_of(request, "promised_at"),
            "value": Decimal(str(request.value)),
            "currency": request.currency,
            "items": _items(request),
            "status": request.status or "open",
        }
        record_id = await self._taking.order(request.desk, ORDER.validate_python(body))
        return Accepted(record_id=record_id, external_id=request.order_id)

    async def put_shipment(self, call: Call, request: ShipmentPut) -> Accepted:
        """Take a shipment as it stands now."""
        await self._admit(call, request.desk)
        body = {
            "shipment_id": request.shipment_id,
            "order_ids": list(request.order_ids),
            "carrier": request.carrier,
            "tracking": request.tracking,
            "status": request.status,
            "estimated_at": time_of(request, "estimated_at"),
            "reason": request.reason,
            "occurred_at": time_of(request, "occurred_at"),
        }
        record_id = await self._taking.shipment(request.desk, SHIPMENT.validate_python(body))
        return Accepted(record_id=record_id, external_id=request.shipment_id)

    async def _admit(self, call: Call, desk: str) -> Principal:
        principal = await call.check(desk, SENDERS)
        await self._edge.admit(desk)
        return principal


async def begun(requests: AsyncIterator[Message], within_s: float = BEGIN_WITHIN_S) -> AsyncIterator[Message]:
    """The messages of a stream. Raises Refusal 408 if the first one does not come within `within_s`."""
    try:
        async with asyncio.timeout(within_s):
            first = await anext(requests, None)
    except TimeoutError as error:
        detail = f"No message came within {within_s:g} s: open the stream when there is one."
        raise Refusal(408, detail) from error
    if first is not None:
        yield first
        async for request in requests:
            yield request


def _message(request: Message) -> MessageIn:
    """The message, checked by the rules of the HTTP door."""
    sender = getattr(request, "from")  # a word that Python keeps for itself
    body: dict[str, Any] = {
        "channel": request.channel,
        "account": request.account,
        "external_id": request.external_id,
        "from": {"address": sender.address, "name": sender.name},
        "thread": request.thread,
        "subject": request.subject,
        "text": request.text,
        "html": request.html,
        "sent_at": time_of(request, "sent_at"),
        "order_id": request.order_id,
        "attributes": dict(request.attributes),
    }
    if request.attachments:
        body["attachments"] = files(request.attachments)
    return MESSAGE.validate_python(body)


def _items(request: OrderPut) -> list[dict[str, Any]]:
    try:
        return [plain(item) for item in request.items]
    except ValueError as error:
        raise Refusal(422, "The items cannot be kept.", [Problem("/items", str(error))]) from error


class _Desks:
    """Desks as they are configured."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._configuring = Configuring(edge)

    async def put(self, call: Call, request: PutDesk) -> StoredDesk:
        """Store a desk's whole configuration, YAML or JSON."""
        principal = await call.check(request.desk, ADMIN)
        # JSON is YAML, and says so by its first letter; its reader is faster and its numbers are exact.
        text = request.configuration
        kind = "application/json" if text.lstrip().startswith("{") else "application/yaml"
        await self._configuring.store(request.desk, text.encode(), kind)
        return self._stored(request.desk, principal)

    async def get(self, call: Call, request: GetDesk) -> StoredDesk:
        """The stored configuration."""
        principal = await call.check(request.desk, READERS)
        await self._edge.shown(request.desk, request.after)
        return self._stored(request.desk, principal)

    def _stored(self, desk: str, principal: Principal) -> StoredDesk:
        told = self._configuring.shown(desk, principal)
        return shown(
            StoredDesk, {**told, "configuration": msgspec.json.encode(told["configuration"]).decode()}
        )
