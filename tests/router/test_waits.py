"""What is told about waiting and about decisions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.v1 import desk_pb2 as pb
from services.router import explain, forecast, waits
from services.router.state import Served, ask_of
from tests.router.scenes import MINUTE, SECOND, Scene, desk, queue, written
from tests.story import START_MS


def served(count: int, rang_ms: int = SECOND) -> tuple[Served, ...]:
    """So many served, each after the same time of ringing."""
    return tuple(Served(i * SECOND, 5 * SECOND, rang_ms) for i in range(count))


def test_nothing_is_said_of_ringing_without_evidence() -> None:
    """With fewer than five served nobody knows how long an offer rings."""
    assert waits.ringing(served(4)) == waits.UNKNOWN


def test_with_room_it_is_the_ring() -> None:
    """When an able agent has room the wait is what offers rang lately."""
    assert waits.ringing(served(20, 700)) == (700, 700)


def test_who_waits_is_told_and_so_is_who_asks() -> None:
    """A conversation that has to wait carries the estimate; the next one would be told a longer wait."""
    scene = Scene().agent("anna", capacity=30).arrives("c0").accepts("c0").arrives("w1")
    queued = scene.body("queued")
    assert 0 < queued.wait_p50_ms < queued.wait_p90_ms
    told = waits.wait_for(scene.state, "d", "chat", [], "pl", scene.now_ms)
    assert told.p50_ms > queued.wait_p50_ms
    scene.then_replays()


def test_nothing_is_said_where_nobody_is() -> None:
    """Who waits for what nobody there can do is told nothing, and nothing is learned of their wait."""
    scene = Scene(desk(queue("z", {"zwroty": 3}))).agent("anna", {"zwroty": 1}).arrives("w1")
    assert (scene.body("queued").wait_p90_ms, scene.body("queued").around) == (0, b"")
    scene.agent("bob", {"zwroty": 3}).accepts("w1")
    assert scene.state.desk("d").forecasts == {}


def test_nothing_is_said_where_all_have_declined() -> None:
    """Who was told nothing yet and is declined by everybody there is told nothing, since they are asked again
    in minutes only; with somebody left who is busy the wait is told."""
    scene = Scene().agent("anna", capacity=30).arrives("c0").accepts("c0").agent("bob").agent("cyd")
    scene.arrives("c1").declines("c1").declines("c1")
    assert scene.where("c1") == ("waiting", "")
    assert scene.body("queued").wait_p90_ms > 0
    scene = Scene().agent("bob").agent("cyd").arrives("c1").declines("c1").declines("c1")
    assert scene.where("c1") == ("waiting", "")
    assert (scene.body("queued").wait_p90_ms, scene.body("queued").around) == (0, b"")
    scene.then_replays()


def test_what_is_too_much_for_everybody_is_marked() -> None:
    """A chat that takes more than any agent has is told no wait; the board shows that nobody can do it."""
    scene = Scene().agent("anna", capacity=20).arrives("c1")
    queued = scene.body("queued")
    assert (queued.nobody, queued.wait_p90_ms) == (True, 0)
    assert waits.wait_for(scene.state, "d", "chat", [], "", scene.now_ms) == waits.UNKNOWN
    assert not scene.agent("bob", capacity=30, online=False).arrives("c2").body("queued").nobody


def test_waits_are_learned_when_they_end() -> None:
    """A wait that ends with an agent corrects the desk's forecast, once, also over a declined offer."""
    scene = Scene().agent("anna", capacity=30).agent("bob", capacity=30)
    for name in ("c0", "c1"):
        scene.arrives(name).accepts(name)
    scene.arrives("w1").at(scene.now_ms + MINUTE)
    assert scene.state.desk("d").forecasts == {}
    scene.asks("resolve", "anna", "c0").declines("w1").asks("resolve", "bob", "c1").accepts("w1")
    known = scene.state.desk("d").forecasts["chat"]
    assert known.seen == 1
    assert known.weights != forecast.fresh(False).weights
    scene.then_replays()


def test_a_declined_offer_does_not_make_it_longer() -> None:
    """Who is queued again in the same wait is told no more than what is left of what they were told."""
    scene = Scene().agent("anna", capacity=30).arrives("c0").accepts("c0").arrives("w1")
    told_ms = scene.body("queued").wait_p90_ms
    scene.at(scene.now_ms + MINUTE).asks("resolve", "anna", "c0")
    assert scene.where("w1")[0] == "offered"
    scene.declines("w1")
    left = scene.body("queued")
    assert 0 < left.wait_p50_ms <= left.wait_p90_ms <= told_ms - MINUTE
    scene.then_replays()


