"""What became of an offer that the engine remembers no longer: told from the views.

The engine knows what closed offers came to for as long as a request for them may travel. Whoever answers
one later still hears what happened instead; only what the desk never offered is unknown.
"""

from __future__ import annotations

from proto.v1.routing_pb2 import Offered
from services.runtime.documents import Decision, Ownership
from services.runtime.edge import Decided
from services.runtime.view_store import DeskViews

_BECAME = {
    "accepted": "already_accepted",
    "assigned": "already_accepted",
    "declined": "declined",
    "expired": "expired",
    "withdrawn": "withdrawn",
}
"""What the decision or the conversation's history has -> why the offer is not open."""


async def late_answer(views: DeskViews, desk_id: str, offer_id: str, decided: Decided) -> Decided:
    """Instead of "unknown_offer": why it is not open, and who has the conversation now; `decided` as it is
    if the desk never made that offer."""
    for _, decision in await views.find(Decision, f"offer/{offer_id}", 1):
        owned = await views.get(Ownership, decision.conversation)
        if owned is not None and owned.desk == desk_id:
            why = _became(owned, decision)
            return decided._replace(conversation=owned.id, owner=owned.owner, why=why)
    return decided


def _became(owned: Ownership, decision: Decision) -> str:
    """What came of the offer; of one from before that was kept beside it, the first thing that happened to
    that agent's. Of what is so long ago that the history begins after it, it is said only that the offer is
    not there any more."""
    if decision.outcome in _BECAME:
        return _BECAME[decision.outcome]
    agent_id = Offered.FromString(decision.event).agent_id
    for at_ms, what, who in owned.history:
        if at_ms >= decision.at_ms and who == agent_id and what in _BECAME:
            return _BECAME[what]
    return "withdrawn"
