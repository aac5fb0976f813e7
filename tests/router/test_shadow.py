"""A second policy beside the live one: what it says, that it changes nothing, and how it ends."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from proto.v1 import desk_pb2 as pb
from proto.v1.routing_pb2 import RoutingEvent
from services.kernel.engine import Input
from services.kernel.ids import derive_id
from services.kernel.limits import SHADOW_OPEN_MAX
from services.router import engine
from services.router.published import Published
from services.router.shadow import DIFFERENCES_MAX, Report, Shadows
from services.router.shadow_shown import shadow_shown
from services.router.state import Conversation, Status, dump_data
from tests.router.scenes import DESK, SECOND, Scene, desk, queue
from tests.story import START_MS, Story


class Beside(Scene):
    """A scene whose engine has shadows."""

    def __init__(self, config: pb.DeskConfig, inner: Any = engine) -> None:
        Story.__init__(self, engine)
        self.requests = 0
        self.shadows = Shadows(inner)
        self.engine = self.shadows
        self.shadows.restored(self.state)
        self.configure(config)

    @property
    def report(self) -> Report:
        """What was seen; the desk has a shadow."""
        report = self.shadows.report(DESK)
        assert report is not None
        return report


def shadowed(*queues: pb.Queue, live: str, shadow: str, **rest: Any) -> pb.DeskConfig:
    """A desk with a preset and another one beside it."""
    made = desk(*queues, preset=live, **rest)
    made.routing.shadow.preset = shadow
    return made


def key(name: str) -> str:
    """A conversation's id."""
    return derive_id("c", name)


def test_another_agent_is_told_with_both_reasons() -> None:
    """Given two agents of whom one is busier and idle for longer, each policy names its own, and says why."""
    scene = Beside(shadowed(live="longest_idle", shadow="least_active"))
    scene.agent("anna").at(START_MS + SECOND)
    scene.agent("bob", channels=["email"]).at(scene.now_ms + SECOND)
    scene.arrives(key("1")).accepts(key("1"))
    scene.at(scene.now_ms + SECOND).agent("cyd")
    scene.at(scene.now_ms + SECOND).arrives(key("2"))
    found = scene.report.differences[-1]
    assert (found.kind, found.live.agent, found.shadow.agent) == ("agent", "anna", "cyd")
    assert "the longest idle" in found.live.sentence.en
    assert "najmniej otwartych spraw" in found.shadow.sentence.pl
    assert (found.channel, found.queue) == ("chat", "ogolna")
    assert (scene.report.all.compared, scene.report.all.agreed) == (2, 1)
    assert scene.where(key("2")) == ("offered", "anna")


def test_another_conversation_for_the_same_agent_is_one_difference() -> None:
    """Given an agent who is freed while two wait, the one who came first and the more important one are told
    as one difference, not as two."""
    queues = (queue("pilne", when={"intent": ["urgent"]}, priority=9), queue("ogolna", priority=4))
    scene = Beside(shadowed(*queues, live="longest_idle", shadow="priority", units=100))
    scene.agent("anna", capacity=100)
    scene.arrives(key("1")).accepts(key("1"))
    scene.at(scene.now_ms + SECOND).arrives(key("2"))
    scene.at(scene.now_ms + SECOND).arrives(key("3"), intent="urgent")
    before = scene.report.all.compared
    scene.at(scene.now_ms + SECOND).asks("resolve", "anna", key("1"))
    found = scene.report.differences[-1]
    assert (found.kind, found.live.conversation_id, found.shadow.conversation_id) == (
        "work",
        key("2"),
        key("3"),
    )
    assert found.live.agent == found.shadow.agent == "anna"
    assert scene.report.all.compared == before + 1
    assert scene.report.kinds == {"work": 1}


