"""Messages, orders and shipments on their way in, whichever door they came by.

A door says who asks, counts them against the desk's rate and checks the body's fields; from there on it is
the same for all: one record of the mailbox, and an answer when it is durable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydantic_core import to_json

from proto.v1.content_pb2 import IdentityContent, OrderContent, ShipmentContent
from proto.v1.inbound_pb2 import Inbound, Order, Shipment
from services.ingest.channels import Address, ParsedAttachment, ParsedMessage
from services.ingest.intake import Intake
from services.ingest.parts import Submitted
from services.ingest.schemas import AddressIn, MessageIn, OrderIn, ShipmentIn, ms
from services.kernel.errors import Problem
from services.kernel.identity import normalise
from services.kernel.ids import make_id
from services.kernel.limits import CONTENT_BYTES_MAX
from services.runtime.edge import Edge
from services.runtime.problems import Refusal

SENDERS = ("admin", "integration")
"""Scopes that may send in."""


class Taking:
    """Takes what the outside says in, and returns when it is durable. All raise Refusal, and as
    `Edge.append`."""

    def __init__(self, edge: Edge, intake: Intake) -> None:
        self._edge = edge
        self._intake = intake

    async def message(self, desk_id: str, body: MessageIn, trace: str) -> Submitted:
        """A message of any channel; the same again has the same names. `trace`: W3C, or ""."""
        if self._edge.directory.account(desk_id, body.channel, body.account) is None:
            raise self._no_account(desk_id, body.channel)
        return await self._edge.counted(self._intake.submit_message(desk_id, _parsed(body), trace))

    def _no_account(self, desk_id: str, channel: str) -> Refusal:
        config = self._edge.directory.get(desk_id)
        accounts = config.accounts if config is not None else ()
        if any(one.channel == channel for one in accounts):
            problem = Problem("/account", "must be an account of this desk on this channel")
        else:
            problem = Problem("/channel", "must be a channel of this desk")
        return Refusal(422, "The desk has no such account.", [problem])

    async def order(self, desk: str, body: OrderIn) -> str:
        """An order as it stands now; its record's id."""
        sealing = self._edge.app.sealing
        addresses = body.customer.addresses
        self._check_addresses(desk, addresses)
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
        return record_id

    def _check_addresses(self, desk: str, addresses: Sequence[AddressIn]) -> None:
        """The desk's own addresses are nobody's: they would make one customer of all who are given them."""
        known = self._edge.directory.get(desk)
        own = {(a.channel, normalise(a.channel, a.account)) for a in known.accounts} if known else set()
        rule = "is the desk's own: name the customer's, or leave it out"
        problems = [
            Problem(f"/customer/addresses/{place}/address", rule)
            for place, one in enumerate(addresses)
            if (one.channel, normalise(one.channel, one.address)) in own
        ]
        if problems:
            raise Refusal(422, "An address of the order is not the customer's.", problems)

    async def shipment(self, desk: str, body: ShipmentIn) -> str:
        """A shipment as it stands now; its record's id."""
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
        return record_id


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
