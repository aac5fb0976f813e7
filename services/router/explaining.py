"""What the doors tell about decisions: why a conversation was offered to whom, or why it waits."""

from __future__ import annotations

from typing import Any

import msgspec

from proto.v1.routing_pb2 import Offered
from services.router import waits
from services.router.explain import (
    Explanation,
    Sentence,
    explain_offered,
    explain_waiting,
    with_names,
)
from services.router.forecast import Wait
from services.router.profiles import Ask
from services.router.published import Floors
from services.router.state import State
from services.runtime import shapes
from services.runtime.documents import Conversation, Decision, Ownership
from services.runtime.edge import Edge
from services.runtime.problems import Refusal

_NO_DECISION = Sentence(
    pl="O tej rozmowie nie było jeszcze żadnej decyzji.",
    en="Nothing was decided about this conversation yet.",
)


class Explaining:
    """Explains one conversation."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._floors = Floors(edge)

    async def of(self, desk: str, conversation: str, decision: str) -> dict[str, Any]:
        """The decision that is named; without a name why it waits, if it does, or the last decision.

        Of a past decision the counts are kept; the agents' names are worked out where settings say them.
        Raises Refusal 404.
        """
        doc = await self._edge.conversation(desk, conversation)
        views = self._edge.views.of(desk)
        owned = await views.get(Ownership, doc.id)
        if not decision:
            waiting = self._why(await self._floors.state(desk), doc)
            if (waiting is not None) != (owned is not None and owned.state == "waiting"):
                # What the router's process writes of its state may be a moment behind the views.
                waiting = self._why(await self._floors.fresh(desk, self._edge.patience()), doc)
                owned = await views.get(Ownership, doc.id)
            if waiting is not None:
                return self._waiting(doc, owned, waiting)
        wanted = decision or (owned.decision if owned else "")
        found = await views.get(Decision, f"{doc.id}/{wanted}") if wanted else None
        if found is not None:
            body = await self._named(explain_offered(Offered.FromString(found.event)), owned, doc.desk)
            body = _back(body, found.undeliverable)
            wait = shapes.wait(found.wait_p50_ms, found.wait_p90_ms)
            return _shown(found.offer, found.at_ms, body, wait, _came_of(found))
        if decision:
            raise Refusal(404, "The conversation has no such decision.")
        version = owned.policy_version if owned is not None else 0
        return self._waiting(doc, owned, Explanation(doc.id, "", "", version, 0, (), (), _NO_DECISION))

    def _why(self, state: State, doc: Conversation) -> Explanation | None:
        return explain_waiting(state, doc.id, self._edge.app.clock.now_ms())

    async def _named(self, body: Explanation, owned: Ownership | None, desk: str) -> Explanation:
        """With the names of those whom their settings rule out, by what the conversation asks for."""
        if owned is None:
            return body
        requires = tuple(sorted(owned.requires.items()))
        ask = Ask(desk, requires, owned.language, owned.channel, owned.units, owned.human_only, "", ())
        return with_names(body, await self._floors.state(desk), ask)

    def _waiting(self, doc: Conversation, owned: Ownership | None, body: Explanation) -> dict[str, Any]:
        """Why nobody has it now; of the wait that was told what is left."""
        at_ms, left, waited_ms = doc.opened_ms, waits.UNKNOWN, 0
        if owned is not None:
            body = _back(body, owned.undeliverable)
            at_ms, told = owned.changed_ms, Wait(owned.wait_p50_ms, owned.wait_p90_ms)
            now_ms = self._edge.app.clock.now_ms()
            waited_ms = max(0, now_ms - (owned.told_ms or now_ms))
            left = waits.remaining(told, waited_ms)
        outcome = {"what": "waits" if body.considered else None, "at": None, "waited_s": waited_ms / 1000}
        return _shown(None, at_ms, body, shapes.wait(*left), outcome)


def _back(told: Explanation, undeliverable: str) -> Explanation:
    """The same, beginning with why its last answer did not arrive, if it did not."""
    if not undeliverable:
        return told
    sentence = Sentence(
        pl=f"Odpowiedź nie dotarła: {undeliverable}. {told.sentence.pl}",
        en=f"Answer undeliverable: {undeliverable}. {told.sentence.en}",
    )
    return msgspec.structs.replace(told, sentence=sentence)


def _came_of(decision: Decision) -> dict[str, Any]:
    """What became of an offer, and how long the customer waited since the wait was told."""
    ended_ms = decision.ended_ms
    waited_ms = max(0, ended_ms - (decision.told_ms or decision.at_ms))
    return {
        "what": decision.outcome or None,
        "at": shapes.rfc3339(ended_ms) if ended_ms else None,
        "waited_s": waited_ms / 1000 if ended_ms else None,
    }


def _shown(
    decision: str | None,
    at_ms: int,
    body: Explanation,
    wait: dict[str, float | None],
    outcome: dict[str, Any],
) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(body)
    told = {"chosen": body.chosen or None, "policy": body.policy or None, "wait": wait, "outcome": outcome}
    return {"decision": decision, "at": shapes.rfc3339(at_ms), **shown, **told}
