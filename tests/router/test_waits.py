"""What is told about waiting and about decisions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.router import explain, waits
from services.router.state import Served, ask_of
from tests.router.scenes import MINUTE, SECOND, Scene, desk, queue


def served(count: int, every_ms: int, rang_ms: int = SECOND) -> tuple[Served, ...]:
    """So many served, one after the other, the first at 0."""
    return tuple(Served(i * every_ms, 5 * SECOND, rang_ms) for i in range(count))


def test_nothing_is_said_without_evidence() -> None:
    """With fewer than five served the estimate says that it knows nothing."""
    assert waits.estimate(served(4, SECOND), 3, False, MINUTE) == waits.UNKNOWN


def test_with_room_it_is_the_ring() -> None:
    """When an able agent has room the wait is what offers rang lately."""
    assert waits.estimate(served(20, SECOND, 700), 0, True, MINUTE) == (700, 700)


def test_erlang_quantiles() -> None:
    """With nine ahead and one served each second: median and p90 of an Erlang of ten, within 1 %."""
    p50, p90 = waits.estimate(served(20, SECOND), 9, False, 20 * SECOND)
    assert abs(p50 - 9_669) < 97
    assert abs(p90 - 14_206) < 142


@given(st.integers(0, 500), st.integers(1, 60_000), st.integers(0, 600_000))
def test_the_estimate_grows_with_the_line_and_with_standstill(ahead: int, every: int, idle: int) -> None:
    """More ahead, or longer without anybody served, is never a shorter wait; p90 is above p50."""
    last_ms = 19 * every
    now = waits.estimate(served(20, every), ahead, False, last_ms + 1)
    more = waits.estimate(served(20, every), ahead + 1, False, last_ms + 1)
    later = waits.estimate(served(20, every), ahead, False, last_ms + 1 + idle)
    assert now.p50_ms <= more.p50_ms
    assert now.p90_ms <= more.p90_ms
    assert now.p50_ms <= later.p50_ms
    assert 0 < now.p50_ms <= now.p90_ms


def test_a_queued_conversation_carries_the_estimate() -> None:
    """After enough were served, who has to wait is told for how long, and so is who asks."""
    scene = Scene().agent("anna", capacity=30)
    for i in range(6):
        key = f"c{i}"
        scene.at(scene.now_ms + MINUTE).arrives(key).accepts(key)
        if i < 5:
            scene.asks("resolve", "anna", key)
    scene.at(scene.now_ms + MINUTE).arrives("w1")
    queued = scene.body("queued")
    assert 30 * SECOND < queued.wait_p50_ms < queued.wait_p90_ms
    told = waits.wait_for(scene.state, "d", "chat", [], "pl", scene.now_ms)
    assert told.p50_ms > queued.wait_p50_ms
    scene.then_replays()


def test_queues_tell_what_waits() -> None:
    """Each queue: how many, how old the oldest, who could take it, who of them is free."""
    config = desk(queue("zwroty", {"zwroty": 2}, {"intent": ["return"]}), queue("ogolna"))
    scene = Scene(config).agent("anna", {"zwroty": 2}, capacity=30).agent("bob", capacity=30)
    scene.arrives("c1", intent="return").arrives("c2", intent="return")
    scene.at(scene.now_ms + SECOND).arrives("c3", intent="return")
    now = {one.queue: one for one in waits.queues(scene.state, "d", scene.now_ms)}
    assert now["zwroty"][1:5] == (2, SECOND, 1, 0)
    assert now["ogolna"][1:5] == (0, 0, 2, 1)
    assert waits.queues(scene.state, "nobody", scene.now_ms) == []


def test_an_offer_explains_itself() -> None:
    """Everything of the API's shape is in the event: counts by rule, scores with their parts."""
    scene = Scene(desk(queue("z", {"zwroty": 1}))).agent("anna", {"zwroty": 3}).agent("bob", {"zwroty": 2})
    scene.agent("cyd").agent("away", {"zwroty": 5}, online=False).at(scene.now_ms + SECOND).arrives("c1")
    told = explain.explain_offered(scene.body("offered"))
    assert (told.chosen, told.considered, told.policy) == ("anna", 4, "default")
    assert {one.rule: one.count for one in told.ruled_out} == {"not_online": 1, "skill": 1}
    assert [one.agent for one in told.best] == ["anna", "bob"]
    assert told.best[0].score > told.best[1].score
    parts = told.best[0].parts
    assert parts == {"last_agent": 0, "work": 1, "costs_others": 0, "usual_share": 0, "levels_missing": 0}
    assert "anna" in told.sentence.pl
    assert "anna" in told.sentence.en


def test_a_past_offer_names_whom_settings_ruled_out() -> None:
    """By today's settings, those who are there first, never more than were counted; presence is not told."""
    scene = Scene(desk(queue("z", {"zwroty": 1}))).agent("anna", {"zwroty": 3}).agent("away", online=False)
    scene.agent("cyd").agent("dan", languages=("en",)).arrives("c1", language="pl")
    past = explain.explain_offered(scene.body("offered"))
    told = explain.with_names(past, scene.state, ask_of(scene.conversation("c1")))
    assert {one.rule: one.agents for one in told.ruled_out} == {
        "not_online": (),
        "language": ("dan",),
        "skill": ("cyd",),
    }
    assert told.best == past.best


def test_a_wait_explains_itself() -> None:
    """Why nobody takes it: each rule with how many and who, up to twenty names."""
    scene = Scene(desk(queue("z", {"zwroty": 1})))
    for i in range(30):
        scene.agent(f"a{i:02}", online=i > 24)
    scene.arrives("c1")
    told = explain.explain_waiting(scene.state, "c1")
    assert told is not None
    assert [(one.rule, one.count, len(one.agents)) for one in told.ruled_out] == [
        ("not_online", 25, 20),
        ("skill", 5, 5),
    ]
    assert "skills: 5" in told.sentence.en
    assert "umiejętności: 5" in told.sentence.pl
    assert explain.explain_waiting(scene.state, "gone") is None
