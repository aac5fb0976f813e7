"""The shapes of API.md that other systems hold on to. Every named field is there and of its type; more
fields may be there, since surfaces only grow."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

RULES = (
    "not_online", "lost", "channel", "language", "skill", "capacity", "barred", "human_only", "not_named"
)  # fmt: skip


def _rfc3339(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None or "T" not in text:
        raise ValueError("must be RFC 3339 with offset")
    return text


Time = Annotated[str, AfterValidator(_rfc3339)]
State = Literal["waiting", "offered", "owned", "resolved"]


class Shape(BaseModel):
    """An object whose named fields must all be there."""

    model_config = ConfigDict(strict=True, extra="allow")


class Identity(Shape):
    """One address of a customer."""

    channel: str
    address: str


class Customer(Shape):
    """A customer in a conversation."""

    id: str
    identities: list[Identity]


class Labels(Shape):
    """What the edge could tell; what it could not is absent."""

    wants_human: bool
    language: str = "pl"
    intent: str = "other"
    mood: str = "calm"


class Message(Shape):
    """An utterance."""

    id: str
    direction: Literal["in", "out", "note"]
    channel: str
    author: str | None
    text: str | None
    at: Time
    state: str


class Target(Shape):
    """A promise."""

    kind: Literal["first_response", "next_response", "update", "resolution", "silence"]
    due_at: Time
    state: Literal["running", "paused", "met", "breached"]
    warned_at: Time | None
    breached_at: Time | None
    met_at: Time | None


class Notice(Shape):
    """A message on our own initiative."""

    id: str
    kind: Literal["delay", "first_answer", "update", "apology", "survey", "disruption"]
    order_id: str | None
    customer: str | None
    channel: str | None
    state: Literal["held", "sent", "delivered", "failed", "suppressed", "uncertain"]
    why: str | None
    cause: str
    text: str | None
    at: Time


class Summary(Shape):
    """A conversation in a list."""

    id: str
    desk: str
    state: State
    queue: str | None
    priority: int | None
    owner: str | None
    channel: str
    labels: Labels
    targets: list[Target]
    seq: int


class Conversation(Summary):
    """A whole conversation."""

    customer: Customer
    attributes: dict[str, Any]
    orders: list[dict[str, Any]]
    delay: dict[str, Any] | None
    messages: list[Message]
    notices: list[Notice]


class Offer(Shape):
    """An offer as its agent gets it."""

    offer_id: str
    conversation_id: str
    agent: str
    expires_at: Time
    reasons: list[str]


class Capacity(Shape):
    """Units."""

    used: int
    of: int


class AgentSnapshot(Shape):
    """What an agent's stream begins with."""

    presence: Literal["online", "busy", "away", "offline"]
    capacity: Capacity
    offers: list[Offer]
    conversations: list[Summary]


class Withdrawn(Shape):
    """An offer is gone."""

    offer_id: str
    why: str


class OfConversation(Shape):
    """An event of a stream about a conversation."""

    conversation_id: str


class MessageTold(OfConversation):
    """A message in an agent's stream."""

    message: Message


class Accepted(Shape):
    """200 of an accept."""

    conversation_id: str
    owner: str


class TooLate(Shape):
    """409 of an accept: who has it, and why."""

    status: Literal[409]
    owner: str | None
    why: Literal["already_accepted", "expired", "withdrawn", "declined", "not_yours"]


class RuledOut(Shape):
    """Agents whom one rule excluded."""

    rule: str
    count: int
    agents: Annotated[list[str], Field(max_length=20)]


class Best(Shape):
    """A candidate."""

    agent: str
    score: float
    parts: dict[str, float]


class Wait(Shape):
    """An estimate; null where nothing can be said."""

    p50_s: float | None
    p90_s: float | None


class Sentence(Shape):
    """For people."""

    pl: str
    en: str


class Outcome(Shape):
    """What came of a decision."""

    what: str | None
    at: Time | None
    waited_s: float | None


class Explain(Shape):
    """A decision."""

    decision: str | None
    at: Time
    conversation_id: str
    chosen: str | None
    policy: str | None
    policy_version: int | None
    considered: int
    ruled_out: list[RuledOut]
    best: list[Best]
    wait: Wait
    sentence: Sentence
    outcome: Outcome


class Queue(Shape):
    """A queue as it stands."""

    queue: str
    waiting: int
    oldest_s: float
    able: int
    free: int
    wait: Wait


class FieldProblem(Shape):
    """Which field, which rule."""

    pointer: str
    rule: str


class Problem(Shape):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


AGENT_EVENTS: dict[str, type[Shape]] = {
    "snapshot": AgentSnapshot,
    "offer": Offer,
    "withdrawn": Withdrawn,
    "assigned": OfConversation,
    "message": MessageTold,
    "closed": OfConversation,
}
BOARD_EVENTS: dict[str, type[Shape]] = {
    "snapshot": Shape,
    "queued": OfConversation,
    "offered": OfConversation,
    "assigned": OfConversation,
    "resolved": OfConversation,
    "target": OfConversation,
    "notice": Shape,
    "agent": Shape,
}


def fits(shape: Any, data: Any) -> None:
    """Raises pydantic's ValidationError, which names every field, if the data has another shape."""
    TypeAdapter(shape).validate_python(data)
