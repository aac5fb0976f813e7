import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Identity(_message.Message):
    __slots__ = ("channel", "address")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    channel: str
    address: str
    def __init__(self, channel: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class Customer(_message.Message):
    __slots__ = ("id", "name", "identities")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    identities: _containers.RepeatedCompositeFieldContainer[Identity]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., identities: _Optional[_Iterable[_Union[Identity, _Mapping]]] = ...) -> None: ...

class Labels(_message.Message):
    __slots__ = ("language", "intent", "mood", "wants_human")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    MOOD_FIELD_NUMBER: _ClassVar[int]
    WANTS_HUMAN_FIELD_NUMBER: _ClassVar[int]
    language: str
    intent: str
    mood: str
    wants_human: bool
    def __init__(self, language: _Optional[str] = ..., intent: _Optional[str] = ..., mood: _Optional[str] = ..., wants_human: _Optional[bool] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("id", "kind", "due_at", "state", "started_at", "warned_at", "breached_at", "met_at", "policy")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    WARNED_AT_FIELD_NUMBER: _ClassVar[int]
    BREACHED_AT_FIELD_NUMBER: _ClassVar[int]
    MET_AT_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    due_at: _timestamp_pb2.Timestamp
    state: str
    started_at: _timestamp_pb2.Timestamp
    warned_at: _timestamp_pb2.Timestamp
    breached_at: _timestamp_pb2.Timestamp
    met_at: _timestamp_pb2.Timestamp
    policy: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., warned_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., breached_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., met_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., policy: _Optional[str] = ...) -> None: ...

class Conversation(_message.Message):
    __slots__ = ("id", "desk", "customer", "state", "queue", "priority", "owner", "channel", "account", "labels", "attributes", "order_ids", "opened_at", "last_message_at", "last_message_id", "human_only", "offer", "targets", "seq", "messages", "notices", "orders", "delay", "events", "undeliverable")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    DESK_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    HUMAN_ONLY_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERABLE_FIELD_NUMBER: _ClassVar[int]
    id: str
    desk: str
    customer: Customer
    state: str
    queue: str
    priority: int
    owner: str
    channel: str
    account: str
    labels: Labels
    attributes: _containers.ScalarMap[str, str]
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    opened_at: _timestamp_pb2.Timestamp
    last_message_at: _timestamp_pb2.Timestamp
    last_message_id: str
    human_only: bool
    offer: Ringing
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    seq: int
    messages: _containers.RepeatedCompositeFieldContainer[ConversationMessage]
    notices: _containers.RepeatedCompositeFieldContainer[Notice]
    orders: _containers.RepeatedCompositeFieldContainer[CustomerOrder]
    delay: Delay
    events: _containers.RepeatedCompositeFieldContainer[Happened]
    undeliverable: str
    def __init__(self, id: _Optional[str] = ..., desk: _Optional[str] = ..., customer: _Optional[_Union[Customer, _Mapping]] = ..., state: _Optional[str] = ..., queue: _Optional[str] = ..., priority: _Optional[int] = ..., owner: _Optional[str] = ..., channel: _Optional[str] = ..., account: _Optional[str] = ..., labels: _Optional[_Union[Labels, _Mapping]] = ..., attributes: _Optional[_Mapping[str, str]] = ..., order_ids: _Optional[_Iterable[str]] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_message_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_message_id: _Optional[str] = ..., human_only: _Optional[bool] = ..., offer: _Optional[_Union[Ringing, _Mapping]] = ..., targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ..., seq: _Optional[int] = ..., messages: _Optional[_Iterable[_Union[ConversationMessage, _Mapping]]] = ..., notices: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., orders: _Optional[_Iterable[_Union[CustomerOrder, _Mapping]]] = ..., delay: _Optional[_Union[Delay, _Mapping]] = ..., events: _Optional[_Iterable[_Union[Happened, _Mapping]]] = ..., undeliverable: _Optional[str] = ...) -> None: ...

