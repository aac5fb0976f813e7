import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from . import rpc_shapes_pb2 as _rpc_shapes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AgentUp(_message.Message):
    __slots__ = ("key", "hello", "presence", "accept", "decline", "reply", "transfer", "resolve", "reopen", "priority", "note")
    KEY_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    RESOLVE_FIELD_NUMBER: _ClassVar[int]
    REOPEN_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    key: str
    hello: Hello
    presence: SetPresence
    accept: Accept
    decline: Decline
    reply: Reply
    transfer: Transfer
    resolve: Resolve
    reopen: Reopen
    priority: SetPriority
    note: AddNote
    def __init__(self, key: _Optional[str] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., presence: _Optional[_Union[SetPresence, _Mapping]] = ..., accept: _Optional[_Union[Accept, _Mapping]] = ..., decline: _Optional[_Union[Decline, _Mapping]] = ..., reply: _Optional[_Union[Reply, _Mapping]] = ..., transfer: _Optional[_Union[Transfer, _Mapping]] = ..., resolve: _Optional[_Union[Resolve, _Mapping]] = ..., reopen: _Optional[_Union[Reopen, _Mapping]] = ..., priority: _Optional[_Union[SetPriority, _Mapping]] = ..., note: _Optional[_Union[AddNote, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("desk", "agent")
    DESK_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    desk: str
    agent: str
    def __init__(self, desk: _Optional[str] = ..., agent: _Optional[str] = ...) -> None: ...

class SetPresence(_message.Message):
    __slots__ = ("state", "ttl_s")
    STATE_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    state: str
    ttl_s: int
    def __init__(self, state: _Optional[str] = ..., ttl_s: _Optional[int] = ...) -> None: ...

class Accept(_message.Message):
    __slots__ = ("offer_id", "reason")
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    offer_id: str
    reason: str
    def __init__(self, offer_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Decline(_message.Message):
    __slots__ = ("offer_id", "reason")
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    offer_id: str
    reason: str
    def __init__(self, offer_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ("conversation_id", "text", "html", "attachments", "promise_within")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    PROMISE_WITHIN_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    text: str
    html: str
    attachments: _containers.RepeatedCompositeFieldContainer[_rpc_shapes_pb2.File]
    promise_within: str
    def __init__(self, conversation_id: _Optional[str] = ..., text: _Optional[str] = ..., html: _Optional[str] = ..., attachments: _Optional[_Iterable[_Union[_rpc_shapes_pb2.File, _Mapping]]] = ..., promise_within: _Optional[str] = ...) -> None: ...

class Transfer(_message.Message):
    __slots__ = ("conversation_id", "skill", "agent", "queue", "reason", "note")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    SKILL_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    skill: str
    agent: str
    queue: str
    reason: str
    note: str
    def __init__(self, conversation_id: _Optional[str] = ..., skill: _Optional[str] = ..., agent: _Optional[str] = ..., queue: _Optional[str] = ..., reason: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class Resolve(_message.Message):
    __slots__ = ("conversation_id", "reason", "last_message_seen")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_SEEN_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    reason: str
    last_message_seen: str
    def __init__(self, conversation_id: _Optional[str] = ..., reason: _Optional[str] = ..., last_message_seen: _Optional[str] = ...) -> None: ...

class Reopen(_message.Message):
    __slots__ = ("conversation_id", "reason")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    reason: str
    def __init__(self, conversation_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SetPriority(_message.Message):
    __slots__ = ("conversation_id", "priority")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    priority: int
    def __init__(self, conversation_id: _Optional[str] = ..., priority: _Optional[int] = ...) -> None: ...

class AddNote(_message.Message):
    __slots__ = ("conversation_id", "text")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    text: str
    def __init__(self, conversation_id: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class AgentDown(_message.Message):
    __slots__ = ("id", "snapshot", "offer", "withdrawn", "assigned", "message", "closed", "answer", "escalated", "undelivered")
    ID_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ESCALATED_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERED_FIELD_NUMBER: _ClassVar[int]
    id: str
    snapshot: AgentSnapshot
    offer: AgentOffer
    withdrawn: AgentWithdrawn
    assigned: AgentAssigned
    message: AgentMessage
    closed: AgentClosed
    answer: AgentAnswer
    escalated: AgentEscalated
    undelivered: AgentUndelivered
    def __init__(self, id: _Optional[str] = ..., snapshot: _Optional[_Union[AgentSnapshot, _Mapping]] = ..., offer: _Optional[_Union[AgentOffer, _Mapping]] = ..., withdrawn: _Optional[_Union[AgentWithdrawn, _Mapping]] = ..., assigned: _Optional[_Union[AgentAssigned, _Mapping]] = ..., message: _Optional[_Union[AgentMessage, _Mapping]] = ..., closed: _Optional[_Union[AgentClosed, _Mapping]] = ..., answer: _Optional[_Union[AgentAnswer, _Mapping]] = ..., escalated: _Optional[_Union[AgentEscalated, _Mapping]] = ..., undelivered: _Optional[_Union[AgentUndelivered, _Mapping]] = ...) -> None: ...

class AgentSnapshot(_message.Message):
    __slots__ = ("agent", "presence", "connected", "capacity", "offers", "conversations")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    agent: str
    presence: str
    connected: bool
    capacity: AgentCapacity
    offers: _containers.RepeatedCompositeFieldContainer[AgentOffer]
    conversations: _containers.RepeatedCompositeFieldContainer[_rpc_shapes_pb2.Conversation]
    def __init__(self, agent: _Optional[str] = ..., presence: _Optional[str] = ..., connected: _Optional[bool] = ..., capacity: _Optional[_Union[AgentCapacity, _Mapping]] = ..., offers: _Optional[_Iterable[_Union[AgentOffer, _Mapping]]] = ..., conversations: _Optional[_Iterable[_Union[_rpc_shapes_pb2.Conversation, _Mapping]]] = ...) -> None: ...

class AgentCapacity(_message.Message):
    __slots__ = ("used", "of")
    USED_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    used: int
    of: int
    def __init__(self, used: _Optional[int] = ..., of: _Optional[int] = ...) -> None: ...

class AgentOffer(_message.Message):
    __slots__ = ("offer_id", "conversation_id", "agent", "expires_at", "units", "reasons", "conversation")
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    offer_id: str
    conversation_id: str
    agent: str
    expires_at: _timestamp_pb2.Timestamp
    units: int
    reasons: _containers.RepeatedScalarFieldContainer[str]
    conversation: _rpc_shapes_pb2.Conversation
    def __init__(self, offer_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., agent: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., units: _Optional[int] = ..., reasons: _Optional[_Iterable[str]] = ..., conversation: _Optional[_Union[_rpc_shapes_pb2.Conversation, _Mapping]] = ...) -> None: ...

class AgentWithdrawn(_message.Message):
    __slots__ = ("offer_id", "conversation_id", "why")
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    offer_id: str
    conversation_id: str
    why: str
    def __init__(self, offer_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class AgentAssigned(_message.Message):
    __slots__ = ("conversation_id", "agent", "conversation")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    agent: str
    conversation: _rpc_shapes_pb2.Conversation
    def __init__(self, conversation_id: _Optional[str] = ..., agent: _Optional[str] = ..., conversation: _Optional[_Union[_rpc_shapes_pb2.Conversation, _Mapping]] = ...) -> None: ...

class AgentMessage(_message.Message):
    __slots__ = ("conversation_id", "message_id", "message")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    message_id: str
    message: _rpc_shapes_pb2.ConversationMessage
    def __init__(self, conversation_id: _Optional[str] = ..., message_id: _Optional[str] = ..., message: _Optional[_Union[_rpc_shapes_pb2.ConversationMessage, _Mapping]] = ...) -> None: ...

class AgentClosed(_message.Message):
    __slots__ = ("conversation_id", "why", "reason")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    why: str
    reason: str
    def __init__(self, conversation_id: _Optional[str] = ..., why: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class AgentEscalated(_message.Message):
    __slots__ = ("conversation_id", "target_id", "kind", "at", "conversation")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    kind: str
    at: str
    conversation: _rpc_shapes_pb2.Conversation
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., kind: _Optional[str] = ..., at: _Optional[str] = ..., conversation: _Optional[_Union[_rpc_shapes_pb2.Conversation, _Mapping]] = ...) -> None: ...

class AgentUndelivered(_message.Message):
    __slots__ = ("conversation_id", "reason", "conversation")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    reason: str
    conversation: _rpc_shapes_pb2.Conversation
    def __init__(self, conversation_id: _Optional[str] = ..., reason: _Optional[str] = ..., conversation: _Optional[_Union[_rpc_shapes_pb2.Conversation, _Mapping]] = ...) -> None: ...

class AgentAnswer(_message.Message):
    __slots__ = ("key", "conversation_id", "owner", "record_id", "refused")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    key: str
    conversation_id: str
    owner: str
    record_id: str
    refused: _rpc_shapes_pb2.Refused
    def __init__(self, key: _Optional[str] = ..., conversation_id: _Optional[str] = ..., owner: _Optional[str] = ..., record_id: _Optional[str] = ..., refused: _Optional[_Union[_rpc_shapes_pb2.Refused, _Mapping]] = ...) -> None: ...
