"""What the HTTP API answers, for `/openapi.json`: the shapes that `shapes.py` and its neighbours make.

Nothing is checked against these when a request is answered; a test holds the answers of a running
installation against them, field by field. What is null is not known or not there; fields are only ever added.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema

Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""RFC 3339 with offset."""
Absent = Annotated[str, Field(default_factory=str)]
"""A word that is left out where it is not known."""
TargetKind = Literal["first_response", "next_response", "update", "resolution", "silence"]
Presence = Literal["online", "busy", "away", "offline"]


class Rule(BaseModel):
    """What is wrong with one field. pointer: RFC 6901; "" for the whole body."""

    pointer: str
    rule: str


class Problem(BaseModel):
    """Why a request was not done (RFC 9457). `owner`, `why`: of an agent's request that was not granted."""

    type: str
    title: str
    status: int
    detail: str
    errors: Annotated[list[Rule], Field(default_factory=list)]
    conversation_id: Absent
    owner: Annotated[str | None, Field(default_factory=str)]
    why: Absent


class Identity(BaseModel):
    """An address of a person on a channel."""

    channel: str
    address: str


class CustomerId(BaseModel):
    """Whose a conversation is, without who they are."""

    id: str


class Person(CustomerId):
    """Who a customer is. After an erasure there is no name and no identity."""

    name: str | None
    identities: list[Identity]


class Labels(BaseModel):
    """What is known of what the customer said; what is not known is absent."""

    language: Absent
    intent: Absent
    mood: Absent
    wants_human: bool


class Target(BaseModel):
    """One promise about time."""

    id: str
    kind: TargetKind
    due_at: Moment
    state: Literal["running", "paused", "met", "breached"]
    started_at: Moment
    warned_at: Moment | None
    breached_at: Moment | None
    met_at: Moment | None
    policy: str


class Ringing(BaseModel):
    """The offer of a conversation that is open."""

    offer_id: str
    agent: str
    expires_at: Moment


class ConversationSummary(BaseModel):
    """A conversation without its words. `priority` is 1 (can wait) to 10 (now); `undeliverable`: why its last
    answer did not arrive; `seq` rises with whatever happens to it."""

    id: str
    desk: str
    customer: CustomerId
    state: Literal["waiting", "offered", "owned", "resolved"]
    queue: str | None
    priority: int | None
    owner: str | None
    channel: str
    account: str
    labels: Labels
    attributes: dict[str, str]
    order_ids: list[str]
    opened_at: Moment
    last_message_at: Moment
    last_message_id: str
    human_only: bool
    offer: Ringing | None
    undeliverable: str | None
    targets: list[Target]
    seq: int


class ConversationCard(ConversationSummary):
    """The same with its customer."""

    customer: Person


class FileInfo(BaseModel):
    """A file of a message."""

    name: str
    media_type: str
    size_bytes: int
    blob: str | None


class ConversationMessage(BaseModel):
    """One utterance. `text` is null once it is deleted or its customer erased; `why`: why it is not sent."""

    id: str
    direction: Literal["in", "out", "note"]
    channel: str
    author: str | None
    subject: str | None
    text: str | None
    html: str | None
    attachments: list[FileInfo]
    at: Moment
    state: str
    why: str | None


class Happened(BaseModel):
    """What happened to a conversation, such as offered, assigned, transferred, resolved; detail: whom."""

    at: Moment
    event: str
    detail: str


class OrderShipment(BaseModel):
    """A shipment of an order."""

    shipment_id: str
    carrier: str | None
    tracking: str | None
    status: str | None
    estimated_at: Moment | None
    reason: str | None


class CustomerOrder(BaseModel):
    """An order with its shipments. `value` has two decimals, in `currency`; `items_json` is JSON."""

    order_id: str
    customer: str | None
    status: str | None
    placed_at: Moment | None
    promised_at: Moment | None
    value: str
    currency: str | None
    items_json: str | None
    shipments: list[OrderShipment]


class Delay(OrderShipment):
    """The largest slip of a conversation's orders against what was promised."""

    order_id: str
    promised_at: Moment
    late_s: int


class Notice(BaseModel):
    """A message to a customer on our own initiative, and what became of it."""

    id: str
    kind: Literal["delay", "first_answer", "update", "apology", "survey", "disruption"] | None
    order_id: str | None
    customer: str | None
    conversation_id: str | None
    channel: str | None
    state: Literal["held", "sent", "delivered", "failed", "suppressed", "uncertain"]
    why: str | None
    cause: str
    text: str | None
    at: Moment
    changed_at: Moment


