from proto.v1 import desk_pb2 as _desk_pb2
from proto.v1 import envelope_pb2 as _envelope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TargetKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TARGET_KIND_UNSPECIFIED: _ClassVar[TargetKind]
    TARGET_KIND_FIRST_RESPONSE: _ClassVar[TargetKind]
    TARGET_KIND_NEXT_RESPONSE: _ClassVar[TargetKind]
    TARGET_KIND_UPDATE: _ClassVar[TargetKind]
    TARGET_KIND_RESOLUTION: _ClassVar[TargetKind]

class PausedWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAUSED_WHY_UNSPECIFIED: _ClassVar[PausedWhy]
    PAUSED_WHY_CUSTOMER: _ClassVar[PausedWhy]

class ReplyOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLY_OUTCOME_UNSPECIFIED: _ClassVar[ReplyOutcome]
    REPLY_OUTCOME_SENT: _ClassVar[ReplyOutcome]
    REPLY_OUTCOME_FAILED: _ClassVar[ReplyOutcome]
    REPLY_OUTCOME_UNCERTAIN: _ClassVar[ReplyOutcome]

class CancelledWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANCELLED_WHY_UNSPECIFIED: _ClassVar[CancelledWhy]
    CANCELLED_WHY_RESOLVED: _ClassVar[CancelledWhy]
    CANCELLED_WHY_REPLACED: _ClassVar[CancelledWhy]
    CANCELLED_WHY_POLICY_CHANGED: _ClassVar[CancelledWhy]
TARGET_KIND_UNSPECIFIED: TargetKind
TARGET_KIND_FIRST_RESPONSE: TargetKind
TARGET_KIND_NEXT_RESPONSE: TargetKind
TARGET_KIND_UPDATE: TargetKind
TARGET_KIND_RESOLUTION: TargetKind
PAUSED_WHY_UNSPECIFIED: PausedWhy
PAUSED_WHY_CUSTOMER: PausedWhy
REPLY_OUTCOME_UNSPECIFIED: ReplyOutcome
REPLY_OUTCOME_SENT: ReplyOutcome
REPLY_OUTCOME_FAILED: ReplyOutcome
REPLY_OUTCOME_UNCERTAIN: ReplyOutcome
CANCELLED_WHY_UNSPECIFIED: CancelledWhy
CANCELLED_WHY_RESOLVED: CancelledWhy
CANCELLED_WHY_REPLACED: CancelledWhy
CANCELLED_WHY_POLICY_CHANGED: CancelledWhy

class SlaEvent(_message.Message):
    __slots__ = ("desk_id", "occurred_at_ms", "cause_id", "origin_id", "trace", "skipped", "desk", "started", "paused", "resumed", "met", "warned", "breached", "breach_withdrawn", "cancelled", "escalated", "reply_suspended", "conversation", "conversation_closed", "reply_settled", "asked", "replanned")
    DESK_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_ID_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    DESK_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    MET_FIELD_NUMBER: _ClassVar[int]
    WARNED_FIELD_NUMBER: _ClassVar[int]
    BREACHED_FIELD_NUMBER: _ClassVar[int]
    BREACH_WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    ESCALATED_FIELD_NUMBER: _ClassVar[int]
    REPLY_SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_CLOSED_FIELD_NUMBER: _ClassVar[int]
    REPLY_SETTLED_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    REPLANNED_FIELD_NUMBER: _ClassVar[int]
    desk_id: str
    occurred_at_ms: int
    cause_id: str
    origin_id: str
    trace: bytes
    skipped: _envelope_pb2.Skipped
    desk: SlaDeskSeen
    started: TargetStarted
    paused: TargetPaused
    resumed: TargetResumed
    met: TargetMet
    warned: TargetWarned
    breached: TargetBreached
    breach_withdrawn: BreachWithdrawn
    cancelled: TargetCancelled
    escalated: Escalated
    reply_suspended: ReplySuspended
    conversation: SlaConversationSeen
    conversation_closed: SlaConversationClosed
    reply_settled: ReplySettled
    asked: CustomerAsked
    replanned: PolicyReplanned
    def __init__(self, desk_id: _Optional[str] = ..., occurred_at_ms: _Optional[int] = ..., cause_id: _Optional[str] = ..., origin_id: _Optional[str] = ..., trace: _Optional[bytes] = ..., skipped: _Optional[_Union[_envelope_pb2.Skipped, _Mapping]] = ..., desk: _Optional[_Union[SlaDeskSeen, _Mapping]] = ..., started: _Optional[_Union[TargetStarted, _Mapping]] = ..., paused: _Optional[_Union[TargetPaused, _Mapping]] = ..., resumed: _Optional[_Union[TargetResumed, _Mapping]] = ..., met: _Optional[_Union[TargetMet, _Mapping]] = ..., warned: _Optional[_Union[TargetWarned, _Mapping]] = ..., breached: _Optional[_Union[TargetBreached, _Mapping]] = ..., breach_withdrawn: _Optional[_Union[BreachWithdrawn, _Mapping]] = ..., cancelled: _Optional[_Union[TargetCancelled, _Mapping]] = ..., escalated: _Optional[_Union[Escalated, _Mapping]] = ..., reply_suspended: _Optional[_Union[ReplySuspended, _Mapping]] = ..., conversation: _Optional[_Union[SlaConversationSeen, _Mapping]] = ..., conversation_closed: _Optional[_Union[SlaConversationClosed, _Mapping]] = ..., reply_settled: _Optional[_Union[ReplySettled, _Mapping]] = ..., asked: _Optional[_Union[CustomerAsked, _Mapping]] = ..., replanned: _Optional[_Union[PolicyReplanned, _Mapping]] = ...) -> None: ...

