from proto.v1 import desk_pb2 as _desk_pb2
from proto.v1 import envelope_pb2 as _envelope_pb2
from proto.v1 import inbound_pb2 as _inbound_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueuedWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUEUED_WHY_UNSPECIFIED: _ClassVar[QueuedWhy]
    QUEUED_WHY_ARRIVED: _ClassVar[QueuedWhy]
    QUEUED_WHY_REOPENED: _ClassVar[QueuedWhy]
    QUEUED_WHY_TRANSFERRED: _ClassVar[QueuedWhy]
    QUEUED_WHY_DECLINED: _ClassVar[QueuedWhy]
    QUEUED_WHY_EXPIRED: _ClassVar[QueuedWhy]
    QUEUED_WHY_AGENT_LOST: _ClassVar[QueuedWhy]
    QUEUED_WHY_AGENT_OFFLINE: _ClassVar[QueuedWhy]
    QUEUED_WHY_REASSIGNED: _ClassVar[QueuedWhy]
    QUEUED_WHY_HUMAN_WANTED: _ClassVar[QueuedWhy]
    QUEUED_WHY_RECONFIGURED: _ClassVar[QueuedWhy]
    QUEUED_WHY_NOT_TAKEN: _ClassVar[QueuedWhy]

class RelaxedWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELAXED_WHY_UNSPECIFIED: _ClassVar[RelaxedWhy]
    RELAXED_WHY_WAITED: _ClassVar[RelaxedWhy]
    RELAXED_WHY_ESCALATED: _ClassVar[RelaxedWhy]

class Rule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULE_UNSPECIFIED: _ClassVar[Rule]
    RULE_NOT_ONLINE: _ClassVar[Rule]
    RULE_LOST: _ClassVar[Rule]
    RULE_CHANNEL: _ClassVar[Rule]
    RULE_LANGUAGE: _ClassVar[Rule]
    RULE_SKILL: _ClassVar[Rule]
    RULE_CAPACITY: _ClassVar[Rule]
    RULE_BARRED: _ClassVar[Rule]
    RULE_HUMAN_ONLY: _ClassVar[Rule]
    RULE_NOT_NAMED: _ClassVar[Rule]
    RULE_LIMIT: _ClassVar[Rule]

class WithdrawnWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WITHDRAWN_WHY_UNSPECIFIED: _ClassVar[WithdrawnWhy]
    WITHDRAWN_WHY_AGENT_LOST: _ClassVar[WithdrawnWhy]
    WITHDRAWN_WHY_AGENT_OFFLINE: _ClassVar[WithdrawnWhy]
    WITHDRAWN_WHY_RESOLVED: _ClassVar[WithdrawnWhy]
    WITHDRAWN_WHY_TRANSFERRED: _ClassVar[WithdrawnWhy]
    WITHDRAWN_WHY_HUMAN_WANTED: _ClassVar[WithdrawnWhy]
    WITHDRAWN_WHY_REASSIGNED: _ClassVar[WithdrawnWhy]

class ReleasedWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELEASED_WHY_UNSPECIFIED: _ClassVar[ReleasedWhy]
    RELEASED_WHY_TRANSFERRED: _ClassVar[ReleasedWhy]
    RELEASED_WHY_AGENT_LOST: _ClassVar[ReleasedWhy]
    RELEASED_WHY_AGENT_OFFLINE: _ClassVar[ReleasedWhy]
    RELEASED_WHY_REASSIGNED: _ClassVar[ReleasedWhy]
    RELEASED_WHY_HUMAN_WANTED: _ClassVar[ReleasedWhy]

class ReopenedWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REOPENED_WHY_UNSPECIFIED: _ClassVar[ReopenedWhy]
    REOPENED_WHY_CUSTOMER: _ClassVar[ReopenedWhy]
    REOPENED_WHY_AGENT: _ClassVar[ReopenedWhy]
    REOPENED_WHY_UNDELIVERABLE: _ClassVar[ReopenedWhy]

class HumanWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HUMAN_WHY_UNSPECIFIED: _ClassVar[HumanWhy]
    HUMAN_WHY_ASKED: _ClassVar[HumanWhy]
    HUMAN_WHY_QUEUE: _ClassVar[HumanWhy]
    HUMAN_WHY_ORDER_VALUE: _ClassVar[HumanWhy]
    HUMAN_WHY_FAILED_ANSWERS: _ClassVar[HumanWhy]
    HUMAN_WHY_BOT_SILENT: _ClassVar[HumanWhy]
    HUMAN_WHY_UNDELIVERABLE: _ClassVar[HumanWhy]

class RefusedWhy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSED_WHY_UNSPECIFIED: _ClassVar[RefusedWhy]
    REFUSED_WHY_ALREADY_ACCEPTED: _ClassVar[RefusedWhy]
    REFUSED_WHY_EXPIRED: _ClassVar[RefusedWhy]
    REFUSED_WHY_WITHDRAWN: _ClassVar[RefusedWhy]
    REFUSED_WHY_DECLINED: _ClassVar[RefusedWhy]
    REFUSED_WHY_NOT_OWNER: _ClassVar[RefusedWhy]
    REFUSED_WHY_UNKNOWN_CONVERSATION: _ClassVar[RefusedWhy]
    REFUSED_WHY_UNKNOWN_OFFER: _ClassVar[RefusedWhy]
    REFUSED_WHY_NEWER_MESSAGE: _ClassVar[RefusedWhy]
    REFUSED_WHY_TOO_OLD: _ClassVar[RefusedWhy]
    REFUSED_WHY_RESOLVED: _ClassVar[RefusedWhy]
    REFUSED_WHY_NOT_RESOLVED: _ClassVar[RefusedWhy]
    REFUSED_WHY_UNKNOWN_AGENT: _ClassVar[RefusedWhy]
    REFUSED_WHY_UNKNOWN_TARGET: _ClassVar[RefusedWhy]
    REFUSED_WHY_NOT_YOURS: _ClassVar[RefusedWhy]
