"""A decision under way: the events so far, and what they will have moved once they are folded.

`decide` leaves the state as it is, yet one decision often frees an agent, queues a conversation and
offers another. So it is written into a draft: `say` adds an event, `queue` makes a conversation wait
(planned by the desk's rules) and offers it if anybody can take it, `refill` offers waiting work to an
agent who has room. `moves` carries the difference to what the matcher knows.
"""

from __future__ import annotations

from math import inf
from typing import Any

import msgspec

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from proto.v1.routing_pb2 import HumanOnly, RoutingEvent
from services.kernel.desk_policy import WEIGHT_PERMILLE
from services.kernel.engine import Input
from services.kernel.ids import derive_id
from services.kernel.limits import BARRED_AFTER_DECLINE_MS, BURST_BEGINS, BURST_FITTING_MAX
from services.router import choosing, forecast, planning, pricing, scoring, waits
from services.router.matching import Choice, Moves, Want
from services.router.profiles import Ask
from services.router.state import RELAX_DONE, Conversation, Queue, State, Status, ask_of

LAST_AGENT_SHARE = 4
"""Work that can wait waits for a quarter of its time for the agent who had the customer last."""

OFFERS_IN_STEP_MAX = 200
"""Offers that one decision makes to an agent; only a bot takes more, and goes on in the next."""

NOBODY = Choice(0, {}, [])
"""Nobody has room: who is ruled out by what matters to nobody."""

_COMES = frozenset((rt.QUEUED_WHY_ARRIVED, rt.QUEUED_WHY_REOPENED))
"""Waits that a customer begins: the last agent is waited for, and who was put off before goes first."""


