from proto.v1 import desk_pb2 as _desk_pb2
from proto.v1 import envelope_pb2 as _envelope_pb2
from proto.v1 import inbound_pb2 as _inbound_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConversationsEvent(_message.Message):
    __slots__ = ("desk_id", "occurred_at_ms", "cause_id", "origin_id", "trace", "skipped", "message", "duplicate", "quarantined", "identity", "merged", "order", "shipment", "order_attached", "request", "send_report", "delivery", "desk", "agent", "presence", "api_key", "api_key_removed", "erasure_requested", "erasure_due", "erasure_completed", "message_changed", "unchanged", "forgotten", "closed", "reopened", "reference", "undelivered")
    DESK_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_ID_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    MERGED_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_FIELD_NUMBER: _ClassVar[int]
    ORDER_ATTACHED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SEND_REPORT_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    DESK_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    API_KEY_REMOVED_FIELD_NUMBER: _ClassVar[int]
    ERASURE_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    ERASURE_DUE_FIELD_NUMBER: _ClassVar[int]
    ERASURE_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    REOPENED_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERED_FIELD_NUMBER: _ClassVar[int]
    desk_id: str
    occurred_at_ms: int
    cause_id: str
    origin_id: str
    trace: bytes
    skipped: _envelope_pb2.Skipped
    message: MessageReceived
    duplicate: MessageDuplicate
    quarantined: Quarantined
    identity: IdentityLinked
    merged: CustomersMerged
    order: OrderSeen
    shipment: ShipmentSeen
    order_attached: OrderAttached
    request: RequestSubmitted
    send_report: SendReported
    delivery: DeliveryReported
    desk: DeskConfigured
    agent: AgentConfigured
    presence: PresenceSet
    api_key: ApiKeyAdded
    api_key_removed: ApiKeyRemoved
    erasure_requested: ErasureRequested
    erasure_due: ErasureDue
    erasure_completed: ErasureCompleted
    message_changed: MessageChanged
    unchanged: RecordUnchanged
    forgotten: ConversationForgotten
    closed: ConversationClosed
    reopened: ConversationReopened
    reference: ReferenceAdded
    undelivered: SendUndelivered
    def __init__(self, desk_id: _Optional[str] = ..., occurred_at_ms: _Optional[int] = ..., cause_id: _Optional[str] = ..., origin_id: _Optional[str] = ..., trace: _Optional[bytes] = ..., skipped: _Optional[_Union[_envelope_pb2.Skipped, _Mapping]] = ..., message: _Optional[_Union[MessageReceived, _Mapping]] = ..., duplicate: _Optional[_Union[MessageDuplicate, _Mapping]] = ..., quarantined: _Optional[_Union[Quarantined, _Mapping]] = ..., identity: _Optional[_Union[IdentityLinked, _Mapping]] = ..., merged: _Optional[_Union[CustomersMerged, _Mapping]] = ..., order: _Optional[_Union[OrderSeen, _Mapping]] = ..., shipment: _Optional[_Union[ShipmentSeen, _Mapping]] = ..., order_attached: _Optional[_Union[OrderAttached, _Mapping]] = ..., request: _Optional[_Union[RequestSubmitted, _Mapping]] = ..., send_report: _Optional[_Union[SendReported, _Mapping]] = ..., delivery: _Optional[_Union[DeliveryReported, _Mapping]] = ..., desk: _Optional[_Union[DeskConfigured, _Mapping]] = ..., agent: _Optional[_Union[AgentConfigured, _Mapping]] = ..., presence: _Optional[_Union[PresenceSet, _Mapping]] = ..., api_key: _Optional[_Union[ApiKeyAdded, _Mapping]] = ..., api_key_removed: _Optional[_Union[ApiKeyRemoved, _Mapping]] = ..., erasure_requested: _Optional[_Union[ErasureRequested, _Mapping]] = ..., erasure_due: _Optional[_Union[ErasureDue, _Mapping]] = ..., erasure_completed: _Optional[_Union[ErasureCompleted, _Mapping]] = ..., message_changed: _Optional[_Union[MessageChanged, _Mapping]] = ..., unchanged: _Optional[_Union[RecordUnchanged, _Mapping]] = ..., forgotten: _Optional[_Union[ConversationForgotten, _Mapping]] = ..., closed: _Optional[_Union[ConversationClosed, _Mapping]] = ..., reopened: _Optional[_Union[ConversationReopened, _Mapping]] = ..., reference: _Optional[_Union[ReferenceAdded, _Mapping]] = ..., undelivered: _Optional[_Union[SendUndelivered, _Mapping]] = ...) -> None: ...

