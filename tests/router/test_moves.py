"""Where each event takes a conversation, whatever state it is in: one table, tried in full."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1 import routing_pb2 as rt
from proto.v1.envelope_pb2 import Skipped
from services.router import engine
from services.router.changes import CHANGES
from services.router.state import Conversation, Data, Desk, State, Status
from tests.router.scenes import DESK, Scene
from tests.story import START_MS

GONE = "gone"
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
    "admitted": rt.RequestAdmitted(**C, **AGENT, kind="REQUEST_KIND_REPLY", bot=True),
    "refused": rt.RequestRefused(**C),
    "skipped": Skipped(topic="deadline", input_id="w:c"),
}
OF_AGENTS = {"desk", "agent", "presence", "agent_lost", "agent_found", "looked", "replanned"}


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


@pytest.mark.parametrize(
    "what", ["o:", "w:", "s:", "p:d/anna", "a:d/anna", "r:d", "o:gone", "w:gone", "p:d/no"]
)
def test_a_skipped_deadline_goes_away(what: str) -> None:
    """A deadline that cannot be decided is dropped for good, live and restored."""
    scene = Scene().agent("anna", online=False).presence("anna", 1, ttl_ms=5_000).arrives("c1")  # type: ignore[arg-type]  # online
    scene.arrives("c2").declines("c2").asks("transfer", "", "c2", transfer_to="TRANSFER_TO_AGENT")
    c = scene.conversation("c1")
    key = {"o:": "o:" + c.offer, "w:": "w:c2", "s:": "s:c1"}.get(what, what)
    skipped = Skipped(topic="deadline", input_id=key)
    scene.given(rt.RoutingEvent(desk_id=DESK, occurred_at_ms=scene.now_ms, skipped=skipped))
    assert key not in scene.state.deadlines
    scene.then_replays()
