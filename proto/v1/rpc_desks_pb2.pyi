import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from proto.v1 import rpc_shapes_pb2 as _rpc_shapes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PutDesk(_message.Message):
    __slots__ = ("desk", "configuration")
    DESK_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    desk: str
    configuration: str
    def __init__(self, desk: _Optional[str] = ..., configuration: _Optional[str] = ...) -> None: ...

class GetDesk(_message.Message):
    __slots__ = ("desk", "after")
    DESK_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    desk: str
    after: str
    def __init__(self, desk: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class StoredDesk(_message.Message):
    __slots__ = ("desk", "version", "not_in_effect", "configuration", "webhook_secret")
    DESK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NOT_IN_EFFECT_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_SECRET_FIELD_NUMBER: _ClassVar[int]
    desk: str
    version: int
    not_in_effect: _containers.RepeatedScalarFieldContainer[str]
    configuration: str
    webhook_secret: str
    def __init__(self, desk: _Optional[str] = ..., version: _Optional[int] = ..., not_in_effect: _Optional[_Iterable[str]] = ..., configuration: _Optional[str] = ..., webhook_secret: _Optional[str] = ...) -> None: ...

class WatchDesk(_message.Message):
    __slots__ = ("desk",)
    DESK_FIELD_NUMBER: _ClassVar[int]
    desk: str
    def __init__(self, desk: _Optional[str] = ...) -> None: ...

class BoardEvent(_message.Message):
    __slots__ = ("id", "snapshot", "queued", "offered", "assigned", "resolved", "target", "notice", "agent", "undelivered")
    ID_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERED_FIELD_NUMBER: _ClassVar[int]
    id: str
    snapshot: BoardSnapshot
    queued: BoardRow
    offered: BoardRow
    assigned: BoardRow
    resolved: BoardRow
    target: BoardTarget
    notice: BoardNotice
    agent: BoardAgent
    undelivered: BoardRow
    def __init__(self, id: _Optional[str] = ..., snapshot: _Optional[_Union[BoardSnapshot, _Mapping]] = ..., queued: _Optional[_Union[BoardRow, _Mapping]] = ..., offered: _Optional[_Union[BoardRow, _Mapping]] = ..., assigned: _Optional[_Union[BoardRow, _Mapping]] = ..., resolved: _Optional[_Union[BoardRow, _Mapping]] = ..., target: _Optional[_Union[BoardTarget, _Mapping]] = ..., notice: _Optional[_Union[BoardNotice, _Mapping]] = ..., agent: _Optional[_Union[BoardAgent, _Mapping]] = ..., undelivered: _Optional[_Union[BoardRow, _Mapping]] = ...) -> None: ...

class BoardSnapshot(_message.Message):
    __slots__ = ("desk", "at", "counts", "conversations", "agents", "queues", "notices")
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    DESK_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    desk: str
    at: _timestamp_pb2.Timestamp
    counts: _containers.ScalarMap[str, int]
    conversations: _containers.RepeatedCompositeFieldContainer[BoardRow]
    agents: _containers.RepeatedCompositeFieldContainer[BoardAgent]
    queues: _containers.RepeatedCompositeFieldContainer[BoardQueue]
    notices: _containers.RepeatedCompositeFieldContainer[_rpc_shapes_pb2.Notice]
    def __init__(self, desk: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., counts: _Optional[_Mapping[str, int]] = ..., conversations: _Optional[_Iterable[_Union[BoardRow, _Mapping]]] = ..., agents: _Optional[_Iterable[_Union[BoardAgent, _Mapping]]] = ..., queues: _Optional[_Iterable[_Union[BoardQueue, _Mapping]]] = ..., notices: _Optional[_Iterable[_Union[_rpc_shapes_pb2.Notice, _Mapping]]] = ...) -> None: ...

class BoardRow(_message.Message):
    __slots__ = ("conversation_id", "state", "queue", "priority", "channel", "language", "owner", "agent", "offer_id", "expires_at", "waiting_since", "due_at", "human_only", "at", "targets", "nobody", "undeliverable")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    WAITING_SINCE_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    HUMAN_ONLY_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    NOBODY_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERABLE_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    state: str
    queue: str
    priority: int
    channel: str
    language: str
    owner: str
    agent: str
    offer_id: str
    expires_at: _timestamp_pb2.Timestamp
    waiting_since: _timestamp_pb2.Timestamp
    due_at: _timestamp_pb2.Timestamp
    human_only: bool
    at: _timestamp_pb2.Timestamp
    targets: _containers.RepeatedCompositeFieldContainer[_rpc_shapes_pb2.Target]
    nobody: bool
    undeliverable: str
    def __init__(self, conversation_id: _Optional[str] = ..., state: _Optional[str] = ..., queue: _Optional[str] = ..., priority: _Optional[int] = ..., channel: _Optional[str] = ..., language: _Optional[str] = ..., owner: _Optional[str] = ..., agent: _Optional[str] = ..., offer_id: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., waiting_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., human_only: _Optional[bool] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., targets: _Optional[_Iterable[_Union[_rpc_shapes_pb2.Target, _Mapping]]] = ..., nobody: _Optional[bool] = ..., undeliverable: _Optional[str] = ...) -> None: ...

class BoardAgent(_message.Message):
    __slots__ = ("agent", "presence", "connected", "used", "offers", "conversations", "name", "of")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    agent: str
    presence: str
    connected: bool
    used: int
    offers: int
    conversations: int
    name: str
    of: int
    def __init__(self, agent: _Optional[str] = ..., presence: _Optional[str] = ..., connected: _Optional[bool] = ..., used: _Optional[int] = ..., offers: _Optional[int] = ..., conversations: _Optional[int] = ..., name: _Optional[str] = ..., of: _Optional[int] = ...) -> None: ...

class BoardQueue(_message.Message):
    __slots__ = ("queue", "waiting")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    queue: str
    waiting: int
    def __init__(self, queue: _Optional[str] = ..., waiting: _Optional[int] = ...) -> None: ...

class BoardTarget(_message.Message):
    __slots__ = ("conversation_id", "target_id", "state", "at", "kind", "due_at")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    state: str
    at: _timestamp_pb2.Timestamp
    kind: str
    due_at: _timestamp_pb2.Timestamp
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., state: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BoardNotice(_message.Message):
    __slots__ = ("id", "notice", "kind", "conversation_id", "order_id", "channel", "state", "why", "at")
    ID_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    notice: bool
    kind: str
    conversation_id: str
    order_id: str
    channel: str
    state: str
    why: str
    at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., notice: _Optional[bool] = ..., kind: _Optional[str] = ..., conversation_id: _Optional[str] = ..., order_id: _Optional[str] = ..., channel: _Optional[str] = ..., state: _Optional[str] = ..., why: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
