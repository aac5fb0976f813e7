"""What the HTTP API answers about desks, agents, keys and quarantine, and what its streams tell; as in
`answers.py`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from services.runtime.answers import (
    Absent,
    ConversationCard,
    ConversationMessage,
    Moment,
    Notice,
    Presence,
    Ringing,
    Target,
    TargetKind,
)


class StoredDesk(BaseModel):
    """A desk as it is stored. not_in_effect: pointers to what is accepted and not done yet; webhook_secret:
    for an admin."""

    desk: str
    version: int
    not_in_effect: list[str]
    configuration: dict[str, Any]
    webhook_secret: Absent


class DeskVersion(BaseModel):
    """A desk of the installation."""

    desk: str
    version: int


class Capacity(BaseModel):
    """Units."""

    used: int
    of: int


class Agent(BaseModel):
    """An agent, with presence and load."""

    id: str
    desk: str
    name: str
    kind: Literal["human", "bot"]
    skills: dict[str, int]
    languages: dict[str, int]
    channels: list[str]
    limits: dict[str, int]
    capacity: Capacity
    presence: Presence
    connected: bool
    conversations: list[str]


class PresenceSaid(BaseModel):
    """What was said."""

    agent: str
    state: Presence
    ttl_s: int | None


class Key(BaseModel):
    """An API key, without the key itself."""

    id: str
    scope: Literal["admin", "agent", "integration", "read"]
    name: str
    agent: str | None
    created_at: Moment


class KeyMade(BaseModel):
    """A key, shown this once."""

    id: str
    key: str
    scope: Literal["admin", "agent", "integration", "read"]
    name: str
    agent: str | None


class ErasureTaken(BaseModel):
    """It is asked for; the keys are deleted after five minutes."""

    customer: str
    record_id: str


class Quarantined(BaseModel):
    """A record that could not be understood, and why."""

    id: str
    at: Moment
    channel: str | None
    account: str | None
    reason: str | None
    detail: str


class RawRecord(BaseModel):
    """A record as it came; body_base64 where it is no UTF-8."""

    headers: list[str]
    body: str | None
    body_base64: str | None


class RefusedWords(BaseModel):
    """The words of a message that was understood and refused."""

    author: str | None
    subject: str | None
    text: str
    html: str | None


class QuarantinedWhole(Quarantined):
    """The same with the record; null once its key is deleted."""

    raw: RawRecord | RefusedWords | None


class QuarantinePage(BaseModel):
    """A page; `next_cursor` is null at the end."""

    items: list[Quarantined]
    next_cursor: str | None


class OpenOffer(Ringing):
    """A conversation that is the agent's if they accept until `expires_at`."""

    conversation_id: str
    reasons: list[str]
    conversation: ConversationCard


class NewOffer(OpenOffer):
    """The same with the capacity units that it takes."""

    units: int


class AgentSnapshot(BaseModel):
    """How an agent stands; it replaces whatever was told before."""

    agent: str
    presence: Presence
    connected: bool
    capacity: Capacity
    offers: list[OpenOffer]
    conversations: list[ConversationCard]


class Withdrawn(BaseModel):
    """An offer is gone."""

    offer_id: str
    conversation_id: str
    why: str


class AssignedTo(BaseModel):
    """A conversation is the agent's."""

    conversation_id: str
    agent: str
    conversation: ConversationCard


class MessageThere(BaseModel):
    """A message or note in a conversation of the agent's, or a change of one."""

    conversation_id: str
    message_id: str
    message: ConversationMessage


class Closed(BaseModel):
    """A conversation is no longer the agent's."""

    conversation_id: str
    why: Literal["released", "resolved"]
    reason: Absent


class Escalated(BaseModel):
    """A step of a promise tells this agent."""

    conversation_id: str
    target_id: str
    kind: TargetKind
    at: Literal["warning", "breach"]
    conversation: ConversationCard


class Undelivered(BaseModel):
    """An answer did not arrive, and why."""

    conversation_id: str
    reason: str
    conversation: ConversationCard


class AgentEvents(BaseModel):
    """By an event's name what its data says. While views are away `conversation` and `message` are absent."""

    snapshot: AgentSnapshot
    offer: NewOffer
    withdrawn: Withdrawn
    assigned: AssignedTo
    message: MessageThere
    closed: Closed
    escalated: Escalated
    undelivered: Undelivered


class BoardRow(BaseModel):
    """A conversation without words and addresses. targets: in a snapshot only."""

    conversation_id: str
    state: Literal["waiting", "offered", "owned", "resolved"]
    queue: str
    priority: int
    channel: str
    language: str
    owner: str | None
    agent: str | None
    offer_id: str | None
    expires_at: Moment | None
    waiting_since: Moment
    due_at: Moment | None
    human_only: bool
    nobody: bool
    undeliverable: str | None
    at: Moment
    targets: Annotated[list[Target], Field(default_factory=list)]


class BoardAgent(BaseModel):
    """An agent's presence and load, in units. name and of (capacity): in a snapshot only."""

    agent: str
    presence: Presence
    connected: bool
    used: int
    offers: int
    conversations: int
    name: Absent
    of: Annotated[int, Field(default_factory=int)]


class BoardQueue(BaseModel):
    """How many wait in a queue."""

    queue: str
    waiting: int


class BoardTarget(BaseModel):
    """What became of a promise. kind: when it begins; due_at: when it begins, goes on, warns or breaches."""

    conversation_id: str
    target_id: str
    state: Literal["running", "paused", "met", "warned", "breached", "cancelled"]
    at: Moment
    kind: Absent
    due_at: Annotated[Moment, Field(default_factory=str)]


class BoardNotice(BaseModel):
    """What goes out; `notice` is false for an agent's reply."""

    id: str
    notice: bool
    kind: str
    conversation_id: str | None
    order_id: str | None
    channel: str
    state: str
    why: str | None
    at: Moment


class BoardSnapshot(BaseModel):
    """The desk as it is; it replaces whatever was told before. counts: conversations by state; the oldest 500
    of each are listed."""

    desk: str
    at: Moment
    counts: dict[str, int]
    conversations: list[BoardRow]
    agents: list[BoardAgent]
    queues: list[BoardQueue]
    notices: list[Notice]


class BoardEvents(BaseModel):
    """By an event's name what its data says."""

    snapshot: BoardSnapshot
    queued: BoardRow
    offered: BoardRow
    assigned: BoardRow
    resolved: BoardRow
    undelivered: BoardRow
    target: BoardTarget
    notice: BoardNotice
    agent: BoardAgent
