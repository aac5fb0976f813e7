"""How long the router takes to decide, by agents, waiting conversations and signatures.

Full engine: each input is decided, its events are folded, and the explanation is in them, as in production;
the log and the views are not in it. Inputs are mixed: 45 % arrivals, 45 % completions, 8 % presence, 2 %
changes of skills. Offers are accepted in between, untimed. `index` is the matcher alone: what it is asked and
told for an arrival and for a freed agent. `events_floor_us` is what the same events cost without any
decision: made, serialised and parsed. `growth` compares with the same desk with few waiting, in the same run.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.memory import resident_bytes
from proto.v1 import desk_pb2 as pb
from proto.v1 import inbound_pb2 as inbound
from proto.v1.conversations_pb2 import (
    AgentConfigured,
    ConversationsEvent,
    DeskConfigured,
    MessageReceived,
    PresenceSet,
    RequestSubmitted,
)
from proto.v1.routing_pb2 import AgentFound, RoutingEvent
from services.kernel.desk_policy import PRESETS
from services.kernel.engine import LOCAL, Input
from services.router import engine
from services.router.matching import Moves, Want
from services.router.state import Agent, Conversation, Data, State, Status, ask_of
from tools.arguments import whole

DESK = "bench"
START_MS = 1_767_607_200_000
SKILLS = [f"skill{i:02}" for i in range(24)]
LANGUAGES = ("pl", "en", "de", "cs", "sk", "uk", "ro", "hu")
CHANNELS = {
    "voice": (100, 40_000),
    "chat": (33, 90_000),
    "social": (33, 1_800_000),
    "email": (34, 14_400_000),
}
"""Units, and the time that is promised."""
TIERS = {"vip": 5_000, "plus": 2_000, "std": 1_000}
MIX = (("arrival", 45), ("completion", 45), ("presence", 8), ("skills", 2))
LEVELS = (1, 1, 1, 2, 3)
STICKY = 0.15
P50_US_MAX, P99_US_MAX, P99_US_MAX_LARGE = 60.0, 250.0, 600.0
INDEX_P50_US_MAX, INDEX_P99_US_MAX = 20.0, 60.0
BYTES_MAX = 2_048
GROWTH_MAX = 1.5
SAID_MAX = 5_000
"""Inputs whose events are made again for `events_floor_us`."""
LARGE_AGENTS = 10_000

Signature = tuple[str, str, int, str]
"""Channel, skill, level, language."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bench decide`."""
    different = len(CHANNELS) * len(SKILLS) * len(LANGUAGES) * len(set(LEVELS))
    parser.add_argument("--agents", type=whole(1), default=1_000)
    parser.add_argument("--queued", type=whole(0), default=1_000, help="conversations that wait")
    parser.add_argument(
        "--signatures", type=whole(1, different), default=100, help="different things that they ask for"
    )
    parser.add_argument("--steps", type=whole(1), default=20_000, help="inputs that are timed")
    parser.add_argument("--policy", default="default", choices=sorted(PRESETS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--growth-from", type=whole(0), default=0, metavar="QUEUED", help="compare with so many waiting"
    )
    parser.add_argument("--cpu-time", action="store_true", help="count only this thread's processor time")


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Build the desk, time the inputs, then the index alone."""
    few: list[float] = []
    if arguments.growth_from:
        few, _ = _timed(Desk(argparse.Namespace(**vars(arguments) | {"queued": arguments.growth_from})))
    floor = Desk(arguments)
    every, took = _timed(floor)
    index = floor.index(arguments.steps)
    events = sorted(_events_us(floor.said, floor.clock_ns))
    p99_max = P99_US_MAX if arguments.agents <= LARGE_AGENTS else P99_US_MAX_LARGE
    told = quantiles(every)
    alone = quantiles(sorted(index))
    return {
        "agents": arguments.agents,
        "queued": arguments.queued,
        "signatures": arguments.signatures,
        "profiles": floor.profiles,
        "policy": arguments.policy,
        "decide": {**told, "by_input": {name: quantiles(sorted(times)) for name, times in took.items()}},
        "events_floor_us": quantiles(events),
        "growth": round(told["p50_us"] / quantiles(few)["p50_us"], 2) if few else None,
        "index": alone,
        "decisions_per_s": round(len(every) / (sum(every) / 1e6)),
        "bytes_a_waiting_conversation": floor.bytes_each,
        "ok": (
            told["p50_us"] <= P50_US_MAX
            and told["p99_us"] <= p99_max
            and alone["p50_us"] <= INDEX_P50_US_MAX
            and alone["p99_us"] <= INDEX_P99_US_MAX
            and (arguments.queued < LARGE_AGENTS or floor.bytes_each <= BYTES_MAX)
            and (not few or told["p50_us"] <= GROWTH_MAX * quantiles(few)["p50_us"])
        ),
    }


def _timed(floor: Desk) -> tuple[list[float], dict[str, list[float]]]:
    """Microseconds of all inputs, ascending, and by kind."""
    gc.collect()
    gc.freeze()
    gc.disable()
    floor.warm(floor.steps // 10)
    floor.said.clear()
    took = floor.run(floor.steps)
    gc.enable()
    gc.unfreeze()
    return sorted(us for times in took.values() for us in times), took


def _events_us(said: list[list[RoutingEvent]], clock_ns: Callable[[], int]) -> Iterator[float]:
    """Microseconds to make, serialise and parse the events of each input again."""
    for events in said:
        fields = [_fields(event) for event in events]
        began = clock_ns()
        for one in fields:
            RoutingEvent.FromString(RoutingEvent(**one).SerializeToString())
        yield (clock_ns() - began) / 1000


def _fields(message: Any) -> dict[str, Any]:
    """What a message says, as its constructor takes it."""
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if hasattr(value, "ListFields"):
            found[field.name] = _fields(value)
        elif hasattr(value, "items"):
            found[field.name] = dict(value)
        else:
            found[field.name] = list(value) if hasattr(value, "append") else value
    return found


def quantiles(ordered: list[float]) -> dict[str, float]:
    """p50, p99 and p99.9 in microseconds."""
    count = len(ordered)
    return {
        name: round(ordered[min(count - 1, int(share * count))], 1) if count else 0.0
        for name, share in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999))
    }


class Desk:
    """One busy desk and its router."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.dice = random.Random(arguments.seed)
        self.now_ms = START_MS
        self.clock_ns = time.thread_time_ns if arguments.cpu_time else time.perf_counter_ns
        self.steps = arguments.steps
        self.count = 0
        self.inputs = 0
        self.said: list[list[RoutingEvent]] = []
        """What the inputs led to, for the first few."""
        self.signatures = list(_signatures(self.dice, arguments.signatures))
        self.agents = [f"a{i:06}" for i in range(arguments.agents)]
        self.away: set[str] = set()
        self.owned: list[str] = []
        self.profiles = max(10, min(arguments.agents, round(4 * arguments.agents**0.5)))
        self.kinds = [_skills(self.dice) for _ in range(self.profiles)]
        self.state = engine.initial()
        self._configure(arguments.policy)
        before = resident_bytes()
        self._fill(arguments.queued)
        self.bytes_each = round((resident_bytes() - before) / max(arguments.queued, 1))

    def _configure(self, policy: str) -> None:
        desk = pb.DeskConfig(
            skills=SKILLS, languages=LANGUAGES, routing=pb.Routing(preset=policy, last_agent_wait_ms=1)
        )
        for channel, (units, _) in CHANNELS.items():
            desk.accounts.add(channel=channel, account="x", units=units)
        for tier, weight in TIERS.items():
            desk.routing.weights.add(weight_permille=weight).when.any.add(
                field="attributes.tier", values=[tier]
            )
        for i, (_, skill, level, _) in enumerate(self.signatures):
            queue = desk.queues.add(name=f"q{i}", requires={skill: level}, priority=5)
            queue.when.any.add(field="attributes.class", values=[str(i)])
        self.take(
            "conversations", ConversationsEvent(desk_id=DESK, desk=DeskConfigured(desk=desk, version=1))
        )
        for i, agent_id in enumerate(self.agents):
            skills, languages = self.kinds[i % self.profiles]
            agent = pb.Agent(
                agent_id=agent_id, skills=skills, languages=dict.fromkeys(languages, 5), capacity=100
            )
            self.take("conversations", ConversationsEvent(desk_id=DESK, agent=AgentConfigured(agent=agent)))
            self.take(LOCAL, RoutingEvent(desk_id=DESK, agent_found=AgentFound(agent_id=agent_id)))
            self.presence(agent_id, pb.PRESENCE_STATE_ONLINE)
        self.settle()

    def _fill(self, queued: int) -> None:
        """Everybody is full, and so many wait; put into the state, not decided one by one."""
        data: Data = self.state.data
        desk = data.desks[DESK]
        for agent_id, agent in desk.agents.items():
            for channel in ("chat", "social", "email"):
                self._hold(data, agent_id, agent, channel)
        for i in range(queued):
            key = f"w{i:07}"
            number = self.dice.randrange(len(self.signatures))
            channel, skill, level, language = self.signatures[number]
            tier = self.dice.choices(list(TIERS), (5, 20, 75))[0]
            since_ms = self.now_ms - self.dice.randrange(3_600_000)
            data.conversations[key] = Conversation(
                DESK, Status.WAITING, channel, "x", f"u{key}", f"q{number}", ((skill, level),), language,
                CHANNELS[channel][0], 5, since_ms=since_ms, queued_ms=since_ms,
                due_ms=since_ms + CHANNELS[channel][1], weight=TIERS[tier], last_message="m" + key,
                labels=(("attributes.class", str(number)), ("attributes.tier", tier)),
                targets={"t" + key: since_ms + CHANNELS[channel][1]},
            )  # fmt: skip
        self.state = State(data)

    def _hold(self, data: Data, agent_id: str, agent: Agent, channel: str) -> None:
        key = f"h{len(self.owned):07}"
        data.conversations[key] = Conversation(
            DESK, Status.OWNED, channel, "x", f"u{key}", requires=agent.skills[:1], agent=agent_id,
            units=CHANNELS[channel][0], assigned_ms=self.now_ms, last_message="m" + key,
            since_ms=self.now_ms,
        )  # fmt: skip
        self.owned.append(key)

    def take(self, topic: str, event: Any, is_timed: bool = True) -> float:
        """Decide an input and fold what follows; microseconds. Offers are accepted afterwards."""
        self.inputs += 1
        record = Input(topic, f"{topic}/0/{self.inputs}", self.now_ms, event)
        began = self.clock_ns()
        events = engine.decide(self.state, record, self.now_ms)
        for one in events:
            engine.evolve(self.state, one)
        took_us = (self.clock_ns() - began) / 1000
        if is_timed and len(self.said) < SAID_MAX:
            self.said.append(list(events))
        for one in events:
            if one.WhichOneof("body") == "offered":
                self._accept(one.offered.agent_id, one.offered.offer_id, one.offered.conversation_id)
        return took_us

    def _accept(self, agent_id: str, offer_id: str, conversation_id: str) -> None:
        wanted = inbound.AgentRequest(kind=inbound.REQUEST_KIND_ACCEPT, agent_id=agent_id, offer_id=offer_id)
        submitted = RequestSubmitted(request=wanted, received_at_ms=self.now_ms)
        self.take("conversations", ConversationsEvent(desk_id=DESK, request=submitted), is_timed=False)
        self.owned.append(conversation_id)

    def settle(self) -> None:
        """Decide the deadlines that are due."""
        while (engine.next_deadline_ms(self.state) or self.now_ms + 1) <= self.now_ms:
            events = engine.decide(self.state, None, self.now_ms)
            for one in events:
                engine.evolve(self.state, one)
            for one in events:
                if one.WhichOneof("body") == "offered":
                    self._accept(one.offered.agent_id, one.offered.offer_id, one.offered.conversation_id)

    def warm(self, steps: int) -> None:
        """Untimed inputs, so that rates and means are known."""
        self.run(steps)

    def run(self, steps: int) -> dict[str, list[float]]:
        """So many inputs of the mix; microseconds by kind."""
        doings: dict[str, Callable[[], float]] = {
            "arrival": self.arrival,
            "completion": self.completion,
            "presence": self.comes_or_goes,
            "skills": self.learns,
        }
        took: dict[str, list[float]] = {name: [] for name in doings}
        for name in self.dice.choices([name for name, _ in MIX], [share for _, share in MIX], k=steps):
            self.now_ms += 37
            took[name].append(doings[name]())
            self.settle()
        return took

    def arrival(self) -> float:
        """A customer writes."""
        self.count += 1
        number = self.dice.randrange(len(self.signatures))
        channel, _, _, language = self.signatures[number]
        tier = self.dice.choices(list(TIERS), (5, 20, 75))[0]
        message = MessageReceived(
            conversation_id=f"n{self.count:07}", message_id=f"m{self.count}", customer_id=f"c{self.count}",
            channel=channel, account="x", language=language, received_at_ms=self.now_ms, opens=True,
            attributes={"class": str(number), "tier": tier},
        )  # fmt: skip
        return self.take("conversations", ConversationsEvent(desk_id=DESK, message=message))

    def completion(self) -> float:
        """An agent resolves something; the freed capacity is offered other work. An arrival, if there is
        nothing in anybody's hands."""
        if not self.owned:
            return self.arrival()
        place = self.dice.randrange(len(self.owned))
        self.owned[place], self.owned[-1] = self.owned[-1], self.owned[place]
        key = self.owned.pop()
        agent_id = self.state.data.conversations[key].agent
        wanted = inbound.AgentRequest(
            kind=inbound.REQUEST_KIND_RESOLVE, agent_id=agent_id, conversation_id=key
        )
        submitted = RequestSubmitted(request=wanted, received_at_ms=self.now_ms)
        return self.take("conversations", ConversationsEvent(desk_id=DESK, request=submitted))

    def comes_or_goes(self) -> float:
        """An agent takes a break, or comes back from it."""
        agent_id = self.dice.choice(self.agents)
        if agent_id in self.away:
            self.away.remove(agent_id)
            return self.presence(agent_id, pb.PRESENCE_STATE_ONLINE)
        self.away.add(agent_id)
        return self.presence(agent_id, pb.PRESENCE_STATE_AWAY)

    def presence(self, agent_id: str, state: pb.PresenceState) -> float:
        """What an agent says of themselves."""
        put = PresenceSet(presence=inbound.PresencePut(agent_id=agent_id, state=state))
        return self.take("conversations", ConversationsEvent(desk_id=DESK, presence=put))

    def learns(self) -> float:
        """An agent's settings change to another profile's."""
        skills, languages = self.dice.choice(self.kinds)
        agent = pb.Agent(
            agent_id=self.dice.choice(self.agents), skills=skills, languages=dict.fromkeys(languages, 5),
            capacity=100,
        )  # fmt: skip
        return self.take(
            "conversations", ConversationsEvent(desk_id=DESK, agent=AgentConfigured(agent=agent))
        )

    def index(self, steps: int) -> list[float]:
        """The matcher alone, half arrivals that look for an agent, half agents who look for work."""
        took: list[float] = []
        matcher = self.state.matcher
        conversations = self.state.data.conversations
        every = sorted(matcher.waiting(DESK))
        waiting = self.dice.sample(every, min(steps, 1_000, len(every)))
        if not waiting:
            return took
        for i in range(steps):
            c = conversations[waiting[i % len(waiting)]]
            ask, agent_id = ask_of(c), self.dice.choice(self.agents)
            began = self.clock_ns()
            if i % 2:
                matcher.choose(ask, Want(), Moves(self.now_ms))
            else:
                matcher.next_for(DESK, agent_id, Moves(self.now_ms))
            took.append((self.clock_ns() - began) / 1000)
        return took


def _signatures(dice: random.Random, count: int) -> Iterator[Signature]:
    seen: set[Signature] = set()
    while len(seen) < count:
        one = (
            dice.choice(list(CHANNELS)), dice.choice(SKILLS), dice.choice(LEVELS),
            dice.choices(LANGUAGES, (60, 20, 8, 4, 3, 2, 2, 1))[0],
        )  # fmt: skip
        if one not in seen:
            seen.add(one)
            yield one


def _skills(dice: random.Random) -> tuple[dict[str, int], list[str]]:
    skills = {skill: dice.randint(1, 5) for skill in dice.sample(SKILLS, 4)}
    return skills, ["pl", *dice.sample(LANGUAGES[1:], dice.choice((0, 1, 1, 2)))]