class Ringing(_message.Message):
    __slots__ = ("offer_id", "agent", "expires_at")
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    offer_id: str
    agent: str
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, offer_id: _Optional[str] = ..., agent: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ConversationMessage(_message.Message):
    __slots__ = ("id", "direction", "channel", "author", "subject", "text", "html", "attachments", "at", "state", "why")
    ID_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    id: str
    direction: str
    channel: str
    author: str
    subject: str
    text: str
    html: str
    attachments: _containers.RepeatedCompositeFieldContainer[FileInfo]
    at: _timestamp_pb2.Timestamp
    state: str
    why: str
    def __init__(self, id: _Optional[str] = ..., direction: _Optional[str] = ..., channel: _Optional[str] = ..., author: _Optional[str] = ..., subject: _Optional[str] = ..., text: _Optional[str] = ..., html: _Optional[str] = ..., attachments: _Optional[_Iterable[_Union[FileInfo, _Mapping]]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class FileInfo(_message.Message):
    __slots__ = ("name", "media_type", "size_bytes", "blob")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    name: str
    media_type: str
    size_bytes: int
    blob: str
    def __init__(self, name: _Optional[str] = ..., media_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., blob: _Optional[str] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("name", "media_type", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    media_type: str
    data: bytes
    def __init__(self, name: _Optional[str] = ..., media_type: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("id", "kind", "order_id", "customer", "conversation_id", "channel", "state", "why", "cause", "text", "at", "changed_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    order_id: str
    customer: str
    conversation_id: str
    channel: str
    state: str
    why: str
    cause: str
    text: str
    at: _timestamp_pb2.Timestamp
    changed_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., order_id: _Optional[str] = ..., customer: _Optional[str] = ..., conversation_id: _Optional[str] = ..., channel: _Optional[str] = ..., state: _Optional[str] = ..., why: _Optional[str] = ..., cause: _Optional[str] = ..., text: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CustomerOrder(_message.Message):
    __slots__ = ("order_id", "customer", "status", "placed_at", "promised_at", "value", "currency", "items_json", "shipments")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PLACED_AT_FIELD_NUMBER: _ClassVar[int]
    PROMISED_AT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    ITEMS_JSON_FIELD_NUMBER: _ClassVar[int]
    SHIPMENTS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    customer: str
    status: str
    placed_at: _timestamp_pb2.Timestamp
    promised_at: _timestamp_pb2.Timestamp
    value: str
    currency: str
    items_json: str
    shipments: _containers.RepeatedCompositeFieldContainer[OrderShipment]
    def __init__(self, order_id: _Optional[str] = ..., customer: _Optional[str] = ..., status: _Optional[str] = ..., placed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., promised_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., value: _Optional[str] = ..., currency: _Optional[str] = ..., items_json: _Optional[str] = ..., shipments: _Optional[_Iterable[_Union[OrderShipment, _Mapping]]] = ...) -> None: ...

class OrderShipment(_message.Message):
    __slots__ = ("shipment_id", "carrier", "tracking", "status", "estimated_at", "reason")
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    TRACKING_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    shipment_id: str
    carrier: str
    tracking: str
    status: str
    estimated_at: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, shipment_id: _Optional[str] = ..., carrier: _Optional[str] = ..., tracking: _Optional[str] = ..., status: _Optional[str] = ..., estimated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Delay(_message.Message):
    __slots__ = ("order_id", "promised_at", "late_s", "shipment_id", "carrier", "tracking", "status", "estimated_at", "reason")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    PROMISED_AT_FIELD_NUMBER: _ClassVar[int]
    LATE_S_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    TRACKING_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    promised_at: _timestamp_pb2.Timestamp
    late_s: int
    shipment_id: str
    carrier: str
    tracking: str
    status: str
    estimated_at: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, order_id: _Optional[str] = ..., promised_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., late_s: _Optional[int] = ..., shipment_id: _Optional[str] = ..., carrier: _Optional[str] = ..., tracking: _Optional[str] = ..., status: _Optional[str] = ..., estimated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Happened(_message.Message):
    __slots__ = ("at", "event", "detail")
    AT_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    event: str
    detail: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class Wait(_message.Message):
    __slots__ = ("p50_s", "p90_s")
    P50_S_FIELD_NUMBER: _ClassVar[int]
    P90_S_FIELD_NUMBER: _ClassVar[int]
    p50_s: float
    p90_s: float
    def __init__(self, p50_s: _Optional[float] = ..., p90_s: _Optional[float] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("code", "message", "fields", "why", "owner", "conversation_id", "retry_after_s")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    fields: _containers.RepeatedCompositeFieldContainer[WrongField]
    why: str
    owner: str
    conversation_id: str
    retry_after_s: float
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., fields: _Optional[_Iterable[_Union[WrongField, _Mapping]]] = ..., why: _Optional[str] = ..., owner: _Optional[str] = ..., conversation_id: _Optional[str] = ..., retry_after_s: _Optional[float] = ...) -> None: ...

class WrongField(_message.Message):
    __slots__ = ("pointer", "rule")
    POINTER_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    pointer: str
    rule: str
    def __init__(self, pointer: _Optional[str] = ..., rule: _Optional[str] = ...) -> None: ...
