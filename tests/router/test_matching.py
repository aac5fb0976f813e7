"""The matcher alone, with more agents than are looked at one by one, and few or many profiles."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from proto.v1 import desk_pb2 as pb
from services.router.explain import rule_for
from services.router.floor import AGENTS_FEW, PROFILES_MANY, Ask
from services.router.matching import BEST_MAX, Matcher, Moves
from services.router.state import Agent

PRESETS = ("default", "longest_idle", "least_active", "round_robin")
COUNT = max(AGENTS_FEW, PROFILES_MANY) + 20


def staff(idle: list[int], used: list[int], preset: str, profiles: int) -> tuple[Matcher, dict[str, Agent]]:
    """So many agents of so many profiles."""
    matcher = Matcher()
    matcher.put_desk("d", preset)
    agents = {}
    for i in range(COUNT):
        agent = Agent(
            skills=(("common", 1 + i % profiles % 5), (f"own{i % profiles}", 1 + i % profiles % 3)),
            capacity=100,
            state=pb.PRESENCE_STATE_AWAY if i % 11 == 0 else pb.PRESENCE_STATE_ONLINE,
            present=i % 13 != 0,
            idle_ms=idle[i % len(idle)],
            last_offer=idle[(i * 7) % len(idle)],
        )
        agents[f"a{i:03}"] = agent
        matcher.put_agent("d", f"a{i:03}", agent)
        if used[i % len(used)]:
            matcher.hold("d", f"a{i:03}", f"h{i}", used[i % len(used)])
    return matcher, agents


@settings(max_examples=40, deadline=None)
@given(
    idle=st.lists(st.integers(0, 5), min_size=1, max_size=9),
    used=st.lists(st.sampled_from([0, 0, 30, 80]), min_size=1, max_size=9),
    preset=st.sampled_from(PRESETS),
    level=st.integers(0, 5),
    units=st.sampled_from([10, 30, 100]),
    barred=st.sets(st.integers(0, COUNT - 1), max_size=3),
    last=st.integers(-1, COUNT - 1),
    profiles=st.sampled_from([1, 12, COUNT]),
)
def test_everybody_is_judged_like_one_by_one(
    idle: list[int],
    used: list[int],
    preset: str,
    level: int,
    units: int,
    barred: set[int],
    last: int,
    profiles: int,
) -> None:
    """With few or very many profiles, choice and counts are those of looking at every agent."""
    matcher, agents = staff(idle, used, preset, profiles)
    assert (matcher.floors["d"].crowd is None) == (profiles < COUNT)
    requires = (("common", level),) if level else ()
    ask = Ask("d", requires, "", "chat", units, False, "", tuple(f"a{i:03}" for i in sorted(barred)))
    last_agent = f"a{last:03}" if last >= 0 else ""
    choice = matcher.choose(ask, last_agent, Moves())
    counts: dict[int, int] = {}
    could = []
    for name, agent in agents.items():
        rule = rule_for(agent, name, matcher.used("d", name), ask)
        if rule:
            counts[rule] = counts.get(rule, 0) + 1
            continue
        in_hand = matcher.used("d", name)
        surplus = sum(have for _, have in agent.skills) - level
        keys = {
            "default": (in_hand * 1000 // 100, surplus, agent.idle_ms),
            "least_active": (1 if in_hand else 0, 0, agent.idle_ms),
            "round_robin": (agent.last_offer, 0, 0),
            "longest_idle": (agent.idle_ms, 0, 0),
        }
        could.append((name != last_agent, *keys[preset], name))
    assert choice.best == sorted(could)[:BEST_MAX]
    assert choice.ruled_out == counts
    assert choice.considered == COUNT


def test_leaving_the_last_profile_and_coming_back() -> None:
    """Profiles that nobody has any more are forgotten, with what shapes knew of them."""
    matcher = Matcher()
    agent = Agent(skills=(("a", 1),), state=pb.PRESENCE_STATE_ONLINE, present=True)
    matcher.put_agent("d", "anna", agent)
    ask = Ask("d", (("b", 1),), "", "chat", 30, False, "", ())
    assert not matcher.choose(ask, "", Moves()).best
    agent.skills = (("b", 2),)
    matcher.put_agent("d", "anna", agent)
    assert [candidate[4] for candidate in matcher.choose(ask, "", Moves()).best] == ["anna"]
    assert len(matcher.floors["d"].profiles) == 1


def test_a_line_forgets_who_left_anywhere() -> None:
    """Many who come and leave in any order leave no trace in the line's order."""
    matcher = Matcher()
    ask = Ask("d", (("nobody", 1),), "", "chat", 30, False, "", ())
    for i in range(300):
        matcher.join(ask, "q", 5, 0, i, f"c{i:03}")
    for i in range(299, 9, -1):
        matcher.leave("d", f"c{i:03}")
    (line,) = next(iter(matcher.floors["d"].shapes.values())).lines.values()
    assert len(line.heap) < 100
    assert [line.first({f"c{i:03}" for i in range(k)}) for k in range(3)] == [
        (-5, 1 << 62, k, f"c{k:03}") for k in range(3)
    ]
    assert matcher.waiting_in("d", "q") == 10
