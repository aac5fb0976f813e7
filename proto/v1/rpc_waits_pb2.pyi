from proto.v1 import rpc_shapes_pb2 as _rpc_shapes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EstimateWait(_message.Message):
    __slots__ = ("desk", "channel", "skills", "language")
    DESK_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    SKILLS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    desk: str
    channel: str
    skills: _containers.RepeatedScalarFieldContainer[str]
    language: str
    def __init__(self, desk: _Optional[str] = ..., channel: _Optional[str] = ..., skills: _Optional[_Iterable[str]] = ..., language: _Optional[str] = ...) -> None: ...

class EstimatedWait(_message.Message):
    __slots__ = ("channel", "language", "wait")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    channel: str
    language: str
    wait: _rpc_shapes_pb2.Wait
    def __init__(self, channel: _Optional[str] = ..., language: _Optional[str] = ..., wait: _Optional[_Union[_rpc_shapes_pb2.Wait, _Mapping]] = ...) -> None: ...
