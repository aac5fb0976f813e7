from proto.v1 import desk_pb2 as _desk_pb2
from proto.v1 import envelope_pb2 as _envelope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SendKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEND_KIND_UNSPECIFIED: _ClassVar[SendKind]
    SEND_KIND_REPLY: _ClassVar[SendKind]
    SEND_KIND_NOTICE: _ClassVar[SendKind]
    SEND_KIND_WEBHOOK: _ClassVar[SendKind]

class NoticeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTICE_KIND_UNSPECIFIED: _ClassVar[NoticeKind]
    NOTICE_KIND_DELAY: _ClassVar[NoticeKind]

class SuppressedWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUPPRESSED_WHY_UNSPECIFIED: _ClassVar[SuppressedWhy]
    SUPPRESSED_WHY_OFF: _ClassVar[SuppressedWhy]
    SUPPRESSED_WHY_ALREADY_TOLD: _ClassVar[SuppressedWhy]
    SUPPRESSED_WHY_NO_ADDRESS: _ClassVar[SuppressedWhy]
    SUPPRESSED_WHY_ERASED: _ClassVar[SuppressedWhy]
    SUPPRESSED_WHY_TOO_SMALL: _ClassVar[SuppressedWhy]
    SUPPRESSED_WHY_CLOSED: _ClassVar[SuppressedWhy]
    SUPPRESSED_WHY_UNKNOWN_ORDER: _ClassVar[SuppressedWhy]
    SUPPRESSED_WHY_OVERTAKEN: _ClassVar[SuppressedWhy]
SEND_KIND_UNSPECIFIED: SendKind
SEND_KIND_REPLY: SendKind
SEND_KIND_NOTICE: SendKind
SEND_KIND_WEBHOOK: SendKind
NOTICE_KIND_UNSPECIFIED: NoticeKind
NOTICE_KIND_DELAY: NoticeKind
SUPPRESSED_WHY_UNSPECIFIED: SuppressedWhy
SUPPRESSED_WHY_OFF: SuppressedWhy
SUPPRESSED_WHY_ALREADY_TOLD: SuppressedWhy
SUPPRESSED_WHY_NO_ADDRESS: SuppressedWhy
SUPPRESSED_WHY_ERASED: SuppressedWhy
SUPPRESSED_WHY_TOO_SMALL: SuppressedWhy
SUPPRESSED_WHY_CLOSED: SuppressedWhy
SUPPRESSED_WHY_UNKNOWN_ORDER: SuppressedWhy
SUPPRESSED_WHY_OVERTAKEN: SuppressedWhy

