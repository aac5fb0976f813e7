"""The section `sla` of a desk's configuration: what is promised, and what happens when it is late."""

from __future__ import annotations

from proto.v1.desk_pb2 import (
    ESCALATION_AT_BREACH,
    ESCALATION_AT_WARNING,
    ESCALATION_DO_NOTIFY,
    ESCALATION_DO_RAISE_PRIORITY,
    ESCALATION_DO_REASSIGN,
    ESCALATION_DO_WEBHOOK,
    ESCALATION_DO_WIDEN_SKILLS,
    EscalationStep,
    SlaPolicy,
    Span,
)
from services.kernel.conditions import DEFAULT_CHANNEL
from services.kernel.desk_parse import Context, last_without_when, one_name, parse_when
from services.kernel.document import Node
from services.kernel.limits import HOUR_MS, MINUTE_MS

WARN_AT_PERMILLE = 750
PAUSE_DAYS = 7
LEAD = "lead"
"""Stands for every lead of the desk in `notify`."""

KINDS = ("first_response", "next_response", "resolution")
AT = {"warning": ESCALATION_AT_WARNING, "breach": ESCALATION_AT_BREACH}
DO = {
    "notify": ESCALATION_DO_NOTIFY,
    "raise_priority": ESCALATION_DO_RAISE_PRIORITY,
    "widen_skills": ESCALATION_DO_WIDEN_SKILLS,
    "reassign": ESCALATION_DO_REASSIGN,
    "webhook": ESCALATION_DO_WEBHOOK,
}


def default_policies() -> list[SlaPolicy]:
    """What a desk promises that says nothing about it: live channels in minutes, the others in a day."""
    policy = SlaPolicy(name="default", warn_at_permille=WARN_AT_PERMILLE)
    for channel, ms in (("voice", MINUTE_MS // 2), ("chat", 2 * MINUTE_MS), (DEFAULT_CHANNEL, 8 * HOUR_MS)):
        policy.first_response[channel].ms = ms
    policy.next_response[DEFAULT_CHANNEL].ms = 8 * HOUR_MS
    policy.resolution[DEFAULT_CHANNEL].business_days = 3
    policy.pause_up_to.business_days = PAUSE_DAYS
    return [policy]


def parse_sla(node: Node, context: Context) -> list[SlaPolicy]:
    """The policies in order: the first whose conditions fit."""
    used: set[str] = set()
    nodes = node.items(50)
    policies = [_policy(item, context, used) for item in nodes]
    last_without_when(nodes, [policy.when for policy in policies], "policy")
    return policies


def _policy(node: Node, context: Context, used: set[str]) -> SlaPolicy:
    known = ("name", "when", *KINDS, "silence", "warn_at", "escalate", "pause_while_waiting_for_customer")
    fields = node.fields(known, required=("name",))
    policy = SlaPolicy(name=one_name(fields.get("name"), used, "policy"), warn_at_permille=WARN_AT_PERMILLE)
    if "when" in fields:
        policy.when.CopyFrom(parse_when(fields["when"], context))
    for kind in KINDS:
        if kind in fields:
            for channel, span in _spans(fields[kind], context).items():
                getattr(policy, kind)[channel].CopyFrom(span)
    if "silence" in fields:
        fields["silence"].days_and_ms()
        context.not_in_effect.append(fields["silence"].pointer)
    if "warn_at" in fields:
        policy.warn_at_permille = round(fields["warn_at"].number(0.001, 0.999) * 1_000)
    if "escalate" in fields:
        policy.escalate.extend(_step(item, context) for item in fields["escalate"].items(20))
    if "pause_while_waiting_for_customer" in fields:
        pause = fields["pause_while_waiting_for_customer"].fields(("up_to",))
        policy.pause_up_to.business_days = PAUSE_DAYS
        if "up_to" in pause:
            policy.pause_up_to.CopyFrom(_span(pause["up_to"]))
    return policy


def _spans(node: Node, context: Context) -> dict[str, Span]:
    """A promised time by channel; one for all of them stands under "default"."""
    if not isinstance(node.value, dict):
        return {DEFAULT_CHANNEL: _span(node)}
    spans = {}
    for channel, item in node.entries(limit=100).items():
        key = Node(channel, item.pointer, item.problems)
        if key.choice([*sorted(context.channels), DEFAULT_CHANNEL], "a channel of this desk"):
            spans[channel] = _span(item)
    return spans


def _span(node: Node) -> Span:
    days, ms = node.days_and_ms()
    return Span(ms=ms, business_days=days)


def _step(node: Node, context: Context) -> EscalationStep:
    fields = node.fields(("at", "after", "do", "to"), required=("at", "do"))
    step = EscalationStep()
    if "at" in fields:
        step.at = AT.get(fields["at"].choice(AT, "a moment of a target"), ESCALATION_AT_BREACH)
    if "after" in fields:
        step.after_ms = fields["after"].duration_ms(least_ms=0)
    if "do" in fields:
        do = fields["do"].choice(DO, "a step that is known")
        if do:
            step.do = DO[do]
            step.to = _to(node, fields.get("to"), do, context)
    return step


def _to(node: Node, to: Node | None, do: str, context: Context) -> str:
    if do in ("widen_skills", "reassign"):
        if to:
            to.wrong(f"{do} has no to: it is about the conversation itself")
        return ""
    if do == "notify":
        name = to.name() if to else LEAD
        if name == LEAD and not context.leads:
            (to or node).wrong("tells the lead, but /leads lists nobody: list an agent there")
        return name
    if to is None:
        what = "the priority from 1 to 10" if do == "raise_priority" else "the URL that is called"
        node.at("to", None).wrong(f"is required: {what}")
        return ""
    return str(to.integer(1, 10)) if do == "raise_priority" else to.url()
