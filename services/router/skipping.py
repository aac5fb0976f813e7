"""Folding the end of what an agent had in hand, and what could not be decided.

A deadline that could not be decided is put off, so that the others go on, and nothing is lost.
"""

from __future__ import annotations

from proto.v1 import routing_pb2 as rt
from proto.v1.envelope_pb2 import Skipped
from proto.v1.routing_pb2 import RoutingEvent
from services.kernel.engine import DEADLINE
from services.kernel.limits import BARRED_AFTER_DECLINE_MS, MINUTE_MS
from services.router import experience, staff, timers
from services.router.state import ClosedOffer, Conversation, State, Status

CLOSED_OFFERS_MS = 2 * MINUTE_MS
"""How long it is known what became of an offer: longer than any request for it may travel."""

SKIPPED_AGAIN_MS = MINUTE_MS
"""A deadline that could not be decided is due again after this."""


def spoken(state: State, key: str, c: Conversation) -> None:
    """A bot has said something, or has it no longer."""
    c.silent_ms = 0
    state.deadlines.drop("s:" + key)


def let_go(state: State, event: RoutingEvent, key: str, c: Conversation, why: int) -> None:
    """The agent has it in hand no longer; the offer is remembered for a while."""
    now_ms = event.occurred_at_ms
    agent = state.desk(c.desk).agents.get(c.agent)
    if agent is not None:
        agent.idle_ms = now_ms
        if c.status == Status.OWNED:
            experience.handled(state, c, agent, now_ms)
    state.matcher.free(c.desk, c.agent, key, c.channel)
    staff.look_soon(state, c.desk, now_ms)
    closed, order = state.data.closed, state.closed_order
    while order and closed[order[0]].at_ms < now_ms - CLOSED_OFFERS_MS:
        del closed[order.popleft()]
    if c.offer and c.offer not in closed:
        closed[c.offer] = ClosedOffer(now_ms, c.desk, key, why)
        order.append(c.offer)
    state.offers.pop(c.offer, None)
    state.deadlines.drop("o:" + c.offer)
    spoken(state, key, c)
    c.status, c.agent, c.offer, c.expires_ms = Status.LOOSE, "", "", 0


def skipped(state: State, event: RoutingEvent, body: Skipped) -> None:
    """A deadline could not be decided: it is put off, so that the others go on, and nothing is lost."""
    if body.topic != DEADLINE:
        return
    kind, _, name = body.input_id.partition(":")
    state.deadlines.drop(body.input_id)
    again_ms = event.occurred_at_ms + SKIPPED_AGAIN_MS
    c = state.data.conversations.get(name)
    if kind == "o" and name in state.offers:
        _expire_skipped(state, event, state.offers[name])
    elif kind == "w" and c is not None and c.timer_ms:
        c.timer_ms = again_ms
        state.watch(name, c)
    elif kind == "s" and c is not None and c.silent_ms:
        c.silent_ms = again_ms
        state.watch(name, c)
    elif kind == "r" and name in state.data.desks:
        staff.put_off_replan(state, name, again_ms)
    elif kind == "h" and name in state.data.desks:
        staff.put_off_beat(state, name, again_ms)
    elif kind == "n" and name in state.data.desks:
        staff.put_off_marking(state, name, again_ms)
    elif kind in ("a", "p"):
        staff.put_off(state, kind, *timers.split_name(state, name), again_ms)


def _expire_skipped(state: State, event: RoutingEvent, key: str) -> None:
    """An offer is over all the same: its capacity is free, and it waits again. Who could take it, and what
    its agent could take, is looked for by deadlines that are due now."""
    c, now_ms = state.data.conversations[key], event.occurred_at_ms
    agent_id = c.agent
    let_go(state, event, key, c, rt.REFUSED_WHY_EXPIRED)
    c.status = Status.WAITING
    c.barred = {**(c.barred or {}), agent_id: now_ms + BARRED_AFTER_DECLINE_MS}
    if c.only == agent_id:
        c.only, c.fixed = "", False
    state.join(key, c)
    c.timer_ms = now_ms
    state.watch(key, c)
    agent = state.desk(c.desk).agents.get(agent_id)
    if agent is not None:
        agent.look_ms = now_ms
        state.watch_agent(c.desk, agent_id, agent)
