from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageContent(_message.Message):
    __slots__ = ("subject", "text", "text_full", "html", "attachments", "author", "raw_blob", "full_blob", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FULL_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    RAW_BLOB_FIELD_NUMBER: _ClassVar[int]
    FULL_BLOB_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    subject: str
    text: str
    text_full: str
    html: str
    attachments: _containers.RepeatedCompositeFieldContainer[Attachment]
    author: str
    raw_blob: str
    full_blob: str
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, subject: _Optional[str] = ..., text: _Optional[str] = ..., text_full: _Optional[str] = ..., html: _Optional[str] = ..., attachments: _Optional[_Iterable[_Union[Attachment, _Mapping]]] = ..., author: _Optional[str] = ..., raw_blob: _Optional[str] = ..., full_blob: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Attachment(_message.Message):
    __slots__ = ("name", "media_type", "size_bytes", "blob", "provider_ref", "content_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REF_FIELD_NUMBER: _ClassVar[int]
    CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    media_type: str
    size_bytes: int
    blob: str
    provider_ref: str
    content_id: str
    def __init__(self, name: _Optional[str] = ..., media_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., blob: _Optional[str] = ..., provider_ref: _Optional[str] = ..., content_id: _Optional[str] = ...) -> None: ...

class MessageRoute(_message.Message):
    __slots__ = ("address", "name", "external_id", "references", "subject", "thread")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    THREAD_FIELD_NUMBER: _ClassVar[int]
    address: str
    name: str
    external_id: str
    references: _containers.RepeatedScalarFieldContainer[str]
    subject: str
    thread: str
    def __init__(self, address: _Optional[str] = ..., name: _Optional[str] = ..., external_id: _Optional[str] = ..., references: _Optional[_Iterable[str]] = ..., subject: _Optional[str] = ..., thread: _Optional[str] = ...) -> None: ...

class IdentityContent(_message.Message):
    __slots__ = ("channel", "address", "name")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    channel: str
    address: str
    name: str
    def __init__(self, channel: _Optional[str] = ..., address: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class OrderContent(_message.Message):
    __slots__ = ("name", "channels", "addresses", "items_json", "full_blob")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_JSON_FIELD_NUMBER: _ClassVar[int]
    FULL_BLOB_FIELD_NUMBER: _ClassVar[int]
    name: str
    channels: _containers.RepeatedScalarFieldContainer[str]
    addresses: _containers.RepeatedScalarFieldContainer[str]
    items_json: str
    full_blob: str
    def __init__(self, name: _Optional[str] = ..., channels: _Optional[_Iterable[str]] = ..., addresses: _Optional[_Iterable[str]] = ..., items_json: _Optional[str] = ..., full_blob: _Optional[str] = ...) -> None: ...

class ShipmentContent(_message.Message):
    __slots__ = ("tracking", "reason")
    TRACKING_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tracking: str
    reason: str
    def __init__(self, tracking: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RawContent(_message.Message):
    __slots__ = ("body", "headers", "blob")
    BODY_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    headers: _containers.RepeatedScalarFieldContainer[str]
    blob: str
    def __init__(self, body: _Optional[bytes] = ..., headers: _Optional[_Iterable[str]] = ..., blob: _Optional[str] = ...) -> None: ...
