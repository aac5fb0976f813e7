import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from proto.v1 import rpc_shapes_pb2 as _rpc_shapes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Message(_message.Message):
    __slots__ = ("desk", "channel", "account", "external_id", "thread", "subject", "text", "html", "attachments", "sent_at", "order_id", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DESK_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    THREAD_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    desk: str
    channel: str
    account: str
    external_id: str
    thread: str
    subject: str
    text: str
    html: str
    attachments: _containers.RepeatedCompositeFieldContainer[_rpc_shapes_pb2.File]
    sent_at: _timestamp_pb2.Timestamp
    order_id: str
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, desk: _Optional[str] = ..., channel: _Optional[str] = ..., account: _Optional[str] = ..., external_id: _Optional[str] = ..., thread: _Optional[str] = ..., subject: _Optional[str] = ..., text: _Optional[str] = ..., html: _Optional[str] = ..., attachments: _Optional[_Iterable[_Union[_rpc_shapes_pb2.File, _Mapping]]] = ..., sent_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., order_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., **kwargs) -> None: ...

class Sender(_message.Message):
    __slots__ = ("address", "name")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    address: str
    name: str
    def __init__(self, address: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("message_id", "record_id", "external_id", "refused")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    record_id: str
    external_id: str
    refused: _rpc_shapes_pb2.Refused
    def __init__(self, message_id: _Optional[str] = ..., record_id: _Optional[str] = ..., external_id: _Optional[str] = ..., refused: _Optional[_Union[_rpc_shapes_pb2.Refused, _Mapping]] = ...) -> None: ...

class OrderPut(_message.Message):
    __slots__ = ("desk", "order_id", "customer", "placed_at", "promised_at", "value", "currency", "items", "status")
    DESK_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    PLACED_AT_FIELD_NUMBER: _ClassVar[int]
    PROMISED_AT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    desk: str
    order_id: str
    customer: OrderCustomer
    placed_at: _timestamp_pb2.Timestamp
    promised_at: _timestamp_pb2.Timestamp
    value: float
    currency: str
    items: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    status: str
    def __init__(self, desk: _Optional[str] = ..., order_id: _Optional[str] = ..., customer: _Optional[_Union[OrderCustomer, _Mapping]] = ..., placed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., promised_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., value: _Optional[float] = ..., currency: _Optional[str] = ..., items: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., status: _Optional[str] = ...) -> None: ...

class OrderCustomer(_message.Message):
    __slots__ = ("addresses", "name", "language")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedCompositeFieldContainer[_rpc_shapes_pb2.Identity]
    name: str
    language: str
    def __init__(self, addresses: _Optional[_Iterable[_Union[_rpc_shapes_pb2.Identity, _Mapping]]] = ..., name: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class ShipmentPut(_message.Message):
    __slots__ = ("desk", "shipment_id", "order_ids", "carrier", "tracking", "status", "estimated_at", "reason", "occurred_at")
    DESK_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    TRACKING_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    desk: str
    shipment_id: str
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    carrier: str
    tracking: str
    status: str
    estimated_at: _timestamp_pb2.Timestamp
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, desk: _Optional[str] = ..., shipment_id: _Optional[str] = ..., order_ids: _Optional[_Iterable[str]] = ..., carrier: _Optional[str] = ..., tracking: _Optional[str] = ..., status: _Optional[str] = ..., estimated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
