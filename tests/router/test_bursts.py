"""Many at once: agents who come together and conversations that begin to wait together."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proto.v1 import desk_pb2 as pb
from proto.v1.conversations_pb2 import PresenceSet
from proto.v1.inbound_pb2 import PresencePut
from proto.v1.routing_pb2 import Offered
from services.kernel.desk_policy import DOCUMENTS
from services.kernel.limits import BURST_BEGINS
from services.router import bursts, scoring
from services.router.draft import Draft
from services.router.explain import explain_offered
from services.router.state import ask_of
from tests.router.scenes import DESK, MINUTE, SECOND, Scene, desk, event, queue

QUEUES = (
    queue("a", {"a": 1}, {"intent": ["a"]}, priority=3),
    queue("b", {"b": 1}, {"intent": ["b"]}, priority=6),
    queue("ogolna", priority=5),
)
ADDITIVE = ("longest_idle", "least_active", "round_robin", "priority", "deadline")
"""Presets whose score of one decision does not depend on the others of the burst, if each agent takes one."""


def asleep(preset: str, agents: list[tuple[str, ...]], units: int = 30, capacity: int = 30) -> Scene:
    """A desk whose agents, with these skills, are not there yet; they have been idle for different times."""
    config = desk(*QUEUES, preset=preset, skills=("a", "b"), units=units)
    scene = Scene(config)
    for i, skills in enumerate(agents):
        scene.agent(f"a{i}", dict.fromkeys(skills, 1 + i % 4), capacity=capacity, online=False)
        scene.session(f"a{i}")
    return scene


def come(scene: Scene, count: int, apart_ms: int = 7 * SECOND) -> Draft:
    """So many log on, the last one first; the decision about them is still to be made."""
    for i in reversed(range(count)):
        put = PresencePut(agent_id=f"a{i}", state=pb.PRESENCE_STATE_ONLINE)
        scene.at(scene.now_ms + apart_ms)
        scene.when("conversations", event(presence=PresenceSet(presence=put, received_at_ms=scene.now_ms)))
    return Draft(scene.state, DESK, None, "deadline:test", scene.now_ms)


def offers(draft: Draft) -> dict[str, Offered]:
    """What a decision offers, by conversation."""
    return {each.offered.conversation_id: each.offered for each in draft.events if each.HasField("offered")}


@pytest.mark.parametrize(
    "preset", [name for name in DOCUMENTS if name not in ("max_pressure", "reserve_threshold")]
)
def test_who_alone_can_do_it_is_left_for_it(preset: str) -> None:
    """Of two who log on together one can do both kinds: each gets what leaves nobody waiting, whoever is
    looked at first."""
    scene = asleep(preset, [("a",), ("a", "b")])
    for i, intent in enumerate("aaaab" if preset == "priority" else "ab"):
        scene.at(scene.now_ms + SECOND).arrives(f"c{i}", intent=intent)
    last = max(scene.state.data.conversations)
    draft = come(scene, 2)
    bursts.match(draft, ["a0", "a1"])
    found = offers(draft)
    assert found["c0"].agent_id == "a0"
    assert found[last].agent_id == "a1"


def test_one_by_one_somebody_goes_without() -> None:
    """The same two under longest idle, looked at one after the other: the specialist's work goes to who came
    first, and the other kind waits although somebody who can do it was there."""
    scene = asleep("longest_idle", [("a",), ("a", "b")])
    scene.at(scene.now_ms + SECOND).arrives("c0", intent="a").arrives("c1", intent="b")
    draft = come(scene, 2)
    bursts.one_by_one(draft, ["a0", "a1"])
    assert {key: each.agent_id for key, each in offers(draft).items()} == {"c0": "a1"}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    preset=st.sampled_from(ADDITIVE),
    agents=st.lists(st.sampled_from([("a",), ("b",), ("a", "b"), ()]), min_size=2, max_size=4),
    intents=st.lists(st.sampled_from(["a", "b", ""]), min_size=2, max_size=5),
)
def test_the_whole_is_the_best_there_is(
    preset: str, agents: list[tuple[str, ...]], intents: list[str]
) -> None:
    """Against every way to give one conversation each to some agents: who stands first is served, and the sum
    of the policy's scores is the greatest."""
    scene = asleep(preset, agents)
    for i, intent in enumerate(intents):
        scene.at(scene.now_ms + SECOND).arrives(f"c{i}", intent=intent)
    names = [f"a{i}" for i in range(len(agents))]
    draft = come(scene, len(agents))
    ranked = by_policy(scene, preset)
    expected = max(plans(draft, ranked, names))
    bursts.match(draft, names)
    served, _, score = bursts.measure(draft, ranked)
    assert served == expected[0]
    assert score == pytest.approx(expected[1], abs=1e-6)


def by_policy(scene: Scene, preset: str) -> list[str]:
    """Who waits, in the order of the preset: none of them has a deadline."""
    conversations = scene.state.data.conversations

    def place(key: str) -> tuple[int, int, str]:
        c = conversations[key]
        return (-c.priority if preset == "priority" else 0, c.since_ms, key)

    return sorted(conversations, key=place)


