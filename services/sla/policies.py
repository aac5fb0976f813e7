"""A desk's policies in the form in which the engine asks them, and the targets that they plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from proto.v1.desk_pb2 import (
    ESCALATION_AT_BREACH,
    ESCALATION_DO_NOTIFY,
    DeskConfig,
    EscalationStep,
    SlaPolicy,
    Span,
)
from proto.v1.sla_pb2 import (
    TARGET_KIND_FIRST_RESPONSE,
    TARGET_KIND_NEXT_RESPONSE,
    TARGET_KIND_RESOLUTION,
    TARGET_KIND_UPDATE,
    TargetKind,
    TargetStarted,
)
from services.kernel.conditions import DEFAULT_CHANNEL, Compiled, compile_when, fits
from services.kernel.desk_sla import LEAD
from services.kernel.ids import derive_id
from services.sla.calendar import Calendar

WARN_AT_PERMILLE = 750
"""Where an update promise warns when no policy holds for its conversation."""
UNKEPT = EscalationStep(at=ESCALATION_AT_BREACH, do=ESCALATION_DO_NOTIFY, to=LEAD)
"""What an update promise that is broken leads to there: somebody is told, whatever the desk says."""

KIND_NAMES = {
    TARGET_KIND_FIRST_RESPONSE: "first_response",
    TARGET_KIND_NEXT_RESPONSE: "next_response",
    TARGET_KIND_UPDATE: "update",
    TARGET_KIND_RESOLUTION: "resolution",
}
RESPONSES = (TARGET_KIND_FIRST_RESPONSE, TARGET_KIND_NEXT_RESPONSE)

Spans = dict[str, tuple[int, int]]
"""By channel: milliseconds of open time, business days."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy at one version.

    fingerprint: equal if the same targets would get the same deadlines.
    frozen: what every target of it carries (its name, version, escalation, pause), to be copied.
    """

    name: str
    when: Compiled
    spans: Mapping[int, Spans]
    warn_at_permille: int
    fingerprint: bytes
    frozen: TargetStarted

    def span(self, kind: int, channel: str) -> tuple[int, int] | None:
        """What is promised of this kind on this channel; None: nothing."""
        spans = self.spans[kind]
        return spans.get(channel) or spans.get(DEFAULT_CHANNEL)


class Met(Protocol):
    """A promise as the state has it."""

    id: str
    kind: int
    started_at_ms: int
    due_at_ms: int
    warn_at_ms: int
    open_ms: int


class Live:
    """A desk at its newest version: its calendar, its policies in order, its leads."""

    __slots__ = ("by_name", "calendar", "leads", "policies", "version")

    def __init__(self, desk: DeskConfig, version: int) -> None:
        self.version = version
        self.calendar = Calendar(desk.time_zone, desk.hours)
        week = DeskConfig(time_zone=desk.time_zone, hours=desk.hours).SerializeToString(deterministic=True)
        self.policies = [_policy(policy, version, week) for policy in desk.sla]
        self.by_name = {policy.name: policy for policy in self.policies}
        self.leads = list(desk.leads)

    def policy_for(self, known: Mapping[str, str]) -> Policy | None:
        """The first policy whose conditions fit these facts."""
        for policy in self.policies:
            if fits(policy.when, known):
                return policy
        return None

    def plan(
        self,
        policy: Policy | None,
        kind: TargetKind,
        channel: str,
        conversation_id: str,
        at_ms: int,
        *id_parts: str,
    ) -> TargetStarted | None:
        """The target that begins at `at_ms`, or None: the policy promises nothing of this kind.

        id_parts: the starting message's id, and what else makes this promise different from others.
        """
        span = policy.span(kind, channel) if policy else None
        if policy is None or span is None:
            return None
        due_ms = self.calendar.due_ms(at_ms, *span)
        open_ms = self.calendar.open_ms_between(at_ms, due_ms) if span[1] else span[0]
        started = TargetStarted()
        started.CopyFrom(policy.frozen)
        started.conversation_id = conversation_id
        started.kind = kind
        started.target_id = derive_id("t", conversation_id, KIND_NAMES[kind], *id_parts)
        started.started_at_ms = at_ms
        started.due_at_ms = due_ms
        started.warn_at_ms = self.calendar.due_ms(at_ms, open_ms * policy.warn_at_permille // 1000)
        started.message_id = id_parts[0]
        started.open_ms = open_ms
        return started

    def plan_update(
        self, policy: Policy | None, conversation_id: str, at_ms: int, within_ms: int, reply_id: str
    ) -> TargetStarted:
        """ "We tell you more within": counted on the clock, since the customer was told a time."""
        permille = policy.warn_at_permille if policy else WARN_AT_PERMILLE
        started = TargetStarted(
            conversation_id=conversation_id,
            kind=TARGET_KIND_UPDATE,
            target_id=derive_id("t", conversation_id, KIND_NAMES[TARGET_KIND_UPDATE], reply_id),
            started_at_ms=at_ms,
            due_at_ms=at_ms + within_ms,
            warn_at_ms=at_ms + within_ms * permille // 1000,
            message_id=reply_id,
            open_ms=within_ms,
        )
        _frozen(started, policy)
        return started

    def plan_again(
        self, policy: Policy | None, conversation_id: str, was: Met, reply_id: str
    ) -> TargetStarted:
        """What counted as met by an answer that did not arrive: from the same beginning to the same end."""
        kind = cast(TargetKind, was.kind)
        started = TargetStarted(
            conversation_id=conversation_id,
            kind=kind,
            target_id=derive_id("t", conversation_id, KIND_NAMES[kind], was.id, reply_id),
            started_at_ms=was.started_at_ms,
            due_at_ms=was.due_at_ms,
            warn_at_ms=was.warn_at_ms,
            message_id=reply_id,
            open_ms=was.open_ms,
        )
        _frozen(started, policy)
        return started


def _frozen(started: TargetStarted, policy: Policy | None) -> None:
    """Copy what every target carries of its policy; where there is none, somebody is told all the same."""
    if policy:
        started.MergeFrom(policy.frozen)
    else:
        started.escalate.append(UNKEPT)


def sla_part(desk: DeskConfig) -> DeskConfig:
    """What this service keeps of a desk's configuration."""
    return DeskConfig(time_zone=desk.time_zone, hours=desk.hours, sla=desk.sla, leads=desk.leads)


def _policy(policy: SlaPolicy, version: int, week: bytes) -> Policy:
    alike = SlaPolicy()
    alike.CopyFrom(policy)
    for field in ("name", "when", "escalate"):
        alike.ClearField(field)
    spans = alike.SerializeToString(deterministic=True)
    fingerprint = hashlib.sha256(spans + b"|" + week).digest()[:8]
    return Policy(
        name=policy.name,
        when=compile_when(policy.when),
        spans={
            TARGET_KIND_FIRST_RESPONSE: _spans(policy.first_response),
            TARGET_KIND_NEXT_RESPONSE: _spans(policy.next_response),
            TARGET_KIND_RESOLUTION: _spans(policy.resolution),
        },
        warn_at_permille=policy.warn_at_permille,
        fingerprint=fingerprint,
        frozen=TargetStarted(
            policy=policy.name,
            policy_version=version,
            escalate=policy.escalate,
            pause_up_to_ms=policy.pause_up_to.ms,
            pause_up_to_days=policy.pause_up_to.business_days,
            promise_hash=fingerprint,
        ),
    )


def _spans(spans: Mapping[str, Span]) -> Spans:
    return {channel: (span.ms, span.business_days) for channel, span in spans.items()}
