"""The routing policy as a lead writes it: presets, whole policies, and what is said of mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1 import desk_pb2 as pb
from services.kernel.desk import attributes_named, parse_agent, parse_desk
from services.kernel.desk_policy import DOCUMENTS, PRESETS
from services.kernel.errors import Invalid

LEAST: dict[str, Any] = {
    "name": "Shop",
    "channels": [{"channel": "chat", "account": "www"}, {"channel": "email", "account": "pomoc@a.pl"}],
    "skills": ["zwroty", "faktury"],
    "queues": [{"name": "zwroty", "when": {"intent": ["return"]}}, {"name": "reszta"}],
}


def routing(**fields: Any) -> pb.Routing:
    """The routing of the least desk with these fields."""
    return parse_desk(LEAST | {"routing": fields}).desk.routing


def problems(**sections: Any) -> dict[str, str]:
    """Pointers and rules of the least desk with these sections."""
    with pytest.raises(Invalid) as caught:
        parse_desk(LEAST | sections)
    return {problem.pointer: problem.rule for problem in caught.value.problems}


def test_a_policy_is_named_or_written_out() -> None:
    """A name stays a name, so that a better preset reaches the desk; what is written out is frozen."""
    assert routing(policy="longest_idle").preset == "longest_idle"
    assert not routing(policy="longest_idle").HasField("policy")
    written = routing(policy={"like": "default", "name": "nasza", "limits": {"chat": 3}}).policy
    expected = pb.Policy()
    expected.CopyFrom(PRESETS["default"])
    expected.name = "nasza"
    expected.limits["chat"] = 3
    assert written == expected


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_preset_can_be_written_out(name: str) -> None:
    """A preset is a document that a desk may write itself."""
    assert (
        routing(policy={**DOCUMENTS[name], "name": name, "like": "fcfs_longest_idle"}).policy == PRESETS[name]
    )


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ({"like": "priority"}, "priority"),
        ({"order": "weighted"}, "own"),
        ({"like": "priority", "limits": {"chat": 3}}, "own"),
        ({"like": "priority", "limits": {"chat": 3}, "name": "nasza"}, "nasza"),
    ],
)
def test_what_decisions_are_signed_with(written: dict[str, Any], name: str) -> None:
    """What was changed never goes by the name of the preset that it began with."""
    assert routing(policy=written).policy.name == name
    assert routing(shadow={"policy": written}).shadow.policy.name == name


def test_everything_a_policy_can_say() -> None:
    """Each part comes through, and the weights of customers with it."""
    made = routing(
        policy={
            "order": "weighted",
            "priority": {"first": True, "ageing": "10m"},
            "levels": True,
            "agent": "score",
            "score": {"idle": 1, "load": 2.5},
            "hold_back": 0.5,
            "shares": {"zwroty": 60, "reszta": 40},
            "limits": {"chat": 2},
            "bots": {"first": True, "contain": 0.4},
            "surges": [{"queue": "zwroty", "waiting": 8}],
        },
        weights=[{"when": {"attributes.tier": ["vip"]}, "weight": 5}],
        last_agent={"wait_up_to": "1m", "worth": "45s"},
    )
    policy = made.policy
    assert (policy.order, policy.agent) == (pb.POLICY_ORDER_WEIGHTED, pb.POLICY_AGENT_SCORE)
    assert (policy.priority_first, policy.ageing_ms, policy.levels_first) == (True, 600_000, True)
    assert {part.name: part.weight for part in policy.score} == {"idle": 1, "load": 2.5}
    assert (policy.hold_back_permille, dict(policy.shares)) == (500, {"zwroty": 60, "reszta": 40})
    assert (dict(policy.limits), policy.bots_first, policy.bots_contain_permille) == ({"chat": 2}, True, 400)
    assert [(surge.queue, surge.waiting) for surge in policy.surges] == [("zwroty", 8)]
    assert [weight.weight_permille for weight in made.weights] == [5_000]
    assert made.last_agent_worth_ms == 45_000


def test_weights_name_attributes_that_may_be_plain() -> None:
    """What a weight asks for is among the attributes that routing may see."""
    desk = parse_desk(
        LEAST | {"routing": {"weights": [{"when": {"attributes.tier": ["vip"]}, "weight": 5}]}}
    ).desk
    assert attributes_named(desk) == {"tier"}


@pytest.mark.parametrize(
    ("policy", "pointer", "rule"),
    [
        ("longest-idle", "", 'did you mean "longest_idle"'),
        ({"like": "best"}, "/like", "is not a policy"),
        ({"order": "deadlines"}, "/order", 'did you mean "deadline"'),
        ({"agent": "score"}, "", "give score"),
        ({"score": {"idle": 1}}, "/score", 'counts only with agent "score"'),
        ({"priority": {"ageing": "5m"}}, "/priority/ageing", "say first: true"),
        ({"shares": {"zwrot": 1}}, "/shares/zwrot", 'did you mean "zwroty"'),
        ({"shares": {"zwroty": 60}}, "/shares", "two or more"),
        ({"levels": True}, "/levels", 'agent "least_cost" weighs levels itself'),
        ({"like": "reserve_threshold", "agent": "least_cost"}, "/agent", "levels: true goes with another"),
        ({"limits": {"voice": 1}}, "/limits/voice", "is not a channel of this desk"),
        ({"surges": [{"queue": "x", "waiting": 3}]}, "/surges/0/queue", "is not a queue of this desk"),
        ({"surges": [{"queue": "zwroty", "waiting": n} for n in (3, 5)]}, "/surges/1/queue", "listed twice"),
        ({"bots": {"contain": 0.4}}, "/bots/contain", "say first: true"),
        (
            {"limits": {"chat": 0}},
            "/limits/chat",
            "at least 1; leave the channel out of the agents' channels",
        ),
        ({"limits": {"chat": -1}}, "/limits/chat", "must be from 1 to"),
        ({"name": "default", "order": "arrival"}, "/name", "is the name of a preset"),
        ({"name": "priority"}, "/name", "is the name of a preset"),
        ({"hold_back": -1}, "/hold_back", "must be from 0 to 100"),
    ],
)
def test_a_mistake_is_told_where_it_is(policy: object, pointer: str, rule: str) -> None:
    """Each mistake has its place and says what would be right."""
    found = problems(routing={"policy": policy})
    assert rule in found["/routing/policy" + pointer]


def test_preset_and_policy_exclude_each_other() -> None:
    """Nobody has to guess which of the two holds."""
    assert "keep one" in problems(routing={"preset": "default", "policy": "priority"})["/routing/policy"]


def test_relaxation_overflows_into_another_queue() -> None:
    """A step names requirements, a queue, or both; and the queue must be another one of the desk."""
    queues: list[dict[str, Any]] = [
        {
            "name": "zwroty",
            "when": {"intent": ["return"]},
            "requires": {"zwroty": 4},
            "prefers": {"faktury": 2},
            "relax": [{"after": "1m", "requires": {"zwroty": 2}}, {"after": "3m", "queue": "reszta"}],
        },
        {"name": "reszta"},
    ]
    first = parse_desk(LEAST | {"queues": queues}).desk.queues[0]
    assert dict(first.prefers) == {"faktury": 2}
    assert [(step.queue, step.as_queue) for step in first.relax] == [("", False), ("reszta", True)]
    queues[0]["relax"] = [{"after": "1m", "queue": "zwroty"}, {"after": "2m"}]
    found = problems(queues=queues)
    assert "is not another queue" in found["/queues/0/relax/0/queue"]
    assert "changes nothing" in found["/queues/0/relax/1"]


def test_an_agent_has_limits_of_their_own() -> None:
    """By channels that the desk has."""
    desk = parse_desk(LEAST).desk
    assert dict(parse_agent("ola", {"limits": {"chat": 1}}, desk).limits) == {"chat": 1}
    for wrong in ({"voice": 1}, {"chat": 0}):
        with pytest.raises(Invalid) as caught:
            parse_agent("ola", {"limits": wrong}, desk)
        assert [problem.pointer for problem in caught.value.problems] == [f"/limits/{next(iter(wrong))}"]


@pytest.mark.parametrize(
    ("requires", "steps", "at"),
    [
        ({"zwroty": 3}, [{"zwroty": 5, "faktury": 1}], 0),
        ({"zwroty": 3}, [{"zwroty": 2}, {"zwroty": 2, "faktury": 1}], 1),
        ({}, [{}], 0),
    ],
)
def test_a_relaxation_asks_for_less(requires: dict[str, int], steps: list[dict[str, int]], at: int) -> None:
    """A step after which nobody may take it who could not before is told; another skill instead is not."""
    relax = [{"after": f"{index + 1}m", "requires": step} for index, step in enumerate(steps)]
    found = problems(queues=[{"name": "q", "requires": requires, "relax": relax}])
    assert "asks for no less" in found.pop(f"/queues/0/relax/{at}/requires")
    assert not found
    other = [{"after": "1m", "requires": {"faktury": 5}}, {"after": "2m", "queue": "reszta"}]
    last = {"name": "reszta"}
    first = {"name": "q", "when": {"channel": ["chat"]}, "requires": {"zwroty": 3}, "relax": other}
    assert parse_desk(LEAST | {"queues": [first, last]}).desk.queues


def test_what_is_never_reached_is_told() -> None:
    """A queue, promise or weight whose every value is taken by those before it gets nothing, and the lead is
    told."""
    chat, mail = {"channel": ["chat"]}, {"channel": ["email"], "intent": ["return"]}
    both = {"intent": ["return"], "channel": ["chat"]}
    queues = [{"name": str(i), "when": when} for i, when in enumerate((chat, mail, both))]
    found = problems(queues=[*queues, {"name": "rest"}])
    assert list(found) == ["/queues/2/when"]
    assert "never reached" in found["/queues/2/when"]
    sla = [{"name": str(i), "when": chat, "first_response": "1h"} for i in range(2)]
    assert list(problems(sla=[*sla, {"name": "rest", "first_response": "1h"}])) == ["/sla/1/when"]
    weights = [{"when": when, "weight": 2} for when in (mail, {"intent": ["return"]})]
    assert list(problems(routing={"weights": weights})) == ["/routing/weights/1/when"]