class MessageReceived(_message.Message):
    __slots__ = ("message_id", "conversation_id", "customer_id", "opens", "reopens", "channel", "account", "identity_hash", "external_hash", "thread_hash", "received_at_ms", "sent_at_ms", "auto_kind", "language", "intent", "mood", "wants_human", "attributes", "order_ids", "order_value_minor", "content", "route", "named_order_id")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    OPENS_FIELD_NUMBER: _ClassVar[int]
    REOPENS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_HASH_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_HASH_FIELD_NUMBER: _ClassVar[int]
    THREAD_HASH_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    AUTO_KIND_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    MOOD_FIELD_NUMBER: _ClassVar[int]
    WANTS_HUMAN_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    ORDER_VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    NAMED_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    conversation_id: str
    customer_id: str
    opens: bool
    reopens: bool
    channel: str
    account: str
    identity_hash: bytes
    external_hash: bytes
    thread_hash: bytes
    received_at_ms: int
    sent_at_ms: int
    auto_kind: _inbound_pb2.AutoKind
    language: str
    intent: str
    mood: str
    wants_human: bool
    attributes: _containers.ScalarMap[str, str]
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    order_value_minor: int
    content: _envelope_pb2.Sealed
    route: _envelope_pb2.Sealed
    named_order_id: str
    def __init__(self, message_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., opens: _Optional[bool] = ..., reopens: _Optional[bool] = ..., channel: _Optional[str] = ..., account: _Optional[str] = ..., identity_hash: _Optional[bytes] = ..., external_hash: _Optional[bytes] = ..., thread_hash: _Optional[bytes] = ..., received_at_ms: _Optional[int] = ..., sent_at_ms: _Optional[int] = ..., auto_kind: _Optional[_Union[_inbound_pb2.AutoKind, str]] = ..., language: _Optional[str] = ..., intent: _Optional[str] = ..., mood: _Optional[str] = ..., wants_human: _Optional[bool] = ..., attributes: _Optional[_Mapping[str, str]] = ..., order_ids: _Optional[_Iterable[str]] = ..., order_value_minor: _Optional[int] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., route: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., named_order_id: _Optional[str] = ...) -> None: ...

class MessageDuplicate(_message.Message):
    __slots__ = ("message_id",)
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    def __init__(self, message_id: _Optional[str] = ...) -> None: ...

class MessageChanged(_message.Message):
    __slots__ = ("message_id", "conversation_id", "kind", "content", "target_hash")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TARGET_HASH_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    conversation_id: str
    kind: _inbound_pb2.MessageKind
    content: _envelope_pb2.Sealed
    target_hash: bytes
    def __init__(self, message_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., kind: _Optional[_Union[_inbound_pb2.MessageKind, str]] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., target_hash: _Optional[bytes] = ...) -> None: ...

class RecordUnchanged(_message.Message):
    __slots__ = ("what",)
    WHAT_FIELD_NUMBER: _ClassVar[int]
    what: str
    def __init__(self, what: _Optional[str] = ...) -> None: ...

class Quarantined(_message.Message):
    __slots__ = ("channel", "account", "reason", "detail", "raw")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    channel: str
    account: str
    reason: _inbound_pb2.QuarantineReason
    detail: str
    raw: _envelope_pb2.Sealed
    def __init__(self, channel: _Optional[str] = ..., account: _Optional[str] = ..., reason: _Optional[_Union[_inbound_pb2.QuarantineReason, str]] = ..., detail: _Optional[str] = ..., raw: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ...) -> None: ...

