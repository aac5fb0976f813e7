"""A desk's configuration and an agent as `/openapi.json` describes them; `services.kernel.desk` reads and
checks them, with everything that one part asks of another. What each key means is in docs/desk.md.

Every field that has a default there is left out or null here; a test compares the keys with the reader's.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Duration = Annotated[
    str, Field(pattern=r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", examples=["20s", "1h30m"])
]
Name = str | int
"""A plain number is taken as its digits."""
SkillLevels = dict[str, Annotated[int, Field(ge=1, le=5)]]
Priority = Annotated[int, Field(ge=1, le=10)]
When = dict[str, str | int | float | bool | list[str | int | float | bool]]
"""intent, mood, language, channel or attributes.NAME: one value or several."""
Spans = Duration | dict[str, Duration]
"""One time, or times by channel with `default` for the others."""
Secret = Annotated[str, Field(pattern=r"^(env:[A-Z][A-Z0-9_]*|file:/.+)$")]


class HolidaysIn(BaseModel):
    """Days off, and business days among them."""

    country: str | None = None
    also: list[str] | None = None
    open: list[str] | None = None


class SmtpIn(BaseModel):
    """The server that an account's mail is sent by."""

    host: Name
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    user: Name | None = None
    secret: Secret | None = None
    tls: Literal["starttls", "implicit", "none"] | None = None


class ChannelIn(BaseModel):
    """One mailbox, number or page."""

    channel: str
    account: Name
    units: Annotated[int, Field(ge=1, le=10_000)] | None = None
    secret: Secret | None = None
    app_secret: Secret | None = None
    verify_token: Secret | None = None
    phone_number_id: Name | None = None
    base_url: str | None = None
    smtp: SmtpIn | None = None


class RelaxIn(BaseModel):
    """A step in time: what is asked for then, or into which queue it overflows."""

    after: Duration
    requires: SkillLevels | None = None
    queue: Name | None = None


class QueueIn(BaseModel):
    """The first queue whose `when` fits takes a conversation."""

    name: Name
    when: When | None = None
    requires: SkillLevels | None = None
    prefers: SkillLevels | None = None
    priority: Priority | None = None
    human_only: bool | None = None
    relax: list[RelaxIn] | None = None


class LastAgentIn(BaseModel):
    """How much the agent who had it last is worth waiting for."""

    wait_up_to: Duration | None = None
    worth: Duration | None = None


class WeightIn(BaseModel):
    """How many times more a promise to those who fit is worth."""

    when: When
    weight: Annotated[float, Field(ge=0.001, le=1_000)]


class ShadowIn(BaseModel):
    """A second policy, without effect."""

    policy: str | dict[str, Any]


class RoutingIn(BaseModel):
    """How agents are chosen. A policy is the name of a preset or a map, as docs/routing.md says."""

    preset: str | None = None
    policy: str | dict[str, Any] | None = None
    weights: list[WeightIn] | None = None
    offer_expires: Duration | None = None
    last_agent: LastAgentIn | None = None
    agent_lost_after: Duration | None = None
    shadow: ShadowIn | None = None


class StepIn(BaseModel):
    """A step that is taken at the warning or the breach of a target, or some time after it."""

    at: Literal["warning", "breach"]
    after: Duration | None = None
    do: Literal["notify", "raise_priority", "widen_skills", "reassign", "webhook"]
    to: str | int | None = None


class PauseIn(BaseModel):
    """For how long the resolution stops at most while the customer has the word."""

    up_to: Duration | None = None


class SlaIn(BaseModel):
    """The first policy whose `when` fits holds."""

    name: Name
    when: When | None = None
    first_response: Spans | None = None
    next_response: Spans | None = None
    resolution: Spans | None = None
    silence: Duration | None = None
    warn_at: Annotated[float, Field(ge=0.001, le=0.999)] | None = None
    escalate: list[StepIn] | None = None
    pause_while_waiting_for_customer: PauseIn | None = None


class HumanWhenIn(BaseModel):
    """When a conversation is for humans only, for ever."""

    asked: bool | None = None
    mood: str | list[str] | None = None
    intent: str | list[str] | None = None
    order_value_over: Annotated[float, Field(ge=0)] | None = None
    failed_answers: Annotated[int, Field(ge=1, le=100)] | None = None
    silent_for: Duration | None = None


class BotsIn(BaseModel):
    """What bots are never given."""

    human_when: HumanWhenIn | None = None


class AtMostIn(BaseModel):
    """Most notices to one customer."""

    per_day: Annotated[int, Field(ge=0)] | None = None
    per_week: Annotated[int, Field(ge=0)] | None = None
    per_month: Annotated[int, Field(ge=0)] | None = None


class DelayIn(BaseModel):
    """Whether a late parcel is told, and from which slip on."""

    on: bool | None = None
    tell_after: Duration | None = None


class FirstAnswerIn(BaseModel):
    """Whether somebody who wrote is told that it came in."""

    on: bool | None = None


class SurveyIn(BaseModel):
    """Whether a customer is asked how it was."""

    on: bool | None = None
    after: Duration | None = None
    at_most: AtMostIn | None = None


class NoticesIn(BaseModel):
    """What customers are told on our own initiative, where and when."""

    channels: list[str] | None = None
    quiet: str | None = None
    at_most: AtMostIn | None = None
    delay: DelayIn | None = None
    first_answer: FirstAnswerIn | None = None
    survey: SurveyIn | None = None


class WebhookIn(BaseModel):
    """Where events and outgoing messages go."""

    url: str
    events: list[Literal["message.out", "notice", "sla.breached"]] | None = None
    secret: Secret | None = None


class DeskIn(BaseModel):
    """A desk's whole configuration."""

    name: Name
    locale: str | None = None
    time_zone: str | None = None
    hours: dict[str, str | list[str]] | None = None
    holidays: HolidaysIn | None = None
    channels: list[ChannelIn]
    skills: list[str]
    languages: list[str] | None = None
    leads: list[Name] | None = None
    queues: list[QueueIn] | None = None
    routing: RoutingIn | None = None
    sla: list[SlaIn] | None = None
    bots: BotsIn | None = None
    notices: NoticesIn | None = None
    webhooks: list[WebhookIn] | None = None


class AgentIn(BaseModel):
    """An agent. The whole agent is sent each time: what is left out has its default."""

    name: Name | None = None
    kind: Literal["human", "bot"] | None = None
    skills: SkillLevels | None = None
    languages: SkillLevels | None = None
    capacity: Annotated[int, Field(ge=1, le=10_000)] | None = None
    channels: list[str] | None = None
    limits: dict[str, Annotated[int, Field(ge=1)]] | None = None
