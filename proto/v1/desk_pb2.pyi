from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SmtpTls(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SMTP_TLS_UNSPECIFIED: _ClassVar[SmtpTls]
    SMTP_TLS_STARTTLS: _ClassVar[SmtpTls]
    SMTP_TLS_IMPLICIT: _ClassVar[SmtpTls]
    SMTP_TLS_NONE: _ClassVar[SmtpTls]

class PolicyOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POLICY_ORDER_UNSPECIFIED: _ClassVar[PolicyOrder]
    POLICY_ORDER_ARRIVAL: _ClassVar[PolicyOrder]
    POLICY_ORDER_DEADLINE: _ClassVar[PolicyOrder]
    POLICY_ORDER_SAVEABLE: _ClassVar[PolicyOrder]
    POLICY_ORDER_WEIGHTED: _ClassVar[PolicyOrder]
    POLICY_ORDER_PRESSURE: _ClassVar[PolicyOrder]

class PolicyAgent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POLICY_AGENT_UNSPECIFIED: _ClassVar[PolicyAgent]
    POLICY_AGENT_LONGEST_IDLE: _ClassVar[PolicyAgent]
    POLICY_AGENT_LEAST_LOADED: _ClassVar[PolicyAgent]
    POLICY_AGENT_LEAST_ACTIVE: _ClassVar[PolicyAgent]
    POLICY_AGENT_ROUND_ROBIN: _ClassVar[PolicyAgent]
    POLICY_AGENT_BEST_SKILLED: _ClassVar[PolicyAgent]
    POLICY_AGENT_LEAST_FLEXIBLE: _ClassVar[PolicyAgent]
    POLICY_AGENT_FASTEST: _ClassVar[PolicyAgent]
    POLICY_AGENT_LEAST_COST: _ClassVar[PolicyAgent]
    POLICY_AGENT_SCORE: _ClassVar[PolicyAgent]

class EscalationAt(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ESCALATION_AT_UNSPECIFIED: _ClassVar[EscalationAt]
    ESCALATION_AT_WARNING: _ClassVar[EscalationAt]
    ESCALATION_AT_BREACH: _ClassVar[EscalationAt]

class EscalationDo(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ESCALATION_DO_UNSPECIFIED: _ClassVar[EscalationDo]
    ESCALATION_DO_NOTIFY: _ClassVar[EscalationDo]
    ESCALATION_DO_RAISE_PRIORITY: _ClassVar[EscalationDo]
    ESCALATION_DO_WIDEN_SKILLS: _ClassVar[EscalationDo]
    ESCALATION_DO_REASSIGN: _ClassVar[EscalationDo]
    ESCALATION_DO_WEBHOOK: _ClassVar[EscalationDo]

class AgentKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGENT_KIND_UNSPECIFIED: _ClassVar[AgentKind]
    AGENT_KIND_HUMAN: _ClassVar[AgentKind]
    AGENT_KIND_BOT: _ClassVar[AgentKind]

class PresenceState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESENCE_STATE_UNSPECIFIED: _ClassVar[PresenceState]
    PRESENCE_STATE_ONLINE: _ClassVar[PresenceState]
    PRESENCE_STATE_BUSY: _ClassVar[PresenceState]
    PRESENCE_STATE_AWAY: _ClassVar[PresenceState]
    PRESENCE_STATE_OFFLINE: _ClassVar[PresenceState]

class KeyScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_SCOPE_UNSPECIFIED: _ClassVar[KeyScope]
    KEY_SCOPE_ADMIN: _ClassVar[KeyScope]
    KEY_SCOPE_AGENT: _ClassVar[KeyScope]
    KEY_SCOPE_INTEGRATION: _ClassVar[KeyScope]
    KEY_SCOPE_READ: _ClassVar[KeyScope]
SMTP_TLS_UNSPECIFIED: SmtpTls
SMTP_TLS_STARTTLS: SmtpTls
SMTP_TLS_IMPLICIT: SmtpTls
SMTP_TLS_NONE: SmtpTls
POLICY_ORDER_UNSPECIFIED: PolicyOrder
POLICY_ORDER_ARRIVAL: PolicyOrder
POLICY_ORDER_DEADLINE: PolicyOrder
POLICY_ORDER_SAVEABLE: PolicyOrder
POLICY_ORDER_WEIGHTED: PolicyOrder
POLICY_ORDER_PRESSURE: PolicyOrder
POLICY_AGENT_UNSPECIFIED: PolicyAgent
POLICY_AGENT_LONGEST_IDLE: PolicyAgent
POLICY_AGENT_LEAST_LOADED: PolicyAgent
POLICY_AGENT_LEAST_ACTIVE: PolicyAgent
POLICY_AGENT_ROUND_ROBIN: PolicyAgent
POLICY_AGENT_BEST_SKILLED: PolicyAgent
POLICY_AGENT_LEAST_FLEXIBLE: PolicyAgent
POLICY_AGENT_FASTEST: PolicyAgent
POLICY_AGENT_LEAST_COST: PolicyAgent
POLICY_AGENT_SCORE: PolicyAgent
ESCALATION_AT_UNSPECIFIED: EscalationAt
ESCALATION_AT_WARNING: EscalationAt
ESCALATION_AT_BREACH: EscalationAt
ESCALATION_DO_UNSPECIFIED: EscalationDo
ESCALATION_DO_NOTIFY: EscalationDo
ESCALATION_DO_RAISE_PRIORITY: EscalationDo
ESCALATION_DO_WIDEN_SKILLS: EscalationDo
ESCALATION_DO_REASSIGN: EscalationDo
ESCALATION_DO_WEBHOOK: EscalationDo
AGENT_KIND_UNSPECIFIED: AgentKind
AGENT_KIND_HUMAN: AgentKind
AGENT_KIND_BOT: AgentKind
PRESENCE_STATE_UNSPECIFIED: PresenceState
PRESENCE_STATE_ONLINE: PresenceState
PRESENCE_STATE_BUSY: PresenceState
PRESENCE_STATE_AWAY: PresenceState
PRESENCE_STATE_OFFLINE: PresenceState
KEY_SCOPE_UNSPECIFIED: KeyScope
KEY_SCOPE_ADMIN: KeyScope
KEY_SCOPE_AGENT: KeyScope
KEY_SCOPE_INTEGRATION: KeyScope
KEY_SCOPE_READ: KeyScope

class DeskConfig(_message.Message):
    __slots__ = ("name", "locale", "time_zone", "hours", "accounts", "skills", "languages", "leads", "queues", "routing", "sla", "bots", "notices", "webhooks")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    HOURS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    SKILLS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    LEADS_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    SLA_FIELD_NUMBER: _ClassVar[int]
    BOTS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    WEBHOOKS_FIELD_NUMBER: _ClassVar[int]
    name: str
    locale: str
    time_zone: str
    hours: _containers.RepeatedCompositeFieldContainer[OpenRange]
    accounts: _containers.RepeatedCompositeFieldContainer[Account]
    skills: _containers.RepeatedScalarFieldContainer[str]
    languages: _containers.RepeatedScalarFieldContainer[str]
    leads: _containers.RepeatedScalarFieldContainer[str]
    queues: _containers.RepeatedCompositeFieldContainer[Queue]
    routing: Routing
    sla: _containers.RepeatedCompositeFieldContainer[SlaPolicy]
    bots: Bots
    notices: Notices
    webhooks: _containers.RepeatedCompositeFieldContainer[Webhook]
    def __init__(self, name: _Optional[str] = ..., locale: _Optional[str] = ..., time_zone: _Optional[str] = ..., hours: _Optional[_Iterable[_Union[OpenRange, _Mapping]]] = ..., accounts: _Optional[_Iterable[_Union[Account, _Mapping]]] = ..., skills: _Optional[_Iterable[str]] = ..., languages: _Optional[_Iterable[str]] = ..., leads: _Optional[_Iterable[str]] = ..., queues: _Optional[_Iterable[_Union[Queue, _Mapping]]] = ..., routing: _Optional[_Union[Routing, _Mapping]] = ..., sla: _Optional[_Iterable[_Union[SlaPolicy, _Mapping]]] = ..., bots: _Optional[_Union[Bots, _Mapping]] = ..., notices: _Optional[_Union[Notices, _Mapping]] = ..., webhooks: _Optional[_Iterable[_Union[Webhook, _Mapping]]] = ...) -> None: ...

class OpenRange(_message.Message):
    __slots__ = ("weekday", "start_min", "end_min")
    WEEKDAY_FIELD_NUMBER: _ClassVar[int]
    START_MIN_FIELD_NUMBER: _ClassVar[int]
    END_MIN_FIELD_NUMBER: _ClassVar[int]
    weekday: int
    start_min: int
    end_min: int
    def __init__(self, weekday: _Optional[int] = ..., start_min: _Optional[int] = ..., end_min: _Optional[int] = ...) -> None: ...

class Account(_message.Message):
    __slots__ = ("channel", "account", "units", "secret", "app_secret", "verify_token", "phone_number_id", "base_url", "smtp_host", "smtp_port", "smtp_user", "smtp_secret", "smtp_tls")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    APP_SECRET_FIELD_NUMBER: _ClassVar[int]
    VERIFY_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    SMTP_HOST_FIELD_NUMBER: _ClassVar[int]
    SMTP_PORT_FIELD_NUMBER: _ClassVar[int]
    SMTP_USER_FIELD_NUMBER: _ClassVar[int]
    SMTP_SECRET_FIELD_NUMBER: _ClassVar[int]
    SMTP_TLS_FIELD_NUMBER: _ClassVar[int]
    channel: str
    account: str
    units: int
    secret: str
    app_secret: str
    verify_token: str
    phone_number_id: str
    base_url: str
    smtp_host: str
    smtp_port: int
    smtp_user: str
    smtp_secret: str
    smtp_tls: SmtpTls
    def __init__(self, channel: _Optional[str] = ..., account: _Optional[str] = ..., units: _Optional[int] = ..., secret: _Optional[str] = ..., app_secret: _Optional[str] = ..., verify_token: _Optional[str] = ..., phone_number_id: _Optional[str] = ..., base_url: _Optional[str] = ..., smtp_host: _Optional[str] = ..., smtp_port: _Optional[int] = ..., smtp_user: _Optional[str] = ..., smtp_secret: _Optional[str] = ..., smtp_tls: _Optional[_Union[SmtpTls, str]] = ...) -> None: ...

class When(_message.Message):
    __slots__ = ("any",)
    ANY_FIELD_NUMBER: _ClassVar[int]
    any: _containers.RepeatedCompositeFieldContainer[Condition]
    def __init__(self, any: _Optional[_Iterable[_Union[Condition, _Mapping]]] = ...) -> None: ...

class Condition(_message.Message):
    __slots__ = ("field", "values")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    field: str
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, field: _Optional[str] = ..., values: _Optional[_Iterable[str]] = ...) -> None: ...

class Queue(_message.Message):
    __slots__ = ("name", "when", "requires", "priority", "human_only", "relax", "prefers")
    class RequiresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class PrefersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    HUMAN_ONLY_FIELD_NUMBER: _ClassVar[int]
    RELAX_FIELD_NUMBER: _ClassVar[int]
    PREFERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    when: When
    requires: _containers.ScalarMap[str, int]
    priority: int
    human_only: bool
    relax: _containers.RepeatedCompositeFieldContainer[Relaxation]
    prefers: _containers.ScalarMap[str, int]
    def __init__(self, name: _Optional[str] = ..., when: _Optional[_Union[When, _Mapping]] = ..., requires: _Optional[_Mapping[str, int]] = ..., priority: _Optional[int] = ..., human_only: _Optional[bool] = ..., relax: _Optional[_Iterable[_Union[Relaxation, _Mapping]]] = ..., prefers: _Optional[_Mapping[str, int]] = ...) -> None: ...

class Relaxation(_message.Message):
    __slots__ = ("after_ms", "requires", "queue", "as_queue")
    class RequiresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    AS_QUEUE_FIELD_NUMBER: _ClassVar[int]
    after_ms: int
    requires: _containers.ScalarMap[str, int]
    queue: str
    as_queue: bool
    def __init__(self, after_ms: _Optional[int] = ..., requires: _Optional[_Mapping[str, int]] = ..., queue: _Optional[str] = ..., as_queue: _Optional[bool] = ...) -> None: ...

class Routing(_message.Message):
    __slots__ = ("preset", "offer_expires_ms", "last_agent_wait_ms", "agent_lost_after_ms", "policy", "weights", "last_agent_worth_ms", "shadow")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    OFFER_EXPIRES_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_AGENT_WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    AGENT_LOST_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    LAST_AGENT_WORTH_MS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    preset: str
    offer_expires_ms: int
    last_agent_wait_ms: int
    agent_lost_after_ms: int
    policy: Policy
    weights: _containers.RepeatedCompositeFieldContainer[Weight]
    last_agent_worth_ms: int
    shadow: ShadowPolicy
    def __init__(self, preset: _Optional[str] = ..., offer_expires_ms: _Optional[int] = ..., last_agent_wait_ms: _Optional[int] = ..., agent_lost_after_ms: _Optional[int] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., weights: _Optional[_Iterable[_Union[Weight, _Mapping]]] = ..., last_agent_worth_ms: _Optional[int] = ..., shadow: _Optional[_Union[ShadowPolicy, _Mapping]] = ...) -> None: ...

class ShadowPolicy(_message.Message):
    __slots__ = ("preset", "policy")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    preset: str
    policy: Policy
    def __init__(self, preset: _Optional[str] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ...) -> None: ...

class Weight(_message.Message):
    __slots__ = ("when", "weight_permille")
    WHEN_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_PERMILLE_FIELD_NUMBER: _ClassVar[int]
    when: When
    weight_permille: int
    def __init__(self, when: _Optional[_Union[When, _Mapping]] = ..., weight_permille: _Optional[int] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("name", "order", "priority_first", "ageing_ms", "levels_first", "agent", "score", "hold_back_permille", "shares", "limits", "bots_first", "bots_contain_permille", "surges")
    class SharesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class LimitsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIRST_FIELD_NUMBER: _ClassVar[int]
    AGEING_MS_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIRST_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    HOLD_BACK_PERMILLE_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    BOTS_FIRST_FIELD_NUMBER: _ClassVar[int]
    BOTS_CONTAIN_PERMILLE_FIELD_NUMBER: _ClassVar[int]
    SURGES_FIELD_NUMBER: _ClassVar[int]
    name: str
    order: PolicyOrder
    priority_first: bool
    ageing_ms: int
    levels_first: bool
    agent: PolicyAgent
    score: _containers.RepeatedCompositeFieldContainer[ScorePart]
    hold_back_permille: int
    shares: _containers.ScalarMap[str, int]
    limits: _containers.ScalarMap[str, int]
    bots_first: bool
    bots_contain_permille: int
    surges: _containers.RepeatedCompositeFieldContainer[Surge]
    def __init__(self, name: _Optional[str] = ..., order: _Optional[_Union[PolicyOrder, str]] = ..., priority_first: _Optional[bool] = ..., ageing_ms: _Optional[int] = ..., levels_first: _Optional[bool] = ..., agent: _Optional[_Union[PolicyAgent, str]] = ..., score: _Optional[_Iterable[_Union[ScorePart, _Mapping]]] = ..., hold_back_permille: _Optional[int] = ..., shares: _Optional[_Mapping[str, int]] = ..., limits: _Optional[_Mapping[str, int]] = ..., bots_first: _Optional[bool] = ..., bots_contain_permille: _Optional[int] = ..., surges: _Optional[_Iterable[_Union[Surge, _Mapping]]] = ...) -> None: ...

class ScorePart(_message.Message):
    __slots__ = ("name", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    weight: float
    def __init__(self, name: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class Surge(_message.Message):
    __slots__ = ("queue", "waiting")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    queue: str
    waiting: int
    def __init__(self, queue: _Optional[str] = ..., waiting: _Optional[int] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("ms", "business_days")
    MS_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_DAYS_FIELD_NUMBER: _ClassVar[int]
    ms: int
    business_days: int
    def __init__(self, ms: _Optional[int] = ..., business_days: _Optional[int] = ...) -> None: ...

class SlaPolicy(_message.Message):
    __slots__ = ("name", "when", "first_response", "next_response", "resolution", "warn_at_permille", "escalate", "pause_up_to")
    class FirstResponseEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Span
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Span, _Mapping]] = ...) -> None: ...
    class NextResponseEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Span
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Span, _Mapping]] = ...) -> None: ...
    class ResolutionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Span
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Span, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    FIRST_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    NEXT_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    WARN_AT_PERMILLE_FIELD_NUMBER: _ClassVar[int]
    ESCALATE_FIELD_NUMBER: _ClassVar[int]
    PAUSE_UP_TO_FIELD_NUMBER: _ClassVar[int]
    name: str
    when: When
    first_response: _containers.MessageMap[str, Span]
    next_response: _containers.MessageMap[str, Span]
    resolution: _containers.MessageMap[str, Span]
    warn_at_permille: int
    escalate: _containers.RepeatedCompositeFieldContainer[EscalationStep]
    pause_up_to: Span
    def __init__(self, name: _Optional[str] = ..., when: _Optional[_Union[When, _Mapping]] = ..., first_response: _Optional[_Mapping[str, Span]] = ..., next_response: _Optional[_Mapping[str, Span]] = ..., resolution: _Optional[_Mapping[str, Span]] = ..., warn_at_permille: _Optional[int] = ..., escalate: _Optional[_Iterable[_Union[EscalationStep, _Mapping]]] = ..., pause_up_to: _Optional[_Union[Span, _Mapping]] = ...) -> None: ...