def test_what_one_gives_and_the_other_holds_back_is_told() -> None:
    """Given a policy that holds mail back for chats beside one that does not, it is told, either way round,
    that one lets it wait."""
    for live, shadow, kind in (("longest_idle", "default", "waits"), ("default", "longest_idle", "takes")):
        scene = Beside(shadowed(live=live, shadow=shadow))
        scene.agent("anna", capacity=30)
        for n in range(60):  # so that it is known that chats come all the time
            name = key(f"chat{n}")
            scene.at(scene.now_ms + 20 * SECOND).arrives(name)
            if scene.where(name)[0] == "offered":
                scene.accepts(name).at(scene.now_ms + 10 * SECOND).asks("resolve", "anna", name)
        scene.arrives(key("mail"), channel="email", account="pomoc")
        found = scene.report.differences[-1]
        assert (found.kind, found.conversation_id) == (kind, key("mail"))
        waiting = found.shadow if kind == "waits" else found.live
        assert waiting.agent == ""
        assert "może poczekać" in waiting.sentence.pl


@pytest.mark.parametrize(
    ("waiting", "pairs", "agreed"),
    [("oouu", [("0", "2"), ("1", "3")], 0), ("oou", [("1", "2")], 1)],
)
def test_several_offers_to_one_agent_are_paired(
    waiting: str, pairs: list[tuple[str, str]], agreed: int
) -> None:
    """Given an agent who comes with room for two while more wait (o: ordinary, u: urgent), what both
    policies offer is the same choice, and the rest is paired in order, each conversation told once."""
    queues = (queue("pilne", when={"intent": ["urgent"]}, priority=9), queue("ogolna", priority=4))
    scene = Beside(shadowed(*queues, live="longest_idle", shadow="priority"))
    for n, kind in enumerate(waiting):
        scene.at(scene.now_ms + SECOND).arrives(key(str(n)), intent="urgent" if kind == "u" else "")
    before = scene.report.all.compared, scene.report.all.agreed
    scene.agent("anna", capacity=60)
    found = [
        (one.kind, one.live.conversation_id, one.shadow.conversation_id) for one in scene.report.differences
    ]
    assert sorted(found) == sorted(("work", key(first), key(other)) for first, other in pairs)
    assert (scene.report.all.compared - before[0], scene.report.all.agreed - before[1]) == (2, agreed)


@pytest.mark.parametrize(
    ("live", "shadow", "compared"),
    [
        ("longest_idle", "longest_idle", 14),
        ("longest_idle", "max_pressure", 14),
        ("longest_idle", "reserve_threshold", 14),
        ("max_pressure", "longest_idle", 10),
    ],
)
def test_a_burst_is_compared_where_it_is_matched(live: str, shadow: str, compared: int) -> None:
    """Given more agents than come in one instant, whoever is put off to its end is compared there, once, and
    no policy is said to let anybody wait; what only the shadow puts off is not compared."""
    scene = Beside(shadowed(live=live, shadow=shadow))
    for n in range(20):
        scene.agent(f"a{n:02}", capacity=30).at(scene.now_ms + SECOND)
    for n in range(14):
        scene.arrives(key(str(n)))
    scene.settle()
    assert all(scene.where(key(str(n)))[0] == "offered" for n in range(14))
    assert (scene.report.all.compared, scene.report.all.agreed) == (compared, compared)
    assert (scene.report.kinds, scene.report.failed) == ({}, "")


STATES = (
    pb.PRESENCE_STATE_ONLINE,
    pb.PRESENCE_STATE_ONLINE,
    pb.PRESENCE_STATE_BUSY,
    pb.PRESENCE_STATE_AWAY,
    pb.PRESENCE_STATE_OFFLINE,
)


