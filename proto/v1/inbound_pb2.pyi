from proto.v1 import desk_pb2 as _desk_pb2
from proto.v1 import envelope_pb2 as _envelope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AutoKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUTO_KIND_UNSPECIFIED: _ClassVar[AutoKind]
    AUTO_KIND_NONE: _ClassVar[AutoKind]
    AUTO_KIND_AUTO_REPLY: _ClassVar[AutoKind]
    AUTO_KIND_BOUNCE: _ClassVar[AutoKind]
    AUTO_KIND_LIST: _ClassVar[AutoKind]
    AUTO_KIND_SYSTEM: _ClassVar[AutoKind]

class MessageKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_KIND_UNSPECIFIED: _ClassVar[MessageKind]
    MESSAGE_KIND_NEW: _ClassVar[MessageKind]
    MESSAGE_KIND_EDIT: _ClassVar[MessageKind]
    MESSAGE_KIND_DELETE: _ClassVar[MessageKind]
    MESSAGE_KIND_REACTION: _ClassVar[MessageKind]

class DeliveryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_STATE_UNSPECIFIED: _ClassVar[DeliveryState]
    DELIVERY_STATE_SENT: _ClassVar[DeliveryState]
    DELIVERY_STATE_DELIVERED: _ClassVar[DeliveryState]
    DELIVERY_STATE_READ: _ClassVar[DeliveryState]
    DELIVERY_STATE_FAILED: _ClassVar[DeliveryState]

class SendOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEND_OUTCOME_UNSPECIFIED: _ClassVar[SendOutcome]
    SEND_OUTCOME_SENT: _ClassVar[SendOutcome]
    SEND_OUTCOME_RETRY: _ClassVar[SendOutcome]
    SEND_OUTCOME_FAILED: _ClassVar[SendOutcome]
    SEND_OUTCOME_UNCERTAIN: _ClassVar[SendOutcome]

class RequestKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_KIND_UNSPECIFIED: _ClassVar[RequestKind]
    REQUEST_KIND_ACCEPT: _ClassVar[RequestKind]
    REQUEST_KIND_DECLINE: _ClassVar[RequestKind]
    REQUEST_KIND_REPLY: _ClassVar[RequestKind]
    REQUEST_KIND_TRANSFER: _ClassVar[RequestKind]
    REQUEST_KIND_RESOLVE: _ClassVar[RequestKind]
    REQUEST_KIND_REOPEN: _ClassVar[RequestKind]
    REQUEST_KIND_PRIORITY: _ClassVar[RequestKind]
    REQUEST_KIND_NOTE: _ClassVar[RequestKind]