class NoticesEvent(_message.Message):
    __slots__ = ("desk_id", "occurred_at_ms", "cause_id", "origin_id", "trace", "skipped", "desk", "route", "route_closed", "order", "customer_forgotten", "requested", "suppressed", "attempted", "sent", "delivered", "deferred", "failed", "uncertain", "delay_planned", "report_parked", "customer_merged", "withdrawn")
    DESK_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_ID_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    DESK_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    ROUTE_CLOSED_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTED_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    DEFERRED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    UNCERTAIN_FIELD_NUMBER: _ClassVar[int]
    DELAY_PLANNED_FIELD_NUMBER: _ClassVar[int]
    REPORT_PARKED_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_MERGED_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    desk_id: str
    occurred_at_ms: int
    cause_id: str
    origin_id: str
    trace: bytes
    skipped: _envelope_pb2.Skipped
    desk: NotifyDeskSeen
    route: RouteSeen
    route_closed: RouteClosed
    order: NotifyOrderSeen
    customer_forgotten: CustomerForgotten
    requested: SendRequested
    suppressed: SendSuppressed
    attempted: SendAttempted
    sent: SendSent
    delivered: SendDelivered
    deferred: SendDeferred
    failed: SendFailed
    uncertain: SendUncertain
    delay_planned: DelayPlanned
    report_parked: ReportParked
    customer_merged: NotifyCustomerMerged
    withdrawn: SendWithdrawn
    def __init__(self, desk_id: _Optional[str] = ..., occurred_at_ms: _Optional[int] = ..., cause_id: _Optional[str] = ..., origin_id: _Optional[str] = ..., trace: _Optional[bytes] = ..., skipped: _Optional[_Union[_envelope_pb2.Skipped, _Mapping]] = ..., desk: _Optional[_Union[NotifyDeskSeen, _Mapping]] = ..., route: _Optional[_Union[RouteSeen, _Mapping]] = ..., route_closed: _Optional[_Union[RouteClosed, _Mapping]] = ..., order: _Optional[_Union[NotifyOrderSeen, _Mapping]] = ..., customer_forgotten: _Optional[_Union[CustomerForgotten, _Mapping]] = ..., requested: _Optional[_Union[SendRequested, _Mapping]] = ..., suppressed: _Optional[_Union[SendSuppressed, _Mapping]] = ..., attempted: _Optional[_Union[SendAttempted, _Mapping]] = ..., sent: _Optional[_Union[SendSent, _Mapping]] = ..., delivered: _Optional[_Union[SendDelivered, _Mapping]] = ..., deferred: _Optional[_Union[SendDeferred, _Mapping]] = ..., failed: _Optional[_Union[SendFailed, _Mapping]] = ..., uncertain: _Optional[_Union[SendUncertain, _Mapping]] = ..., delay_planned: _Optional[_Union[DelayPlanned, _Mapping]] = ..., report_parked: _Optional[_Union[ReportParked, _Mapping]] = ..., customer_merged: _Optional[_Union[NotifyCustomerMerged, _Mapping]] = ..., withdrawn: _Optional[_Union[SendWithdrawn, _Mapping]] = ...) -> None: ...