class IdentityLinked(_message.Message):
    __slots__ = ("customer_id", "identity_hash", "channel", "identity")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_HASH_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    identity_hash: bytes
    channel: str
    identity: _envelope_pb2.Sealed
    def __init__(self, customer_id: _Optional[str] = ..., identity_hash: _Optional[bytes] = ..., channel: _Optional[str] = ..., identity: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ...) -> None: ...

class CustomersMerged(_message.Message):
    __slots__ = ("customer_id", "merged_id")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    MERGED_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    merged_id: str
    def __init__(self, customer_id: _Optional[str] = ..., merged_id: _Optional[str] = ...) -> None: ...

class OrderSeen(_message.Message):
    __slots__ = ("order_id", "customer_id", "language", "placed_at_ms", "promised_at_ms", "value_minor", "currency", "status", "body_hash", "identity_hashes", "identity_channels", "content", "first_identity", "more_identities")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PLACED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    PROMISED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_HASHES_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    FIRST_IDENTITY_FIELD_NUMBER: _ClassVar[int]
    MORE_IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    customer_id: str
    language: str
    placed_at_ms: int
    promised_at_ms: int
    value_minor: int
    currency: str
    status: _inbound_pb2.OrderStatus
    body_hash: bytes
    identity_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    identity_channels: _containers.RepeatedScalarFieldContainer[str]
    content: _envelope_pb2.Sealed
    first_identity: _envelope_pb2.Sealed
    more_identities: _containers.RepeatedCompositeFieldContainer[_envelope_pb2.Sealed]
    def __init__(self, order_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., language: _Optional[str] = ..., placed_at_ms: _Optional[int] = ..., promised_at_ms: _Optional[int] = ..., value_minor: _Optional[int] = ..., currency: _Optional[str] = ..., status: _Optional[_Union[_inbound_pb2.OrderStatus, str]] = ..., body_hash: _Optional[bytes] = ..., identity_hashes: _Optional[_Iterable[bytes]] = ..., identity_channels: _Optional[_Iterable[str]] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., first_identity: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., more_identities: _Optional[_Iterable[_Union[_envelope_pb2.Sealed, _Mapping]]] = ...) -> None: ...

class ShipmentSeen(_message.Message):
    __slots__ = ("shipment_id", "order_ids", "carrier", "status", "estimated_at_ms", "happened_at_ms", "received_at_ms", "content", "body_hash")
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    HAPPENED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_FIELD_NUMBER: _ClassVar[int]
    shipment_id: str
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    carrier: str
    status: _inbound_pb2.ShipmentStatus
    estimated_at_ms: int
    happened_at_ms: int
    received_at_ms: int
    content: _envelope_pb2.Sealed
    body_hash: bytes
    def __init__(self, shipment_id: _Optional[str] = ..., order_ids: _Optional[_Iterable[str]] = ..., carrier: _Optional[str] = ..., status: _Optional[_Union[_inbound_pb2.ShipmentStatus, str]] = ..., estimated_at_ms: _Optional[int] = ..., happened_at_ms: _Optional[int] = ..., received_at_ms: _Optional[int] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., body_hash: _Optional[bytes] = ...) -> None: ...

class OrderAttached(_message.Message):
    __slots__ = ("conversation_id", "order_id", "order_value_minor")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    order_id: str
    order_value_minor: int
    def __init__(self, conversation_id: _Optional[str] = ..., order_id: _Optional[str] = ..., order_value_minor: _Optional[int] = ...) -> None: ...

class RequestSubmitted(_message.Message):
    __slots__ = ("request", "received_at_ms", "customer_id")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    request: _inbound_pb2.AgentRequest
    received_at_ms: int
    customer_id: str
    def __init__(self, request: _Optional[_Union[_inbound_pb2.AgentRequest, _Mapping]] = ..., received_at_ms: _Optional[int] = ..., customer_id: _Optional[str] = ...) -> None: ...