def life(scene: Scene, seed: int, steps: int = 250) -> Scene:
    """A random life of a desk: people come and go, customers write, offers are answered or forgotten."""
    dice = random.Random(seed)
    for name in ("anna", "bob", "cyd"):
        scene.agent(name, skills={"zwroty": dice.randint(1, 5)})
    for n in range(steps):
        scene.until(scene.now_ms + dice.randint(0, 9_000))
        fate = dice.random()
        state = scene.state.data.conversations
        offered = sorted(name for name, c in state.items() if c.offer and c.expires_ms)
        owned = sorted(name for name, c in state.items() if c.agent and not c.expires_ms)
        if fate < 0.45:
            mail = {"channel": "email", "account": "pomoc"} if dice.random() < 0.3 else {}
            customer = f"u{dice.randint(1, 40)}"
            scene.arrives(
                key(f"{seed}/{n}"), customer_id=customer, intent=dice.choice(("return", "")), **mail
            )
        elif fate < 0.7 and offered:
            name = dice.choice(offered)
            scene.accepts(name) if dice.random() < 0.8 else scene.declines(name)
        elif fate < 0.92 and owned:
            name = dice.choice(owned)
            scene.asks("resolve", scene.conversation(name).agent, name)
        else:
            scene.presence(dice.choice(("anna", "bob", "cyd")), dice.choice(STATES))
    return scene


QUEUES = (queue("zwroty", {"zwroty": 2}, {"intent": ["return"]}, [(30_000, {})], priority=7), queue("ogolna"))


@pytest.mark.parametrize("live", ["default", "longest_idle"])
@pytest.mark.parametrize("shadow", ["default", "priority", "round_robin", "longest_idle"])
def test_a_shadow_changes_nothing(live: str, shadow: str) -> None:
    """Whatever stands beside it, the live engine says the same events byte for byte; a shadow of the same
    policy agrees with every single choice, and every shadow's open work is the live one's."""
    alone = life(Scene(desk(*QUEUES, preset=live)), 7)
    scene = Beside(shadowed(*QUEUES, live=live, shadow=shadow))
    life(scene, 7)
    assert [one.SerializeToString(deterministic=True) for one in scene.log[1:]] == [
        one.SerializeToString(deterministic=True) for one in alone.log[1:]
    ]
    report, state = scene.report, scene.shadows._running[DESK]._state
    assert state is not None
    assert not report.failed
    assert report.all.compared > 80
    assert (report.all.agreed == report.all.compared) == (live == shadow)
    state.data.resolved = scene.state.data.resolved = b""
    ours = state.data.conversations, state.desk(DESK).agents
    assert ours == (scene.state.data.conversations, scene.state.desk(DESK).agents)
    assert len(report.differences) <= DIFFERENCES_MAX
    assert len(dump_data(state.data)) > 0


class Breaks:
    """The router, but it cannot decide under one policy."""

    def __getattr__(self, name: str) -> Any:
        return getattr(engine, name)

    def decide(self, state: Any, record: Input | None, now_ms: int) -> Sequence[RoutingEvent]:
        """What the router decides, where it can."""
        if state.desk(DESK).policy.name == "priority" and now_ms > START_MS:
            raise ValueError("not under this policy")
        return engine.decide(state, record, now_ms)


def test_a_shadow_that_fails_ends_and_says_so() -> None:
    """Given a policy under which deciding fails, the live engine goes on, and the report says why."""
    scene = Beside(shadowed(live="longest_idle", shadow="priority"), Breaks())
    scene.agent("anna").at(START_MS + SECOND).arrives(key("1"))
    assert scene.where(key("1")) == ("offered", "anna")
    assert scene.report.failed == "ValueError: not under this policy"
    scene.at(scene.now_ms + SECOND).arrives(key("2"))
    assert scene.where(key("2")) == ("offered", "anna")
    assert scene.report.all.compared == 0


class CannotLoad:
    """The router, but no state can be made of a dump."""

    def __getattr__(self, name: str) -> Any:
        return getattr(engine, name)

    def load(self, data: bytes) -> Any:
        """Fails."""
        raise ValueError(f"not these {len(data)} bytes")


def test_a_shadow_that_cannot_begin_ends_and_says_so() -> None:
    """Given a shadow that cannot begin, neither the configuration that names it nor a take-over fails: the
    live engine goes on, and from the desk's next decision on the report says why."""
    scene = Beside(desk(preset="longest_idle"), CannotLoad())
    scene.agent("anna")
    scene.configure(shadowed(live="longest_idle", shadow="priority"), 2)
    for name in ("1", "2"):
        scene.shadows.restored(scene.state)
        assert (scene.report.failed, scene.report.since_ms) == ("", 0)
        scene.at(scene.now_ms + SECOND).arrives(key(name))
        assert scene.where(key(name)) == ("offered", "anna")
        assert scene.report.failed.startswith("ValueError: not these")