class Draft:
    """Events of one decision about one desk."""

    __slots__ = ("_begun", "base", "desk", "desk_id", "events", "input_id", "moves", "now_ms", "offers",
                 "state")  # fmt: skip

    def __init__(self, state: State, desk_id: str, record: Input | None, input_id: str, now_ms: int) -> None:
        self.state = state
        self.desk_id = desk_id
        self.desk = state.desk(desk_id)
        self.now_ms = now_ms
        self.input_id = input_id
        self.base: dict[str, Any] = {
            "desk_id": desk_id,
            "occurred_at_ms": now_ms,
            "cause_id": input_id,
            "origin_id": record.event.origin_id if record is not None else "",
        }
        self.events: list[RoutingEvent] = []
        self.moves = Moves(now_ms)
        self.offers = 0
        self._begun = 0

    def fork(self) -> Draft:
        """Another decision about the same, as if nothing were decided yet."""
        other = Draft(self.state, self.desk_id, None, self.input_id, self.now_ms)
        other.base = self.base
        return other

    def take_over(self, other: Draft) -> None:
        """Decide what a fork has decided."""
        self.events, self.moves, self.offers = other.events, other.moves, other.offers

    def say(self, **body: Any) -> None:
        """Add an event; the keyword names its body, a message or a mapping, which takes half the time."""
        self.events.append(RoutingEvent(**self.base, **body))

    def queue(
        self,
        conversation_id: str,
        c: Conversation,
        why: rt.QueuedWhy,
        by_customer: bool = False,
        undelivered: bool = False,
    ) -> None:
        """Make it wait as the rules say, and offer it at once if somebody can take it.

        `c` is a copy, or new: what is known goes in, what the rules say is put into it. `by_customer`: their
        message opened it again; `undelivered`: that its answer did not arrive did.
        """
        queue = self.plan(c)
        if c.since_ms == 0:
            c.since_ms = self.now_ms
        if c.barred:
            c.barred = {agent: until for agent, until in c.barred.items() if until > self.now_ms} or None
        newly_human = queue.human_only and not c.human_only
        c.human_only |= queue.human_only
        c.hold_ms = 0
        c.status = Status.WAITING
        ask = ask_of(c)
        choice = self.choice(c, ask)
        if choice.best and why in _COMES and self.desk.instant.put_off and self.desk.beat_ms < self.now_ms:
            # The inputs were not drained since: deadlines wait for that, agents with room do not.
            self.refill(choice.best[0].agent_id)
            choice = self.choice(c, ask)
        if why in _COMES and c.last_agent and not (choice.best and choice.best[0].agent_id == c.last_agent):
            c.hold_ms = self._hold_until(c)
            if c.hold_ms:
                ask = ask_of(c)
                choice = self.choice(c, ask)
        put_off, in_turn = self._put_off(c, ask) if choice.best else (False, True)
        if choice.best and in_turn:
            wait, around = waits.ringing(self.desk.served.get(c.queue, ())), None
        else:
            wait, around = waits.waiting(self.state, ask, c.priority)
        if c.told_ms:
            wait = waits.kept(c, why, wait, self.now_ms)
        body = self._queued(conversation_id, c, why, wait)
        if around is not None:
            body["around"] = forecast.pack(around)
        if by_customer:
            body["by_customer"] = True
        if undelivered:
            body["undelivered"] = True
        if put_off:
            body["put_off"] = True
        elif choice.best:
            body["offered_next"] = True
        elif choice.held:
            body["held_back"] = True
        elif self.state.matcher.can_nobody(ask):
            body["nobody"] = True
        self._say_queued(c, body)
        if newly_human:
            self.human_only(conversation_id, rt.HUMAN_WHY_QUEUE)
        if choice.best and not put_off:
            self.offer(conversation_id, c, choice)

    def human_only(self, conversation_id: str, why: rt.HumanWhy) -> None:
        """From now on no bot, for ever."""
        self.say(human_only=HumanOnly(conversation_id=conversation_id, why=why))

    def place(self, conversation_id: str, c: Conversation) -> bool:
        """Offer a waiting conversation, as `c` says it is now, if somebody can take it. Whether it was."""
        choice = self.choice(c, ask_of(c))
        if not choice.best:
            return False
        self.offer(conversation_id, c, choice)
        return True

    def _put_off(self, c: Conversation, ask: Ask) -> tuple[bool, bool]:
        """Whether it waits for the end of the instant, since much comes at once and free slots are few: all
        who wait, and as many again as began to, would take them; and whether one of them is left for it, as
        far as can be said now."""
        desk = self.desk
        begun = desk.instant.begun_by(self.now_ms) + self._begun
        self._begun += 1
        if begun < BURST_BEGINS or c.only or c.hold_ms or not desk.policy.has_one_order:
            return False, True
        floor = self.state.matcher.floor(self.desk_id)
        shape = floor.shape(ask)
        if shape.fitting > BURST_FITTING_MAX or shape.slots > len(floor.where) + begun:
            return False, True
        return True, sum(line.count for line in shape.lines.values()) < shape.slots

    def take_from(self, c: Conversation) -> None:
        """What `c` took of its agent's capacity is free again."""
        self.moves.take(c.agent, c.units, c.channel)

    def refill(self, agent_id: str) -> bool:
        """Offer what waits to an agent who has room; whether there may be more than fits a step."""
        while self.offers < OFFERS_IN_STEP_MAX:
            conversation_id = self.state.matcher.next_for(self.desk_id, agent_id, self.moves)
            if conversation_id is None:
                return False
            if not self.place(conversation_id, self.state.data.conversations[conversation_id]):
                return False
        return True

    def changed(self, c: Conversation, bar: str = "") -> Conversation:
        """A copy of an open conversation without its agent, to be queued again.

        bar: who is not asked again for `BARRED_AFTER_DECLINE_MS`.
        """
        copy = msgspec.structs.replace(c, agent="", offer="", expires_ms=0, silent_ms=0)
        if c.only and c.only == c.agent:
            # Whom it was given to does not have it any more: the rules hold again.
            copy.only, copy.fixed = "", False
        if c.status == Status.OWNED and not (c.human_only and self.is_bot(c.agent)):
            copy.last_agent = c.agent
        if bar:
            copy.barred = {**(c.barred or {}), bar: self.now_ms + BARRED_AFTER_DECLINE_MS}
            copy.last_agent = "" if copy.last_agent == bar else copy.last_agent
        return copy

    def is_bot(self, agent_id: str) -> bool:
        """Whether that is a bot of the desk."""
        agent = self.desk.agents.get(agent_id)
        return agent is not None and agent.bot

    def plan(self, c: Conversation) -> Queue:
        """Put into `c` what the rules say; what a transfer or escalation fixed stays."""
        desk = self.desk
        c.units = planning.units_asked(desk, c)
        c.fixed = c.fixed and (bool(c.only) or planning.is_there(desk, c))
        c.given = c.given if c.fixed and not c.only else ""
        if c.fixed and not c.given:
            queue = planning.queue_named(desk, c.queue) or planning.NO_QUEUE
            if not c.raised:
                c.priority = queue.priority
        else:
            queue = planning.queue_named(desk, c.given) or planning.queue_of(desk, c)
            step = planning.steps_done(queue, c.since_ms or self.now_ms, self.now_ms) if queue.relax else 0
            if c.given and c.relax_step < RELAX_DONE:
                # Whoever gave it there wants it asked there first: what overflows does so from a deadline.
                step = planning.steps_within(queue, step)
            queue = planning.relax(desk, queue, step, c)
        c.language = planning.language_of(desk, c)
        c.weight = planning.weight_of(desk, c)
        return queue

    def _queued(
        self, conversation_id: str, c: Conversation, why: rt.QueuedWhy, wait: forecast.Wait
    ) -> dict[str, Any]:
        """The body of `queued` without its maps. A mapping takes half the time of a message that is copied,
        and what is empty none."""
        body: dict[str, Any] = {
            "conversation_id": conversation_id,
            "channel": c.channel,
            "account": c.account,
            "queue": c.queue,
            "units": c.units,
            "priority": c.priority,
            "since_ms": c.since_ms,
            "why": why,
            "last_message_id": c.last_message,
            "policy_version": self.desk.version,
            "customer_id": c.customer,
        }
        rest = (
            ("weight_permille", c.weight if c.weight != WEIGHT_PERMILLE else 0),
            ("language", c.language),
            ("due_at_ms", c.due_ms),
            ("human_only", c.human_only),
            ("last_agent_id", c.last_agent),
            ("last_agent_until_ms", c.hold_ms),
            ("only_agent_id", c.only),
            ("only_until_ms", c.only_until_ms if c.only else 0),
            ("order_value_minor", c.order_value),
            ("relax_step", c.relax_step),
            ("fixed", c.fixed),
            ("given_queue", c.given),
            ("wait_p50_ms", wait.p50_ms),
            ("wait_p90_ms", wait.p90_ms),
        )
        for name, value in rest:
            if value:
                body[name] = value
        if c.barred:
            # In one order, whatever way the state came about.
            body["barred_agents"] = sorted(c.barred)
            body["barred_until_ms"] = [c.barred[agent] for agent in sorted(c.barred)]
        return body

    def _say_queued(self, c: Conversation, body: dict[str, Any]) -> None:
        """Entry by entry a map takes a third of what it takes from a mapping."""
        event = RoutingEvent(**self.base, queued=body)
        said = event.queued
        for levels, known in ((said.requires, c.requires), (said.prefers, c.prefers)):
            for skill, level in known:
                levels[skill] = level
        labels = said.labels
        for name, value in c.labels:
            labels[name] = value
        self.events.append(event)

    def choice(self, c: Conversation, ask: Ask, moves: Moves | None = None) -> Choice:
        """Whom to offer it to, as `moves` or what was decided so far leaves agents. `ask`: what it asks for,
        or the same of one agent alone."""
        desk, moves = self.desk, moves or self.moves
        floor = self.state.matcher.floor(self.desk_id)
        shape = floor.shape(ask)
        if not (shape.fitting or ask.only or moves.agents):
            return NOBODY
        if shape.fitting and desk.policy.hold_back and not c.only:
            most = pricing.limit(floor, shape, c.weight, c.due_ms, c.since_ms, self.now_ms)
        else:
            most = inf
        want = Want(c.last_agent, desk.last_agent_worth_ms, c.queue, most)
        return choosing.choose(floor, shape, ask, want, moves)

    def _hold_until(self, c: Conversation) -> int:
        """Until when to wait for the last agent, who could take it but for being busy; 0: not.

        Where agents are chosen by what it costs, nobody waits so who is promised an answer in minutes, and
        what can wait waits longer.
        """
        desk = self.desk
        agent, wait_ms = desk.agents.get(c.last_agent), desk.last_agent_wait_ms
        if agent is None or not wait_ms or c.only or (agent.bot and c.human_only):
            return 0
        if agent.state not in (pb.PRESENCE_STATE_ONLINE, pb.PRESENCE_STATE_BUSY):
            return 0
        if not agent.present and agent.lost_ms + wait_ms <= self.now_ms:
            return 0
        if not self.state.matcher.fits(ask_of(c), c.last_agent):
            return 0
        learned = desk.learned
        if desk.policy.is_costly and learned.is_promised(c.channel):
            if learned.is_live(c.channel):
                return 0
            # Work that can wait is held back for others' sake; so it may be for the customer's own.
            wait_ms = max(wait_ms, learned.target_ms(c.channel, c.weight) // LAST_AGENT_SHARE)
        return self.now_ms + wait_ms

    def offer(
        self, conversation_id: str, c: Conversation, choice: Choice, agent_id: str = "", together: int = 0
    ) -> None:
        """Offer it to the best, or to that agent among them, who is best for so many matched together."""
        agent_id = agent_id or choice.best[0].agent_id
        number = self.desk.offers + self.offers + 1
        rules = sorted(choice.ruled_out)
        names, scores, parts = scoring.explained(self.desk.policy, choice.best, self.now_ms)
        offered: dict[str, Any] = {
            "conversation_id": conversation_id,
            "offer_id": derive_id("o", self.input_id, conversation_id, agent_id, str(number)),
            "agent_id": agent_id,
            "units": c.units,
            "expires_at_ms": self.now_ms + self.desk.offer_expires_ms,
            "policy": self.desk.policy.name,
            "policy_version": self.desk.version,
            "considered": choice.considered,
            "best_agents": [candidate.agent_id for candidate in choice.best],
            "best_scores": scores,
            "score_parts": names,
            "best_parts": parts,
        }
        if together:
            offered["together"] = together
        if rules:
            offered["ruled_out_rules"] = rules
            offered["ruled_out_counts"] = [choice.ruled_out[rule] for rule in rules]
        self.say(offered=offered)
        self.offers += 1
        self.moves.give(agent_id, c.units, c.channel, conversation_id, number)
