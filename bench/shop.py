"""A shop's customers, agents and parcels, in virtual time, for the engines of a `bench.exchange`.

Everything that people do follows from what the engines said (an offer is accepted, an assigned
conversation is answered, an attempted send is reported), so the mix of events is that of real work.
What is sealed has the size of real words and no content.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bench.exchange import Exchange, Keep
from proto.v1.desk_pb2 import AGENT_KIND_HUMAN, PRESENCE_STATE_ONLINE, Agent
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import (
    AUTO_KIND_NONE,
    MESSAGE_KIND_NEW,
    ORDER_STATUS_DELIVERED,
    ORDER_STATUS_OPEN,
    REQUEST_KIND_ACCEPT,
    REQUEST_KIND_REPLY,
    REQUEST_KIND_RESOLVE,
    SEND_OUTCOME_SENT,
    SHIPMENT_STATUS_DELAYED,
    SHIPMENT_STATUS_IN_TRANSIT,
    AgentRequest,
    ChannelMessage,
    DeskPut,
    Inbound,
    Order,
    PresencePut,
    SendReport,
    Shipment,
)
from services.kernel.desk import parse_desk
from services.kernel.ids import derive_id
from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS
from services.kernel.packed import derived
from services.runtime.clock import ManualClock

DESK = "shop"
YEARS_MS = 10 * 365 * DAY_MS
CHANNELS = (("chat", "www"), ("email", "pomoc@sklep.example"), ("chat", "www"), ("allegro", "sklep"))
"""Conversations take turns: half by chat, a quarter each by mail and a marketplace."""
SKILLS = ("dostawa", "zwroty", "produkt")
ACCEPT_MS = (1_000, 10_000)
ANSWER_MS = (MINUTE_MS, 6 * MINUTE_MS)
WRITES_AGAIN_MS = (MINUTE_MS, 20 * MINUTE_MS)
RESOLVE_MS = (10_000, MINUTE_MS)
WRITES_AGAIN = 0.3
"""Share of customers who write a second time in the same conversation."""
RETURNS = 0.3
"""Share of conversations that begin with a customer who was there before."""
ORDERS = 0.2
"""Share of conversations about an order; one parcel in ten of these is late."""
CONTENT_BYTES = 180
ROUTE_BYTES = 90
IDENTITY_BYTES = 60

DOCUMENT = {
    "name": "Shop",
    "locale": "pl",
    "time_zone": "Europe/Warsaw",
    "hours": {"mon-sun": ["00:00-24:00"]},
    "channels": [
        {"channel": "chat", "account": "www", "units": 30},
        {"channel": "email", "account": "pomoc@sklep.example", "units": 10},
        {"channel": "allegro", "account": "sklep", "units": 20},
    ],
    "skills": list(SKILLS),
    "languages": ["pl", "en"],
    # Long enough for the steps of virtual time in which offers are answered.
    "routing": {"offer_expires": "5m"},
    "queues": [
        {"name": skill, "when": {"attributes.topic": [skill]}, "requires": {skill: 1}} for skill in SKILLS[:2]
    ]
    + [{"name": "ogolna", "requires": {}}],
    "sla": [{"name": "normal", "first_response": "1h", "next_response": "1h", "resolution": "8h"}],
    "notices": {"channels": ["email"], "delay": {"on": True, "tell_after": "1h"}},
    "webhooks": [{"url": "https://shop.example/hook", "events": ["message.out", "notice"]}],
}


class _Task(NamedTuple):
    """Something that happens later; `number` keeps the order of equal times."""

    at_ms: int
    number: int
    make: Callable[..., Inbound | None]
    arguments: tuple[Any, ...]


class Shop:
    """One desk's world. `hold`: agents answer once and keep the conversation, nothing is resolved."""

    def __init__(
        self,
        clock: ManualClock,
        seed: int,
        agents: int,
        hold: bool = False,
        capacity: int = 100,
        keep: Keep | None = None,
    ) -> None:
        self.clock = clock
        self.exchange = Exchange(clock, keep, self._listen)
        self.conversations = 0
        self.resolved = 0
        self._dice = random.Random(seed)
        self._hold = hold
        self._tasks: list[_Task] = []
        self._number = 0
        self._owners: dict[str, str] = {}
        self._again: dict[str, int] = {}
        self._heard = {
            "offered": self._offered,
            "assigned": self._assigned,
            "message_seen": self._message_seen,
            "attempted": self._attempted,
            "sent": self._sent,
            "resolved": self._resolved,
        }
        self._open(agents, capacity)

    @property
    def open(self) -> int:
        """Conversations that are open at the router. A customer may write twice into one."""
        return len(self.exchange.parts[1].state.data.conversations)

    def run(self, until_ms: int, arrivals: int, step_ms: int) -> None:
        """Let time pass up to `until_ms` with so many new conversations, evenly spread.

        step_ms: what happens within it happens at its end, together, as in a loop under load.
        """
        clock, exchange = self.clock, self.exchange
        began_ms, first = clock.now_ms(), self.conversations
        span_ms = until_ms - began_ms
        while True:
            done = self.conversations - first
            arrives_ms = began_ms + span_ms * done // arrivals if done < arrivals else until_ms
            task_ms = self._tasks[0].at_ms if self._tasks else until_ms
            due_ms = exchange.next_deadline_ms() or until_ms
            next_ms = min(arrives_ms, task_ms, due_ms)
            if next_ms >= until_ms:
                clock.time_ms = max(clock.time_ms, until_ms)
                return
            clock.time_ms = now_ms = max(clock.time_ms, min(next_ms + step_ms, until_ms))
            due = min(arrivals, (now_ms - began_ms) * arrivals // span_ms + 1)
            for _ in range(first + due - self.conversations):
                self._arrive()
            self._step(now_ms)

    def _step(self, now_ms: int) -> None:
        """What is due, and what follows from it at the same moment (a send's report)."""
        while True:
            records = []
            while self._tasks and self._tasks[0].at_ms <= now_ms:
                task = heapq.heappop(self._tasks)
                made = task.make(*task.arguments)
                if made is not None:
                    records.append(made)
            self.exchange.append(records)
            self.exchange.settle()
            if not self._tasks or self._tasks[0].at_ms > now_ms:
                return

    def _open(self, agents: int, capacity: int) -> None:
        document = parse_desk(DOCUMENT)
        records = [self._record("desk", desk=DeskPut(desk=document.desk, source_json=document.source_json))]
        for number in range(agents):
            agent = Agent(agent_id=f"a{number}", name=f"Agent {number}", kind=AGENT_KIND_HUMAN)
            agent.capacity = capacity
            agent.skills.update(dict.fromkeys(SKILLS, 3))
            agent.languages.update(pl=5, en=4)
            records.append(self._record(f"agent {number}", agent=agent))
            put = PresencePut(agent_id=agent.agent_id, state=PRESENCE_STATE_ONLINE, ttl_ms=YEARS_MS)
            records.append(self._record(f"presence {number}", presence=put))
        self.exchange.append(records)
        self.exchange.settle()

    def _record(self, name: str, **body: Any) -> Inbound:
        return Inbound(desk_id=DESK, record_id=derive_id("r", name), **body)

    def _later(
        self, within_ms: tuple[int, int] | int, make: Callable[..., Inbound | None], *arguments: Any
    ) -> None:
        delay_ms = within_ms if isinstance(within_ms, int) else self._dice.randint(*within_ms)
        self._number += 1
        heapq.heappush(self._tasks, _Task(self.clock.now_ms() + delay_ms, self._number, make, arguments))

    # Customers and parcels

    def _arrive(self) -> None:
        """A new conversation begins; an order is placed before, its parcel goes on behind it."""
        number = self.conversations
        self.conversations += 1
        dice = self._dice
        customer = number
        if number > 100 and dice.random() < RETURNS:
            customer = number - dice.randint(1, min(number, 20_000))
        ordered = dice.random() < ORDERS
        if ordered:
            order = f"Z{number}"
            self._later(0, self._order, order, customer, ORDER_STATUS_OPEN)
            self._later(0, self._shipment, order, SHIPMENT_STATUS_IN_TRANSIT, 0)
            if dice.random() < 0.1:
                self._later(DAY_MS, self._shipment, order, SHIPMENT_STATUS_DELAYED, 2 * DAY_MS)
            self._later(3 * DAY_MS, self._order, order, customer, ORDER_STATUS_DELIVERED)
        if not self._hold and dice.random() < WRITES_AGAIN:
            self._again[derive_id("c", _message_id(number, 0))] = number
        self._later(0, self._message, number, 0, customer, f"Z{number}" if ordered else "")

    def _message(self, number: int, turn: int, customer: int, order: str = "") -> Inbound:
        channel, account = CHANNELS[number % len(CHANNELS)]
        message_id = _message_id(number, turn)
        message = ChannelMessage(
            message_id=message_id,
            kind=MESSAGE_KIND_NEW,
            channel=channel,
            account=account,
            identity_hashes=[derived("identity", channel, str(customer))],
            identity_channels=[channel],
            external_hash=derived(message_id),
            thread_hash=derived("thread", str(number)),
            auto_kind=AUTO_KIND_NONE,
            language="pl" if number % 5 else "en",
            attributes={"topic": SKILLS[number % len(SKILLS)]},
            order_id=order,
            content=self._sealed(CONTENT_BYTES),
            route=self._sealed(ROUTE_BYTES),
            identities=[self._sealed(IDENTITY_BYTES)],
        )
        return self._record(message_id, message=message)

    def _again_after(self, number: int, conversation_id: str) -> Inbound | None:
        """The customer writes once more; who they are is found by their thread."""
        if conversation_id not in self._owners:
            return None
        return self._message(number, 1, number)

    def _order(self, order_id: str, customer: int, status: Any) -> Inbound:
        now_ms = self.clock.now_ms()
        order = Order(
            order_id=order_id,
            identity_hashes=[derived("identity", "email", str(customer))],
            identity_channels=["email"],
            content=self._sealed(CONTENT_BYTES),
            identities=[self._sealed(IDENTITY_BYTES)],
            language="pl",
            placed_at_ms=now_ms,
            promised_at_ms=now_ms + 2 * DAY_MS,
            value_minor=12_900,
            currency="PLN",
            status=status,
            body_hash=derived(order_id, str(status)),
        )
        return self._record(f"order {order_id} {status}", order=order)

    def _shipment(self, order_id: str, status: Any, late_ms: int) -> Inbound:
        shipment = Shipment(
            shipment_id=f"P{order_id}",
            order_ids=[order_id],
            carrier="DPD",
            status=status,
            estimated_at_ms=self.clock.now_ms() + DAY_MS + HOUR_MS + late_ms,
            happened_at_ms=self.clock.now_ms(),
            content=self._sealed(IDENTITY_BYTES),
            body_hash=derived(order_id, str(status)),
        )
        return self._record(f"shipment {order_id} {status}", shipment=shipment)

    def _sealed(self, size: int) -> Sealed:
        dice = self._dice
        return Sealed(key_id=dice.randbytes(24), nonce=dice.randbytes(12), data=dice.randbytes(size))

    # Agents and senders: what follows from what the engines say

    def _listen(self, topic: str, events: Sequence[Any]) -> None:
        if topic in ("routing", "notices"):
            for event in events:
                name = event.WhichOneof("body")
                heard = self._heard.get(name)
                if heard is not None:
                    heard(getattr(event, name))

    def _offered(self, body: Any) -> None:
        self._later(
            ACCEPT_MS, self._request, REQUEST_KIND_ACCEPT, body.agent_id, body.conversation_id, body.offer_id
        )

    def _assigned(self, body: Any) -> None:
        self._owners[body.conversation_id] = body.agent_id
        self._later(ANSWER_MS, self._request, REQUEST_KIND_REPLY, body.agent_id, body.conversation_id)

    def _message_seen(self, body: Any) -> None:
        owner = self._owners.get(body.conversation_id)
        if owner is not None:
            self._later(ANSWER_MS, self._request, REQUEST_KIND_REPLY, owner, body.conversation_id)

    def _attempted(self, body: Any) -> None:
        self._later(0, self._report, body.send_id, body.attempt)

    def _sent(self, body: Any) -> None:
        """An answer went out: the customer has another word, or the matter is done."""
        owner = self._owners.get(body.conversation_id)
        if owner is None or self._hold:
            return
        number = self._again.pop(body.conversation_id, None)
        if number is not None:
            self._later(WRITES_AGAIN_MS, self._again_after, number, body.conversation_id)
        else:
            self._later(RESOLVE_MS, self._request, REQUEST_KIND_RESOLVE, owner, body.conversation_id)

    def _resolved(self, body: Any) -> None:
        self.resolved += 1
        self._owners.pop(body.conversation_id, None)

    def _request(self, kind: Any, agent_id: str, conversation_id: str, offer_id: str = "") -> Inbound:
        self._number += 1
        request = AgentRequest(
            kind=kind,
            agent_id=agent_id,
            conversation_id=conversation_id,
            offer_id=offer_id,
            body_hash=derived(str(self._number)),
            requested_at_ms=self.clock.now_ms(),
            reason="answered" if kind == REQUEST_KIND_RESOLVE else "",
        )
        if kind == REQUEST_KIND_REPLY:
            request.content.CopyFrom(self._sealed(CONTENT_BYTES))
        return self._record(f"request {self._number}", request=request)

    def _report(self, send_id: str, attempt: int) -> Inbound:
        report = SendReport(
            send_id=send_id,
            attempt=attempt,
            outcome=SEND_OUTCOME_SENT,
            provider_id_hash=derived(send_id),
        )
        return self._record(f"report {send_id} {attempt}", send_report=report)


def _message_id(number: int, turn: int) -> str:
    return derive_id("m", str(number), str(turn))
