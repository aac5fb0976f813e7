"""Folding what is said of desks and agents: settings, presence, and what is still to be done for them."""

from __future__ import annotations

from sys import intern

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from proto.v1.routing_pb2 import RoutingEvent
from services.kernel.limits import CAPACITY_DEFAULT
from services.router import marks, planning
from services.router.matching import ruled_out
from services.router.state import BEAT_AT_REST_MS, BEAT_MS, Agent, Desk, State, Status


def _agent(state: State, event: RoutingEvent, agent_id: str) -> Agent | None:
    return state.desk(event.desk_id).agents.get(agent_id)


def _tell(state: State, desk_id: str, agent_id: str, agent: Agent) -> None:
    """The agent has changed: index and deadlines follow."""
    state.matcher.put_agent(desk_id, agent_id, agent)
    state.watch_agent(desk_id, agent_id, agent)


def desk_seen(state: State, event: RoutingEvent, body: rt.RouterDeskSeen) -> None:
    """A configuration holds; what waits is planned anew from a deadline that is due now."""
    desk, desk_id = state.own_desk(event.desk_id), event.desk_id
    was = desk.policy
    planning.configure(desk, body.desk, body.version)
    if desk.policy != was:
        waiting = list(state.matcher.waiting(desk_id))
        state.matcher.put_desk(desk_id, desk.policy, desk.learned)
        state.join_all(waiting)
        state.hold_back(desk_id, event.occurred_at_ms, state.matcher.is_holding(desk_id))
        if waiting:
            _look_at_all(state, desk_id, desk, event.occurred_at_ms)
    desk.replan_ms, desk.replan_after = event.occurred_at_ms, ""
    state.list_replan(desk_id, desk)
    if not state.replan_left[desk_id]:
        end_replan(state, desk_id, desk)


def _look_at_all(state: State, desk_id: str, desk: Desk, now_ms: int) -> None:
    """Another policy may let agents take what waits: a limit is gone, or less is held back."""
    for agent_id, agent in desk.agents.items():
        if not ruled_out(agent):
            agent.look_ms = now_ms
            state.watch_agent(desk_id, agent_id, agent)


def end_replan(state: State, desk_id: str, desk: Desk) -> None:
    """Nothing is left to be planned anew."""
    desk.replan_ms, desk.replan_after = 0, ""
    state.replan_left.pop(desk_id, None)
    state.deadlines.drop("r:" + desk_id)


def put_off_replan(state: State, desk_id: str, again_ms: int) -> None:
    """A step of planning anew could not be decided: it is due again then."""
    desk = state.own_desk(desk_id)
    if desk.replan_ms:
        desk.replan_ms = again_ms
        state.deadlines.set("r:" + desk_id, again_ms)


def replanned(state: State, event: RoutingEvent, body: rt.DeskReplanned) -> None:
    """A step of planning anew is done."""
    desk = state.own_desk(event.desk_id)
    if body.done:
        end_replan(state, event.desk_id, desk)
        return
    desk.replan_after = body.up_to_conversation_id
    left = state.replan_left.get(event.desk_id, [])
    while left and left[-1] <= desk.replan_after:
        left.pop()


def agent_seen(state: State, event: RoutingEvent, body: rt.RouterAgentSeen) -> None:
    """An agent's settings hold."""
    config, desk = body.agent, state.own_desk(event.desk_id)
    agent = desk.agents.get(config.agent_id)
    could = marks.can_do(state.matcher.floor(event.desk_id), config.agent_id)
    if agent is None:
        agent = desk.agents[intern(config.agent_id)] = Agent(idle_ms=event.occurred_at_ms)
    agent.bot = config.kind == pb.AGENT_KIND_BOT
    agent.skills = planning.pairs(config.skills)
    agent.languages = tuple(sorted(config.languages))
    agent.channels = tuple(sorted(config.channels))
    agent.limits = tuple(sorted((intern(name), limit) for name, limit in config.limits.items()))
    agent.capacity = config.capacity or CAPACITY_DEFAULT
    agent.look_ms = event.occurred_at_ms
    _tell(state, event.desk_id, config.agent_id, agent)
    can = marks.can_do(state.matcher.floor(event.desk_id), config.agent_id)
    is_lost = any(map(marks.can_nobody, could - can))
    if not desk.mark_ms and (is_lost or (can - could and state.marked.get(event.desk_id))):
        _mark_at(state, event.desk_id, desk, event.occurred_at_ms)


def _mark_at(state: State, desk_id: str, desk: Desk, at_ms: int) -> None:
    """What nobody can do is to be marked then; 0: all marks are right."""
    desk.mark_ms = at_ms
    if at_ms:
        state.deadlines.set("n:" + desk_id, at_ms)
    else:
        state.deadlines.drop("n:" + desk_id)


