"""Offers that the engine has forgotten, told from the views."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1 import routing_pb2 as rt
from services.router.late_offers import late_answer
from services.runtime.documents import AgentLoad, Ownership
from services.runtime.edge import Decided
from services.runtime.project_routing import HANDLERS, HISTORY_MAX
from services.runtime.views import MemoryStore, Views

C: Any = {"conversation_id": "c"}
O1: Any = {**C, "offer_id": "o1", "agent_id": "anna"}
O2: Any = {**C, "offer_id": "o2", "agent_id": "bob"}
UNKNOWN = Decided("r", "", "", "unknown_offer")


def shown(*bodies: tuple[str, object]) -> Views:
    """The views after these events of the desk d, a second apart."""
    views = Views(MemoryStore())
    for number, (name, body) in enumerate(bodies):
        event = rt.RoutingEvent(desk_id="d", occurred_at_ms=number * 1_000, **{name: body})  # type: ignore[arg-type]  # one body by name
        HANDLERS[name](views, event, body)
    return views


QUEUED = ("queued", rt.ConversationQueued(**C))
OFFERED = ("offered", rt.Offered(**O1, units=30))
GOES_ON = [QUEUED, ("offered", rt.Offered(**O2)), ("assigned", rt.Assigned(**C, agent_id="bob"))]


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ([("expired", rt.OfferExpired(**O1)), *GOES_ON], "expired"),
        ([("declined", rt.OfferDeclined(**O1)), *GOES_ON], "declined"),
        ([("withdrawn", rt.OfferWithdrawn(**O1)), *GOES_ON], "withdrawn"),
        ([("accepted", rt.OfferAccepted(**O1)), ("assigned", rt.Assigned(**C, agent_id="anna"))],
         "already_accepted"),
    ],
)  # fmt: skip
async def test_a_forgotten_offer_says_what_happened(over: list[tuple[str, object]], why: str) -> None:
    """Whoever answers an offer of long ago hears what became of it, and who has the conversation."""
    views = shown(QUEUED, OFFERED, *over)
    told = await late_answer(views, "d", "o1", UNKNOWN)
    assert told == Decided("r", "c", "anna" if why == "already_accepted" else "bob", why)


async def test_what_became_of_it_is_its_own() -> None:
    """An offer that expired did, also when its agent got the conversation by another one, and so much
    happened since that the history has forgotten the first."""
    declined = [
        ("offered", rt.Offered(**C, offer_id="x", agent_id="bob")),
        ("declined", rt.OfferDeclined(**C, offer_id="x", agent_id="bob")),
        QUEUED,
    ] * HISTORY_MAX
    again: Any = {**C, "offer_id": "o3", "agent_id": "anna"}
    taken = [
        ("offered", rt.Offered(**again)),
        ("accepted", rt.OfferAccepted(**again)),
        ("assigned", rt.Assigned(**C, agent_id="anna")),
    ]
    views = shown(QUEUED, OFFERED, ("expired", rt.OfferExpired(**O1)), QUEUED, *declined, *taken)
    assert await late_answer(views, "d", "o1", UNKNOWN) == Decided("r", "c", "anna", "expired")


async def test_an_offer_that_never_was_is_unknown() -> None:
    """What this desk never offered stays unknown, also if another desk did."""
    views = shown(QUEUED, OFFERED)
    assert await late_answer(views, "d", "o9", UNKNOWN) == UNKNOWN
    assert await late_answer(views, "e", "o1", UNKNOWN) == UNKNOWN


@pytest.mark.parametrize(
    "then", [("reconsidered", rt.Reconsidered(**C)), ("offered", rt.Offered(**O2)), QUEUED]
)
def test_an_offer_without_an_end_rings_no_more(then: tuple[str, object]) -> None:
    """An offer whose end could not be decided leaves its agent with the next word about the conversation."""
    views = shown(QUEUED, OFFERED, then)
    load, owned = views.peek(AgentLoad, "d/anna"), views.peek(Ownership, "c")
    assert load is not None
    assert owned is not None
    assert load.offers == {}
    assert (owned.offer.agent if owned.offer else "") == ("bob" if then[0] == "offered" else "")
