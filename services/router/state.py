"""What the router remembers: desks, agents, open conversations, and the resolved in short form.

`Data` is the fold of the own log and all of what `dump` writes. `State` puts beside it what can be
made anew from it: the matcher, the wheel of deadlines, and who rings by which offer. Conversations
are under their global ids; agents and queues belong to their desk.

Deadline ids: `o:OFFER` an offer expires, `w:CONVERSATION` a bar, a wait for the last or the named
agent or a relaxation step ends, `s:CONVERSATION` a bot has said nothing for too long, `p:DESK/AGENT` presence
ends, `a:DESK/AGENT` an agent is to be looked at, `r:DESK` waiting work is to be planned anew, `h:DESK`
work that was held back is to be looked at again, `n:DESK` what nobody of the desk can do is to be marked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import IntEnum
from sys import intern
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from proto.v1 import desk_pb2 as pb
from services.kernel import limits
from services.kernel.conditions import Compiled
from services.kernel.deadlines import Deadlines
from services.router.answers import Answers
from services.router.forecast import Forecast
from services.router.instant import Instant
from services.router.learning import Learned
from services.router.matching import Matcher
from services.router.policy import Policy
from services.router.profiles import Ask
from services.router.queues import Pairs as Pairs
from services.router.queues import Queue as Queue
from services.router.queues import Relaxation as Relaxation
from services.router.resolved import Resolved

Labels = tuple[tuple[str, str], ...]
"""What the rules look at ("intent", "language", "mood", "attributes.tier"), sorted by name."""
_Pairs = TypeVar("_Pairs", Pairs, Labels)

Weights = tuple[tuple[Compiled, int], ...]
"""Conditions, and what a broken promise weighs to whom they fit."""
RELAX_DONE = 1_000
"""As `relax_step`: time takes nothing more away."""
BEAT_MS = 30_000
"""How often work that was held back is looked at again; whoever is freed looks by themselves."""
BEAT_AT_REST_MS = 600_000
"""The same while nobody has room for it."""
SHARED_MAX = 10_000
"""Different tuples that are had once; senders' attributes may differ without end, and it is only a saving."""


class Status(IntEnum):
    """Where a conversation is. One that is in none of these is resolved or was never seen."""

    LOOSE = 0
    """Between two events of one decision: taken from an agent or reopened; a `queued` follows."""
    WAITING = 1
    OFFERED = 2
    OWNED = 3


class Conversation(Struct, array_like=True, gc=False):
    """An open conversation. Times are Unix milliseconds; 0 or "" means none."""

    desk: str
    status: int
    channel: str
    account: str
    customer: str
    queue: str = ""
    requires: Pairs = ()
    language: str = ""
    """What its agent must speak; the label may be another that the desk does not list."""
    units: int = 0
    priority: int = 0
    raised: bool = False
    """Somebody set the priority; planning leaves it alone."""
    since_ms: int = 0
    queued_ms: int = 0
    """When this wait began, while `since_ms` is the age over all waits."""
    due_ms: int = 0
    human_only: bool = False
    agent: str = ""
    """Who is offered it, or owns it."""
    offer: str = ""
    """The open offer, or the one by which the owner got it."""
    expires_ms: int = 0
    last_agent: str = ""
    hold_ms: int = 0
    """Until when it waits for `last_agent` alone."""
    only: str = ""
    fixed: bool = False
    relax_step: int = 0
    timer_ms: int = 0
    barred: dict[str, int] | None = None
    labels: Labels = ()
    order_value: int = 0
    last_message: str = ""
    version: int = 0
    targets: dict[str, int] | None = None
    bot_failed: int = 0
    """Answers of bots in a row that the customer wrote on after."""
    bot_answered: bool = False
    silent_ms: int = 0
    """When a bot that owns it will have been silent for too long."""
    only_until_ms: int = 0
    """Until when it waits for `only` alone; 0: for ever."""
    prefers: Pairs = ()
    weight: int = 1_000
    """What a broken promise weighs, in thousandths."""
    around: bytes = b""
    """What stood around it when this wait began (`forecast.pack`), to learn from when it ends."""
    told_ms: int = 0
    """The wait that was promised then."""
    assigned_ms: int = 0
    beside: int = 0  # how many others its agent had in hand when it was assigned
    undelivered_ms: int = 0
    """When it became known that its newest answer did not arrive; 0: it may have."""
    given: str = ""
    """The queue that a transfer or a reopening gave it to; it may have overflowed into `queue` since."""
    nobody: bool = False
    """It is marked as what nobody of the desk can do, there or not."""