def marked(state: State, event: RoutingEvent, body: rt.NobodyMarked) -> None:
    """A step of marking what nobody can do is done."""
    for ids, nobody in ((body.unable_ids, True), (body.able_ids, False)):
        for key in ids:
            c = state.conversation(event.desk_id, key)
            if c is not None and c.status == Status.WAITING:
                state.mark(key, c, nobody)
    desk = state.own_desk(event.desk_id)
    _mark_at(state, event.desk_id, desk, event.occurred_at_ms if body.more else 0)


def put_off_marking(state: State, desk_id: str, again_ms: int) -> None:
    """It could not be decided what nobody can do: it is due again then."""
    desk = state.own_desk(desk_id)
    if desk.mark_ms:
        _mark_at(state, desk_id, desk, again_ms)


def presence(state: State, event: RoutingEvent, body: rt.PresenceChanged) -> None:
    """What an agent said of themselves."""
    agent = _agent(state, event, body.agent_id)
    if agent is None:
        return
    online = body.state == pb.PRESENCE_STATE_ONLINE
    if online and (agent.state != body.state or not agent.present):
        agent.idle_ms = event.occurred_at_ms
    agent.state, agent.until_ms = body.state, body.until_ms
    agent.present = agent.session or body.until_ms > event.occurred_at_ms
    agent.look_ms = event.occurred_at_ms
    _tell(state, event.desk_id, body.agent_id, agent)


def agent_lost(state: State, event: RoutingEvent, body: rt.AgentLost) -> None:
    """No session any more, or the time of what was put is over."""
    agent = _agent(state, event, body.agent_id)
    if agent is None:
        return
    agent.session = False
    if not body.held:
        agent.present, agent.until_ms, agent.lost_ms = False, 0, event.occurred_at_ms
        agent.look_ms = event.occurred_at_ms
    _tell(state, event.desk_id, body.agent_id, agent)


def agent_found(state: State, event: RoutingEvent, body: rt.AgentFound) -> None:
    """A session is there (again)."""
    agent = _agent(state, event, body.agent_id)
    if agent is None:
        return
    if not agent.present:
        agent.idle_ms = event.occurred_at_ms
    agent.session = agent.present = True
    agent.look_ms = event.occurred_at_ms
    _tell(state, event.desk_id, body.agent_id, agent)


def desk_looked(state: State, event: RoutingEvent, body: rt.DeskLooked) -> None:
    """What was held back was looked at; if some still is, it will be again: soon if somebody has room for
    it, now and then if nobody has, since whoever is freed or comes looks by themselves."""
    desk = state.own_desk(event.desk_id)
    desk.beat_ms = 0
    state.deadlines.drop("h:" + event.desk_id)
    desk.instant.put_off = body.more
    if body.more:
        look_at_once(state, event.desk_id, event.occurred_at_ms)
    elif body.again:
        wait_ms = BEAT_MS if state.matcher.is_anybody_with_room(event.desk_id) else BEAT_AT_REST_MS
        state.hold_back(event.desk_id, event.occurred_at_ms, True, wait_ms)


def look_soon(state: State, desk_id: str, now_ms: int) -> None:
    """Somebody has room again: what was held back is not left until there is a look at rest."""
    if state.desk(desk_id).beat_ms > now_ms + BEAT_MS:
        state.hold_back(desk_id, now_ms, held=True)


def look_at_once(state: State, desk_id: str, now_ms: int) -> None:
    """Have what waits looked at as soon as the inputs are drained."""
    state.own_desk(desk_id).beat_ms = now_ms
    state.deadlines.set("h:" + desk_id, now_ms)


def put_off_beat(state: State, desk_id: str, again_ms: int) -> None:
    """Looking at what was held back could not be decided: it is due again then."""
    desk = state.own_desk(desk_id)
    if desk.beat_ms:
        desk.beat_ms = again_ms
        state.deadlines.set("h:" + desk_id, again_ms)


def agent_looked(state: State, event: RoutingEvent, body: rt.AgentLooked) -> None:
    """What a change of the agent led to is done, or its next step is due."""
    agent = _agent(state, event, body.agent_id)
    if agent is not None:
        look_soon(state, event.desk_id, event.occurred_at_ms)
        agent.look_ms = event.occurred_at_ms if body.again else 0
        state.watch_agent(event.desk_id, body.agent_id, agent)


def put_off(state: State, kind: str, desk_id: str, agent_id: str, again_ms: int) -> None:
    """What was due of an agent could not be decided: that they are looked at (kind "a"), or that their
    presence ends ("p"), is due again then."""
    agent = state.desk(desk_id).agents.get(agent_id)
    if agent is None:
        return
    if kind == "a" and agent.look_ms:
        agent.look_ms = again_ms
    elif kind == "p" and agent.until_ms:
        agent.until_ms = again_ms
    state.watch_agent(desk_id, agent_id, agent)