QUEUED_WHY_UNSPECIFIED: QueuedWhy
QUEUED_WHY_ARRIVED: QueuedWhy
QUEUED_WHY_REOPENED: QueuedWhy
QUEUED_WHY_TRANSFERRED: QueuedWhy
QUEUED_WHY_DECLINED: QueuedWhy
QUEUED_WHY_EXPIRED: QueuedWhy
QUEUED_WHY_AGENT_LOST: QueuedWhy
QUEUED_WHY_AGENT_OFFLINE: QueuedWhy
QUEUED_WHY_REASSIGNED: QueuedWhy
QUEUED_WHY_HUMAN_WANTED: QueuedWhy
QUEUED_WHY_RECONFIGURED: QueuedWhy
QUEUED_WHY_NOT_TAKEN: QueuedWhy
RELAXED_WHY_UNSPECIFIED: RelaxedWhy
RELAXED_WHY_WAITED: RelaxedWhy
RELAXED_WHY_ESCALATED: RelaxedWhy
RULE_UNSPECIFIED: Rule
RULE_NOT_ONLINE: Rule
RULE_LOST: Rule
RULE_CHANNEL: Rule
RULE_LANGUAGE: Rule
RULE_SKILL: Rule
RULE_CAPACITY: Rule
RULE_BARRED: Rule
RULE_HUMAN_ONLY: Rule
RULE_NOT_NAMED: Rule
RULE_LIMIT: Rule
WITHDRAWN_WHY_UNSPECIFIED: WithdrawnWhy
WITHDRAWN_WHY_AGENT_LOST: WithdrawnWhy
WITHDRAWN_WHY_AGENT_OFFLINE: WithdrawnWhy
WITHDRAWN_WHY_RESOLVED: WithdrawnWhy
WITHDRAWN_WHY_TRANSFERRED: WithdrawnWhy
WITHDRAWN_WHY_HUMAN_WANTED: WithdrawnWhy
WITHDRAWN_WHY_REASSIGNED: WithdrawnWhy
RELEASED_WHY_UNSPECIFIED: ReleasedWhy
RELEASED_WHY_TRANSFERRED: ReleasedWhy
RELEASED_WHY_AGENT_LOST: ReleasedWhy
RELEASED_WHY_AGENT_OFFLINE: ReleasedWhy
RELEASED_WHY_REASSIGNED: ReleasedWhy
RELEASED_WHY_HUMAN_WANTED: ReleasedWhy
REOPENED_WHY_UNSPECIFIED: ReopenedWhy
REOPENED_WHY_CUSTOMER: ReopenedWhy
REOPENED_WHY_AGENT: ReopenedWhy
REOPENED_WHY_UNDELIVERABLE: ReopenedWhy
HUMAN_WHY_UNSPECIFIED: HumanWhy
HUMAN_WHY_ASKED: HumanWhy
HUMAN_WHY_QUEUE: HumanWhy
HUMAN_WHY_ORDER_VALUE: HumanWhy
HUMAN_WHY_FAILED_ANSWERS: HumanWhy
HUMAN_WHY_BOT_SILENT: HumanWhy
HUMAN_WHY_UNDELIVERABLE: HumanWhy
REFUSED_WHY_UNSPECIFIED: RefusedWhy
REFUSED_WHY_ALREADY_ACCEPTED: RefusedWhy
REFUSED_WHY_EXPIRED: RefusedWhy
REFUSED_WHY_WITHDRAWN: RefusedWhy
REFUSED_WHY_DECLINED: RefusedWhy
REFUSED_WHY_NOT_OWNER: RefusedWhy
REFUSED_WHY_UNKNOWN_CONVERSATION: RefusedWhy
REFUSED_WHY_UNKNOWN_OFFER: RefusedWhy
REFUSED_WHY_NEWER_MESSAGE: RefusedWhy
REFUSED_WHY_TOO_OLD: RefusedWhy
REFUSED_WHY_RESOLVED: RefusedWhy
REFUSED_WHY_NOT_RESOLVED: RefusedWhy
REFUSED_WHY_UNKNOWN_AGENT: RefusedWhy
REFUSED_WHY_UNKNOWN_TARGET: RefusedWhy
REFUSED_WHY_NOT_YOURS: RefusedWhy

