"""What routers are known to suffer from: each of these went wrong somewhere once."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.v1 import desk_pb2 as pb
from services.kernel.desk_policy import DOCUMENTS
from services.router import pricing
from services.router.figures import Figures
from services.router.floor import Floor
from services.router.learning import Learned, promised, promised_left_ms
from services.router.policy import Policy
from services.router.profiles import Ask
from services.router.state import Status
from services.runtime.clock import ManualClock
from services.runtime.metrics import Metrics
from tests.router.scenes import MINUTE, SECOND, Scene, desk, queue

ONLINE, AWAY = pb.PRESENCE_STATE_ONLINE, pb.PRESENCE_STATE_AWAY


@pytest.mark.parametrize("preset", DOCUMENTS)
def test_an_agent_who_declines_is_not_asked_in_circles(preset: str) -> None:
    """Whoever declines is not offered the same again before the bar ends, however often others decline."""
    scene = Scene(desk(preset=preset)).agent("anna").agent("bob").arrives("c1")
    asked = [scene.conversation("c1").agent]
    scene.declines("c1")
    asked.append(scene.conversation("c1").agent)
    scene.declines("c1")
    assert sorted(asked) == ["anna", "bob"]
    assert scene.where("c1") == ("waiting", "")
    scene.until(scene.now_ms + 4 * MINUTE)
    assert scene.where("c1") == ("waiting", "")


def test_an_old_one_of_low_weight_is_not_starved() -> None:
    """Late mail goes behind what can still be saved, but not for ever: after ten times what was promised it
    goes before everything."""
    scene = Scene().agent("anna", capacity=30).arrives("busy").accepts("busy")
    old_ms = scene.now_ms
    scene.arrives("old")
    scene.promise(started={"conversation_id": "old", "target_id": "t", "due_at_ms": old_ms + MINUTE})

    def next_after(at_ms: int, current: str, key: str) -> str:
        scene.until(at_ms).arrives(key)
        due_ms = scene.now_ms + MINUTE
        scene.promise(started={"conversation_id": key, "target_id": "t" + key, "due_at_ms": due_ms})
        scene.asks("resolve", "anna", current)
        taken = str(scene.body("offered").conversation_id)
        scene.accepts(taken)
        return taken

    assert next_after(old_ms + 2 * MINUTE, "busy", "n1") == "n1"
    assert next_after(old_ms + 9 * MINUTE, "n1", "n2") == "n2"
    assert next_after(old_ms + 10 * MINUTE, "n2", "n3") == "old"


def test_a_rare_skill_is_kept_for_who_needs_it() -> None:
    """Of two free agents the one who alone can do what else comes is not spent on what both can do."""
    config = desk(queue("czeski", {"zwroty": 1}, {"intent": ["rare"]}), queue("ogolna"), units=100)
    scene = Scene(config).agent("rare", {"zwroty": 1}, capacity=100)
    for i in range(3):
        scene.at(scene.now_ms + SECOND).arrives(f"r{i}", intent="rare").accepts(f"r{i}")
        scene.asks("resolve", "rare", f"r{i}")
    scene.at(scene.now_ms + SECOND).agent("plain", capacity=100)  # so "rare" is idle for longer
    scene.at(scene.now_ms + SECOND).arrives("c1")
    assert scene.where("c1") == ("offered", "plain")


def test_the_start_of_a_shift_is_no_storm() -> None:
    """Forty agents log on while five hundred wait: each gets what fits and no more, the oldest first, and
    nobody is offered anything twice."""
    scene = Scene()
    for i in range(500):
        scene.at(scene.now_ms + 1).arrives(f"c{i:03}")
    for i in range(40):
        scene.agent(f"a{i:02}", capacity=90)
    offers = [event.offered for event in scene.log if event.WhichOneof("body") == "offered"]
    assert len(offers) == 40 * 3
    assert [offer.conversation_id for offer in offers] == [f"c{i:03}" for i in range(120)]
    assert all(scene.state.matcher.used("d", f"a{i:02}") == 90 for i in range(40))


def test_a_flapping_agent_moves_nothing() -> None:
    """Whoever goes away and comes back every second keeps what they have, and is offered nothing anew."""
    scene = Scene().agent("anna", capacity=60).arrives("c1").accepts("c1").arrives("c2").accepts("c2")
    scene.arrives("c3")
    before = len(scene.log)
    for _ in range(50):
        scene.at(scene.now_ms + SECOND).presence("anna", AWAY).presence("anna", ONLINE)
    names = {event.WhichOneof("body") for event in scene.log[before:]}
    assert names == {"presence", "looked"}
    assert [scene.where(key)[1] for key in ("c1", "c2", "c3")] == ["anna", "anna", ""]


def test_a_skill_that_nobody_has_costs_nothing() -> None:
    """Two thousand who wait for it stand in one line that nobody looks at, and each says why."""
    config = desk(queue("faktury", {"dostawa": 5}, {"intent": ["invoice"]}), queue("ogolna"))
    scene = Scene(config).agent("anna", {"dostawa": 1}, capacity=30)
    for i in range(2_000):
        scene.arrives(f"x{i:04}", intent="invoice")
    scene.arrives("c1").accepts("c1").arrives("c2")
    scene.asks("resolve", "anna", "c1").then_bodies("resolved", "admitted", "offered")
    assert scene.where("c2") == ("offered", "anna")
    profile = scene.state.matcher.floors["d"].seats["anna"].profile
    assert sum(len(shape.lines) for shape in profile.able) == 0
    waiting = [c for c in scene.state.data.conversations.values() if c.status == Status.WAITING]
    assert len(waiting) == 2_000


def test_a_lead_is_told_of_a_skill_that_nobody_has() -> None:
    """Every such conversation says so when it begins to wait, which is what the board shows; the metric that
    the alert looks at counts them, by level too, and no longer when somebody can do it."""
    config = desk(queue("faktury", {"dostawa": 5}, {"intent": ["invoice"]}), queue("ogolna"))
    scene = Scene(config).agent("anna", {"dostawa": 4}, capacity=30)
    metrics = Metrics()
    figures = Figures(metrics, ManualClock())

    def waiting() -> str:
        for _ in figures.look([scene.state], scene.now_ms):
            pass
        start = 'centrala_nobody_waiting_conversations{skill="dostawa"} '
        lines = metrics.render().decode().splitlines()
        return "".join(line.removeprefix(start) for line in lines if line.startswith(start))

    scene.arrives("plain")
    assert not scene.body("queued").nobody
    scene.arrives("x1", intent="invoice").then_bodies("queued")
    assert scene.body("queued").nobody
    scene.arrives("x2", intent="invoice")
    assert waiting() == "2.0"
    scene.agent("ola", {"dostawa": 5}, online=False).arrives("x3", intent="invoice")
    assert not scene.body("queued").nobody, "somebody can, who is not there"
    assert waiting() == "3.0"
    scene.session("ola").presence("ola", ONLINE).arrives("x4", intent="invoice")
    assert waiting() == "0.0"


def test_what_was_held_back_on_a_live_channel_is_offered_before_it_is_late() -> None:
    """A chat that was promised twenty minutes waits for those promised one, though the only agent is free.
    It is looked at again by itself: with nobody else coming it is offered while it can still be kept."""
    scene = Scene(desk(queue("ogolna"))).agent("ola", capacity=30)

    def starts(key: str, length_ms: int) -> None:
        scene.promise(
            started={"conversation_id": key, "target_id": f"t{key}", "due_at_ms": scene.now_ms + length_ms}
        )

    for i in range(400):
        scene.until(scene.now_ms + 3 * SECOND).arrives(f"quick{i}")
        starts(f"quick{i}", MINUTE)
        scene.asks("resolve", "", f"quick{i}", last_message_seen=scene.conversation(f"quick{i}").last_message)
    scene.arrives("now")
    starts("now", MINUTE)
    scene.accepts("now").arrives("slow")
    starts("slow", 20 * MINUTE)
    due_ms = scene.now_ms + 20 * MINUTE
    seen = len(scene.log)
    scene.asks("resolve", "ola", "now", last_message_seen=scene.conversation("now").last_message)
    assert scene.conversation("slow").status == Status.WAITING
    scene.until(due_ms)
    offered = [event.offered.conversation_id for event in scene.log[seen:] if event.HasField("offered")]
    assert "slow" in offered


def test_a_night_without_agents_leaves_the_log_alone() -> None:
    """While nobody has room for it, what can wait is looked at every ten minutes, not every half."""
    scene = Scene(desk(queue("ogolna"))).arrives("mail", channel="email")
    before = len(scene.log)
    scene.until(scene.now_ms + 600 * MINUTE)
    assert len(scene.log) - before <= 61


def test_an_exception_of_long_ago_makes_no_channel_live() -> None:
    """What was once promised within a minute is forgotten after two weeks of promises of hours."""
    learned = Learned()
    promised(learned, "email", 5000, MINUTE, 0)
    for day in range(1, 20):
        promised(learned, "email", 1000, 240 * MINUTE, day * 1440 * MINUTE)
        assert learned.is_live("email") == (day <= 14)


@given(
    usual=st.integers(1, 400),
    promise=st.integers(-5, 3_000),
    seen=st.lists(st.integers(0, 4_000), min_size=2, max_size=20),
)
def test_the_time_left_never_grows(usual: int, promise: int, seen: list[int]) -> None:
    """Whatever is usual and however long this promise is: the later it is, the less is left, and never more
    than the clock says."""
    learned = Learned()
    promised(learned, "email", 1000, usual * MINUTE, 0)
    due_ms = max(0, promise) * MINUTE
    left = []
    for now_ms in (minute * MINUTE for minute in sorted(seen)):
        left_ms, length_ms = promised_left_ms(learned, "email", 1000, due_ms, 0, now_ms)
        assert left_ms <= length_ms
        assert not due_ms or left_ms <= due_ms - now_ms
        left.append(left_ms)
    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize(("hours", "left"), [(0, 4), (1, 3), (2, 2), (10, 2), (22, 2), (23, 1)])
def test_of_a_long_promise_half_the_usual_time_stays_to_the_end(hours: int, left: int) -> None:
    """Given four hours as usual and a promise of a day: two pass at first, and two are left until the clock
    has no more."""
    learned = Learned()
    promised(learned, "email", 1000, 240 * MINUTE, 0)
    found = promised_left_ms(learned, "email", 1000, 1440 * MINUTE, 0, hours * 60 * MINUTE)
    assert found == (left * 60 * MINUTE, 240 * MINUTE)


def test_a_long_promise_is_not_urgent_at_first() -> None:
    """Mail with most of a day left is held back from a scarce agent, also once the usual time has passed."""
    learned = Learned()
    promised(learned, "email", 1000, 240 * MINUTE, 0)
    policy = Policy(agent=pb.POLICY_AGENT_LEAST_COST, hold_back=1.0)
    floor = Floor(policy, learned)
    shape = floor.shape(Ask("d", (), "", "email", 10, False, "", ()))
    limits = [
        pricing.limit(floor, shape, 1000, 1440 * MINUTE, 0, minute * MINUTE) for minute in range(0, 1440, 10)
    ]
    assert limits == sorted(limits)
    assert limits[-1] == inf
    assert limits[12] == limits[100] < inf