class Agent(Struct, array_like=True, gc=False):
    """What an agent can do, says of themselves, and did last."""

    bot: bool = False
    skills: Pairs = ()
    languages: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    capacity: int = limits.CAPACITY_DEFAULT
    state: int = pb.PRESENCE_STATE_UNSPECIFIED
    session: bool = False
    present: bool = False
    """A session lives, or the time of what was put runs, or the grace of either."""
    until_ms: int = 0
    """When presence ends unless a session lives; 0: with the session."""
    lost_ms: int = 0
    idle_ms: int = 0
    """When work was last given or ended, or when they came: longest idle counts from it."""
    last_offer: int = 0
    """Number of their last offer among the desk's, for taking turns."""
    look_ms: int = 0
    limits: Pairs = ()
    """At most so many at a time, by channel, where not as the policy says."""
    paces: dict[str, tuple[int, float]] | None = None
    """By queue, how many they had in hand and for how long on average (ms), if the policy looks at it."""


class Served(Struct, array_like=True, frozen=True, gc=False):
    """One conversation that got its agent: when, after how long, of which the last offer rang."""

    at_ms: int
    waited_ms: int
    rang_ms: int


class Desk(Struct, array_like=True):
    """A desk's routing configuration and its agents. The defaults hold for an unknown desk."""

    version: int = 0
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    queues: tuple[Queue, ...] = ()
    policy: Policy = Policy()
    offer_expires_ms: int = limits.OFFER_EXPIRES_MS
    last_agent_wait_ms: int = limits.LAST_AGENT_WAIT_MS
    agent_lost_after_ms: int = limits.AGENT_LOST_AFTER_MS
    bots_asked: bool = True
    bots_order_value: int = 0
    bots_failed_answers: int = 0
    bots_silent_ms: int = 0
    units: dict[str, int] = msgspec.field(default_factory=dict)
    """Capacity units by "channel/account"."""
    agents: dict[str, Agent] = msgspec.field(default_factory=dict)
    offers: int = 0
    served: dict[str, tuple[Served, ...]] = msgspec.field(default_factory=dict)
    """The last few of each queue, oldest first."""
    replan_ms: int = 0
    replan_after: str = ""
    """Planning anew goes on behind this conversation."""
    weights: Weights = ()
    """In thousandths: the first that fits."""
    last_agent_worth_ms: int = limits.LAST_AGENT_WORTH_MS
    learned: Learned = msgspec.field(default_factory=Learned)
    forecasts: dict[str, Forecast] = msgspec.field(default_factory=dict)
    """What was learned of waits, by channel."""
    beat_ms: int = 0
    """When work that was held back is looked at again; 0: none is."""
    shadow: Policy | None = None
    """Asked beside the policy, without effect (`shadow.py`)."""
    instant: Instant = msgspec.field(default_factory=Instant)
    mark_ms: int = 0
    """When it is looked at what nobody can do; 0: agents can do what they could."""


class ClosedOffer(Struct, array_like=True, frozen=True, gc=False):
    """An offer that is no longer open: `why` is the RefusedWhy of whoever still accepts it."""

    at_ms: int
    desk: str
    conversation: str
    why: int