class SlaDeskSeen(_message.Message):
    __slots__ = ("desk", "version")
    DESK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    desk: _desk_pb2.DeskConfig
    version: int
    def __init__(self, desk: _Optional[_Union[_desk_pb2.DeskConfig, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class SlaConversationSeen(_message.Message):
    __slots__ = ("conversation_id", "channel", "policy", "policy_version", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    channel: str
    policy: str
    policy_version: int
    labels: _containers.ScalarMap[str, str]
    def __init__(self, conversation_id: _Optional[str] = ..., channel: _Optional[str] = ..., policy: _Optional[str] = ..., policy_version: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CustomerAsked(_message.Message):
    __slots__ = ("conversation_id", "message_id", "asked_at_ms")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ASKED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    message_id: str
    asked_at_ms: int
    def __init__(self, conversation_id: _Optional[str] = ..., message_id: _Optional[str] = ..., asked_at_ms: _Optional[int] = ...) -> None: ...

class PolicyReplanned(_message.Message):
    __slots__ = ("through_conversation_id", "done")
    THROUGH_CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    through_conversation_id: str
    done: bool
    def __init__(self, through_conversation_id: _Optional[str] = ..., done: _Optional[bool] = ...) -> None: ...

class SlaConversationClosed(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class TargetStarted(_message.Message):
    __slots__ = ("conversation_id", "kind", "target_id", "started_at_ms", "due_at_ms", "warn_at_ms", "policy", "policy_version", "escalate", "message_id", "open_ms", "pause_up_to_ms", "pause_up_to_days", "promise_hash", "warned", "taken_steps")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    WARN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    ESCALATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    OPEN_MS_FIELD_NUMBER: _ClassVar[int]
    PAUSE_UP_TO_MS_FIELD_NUMBER: _ClassVar[int]
    PAUSE_UP_TO_DAYS_FIELD_NUMBER: _ClassVar[int]
    PROMISE_HASH_FIELD_NUMBER: _ClassVar[int]
    WARNED_FIELD_NUMBER: _ClassVar[int]
    TAKEN_STEPS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    kind: TargetKind
    target_id: str
    started_at_ms: int
    due_at_ms: int
    warn_at_ms: int
    policy: str
    policy_version: int
    escalate: _containers.RepeatedCompositeFieldContainer[_desk_pb2.EscalationStep]
    message_id: str
    open_ms: int
    pause_up_to_ms: int
    pause_up_to_days: int
    promise_hash: bytes
    warned: bool
    taken_steps: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, conversation_id: _Optional[str] = ..., kind: _Optional[_Union[TargetKind, str]] = ..., target_id: _Optional[str] = ..., started_at_ms: _Optional[int] = ..., due_at_ms: _Optional[int] = ..., warn_at_ms: _Optional[int] = ..., policy: _Optional[str] = ..., policy_version: _Optional[int] = ..., escalate: _Optional[_Iterable[_Union[_desk_pb2.EscalationStep, _Mapping]]] = ..., message_id: _Optional[str] = ..., open_ms: _Optional[int] = ..., pause_up_to_ms: _Optional[int] = ..., pause_up_to_days: _Optional[int] = ..., promise_hash: _Optional[bytes] = ..., warned: _Optional[bool] = ..., taken_steps: _Optional[_Iterable[int]] = ...) -> None: ...

class TargetPaused(_message.Message):
    __slots__ = ("conversation_id", "target_id", "why", "at_ms", "left_ms", "left_to_warning_ms", "until_ms")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    LEFT_MS_FIELD_NUMBER: _ClassVar[int]
    LEFT_TO_WARNING_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    why: PausedWhy
    at_ms: int
    left_ms: int
    left_to_warning_ms: int
    until_ms: int
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., why: _Optional[_Union[PausedWhy, str]] = ..., at_ms: _Optional[int] = ..., left_ms: _Optional[int] = ..., left_to_warning_ms: _Optional[int] = ..., until_ms: _Optional[int] = ...) -> None: ...

class TargetResumed(_message.Message):
    __slots__ = ("conversation_id", "target_id", "due_at_ms", "warn_at_ms")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    WARN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    due_at_ms: int
    warn_at_ms: int
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., due_at_ms: _Optional[int] = ..., warn_at_ms: _Optional[int] = ...) -> None: ...

class ReplySuspended(_message.Message):
    __slots__ = ("conversation_id", "target_id", "reply_id", "replied_at_ms", "promise_within_ms")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_ID_FIELD_NUMBER: _ClassVar[int]
    REPLIED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    PROMISE_WITHIN_MS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    reply_id: str
    replied_at_ms: int
    promise_within_ms: int
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., reply_id: _Optional[str] = ..., replied_at_ms: _Optional[int] = ..., promise_within_ms: _Optional[int] = ...) -> None: ...

class ReplySettled(_message.Message):
    __slots__ = ("conversation_id", "reply_id", "outcome")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    reply_id: str
    outcome: ReplyOutcome
    def __init__(self, conversation_id: _Optional[str] = ..., reply_id: _Optional[str] = ..., outcome: _Optional[_Union[ReplyOutcome, str]] = ...) -> None: ...

class TargetMet(_message.Message):
    __slots__ = ("conversation_id", "target_id", "met_at_ms", "kind", "late")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    MET_AT_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    met_at_ms: int
    kind: TargetKind
    late: bool
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., met_at_ms: _Optional[int] = ..., kind: _Optional[_Union[TargetKind, str]] = ..., late: _Optional[bool] = ...) -> None: ...

class TargetWarned(_message.Message):
    __slots__ = ("conversation_id", "target_id", "due_at_ms", "kind")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    due_at_ms: int
    kind: TargetKind
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., due_at_ms: _Optional[int] = ..., kind: _Optional[_Union[TargetKind, str]] = ...) -> None: ...