class Conversation(ConversationCard):
    """The whole conversation; its messages and events of all channels in order."""

    events: list[Happened]
    messages: list[ConversationMessage]
    notices: list[Notice]
    orders: list[CustomerOrder]
    delay: Delay | None


class ConversationPage(BaseModel):
    """A page; `next_cursor` is null at the end."""

    items: list[ConversationSummary]
    next_cursor: str | None


class NoticePage(BaseModel):
    """A page; `next_cursor` is null at the end."""

    items: list[Notice]
    next_cursor: str | None


class Customer(Person):
    """A customer's history over all channels, newest first, but for what was erased."""

    desk: str
    merged: list[str]
    erasing: bool
    erased_at: Moment | None
    conversations: list[Conversation]
    orders: list[CustomerOrder]


class Wait(BaseModel):
    """Quantiles of a wait in seconds; null where nothing can be said."""

    p50_s: float | None
    p90_s: float | None


class WaitTold(Wait):
    """What a customer would be told now."""

    channel: str | None
    language: str | None


class Queue(BaseModel):
    """A queue: how many wait, how long the oldest, how many agents could take them and have room."""

    queue: str
    waiting: int
    oldest_s: float
    able: int
    free: int
    wait: Wait


class RuledOut(BaseModel):
    """A rule, how many agents it excluded, and up to 20 of them where they are known."""

    rule: str
    count: int
    agents: list[str]


class Candidate(BaseModel):
    """One of the best, with the score and what it is made of."""

    agent: str
    score: float
    parts: dict[str, float]


class Sentence(BaseModel):
    """The same for people."""

    pl: str
    en: str


class Outcome(BaseModel):
    """What came of a decision: accepted, declined, expired, withdrawn; null while it rings; waits, while
    nobody is asked. `waited_s`: since the wait was told."""

    what: str | None
    at: Moment | None
    waited_s: float | None


class Explanation(BaseModel):
    """A decision; `decision` is the offer's id, null while the conversation waits."""

    decision: str | None
    at: Moment
    conversation_id: str
    chosen: str | None
    policy: str | None
    policy_version: int
    considered: int
    ruled_out: list[RuledOut]
    best: list[Candidate]
    wait: Wait
    outcome: Outcome
    sentence: Sentence


class ShadowChoice(BaseModel):
    """What one policy chose; agent null: nobody."""

    agent: str | None
    conversation_id: str
    sentence: Sentence
    score: float | None
    parts: dict[str, float]


class ShadowDifference(BaseModel):
    """A choice in which the two policies differ."""

    at: Moment
    conversation_id: str
    channel: str
    queue: str
    kind: str
    live: ShadowChoice
    shadow: ShadowChoice


class Shadow(BaseModel):
    """How a desk's shadow policy compares with the live one. What is beside desk and `on` is there only
    while it is on."""

    desk: str
    on: bool
    policy: Annotated[dict[str, str], Field(default_factory=dict)]
    since: Annotated[Moment | None, Field(default_factory=str)]
    compared: Annotated[int, Field(default_factory=int)]
    agreed: Annotated[int, Field(default_factory=int)]
    agreed_share: Annotated[float | None, Field(default_factory=float)]
    by_queue: Annotated[list[dict[str, Any]], Field(default_factory=list)]
    by_channel: Annotated[list[dict[str, Any]], Field(default_factory=list)]
    by_kind: Annotated[dict[str, int], Field(default_factory=dict)]
    differences: Annotated[list[ShadowDifference], Field(default_factory=list)]
    failed: Annotated[str | None, Field(default_factory=str)]
    not_begun: Annotated[Sentence | None, Field(default=None)]


class MessageTaken(BaseModel):
    """It is durable. Both ids follow from what was sent."""

    message_id: str
    record_id: str


class OrderTaken(BaseModel):
    """It is durable."""

    order_id: str
    record_id: str


class ShipmentTaken(BaseModel):
    """It is durable."""

    shipment_id: str
    record_id: str


class OfferAnswered(BaseModel):
    """Who has the conversation now."""

    conversation_id: str
    owner: str | None


class RequestAdmitted(OfferAnswered):
    """The same, with the record that a read may wait for by `?after=`."""

    record_id: str