class Data(Struct, array_like=True):
    """Everything that is dumped."""

    desks: dict[str, Desk] = msgspec.field(default_factory=dict)
    conversations: dict[str, Conversation] = msgspec.field(default_factory=dict)
    closed: dict[str, ClosedOffer] = msgspec.field(default_factory=dict)
    resolved: bytes = b""
    answers: bytes = b""


UNKNOWN_DESK = Desk()
"""Stands for a desk whose configuration was not seen; never changed."""

_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Data)


class State:
    """Data with its indexes."""

    __slots__ = ("answers", "closed_order", "data", "deadlines", "marked", "matcher", "offers",
                 "replan_left", "resolved", "shared")  # fmt: skip

    def __init__(self, data: Data) -> None:
        self.data = data
        self.resolved = Resolved.load(data.resolved)
        self.answers = Answers.load(data.answers)
        self.deadlines = Deadlines()
        self.matcher = Matcher()
        self.offers: dict[str, str] = {}
        self.marked: dict[str, set[str]] = {}
        """By desk: those marked as what nobody can do."""
        self.shared: dict[Any, Any] = {}
        by_time = sorted(data.closed, key=lambda key: (data.closed[key].at_ms, key))
        self.closed_order = deque(by_time)
        self.replan_left: dict[str, list[str]] = {}
        """Of a desk that is planned anew: who waits behind `replan_after`, last id first."""
        self._index()

    def desk(self, desk_id: str) -> Desk:
        """The desk, or the defaults if it was never configured."""
        return self.data.desks.get(desk_id, UNKNOWN_DESK)

    def conversation(self, desk_id: str, conversation_id: str) -> Conversation | None:
        """The open conversation of this desk, or None."""
        found = self.data.conversations.get(conversation_id)
        return found if found is not None and found.desk == desk_id else None

    def share(self, pairs: _Pairs) -> _Pairs:
        """The one copy of an equal tuple: thousands wait for the same."""
        if len(self.shared) >= SHARED_MAX:
            self.shared.clear()
        shared: _Pairs = self.shared.setdefault(pairs, pairs)
        return shared

    def join(self, conversation_id: str, c: Conversation) -> None:
        """Put a waiting conversation into the matcher's lines."""
        self.matcher.join(ask_of(c), c, conversation_id)

    def join_all(self, conversation_ids: Iterable[str]) -> None:
        """Put very many into the matcher's lines."""
        every = ((key, self.data.conversations[key]) for key in conversation_ids)
        self.matcher.join_all((ask_of(c), c, key) for key, c in every)

    def mark(self, conversation_id: str, c: Conversation, nobody: bool) -> None:
        """Mark it as what nobody of the desk can do, or no longer."""
        c.nobody = nobody
        if nobody:
            self.marked.setdefault(c.desk, set()).add(conversation_id)
        elif c.desk in self.marked:
            self.marked[c.desk].discard(conversation_id)

    def hold_back(self, desk_id: str, now_ms: int, held: bool = False, wait_ms: int = BEAT_MS) -> None:
        """Have work that can wait looked at again after a while, if any waits and may be held back.

        held: some does, of a live channel, or may be once it is late.
        """
        desk = self.data.desks[desk_id]
        if not desk.policy.hold_back or not (held or self.matcher.floor(desk_id).later):
            return
        if not desk.beat_ms or now_ms + wait_ms < desk.beat_ms:
            desk.beat_ms = now_ms + wait_ms
            self.deadlines.set("h:" + desk_id, desk.beat_ms)

    def own_desk(self, desk_id: str) -> Desk:
        """The desk, made when something about it is first folded."""
        desk = self.data.desks.get(desk_id)
        if desk is None:
            desk = self.data.desks[intern(desk_id)] = Desk()
            self.matcher.put_desk(desk_id, desk.policy, desk.learned)
        return desk

    def _index(self) -> None:
        for desk_id, desk in self.data.desks.items():
            self.matcher.put_desk(desk_id, desk.policy, desk.learned)
            for agent_id, agent in desk.agents.items():
                self.matcher.put_agent(desk_id, agent_id, agent)
                self.watch_agent(desk_id, agent_id, agent)
        known: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for key, c in self.data.conversations.items():
            _share(self, c, known)
            self.watch(key, c)
            if c.nobody:
                self.mark(key, c, True)
            if c.offer:
                self.offers[c.offer] = key
            if c.status != Status.WAITING and c.agent:
                self.matcher.hold(c.desk, c.agent, key, c.units, c.channel)
        self.join_all(key for key, c in self.data.conversations.items() if c.status == Status.WAITING)
        for desk_id, desk in self.data.desks.items():
            self.matcher.put_rates(desk_id)
            if desk.beat_ms:
                self.deadlines.set("h:" + desk_id, desk.beat_ms)
            if desk.mark_ms:
                self.deadlines.set("n:" + desk_id, desk.mark_ms)
            if desk.replan_ms:
                self.list_replan(desk_id, desk)

    def list_replan(self, desk_id: str, desk: Desk) -> None:
        """List what is still to be planned anew, and set the deadline for it."""
        keys = (key for key in self.matcher.waiting(desk_id) if key > desk.replan_after)
        self.replan_left[desk_id] = sorted(keys, reverse=True)
        self.deadlines.set("r:" + desk_id, desk.replan_ms)

    def watch(self, conversation_id: str, c: Conversation) -> None:
        """Set the conversation's deadlines as the data has them."""
        wheel = self.deadlines
        if c.timer_ms:
            wheel.set("w:" + conversation_id, c.timer_ms)
        if c.silent_ms:
            wheel.set("s:" + conversation_id, c.silent_ms)
        if c.expires_ms:
            wheel.set("o:" + c.offer, c.expires_ms)

    def watch_agent(self, desk_id: str, agent_id: str, agent: Agent) -> None:
        """Set the agent's deadlines as the data has them."""
        name = f"{desk_id}/{agent_id}"
        if agent.until_ms and agent.present and not agent.session:
            self.deadlines.set("p:" + name, agent.until_ms)
        else:
            self.deadlines.drop("p:" + name)
        if agent.look_ms:
            self.deadlines.set("a:" + name, agent.look_ms)
        else:
            self.deadlines.drop("a:" + name)


