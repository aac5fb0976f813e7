"""Where each event takes a conversation, whatever state it is in: one table, tried in full."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from proto.v1.conversations_pb2 import AgentConfigured, DeskConfigured
from proto.v1.envelope_pb2 import Skipped
from services.router import engine
from services.router.changes import CHANGES
from services.router.skipping import SKIPPED_AGAIN_MS
from services.router.state import Conversation, Data, Desk, State, Status
from tests.router.scenes import DESK, Scene, desk, event
from tests.story import START_MS

GONE = "gone"
ONLINE = pb.PRESENCE_STATE_ONLINE
STATES = (GONE, "loose", "waiting", "offered", "owned")

MOVES: dict[str, dict[str, str]] = {
    "queued": dict.fromkeys(STATES, "waiting"),
    "offered": {"waiting": "offered"},
    "assigned": {"offered": "owned"},
    "declined": {"offered": "loose"},
    "expired": {"offered": "loose"},
    "withdrawn": {"offered": "loose"},
    "released": {"owned": "loose"},
    "resolved": dict.fromkeys(STATES, GONE),
    "reopened": {GONE: "loose"},
}
"""Event -> state before -> state after. What is not here leaves the conversation where it is."""

C: Any = {"conversation_id": "c"}
OFFER: Any = {"offer_id": "o"}
AGENT: Any = {"agent_id": "anna"}
BODIES: dict[str, object] = {
    "queued": rt.ConversationQueued(**C, channel="chat", units=30, since_ms=1),
    "offered": rt.Offered(**C, **OFFER, **AGENT, units=30, expires_at_ms=START_MS + 1),
    "accepted": rt.OfferAccepted(**C, **OFFER, **AGENT),
    "assigned": rt.Assigned(**C, **AGENT, units=30),
    "declined": rt.OfferDeclined(**C, **OFFER, **AGENT),
    "expired": rt.OfferExpired(**C, **OFFER, **AGENT),
    "withdrawn": rt.OfferWithdrawn(**C, **OFFER, **AGENT),
    "released": rt.Released(**C, **AGENT),
    "resolved": rt.Resolved(**C, owner_id="anna"),
    "reopened": rt.Reopened(**C, why="REOPENED_WHY_CUSTOMER"),
    "relaxed": rt.RequirementsRelaxed(**C, step=1, why="RELAXED_WHY_WAITED"),
    "reconsidered": rt.Reconsidered(**C),
    "transferred": rt.Transferred(**C),
    "priority": rt.PriorityChanged(**C, priority=9),
    "message_seen": rt.MessageSeen(**C, message_id="m"),
    "deadline": rt.DeadlineChanged(**C, due_at_ms=5, target_id="t", target_due_at_ms=5),
    "human_only": rt.HumanOnly(**C),
    "undelivered": rt.AnswerUndelivered(**C, reason="smtp 550"),
    "admitted": rt.RequestAdmitted(**C, **AGENT, kind="REQUEST_KIND_REPLY", bot=True),
    "refused": rt.RequestRefused(**C),
    "skipped": Skipped(topic="deadline", input_id="w:c"),
}
OF_AGENTS = {
    "desk",
    "agent",
    "presence",
    "agent_lost",
    "agent_found",
    "looked",
    "replanned",
    "desk_looked",
    "marked",
}


def state_with(status: str) -> State:
    """A desk with anna and the conversation c in this state."""
    scene = Scene().agent("anna")
    state: State = scene.state
    agents = state.data.desks[DESK].agents
    data = Data(desks={DESK: Desk(version=1, agents=agents)})
    if status != GONE:
        c = Conversation(DESK, Status[status.upper()], "chat", "www", "u", units=30)
        if status in ("offered", "owned"):
            c.agent, c.offer = "anna", "o"
        data.conversations["c"] = c
    return State(data)


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("name", sorted(BODIES))
def test_every_event_in_every_state(name: str, before: str) -> None:
    """Each event moves a conversation as the table says, and never fails; indexes follow the state."""
    state = state_with(before)
    event = rt.RoutingEvent(desk_id=DESK, occurred_at_ms=START_MS, **{name: BODIES[name]})  # type: ignore[arg-type]  # one body by name
    engine.evolve(state, event)
    c = state.data.conversations.get("c")
    after = Status(c.status).name.lower() if c is not None else GONE
    assert after == MOVES.get(name, {}).get(before, before)
    in_hand = state.matcher.in_hand(DESK, "anna")
    assert in_hand == (["c"] if after in ("offered", "owned") else [])
    assert list(state.matcher.waiting(DESK)) == (["c"] if after == "waiting" else [])
    dumped = engine.dump(state)
    assert engine.dump(engine.load(dumped)) == dumped


def test_the_table_knows_every_event() -> None:
    """Every body of a routing event is tried above, or is about desks and agents only."""
    bodies = {field.name for field in rt.RoutingEvent.DESCRIPTOR.oneofs_by_name["body"].fields}
    assert bodies == set(BODIES) | OF_AGENTS
    assert set(CHANGES) == bodies - {"transferred", "refused"}


@pytest.mark.parametrize("name", sorted(OF_AGENTS))
def test_events_about_nobody_change_nothing(name: str) -> None:
    """An event about an agent or desk that the state does not have is folded without harm."""
    state = engine.initial()
    event = rt.RoutingEvent(desk_id="new", occurred_at_ms=START_MS)
    getattr(event, name).SetInParent()
    engine.evolve(state, event)
    engine.load(engine.dump(state))
    assert engine.decide(state, None, START_MS) is not None


def skip(scene: Scene, key: str) -> None:
    """The deadline of that id could not be decided."""
    skipped = Skipped(topic="deadline", input_id=key)
    scene.given(rt.RoutingEvent(desk_id=DESK, occurred_at_ms=scene.now_ms, skipped=skipped))


@pytest.mark.parametrize("what", ["s:c1", "r:d", "o:gone", "w:gone", "p:d/no", "a:d/anna"])
def test_a_skipped_deadline_of_nothing_goes_away(what: str) -> None:
    """A deadline that nothing stands behind any more is not due again."""
    scene = Scene().agent("anna", online=False).arrives("c1")
    skip(scene, what)
    assert what not in scene.state.deadlines
    scene.then_replays()


@pytest.mark.parametrize("what", ["w:c2", "p:d/anna", "a:d/eve", "s:c3", "r:d"])
def test_a_skipped_deadline_is_due_again(what: str) -> None:
    """A deadline that could not be decided is put off: others go on, and what it is for is not lost."""
    scene = Scene(desk(bots=pb.Bots(asked=True, silent_for_ms=1_000)))
    scene.agent("bot", bot=True, capacity=30).arrives("c3").accepts("c3")
    scene.agent("anna", online=False).presence("anna", ONLINE, ttl_ms=5_000).arrives("c2").declines("c2")
    scene.when("conversations", event(agent=AgentConfigured(agent=pb.Agent(agent_id="eve"))))
    scene.when("conversations", event(desk=DeskConfigured(desk=desk(), version=2)))
    assert what in scene.state.deadlines
    now_ms = scene.now_ms
    skip(scene, what)
    assert scene.state.deadlines.get(what) == now_ms + SKIPPED_AGAIN_MS
    scene.then_replays()


def test_a_skipped_offer_is_over() -> None:
    """An offer whose end cannot be decided ends all the same: its capacity is free, somebody else is asked at
    once, and its agent is offered other work."""
    scene = Scene().agent("anna", capacity=30).arrives("c1").arrives("c2")
    offer = scene.conversation("c1").offer
    skip(scene, "o:" + offer)
    assert scene.where("c1") == ("waiting", "")
    assert scene.state.matcher.used(DESK, "anna") == 0
    scene.then_replays()
    scene.settle()
    assert scene.where("c2") == ("offered", "anna")
    scene.asks("accept", "anna", offer_id=offer)
    assert scene.refusal() == ("expired", "")
    scene.agent("bob")
    assert scene.where("c1") == ("offered", "bob")