class NotifyDeskSeen(_message.Message):
    __slots__ = ("desk", "version")
    DESK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    desk: _desk_pb2.DeskConfig
    version: int
    def __init__(self, desk: _Optional[_Union[_desk_pb2.DeskConfig, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class RouteSeen(_message.Message):
    __slots__ = ("conversation_id", "customer_id", "channel", "account", "language", "route", "order_ids")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    customer_id: str
    channel: str
    account: str
    language: str
    route: _envelope_pb2.Sealed
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, conversation_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., channel: _Optional[str] = ..., account: _Optional[str] = ..., language: _Optional[str] = ..., route: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., order_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RouteClosed(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class NotifyOrderSeen(_message.Message):
    __slots__ = ("order_id", "customer_id", "language", "promised_at_ms", "channel", "identity", "closed", "told_at_ms")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PROMISED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    TOLD_AT_MS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    customer_id: str
    language: str
    promised_at_ms: int
    channel: str
    identity: _envelope_pb2.Sealed
    closed: bool
    told_at_ms: int
    def __init__(self, order_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., language: _Optional[str] = ..., promised_at_ms: _Optional[int] = ..., channel: _Optional[str] = ..., identity: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., closed: _Optional[bool] = ..., told_at_ms: _Optional[int] = ...) -> None: ...

class CustomerForgotten(_message.Message):
    __slots__ = ("customer_id",)
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    def __init__(self, customer_id: _Optional[str] = ...) -> None: ...

class NotifyCustomerMerged(_message.Message):
    __slots__ = ("customer_id", "merged_id")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    MERGED_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    merged_id: str
    def __init__(self, customer_id: _Optional[str] = ..., merged_id: _Optional[str] = ...) -> None: ...

class DelayPlanned(_message.Message):
    __slots__ = ("shipment_id", "order_ids", "estimated_at_ms", "received_at_ms", "done", "said_late")
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    SAID_LATE_FIELD_NUMBER: _ClassVar[int]
    shipment_id: str
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    estimated_at_ms: int
    received_at_ms: int
    done: int
    said_late: bool
    def __init__(self, shipment_id: _Optional[str] = ..., order_ids: _Optional[_Iterable[str]] = ..., estimated_at_ms: _Optional[int] = ..., received_at_ms: _Optional[int] = ..., done: _Optional[int] = ..., said_late: _Optional[bool] = ...) -> None: ...

class SendRequested(_message.Message):
    __slots__ = ("send_id", "kind", "conversation_id", "customer_id", "order_id", "channel", "account", "language", "notice_kind", "matter", "told_before_ms", "told_now_ms", "content", "route", "route_is_identity", "held_until_ms", "dead_at_ms", "idempotent", "url", "event_name", "event_json", "author_agent_id", "template_version", "shipment_id", "bot", "copy_of_send_id", "worded_at_ms")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    NOTICE_KIND_FIELD_NUMBER: _ClassVar[int]
    MATTER_FIELD_NUMBER: _ClassVar[int]
    TOLD_BEFORE_MS_FIELD_NUMBER: _ClassVar[int]
    TOLD_NOW_MS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    ROUTE_IS_IDENTITY_FIELD_NUMBER: _ClassVar[int]
    HELD_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    DEAD_AT_MS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    EVENT_JSON_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    BOT_FIELD_NUMBER: _ClassVar[int]
    COPY_OF_SEND_ID_FIELD_NUMBER: _ClassVar[int]
    WORDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    kind: SendKind
    conversation_id: str
    customer_id: str
    order_id: str
    channel: str
    account: str
    language: str
    notice_kind: NoticeKind
    matter: str
    told_before_ms: int
    told_now_ms: int
    content: _envelope_pb2.Sealed
    route: _envelope_pb2.Sealed
    route_is_identity: bool
    held_until_ms: int
    dead_at_ms: int
    idempotent: bool
    url: str
    event_name: str
    event_json: str
    author_agent_id: str
    template_version: int
    shipment_id: str
    bot: bool
    copy_of_send_id: str
    worded_at_ms: int
    def __init__(self, send_id: _Optional[str] = ..., kind: _Optional[_Union[SendKind, str]] = ..., conversation_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., order_id: _Optional[str] = ..., channel: _Optional[str] = ..., account: _Optional[str] = ..., language: _Optional[str] = ..., notice_kind: _Optional[_Union[NoticeKind, str]] = ..., matter: _Optional[str] = ..., told_before_ms: _Optional[int] = ..., told_now_ms: _Optional[int] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., route: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., route_is_identity: _Optional[bool] = ..., held_until_ms: _Optional[int] = ..., dead_at_ms: _Optional[int] = ..., idempotent: _Optional[bool] = ..., url: _Optional[str] = ..., event_name: _Optional[str] = ..., event_json: _Optional[str] = ..., author_agent_id: _Optional[str] = ..., template_version: _Optional[int] = ..., shipment_id: _Optional[str] = ..., bot: _Optional[bool] = ..., copy_of_send_id: _Optional[str] = ..., worded_at_ms: _Optional[int] = ...) -> None: ...

class SendSuppressed(_message.Message):
    __slots__ = ("send_id", "why", "notice_kind", "order_id", "customer_id", "matter", "told_now_ms", "shipment_id", "said_late", "by_shipment_id")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    NOTICE_KIND_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    MATTER_FIELD_NUMBER: _ClassVar[int]
    TOLD_NOW_MS_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SAID_LATE_FIELD_NUMBER: _ClassVar[int]
    BY_SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    why: SuppressedWhy
    notice_kind: NoticeKind
    order_id: str
    customer_id: str
    matter: str
    told_now_ms: int
    shipment_id: str
    said_late: bool
    by_shipment_id: str
    def __init__(self, send_id: _Optional[str] = ..., why: _Optional[_Union[SuppressedWhy, str]] = ..., notice_kind: _Optional[_Union[NoticeKind, str]] = ..., order_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., matter: _Optional[str] = ..., told_now_ms: _Optional[int] = ..., shipment_id: _Optional[str] = ..., said_late: _Optional[bool] = ..., by_shipment_id: _Optional[str] = ...) -> None: ...

class SendWithdrawn(_message.Message):
    __slots__ = ("send_id", "why", "estimated_at_ms", "shipment_id")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    why: SuppressedWhy
    estimated_at_ms: int
    shipment_id: str
    def __init__(self, send_id: _Optional[str] = ..., why: _Optional[_Union[SuppressedWhy, str]] = ..., estimated_at_ms: _Optional[int] = ..., shipment_id: _Optional[str] = ...) -> None: ...

class SendAttempted(_message.Message):
    __slots__ = ("send_id", "attempt", "lease_until_ms")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    attempt: int
    lease_until_ms: int
    def __init__(self, send_id: _Optional[str] = ..., attempt: _Optional[int] = ..., lease_until_ms: _Optional[int] = ...) -> None: ...

class SendSent(_message.Message):
    __slots__ = ("send_id", "attempt", "provider_id_hash", "conversation_id", "kind")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_HASH_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    attempt: int
    provider_id_hash: bytes
    conversation_id: str
    kind: SendKind
    def __init__(self, send_id: _Optional[str] = ..., attempt: _Optional[int] = ..., provider_id_hash: _Optional[bytes] = ..., conversation_id: _Optional[str] = ..., kind: _Optional[_Union[SendKind, str]] = ...) -> None: ...

class SendDelivered(_message.Message):
    __slots__ = ("send_id", "read", "provider_id_hash")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_HASH_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    read: bool
    provider_id_hash: bytes
    def __init__(self, send_id: _Optional[str] = ..., read: _Optional[bool] = ..., provider_id_hash: _Optional[bytes] = ...) -> None: ...

class SendDeferred(_message.Message):
    __slots__ = ("send_id", "attempt", "next_at_ms", "error", "maybe_sent")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    NEXT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    MAYBE_SENT_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    attempt: int
    next_at_ms: int
    error: str
    maybe_sent: bool
    def __init__(self, send_id: _Optional[str] = ..., attempt: _Optional[int] = ..., next_at_ms: _Optional[int] = ..., error: _Optional[str] = ..., maybe_sent: _Optional[bool] = ...) -> None: ...

class SendFailed(_message.Message):
    __slots__ = ("send_id", "error", "conversation_id", "kind", "provider_id_hash", "had_way")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_HASH_FIELD_NUMBER: _ClassVar[int]
    HAD_WAY_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    error: str
    conversation_id: str
    kind: SendKind
    provider_id_hash: bytes
    had_way: bool
    def __init__(self, send_id: _Optional[str] = ..., error: _Optional[str] = ..., conversation_id: _Optional[str] = ..., kind: _Optional[_Union[SendKind, str]] = ..., provider_id_hash: _Optional[bytes] = ..., had_way: _Optional[bool] = ...) -> None: ...

class SendUncertain(_message.Message):
    __slots__ = ("send_id", "error", "conversation_id", "kind")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    error: str
    conversation_id: str
    kind: SendKind
    def __init__(self, send_id: _Optional[str] = ..., error: _Optional[str] = ..., conversation_id: _Optional[str] = ..., kind: _Optional[_Union[SendKind, str]] = ...) -> None: ...

class ReportParked(_message.Message):
    __slots__ = ("channel", "account", "provider_id_hash", "state", "until_ms", "error_code")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_HASH_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    channel: str
    account: str
    provider_id_hash: bytes
    state: int
    until_ms: int
    error_code: str
    def __init__(self, channel: _Optional[str] = ..., account: _Optional[str] = ..., provider_id_hash: _Optional[bytes] = ..., state: _Optional[int] = ..., until_ms: _Optional[int] = ..., error_code: _Optional[str] = ...) -> None: ...
