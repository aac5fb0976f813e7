"""The routing policy in a desk's configuration: in what order work waits, and who gets it.

A policy is data. `routing.policy` names a preset, or says the whole of one, beginning with the preset
that `like` names. `PRESETS` are such documents themselves, so a desk can write each of them out and
change a part. What each of them is good for, with figures: docs/routing.md. The first six are what
`preset` always knew; `fcfs_longest_idle` to `reserve_threshold` are the classical ones that theory has
values for (Armony's fastest server first, max-weight by Tassiulas and Ephremides, Bell and Williams'
threshold for the N-model).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proto.v1 import desk_pb2 as pb
from services.kernel.desk_parse import Context, never_reached, parse_when
from services.kernel.document import Node
from services.kernel.limits import (
    AGENT_LOST_AFTER_MS,
    LAST_AGENT_WAIT_MS,
    LAST_AGENT_WORTH_MS,
    OFFER_EXPIRES_MS,
)

SHARE_MAX = 1_000
LIMIT_MAX = 1_000
OWN = "own"
"""What decisions are signed with under a policy that is written out, changed, and not named."""
SURGE_MAX = 100_000
WEIGHT_PERMILLE = 1_000
"""What a conversation weighs that no rule fits."""

ORDERS = {
    "arrival": pb.POLICY_ORDER_ARRIVAL,
    "deadline": pb.POLICY_ORDER_DEADLINE,
    "saveable": pb.POLICY_ORDER_SAVEABLE,
    "weighted": pb.POLICY_ORDER_WEIGHTED,
    "pressure": pb.POLICY_ORDER_PRESSURE,
}
AGENTS = {
    "longest_idle": pb.POLICY_AGENT_LONGEST_IDLE,
    "least_loaded": pb.POLICY_AGENT_LEAST_LOADED,
    "least_active": pb.POLICY_AGENT_LEAST_ACTIVE,
    "round_robin": pb.POLICY_AGENT_ROUND_ROBIN,
    "best_skilled": pb.POLICY_AGENT_BEST_SKILLED,
    "least_flexible": pb.POLICY_AGENT_LEAST_FLEXIBLE,
    "fastest": pb.POLICY_AGENT_FASTEST,
    "least_cost": pb.POLICY_AGENT_LEAST_COST,
    "score": pb.POLICY_AGENT_SCORE,
}
SCORE_PARTS = ("idle", "load", "active", "skill", "flexibility", "pace")

DOCUMENTS: Mapping[str, Mapping[str, Any]] = {
    "longest_idle": {"order": "arrival", "agent": "longest_idle"},
    "least_active": {"order": "arrival", "agent": "least_active"},
    "round_robin": {"order": "arrival", "agent": "round_robin"},
    "priority": {"order": "arrival", "priority": {"first": True}, "agent": "longest_idle"},
    "deadline": {"order": "deadline", "agent": "longest_idle"},
    "default": {"order": "saveable", "agent": "least_cost", "hold_back": 1.0},
    "fcfs_longest_idle": {"order": "arrival", "agent": "longest_idle"},
    "fastest_server": {"order": "arrival", "agent": "fastest"},
    "max_pressure": {"order": "pressure", "agent": "fastest"},
    "reserve_threshold": {"order": "arrival", "levels": True, "agent": "best_skilled"},
}

_FIELDS = (
    "name like order priority levels agent score hold_back shares limits bots surges"
).split()  # fmt: skip


def parse_routing(node: Node | None, queues: list[str], context: Context) -> pb.Routing:
    """How agents are chosen, and what the desk's customers weigh. `queues`: the desk's, by name."""
    routing = pb.Routing(
        preset="default",
        offer_expires_ms=OFFER_EXPIRES_MS,
        last_agent_wait_ms=LAST_AGENT_WAIT_MS,
        last_agent_worth_ms=LAST_AGENT_WORTH_MS,
        agent_lost_after_ms=AGENT_LOST_AFTER_MS,
    )
    known = "preset policy weights offer_expires last_agent agent_lost_after shadow".split()
    fields = node.fields(known) if node else {}
    if "preset" in fields:
        routing.preset = fields["preset"].choice(PRESETS, "a preset")
    if "policy" in fields:
        if "preset" in fields:
            fields["policy"].wrong("stands beside a preset: keep one of them (a policy may begin with like)")
        policy = parse_policy(fields["policy"], queues, context.channels)
        if isinstance(fields["policy"].value, str):
            routing.preset = policy.name
        else:
            routing.policy.CopyFrom(policy)
    if "shadow" in fields:
        _shadow(fields["shadow"], queues, context, routing.shadow)
    weights = fields["weights"].items(50) if "weights" in fields else []
    routing.weights.extend(_weight(item, context) for item in weights)
    never_reached(weights, [one.when for one in routing.weights], "weight")
    if "offer_expires" in fields:
        routing.offer_expires_ms = fields["offer_expires"].duration_ms()
    if "agent_lost_after" in fields:
        routing.agent_lost_after_ms = fields["agent_lost_after"].duration_ms()
    if "last_agent" in fields:
        last = fields["last_agent"].fields(("wait_up_to", "worth"))
        if "wait_up_to" in last:
            routing.last_agent_wait_ms = last["wait_up_to"].duration_ms(least_ms=0)
        if "worth" in last:
            routing.last_agent_worth_ms = last["worth"].duration_ms(least_ms=0)
    return routing


def _shadow(node: Node, queues: list[str], context: Context, shadow: pb.ShadowPolicy) -> None:
    """A second policy that is asked beside the live one."""
    fields = node.fields(("policy",), required=("policy",))
    shadow.preset = "default"
    if "policy" in fields:
        policy = parse_policy(fields["policy"], queues, context.channels)
        if isinstance(fields["policy"].value, str):
            shadow.preset = policy.name
        else:
            shadow.policy.CopyFrom(policy)


def _weight(node: Node, context: Context) -> pb.Weight:
    """A rule, and how many times more a promise to those who fit is worth."""
    fields = node.fields(("when", "weight"), required=("when", "weight"))
    weight = pb.Weight(weight_permille=WEIGHT_PERMILLE)
    if "when" in fields:
        weight.when.CopyFrom(parse_when(fields["when"], context))
        if not weight.when.any:
            fields["when"].wrong("must say whom it is about: whoever fits no rule weighs 1")
    if "weight" in fields:
        weight.weight_permille = round(fields["weight"].number(0.001, 1_000) * 1_000)
    return weight


def parse_policy(node: Node, queues: list[str], channels: set[str]) -> pb.Policy:
    """A policy: the name of a preset, or a map. `queues`, `channels`: those that it may name."""
    if isinstance(node.value, str):
        name = node.choice(PRESETS, "a policy")
        return PRESETS[name or "default"]
    policy = pb.Policy()
    fields = node.fields(_FIELDS)
    if "like" in fields:
        policy.CopyFrom(PRESETS[fields["like"].choice(PRESETS, "a policy") or "default"])
    else:
        policy.CopyFrom(PRESETS["default"])
    for key, inner in fields.items():
        if key in _PARTS:
            _PARTS[key](inner, policy)
    if "name" in fields:
        policy.name = fields["name"].name()
        if policy != PRESETS.get(policy.name, policy):
            fields["name"].wrong(
                "is the name of a preset, which says something else: give it a name of its own"
            )
    elif policy != PRESETS[policy.name]:
        policy.name = OWN
    for key in policy.shares:
        _known(fields["shares"].at(key, key), queues, "a queue of this desk")
    for index, surge in enumerate(policy.surges):
        _known(
            fields["surges"].at(index, surge.queue).at("queue", surge.queue), queues, "a queue of this desk"
        )
    for key in policy.limits:
        _known(fields["limits"].at(key, key), sorted(channels), "a channel of this desk")
    if policy.agent == pb.POLICY_AGENT_SCORE and not policy.score:
        node.wrong('agent "score" needs to know what counts: give score, such as {idle: 1, load: 2}')
    elif policy.score and policy.agent != pb.POLICY_AGENT_SCORE:
        fields["score"].wrong('counts only with agent "score"')
    _without_effect(fields, policy)
    return policy


def _without_effect(fields: Mapping[str, Node], policy: pb.Policy) -> None:
    """What would be done by halves or not at all beside the rest."""
    if policy.levels_first and policy.agent == pb.POLICY_AGENT_LEAST_COST:
        fields["levels" if "levels" in fields else "agent"].wrong(
            'agent "least_cost" weighs levels itself: levels: true goes with another, such as "best_skilled"'
        )
    if len(policy.shares) == 1:
        fields["shares"].wrong("names one queue only: shares count between two or more")


def _known(node: Node, names: list[str], what: str) -> None:
    node.choice(names, what)


def _order(node: Node, policy: pb.Policy) -> None:
    policy.order = ORDERS.get(node.choice(ORDERS, "an order"), pb.POLICY_ORDER_ARRIVAL)


def _priority(node: Node, policy: pb.Policy) -> None:
    fields = node.fields(("first", "ageing"))
    if "first" in fields:
        policy.priority_first = fields["first"].flag()
    policy.ageing_ms = fields["ageing"].duration_ms() if "ageing" in fields else 0
    if policy.ageing_ms and not policy.priority_first:
        fields["ageing"].wrong("counts only where a higher priority goes first: say first: true")


def _levels(node: Node, policy: pb.Policy) -> None:
    policy.levels_first = node.flag()


def _agent(node: Node, policy: pb.Policy) -> None:
    policy.agent = AGENTS.get(node.choice(AGENTS, "a way to choose an agent"), pb.POLICY_AGENT_LONGEST_IDLE)


def _score(node: Node, policy: pb.Policy) -> None:
    policy.ClearField("score")
    for key, inner in node.fields(SCORE_PARTS).items():
        policy.score.add(name=key, weight=inner.number(-1_000, 1_000))
    if not policy.score and isinstance(node.value, dict):
        node.wrong("must name at least one part and its weight, such as {idle: 1}")


def _hold_back(node: Node, policy: pb.Policy) -> None:
    if isinstance(node.value, bool):
        policy.hold_back_permille = 1_000 if node.value else 0
    else:
        policy.hold_back_permille = round(node.number(0, 100) * 1_000)


def _shares(node: Node, policy: pb.Policy) -> None:
    policy.shares.clear()
    for key, inner in node.entries(limit=100).items():
        policy.shares[key] = inner.integer(1, SHARE_MAX)


def _limits(node: Node, policy: pb.Policy) -> None:
    policy.limits.clear()
    policy.limits.update(parse_limits(node))


def parse_limits(node: Node) -> dict[str, int]:
    """How many conversations of each channel an agent has at most at a time.

    None at all is not said here: those who could take it, and its wait, would be told as if it had an end.
    """
    limits = {}
    for key, inner in node.entries(limit=100).items():
        if type(inner.value) is int and inner.value == 0:
            inner.wrong("must be at least 1; leave the channel out of the agents' channels instead")
        else:
            limits[key] = inner.integer(1, LIMIT_MAX)
    return limits


def _bots(node: Node, policy: pb.Policy) -> None:
    fields = node.fields(("first", "contain"))
    policy.bots_first = fields["first"].flag() if "first" in fields else False
    policy.bots_contain_permille = round(fields["contain"].number(0, 1) * 1_000) if "contain" in fields else 0
    if policy.bots_contain_permille and not policy.bots_first:
        fields["contain"].wrong("counts only where bots are asked first: say first: true")


def _surges(node: Node, policy: pb.Policy) -> None:
    policy.ClearField("surges")
    for item in node.items(20):
        fields = item.fields(("queue", "waiting"), required=("queue", "waiting"))
        if len(fields) == 2:
            waiting, queue = fields["waiting"].integer(1, SURGE_MAX), fields["queue"].name()
            if any(queue == surge.queue for surge in policy.surges):
                fields["queue"].wrong("is listed twice")
            policy.surges.add(queue=queue, waiting=waiting)


_PARTS: Mapping[str, Callable[[Node, pb.Policy], None]] = {
    "order": _order,
    "priority": _priority,
    "levels": _levels,
    "agent": _agent,
    "score": _score,
    "hold_back": _hold_back,
    "shares": _shares,
    "limits": _limits,
    "bots": _bots,
    "surges": _surges,
}


def _preset(name: str) -> pb.Policy:
    policy = pb.Policy(name=name)
    for key, value in DOCUMENTS[name].items():
        _PARTS[key](Node(value, f"/{key}", []), policy)
    return policy


PRESETS: Mapping[str, pb.Policy] = {name: _preset(name) for name in DOCUMENTS}
"""By name. Never changed: whoever wants to, copies."""
