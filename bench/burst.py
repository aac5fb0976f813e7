"""A burst, whole and one by one: many wait, agents log on in one instant, and the router matches them.

For each drawn desk the same decision is made both ways, from the same state, and judged by the policy's own
measure: who is served of those who stand first, how many at all, the sum of the scores. What the engine does
is the better of the two.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from typing import Any

from proto.v1 import desk_pb2 as pb
from proto.v1.conversations_pb2 import (
    AgentConfigured,
    ConversationsEvent,
    DeskConfigured,
    MessageReceived,
    PresenceSet,
)
from proto.v1.inbound_pb2 import PresencePut
from proto.v1.routing_pb2 import AgentFound, RoutingEvent
from services.kernel.engine import LOCAL, Input
from services.router import bursts, engine
from services.router.draft import Draft
from services.router.state import State
from sim.desk import policy_named
from tools.arguments import whole

DESK = "bench"
START_MS = 1_767_607_200_000
TOPICS = ("delivery", "returns", "invoice", "warranty", "payment", "account")
LANGUAGES = ("pl", "en", "de")
UNITS = {"chat": 30, "voice": 100}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bench burst`."""
    parser.add_argument("--waiting", type=whole(1), default=500)
    parser.add_argument("--agents", type=whole(1), default=40, help="who log on in one instant")
    parser.add_argument("--channel", choices=sorted(UNITS), default="chat", help="voice: one at a time each")
    parser.add_argument("--seeds", type=whole(1), default=20, help="drawn desks")
    parser.add_argument("--policies", default="default,longest_idle,priority", help="with commas")


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every policy on the same drawn desks. Raises Invalid if there is none of a name."""
    policies = arguments.policies.split(",")
    for name in policies:
        policy_named(name)
    told = {name: compare(name, arguments) for name in policies}
    return {
        "waiting": arguments.waiting,
        "agents": arguments.agents,
        "channel": arguments.channel,
        "desks": arguments.seeds,
        "policies": told,
        "ok": all(one["worse"] == 0 for one in told.values()),
    }


def compare(policy: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One policy over all desks: means, and on how many desks the whole is better or worse."""
    rows = [one_desk(policy, seed, arguments) for seed in range(arguments.seeds)]

    def mean(way: int, part: str) -> float:
        values = [float(row[way][part]) for row in rows]
        return round(sum(values) / len(values), 3)

    return {
        "better": sum(done["measure"] > single["measure"] for single, done in rows),
        "worse": sum(done["measure"] < single["measure"] for single, done in rows),
        **{
            part: {"one_by_one": mean(0, part), "whole": mean(1, part)}
            for part in ("served", "served_first", "score_each", "took_ms")
        },
        "took_ms_max": round(max(done["took_ms"] for _, done in rows), 1),
    }


def one_desk(policy: str, seed: int, arguments: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same decision one by one, and as the engine makes it."""
    state, names, ranked = burst(policy, seed, arguments)
    now_ms = START_MS + 3_600_000
    found = []
    for way in (bursts.one_by_one, bursts.match):
        draft = Draft(state, DESK, None, "deadline:bench", now_ms)
        began_s = time.thread_time()
        way(draft, names)
        took_ms = (time.thread_time() - began_s) * 1000
        measure = bursts.measure(draft, ranked)
        first = sum(measure[0][: measure[1]])
        found.append(
            {
                "measure": measure,
                "served": measure[1],
                "served_first": first,
                "score_each": measure[2] / max(measure[1], 1),
                "took_ms": took_ms,
            }
        )
    return found[0], found[1]


def burst(policy: str, seed: int, arguments: argparse.Namespace) -> tuple[State, list[str], Sequence[str]]:
    """A desk of agents with one to three topics and one or two languages each, all of whom have just come; so
    many wait for them. With their names, and who waits in the policy's order."""
    dice = random.Random(f"burst/{seed}")
    play = _Play(dice)
    play.configure(policy, arguments.channel)
    names = [f"a{i:03}" for i in range(arguments.agents)]
    for name in names:
        play.agent(name)
    for i in range(arguments.waiting):
        play.now_ms += dice.randrange(1, 5_000)
        play.arrives(f"c{i:04}", arguments.channel)
    play.now_ms = max(play.now_ms, START_MS + 3_600_000 - 60_000)
    for name in dice.sample(names, len(names)):
        play.now_ms += dice.randrange(1, 1_000)
        put = PresencePut(agent_id=name, state=pb.PRESENCE_STATE_ONLINE)
        play.hear(presence=PresenceSet(presence=put, received_at_ms=play.now_ms))
    conversations = play.state.data.conversations
    first = -1 if policy == "priority" else 0
    ranked = sorted(conversations, key=lambda key: (first * conversations[key].priority, key))
    return play.state, names, ranked


class _Play:
    """The engine and what it hears; deadlines do not fire, so who comes is not looked at yet."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.state = engine.initial()
        self.now_ms = START_MS
        self._inputs = 0

    def hear(self, topic: str = "conversations", **body: Any) -> None:
        """Decide one input and fold what follows."""
        self._inputs += 1
        kind = RoutingEvent if topic == LOCAL else ConversationsEvent
        record = Input(topic, f"i{self._inputs}", self.now_ms, kind(desk_id=DESK, **body))
        for event in engine.decide(self.state, record, self.now_ms):
            engine.evolve(self.state, event)

    def configure(self, policy: str, channel: str) -> None:
        """Six topics are six queues."""
        routing = pb.Routing(preset=policy, offer_expires_ms=20_000)
        desk = pb.DeskConfig(skills=TOPICS, languages=LANGUAGES, routing=routing)
        desk.accounts.add(channel=channel, account="x", units=UNITS[channel])
        for i, topic in enumerate(TOPICS):
            queue = desk.queues.add(name=topic, requires={topic: 1}, priority=3 + i % 3)
            queue.when.any.add(field="intent", values=[topic])
        self.hear(desk=DeskConfigured(desk=desk, version=1))

    def agent(self, name: str) -> None:
        """Somebody with a session who is not online yet."""
        dice = self.dice
        agent = pb.Agent(
            agent_id=name,
            kind=pb.AGENT_KIND_HUMAN,
            skills={topic: dice.randrange(1, 6) for topic in dice.sample(TOPICS, dice.choice((1, 1, 2, 3)))},
            languages=dict.fromkeys(["pl", *dice.sample(LANGUAGES[1:], dice.choice((0, 0, 1)))], 5),
            capacity=100,
        )
        self.hear(agent=AgentConfigured(agent=agent))
        self.hear(LOCAL, agent_found=AgentFound(agent_id=name))

    def arrives(self, key: str, channel: str) -> None:
        """A customer writes."""
        self.hear(
            message=MessageReceived(
                conversation_id=key,
                message_id=f"m{key}",
                customer_id=f"u{key}",
                opens=True,
                channel=channel,
                account="x",
                received_at_ms=self.now_ms,
                intent=self.dice.choice(TOPICS),
                language=self.dice.choices(LANGUAGES, (7, 2, 1))[0],
            )
        )
