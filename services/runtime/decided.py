"""What became of an agent's request, and how it is answered."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple, TypeVar

from proto.v1.routing_pb2 import RefusedWhy
from services.kernel.errors import Problem
from services.kernel.limits import NAME_CHARS_MAX
from services.runtime.problems import Refusal
from services.runtime.project_conversations import word

T = TypeVar("T")


class Decided(NamedTuple):
    """What became of an agent's request. `why` is "" if it was admitted."""

    record: str
    conversation: str
    owner: str
    why: str


class Answered(NamedTuple):
    """What an agent's request was answered, and the hash of the body that it came with."""

    body_hash: bytes
    decided: Decided


ANSWERS_KEPT = 50_000
"""Answers to agents' requests that a process remembers for repetitions: some 480 bytes each, 24 MB."""


class Answers:
    """What was heard of agents' requests lately, by record, of all partitions that a process follows."""

    def __init__(self, most: int = ANSWERS_KEPT) -> None:
        self._most = most
        self._asked: OrderedDict[str, bytes] = OrderedDict()
        self._answered: OrderedDict[str, Answered] = OrderedDict()

    def asked(self, record_id: str, body_hash: bytes) -> None:
        """A request was taken with this body; the router has not answered it yet."""
        _keep(self._asked, record_id, body_hash, self._most)

    def answered(self, record_id: str, decided: Decided) -> None:
        """The router has answered; of whose body nothing was heard nothing is kept."""
        body_hash = self._asked.pop(record_id, None)
        if body_hash is not None:
            _keep(self._answered, record_id, Answered(body_hash, decided), self._most)

    def get(self, record_id: str) -> Answered | None:
        """What a request was answered, if that was heard not long ago."""
        return self._answered.get(record_id)


def _keep(kept: OrderedDict[str, T], key: str, value: T, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)


WHY_TEXT = {
    "already_accepted": "The offer was accepted before.",
    "expired": "The offer expired.",
    "withdrawn": "The offer was withdrawn.",
    "declined": "The offer was declined.",
    "not_owner": "The agent does not have the conversation.",
    "newer_message": "A newer message is there: read it first.",
    "resolved": "The conversation is resolved.",
    "not_resolved": "The conversation is not resolved.",
    "not_yours": "The offer was made to another agent.",
    "too_old": "It came too late to be decided, and was not done: ask again with a new key.",
}
MISSING = {
    "unknown_conversation": "The desk has no such conversation.",
    "unknown_offer": "There is no such offer.",
}
WRONG = {
    "unknown_agent": Problem("/agent", "must be an agent of this desk"),
    "unknown_target": Problem(
        "/to", "must name a skill, agent or queue of this desk; what is for humans only goes to no bot"
    ),
}


def standing(decided: Decided) -> dict[str, Any]:
    """What a refused request's answer says beside the problem: where it stands now."""
    return {
        "conversation_id": decided.conversation or None,
        "owner": decided.owner or None,
        "why": decided.why,
    }


def decided_by(record_id: str, name: str, body: Any) -> Decided:
    """What the router has said about a request: its event `admitted` or `refused`."""
    why = (word(RefusedWhy, body.why) or "refused") if name == "refused" else ""
    return Decided(record_id, body.conversation_id, body.owner_id, why)


def refused(decided: Decided) -> Refusal:
    """What a refused request is answered, however often: 409 with who has it and why, else 404, 422."""
    why, extra = decided.why, standing(decided)
    if why in MISSING:
        return Refusal(404, MISSING[why], extra=extra)
    if why in WRONG:
        return Refusal(422, "The request names what is not there.", [WRONG[why]], extra=extra)
    return Refusal(409, WHY_TEXT.get(why, "It is refused."), extra=extra)


def another_body() -> Refusal:
    """The key stands for another request."""
    rule = "the header Idempotency-Key was used before with another body: a new request needs a new key"
    problem = Problem("", rule)
    return Refusal(422, "The Idempotency-Key stands for another request.", [problem])


def long_ago(what: str) -> Refusal:
    """The engine remembers the key (35 days), the views no longer do (2 days): what was answered is gone."""
    if what == "request_differs":
        return another_body()
    detail = "The Idempotency-Key was used, and its answer is no longer kept: see the conversation."
    return Refusal(409, detail, extra={"why": "repeated"})


def unknown_yet() -> Refusal:
    """The outcome is not known in time."""
    return Refusal(503, "The outcome is not known yet: retry with the same key.", retry_after_s=1)


def no_conversation() -> Refusal:
    """The desk has no such conversation."""
    return Refusal(404, MISSING["unknown_conversation"])


def no_agent() -> Refusal:
    """The desk has no such agent."""
    return Refusal(404, "The desk has no such agent.")


def no_desk(desk_id: str) -> Refusal:
    """There is no such desk."""
    return Refusal(404, f"There is no desk {desk_id[:NAME_CHARS_MAX]!r}.")
