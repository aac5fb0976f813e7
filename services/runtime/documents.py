"""What the views hold: documents, each written from one topic only.

A conversation is four sections under one id (`Conversation`, `Ownership`, `Promises`, and the sends
and messages that name it), one a topic, so that each service's process can write its own. Documents
are found by key, by prefix of the key, or by a term, newest or oldest first. Content stays sealed:
it is opened when it is read. Fields are only added, at the end, with a default; anything else raises
`VERSION`, which makes the views anew from the logs.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from services.runtime.documents_beside import FloorDue as FloorDue
from services.runtime.documents_beside import FloorView as FloorView
from services.runtime.documents_requests import Answer as Answer
from services.runtime.documents_requests import Asked as Asked
from services.runtime.view_document import Document as Document

VERSION = 5


class Conversation(Document):
    """Topic conversations: whose matter it is, and its labels as of the last message."""

    KIND: ClassVar[str] = "conversation"
    SORT: ClassVar[str] = "opened_ms"
    id: str
    desk: str
    customer: str
    channel: str
    account: str
    identity_hash: bytes
    opened_ms: int
    language: str = ""
    intent: str = ""
    mood: str = ""
    wants_human: bool = False
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    orders: tuple[str, ...] = ()
    last_message: str = ""
    last_at_ms: int = 0
    events: int = 0

    def terms(self) -> tuple[str, ...]:
        """What it is found by."""
        desk = self.desk
        found = (f"all/{desk}", f"customer/{self.customer}", f"channel/{desk}/{self.channel}")
        return found + tuple([f"order/{desk}/{order}" for order in self.orders]) if self.orders else found


class Message(Document):
    """Topics conversations (in) and routing (out, note): one utterance; key `conversation/message`."""

    KIND: ClassVar[str] = "message"
    SCANNED: ClassVar[bool] = True
    KEY: ClassVar[tuple[str, ...]] = ("conversation", "id")
    CACHED: ClassVar[int] = 1_000
    conversation: str
    id: str
    direction: str
    channel: str
    author: str
    at_ms: int
    content: bytes
    number: int = 0
    state: str = ""


class RingingOffer(msgspec.Struct, array_like=True):
    """The offer that an agent has not answered yet."""

    id: str
    agent: str
    expires_ms: int
    units: int


class Ownership(Document):
    """Topic routing: who has the conversation. `state` is waiting, offered, owned or resolved.

    history: the last events: Unix milliseconds, what, who or why.
    """

    KIND: ClassVar[str] = "ownership"
    SORT: ClassVar[str] = "first_ms"
    id: str
    desk: str
    first_ms: int
    state: str
    queue: str = ""
    priority: int = 0
    owner: str = ""
    channel: str = ""
    customer: str = ""
    language: str = ""
    requires: dict[str, int] = msgspec.field(default_factory=dict)
    units: int = 0
    since_ms: int = 0
    due_ms: int = 0
    human_only: bool = False
    offer: RingingOffer | None = None
    wait_p50_ms: int = 0
    wait_p90_ms: int = 0
    policy_version: int = 0
    decision: str = ""
    changed_ms: int = 0
    messages: int = 0
    events: int = 0
    history: list[tuple[int, str, str]] = msgspec.field(default_factory=list)
    told_ms: int = 0
    """When the wait was told."""
    nobody: bool = False
    """Nobody of the desk could do it when it began to wait."""
    undeliverable: str = ""
    """Why its last answer did not arrive, in the provider's word; empty: it may have."""

    def terms(self) -> tuple[str, ...]:
        """What it is found by."""
        desk, state = self.desk, self.state
        if state == "waiting":
            return (f"state/{desk}/waiting", f"queue/{desk}/{self.queue}")
        if state == "owned":
            return (f"state/{desk}/owned", f"agent/{desk}/{self.owner}")
        if state == "offered" and self.offer is not None:
            return (f"state/{desk}/offered", f"offered/{desk}/{self.offer.agent}")
        return (f"state/{desk}/{state}",)