class TargetBreached(_message.Message):
    __slots__ = ("conversation_id", "target_id", "due_at_ms", "kind")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    due_at_ms: int
    kind: TargetKind
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., due_at_ms: _Optional[int] = ..., kind: _Optional[_Union[TargetKind, str]] = ...) -> None: ...

class BreachWithdrawn(_message.Message):
    __slots__ = ("conversation_id", "target_id", "met_at_ms", "kind")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    MET_AT_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    met_at_ms: int
    kind: TargetKind
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., met_at_ms: _Optional[int] = ..., kind: _Optional[_Union[TargetKind, str]] = ...) -> None: ...

class TargetCancelled(_message.Message):
    __slots__ = ("conversation_id", "target_id", "why")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    why: CancelledWhy
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., why: _Optional[_Union[CancelledWhy, str]] = ...) -> None: ...

class Escalated(_message.Message):
    __slots__ = ("conversation_id", "target_id", "kind", "step", "at", "do", "to")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    DO_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    target_id: str
    kind: TargetKind
    step: int
    at: _desk_pb2.EscalationAt
    do: _desk_pb2.EscalationDo
    to: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, conversation_id: _Optional[str] = ..., target_id: _Optional[str] = ..., kind: _Optional[_Union[TargetKind, str]] = ..., step: _Optional[int] = ..., at: _Optional[_Union[_desk_pb2.EscalationAt, str]] = ..., do: _Optional[_Union[_desk_pb2.EscalationDo, str]] = ..., to: _Optional[_Iterable[str]] = ...) -> None: ...
