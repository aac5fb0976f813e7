import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from . import rpc_shapes_pb2 as _rpc_shapes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetConversation(_message.Message):
    __slots__ = ("desk", "conversation_id", "after")
    DESK_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    desk: str
    conversation_id: str
    after: str
    def __init__(self, desk: _Optional[str] = ..., conversation_id: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class ListConversations(_message.Message):
    __slots__ = ("desk", "state", "agent", "customer", "channel", "order_id", "cursor", "limit", "after")
    DESK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    desk: str
    state: str
    agent: str
    customer: str
    channel: str
    order_id: str
    cursor: str
    limit: int
    after: str
    def __init__(self, desk: _Optional[str] = ..., state: _Optional[str] = ..., agent: _Optional[str] = ..., customer: _Optional[str] = ..., channel: _Optional[str] = ..., order_id: _Optional[str] = ..., cursor: _Optional[str] = ..., limit: _Optional[int] = ..., after: _Optional[str] = ...) -> None: ...

class ConversationPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_rpc_shapes_pb2.Conversation]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[_rpc_shapes_pb2.Conversation, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class WatchConversation(_message.Message):
    __slots__ = ("desk", "conversation_id")
    DESK_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    desk: str
    conversation_id: str
    def __init__(self, desk: _Optional[str] = ..., conversation_id: _Optional[str] = ...) -> None: ...

class ConversationChanged(_message.Message):
    __slots__ = ("id", "what", "conversation")
    ID_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    id: str
    what: _containers.RepeatedScalarFieldContainer[str]
    conversation: _rpc_shapes_pb2.Conversation
    def __init__(self, id: _Optional[str] = ..., what: _Optional[_Iterable[str]] = ..., conversation: _Optional[_Union[_rpc_shapes_pb2.Conversation, _Mapping]] = ...) -> None: ...

class ExplainConversation(_message.Message):
    __slots__ = ("desk", "conversation_id", "decision", "after")
    DESK_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    desk: str
    conversation_id: str
    decision: str
    after: str
    def __init__(self, desk: _Optional[str] = ..., conversation_id: _Optional[str] = ..., decision: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("decision", "at", "conversation_id", "chosen", "policy", "policy_version", "considered", "ruled_out", "best", "wait", "sentence", "outcome")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONSIDERED_FIELD_NUMBER: _ClassVar[int]
    RULED_OUT_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    decision: str
    at: _timestamp_pb2.Timestamp
    conversation_id: str
    chosen: str
    policy: str
    policy_version: int
    considered: int
    ruled_out: _containers.RepeatedCompositeFieldContainer[RuledOut]
    best: _containers.RepeatedCompositeFieldContainer[Candidate]
    wait: _rpc_shapes_pb2.Wait
    sentence: Sentence
    outcome: Outcome
    def __init__(self, decision: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., conversation_id: _Optional[str] = ..., chosen: _Optional[str] = ..., policy: _Optional[str] = ..., policy_version: _Optional[int] = ..., considered: _Optional[int] = ..., ruled_out: _Optional[_Iterable[_Union[RuledOut, _Mapping]]] = ..., best: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., wait: _Optional[_Union[_rpc_shapes_pb2.Wait, _Mapping]] = ..., sentence: _Optional[_Union[Sentence, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("what", "at", "waited_s")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    WAITED_S_FIELD_NUMBER: _ClassVar[int]
    what: str
    at: _timestamp_pb2.Timestamp
    waited_s: float
    def __init__(self, what: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., waited_s: _Optional[float] = ...) -> None: ...

class RuledOut(_message.Message):
    __slots__ = ("rule", "count", "agents")
    RULE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    rule: str
    count: int
    agents: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rule: _Optional[str] = ..., count: _Optional[int] = ..., agents: _Optional[_Iterable[str]] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("agent", "score", "parts")
    class PartsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    AGENT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    agent: str
    score: float
    parts: _containers.ScalarMap[str, float]
    def __init__(self, agent: _Optional[str] = ..., score: _Optional[float] = ..., parts: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Sentence(_message.Message):
    __slots__ = ("pl", "en")
    PL_FIELD_NUMBER: _ClassVar[int]
    EN_FIELD_NUMBER: _ClassVar[int]
    pl: str
    en: str
    def __init__(self, pl: _Optional[str] = ..., en: _Optional[str] = ...) -> None: ...
