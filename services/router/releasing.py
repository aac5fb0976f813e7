"""Taking a conversation from whoever has it, and putting it back among the waiting.

Every way out of an agent's hands goes through here: the offer is withdrawn or the owner released,
the conversation waits again with its age, and what the agent has free now is offered other work.
"""

from __future__ import annotations

from proto.v1 import routing_pb2 as rt
from proto.v1.routing_pb2 import OfferWithdrawn, Released
from services.router.draft import Draft
from services.router.state import Conversation, Status

_WITHDRAWN = {
    rt.RELEASED_WHY_TRANSFERRED: rt.WITHDRAWN_WHY_TRANSFERRED,
    rt.RELEASED_WHY_AGENT_LOST: rt.WITHDRAWN_WHY_AGENT_LOST,
    rt.RELEASED_WHY_AGENT_OFFLINE: rt.WITHDRAWN_WHY_AGENT_OFFLINE,
    rt.RELEASED_WHY_REASSIGNED: rt.WITHDRAWN_WHY_REASSIGNED,
    rt.RELEASED_WHY_HUMAN_WANTED: rt.WITHDRAWN_WHY_HUMAN_WANTED,
}
_QUEUED = {
    rt.RELEASED_WHY_TRANSFERRED: rt.QUEUED_WHY_TRANSFERRED,
    rt.RELEASED_WHY_AGENT_LOST: rt.QUEUED_WHY_AGENT_LOST,
    rt.RELEASED_WHY_AGENT_OFFLINE: rt.QUEUED_WHY_AGENT_OFFLINE,
    rt.RELEASED_WHY_REASSIGNED: rt.QUEUED_WHY_REASSIGNED,
    rt.RELEASED_WHY_HUMAN_WANTED: rt.QUEUED_WHY_HUMAN_WANTED,
}


def let_go(draft: Draft, key: str, c: Conversation, why: rt.ReleasedWhy) -> None:
    """End the offer or the ownership; nothing if it waits."""
    if c.status == Status.OFFERED:
        draft.say(
            withdrawn=OfferWithdrawn(
                conversation_id=key, offer_id=c.offer, agent_id=c.agent, why=_WITHDRAWN[why]
            )
        )
    elif c.status == Status.OWNED:
        draft.say(released=Released(conversation_id=key, agent_id=c.agent, why=why))
    else:
        return
    draft.take_from(c)


def release(
    draft: Draft, key: str, c: Conversation, why: rt.ReleasedWhy, bar: bool = False, refill: bool = True
) -> None:
    """Take it from its agent and queue it.

    bar: that agent is not asked again for a while.
    refill: offer other work to that agent.
    """
    let_go(draft, key, c, why)
    copy = draft.changed(c, bar=c.agent if bar else "")
    draft.queue(key, copy, _QUEUED[why])
    if refill and c.agent:
        draft.refill(c.agent)


def to_humans(draft: Draft, key: str, c: Conversation, why: rt.HumanWhy) -> None:
    """Humans only from now on, for ever; a bot that has it or rings loses it at once.

    `c` is a copy, with what is known now.
    """
    draft.human_only(key, why)
    c.human_only = True
    if draft.is_bot(c.last_agent):
        c.last_agent = ""
    if draft.is_bot(c.agent):
        release(draft, key, c, rt.RELEASED_WHY_HUMAN_WANTED)
    elif c.status == Status.WAITING:
        if draft.is_bot(c.only):
            c.only, c.fixed = "", False
        draft.queue(key, c, rt.QUEUED_WHY_HUMAN_WANTED)
