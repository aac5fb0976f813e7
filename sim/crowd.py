"""Customers and agents of a storm: they write, accept, decline, forget, transfer, resolve, come and go.

They act on what they see on the log, as people act on what their screens show, and say it through the
mailbox. What they do is drawn, not sensible: every request must be admitted or refused, whatever it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from typing import Any

from proto.v1 import desk_pb2 as pb
from proto.v1 import inbound_pb2 as inbound
from proto.v1.inbound_pb2 import AgentRequest, ChannelMessage, DeskPut, Inbound, PresencePut
from services.kernel.ids import derive_id
from services.runtime.log_memory import MemoryLog
from sim.follower import Follower
from sim.virtual_time import VirtualClock

DESK_ID = "storm"
AGENTS = ("anna", "bob", "cyd", "dan", "eve", "bot")
CHANNELS = (("chat", "www"), ("email", "help"), ("voice", "line"))
MESSAGE_EVERY_S = 1.0
TURN_EVERY_S = 15.0
PRESENCE_MS = 600_000
HELD_S = 20.0
"""Mean time that somebody keeps a conversation."""


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


class Crowd:
    """Everybody. `put` brings a mailbox record on its way."""

    def __init__(
        self, dice: random.Random, clock: VirtualClock, log: MemoryLog, put: Callable[[bytes], None]
    ) -> None:
        self._dice, self._clock = dice, clock
        self._put = put
        self.follower = Follower(log, self._hears)
        self.counts = {"messages": 0, "requests": 0, "admitted": 0, "refused": 0, "resolved": 0}
        self._customers = 0
        self._waiting_for: dict[str, str] = {}
        """Record ids that have no outcome yet, and what they are."""
        self._open = True

    async def live(self) -> None:
        """Configure the desk, then act until cancelled."""
        self._say("desk", desk=DeskPut(desk=_desk(), body_hash=_hash("desk")))
        for name in AGENTS:
            self._say(f"agent {name}", agent=_agent(name))
        await asyncio.sleep(1)
        for name in AGENTS:
            self._presence(name, pb.PRESENCE_STATE_ONLINE)
        turns = asyncio.ensure_future(self._turns())
        try:
            while True:
                await asyncio.sleep(self._dice.expovariate(1 / MESSAGE_EVERY_S))
                if self._open:
                    self._writes()
        finally:
            turns.cancel()

    async def _turns(self) -> None:
        """Agents come and go; in the end all are there, so that what is left can be worked off."""
        states = (pb.PRESENCE_STATE_ONLINE, pb.PRESENCE_STATE_BUSY, pb.PRESENCE_STATE_AWAY,
                  pb.PRESENCE_STATE_OFFLINE)  # fmt: skip
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / TURN_EVERY_S))
            name, state = self._dice.choice(AGENTS), self._dice.choice(states)
            if self._open:
                self._presence(name, state)

    def close(self) -> None:
        """Nobody writes any more, and everybody is there for what is left."""
        self._open = False
        for name in AGENTS:
            self._presence(name, pb.PRESENCE_STATE_ONLINE)

    def look(self) -> None:
        """See what has happened, and act on it."""
        self.follower.look()

    def _writes(self) -> None:
        """A customer writes, a new one or one of the last few, who may ask for a human."""
        dice = self._dice
        is_new = self._customers == 0 or dice.random() < 0.7
        if is_new:
            self._customers += 1
        who = self._customers if is_new else dice.randint(max(1, self._customers - 20), self._customers)
        channel, account = CHANNELS[who % len(CHANNELS)]
        self.counts["messages"] += 1
        name = f"message {self.counts['messages']}"
        message = ChannelMessage(
            message_id=derive_id("m", name),
            kind=inbound.MESSAGE_KIND_NEW,
            channel=channel,
            account=account,
            identity_hashes=[_hash(f"customer {who}")],
            identity_channels=[channel],
            external_hash=_hash(name),
            auto_kind=inbound.AUTO_KIND_NONE,
            intent=dice.choice(("return", "delivery", "")),
            language=dice.choice(("pl", "en")),
            wants_human=dice.random() < 0.1,
        )
        self._say(name, message=message)

    def _presence(self, name: str, state: pb.PresenceState) -> None:
        put = PresencePut(agent_id=name, state=state, ttl_ms=PRESENCE_MS)
        self._say(f"presence {name} {self._clock.now_ms()} {state}", presence=put)

    def _say(self, name: str, **body: Any) -> None:
        record_id = derive_id("r", name)
        self._waiting_for[record_id] = name
        self._put(Inbound(desk_id=DESK_ID, record_id=record_id, **body).SerializeToString())

    def _asks(self, kind: inbound.RequestKind, agent_id: str, conversation_id: str, **rest: Any) -> None:
        self.counts["requests"] += 1
        name = f"request {self.counts['requests']}"
        wanted = AgentRequest(
            kind=kind,
            agent_id=agent_id,
            conversation_id=conversation_id,
            body_hash=_hash(name),
            requested_at_ms=self._clock.now_ms(),
            **rest,
        )
        self._say(name, request=wanted)

    def _later(self, mean_s: float, *request: Any, **rest: Any) -> None:
        delay_s = self._dice.expovariate(1 / mean_s)
        asyncio.get_running_loop().call_later(delay_s, lambda: self._asks(*request, **rest))

    def _hears(self, topic: str, event: Any) -> None:
        body = event.WhichOneof("body")
        if topic in ("conversations", "routing") and body != "request":
            self._waiting_for.pop(event.origin_id, None)
        if topic != "routing":
            return
        if body in self.counts:
            self.counts[body] += 1
        if body == "offered":
            self._is_offered(event.offered)
        elif body == "assigned":
            self._has(event.assigned.agent_id, event.assigned.conversation_id)

    def _is_offered(self, offered: Any) -> None:
        """Mostly they accept; some decline, some let it ring, some answer twice."""
        fate, answer = self._dice.random(), (offered.agent_id, offered.conversation_id)
        if fate < 0.75 or not self._open:
            self._later(2.0, inbound.REQUEST_KIND_ACCEPT, *answer, offer_id=offered.offer_id)
        if 0.7 < fate < 0.85 and self._open:
            self._later(2.0, inbound.REQUEST_KIND_DECLINE, *answer, offer_id=offered.offer_id)

    def _has(self, agent_id: str, key: str) -> None:
        """Whoever has it answers, gives it away or resolves it; some do what they may not."""
        dice = self._dice
        self._later(5.0, inbound.REQUEST_KIND_REPLY, agent_id, key)
        fate = dice.random()
        if fate < 0.15 and self._open:
            to = {"transfer_to": inbound.TRANSFER_TO_AGENT, "transfer_target": dice.choice(AGENTS)}
            self._later(HELD_S, inbound.REQUEST_KIND_TRANSFER, agent_id, key, **to)
        elif fate < 0.2 and self._open:
            self._later(HELD_S, inbound.REQUEST_KIND_RESOLVE, dice.choice(AGENTS), key)
        self._later(2 * HELD_S, inbound.REQUEST_KIND_RESOLVE, agent_id, key, reason="done")

    def unanswered(self) -> list[str]:
        """Mailbox records that were brought in and have no outcome."""
        return [f"{name} has no outcome" for name in self._waiting_for.values()]


def _desk() -> pb.DeskConfig:
    desk = pb.DeskConfig(
        name="storm",
        time_zone="UTC",
        skills=["returns"],
        languages=["pl", "en"],
        leads=["anna"],
        accounts=[pb.Account(channel=channel, account=account, units=30) for channel, account in CHANNELS],
        routing=pb.Routing(
            preset="default", offer_expires_ms=10_000, last_agent_wait_ms=5_000, agent_lost_after_ms=10_000
        ),
        bots=pb.Bots(asked=True, failed_answers=2, silent_for_ms=15_000),
    )
    returns = desk.queues.add(name="returns", requires={"returns": 2}, priority=6)
    returns.when.any.add(field="intent", values=["return"])
    returns.relax.add(after_ms=20_000, requires={"returns": 1})
    returns.relax.add(after_ms=60_000)
    desk.queues.add(name="all", priority=4)
    promise = desk.sla.add(name="all", warn_at_permille=750)
    promise.first_response["default"].ms = 30_000
    promise.next_response["default"].ms = 60_000
    for at, after_ms, do, to in (
        (pb.ESCALATION_AT_WARNING, 0, pb.ESCALATION_DO_RAISE_PRIORITY, "9"),
        (pb.ESCALATION_AT_BREACH, 0, pb.ESCALATION_DO_WIDEN_SKILLS, ""),
        (pb.ESCALATION_AT_BREACH, 20_000, pb.ESCALATION_DO_REASSIGN, ""),
    ):
        promise.escalate.add(at=at, after_ms=after_ms, do=do, to=to)
    return desk


def _agent(name: str) -> pb.Agent:
    number = AGENTS.index(name)
    return pb.Agent(
        agent_id=name,
        name=name,
        kind=pb.AGENT_KIND_BOT if name == "bot" else pb.AGENT_KIND_HUMAN,
        skills={"returns": number % 4} if number % 4 else {},
        languages={"pl": 5, "en": 3} if number % 2 else {"pl": 5},
        capacity=300 if name == "bot" else 90,
    )