class RoutingEvent(_message.Message):
    __slots__ = ("desk_id", "occurred_at_ms", "cause_id", "origin_id", "trace", "skipped", "desk", "agent", "presence", "agent_lost", "agent_found", "queued", "relaxed", "offered", "accepted", "declined", "expired", "withdrawn", "assigned", "transferred", "released", "resolved", "reopened", "priority", "message_seen", "deadline", "admitted", "refused", "human_only", "reconsidered", "looked", "replanned", "desk_looked", "undelivered", "marked")
    DESK_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_ID_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    DESK_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    AGENT_LOST_FIELD_NUMBER: _ClassVar[int]
    AGENT_FOUND_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RELAXED_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    DECLINED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_FIELD_NUMBER: _ClassVar[int]
    TRANSFERRED_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_FIELD_NUMBER: _ClassVar[int]
    REOPENED_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_SEEN_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    ADMITTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    HUMAN_ONLY_FIELD_NUMBER: _ClassVar[int]
    RECONSIDERED_FIELD_NUMBER: _ClassVar[int]
    LOOKED_FIELD_NUMBER: _ClassVar[int]
    REPLANNED_FIELD_NUMBER: _ClassVar[int]
    DESK_LOOKED_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERED_FIELD_NUMBER: _ClassVar[int]
    MARKED_FIELD_NUMBER: _ClassVar[int]
    desk_id: str
    occurred_at_ms: int
    cause_id: str
    origin_id: str
    trace: bytes
    skipped: _envelope_pb2.Skipped
    desk: RouterDeskSeen
    agent: RouterAgentSeen
    presence: PresenceChanged
    agent_lost: AgentLost
    agent_found: AgentFound
    queued: ConversationQueued
    relaxed: RequirementsRelaxed
    offered: Offered
    accepted: OfferAccepted
    declined: OfferDeclined
    expired: OfferExpired
    withdrawn: OfferWithdrawn
    assigned: Assigned
    transferred: Transferred
    released: Released
    resolved: Resolved
    reopened: Reopened
    priority: PriorityChanged
    message_seen: MessageSeen
    deadline: DeadlineChanged
    admitted: RequestAdmitted
    refused: RequestRefused
    human_only: HumanOnly
    reconsidered: Reconsidered
    looked: AgentLooked
    replanned: DeskReplanned
    desk_looked: DeskLooked
    undelivered: AnswerUndelivered
    marked: NobodyMarked
    def __init__(self, desk_id: _Optional[str] = ..., occurred_at_ms: _Optional[int] = ..., cause_id: _Optional[str] = ..., origin_id: _Optional[str] = ..., trace: _Optional[bytes] = ..., skipped: _Optional[_Union[_envelope_pb2.Skipped, _Mapping]] = ..., desk: _Optional[_Union[RouterDeskSeen, _Mapping]] = ..., agent: _Optional[_Union[RouterAgentSeen, _Mapping]] = ..., presence: _Optional[_Union[PresenceChanged, _Mapping]] = ..., agent_lost: _Optional[_Union[AgentLost, _Mapping]] = ..., agent_found: _Optional[_Union[AgentFound, _Mapping]] = ..., queued: _Optional[_Union[ConversationQueued, _Mapping]] = ..., relaxed: _Optional[_Union[RequirementsRelaxed, _Mapping]] = ..., offered: _Optional[_Union[Offered, _Mapping]] = ..., accepted: _Optional[_Union[OfferAccepted, _Mapping]] = ..., declined: _Optional[_Union[OfferDeclined, _Mapping]] = ..., expired: _Optional[_Union[OfferExpired, _Mapping]] = ..., withdrawn: _Optional[_Union[OfferWithdrawn, _Mapping]] = ..., assigned: _Optional[_Union[Assigned, _Mapping]] = ..., transferred: _Optional[_Union[Transferred, _Mapping]] = ..., released: _Optional[_Union[Released, _Mapping]] = ..., resolved: _Optional[_Union[Resolved, _Mapping]] = ..., reopened: _Optional[_Union[Reopened, _Mapping]] = ..., priority: _Optional[_Union[PriorityChanged, _Mapping]] = ..., message_seen: _Optional[_Union[MessageSeen, _Mapping]] = ..., deadline: _Optional[_Union[DeadlineChanged, _Mapping]] = ..., admitted: _Optional[_Union[RequestAdmitted, _Mapping]] = ..., refused: _Optional[_Union[RequestRefused, _Mapping]] = ..., human_only: _Optional[_Union[HumanOnly, _Mapping]] = ..., reconsidered: _Optional[_Union[Reconsidered, _Mapping]] = ..., looked: _Optional[_Union[AgentLooked, _Mapping]] = ..., replanned: _Optional[_Union[DeskReplanned, _Mapping]] = ..., desk_looked: _Optional[_Union[DeskLooked, _Mapping]] = ..., undelivered: _Optional[_Union[AnswerUndelivered, _Mapping]] = ..., marked: _Optional[_Union[NobodyMarked, _Mapping]] = ...) -> None: ...

