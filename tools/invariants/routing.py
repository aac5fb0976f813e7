"""Invariants 1, 2 and 7: capacity, one state for each conversation, humans only where it was said.

The states and moves of a conversation, as the log tells them. `loose` is between two events of one
batch only: an offer has just ended or an owner has just let go, and what follows comes in the same batch.

    queued      new, waiting, loose    -> waiting
    offered     waiting                -> offered to one agent
    accepted    offered                -> taken
    assigned    taken                  -> owned by that agent
    declined, expired, withdrawn   offered -> loose
    released    owned                  -> loose
    resolved    waiting, owned, loose  -> resolved
    reopened    resolved               -> loose
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proto.v1 import desk_pb2 as pb
from tools.invariants.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.invariants import Moment

NEW, WAITING, OFFERED, TAKEN, OWNED, LOOSE, RESOLVED = range(7)
STATE_NAMES = ("new", "waiting", "offered", "accepted", "owned", "between states", "resolved")


class _Agent:
    """What an agent may hold and holds."""

    __slots__ = ("bot", "capacity", "used")

    def __init__(self) -> None:
        self.bot = False
        self.capacity = 0
        self.used = 0


class _Conversation:
    """Where a conversation is, and whose units it takes."""

    __slots__ = ("holder", "human_only", "offer_id", "state", "units")

    def __init__(self) -> None:
        self.state = NEW
        self.offer_id = ""
        self.holder: _Agent | None = None
        self.units = 0
        self.human_only = False


class RoutingCheck:
    """Follows every conversation and every agent's load of one partition."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._agents: dict[tuple[str, str], _Agent] = {}
        self._open: dict[str, _Conversation] = {}
        # Resolved ones keep one bit: for humans only or not.
        self._resolved: dict[str, bool] = {}
        self._loose: dict[str, str] = {}
        self._where = ""
        self._steps: dict[str, Callable[[str, Any], None]] = {
            "agent": self._agent_seen,
            "queued": self._queued,
            "offered": self._offered,
            "accepted": self._accepted,
            "assigned": self._assigned,
            "declined": self._offer_ended,
            "expired": self._offer_ended,
            "withdrawn": self._offer_ended,
            "released": self._released,
            "resolved": self._resolve,
            "reopened": self._reopened,
            "human_only": self._human_only,
        }

    def take(self, moment: Moment) -> None:
        """Follow the next batch; at its end nothing may be between two states."""
        for index, event in enumerate(moment.events):
            body = event.WhichOneof("body")
            step = self._steps.get(body)
            if step is not None:
                self._where = moment.where(index)
                step(event.desk_id, getattr(event, body))
        for conversation_id, where in self._loose.items():
            self._report.add(2, where, f"{conversation_id} is left without a state at the end of its batch")
        self._loose.clear()

    def finish(self) -> None:
        """Count what is open."""
        self._report.counts["open conversations"] += len(self._open)
        self._report.counts["resolved conversations"] += len(self._resolved)

    def _agent(self, desk_id: str, agent_id: str) -> _Agent:
        agent = self._agents.get((desk_id, agent_id))
        if agent is None:
            agent = self._agents[desk_id, agent_id] = _Agent()
        return agent

    def _agent_seen(self, desk_id: str, body: Any) -> None:
        # A lowered capacity drains and is no violation: only taking more is judged.
        agent = self._agent(desk_id, body.agent.agent_id)
        agent.capacity = body.agent.capacity
        agent.bot = body.agent.kind == pb.AGENT_KIND_BOT

    def _move(self, conversation_id: str, allowed: tuple[int, ...], to: int, verb: str) -> _Conversation:
        """Bring a conversation into a state, and say so if it may not get there from where it is."""
        found = self._open.get(conversation_id)
        if found is None:
            found = self._open[conversation_id] = _Conversation()
            if conversation_id in self._resolved:
                found.state = RESOLVED
                found.human_only = self._resolved.pop(conversation_id)
        if found.state not in allowed:
            self._report.add(
                2, self._where, f"{conversation_id} is {verb} while it is {STATE_NAMES[found.state]}"
            )
        if to in (LOOSE, TAKEN):
            self._loose[conversation_id] = self._where
        elif found.state in (LOOSE, TAKEN):
            self._loose.pop(conversation_id, None)
        found.state = to
        return found

    def _queued(self, _: str, body: Any) -> None:
        found = self._move(body.conversation_id, (NEW, WAITING, LOOSE), WAITING, "queued")
        found.human_only |= body.human_only
        self._let_go(found)

    def _offered(self, desk_id: str, body: Any) -> None:
        found = self._move(body.conversation_id, (WAITING,), OFFERED, "offered")
        found.offer_id = body.offer_id
        self._hold(found, desk_id, body.agent_id, body.units, "offered to")
        if found.human_only:
            bots = [name for name in body.best_agents if self._agent(desk_id, name).bot]
            if bots:
                what = f"{body.conversation_id} is for humans only, and {', '.join(bots)} was a candidate"
                self._report.add(7, self._where, what)

    def _accepted(self, desk_id: str, body: Any) -> None:
        self._judge_offer(desk_id, body, TAKEN, "accepted")

    def _offer_ended(self, desk_id: str, body: Any) -> None:
        self._let_go(self._judge_offer(desk_id, body, LOOSE, "no longer offered"))

    def _judge_offer(self, desk_id: str, body: Any, to: int, verb: str) -> _Conversation:
        found = self._move(body.conversation_id, (OFFERED,), to, verb)
        if found.offer_id != body.offer_id or found.holder is not self._agent(desk_id, body.agent_id):
            self._report.add(
                2, self._where, f"{body.offer_id} is not the open offer of {body.conversation_id}"
            )
        return found

    def _assigned(self, desk_id: str, body: Any) -> None:
        found = self._move(body.conversation_id, (TAKEN,), OWNED, "assigned")
        if found.holder is not self._agent(desk_id, body.agent_id):
            what = f"{body.conversation_id} is assigned to {body.agent_id}, who did not accept it"
            self._report.add(2, self._where, what)
        self._hold(found, desk_id, body.agent_id, body.units, "assigned to")

    def _released(self, desk_id: str, body: Any) -> None:
        found = self._move(body.conversation_id, (OWNED,), LOOSE, "released")
        if found.holder is not self._agent(desk_id, body.agent_id):
            self._report.add(
                2, self._where, f"{body.agent_id} releases {body.conversation_id} and does not own it"
            )
        self._let_go(found)

    def _resolve(self, _: str, body: Any) -> None:
        found = self._move(body.conversation_id, (WAITING, OWNED, LOOSE), RESOLVED, "resolved")
        self._let_go(found)
        self._resolved[body.conversation_id] = found.human_only
        del self._open[body.conversation_id]

    def _reopened(self, _: str, body: Any) -> None:
        self._move(body.conversation_id, (RESOLVED,), LOOSE, "reopened")

    def _human_only(self, _: str, body: Any) -> None:
        if body.conversation_id in self._resolved:
            self._resolved[body.conversation_id] = True
        elif body.conversation_id in self._open:
            self._open[body.conversation_id].human_only = True
        else:
            self._open[body.conversation_id] = found = _Conversation()
            found.human_only = True

    def _hold(self, found: _Conversation, desk_id: str, agent_id: str, units: int, verb: str) -> None:
        """Take units of an agent's capacity, and judge it if it takes more than before."""
        agent = self._agent(desk_id, agent_id)
        more = units - (found.units if found.holder is agent else 0)
        if found.holder is not agent:
            self._let_go(found)
        agent.used += more
        found.holder, found.units = agent, units
        if more > 0 and agent.used > agent.capacity:
            what = f"{agent_id} of {desk_id} has {agent.used} of {agent.capacity} units"
            self._report.add(1, self._where, what)
        if found.human_only and agent.bot:
            self._report.add(7, self._where, f"a conversation for humans only is {verb} the bot {agent_id}")

    def _let_go(self, found: _Conversation) -> None:
        if found.holder is not None:
            found.holder.used -= found.units
            found.holder, found.units = None, 0
