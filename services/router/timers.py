"""What follows from time having passed: one deadline, one call. Ids are explained in `state.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from proto.v1.routing_pb2 import (
    AgentLooked,
    AgentLost,
    DeskLooked,
    DeskReplanned,
    NobodyMarked,
    OfferExpired,
    Reconsidered,
    RequirementsRelaxed,
)
from services.kernel.engine import DEADLINE
from services.kernel.limits import BARRED_AFTER_DECLINE_MS, BURST_AGENTS_MAX
from services.router import bursts, marks, planning, releasing
from services.router.draft import Draft
from services.router.matching import ruled_out
from services.router.state import Conversation, State, Status, ask_of

RELEASED_IN_STEP_MAX = 100
"""Conversations that one step takes from an agent who is gone; only a bot has more."""
PLANNED_IN_STEP_MAX = 100
"""Waiting conversations that one step plans anew."""
DEFERRED_CHANNELS = frozenset(("email",))
"""Channels on which nobody sits waiting: work stays with a lost agent until they are offline."""


def due(state: State, key: str, now_ms: int) -> Draft:
    """Decide the deadline of that id, which is due."""
    kind, _, name = key.partition(":")
    desk_id = _desk_of(state, kind, name)
    draft = Draft(state, desk_id, None, f"{DEADLINE}:{key}", now_ms)
    _KINDS[kind](draft, name)
    return draft


def _desk_of(state: State, kind: str, name: str) -> str:
    if kind in ("r", "h", "n"):
        return name
    if kind in ("a", "p"):
        return split_name(state, name)[0]
    key = state.offers[name] if kind == "o" else name
    return state.data.conversations[key].desk


def split_name(state: State, name: str) -> tuple[str, str]:
    """Desk and agent of "DESK/AGENT", either of which may have a slash in it; empty if unknown."""
    at = name.find("/")
    while at >= 0:
        desk = state.data.desks.get(name[:at])
        if desk is not None and name[at + 1 :] in desk.agents:
            return name[:at], name[at + 1 :]
        at = name.find("/", at + 1)
    return "", ""


def _offer_expires(draft: Draft, offer_id: str) -> None:
    key = draft.state.offers[offer_id]
    c = draft.state.data.conversations[key]
    draft.say(
        expired=OfferExpired(
            conversation_id=key,
            offer_id=offer_id,
            agent_id=c.agent,
            barred_until_ms=draft.now_ms + BARRED_AFTER_DECLINE_MS,
        )
    )
    draft.take_from(c)
    draft.queue(key, draft.changed(c, bar=c.agent), rt.QUEUED_WHY_EXPIRED)
    draft.refill(c.agent)


def _wait_changes(draft: Draft, key: str) -> None:
    """A bar or the wait for one agent ends, or a relaxation step is due; maybe all at once."""
    c = draft.state.data.conversations[key]
    copy = msgspec.structs.replace(c)
    if c.only and 0 < c.only_until_ms <= draft.now_ms:
        # The named agent did not take it: the rules hold again.
        copy.only, copy.fixed = "", False
        draft.queue(key, copy, rt.QUEUED_WHY_NOT_TAKEN)
        return
    forget_past(copy, draft.now_ms)
    queue = planning.queue_named(draft.desk, c.queue)
    step = planning.steps_done(queue, c.since_ms, draft.now_ms) if queue is not None else 0
    if queue is not None and c.relax_step < step:
        into = planning.relax(draft.desk, queue, step, copy)
        if into.human_only and not c.human_only:
            releasing.to_humans(draft, key, copy, rt.HUMAN_WHY_QUEUE)
            return
        relaxed = RequirementsRelaxed(
            conversation_id=key,
            requires=dict(copy.requires),
            step=copy.relax_step,
            why=rt.RELAXED_WHY_WAITED,
            nobody=draft.state.matcher.can_nobody(ask_of(copy)),
        )
        if into is not queue:
            relaxed.queue, relaxed.priority = into.name, copy.priority
        draft.say(relaxed=relaxed)
    else:
        draft.say(reconsidered=Reconsidered(conversation_id=key))
    draft.place(key, copy)


def forget_past(c: Conversation, now_ms: int) -> None:
    """Drop the bars and the wait for the last agent that are over."""
    if c.barred:
        c.barred = {agent: until for agent, until in c.barred.items() if until > now_ms} or None
    if c.hold_ms <= now_ms:
        c.hold_ms = 0


def _bot_silent(draft: Draft, key: str) -> None:
    c = msgspec.structs.replace(draft.state.data.conversations[key])
    releasing.to_humans(draft, key, c, rt.HUMAN_WHY_BOT_SILENT)


def _presence_ends(draft: Draft, name: str) -> None:
    _, agent_id = split_name(draft.state, name)
    draft.say(agent_lost=AgentLost(agent_id=agent_id))


def _look_at_agent(draft: Draft, name: str) -> None:
    """Release what the agent may not keep, then offer what they can take; in steps if it is much."""
    _, agent_id = split_name(draft.state, name)
    agent = draft.desk.agents[agent_id]
    is_offline = agent.state in (pb.PRESENCE_STATE_OFFLINE, pb.PRESENCE_STATE_UNSPECIFIED)
    if is_offline or not agent.present:
        why = rt.RELEASED_WHY_AGENT_OFFLINE if is_offline else rt.RELEASED_WHY_AGENT_LOST
        again = _release_all(draft, agent_id, why)
        draft.say(looked=AgentLooked(agent_id=agent_id, again=again))
        return
    together = _looked_at_now(draft, agent_id)
    left = bursts.match(draft, together)
    for each in together:
        draft.say(looked=AgentLooked(agent_id=each, again=each in left))


def _looked_at_now(draft: Draft, agent_id: str) -> list[str]:
    """The agent, with others who are to be looked at in the same instant."""
    start = f"a:{draft.desk_id}/"
    found = [agent_id]
    for key in draft.state.deadlines.beside(start, draft.now_ms):
        other_id = key[len(start) :]
        other = draft.desk.agents.get(other_id)
        if other is None or other_id == agent_id or not other.look_ms or ruled_out(other):
            continue
        if len(found) == BURST_AGENTS_MAX:
            break
        found.append(other_id)
    return found


def _release_all(draft: Draft, agent_id: str, why: rt.ReleasedWhy) -> bool:
    """Release work in hand, and what waits for this agent alone if they are offline."""
    state, conversations = draft.state, draft.state.data.conversations
    is_lost = why == rt.RELEASED_WHY_AGENT_LOST
    done = 0
    for key in state.matcher.in_hand(draft.desk_id, agent_id):
        c = conversations[key]
        if is_lost and c.status == Status.OWNED and c.channel in DEFERRED_CHANNELS:
            continue
        if done == RELEASED_IN_STEP_MAX:
            return True
        releasing.release(draft, key, c, why, refill=False)
        done += 1
    if is_lost:
        return False
    for key in state.matcher.reserved_for(draft.desk_id, agent_id):
        if done == RELEASED_IN_STEP_MAX:
            return True
        copy = draft.changed(conversations[key])
        if copy.only:
            copy.only, copy.fixed = "", False
        draft.queue(key, copy, rt.QUEUED_WHY_AGENT_OFFLINE)
        done += 1
    return False


def _look_at_held(draft: Draft, _: str) -> None:
    """Offer what was put off in the last instant, or was held back and may be no longer; whoever is freed in
    between looks by themselves."""
    matcher, desk_id = draft.state.matcher, draft.desk_id
    if draft.desk.instant.put_off:
        more = bool(bursts.match(draft, matcher.with_room(desk_id)))
    else:
        more = False
        _offer_held(draft)
    again = matcher.is_holding(desk_id, draft.offers)
    draft.say(desk_looked=DeskLooked(again=again, more=more))


def _offer_held(draft: Draft) -> None:
    matcher, desk_id = draft.state.matcher, draft.desk_id
    in_vain: set[object] = set()
    for agent_id in matcher.with_room(desk_id):
        alike = matcher.alike(desk_id, agent_id)
        if alike in in_vain:
            continue
        offers = draft.offers
        if draft.refill(agent_id):
            break
        if draft.offers > offers:
            in_vain.clear()  # what others are needed for has changed
        elif alike is not None:
            in_vain.add(alike)


def _replan(draft: Draft, _: str) -> None:
    """Plan the next waiting conversations by the desk's new configuration."""
    state, desk = draft.state, draft.desk
    left = state.replan_left[draft.desk_id]
    step = left[: -PLANNED_IN_STEP_MAX - 1 : -1]
    for key in step:
        c = state.data.conversations.get(key)
        if c is None or c.status != Status.WAITING or c.version == desk.version:
            continue
        copy = msgspec.structs.replace(c)
        queue = draft.plan(copy)
        if _asks(copy) != _asks(c) or (queue.human_only and not c.human_only):
            draft.queue(key, copy, rt.QUEUED_WHY_RECONFIGURED)
    draft.say(
        replanned=DeskReplanned(
            version=desk.version,
            up_to_conversation_id=step[-1] if step else "",
            done=len(step) == len(left),
        )
    )


def _mark(draft: Draft, _: str) -> None:
    """Mark the next waiting conversations that nobody of the desk can do any more, or somebody can again."""
    state, desk_id = draft.state, draft.desk_id
    wrong = marks.wrong(state.matcher.floor(desk_id), state.marked.get(desk_id, set()))
    step = wrong[:PLANNED_IN_STEP_MAX]
    able = [key for key in step if state.data.conversations[key].nobody]
    unable = [key for key in step if not state.data.conversations[key].nobody]
    more = len(wrong) > len(step)
    draft.say(marked=NobodyMarked(unable_ids=unable, able_ids=able, more=more))


def _asks(c: Conversation) -> tuple[object, ...]:
    return c.queue, c.requires, c.prefers, c.language, c.units, c.priority, c.weight, c.relax_step


_KINDS: Mapping[str, Callable[[Draft, str], None]] = {
    "o": _offer_expires,
    "w": _wait_changes,
    "s": _bot_silent,
    "p": _presence_ends,
    "a": _look_at_agent,
    "r": _replan,
    "h": _look_at_held,
    "n": _mark,
}
