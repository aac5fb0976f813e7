"""The matcher alone, with more agents than are looked at one by one, and few or many profiles."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from services.router.choosing import BEST_MAX, PROFILES_FEW, WINDOW, WINDOW_SCORE
from services.router.floor import SHAPES_MAX
from services.router.learning import Demand, Learned
from services.router.lines import NEVER_MS
from services.router.matching import Matcher, Moves, Want
from services.router.ordered import BLOCK_MAX, Ordered
from services.router.policy import Policy
from services.router.profiles import Ask
from services.router.state import Agent, Conversation, Data, Desk, State, Status, ask_of
from tests.router.oracle import Oracle

COUNT = max(WINDOW_SCORE, PROFILES_FEW) + 20
NOW_MS = 1_000_000
PEOPLE = [number for number in pb.PolicyAgent.values() if number]


def staffed(
    idle: list[int], used: list[int], policy: Policy, profiles: int, rates: list[float]
) -> tuple[State, dict[str, Agent]]:
    """So many agents of so many profiles, some with work in hand, and live work that comes at these rates."""
    agents, conversations = {}, {}
    for i in range(COUNT):
        agents[f"a{i:03}"] = Agent(
            skills=(("common", 1 + i % profiles % 5), (f"own{i % profiles}", 1 + i % profiles % 3)),
            capacity=100,
            state=pb.PRESENCE_STATE_AWAY if i % 11 == 0 else pb.PRESENCE_STATE_ONLINE,
            present=i % 13 != 0,
            idle_ms=idle[i % len(idle)],
            last_offer=idle[(i * 7) % len(idle)],
        )
        if used[i % len(used)]:
            conversations[f"h{i}"] = Conversation(
                "d", Status.OWNED, "chat", "", "", units=used[i % len(used)], agent=f"a{i:03}"
            )
    demands = [
        Demand((("common", 1 + i),), (), "", "chat", False, 30, recent_ms=1, rate=rate)
        for i, rate in enumerate(rates)
    ]
    desk = Desk(policy=policy, agents=agents, learned=Learned(demands=demands))
    return State(Data(desks={"d": desk}, conversations=conversations)), agents


@settings(max_examples=60, deadline=None)
@given(
    idle=st.lists(st.integers(0, 5), min_size=1, max_size=9),
    used=st.lists(st.sampled_from([0, 0, 30, 80]), min_size=1, max_size=9),
    who=st.sampled_from(PEOPLE),
    levels=st.booleans(),
    level=st.integers(0, 5),
    units=st.sampled_from([10, 30, 100]),
    barred=st.sets(st.integers(0, COUNT - 1), max_size=3),
    last=st.integers(-1, COUNT - 1),
    profiles=st.sampled_from([1, 12, COUNT]),
    rates=st.lists(st.sampled_from([0.0, 0.01, 0.1]), max_size=3),
)
def test_everybody_is_judged_like_one_by_one(
    idle: list[int],
    used: list[int],
    who: int,
    levels: bool,
    level: int,
    units: int,
    barred: set[int],
    last: int,
    profiles: int,
    rates: list[float],
) -> None:
    """With few or very many profiles, choice and counts are those of looking at every agent."""
    policy = Policy(agent=who, levels_first=levels, score=(("idle", 1.0), ("skill", 2.0)))
    state, _ = staffed(idle, used, policy, profiles, rates)
    c = Conversation(
        "d",
        Status.WAITING,
        "email",
        "",
        "",
        requires=(("common", level),) if level else (),
        units=units,
        barred={f"a{i:03}": 1 for i in sorted(barred)} or None,
        last_agent=f"a{last:03}" if last >= 0 else "",
        since_ms=NOW_MS - 1_000,
    )
    oracle = Oracle(state, "d", NOW_MS, state.data.desks["d"].learned)
    want = Want(c.last_agent, state.data.desks["d"].last_agent_worth_ms, c.queue, oracle.limit(c))
    choice = state.matcher.choose(ask_of(c), want, Moves(NOW_MS))
    expected = in_window(oracle, c, policy)[:BEST_MAX]
    assert [oracle.agent_key(c, best.agent_id)[:-1] for best in choice.best] == [
        oracle.agent_key(c, name)[:-1] for name in expected
    ]
    assert choice.ruled_out == oracle.counts(ask_of(c))
    assert choice.considered == COUNT
    assert choice.held == (not expected and bool(oracle.able(ask_of(c))))


def in_window(oracle: Oracle, c: Conversation, policy: Policy) -> list[str]:
    """Candidates in the policy's order, of those who stand first where only so many are compared; the last
    agent always is."""
    by_score = policy.agent in (pb.POLICY_AGENT_SCORE, pb.POLICY_AGENT_FASTEST)
    if policy.levels_first and not by_score and not policy.is_costly:
        return oracle.candidates(c)
    if not (by_score or policy.is_costly):
        return oracle.candidates(c)
    could = [name for name in oracle.able(ask_of(c)) if name != c.last_agent]
    agents = oracle.desk.agents
    could.sort(
        key=lambda name: (len(oracle.mine(name)) if policy.is_costly else 0, agents[name].idle_ms, name)
    )
    if not policy.levels_first:
        could = could[: WINDOW if policy.is_costly else WINDOW_SCORE]
    seen = {*could, c.last_agent}
    return [name for name in oracle.candidates(c) if name in seen]


def test_leaving_the_last_profile_and_coming_back() -> None:
    """Profiles that nobody has any more are forgotten, with what shapes knew of them."""
    matcher = Matcher()
    agent = Agent(skills=(("a", 1),), state=pb.PRESENCE_STATE_ONLINE, present=True)
    matcher.put_agent("d", "anna", agent)
    ask = Ask("d", (("b", 1),), "", "chat", 30, False, "", ())
    assert not matcher.choose(ask, Want(), Moves()).best
    agent.skills = (("b", 2),)
    matcher.put_agent("d", "anna", agent)
    assert [candidate.agent_id for candidate in matcher.choose(ask, Want(), Moves()).best] == ["anna"]
    assert len(matcher.floors["d"].profiles) == 1


def test_shapes_that_are_dropped_leave_the_counts_of_the_others() -> None:
    """More shapes are asked about than are kept, all of which exclude the same agents by the same rule: what
    waits still counts whom rules exclude, as an index made anew does."""
    matcher, agent = Matcher(), Agent(capacity=90, state=pb.PRESENCE_STATE_ONLINE, present=True)
    matcher.put_agent("d", "anna", agent)
    ask = Ask("d", (("rare", 1),), "", "chat", 30, False, "", ())
    matcher.join(ask, Conversation("d", Status.WAITING, "chat", "", ""), "c1")
    for i in range(SHAPES_MAX):
        matcher.floor("d").shape(ask._replace(requires=((f"s{i}", 1),)))
    assert matcher.choose(ask, Want(), Moves()).ruled_out == {rt.RULE_SKILL: 1}
    agent.state = pb.PRESENCE_STATE_AWAY
    matcher.put_agent("d", "anna", agent)
    assert matcher.choose(ask, Want(), Moves()).ruled_out == {rt.RULE_NOT_ONLINE: 1}


def test_a_line_keeps_its_order() -> None:
    """Many who come and leave in any order leave no trace in the line's order, whoever is taken."""
    matcher = Matcher()
    ask = Ask("d", (("nobody", 1),), "", "chat", 30, False, "", ())
    for i in range(300):
        waiting = Conversation("d", Status.WAITING, "chat", "", "", queue="q", priority=5, since_ms=i)
        matcher.join(ask, waiting, f"c{i:03}")
    for i in range(299, 9, -1):
        matcher.leave("d", f"c{i:03}")
    (line,) = next(iter(matcher.floors["d"].shapes.values())).lines.values()
    assert [line.look(NOW_MS, {f"c{i:03}" for i in range(k)})[0] for k in range(3)] == [
        (NEVER_MS, k, f"c{k:03}") for k in range(3)
    ]
    assert matcher.waiting_in("d", "q") == 10