class TransferTo(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSFER_TO_UNSPECIFIED: _ClassVar[TransferTo]
    TRANSFER_TO_SKILL: _ClassVar[TransferTo]
    TRANSFER_TO_AGENT: _ClassVar[TransferTo]
    TRANSFER_TO_QUEUE: _ClassVar[TransferTo]

class OrderStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_STATUS_UNSPECIFIED: _ClassVar[OrderStatus]
    ORDER_STATUS_OPEN: _ClassVar[OrderStatus]
    ORDER_STATUS_SHIPPED: _ClassVar[OrderStatus]
    ORDER_STATUS_DELIVERED: _ClassVar[OrderStatus]
    ORDER_STATUS_CANCELLED: _ClassVar[OrderStatus]
    ORDER_STATUS_RETURNED: _ClassVar[OrderStatus]

class ShipmentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHIPMENT_STATUS_UNSPECIFIED: _ClassVar[ShipmentStatus]
    SHIPMENT_STATUS_CREATED: _ClassVar[ShipmentStatus]
    SHIPMENT_STATUS_IN_TRANSIT: _ClassVar[ShipmentStatus]
    SHIPMENT_STATUS_OUT_FOR_DELIVERY: _ClassVar[ShipmentStatus]
    SHIPMENT_STATUS_DELAYED: _ClassVar[ShipmentStatus]
    SHIPMENT_STATUS_DELIVERED: _ClassVar[ShipmentStatus]
    SHIPMENT_STATUS_FAILED: _ClassVar[ShipmentStatus]
    SHIPMENT_STATUS_RETURNED: _ClassVar[ShipmentStatus]

class QuarantineReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUARANTINE_REASON_UNSPECIFIED: _ClassVar[QuarantineReason]
    QUARANTINE_REASON_MALFORMED: _ClassVar[QuarantineReason]
    QUARANTINE_REASON_UNKNOWN_TYPE: _ClassVar[QuarantineReason]
    QUARANTINE_REASON_TOO_OLD: _ClassVar[QuarantineReason]
    QUARANTINE_REASON_UNKNOWN_ACCOUNT: _ClassVar[QuarantineReason]
    QUARANTINE_REASON_TOO_LARGE: _ClassVar[QuarantineReason]
AUTO_KIND_UNSPECIFIED: AutoKind
AUTO_KIND_NONE: AutoKind
AUTO_KIND_AUTO_REPLY: AutoKind
AUTO_KIND_BOUNCE: AutoKind
AUTO_KIND_LIST: AutoKind
AUTO_KIND_SYSTEM: AutoKind
MESSAGE_KIND_UNSPECIFIED: MessageKind
MESSAGE_KIND_NEW: MessageKind
MESSAGE_KIND_EDIT: MessageKind
MESSAGE_KIND_DELETE: MessageKind
MESSAGE_KIND_REACTION: MessageKind
DELIVERY_STATE_UNSPECIFIED: DeliveryState
DELIVERY_STATE_SENT: DeliveryState
DELIVERY_STATE_DELIVERED: DeliveryState
DELIVERY_STATE_READ: DeliveryState
DELIVERY_STATE_FAILED: DeliveryState
SEND_OUTCOME_UNSPECIFIED: SendOutcome
SEND_OUTCOME_SENT: SendOutcome
SEND_OUTCOME_RETRY: SendOutcome
SEND_OUTCOME_FAILED: SendOutcome
SEND_OUTCOME_UNCERTAIN: SendOutcome
REQUEST_KIND_UNSPECIFIED: RequestKind
REQUEST_KIND_ACCEPT: RequestKind
REQUEST_KIND_DECLINE: RequestKind
REQUEST_KIND_REPLY: RequestKind
REQUEST_KIND_TRANSFER: RequestKind
REQUEST_KIND_RESOLVE: RequestKind
REQUEST_KIND_REOPEN: RequestKind
REQUEST_KIND_PRIORITY: RequestKind
REQUEST_KIND_NOTE: RequestKind
TRANSFER_TO_UNSPECIFIED: TransferTo
TRANSFER_TO_SKILL: TransferTo
TRANSFER_TO_AGENT: TransferTo
TRANSFER_TO_QUEUE: TransferTo
ORDER_STATUS_UNSPECIFIED: OrderStatus
ORDER_STATUS_OPEN: OrderStatus
ORDER_STATUS_SHIPPED: OrderStatus
ORDER_STATUS_DELIVERED: OrderStatus
ORDER_STATUS_CANCELLED: OrderStatus
ORDER_STATUS_RETURNED: OrderStatus
SHIPMENT_STATUS_UNSPECIFIED: ShipmentStatus
SHIPMENT_STATUS_CREATED: ShipmentStatus
SHIPMENT_STATUS_IN_TRANSIT: ShipmentStatus
SHIPMENT_STATUS_OUT_FOR_DELIVERY: ShipmentStatus
SHIPMENT_STATUS_DELAYED: ShipmentStatus
SHIPMENT_STATUS_DELIVERED: ShipmentStatus
SHIPMENT_STATUS_FAILED: ShipmentStatus
SHIPMENT_STATUS_RETURNED: ShipmentStatus
QUARANTINE_REASON_UNSPECIFIED: QuarantineReason
QUARANTINE_REASON_MALFORMED: QuarantineReason
QUARANTINE_REASON_UNKNOWN_TYPE: QuarantineReason
QUARANTINE_REASON_TOO_OLD: QuarantineReason
QUARANTINE_REASON_UNKNOWN_ACCOUNT: QuarantineReason
QUARANTINE_REASON_TOO_LARGE: QuarantineReason

class Inbound(_message.Message):
    __slots__ = ("desk_id", "record_id", "traceparent", "message", "delivery", "send_report", "request", "order", "shipment", "desk", "agent", "presence", "api_key", "api_key_remove", "unparsed", "erasure", "erasure_report")
    DESK_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    SEND_REPORT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_FIELD_NUMBER: _ClassVar[int]
    DESK_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    API_KEY_REMOVE_FIELD_NUMBER: _ClassVar[int]
    UNPARSED_FIELD_NUMBER: _ClassVar[int]
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    ERASURE_REPORT_FIELD_NUMBER: _ClassVar[int]
    desk_id: str
    record_id: str
    traceparent: str
    message: ChannelMessage
    delivery: DeliveryReport
    send_report: SendReport
    request: AgentRequest
    order: Order
    shipment: Shipment
    desk: DeskPut
    agent: _desk_pb2.Agent
    presence: PresencePut
    api_key: ApiKeyPut
    api_key_remove: ApiKeyRemove
    unparsed: Unparsed
    erasure: ErasureRequest
    erasure_report: ErasureReport
    def __init__(self, desk_id: _Optional[str] = ..., record_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., message: _Optional[_Union[ChannelMessage, _Mapping]] = ..., delivery: _Optional[_Union[DeliveryReport, _Mapping]] = ..., send_report: _Optional[_Union[SendReport, _Mapping]] = ..., request: _Optional[_Union[AgentRequest, _Mapping]] = ..., order: _Optional[_Union[Order, _Mapping]] = ..., shipment: _Optional[_Union[Shipment, _Mapping]] = ..., desk: _Optional[_Union[DeskPut, _Mapping]] = ..., agent: _Optional[_Union[_desk_pb2.Agent, _Mapping]] = ..., presence: _Optional[_Union[PresencePut, _Mapping]] = ..., api_key: _Optional[_Union[ApiKeyPut, _Mapping]] = ..., api_key_remove: _Optional[_Union[ApiKeyRemove, _Mapping]] = ..., unparsed: _Optional[_Union[Unparsed, _Mapping]] = ..., erasure: _Optional[_Union[ErasureRequest, _Mapping]] = ..., erasure_report: _Optional[_Union[ErasureReport, _Mapping]] = ...) -> None: ...

class ChannelMessage(_message.Message):
    __slots__ = ("message_id", "kind", "channel", "account", "identity_hashes", "identity_channels", "external_hash", "reference_hashes", "thread_hash", "sent_at_ms", "auto_kind", "language", "intent", "mood", "wants_human", "order_id", "attributes", "content", "route", "identities", "reply_conversation_id")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_HASHES_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_HASH_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_HASHES_FIELD_NUMBER: _ClassVar[int]
    THREAD_HASH_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    AUTO_KIND_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    MOOD_FIELD_NUMBER: _ClassVar[int]
    WANTS_HUMAN_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    REPLY_CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    kind: MessageKind
    channel: str
    account: str
    identity_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    identity_channels: _containers.RepeatedScalarFieldContainer[str]
    external_hash: bytes
    reference_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    thread_hash: bytes
    sent_at_ms: int
    auto_kind: AutoKind
    language: str
    intent: str
    mood: str
    wants_human: bool
    order_id: str
    attributes: _containers.ScalarMap[str, str]
    content: _envelope_pb2.Sealed
    route: _envelope_pb2.Sealed
    identities: _containers.RepeatedCompositeFieldContainer[_envelope_pb2.Sealed]
    reply_conversation_id: str
    def __init__(self, message_id: _Optional[str] = ..., kind: _Optional[_Union[MessageKind, str]] = ..., channel: _Optional[str] = ..., account: _Optional[str] = ..., identity_hashes: _Optional[_Iterable[bytes]] = ..., identity_channels: _Optional[_Iterable[str]] = ..., external_hash: _Optional[bytes] = ..., reference_hashes: _Optional[_Iterable[bytes]] = ..., thread_hash: _Optional[bytes] = ..., sent_at_ms: _Optional[int] = ..., auto_kind: _Optional[_Union[AutoKind, str]] = ..., language: _Optional[str] = ..., intent: _Optional[str] = ..., mood: _Optional[str] = ..., wants_human: _Optional[bool] = ..., order_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., route: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., identities: _Optional[_Iterable[_Union[_envelope_pb2.Sealed, _Mapping]]] = ..., reply_conversation_id: _Optional[str] = ...) -> None: ...

class DeliveryReport(_message.Message):
    __slots__ = ("channel", "account", "provider_id_hash", "state", "error_code", "at_ms", "send_id")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_HASH_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    channel: str
    account: str
    provider_id_hash: bytes
    state: DeliveryState
    error_code: str
    at_ms: int
    send_id: str
    def __init__(self, channel: _Optional[str] = ..., account: _Optional[str] = ..., provider_id_hash: _Optional[bytes] = ..., state: _Optional[_Union[DeliveryState, str]] = ..., error_code: _Optional[str] = ..., at_ms: _Optional[int] = ..., send_id: _Optional[str] = ...) -> None: ...

class SendReport(_message.Message):
    __slots__ = ("send_id", "attempt", "outcome", "provider_id_hash", "error", "retry_after_ms")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_HASH_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    attempt: int
    outcome: SendOutcome
    provider_id_hash: bytes
    error: str
    retry_after_ms: int
    def __init__(self, send_id: _Optional[str] = ..., attempt: _Optional[int] = ..., outcome: _Optional[_Union[SendOutcome, str]] = ..., provider_id_hash: _Optional[bytes] = ..., error: _Optional[str] = ..., retry_after_ms: _Optional[int] = ...) -> None: ...

class AgentRequest(_message.Message):
    __slots__ = ("kind", "agent_id", "conversation_id", "offer_id", "body_hash", "requested_at_ms", "reason", "transfer_to", "transfer_target", "priority", "last_message_seen", "promise_within_ms", "content")
    KIND_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_TO_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_TARGET_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_SEEN_FIELD_NUMBER: _ClassVar[int]
    PROMISE_WITHIN_MS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    kind: RequestKind
    agent_id: str
    conversation_id: str
    offer_id: str
    body_hash: bytes
    requested_at_ms: int
    reason: str
    transfer_to: TransferTo
    transfer_target: str
    priority: int
    last_message_seen: str
    promise_within_ms: int
    content: _envelope_pb2.Sealed
    def __init__(self, kind: _Optional[_Union[RequestKind, str]] = ..., agent_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., body_hash: _Optional[bytes] = ..., requested_at_ms: _Optional[int] = ..., reason: _Optional[str] = ..., transfer_to: _Optional[_Union[TransferTo, str]] = ..., transfer_target: _Optional[str] = ..., priority: _Optional[int] = ..., last_message_seen: _Optional[str] = ..., promise_within_ms: _Optional[int] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("order_id", "identity_hashes", "identity_channels", "content", "identities", "language", "placed_at_ms", "promised_at_ms", "value_minor", "currency", "status", "body_hash")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_HASHES_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PLACED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    PROMISED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    identity_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    identity_channels: _containers.RepeatedScalarFieldContainer[str]
    content: _envelope_pb2.Sealed
    identities: _containers.RepeatedCompositeFieldContainer[_envelope_pb2.Sealed]
    language: str
    placed_at_ms: int
    promised_at_ms: int
    value_minor: int
    currency: str
    status: OrderStatus
    body_hash: bytes
    def __init__(self, order_id: _Optional[str] = ..., identity_hashes: _Optional[_Iterable[bytes]] = ..., identity_channels: _Optional[_Iterable[str]] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., identities: _Optional[_Iterable[_Union[_envelope_pb2.Sealed, _Mapping]]] = ..., language: _Optional[str] = ..., placed_at_ms: _Optional[int] = ..., promised_at_ms: _Optional[int] = ..., value_minor: _Optional[int] = ..., currency: _Optional[str] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., body_hash: _Optional[bytes] = ...) -> None: ...

class Shipment(_message.Message):
    __slots__ = ("shipment_id", "order_ids", "carrier", "status", "estimated_at_ms", "happened_at_ms", "content", "body_hash")
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    HAPPENED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_FIELD_NUMBER: _ClassVar[int]
    shipment_id: str
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    carrier: str
    status: ShipmentStatus
    estimated_at_ms: int
    happened_at_ms: int
    content: _envelope_pb2.Sealed
    body_hash: bytes
    def __init__(self, shipment_id: _Optional[str] = ..., order_ids: _Optional[_Iterable[str]] = ..., carrier: _Optional[str] = ..., status: _Optional[_Union[ShipmentStatus, str]] = ..., estimated_at_ms: _Optional[int] = ..., happened_at_ms: _Optional[int] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., body_hash: _Optional[bytes] = ...) -> None: ...

class DeskPut(_message.Message):
    __slots__ = ("desk", "source_json", "not_in_effect", "body_hash")
    DESK_FIELD_NUMBER: _ClassVar[int]
    SOURCE_JSON_FIELD_NUMBER: _ClassVar[int]
    NOT_IN_EFFECT_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_FIELD_NUMBER: _ClassVar[int]
    desk: _desk_pb2.DeskConfig
    source_json: str
    not_in_effect: _containers.RepeatedScalarFieldContainer[str]
    body_hash: bytes
    def __init__(self, desk: _Optional[_Union[_desk_pb2.DeskConfig, _Mapping]] = ..., source_json: _Optional[str] = ..., not_in_effect: _Optional[_Iterable[str]] = ..., body_hash: _Optional[bytes] = ...) -> None: ...

class PresencePut(_message.Message):
    __slots__ = ("agent_id", "state", "ttl_ms")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TTL_MS_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    state: _desk_pb2.PresenceState
    ttl_ms: int
    def __init__(self, agent_id: _Optional[str] = ..., state: _Optional[_Union[_desk_pb2.PresenceState, str]] = ..., ttl_ms: _Optional[int] = ...) -> None: ...

class ApiKeyPut(_message.Message):
    __slots__ = ("key_id", "key_hash", "scope", "name", "agent_id")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_HASH_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    key_hash: bytes
    scope: _desk_pb2.KeyScope
    name: str
    agent_id: str
    def __init__(self, key_id: _Optional[str] = ..., key_hash: _Optional[bytes] = ..., scope: _Optional[_Union[_desk_pb2.KeyScope, str]] = ..., name: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class ApiKeyRemove(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    def __init__(self, key_id: _Optional[str] = ...) -> None: ...

class Unparsed(_message.Message):
    __slots__ = ("channel", "account", "reason", "detail", "raw")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    channel: str
    account: str
    reason: QuarantineReason
    detail: str
    raw: _envelope_pb2.Sealed
    def __init__(self, channel: _Optional[str] = ..., account: _Optional[str] = ..., reason: _Optional[_Union[QuarantineReason, str]] = ..., detail: _Optional[str] = ..., raw: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ...) -> None: ...

class ErasureRequest(_message.Message):
    __slots__ = ("customer_id", "identity_hashes")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_HASHES_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    identity_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, customer_id: _Optional[str] = ..., identity_hashes: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ErasureReport(_message.Message):
    __slots__ = ("erasure_id", "keys", "blobs")
    ERASURE_ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    erasure_id: str
    keys: int
    blobs: int
    def __init__(self, erasure_id: _Optional[str] = ..., keys: _Optional[int] = ..., blobs: _Optional[int] = ...) -> None: ...