def test_a_shadow_begins_only_with_as_much_open_work_as_it_may() -> None:
    """Given more open conversations than a shadow may copy, it says so in both languages and compares
    nothing; it begins once there are no more than that."""
    scene = Beside(shadowed(live="longest_idle", shadow="priority"))
    scene.agent("anna").arrives(key("1")).accepts(key("1"))
    for n in range(SHADOW_OPEN_MAX):
        scene.state.data.conversations[key(f"more{n}")] = Conversation(
            DESK,
            Status.WAITING,
            "chat",
            "www",
            f"u{n}",
            since_ms=START_MS,
            units=30,
            requires=(("zwroty", 3),),
        )
    scene.state = engine.load(engine.dump(scene.state))
    scene.shadows.restored(scene.state)
    scene.at(scene.now_ms + SECOND).asks("resolve", "anna", key("1"))
    assert scene.where(key("1")) == ("closed", "")
    shown = shadow_shown(scene.report)
    assert (shown["compared"], shown["since"], shown["failed"]) == (0, None, None)
    assert f"otwartych rozmów jest {SHADOW_OPEN_MAX + 1}" in shown["not_begun"]["pl"]
    assert f"{SHADOW_OPEN_MAX + 1} conversations are open" in shown["not_begun"]["en"]
    scene.at(scene.now_ms + SECOND).arrives(key("2"))
    shown = shadow_shown(scene.report)
    assert (shown["compared"], shown["agreed"], shown["not_begun"]) == (1, 1, None)


def test_a_configuration_begins_and_ends_it() -> None:
    """A shadow begins with the configuration that names it, goes on under one that changes neither policy,
    begins anew with another one, and ends with one without; a restored state brings it back."""
    scene = Beside(desk(preset="longest_idle"))
    assert scene.shadows.report(DESK) is None
    scene.agent("anna")
    scene.configure(shadowed(live="longest_idle", shadow="priority"), 2)
    scene.arrives(key("1"))
    assert scene.report.all.compared == 1
    scene.configure(shadowed(live="longest_idle", shadow="priority", last_agent_wait_ms=SECOND), 3)
    assert scene.report.all.compared == 1
    scene.configure(shadowed(live="longest_idle", shadow="round_robin"), 4)
    assert (scene.report.shadow, scene.report.all.compared) == ("round_robin", 0)
    again = Shadows(engine)
    again.restored(engine.load(engine.dump(scene.state)))
    assert again.report(DESK) is not None
    scene.configure(desk(preset="longest_idle"), 5)
    assert scene.shadows.report(DESK) is None


def test_it_is_shown_in_numbers_and_words() -> None:
    """What the API shows, by way of the bytes that are published beside the views, has shares by queue and
    channel, kinds, and the newest difference first."""
    scene = Beside(shadowed(*QUEUES, live="longest_idle", shadow="round_robin"))
    life(scene, 3)
    packed = Published(scene.shadows).document(scene.state, DESK, scene.now_ms, 0).shadow
    shown = shadow_shown(msgspec.msgpack.decode(packed, type=Report))
    assert shown == shadow_shown(scene.report)
    assert shown["policy"] == {"live": "longest_idle", "shadow": "round_robin"}
    assert shown["compared"] == sum(row["compared"] for row in shown["by_queue"])
    assert shown["compared"] == sum(row["compared"] for row in shown["by_channel"])
    assert shown["compared"] - shown["agreed"] == sum(shown["by_kind"].values())
    assert shown["differences"][0]["at"] >= shown["differences"][-1]["at"]
    assert set(shown["differences"][0]["live"]["sentence"]) == {"pl", "en"}