def ask_of(c: Conversation) -> Ask:
    """What a conversation asks of an agent: its signature."""
    only = c.only or (c.last_agent if c.hold_ms else "")
    barred = tuple(sorted(c.barred)) if c.barred else ()
    return Ask(c.desk, c.requires, c.language, c.channel, c.units, c.human_only, only, barred, c.prefers)


def _share(state: State, c: Conversation, known: dict[tuple[Any, ...], tuple[Any, ...]]) -> None:
    """Let equal strings and tuples of different conversations, and equal times of one, be the same object."""
    equal = (c.desk, c.channel, c.account, c.queue, c.language, c.weight, c.requires, c.prefers, c.labels)
    shared = known.get(equal)
    if shared is None:
        pairs = (state.share(c.requires), state.share(c.prefers), state.share(c.labels))
        shared = known[equal] = (*map(intern, equal[:5]), c.weight, *pairs)
    c.desk, c.channel, c.account, c.queue, c.language, c.weight, c.requires, c.prefers, c.labels = shared
    if c.agent:
        c.agent = intern(c.agent)
    if c.last_agent:
        c.last_agent = intern(c.last_agent)
    if c.queued_ms == c.since_ms:
        c.queued_ms = c.since_ms


def initial() -> State:
    """Nobody, nothing."""
    return State(Data())


def dump(state: State) -> bytes:
    """The data as bytes, equal for equal states."""
    state.data.resolved, state.data.answers = state.resolved.dump(), state.answers.dump()
    return dump_data(state.data)


def dump_data(data: Data) -> bytes:
    """Data alone, for `load`."""
    return _ENCODER.encode(data)


def load(data: bytes) -> State:
    """The state of `dump`, with its indexes made anew."""
    return State(_DECODER.decode(data))