class EscalationStep(_message.Message):
    __slots__ = ("at", "after_ms", "do", "to")
    AT_FIELD_NUMBER: _ClassVar[int]
    AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    DO_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    at: EscalationAt
    after_ms: int
    do: EscalationDo
    to: str
    def __init__(self, at: _Optional[_Union[EscalationAt, str]] = ..., after_ms: _Optional[int] = ..., do: _Optional[_Union[EscalationDo, str]] = ..., to: _Optional[str] = ...) -> None: ...

class Bots(_message.Message):
    __slots__ = ("asked", "order_value_over_minor", "failed_answers", "silent_for_ms")
    ASKED_FIELD_NUMBER: _ClassVar[int]
    ORDER_VALUE_OVER_MINOR_FIELD_NUMBER: _ClassVar[int]
    FAILED_ANSWERS_FIELD_NUMBER: _ClassVar[int]
    SILENT_FOR_MS_FIELD_NUMBER: _ClassVar[int]
    asked: bool
    order_value_over_minor: int
    failed_answers: int
    silent_for_ms: int
    def __init__(self, asked: _Optional[bool] = ..., order_value_over_minor: _Optional[int] = ..., failed_answers: _Optional[int] = ..., silent_for_ms: _Optional[int] = ...) -> None: ...

class Notices(_message.Message):
    __slots__ = ("channels", "quiet_start_min", "quiet_end_min", "delay_on", "delay_tell_after_ms")
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    QUIET_START_MIN_FIELD_NUMBER: _ClassVar[int]
    QUIET_END_MIN_FIELD_NUMBER: _ClassVar[int]
    DELAY_ON_FIELD_NUMBER: _ClassVar[int]
    DELAY_TELL_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedScalarFieldContainer[str]
    quiet_start_min: int
    quiet_end_min: int
    delay_on: bool
    delay_tell_after_ms: int
    def __init__(self, channels: _Optional[_Iterable[str]] = ..., quiet_start_min: _Optional[int] = ..., quiet_end_min: _Optional[int] = ..., delay_on: _Optional[bool] = ..., delay_tell_after_ms: _Optional[int] = ...) -> None: ...

class Webhook(_message.Message):
    __slots__ = ("url", "events", "secret")
    URL_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    url: str
    events: _containers.RepeatedScalarFieldContainer[str]
    secret: str
    def __init__(self, url: _Optional[str] = ..., events: _Optional[_Iterable[str]] = ..., secret: _Optional[str] = ...) -> None: ...

class Agent(_message.Message):
    __slots__ = ("agent_id", "name", "kind", "skills", "languages", "capacity", "channels", "limits")
    class SkillsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class LanguagesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class LimitsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SKILLS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    name: str
    kind: AgentKind
    skills: _containers.ScalarMap[str, int]
    languages: _containers.ScalarMap[str, int]
    capacity: int
    channels: _containers.RepeatedScalarFieldContainer[str]
    limits: _containers.ScalarMap[str, int]
    def __init__(self, agent_id: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[_Union[AgentKind, str]] = ..., skills: _Optional[_Mapping[str, int]] = ..., languages: _Optional[_Mapping[str, int]] = ..., capacity: _Optional[int] = ..., channels: _Optional[_Iterable[str]] = ..., limits: _Optional[_Mapping[str, int]] = ...) -> None: ...
