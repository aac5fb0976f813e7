"""Bodies of ingest's HTTP requests. The same models check what comes and describe it in OpenAPI."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    model_validator,
)

from services.kernel.identity import is_one_persons
from services.kernel.languages import names_a_language
from services.kernel.limits import NAME_CHARS_MAX
from services.runtime.fields import Attribute, Base64, Digits, says_something
from services.runtime.problems import NO_NUL, ONE_LINE

TEXT_CHARS_MAX = 500_000
ATTACHMENTS_MAX = 50
ADDRESSES_MAX = 20
ITEMS_MAX = 1_000
ORDERS_MAX = 500
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_DATE_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:")


def _written(value: Any) -> Any:
    """Before a time: numbers would be guessed to be seconds or milliseconds, and dates to be midnights."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and _DATE_AND_TIME.match(value)):
        raise ValueError('must be a time of RFC 3339 with offset, such as "2026-05-04T10:15:00+02:00"')
    return value


def _sane(at: datetime) -> datetime:
    if not EARLIEST <= at < LATEST:
        raise ValueError("must lie between the years 2000 and 2100")
    return at


Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX, pattern=ONE_LINE)]
OptionalName = Annotated[str, Field(max_length=NAME_CHARS_MAX, pattern=ONE_LINE)]
Text = Annotated[str, Field(max_length=TEXT_CHARS_MAX, pattern=NO_NUL)]
Time = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written), AfterValidator(_sane)]


def ms(at: datetime | None) -> int:
    """Unix milliseconds; 0 for none."""
    return int(at.timestamp() * 1000) if at is not None else 0


class Body(BaseModel):
    """A body: types as JSON has them, and no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", populate_by_name=True)


class From(Body):
    """Who wrote."""

    address: Name
    name: OptionalName = ""


class AttachmentIn(Body):
    """A file: its bytes in base64."""

    name: Name
    media_type: OptionalName = "application/octet-stream"
    data: Base64


class MessageIn(Body):
    """A message of any channel. `external_id` is the sender's own id: the same again is the same message."""

    channel: Name
    account: Name
    external_id: Name
    sender: From = Field(alias="from")
    thread: OptionalName = ""
    subject: Annotated[str, Field(max_length=998, pattern=NO_NUL)] = ""
    text: Text = ""
    html: Text = ""
    attachments: Annotated[list[AttachmentIn], Field(max_length=ATTACHMENTS_MAX, default_factory=list)]
    sent_at: Time | None = None
    order_id: OptionalName = ""
    attributes: Annotated[dict[Name, Attribute], Field(max_length=50, default_factory=dict)]

    @model_validator(mode="after")
    def _says_something(self) -> MessageIn:
        if not (any(map(says_something, (self.text, self.html, self.subject))) or self.attachments):
            raise ValueError("a message has a text, html, a subject or attachments")
        return self


class AddressIn(Body):
    """An address of a customer on a channel."""

    channel: Name
    address: Name

    @model_validator(mode="after")
    def _leads_to_somebody(self) -> AddressIn:
        if not is_one_persons(self.channel, self.address):
            example = "jan@example.org" if self.channel == "email" else "+48600100200"
            raise ValueError(f'must lead to the customer, as "{example}" does; leave out what is not known')
        return self


def _language(tag: str) -> str:
    if tag and not names_a_language(tag):
        raise ValueError('must name a language by its code of ISO 639-1, such as "pl" or "pt-BR"')
    return tag


Language = Annotated[
    str,
    Field(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$", max_length=20),
    AfterValidator(_language),
]


class OrderCustomer(Body):
    """Whose order it is."""

    addresses: Annotated[list[AddressIn], Field(min_length=1, max_length=ADDRESSES_MAX)]
    name: OptionalName = ""
    language: Language = ""


class OrderIn(Body):
    """An order as it stands now. `value` in units of `currency`, two decimals."""

    order_id: Name
    customer: OrderCustomer
    placed_at: Time | None = None
    promised_at: Time | None = None
    value: Annotated[Decimal, Digits, Field(strict=False, ge=0, le=10**12, decimal_places=2)] = Decimal(0)
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3})?$")] = ""
    items: Annotated[list[dict[str, Any]], Field(max_length=ITEMS_MAX, default_factory=list)]
    status: Literal["open", "shipped", "delivered", "cancelled", "returned"] = "open"


class ShipmentIn(Body):
    """A shipment as it stands now."""

    shipment_id: Name
    order_ids: Annotated[list[Name], Field(min_length=1, max_length=ORDERS_MAX)]
    carrier: OptionalName = ""
    tracking: OptionalName = ""
    status: Literal["created", "in_transit", "out_for_delivery", "delayed", "delivered", "failed", "returned"]
    estimated_at: Time | None = None
    reason: OptionalName = ""
    occurred_at: Time | None = None


class KeyIn(Body):
    """A new API key. `agent` for scope agent: the only agent it speaks for."""

    scope: Literal["admin", "agent", "integration", "read"]
    name: OptionalName = ""
    agent: OptionalName = ""

    @model_validator(mode="after")
    def _agent_fits(self) -> KeyIn:
        if (self.scope == "agent") != bool(self.agent):
            raise ValueError("agent must be named for scope agent, and for no other")
        return self


MESSAGE: TypeAdapter[MessageIn] = TypeAdapter(MessageIn)
ORDER: TypeAdapter[OrderIn] = TypeAdapter(OrderIn)
SHIPMENT: TypeAdapter[ShipmentIn] = TypeAdapter(ShipmentIn)
KEY: TypeAdapter[KeyIn] = TypeAdapter(KeyIn)