@given(st.integers(1, 10**7), st.integers(1, 10**7), st.lists(st.integers(0, 10**6), max_size=8))
def test_what_remains_never_grows(p50_ms: int, p90_ms: int, steps_ms: list[int]) -> None:
    """Whoever waits is promised less and less, never nothing: no step grows by a millisecond."""
    told, waited_ms = forecast.Wait(p50_ms, p90_ms), 0
    left = waits.remaining(told, 0)
    assert left == told
    for step_ms in steps_ms:
        waited_ms += step_ms
        again = waits.remaining(told, waited_ms)
        assert again.p50_ms <= left.p50_ms
        assert 1 <= again.p90_ms <= left.p90_ms
        left = again
    assert waits.remaining(waits.UNKNOWN, 5) == waits.UNKNOWN


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


def test_what_decided_is_told_by_what_was_compared() -> None:
    """A desk's own policy is explained by its rule, whatever it is called, and a score of zero is one."""
    rules = {pb.POLICY_AGENT_LEAST_ACTIVE: "fewest open", pb.POLICY_AGENT_LONGEST_IDLE: "longest idle"}
    for rule, why in rules.items():
        scene = Scene(written(name="moja", agent=rule)).agent("anna").arrives("c1")
        assert why in explain.explain_offered(scene.body("offered")).sentence.en
    scene = Scene(written(name="moja", agent=pb.POLICY_AGENT_LEAST_ACTIVE)).agent("anna").agent("bob")
    told = explain.explain_offered(scene.arrives("c1").body("offered"))
    assert all(abs(one.score) < 10 for one in told.best)


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


def test_what_can_wait_says_for_whom() -> None:
    """Mail is held back while calls come: the sentence says so, and who could take it is scored."""
    scene = Scene(desk(units=100)).agent("anna", capacity=100)
    scene.arrives("c1").accepts("c1").asks("resolve", "anna", "c1")
    scene.at(scene.now_ms + SECOND).arrives("m1", channel="email", account="pomoc")
    assert scene.body("queued").held_back
    assert scene.where("m1") == ("waiting", "")
    told = explain.explain_waiting(scene.state, "m1", scene.now_ms)
    assert told is not None
    assert "it can wait" in told.sentence.en
    assert "może poczekać" in told.sentence.pl
    assert [one.agent for one in told.best] == ["anna"]
    assert told.best[0].parts["costs_others"] > 0


def test_what_would_be_held_back_is_told_its_wait() -> None:
    """Who asks beforehand hears what mail is told that is held back, and who reads the queues as well: not
    how long offers ring, whoever has room."""
    scene = Scene(desk(units=100)).agent("anna", capacity=100)
    for i in range(waits.SERVED_MIN):
        scene.arrives(f"c{i}").at(scene.now_ms + SECOND).accepts(f"c{i}").asks("resolve", "anna", f"c{i}")
    scene.at(scene.now_ms + SECOND)
    asked = waits.wait_for(scene.state, "d", "email", [], "", scene.now_ms)
    chat = waits.wait_for(scene.state, "d", "chat", [], "", scene.now_ms)
    assert chat == (SECOND, SECOND), "nothing is held back of it"
    queued = scene.arrives("m1", channel="email", account="pomoc").body("queued")
    assert queued.held_back
    assert asked == (queued.wait_p50_ms, queued.wait_p90_ms)
    [now] = waits.queues(scene.state, "d", scene.now_ms)
    assert (now.waiting, now.free) == (1, 1)
    assert now.wait.p90_ms >= queued.wait_p90_ms


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        ({"skills": {"dostawa": 1}}, "nobody of the desk can do it (zwroty 1, pl, chat)"),
        ({"skills": {"zwroty": 1}, "languages": ["en"]}, "nobody of the desk can do it (zwroty 1, pl, chat)"),
        (
            {"skills": {"zwroty": 1}, "capacity": 29},
            "for whoever can do it (1) it is too much even with empty hands: it takes 30",
        ),
        ({"skills": {"zwroty": 1}, "online": False}, "nobody who can do it is there now"),
        ({"skills": {"zwroty": 1}, "capacity": 30}, "all who can take it (1) are busy; before it in line: 1"),
    ],
)
def test_why_it_waits_in_a_sentence(agent: dict[str, Any], why: str) -> None:
    """Nobody has the skill, nobody is there, or who stands before it."""
    scene = Scene(desk(queue("z", {"zwroty": 1}))).agent("anna", **agent)
    for i in range(3):
        scene.at(scene.now_ms + SECOND).arrives(f"c{i}", language="pl")
    told = explain.explain_waiting(scene.state, "c2", scene.now_ms)
    assert told is not None
    assert why in told.sentence.en


def promised(scene: Scene, key: str, within_ms: int) -> Scene:
    """A conversation arrives that is promised an answer."""
    due_ms = scene.now_ms + within_ms
    target = {"conversation_id": key, "target_id": f"t{key}", "due_at_ms": due_ms}
    return scene.arrives(key).promise(started=target)


def why(scene: Scene, key: str) -> str:
    """Why it waits, in English."""
    told = explain.explain_waiting(scene.state, key, scene.now_ms)
    assert told is not None
    return told.sentence.en