class Decision(Document):
    """Topic routing: one offer and why; key `conversation/offer`. `event` is the serialised Offered."""

    KIND: ClassVar[str] = "decision"
    SCANNED: ClassVar[bool] = True
    KEY: ClassVar[tuple[str, ...]] = ("conversation", "offer")
    CACHED: ClassVar[int] = 100
    conversation: str
    offer: str
    at_ms: int
    event: bytes
    wait_p50_ms: int = 0
    wait_p90_ms: int = 0
    queue: str = ""
    told_ms: int = 0
    """When the wait was told."""
    outcome: str = ""
    """accepted, declined, expired or withdrawn; empty: it rings, or nothing was heard of its end."""
    ended_ms: int = 0
    undeliverable: str = ""
    """Why the last answer before it had not arrived."""

    def terms(self) -> tuple[str, ...]:
        """What it is found by: whoever answers an offer names nothing else."""
        return (f"offer/{self.offer}",)


class Target(msgspec.Struct, array_like=True):
    """One promise; `state` is running, paused, met, breached or cancelled. Times: 0 is none."""

    id: str
    kind: str
    state: str
    started_ms: int
    due_ms: int
    warned_ms: int = 0
    breached_ms: int = 0
    met_ms: int = 0
    policy: str = ""


class Promises(Document):
    """Topic sla: what was promised about the time of one conversation."""

    KIND: ClassVar[str] = "promises"
    id: str
    desk: str
    targets: list[Target] = msgspec.field(default_factory=list)
    events: int = 0


class SendView(Document):
    """Topic notices: one reply or notice on its way. `origin` is the mailbox record that asked for it."""

    KIND: ClassVar[str] = "send"
    SORT: ClassVar[str] = "at_ms"
    CACHED: ClassVar[int] = 5_000
    id: str
    desk: str
    origin: str
    notice: bool
    at_ms: int
    state: str
    conversation: str = ""
    customer: str = ""
    order: str = ""
    channel: str = ""
    why: str = ""
    kind: str = ""
    cause: str = ""
    event: bytes = b""
    changed_ms: int = 0

    def terms(self) -> tuple[str, ...]:
        """What it is found by."""
        if not self.notice:  # goes when its conversation does
            return (f"conversation/{self.conversation}",)
        found = [f"all/{self.desk}", f"state/{self.desk}/{self.state}", "swept"]
        if self.conversation:
            found.append(f"conversation/{self.conversation}")
        if self.order:
            found.append(f"order/{self.desk}/{self.order}")
        if self.customer:
            found.append(f"customer/{self.customer}")
        return tuple(found)


class KnownIdentity(msgspec.Struct, array_like=True):
    """One address of a customer: a serialised Sealed IdentityContent."""

    hash: bytes
    channel: str
    sealed: bytes


class Customer(Document):
    """Topic conversations: a person. `erasing`: their erasures under way, each with the others whom it takes
    along; meanwhile no surface shows anything of them. `erasing_ms`: when the last one was asked for."""

    KIND: ClassVar[str] = "customer"
    id: str
    desk: str
    identities: tuple[KnownIdentity, ...] = ()
    merged_into: str = ""
    merged: tuple[str, ...] = ()
    erasing: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    erased_ms: int = 0
    erasing_ms: int = 0

    def took(self, began_ms: int) -> bool:
        """Whether an erasure took what began then (Unix ms), so that it is nobody's for ever."""
        return bool(self.erasing_ms) and began_ms <= self.erasing_ms


class ShipmentOfOrder(msgspec.Struct, array_like=True):
    """What a shipment says about an order."""

    id: str
    carrier: str
    status: str
    estimated_ms: int
    happened_ms: int
    content: bytes


CLOSED_ORDERS = frozenset({"delivered", "cancelled", "returned"})