class SendReported(_message.Message):
    __slots__ = ("report",)
    REPORT_FIELD_NUMBER: _ClassVar[int]
    report: _inbound_pb2.SendReport
    def __init__(self, report: _Optional[_Union[_inbound_pb2.SendReport, _Mapping]] = ...) -> None: ...

class DeliveryReported(_message.Message):
    __slots__ = ("report",)
    REPORT_FIELD_NUMBER: _ClassVar[int]
    report: _inbound_pb2.DeliveryReport
    def __init__(self, report: _Optional[_Union[_inbound_pb2.DeliveryReport, _Mapping]] = ...) -> None: ...

class DeskConfigured(_message.Message):
    __slots__ = ("desk", "version", "source_json", "not_in_effect", "body_hash")
    DESK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_JSON_FIELD_NUMBER: _ClassVar[int]
    NOT_IN_EFFECT_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_FIELD_NUMBER: _ClassVar[int]
    desk: _desk_pb2.DeskConfig
    version: int
    source_json: str
    not_in_effect: _containers.RepeatedScalarFieldContainer[str]
    body_hash: bytes
    def __init__(self, desk: _Optional[_Union[_desk_pb2.DeskConfig, _Mapping]] = ..., version: _Optional[int] = ..., source_json: _Optional[str] = ..., not_in_effect: _Optional[_Iterable[str]] = ..., body_hash: _Optional[bytes] = ...) -> None: ...

class AgentConfigured(_message.Message):
    __slots__ = ("agent",)
    AGENT_FIELD_NUMBER: _ClassVar[int]
    agent: _desk_pb2.Agent
    def __init__(self, agent: _Optional[_Union[_desk_pb2.Agent, _Mapping]] = ...) -> None: ...

class PresenceSet(_message.Message):
    __slots__ = ("presence", "received_at_ms")
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    presence: _inbound_pb2.PresencePut
    received_at_ms: int
    def __init__(self, presence: _Optional[_Union[_inbound_pb2.PresencePut, _Mapping]] = ..., received_at_ms: _Optional[int] = ...) -> None: ...

class ApiKeyAdded(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: _inbound_pb2.ApiKeyPut
    def __init__(self, key: _Optional[_Union[_inbound_pb2.ApiKeyPut, _Mapping]] = ...) -> None: ...

class ApiKeyRemoved(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    def __init__(self, key_id: _Optional[str] = ...) -> None: ...

class ErasureRequested(_message.Message):
    __slots__ = ("erasure_id", "customer_id", "identity_hashes", "due_at_ms")
    ERASURE_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_HASHES_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    erasure_id: str
    customer_id: str
    identity_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    due_at_ms: int
    def __init__(self, erasure_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., identity_hashes: _Optional[_Iterable[bytes]] = ..., due_at_ms: _Optional[int] = ...) -> None: ...

class ErasureDue(_message.Message):
    __slots__ = ("erasure_id", "customer_id", "identity_hashes", "keys_until_ms")
    ERASURE_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_HASHES_FIELD_NUMBER: _ClassVar[int]
    KEYS_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    erasure_id: str
    customer_id: str
    identity_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    keys_until_ms: int
    def __init__(self, erasure_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., identity_hashes: _Optional[_Iterable[bytes]] = ..., keys_until_ms: _Optional[int] = ...) -> None: ...

class ErasureCompleted(_message.Message):
    __slots__ = ("erasure_id", "customer_id", "keys", "blobs")
    ERASURE_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    erasure_id: str
    customer_id: str
    keys: int
    blobs: int
    def __init__(self, erasure_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., keys: _Optional[int] = ..., blobs: _Optional[int] = ...) -> None: ...

class ConversationClosed(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class ConversationReopened(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class ConversationForgotten(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class ReferenceAdded(_message.Message):
    __slots__ = ("conversation_id", "reference_hash")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_HASH_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    reference_hash: bytes
    def __init__(self, conversation_id: _Optional[str] = ..., reference_hash: _Optional[bytes] = ...) -> None: ...

class SendUndelivered(_message.Message):
    __slots__ = ("conversation_id", "customer_id", "reason")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    customer_id: str
    reason: str
    def __init__(self, conversation_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