@pytest.mark.parametrize(
    ("due_s", "first"),
    [((100, 900), "c0"), ((-5, 900), "c1"), ((-5, -1), "c0"), ((0, -9), "c0")],
)
def test_who_can_still_be_saved_goes_first(due_s: tuple[int, int], first: str) -> None:
    """The nearest deadline that can be kept; late ones only behind, the one that was due first of them."""
    matcher = Matcher()
    ask = Ask("d", (), "", "chat", 30, False, "", ())
    for i, due in enumerate(due_s):
        c = Conversation("d", Status.WAITING, "chat", "", "", since_ms=NOW_MS - 60_000)
        c.due_ms = NOW_MS + due * 1000
        matcher.join(ask, c, f"c{i}")
    (line,) = next(iter(matcher.floors["d"].shapes.values())).lines.values()
    found = line.look(NOW_MS, set())[0]
    assert found is not None
    assert (found[2] == first) == (due_s != (0, -9))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3_000), st.booleans()), max_size=400), st.integers(0, 3_000))
def test_an_ordered_list_is_a_sorted_set(steps: list[tuple[int, bool]], bound: int) -> None:
    """Whatever is added and removed, also over the edges of blocks, it is what sorting gives."""
    kept = {(i,) for i in range(0, 3_000, 7)}
    ordered = Ordered(kept)
    assert len(kept) > BLOCK_MAX // 2
    for number, is_added in steps:
        key = (number,)
        if is_added and key not in kept:
            kept.add(key)
            ordered.add(key)
        elif not is_added and key in kept:
            kept.remove(key)
            ordered.remove(key)
    assert list(ordered) == sorted(kept)
    assert list(ordered.beyond((bound,))) == [key for key in sorted(kept) if key > (bound,)]
    assert ordered.after((bound,)) == next(iter(ordered.beyond((bound,))), None)
    assert len(ordered) == len(kept)