class OrderView(Document):
    """Topic conversations: an order and its shipments; key `desk/order`."""

    KIND: ClassVar[str] = "order"
    KEY: ClassVar[tuple[str, ...]] = ("desk", "id")
    SORT: ClassVar[str] = "changed_ms"
    CACHED: ClassVar[int] = 5_000
    desk: str
    id: str
    changed_ms: int
    customer: str = ""
    status: str = ""
    placed_ms: int = 0
    promised_ms: int = 0
    value_minor: int = 0
    currency: str = ""
    content: bytes = b""
    shipments: tuple[ShipmentOfOrder, ...] = ()
    seen_ms: int = 0
    """When the order itself, and so its customer, was told last."""

    def terms(self) -> tuple[str, ...]:
        """What it is found by."""
        kept = "closed" if self.status in CLOSED_ORDERS else "open"
        return (kept, f"customer/{self.customer}") if self.customer else (kept,)


class Leaving(Document):
    """Topic conversations: a conversation or customer (`id`) left a horizon; from `due_ms` on the sweeper
    drops what hangs on it, and the customer if nothing else is left of them."""

    KIND: ClassVar[str] = "leaving"
    SORT: ClassVar[str] = "due_ms"
    CACHED: ClassVar[int] = 1_000
    id: str
    customer: str
    due_ms: int

    def terms(self) -> tuple[str, ...]:
        """What it is found by."""
        return ("swept",)


class Quarantined(Document):
    """Topic conversations: a record that could not be understood; key `desk/record`. `raw`: a serialised
    Sealed RawContent, or MessageContent where a message was refused."""

    KIND: ClassVar[str] = "quarantined"
    KEY: ClassVar[tuple[str, ...]] = ("desk", "id")
    SORT: ClassVar[str] = "at_ms"
    CACHED: ClassVar[int] = 100
    desk: str
    id: str
    at_ms: int
    channel: str
    account: str
    reason: str
    detail: str
    raw: bytes

    def terms(self) -> tuple[str, ...]:
        """What it is found by."""
        return (f"all/{self.desk}", "swept")


class DeskView(Document):
    """Topic conversations: a desk's configuration; `desk` is the serialised Desk. `mail`: its e-mail
    accounts in small letters, each with its place in the order in which desks claimed any."""

    KIND: ClassVar[str] = "desk"
    SCANNED: ClassVar[bool] = True
    id: str
    version: int
    source_json: str
    not_in_effect: tuple[str, ...]
    desk: bytes
    mail: dict[str, int] = msgspec.field(default_factory=dict)


class AgentView(Document):
    """Topic conversations: an agent as configured; key `desk/agent`. `agent` is the serialised Agent."""

    KIND: ClassVar[str] = "agent"
    SCANNED: ClassVar[bool] = True
    KEY: ClassVar[tuple[str, ...]] = ("desk", "id")
    desk: str
    id: str
    agent: bytes


class AgentLoad(Document):
    """Topic routing: an agent's presence and what they hold, in units; key `desk/agent`."""

    KIND: ClassVar[str] = "load"
    KEY: ClassVar[tuple[str, ...]] = ("desk", "id")
    desk: str
    id: str
    presence: str = "offline"
    here: bool = False
    offers: dict[str, int] = msgspec.field(default_factory=dict)
    owned: dict[str, int] = msgspec.field(default_factory=dict)

    def used(self) -> int:
        """Capacity units of what the agent owns and is offered."""
        return sum(self.offers.values()) + sum(self.owned.values())


class ApiKeyView(Document):
    """Topic conversations: an API key, known by its SHA-256 (hexadecimal) only."""

    KIND: ClassVar[str] = "api_key"
    SCANNED: ClassVar[bool] = True
    KEY: ClassVar[tuple[str, ...]] = ("hash",)
    id: str
    desk: str
    hash: str
    scope: str
    name: str
    agent: str
    at_ms: int


KINDS: tuple[type[Document], ...] = (
    Conversation, Message, Ownership, Decision, Promises, SendView, Customer, OrderView, DeskView,
    AgentView, AgentLoad, ApiKeyView, Asked, Answer, Leaving, Quarantined,
    FloorView, FloorDue,
)  # fmt: skip