def test_who_goes_before_it_is_counted_in_the_policys_order() -> None:
    """Late promises go behind what can still be kept, and a higher priority goes first wherever it stands:
    what is told is who goes before it, in whatever line."""
    scene = Scene().agent("anna", capacity=30).arrives("busy").accepts("busy")
    for i in range(5):
        promised(scene.at(scene.now_ms + SECOND), f"late{i}", MINUTE)
    promised(scene.until(scene.now_ms + 2 * MINUTE), "new", MINUTE)
    assert "before it in line: 0." in why(scene, "new")
    assert "before it in line: 5." in why(scene, "late4")
    scene.asks("resolve", "anna", "busy")
    assert scene.where("new") == ("offered", "anna")

    config = desk(queue("high", when={"intent": ["x"]}, priority=9), queue("low"), preset="priority")
    scene = Scene(config).agent("anna", capacity=30).arrives("busy").accepts("busy").arrives("low")
    for i in range(3):
        scene.at(scene.now_ms + SECOND).arrives(f"high{i}", intent="x")
    assert "before it in line: 3." in why(scene, "low")
    for i in range(explain.AHEAD_LOOKED_MAX):
        scene.arrives(f"h{i}", intent="x")
    assert "+." in why(scene, "low")


def test_who_declined_is_not_told_to_be_busy() -> None:
    """One agent is full, another has room and declined: the sentence tells them apart."""
    scene = Scene(desk(preset="longest_idle")).agent("anna", capacity=30).agent("bob", capacity=30)
    scene.arrives("c0").accepts("c0").arrives("c1").declines("c1")
    told = why(scene, "c1")
    assert "busy: 1, had it already (declined, let ring or handed on): 1; before it in line: 0." in told


def test_why_none_of_several_takes_it() -> None:
    """Where one declined and another is busy, neither is said of all; what is for humans says so."""
    scene = Scene().agent("anna", capacity=30).agent("bob", capacity=30).agent("small", capacity=20)
    scene.arrives("c1").declines("c1")
    scene.arrives("c2").accepts("c1")
    declined = scene.conversation("c2").agent
    scene.declines("c2")
    assert scene.where("c2") == ("waiting", "")
    told = explain.explain_waiting(scene.state, "c2", scene.now_ms)
    assert told is not None
    assert (
        "of those who can take it (3): busy: 1, had it already (declined, let ring or handed on): 1, too"
        in (told.sentence.en)
    )
    assert declined in next(one.agents for one in told.ruled_out if one.rule == "barred")
    humans = Scene(desk(queue("h", human_only=True))).agent("bot", bot=True).arrives("c1")
    told = explain.explain_waiting(humans.state, "c1", humans.now_ms)
    assert told is not None
    assert "(chat, humans only)" in told.sentence.en
    assert "(chat, tylko ludzie)" in told.sentence.pl


@pytest.mark.parametrize(
    ("policy", "prefers", "why"),
    [
        ({"bots_first": True}, {}, "bots are asked first here"),
        ({"bots_first": True, "agent": pb.POLICY_AGENT_LEAST_ACTIVE}, {}, "bots are asked first here"),
        ({"levels_first": True}, {}, "the highest level"),
        ({}, {"dostawa": 3}, "has more of what the queue prefers"),
        ({}, {}, "the longest idle"),
    ],
)
def test_what_set_the_chosen_apart_is_told(policy: dict[str, Any], prefers: dict[str, int], why: str) -> None:
    """Who was chosen as a bot, for a level or for what is preferred is not said to be idle for longest."""
    config = written(queue("z", {"zwroty": 1}, prefers=prefers), like="longest_idle", name="moja", **policy)
    scene = Scene(config).agent("anna", {"zwroty": 1}).at(START_MS + SECOND)
    scene.agent("bot", {"zwroty": 4, "dostawa": 3}, bot=True)
    scene = scene if policy or prefers else Scene(config).agent("bot", {"zwroty": 1})
    told = explain.explain_offered(scene.arrives("c1").body("offered"))
    assert (told.chosen, why in told.sentence.en) == ("bot", True)


def test_who_was_named_is_told_so() -> None:
    """A transfer to somebody is offered to them for that, and not since they cost least."""
    scene = Scene().agent("anna").agent("bob").arrives("c1").accepts("c1")
    owner, other = scene.conversation("c1").agent, {"anna", "bob"} - {scene.conversation("c1").agent}
    scene.asks("transfer", owner, "c1", transfer_to="TRANSFER_TO_AGENT", transfer_target=min(other))
    assert "(the named agent)" in explain.explain_offered(scene.body("offered")).sentence.en


def test_who_had_it_taken_away_did_not_decline() -> None:
    """After an escalation took it from the only one who can do it, nobody is said to have declined."""
    scene = Scene().agent("anna").arrives("c1").arrives("c2")
    taken = {"conversation_id": "c1", "do": "ESCALATION_DO_REASSIGN"}
    scene.promise(escalated=taken)
    told = explain.explain_waiting(scene.state, "c1", scene.now_ms)
    assert told is not None
    assert "whoever can take it (1) had it already (declined, let ring or handed on)" in told.sentence.en
    assert "przekazanie dalej" in told.sentence.pl