class RouterDeskSeen(_message.Message):
    __slots__ = ("desk", "version")
    DESK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    desk: _desk_pb2.DeskConfig
    version: int
    def __init__(self, desk: _Optional[_Union[_desk_pb2.DeskConfig, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class RouterAgentSeen(_message.Message):
    __slots__ = ("agent",)
    AGENT_FIELD_NUMBER: _ClassVar[int]
    agent: _desk_pb2.Agent
    def __init__(self, agent: _Optional[_Union[_desk_pb2.Agent, _Mapping]] = ...) -> None: ...

class PresenceChanged(_message.Message):
    __slots__ = ("agent_id", "state", "until_ms")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    state: _desk_pb2.PresenceState
    until_ms: int
    def __init__(self, agent_id: _Optional[str] = ..., state: _Optional[_Union[_desk_pb2.PresenceState, str]] = ..., until_ms: _Optional[int] = ...) -> None: ...

class AgentLost(_message.Message):
    __slots__ = ("agent_id", "held")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    held: bool
    def __init__(self, agent_id: _Optional[str] = ..., held: _Optional[bool] = ...) -> None: ...

class AgentFound(_message.Message):
    __slots__ = ("agent_id",)
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    def __init__(self, agent_id: _Optional[str] = ...) -> None: ...

class ConversationQueued(_message.Message):
    __slots__ = ("conversation_id", "channel", "account", "queue", "requires", "language", "units", "priority", "since_ms", "due_at_ms", "human_only", "last_agent_id", "last_agent_until_ms", "why", "barred_agents", "barred_until_ms", "last_message_id", "only_agent_id", "policy_version", "wait_p50_ms", "wait_p90_ms", "customer_id", "labels", "order_value_minor", "relax_step", "fixed", "only_until_ms", "offered_next", "prefers", "weight_permille", "held_back", "put_off", "nobody", "by_customer", "undelivered", "given_queue", "around")
    class RequiresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class PrefersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    HUMAN_ONLY_FIELD_NUMBER: _ClassVar[int]
    LAST_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_AGENT_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    BARRED_AGENTS_FIELD_NUMBER: _ClassVar[int]
    BARRED_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ONLY_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    WAIT_P50_MS_FIELD_NUMBER: _ClassVar[int]
    WAIT_P90_MS_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ORDER_VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    RELAX_STEP_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    ONLY_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    OFFERED_NEXT_FIELD_NUMBER: _ClassVar[int]
    PREFERS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_PERMILLE_FIELD_NUMBER: _ClassVar[int]
    HELD_BACK_FIELD_NUMBER: _ClassVar[int]
    PUT_OFF_FIELD_NUMBER: _ClassVar[int]
    NOBODY_FIELD_NUMBER: _ClassVar[int]
    BY_CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERED_FIELD_NUMBER: _ClassVar[int]
    GIVEN_QUEUE_FIELD_NUMBER: _ClassVar[int]
    AROUND_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    channel: str
    account: str
    queue: str
    requires: _containers.ScalarMap[str, int]
    language: str
    units: int
    priority: int
    since_ms: int
    due_at_ms: int
    human_only: bool
    last_agent_id: str
    last_agent_until_ms: int
    why: QueuedWhy
    barred_agents: _containers.RepeatedScalarFieldContainer[str]
    barred_until_ms: _containers.RepeatedScalarFieldContainer[int]
    last_message_id: str
    only_agent_id: str
    policy_version: int
    wait_p50_ms: int
    wait_p90_ms: int
    customer_id: str
    labels: _containers.ScalarMap[str, str]
    order_value_minor: int
    relax_step: int
    fixed: bool
    only_until_ms: int
    offered_next: bool
    prefers: _containers.ScalarMap[str, int]
    weight_permille: int
    held_back: bool
    put_off: bool
    nobody: bool
    by_customer: bool
    undelivered: bool
    given_queue: str
    around: bytes
    def __init__(self, conversation_id: _Optional[str] = ..., channel: _Optional[str] = ..., account: _Optional[str] = ..., queue: _Optional[str] = ..., requires: _Optional[_Mapping[str, int]] = ..., language: _Optional[str] = ..., units: _Optional[int] = ..., priority: _Optional[int] = ..., since_ms: _Optional[int] = ..., due_at_ms: _Optional[int] = ..., human_only: _Optional[bool] = ..., last_agent_id: _Optional[str] = ..., last_agent_until_ms: _Optional[int] = ..., why: _Optional[_Union[QueuedWhy, str]] = ..., barred_agents: _Optional[_Iterable[str]] = ..., barred_until_ms: _Optional[_Iterable[int]] = ..., last_message_id: _Optional[str] = ..., only_agent_id: _Optional[str] = ..., policy_version: _Optional[int] = ..., wait_p50_ms: _Optional[int] = ..., wait_p90_ms: _Optional[int] = ..., customer_id: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., order_value_minor: _Optional[int] = ..., relax_step: _Optional[int] = ..., fixed: _Optional[bool] = ..., only_until_ms: _Optional[int] = ..., offered_next: _Optional[bool] = ..., prefers: _Optional[_Mapping[str, int]] = ..., weight_permille: _Optional[int] = ..., held_back: _Optional[bool] = ..., put_off: _Optional[bool] = ..., nobody: _Optional[bool] = ..., by_customer: _Optional[bool] = ..., undelivered: _Optional[bool] = ..., given_queue: _Optional[str] = ..., around: _Optional[bytes] = ...) -> None: ...

class RequirementsRelaxed(_message.Message):
    __slots__ = ("conversation_id", "requires", "step", "why", "queue", "priority", "nobody")
    class RequiresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    NOBODY_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    requires: _containers.ScalarMap[str, int]
    step: int
    why: RelaxedWhy
    queue: str
    priority: int
    nobody: bool
    def __init__(self, conversation_id: _Optional[str] = ..., requires: _Optional[_Mapping[str, int]] = ..., step: _Optional[int] = ..., why: _Optional[_Union[RelaxedWhy, str]] = ..., queue: _Optional[str] = ..., priority: _Optional[int] = ..., nobody: _Optional[bool] = ...) -> None: ...

class Offered(_message.Message):
    __slots__ = ("conversation_id", "offer_id", "agent_id", "units", "expires_at_ms", "policy", "policy_version", "considered", "ruled_out_rules", "ruled_out_counts", "best_agents", "best_scores", "score_parts", "best_parts", "together")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONSIDERED_FIELD_NUMBER: _ClassVar[int]
    RULED_OUT_RULES_FIELD_NUMBER: _ClassVar[int]
    RULED_OUT_COUNTS_FIELD_NUMBER: _ClassVar[int]
    BEST_AGENTS_FIELD_NUMBER: _ClassVar[int]
    BEST_SCORES_FIELD_NUMBER: _ClassVar[int]
    SCORE_PARTS_FIELD_NUMBER: _ClassVar[int]
    BEST_PARTS_FIELD_NUMBER: _ClassVar[int]
    TOGETHER_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    offer_id: str
    agent_id: str
    units: int
    expires_at_ms: int
    policy: str
    policy_version: int
    considered: int
    ruled_out_rules: _containers.RepeatedScalarFieldContainer[Rule]
    ruled_out_counts: _containers.RepeatedScalarFieldContainer[int]
    best_agents: _containers.RepeatedScalarFieldContainer[str]
    best_scores: _containers.RepeatedScalarFieldContainer[float]
    score_parts: _containers.RepeatedScalarFieldContainer[str]
    best_parts: _containers.RepeatedScalarFieldContainer[float]
    together: int
    def __init__(self, conversation_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., units: _Optional[int] = ..., expires_at_ms: _Optional[int] = ..., policy: _Optional[str] = ..., policy_version: _Optional[int] = ..., considered: _Optional[int] = ..., ruled_out_rules: _Optional[_Iterable[_Union[Rule, str]]] = ..., ruled_out_counts: _Optional[_Iterable[int]] = ..., best_agents: _Optional[_Iterable[str]] = ..., best_scores: _Optional[_Iterable[float]] = ..., score_parts: _Optional[_Iterable[str]] = ..., best_parts: _Optional[_Iterable[float]] = ..., together: _Optional[int] = ...) -> None: ...

class OfferAccepted(_message.Message):
    __slots__ = ("conversation_id", "offer_id", "agent_id")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    offer_id: str
    agent_id: str
    def __init__(self, conversation_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class OfferDeclined(_message.Message):
    __slots__ = ("conversation_id", "offer_id", "agent_id", "reason", "barred_until_ms")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BARRED_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    offer_id: str
    agent_id: str
    reason: str
    barred_until_ms: int
    def __init__(self, conversation_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., reason: _Optional[str] = ..., barred_until_ms: _Optional[int] = ...) -> None: ...

class OfferExpired(_message.Message):
    __slots__ = ("conversation_id", "offer_id", "agent_id", "barred_until_ms")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    BARRED_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    offer_id: str
    agent_id: str
    barred_until_ms: int
    def __init__(self, conversation_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., barred_until_ms: _Optional[int] = ...) -> None: ...

class OfferWithdrawn(_message.Message):
    __slots__ = ("conversation_id", "offer_id", "agent_id", "why")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    offer_id: str
    agent_id: str
    why: WithdrawnWhy
    def __init__(self, conversation_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., why: _Optional[_Union[WithdrawnWhy, str]] = ...) -> None: ...

class Assigned(_message.Message):
    __slots__ = ("conversation_id", "agent_id", "units")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    agent_id: str
    units: int
    def __init__(self, conversation_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., units: _Optional[int] = ...) -> None: ...

class Transferred(_message.Message):
    __slots__ = ("conversation_id", "from_agent_id", "to", "target", "reason")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    from_agent_id: str
    to: _inbound_pb2.TransferTo
    target: str
    reason: str
    def __init__(self, conversation_id: _Optional[str] = ..., from_agent_id: _Optional[str] = ..., to: _Optional[_Union[_inbound_pb2.TransferTo, str]] = ..., target: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Released(_message.Message):
    __slots__ = ("conversation_id", "agent_id", "why")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    agent_id: str
    why: ReleasedWhy
    def __init__(self, conversation_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., why: _Optional[_Union[ReleasedWhy, str]] = ...) -> None: ...

class Resolved(_message.Message):
    __slots__ = ("conversation_id", "by_agent_id", "owner_id", "reason")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    BY_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    by_agent_id: str
    owner_id: str
    reason: str
    def __init__(self, conversation_id: _Optional[str] = ..., by_agent_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Reopened(_message.Message):
    __slots__ = ("conversation_id", "why", "by_agent_id")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    BY_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    why: ReopenedWhy
    by_agent_id: str
    def __init__(self, conversation_id: _Optional[str] = ..., why: _Optional[_Union[ReopenedWhy, str]] = ..., by_agent_id: _Optional[str] = ...) -> None: ...

class PriorityChanged(_message.Message):
    __slots__ = ("conversation_id", "priority", "by_agent_id")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    BY_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    priority: int
    by_agent_id: str
    def __init__(self, conversation_id: _Optional[str] = ..., priority: _Optional[int] = ..., by_agent_id: _Optional[str] = ...) -> None: ...

class MessageSeen(_message.Message):
    __slots__ = ("conversation_id", "message_id", "labels", "language", "order_value_minor", "automatic")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    ORDER_VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    AUTOMATIC_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    message_id: str
    labels: _containers.ScalarMap[str, str]
    language: str
    order_value_minor: int
    automatic: bool
    def __init__(self, conversation_id: _Optional[str] = ..., message_id: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., language: _Optional[str] = ..., order_value_minor: _Optional[int] = ..., automatic: _Optional[bool] = ...) -> None: ...

class DeadlineChanged(_message.Message):
    __slots__ = ("conversation_id", "due_at_ms", "target_id", "target_due_at_ms")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    due_at_ms: int
    target_id: str
    target_due_at_ms: int
    def __init__(self, conversation_id: _Optional[str] = ..., due_at_ms: _Optional[int] = ..., target_id: _Optional[str] = ..., target_due_at_ms: _Optional[int] = ...) -> None: ...

class HumanOnly(_message.Message):
    __slots__ = ("conversation_id", "why")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    why: HumanWhy
    def __init__(self, conversation_id: _Optional[str] = ..., why: _Optional[_Union[HumanWhy, str]] = ...) -> None: ...

class Reconsidered(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class AgentLooked(_message.Message):
    __slots__ = ("agent_id", "again")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGAIN_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    again: bool
    def __init__(self, agent_id: _Optional[str] = ..., again: _Optional[bool] = ...) -> None: ...

class DeskReplanned(_message.Message):
    __slots__ = ("version", "up_to_conversation_id", "done")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UP_TO_CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    version: int
    up_to_conversation_id: str
    done: bool
    def __init__(self, version: _Optional[int] = ..., up_to_conversation_id: _Optional[str] = ..., done: _Optional[bool] = ...) -> None: ...

class RequestAdmitted(_message.Message):
    __slots__ = ("kind", "conversation_id", "agent_id", "offer_id", "owner_id", "promise_within_ms", "received_at_ms", "content", "bot", "customer_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    PROMISE_WITHIN_MS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    BOT_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    kind: _inbound_pb2.RequestKind
    conversation_id: str
    agent_id: str
    offer_id: str
    owner_id: str
    promise_within_ms: int
    received_at_ms: int
    content: _envelope_pb2.Sealed
    bot: bool
    customer_id: str
    def __init__(self, kind: _Optional[_Union[_inbound_pb2.RequestKind, str]] = ..., conversation_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., promise_within_ms: _Optional[int] = ..., received_at_ms: _Optional[int] = ..., content: _Optional[_Union[_envelope_pb2.Sealed, _Mapping]] = ..., bot: _Optional[bool] = ..., customer_id: _Optional[str] = ...) -> None: ...

class RequestRefused(_message.Message):
    __slots__ = ("kind", "conversation_id", "agent_id", "offer_id", "why", "owner_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    kind: _inbound_pb2.RequestKind
    conversation_id: str
    agent_id: str
    offer_id: str
    why: RefusedWhy
    owner_id: str
    def __init__(self, kind: _Optional[_Union[_inbound_pb2.RequestKind, str]] = ..., conversation_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., why: _Optional[_Union[RefusedWhy, str]] = ..., owner_id: _Optional[str] = ...) -> None: ...

class DeskLooked(_message.Message):
    __slots__ = ("again", "more")
    AGAIN_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    again: bool
    more: bool
    def __init__(self, again: _Optional[bool] = ..., more: _Optional[bool] = ...) -> None: ...

class AnswerUndelivered(_message.Message):
    __slots__ = ("conversation_id", "reason", "owner_id")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    reason: str
    owner_id: str
    def __init__(self, conversation_id: _Optional[str] = ..., reason: _Optional[str] = ..., owner_id: _Optional[str] = ...) -> None: ...

class NobodyMarked(_message.Message):
    __slots__ = ("unable_ids", "able_ids", "more")
    UNABLE_IDS_FIELD_NUMBER: _ClassVar[int]
    ABLE_IDS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    unable_ids: _containers.RepeatedScalarFieldContainer[str]
    able_ids: _containers.RepeatedScalarFieldContainer[str]
    more: bool
    def __init__(self, unable_ids: _Optional[_Iterable[str]] = ..., able_ids: _Optional[_Iterable[str]] = ..., more: _Optional[bool] = ...) -> None: ...
