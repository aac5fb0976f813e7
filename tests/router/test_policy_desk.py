"""Every part of a policy as a lead writes it, from the document to who gets what."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1 import desk_pb2 as pb
from proto.v1.conversations_pb2 import AgentConfigured
from services.kernel.desk import parse_desk
from services.kernel.desk_policy import AGENTS, ORDERS
from services.router.choosing import BOTS_KNOWN
from services.runtime.documents import Ownership
from services.runtime.project_routing import HANDLERS
from services.runtime.views import MemoryStore, Views
from tests.router.scenes import MINUTE, SECOND, Scene, event

QUEUES: list[dict[str, Any]] = [
    {
        "name": "zwroty",
        "when": {"intent": ["return"]},
        "requires": {"zwroty": 4},
        "prefers": {"niemiecki": 3},
        "relax": [
            {"after": "2m", "requires": {"zwroty": 2}},
            {"after": "5m", "requires": {"faktury": 1}},
            {"after": "10m", "queue": "reszta"},
        ],
        "priority": 4,
    },
    {"name": "pilne", "when": {"intent": ["urgent"]}, "priority": 7},
    {"name": "reszta", "priority": 3},
]


def shop(**policy: Any) -> Scene:
    """A desk that writes its policy out."""
    document = {
        "name": "Shop",
        "channels": [
            {"channel": "chat", "account": "www", "units": 30},
            {"channel": "email", "account": "pomoc@a.pl", "units": 10},
        ],
        "skills": ["zwroty", "faktury", "niemiecki"],
        "queues": QUEUES,
        "routing": {
            "policy": {"name": "nasza", "like": "longest_idle", **policy},
            "last_agent": {"wait_up_to": "0s", "worth": "30s"},
        },
    }
    return Scene(parse_desk(document).desk)


def taken(scene: Scene) -> str:
    """The conversation that was offered last."""
    offered = [event.offered for event in scene.new if event.HasField("offered")]
    return str(offered[-1].conversation_id) if offered else ""


def shown(scene: Scene, key: str) -> Ownership:
    """A conversation as the views show it."""
    views = Views(MemoryStore())
    for said in scene.log:
        name = said.WhichOneof("body")
        if name in HANDLERS:
            HANDLERS[name](views, said, getattr(said, name))
    found = views.peek(Ownership, key)
    assert found is not None
    return found


def test_requirements_relax_each_at_its_moment() -> None:
    """First the level, then a lower one after two minutes, another skill after five, and after ten the queue
    into which it overflows, whose agents it then may have."""
    for skills, minutes in (({"zwroty": 4}, 0), ({"zwroty": 2}, 2), ({"faktury": 1}, 5), ({}, 10)):
        scene = shop().agent("ola", skills).arrives("c1", intent="return")
        began_ms = scene.now_ms
        if minutes:
            scene.until(began_ms + minutes * MINUTE - 1)
            assert scene.where("c1") == ("waiting", ""), (skills, minutes)
            scene.until(began_ms + minutes * MINUTE)
        assert scene.where("c1") == ("offered", "ola"), (skills, minutes)
        assert scene.conversation("c1").queue == ("reszta" if minutes == 10 else "zwroty")


@pytest.mark.parametrize("raised", [0, 9])
def test_what_overflowed_is_shown_where_it_waits(raised: int) -> None:
    """The views show queue and priority of what waits, also after it overflowed into another queue."""
    scene = shop().arrives("c1", intent="urgent").arrives("c2", intent="return")
    if raised:
        scene.asks("priority", "", "c2", priority=raised)
    scene.until(scene.now_ms + 10 * MINUTE)
    for key in ("c1", "c2"):
        waits, seen = scene.conversation(key), shown(scene, key)
        assert (seen.queue, seen.priority) == (waits.queue, waits.priority)
    assert scene.conversation("c2").queue == "reszta"


def test_what_nobody_can_do_is_shown_until_somebody_can() -> None:
    """A step that relaxes too little leaves the mark of what nobody of the desk can do, there or not."""
    scene = shop().agent("ola", {"zwroty": 1, "faktury": 1}, online=False).arrives("c1", intent="return")
    began_ms = scene.now_ms
    for minutes, nobody in ((0, True), (2, True), (5, False)):
        scene.until(began_ms + minutes * MINUTE)
        assert shown(scene, "c1").nobody == nobody, minutes
    scene = shop().agent("ola", {"faktury": 1}, languages=(), online=False).arrives("c1", intent="return")
    scene.promise(escalated={"conversation_id": "c1", "do": "ESCALATION_DO_WIDEN_SKILLS"})
    assert not shown(scene, "c1").nobody


def test_what_is_preferred_decides_between_those_who_can() -> None:
    """Of two who can do it the one with the preferred skill is asked, who is idle for less long."""
    scene = shop().agent("anna", {"zwroty": 5}).at(1_767_607_260_000)
    scene.agent("greta", {"zwroty": 4, "niemiecki": 3}).arrives("c1", intent="return")
    assert scene.where("c1") == ("offered", "greta")


def test_priority_ages() -> None:
    """A higher priority goes first, until a lower one has waited ten minutes a step for longer."""
    for waited_min, first in ((39, "new"), (41, "old")):
        scene = shop(priority={"first": True, "ageing": "10m"}).agent("ola", capacity=30)
        scene.arrives("busy").accepts("busy").arrives("old")
        scene.until(scene.now_ms + waited_min * MINUTE).arrives("new", intent="urgent")
        scene.asks("resolve", "ola", "busy", last_message_seen=scene.conversation("busy").last_message)
        assert taken(scene) == first


def test_queues_share_agents() -> None:
    """Of an agent who could always take either, two queues get what their shares say."""
    scene = shop(shares={"pilne": 3, "reszta": 1}).agent("ola", capacity=30)
    for i in range(80):
        scene.arrives(f"u{i:02}", intent="urgent").arrives(f"r{i:02}")
    got = []
    for _ in range(40):
        key = next(key for key, c in scene.state.data.conversations.items() if c.agent)
        got.append(key[0])
        scene.accepts(key).asks("resolve", "ola", key)
    assert got.count("u") == pytest.approx(30, abs=1)
    scene = shop(shares={"pilne": 3, "reszta": 1}).agent("ola", {"zwroty": 4}, capacity=30)
    scene.arrives("u1", intent="urgent").accepts("u1").arrives("u2", intent="urgent")
    scene.arrives("z", intent="return").asks("resolve", "ola", "u1")
    assert taken(scene) == "z", "a queue without a share goes first"


def test_limits_of_a_channel_and_of_an_agent() -> None:
    """Nobody gets more chats at a time than the policy says, or than their own settings say, whatever room
    they have; mail is not counted with them."""
    for own, most in ((0, 2), (1, 1), (3, 3)):
        scene = shop(limits={"chat": 2})
        limits = {"chat": own} if own else {}
        agent = pb.Agent(agent_id="ola", kind=pb.AGENT_KIND_HUMAN, capacity=100, limits=limits)
        scene.when("conversations", event(agent=AgentConfigured(agent=agent)))
        scene.session("ola").presence("ola", pb.PRESENCE_STATE_ONLINE)
        for i in range(4):
            scene.arrives(f"c{i}")
        scene.arrives("m", channel="email", account="pomoc@a.pl")
        assert sum(bool(scene.conversation(f"c{i}").agent) for i in range(4)) == most
        assert scene.where("m") == ("offered", "ola")


def test_bots_go_first_where_they_contain() -> None:
    """Bots are asked before people until so many ends show that they solve too little alone."""
    scene = shop(bots={"first": True, "contain": 0.5}).agent("ola", capacity=30).agent("bot", bot=True)
    assert scene.arrives("c").where("c") == ("offered", "bot")
    scene.asks("resolve", "", "c")
    for i in range(BOTS_KNOWN):
        scene.at(scene.now_ms + SECOND).arrives(f"c{i}").accepts(f"c{i}")
        scene.writes(f"c{i}", f"h{i}", wants_human=True)
        assert scene.where(f"c{i}") == ("offered", "ola")
        scene.asks("resolve", "", f"c{i}")
    assert scene.arrives("d").where("d") == ("offered", "ola")


def test_the_last_agent_is_worth_something() -> None:
    """Who had the customer last is asked before who is idle for longer."""
    scene = shop().agent("anna").agent("bob").arrives("c1").accepts("c1")
    had = scene.conversation("c1").agent
    scene.asks("resolve", had, "c1").at(scene.now_ms + SECOND).writes("c1", "again", reopens=True)
    assert scene.where("c1") == ("offered", had)


@pytest.mark.parametrize("hold_back", [0, 1])
def test_holding_back_can_be_turned_off(hold_back: int) -> None:
    """Mail waits for the sake of chats that come, unless the policy holds nothing back."""
    scene = shop(like="default", hold_back=hold_back).agent("ola", capacity=30)
    for i in range(30):
        scene.until(scene.now_ms + 5 * SECOND).arrives(f"c{i}").accepts(f"c{i}")
        scene.asks("resolve", "ola", f"c{i}", last_message_seen=scene.conversation(f"c{i}").last_message)
    scene.arrives("m", channel="email", account="pomoc@a.pl")
    assert scene.where("m")[0] == ("waiting" if hold_back else "offered")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("agent", AGENTS)
def test_every_order_goes_with_every_choice(order: str, agent: str) -> None:
    """Whatever a lead combines decides, is signed with the policy's name and version, and keeps that version
    when the desk is edited."""
    score = {"score": {"idle": 1, "load": 2, "active": 1, "skill": 1, "flexibility": 0.5, "pace": 1}}
    scene = shop(order=order, agent=agent, **(score if agent == "score" else {}))
    scene.agent("ola", {"zwroty": 5}).agent("jan", {"faktury": 2}).arrives("c1", intent="return")
    offered = scene.body("offered")
    assert (offered.agent_id, offered.policy, offered.policy_version) == ("ola", "nasza", 1)
    scene.accepts("c1").arrives("c2").arrives("c3")
    config = pb.DeskConfig(queues=[pb.Queue(name="reszta")], routing=pb.Routing(preset="default"))
    scene.configure(config, version=2)
    assert scene.arrives("c4").body("offered").policy_version == 2
    assert offered.policy_version == 1
    scene.then_replays()
