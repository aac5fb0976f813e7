from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Batch(_message.Message):
    __slots__ = ("epoch", "seq", "now_ms", "positions", "events", "kinds")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    NOW_MS_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    seq: int
    now_ms: int
    positions: _containers.RepeatedCompositeFieldContainer[InputPosition]
    events: _containers.RepeatedScalarFieldContainer[bytes]
    kinds: bytes
    def __init__(self, epoch: _Optional[int] = ..., seq: _Optional[int] = ..., now_ms: _Optional[int] = ..., positions: _Optional[_Iterable[_Union[InputPosition, _Mapping]]] = ..., events: _Optional[_Iterable[bytes]] = ..., kinds: _Optional[bytes] = ...) -> None: ...

class InputPosition(_message.Message):
    __slots__ = ("topic", "offset", "epoch", "next_seq", "index")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    topic: str
    offset: int
    epoch: int
    next_seq: int
    index: int
    def __init__(self, topic: _Optional[str] = ..., offset: _Optional[int] = ..., epoch: _Optional[int] = ..., next_seq: _Optional[int] = ..., index: _Optional[int] = ...) -> None: ...

class Sealed(_message.Message):
    __slots__ = ("key_id", "nonce", "data")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    nonce: bytes
    data: bytes
    def __init__(self, key_id: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., data: _Optional[bytes] = ...) -> None: ...

class Skipped(_message.Message):
    __slots__ = ("topic", "input_id", "error", "due_at_ms")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    INPUT_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    input_id: str
    error: str
    due_at_ms: int
    def __init__(self, topic: _Optional[str] = ..., input_id: _Optional[str] = ..., error: _Optional[str] = ..., due_at_ms: _Optional[int] = ...) -> None: ...

class PresenceBeat(_message.Message):
    __slots__ = ("edge_id", "at_ms", "desk_ids", "agent_ids")
    EDGE_ID_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    DESK_IDS_FIELD_NUMBER: _ClassVar[int]
    AGENT_IDS_FIELD_NUMBER: _ClassVar[int]
    edge_id: str
    at_ms: int
    desk_ids: _containers.RepeatedScalarFieldContainer[str]
    agent_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, edge_id: _Optional[str] = ..., at_ms: _Optional[int] = ..., desk_ids: _Optional[_Iterable[str]] = ..., agent_ids: _Optional[_Iterable[str]] = ...) -> None: ...
