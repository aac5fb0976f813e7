"""A desk's period again, through the real engines, under another policy or with other people.

Theory of operation. The engines begin with the states that the log says they had. Who comes, and what they
write while nobody has them, comes as it came. What happens once an agent has a conversation follows its
*script* (`sim.learn`): replies, the customer's further messages and the end come after so much work, at the
pace of the agent who has it now. A customer who gave up has that much patience; one who was served has at
least as much as they showed, and beyond it a drawn one. Offers are answered as those agents answer. All
draws hang on the conversation and the seed, never on what was decided: two policies meet the same work.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from proto.v1 import desk_pb2 as pb
from proto.v1 import inbound_pb2 as inbound
from proto.v1 import routing_pb2 as rt
from proto.v1.conversations_pb2 import (
    AgentConfigured,
    DeskConfigured,
    MessageReceived,
    PresenceSet,
    RequestSubmitted,
)
from proto.v1.inbound_pb2 import AgentRequest, PresencePut
from services.router import engine as router
from services.router.state import Status
from services.sla import engine as sla
from sim.change import Change, owned_by
from sim.engines import Engines
from sim.learn import UNKNOWN_WORK_MS, Model, Script, script_of
from sim.past import Answer, Case, Past, Spell, Step
from sim.stage import Stage
from sim.tally import Tally


class Running(Struct):
    """A conversation as it goes."""

    case: Case
    spell: int
    dice: random.Random
    script: Script | None = None
    place: int = 0
    """The next step of the script."""
    done_ms: float = 0.0
    """Work that is done."""
    agent: str = ""
    since_ms: int = 0
    factor: float = 1.0
    turn: int = 0
    """Rises whenever somebody has it no longer: what was planned for them is off."""
    rings: int = 0
    answers: set[Answer] = field(default_factory=set)
    """Which of the recorded answers to its offers were given."""


class Rerun:
    """One run. seed: of what is drawn. draws: each conversation's work is drawn among those of its kind, as
    in another period with the same arrivals; otherwise only what the log does not know is drawn."""

    def __init__(self, past: Past, model: Model, change: Change, seed: int, draws: bool = False) -> None:
        self.past, self._model, self._change, self._seed = past, model, change, seed
        self._draws = draws
        self.engines = Engines(past.desk_id, past.from_ms, self._hears, on_sla=self._promises)
        self.engines.router = router.load(past.router_state)
        self.engines.sla = sla.load(past.sla_state)
        self.tally = Tally(past, self.engines.router)
        self._stage = Stage(self.engines)
        self._running: dict[str, Running] = {}
        self._requests = 0
        self._in_hand = owned_by(self)
        self._leaving: dict[str, list[tuple[Callable[..., None], tuple[Any, ...]]]] = {}
        """Who goes as soon as they have finished what they have, and what is to be said then."""

    def run(self) -> Tally:
        """Play the period to its end."""
        past = self.past
        self._change.begin(self)
        for at_ms, kind, body in past.world:
            if self._change.keeps(kind, body):
                self._stage.at(at_ms, self._world, kind, body)
        for case in past.cases.values():
            self._plan(case)
        self._stage.run(past.to_ms - 1)
        self.tally.finish()
        return self.tally

    def at(self, at_ms: int, do: Any, *arguments: Any) -> None:
        """Do it then."""
        self._stage.at(at_ms, do, *arguments)

    # The desk and its people.

    def _world(self, kind: str, body: Any) -> None:
        if kind == "desk":
            self.configure(body)
        elif kind == "agent":
            self.engines.hear(agent=body)
        elif kind in ("presence", "goes"):
            self._turns(body.presence.agent_id, kind == "goes", self._put, body)
        else:
            self._turns(body[0], kind == "ends", self.engines.session, *body)

    def _turns(self, agent_id: str, is_leaving: bool, do: Callable[..., None], *arguments: Any) -> None:
        """Somebody comes or goes as they did. Whoever left with nothing in hand would have finished first."""
        if not is_leaving:
            self._leaving.pop(agent_id, None)
            do(*arguments)
        elif self._in_hand.get(agent_id, 0):
            if agent_id not in self._leaving:
                self._says(agent_id, pb.PRESENCE_STATE_AWAY)
            self._leaving.setdefault(agent_id, []).append((do, arguments))
        else:
            do(*arguments)

    def _put(self, body: PresenceSet) -> None:
        put = PresenceSet(presence=body.presence, received_at_ms=self.engines.now_ms)
        self.engines.hear(presence=put)

    def configure(self, configured: DeskConfigured) -> None:
        """A configuration holds, with what is to be changed in it."""
        self.engines.hear(desk=self._change.config(configured))

    def employ(self, agent: pb.Agent) -> None:
        """An agent's settings hold."""
        self.engines.hear(agent=AgentConfigured(agent=agent))

    def turns(self, agent_id: str, is_on: bool) -> None:
        """A shift begins, or ends: whoever still has work finishes it first."""
        if is_on:
            self.engines.session(agent_id, True)
            self._says(agent_id, pb.PRESENCE_STATE_ONLINE)
        elif self._in_hand.get(agent_id, 0):
            self._says(agent_id, pb.PRESENCE_STATE_AWAY)
        else:
            self._says(agent_id, pb.PRESENCE_STATE_OFFLINE)
            self.engines.session(agent_id, False)

    def _says(self, agent_id: str, state: pb.PresenceState) -> None:
        put = PresencePut(agent_id=agent_id, state=state)
        self.engines.hear(presence=PresenceSet(presence=put, received_at_ms=self.engines.now_ms))

    # Customers.

    def _plan(self, case: Case) -> None:
        """What of a conversation lies in the period and does not follow from what agents do."""
        known = self.engines.router.data.conversations.get(case.key)
        if known is not None:
            self._go_on(case, known)
            return
        for number, spell in enumerate(case.spells):
            if spell.opened_ms >= self.past.from_ms:
                self._stage.at(spell.opened_ms, self._opens, case, number)
                return  # what comes later comes after this one has ended

    def _go_on(self, case: Case, known: Any) -> None:
        """It was open when the period began."""
        number = next(
            (i for i, one in enumerate(case.spells) if one.ended_ms < 0 or one.ended_ms >= self.past.from_ms),
            0,
        )
        running = self._start(case, number)
        spell = case.spells[number]
        self._comes_by_itself(running, spell)
        is_owned = known.status == Status.OWNED
        own = script_of(spell, self._model.pace, self.past.to_ms)
        was_had = any(one.began_ms < self.past.from_ms for one in spell.stints)
        if own is not None and was_had and (is_owned or own.ends):
            running.script = own
            self._done_before(running, spell)
        if is_owned:
            running.agent, running.since_ms = known.agent, self.past.from_ms
            self._work(running)
            return
        if known.status == Status.OFFERED:
            self._rings(running, known.agent, known.offer)
        self._plan_patience(running, spell, spell.opened_ms)

    def _done_before(self, running: Running, spell: Spell) -> None:
        """Somebody has had it before the period: what is left of it comes as it came."""
        from_ms = self.past.from_ms
        for one in spell.stints:
            if one.began_ms >= from_ms:
                return
            running.factor = self._model.pace.factor(one.agent, one.beside)
            until_ms = from_ms if one.ended_ms < 0 else min(one.ended_ms, from_ms)
            running.done_ms += (until_ms - one.began_ms) / running.factor
            running.place += sum(one.began_ms + step.at_ms < from_ms for step in one.steps)

    def _start(self, case: Case, number: int) -> Running:
        spell = case.spells[number]
        dice = random.Random(f"{self._seed}/{case.key}/{number}")
        running = self._running[case.key] = Running(case, number, dice)
        own = script_of(spell, self._model.pace, self.past.to_ms)
        drawn = self._drawn(case, spell, dice)
        is_known = own is not None and own.ends and not self._draws
        running.script = own if is_known else drawn
        return running

    def _drawn(self, case: Case, spell: Spell, dice: random.Random) -> Script:
        """Another conversation's script of the same kind."""
        donors = self._model.donors_of(case.channel, spell.queue)
        u = dice.random()
        if donors:
            return donors[int(u * len(donors))]
        return Script(
            [Step(UNKNOWN_WORK_MS // 5, "reply"), Step(UNKNOWN_WORK_MS, "resolve")], UNKNOWN_WORK_MS, True
        )

    def _opens(self, case: Case, number: int) -> None:
        """A customer writes, or an agent opens it again."""
        spell = case.spells[number]
        running = self._start(case, number)
        shift_ms = self.engines.now_ms - spell.opened_ms
        if spell.opening is not None:
            self._hear_message(running, spell.opening)
        else:
            self._asks(running, inbound.REQUEST_KIND_REOPEN, "")
        self._comes_by_itself(running, spell, shift_ms)
        self._plan_patience(running, spell, self.engines.now_ms)

    def _comes_by_itself(self, running: Running, spell: Spell, shift_ms: int = 0) -> None:
        """What was said while nobody had it is said again, at its time."""
        for step in spell.loose:
            if step.at_ms >= self.past.from_ms:
                self._stage.at(step.at_ms + shift_ms, self._step, running, running.spell, step)

    def _plan_patience(self, running: Running, spell: Spell, opened_ms: int) -> None:
        patience = self._model.patience.get(running.case.channel)
        u = running.dice.random()
        if spell.gave_up_ms >= 0:
            waits_ms: int | None = spell.gave_up_ms - spell.opened_ms
        elif patience is None:
            return
        else:
            shown_ms = (spell.stints[0].began_ms if spell.stints else self.past.to_ms) - spell.opened_ms
            waits_ms = patience.draw(u, shown_ms)
        if waits_ms is not None:
            self._stage.at(opened_ms + waits_ms, self._gives_up, running, running.spell)

    def _gives_up(self, running: Running, spell: int) -> None:
        c = self.engines.router.data.conversations.get(running.case.key)
        if c is None or running.spell != spell or running.agent or running.place or running.done_ms:
            return
        self._asks(running, inbound.REQUEST_KIND_RESOLVE, "", reason="gave_up")

    # What the engines say, and what agents do about it.

    def _hears(self, name: str, event: rt.RoutingEvent) -> None:
        self.tally.routing(name, event)
        if name == "offered":
            offered = event.offered
            running = self._running.get(offered.conversation_id)
            if running is not None:
                self._rings(running, offered.agent_id, offered.offer_id)
        elif name == "assigned":
            self._has(event.assigned.conversation_id, event.assigned.agent_id)
        elif name == "released":
            self._has_no_more(event.released.conversation_id, event.released.agent_id)
        elif name == "resolved":
            self._is_over(event.resolved.conversation_id, event.resolved.owner_id)

    def _promises(self, name: str, event: Any) -> None:
        self.tally.sla(name, event)

    def _rings(self, running: Running, agent_id: str, offer_id: str) -> None:
        running.rings += 1
        dice = random.Random(f"{self._seed}/{running.case.key}/{agent_id}/{running.rings}")
        case, now_ms, given = running.case, self.engines.now_ms, running.answers
        said = self._model.answers.answer(agent_id, case.channel, case.key, now_ms, dice, given)
        if said.kind != "expire":
            self._stage.at(now_ms + said.rang_ms, self._answers, running, agent_id, offer_id, said.kind)

    def _answers(self, running: Running, agent_id: str, offer_id: str, kind: str) -> None:
        c = self.engines.router.data.conversations.get(running.case.key)
        if c is None or c.status != Status.OFFERED or c.offer != offer_id:
            return
        asked = inbound.REQUEST_KIND_ACCEPT if kind == "accept" else inbound.REQUEST_KIND_DECLINE
        self._asks(running, asked, agent_id, offer_id=offer_id)

    def _has(self, key: str, agent_id: str) -> None:
        beside = self._in_hand.get(agent_id, 0)
        self._in_hand[agent_id] = beside + 1
        running = self._running.get(key)
        if running is not None:
            running.agent, running.since_ms = agent_id, self.engines.now_ms
            running.factor = self._model.pace.factor(agent_id, beside)
            self._work(running)

    def _work(self, running: Running) -> None:
        """Plan the next steps, up to one after which somebody else has it, or nobody."""
        steps = running.script.steps if running.script else []
        for step in steps[running.place :]:
            at_ms = running.since_ms + round(max(0.0, step.at_ms - running.done_ms) * running.factor)
            self._stage.at(at_ms, self._planned, running, running.turn, step)
            if step.kind in ("transfer", "resolve"):
                break

    def _planned(self, running: Running, turn: int, step: Step) -> None:
        if running.turn == turn:
            running.place += 1
            self._step(running, running.spell, step)

    def _step(self, running: Running, spell: int, step: Step) -> None:
        if running.spell != spell or running.case.key not in self.engines.router.data.conversations:
            return
        agent_id = running.agent
        if step.kind == "reply" and agent_id:
            origin_id = self._asks(
                running, inbound.REQUEST_KIND_REPLY, agent_id, promise_within_ms=int(step.body or 0)
            )
            self.engines.sent(origin_id, running.case.key)
        elif step.kind == "message":
            self._hear_message(running, step.body)
        elif step.kind == "order":
            order = type(step.body)()
            order.CopyFrom(step.body)
            order.conversation_id = running.case.key
            self.engines.hear(order_attached=order)
        elif step.kind == "priority":
            self._asks(running, inbound.REQUEST_KIND_PRIORITY, "", priority=step.body)
        elif step.kind == "transfer" and agent_id:
            to = step.body
            self._asks(
                running, inbound.REQUEST_KIND_TRANSFER, agent_id, transfer_to=to.transfer_to,
                transfer_target=to.transfer_target, reason=to.reason,
            )  # fmt: skip
            if running.agent == agent_id:
                self._work(running)  # there is no such target any more: they go on themselves
        elif step.kind == "resolve" and agent_id:
            self._asks(running, inbound.REQUEST_KIND_RESOLVE, agent_id, reason=step.body or "done")

    def _has_no_more(self, key: str, agent_id: str) -> None:
        self._free(agent_id)
        running = self._running.get(key)
        if running is not None and running.agent:
            running.done_ms += (self.engines.now_ms - running.since_ms) / running.factor
            running.agent = ""
            running.turn += 1

    def _is_over(self, key: str, owner_id: str) -> None:
        if owner_id:
            self._free(owner_id)
        running = self._running.get(key)
        if running is None:
            return
        running.turn += 1
        running.agent = ""
        spells, number = running.case.spells, running.spell
        if number + 1 < len(spells) and spells[number].ended_ms >= 0:
            gap_ms = spells[number + 1].opened_ms - spells[number].ended_ms
            self._stage.at(self.engines.now_ms + gap_ms, self._opens, running.case, number + 1)

    def _free(self, agent_id: str) -> None:
        self._in_hand[agent_id] = max(0, self._in_hand.get(agent_id, 0) - 1)
        if self._in_hand[agent_id]:
            return
        now_ms = self.engines.now_ms
        for do, arguments in self._leaving.pop(agent_id, ()):
            self._stage.at(now_ms, do, *arguments)
        if self._change.is_leaving(agent_id, now_ms):
            self._stage.at(now_ms, self.turns, agent_id, False)

    def _hear_message(self, running: Running, said: MessageReceived) -> None:
        self._requests += 1
        case, now_ms = running.case, self.engines.now_ms
        message = MessageReceived()
        message.CopyFrom(said)
        message.conversation_id, message.customer_id = case.key, case.customer
        message.received_at_ms = now_ms
        self.engines.hear(f"m{self._requests}", message=message)

    def _asks(self, running: Running, kind: inbound.RequestKind, agent_id: str, **rest: Any) -> str:
        """A request; its origin's id."""
        self._requests += 1
        origin_id, now_ms = f"q{self._requests}", self.engines.now_ms
        wanted = AgentRequest(
            kind=kind, agent_id=agent_id, conversation_id=running.case.key, requested_at_ms=now_ms, **rest
        )
        submitted = RequestSubmitted(request=wanted, received_at_ms=now_ms, customer_id=running.case.customer)
        self.engines.hear(origin_id, request=submitted)
        return origin_id