def plans(draft: Draft, ranked: list[str], names: list[str]) -> list[tuple[tuple[bool, ...], float]]:
    """Every way to give them, as who is served and the sum of the scores."""
    found = []
    spare = [""] * len(ranked)
    for agents in set(permutations([*names, *spare], len(ranked))):
        total, served = 0.0, []
        for key, agent in zip(ranked, agents, strict=True):
            c = draft.state.data.conversations[key]
            best = draft.choice(c, ask_of(c)._replace(only=agent)).best if agent else []
            served.append(bool(best))
            if best:
                total += scoring.explained(draft.desk.policy, best, draft.now_ms)[1][0]
        found.append((tuple(served), total))
    return found


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    preset=st.sampled_from(sorted(DOCUMENTS)),
    agents=st.lists(st.sampled_from([("a",), ("b",), ("a", "b"), ()]), min_size=1, max_size=6),
    intents=st.lists(st.sampled_from(["a", "b", ""]), max_size=14),
    capacity=st.sampled_from([30, 70, 100]),
    email=st.booleans(),
)
def test_it_is_never_worse_than_one_by_one(
    preset: str, agents: list[tuple[str, ...]], intents: list[str], capacity: int, email: bool
) -> None:
    """Under every preset, with several places for each agent and conversations of two sizes, what is done is
    at least as good by the policy's measure, nobody gets too much, and the log folds to the same state."""
    scene = asleep(preset, agents, capacity=capacity)
    for i, intent in enumerate(intents):
        channel = ("email", "pomoc") if email and i % 3 == 0 else ("chat", "www")
        scene.at(scene.now_ms + SECOND).arrives(
            f"c{i:02}", intent=intent, channel=channel[0], account=channel[1]
        )
    names = [f"a{i}" for i in range(len(agents))]
    draft = come(scene, len(agents))
    single = draft.fork()
    bursts.one_by_one(single, names)
    bursts.match(draft, names)
    ranked = by_policy(scene, preset)
    assert bursts.measure(draft, ranked) >= bursts.measure(single, ranked)
    used = dict.fromkeys(names, 0)
    for each in offers(draft).values():
        used[each.agent_id] += each.units
    assert max(used.values()) <= capacity
    scene.settle().then_replays()


def test_those_who_log_on_together_are_looked_at_together() -> None:
    """Forty log on in one instant: one decision looks at all of them; who comes alone is looked at alone."""
    scene = asleep("default", [("a",) if i % 2 else ("a", "b") for i in range(40)], capacity=90)
    for i in range(60):
        scene.at(scene.now_ms + SECOND).arrives(f"c{i:03}", intent="ab"[i % 2])
    come(scene, 40, apart_ms=0)
    before = len(scene.log)
    scene.settle()
    decided = {each.cause_id for each in scene.log[before:]}
    assert len(decided) == 1
    assert sum(each.HasField("looked") for each in scene.log[before:]) == 40
    assert sum(each.HasField("offered") for each in scene.log[before:]) == 60
    scene.then_replays()


def test_who_comes_in_a_burst_goes_by_the_policy() -> None:
    """Thirty arrive in one instant and ten could be taken: the first few are offered at once, the others are
    matched at its end, those of high priority first although they came last."""
    scene = Scene(desk(queue("vip", {}, {"intent": ["vip"]}, priority=9), queue("ogolna"), preset="priority"))
    for i in range(5):
        scene.agent(f"a{i}", capacity=60)
    for i in range(24):
        scene.arrives(f"c{i:02}")
    for i in range(6):
        scene.arrives(f"v{i}", intent="vip")
    assert [key for key, c in scene.state.data.conversations.items() if c.agent] == [
        f"c{i:02}" for i in range(BURST_BEGINS)
    ]
    scene.settle()
    taken = {key for key, c in scene.state.data.conversations.items() if c.agent}
    assert taken == {*(f"c{i:02}" for i in range(BURST_BEGINS)), "v0", "v1"}
    assert scene.engine.next_deadline_ms(scene.state) != scene.now_ms, "nothing is left to be looked at"
    scene.then_replays()


def test_who_comes_alone_waits_for_nobody() -> None:
    """One that arrives when little comes is offered in the same decision, also right after a burst."""
    scene = Scene().agent("anna", capacity=30 * 40)
    for i in range(20):
        scene.arrives(f"c{i:02}")
    scene.settle().at(scene.now_ms + 1).arrives("late").then_bodies("queued", "offered")


def test_what_is_matched_together_says_so() -> None:
    """An offer of a burst names how many were matched, has its agent among the best, and tells it in both
    languages."""
    scene = asleep("longest_idle", [("a",), ("a", "b")])
    scene.at(scene.now_ms + MINUTE).arrives("c0", intent="a").arrives("c1", intent="b")
    draft = come(scene, 2)
    bursts.match(draft, ["a0", "a1"])
    offered = offers(draft)["c0"]
    assert (offered.together, offered.agent_id, list(offered.best_agents)) == (2, "a0", ["a1", "a0"])
    told = explain_offered(offered).sentence
    assert "best for 2 conversations together" in told.en
    assert "najlepiej dla 2 rozmów razem" in told.pl
