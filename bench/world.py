"""The world around an installation that is being broken: customers, a shop, agents, a webhook's receiver.

They live through the deaths of what they talk to as clients do. What was not answered is asked again, with
the same id or key, and what was acknowledged is remembered. Everything that an answer may not be counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.client import Answer, Connection

SENDERS = 24
CUSTOMERS = 20_000
RETRY_S = 0.25
SET_UP_WITHIN_S = 60.0
ANSWER_S = 10.0
"""Who was not answered by then asks again: a frozen server keeps its connections open."""
LATE_S = 0.1
"""How far behind the clock the customers may be and still catch up."""
WAITING_S = 1.0
"""So many seconds' worth of messages wait for a server that is down."""
PARCEL_EVERY = 40
"""Each so many messages an order and its late parcel come along."""
BROKEN = (OSError, ValueError, asyncio.IncompleteReadError)

Connect = Callable[[str], Connection]
"""Makes a connection with a key; "": the installation's."""


class World:
    """Customers, agents and the webhook's receiver of one desk. `said`: under which webhook ids each reply
    and each notice came."""

    def __init__(
        self,
        connect: Connect,
        desk: str,
        rate: float,
        agents: int,
        talk: int = 3,
        offer_expires: str = "2s",
    ) -> None:
        """rate: messages/s. talk: messages of a conversation."""
        self.connect = connect
        self.rate = rate
        self.desk = desk
        self.acked: set[str] = set()
        self.deliveries: Counter[str] = Counter()
        self.said: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self.without_key = 0
        self.agents = {f"a{number}": "" for number in range(agents)}
        """Each with their key, once it is set up."""
        self.handled = 0
        self.closed = False
        self.gone_home = False
        self.unexpected: Counter[str] = Counter()
        self._talk = talk
        self._offer_expires = offer_expires
        self._base = f"/v1/desks/{desk}"
        self._numbers = itertools.count()

    async def receive_webhook(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Count each delivery by its key."""
        with contextlib.suppress(*BROKEN):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                names = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                body = await reader.readexactly(int(names.get("content-length", "0")))
                if names.get("webhook-id") and names.get("webhook-signature"):
                    self.deliveries[names["webhook-id"]] += 1
                    self.said[_matter(json.loads(body))].add(names["webhook-id"])
                else:
                    self.without_key += 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        writer.close()

    async def set_up(self, webhook_port: int) -> None:
        """The desk, its agents and their keys."""
        desk = {
            "name": "Kills",
            "channels": [{"channel": "allegro", "account": "shop", "units": 30}],
            "skills": ["all"],
            "queues": [{"name": "one", "requires": {"all": 1}}],
            "routing": {"offer_expires": self._offer_expires},
            "sla": [{"name": "tight", "first_response": "1s", "resolution": "4s", "warn_at": 0.5}],
            "notices": {"channels": ["allegro"], "delay": {"on": True, "tell_after": "1h"}},
            "webhooks": [{"url": f"http://127.0.0.1:{webhook_port}/", "events": ["message.out", "notice"]}],
        }
        async with self.connect("") as admin:
            await _must(admin, "PUT", self._base, desk)
            for agent in self.agents:
                path = f"{self._base}/agents/{agent}"
                await _must(admin, "PUT", path, {"name": agent, "kind": "human", "skills": {"all": 3}})
                body = {"scope": "agent", "name": agent, "agent": agent}
                self.agents[agent] = (await _must(admin, "POST", f"{self._base}/keys", body))["key"]

    def go(self) -> tuple[asyncio.Task[None], list[asyncio.Task[None]]]:
        """Everybody begins: the customers, whose task ends when all was acknowledged, and the agents."""
        agents = [asyncio.create_task(self.agent(agent)) for agent in self.agents]
        return asyncio.create_task(self.customers()), agents

    def broken(self) -> dict[str, Any]:
        """What must not have happened here, by name; empty if nothing did."""
        twice = [matter for matter, ids in self.said.items() if len(ids) > 1]
        found = {
            "deliveries_without_key": self.without_key,
            "unexpected_answers": dict(self.unexpected.most_common(5)),
            "said_twice": twice[:5],
        }
        return {name: what for name, what in found.items() if what}

    # Customers and the shop

    async def customers(self) -> None:
        """Messages at the stated rate; what is not acknowledged is sent again with the same id.

        While the server is down so many wait, and no more: a longer queue would only be a test of
        throughput."""
        pending: asyncio.Queue[int] = asyncio.Queue(int(self.rate * WAITING_S))
        senders = [asyncio.create_task(self._sender(pending)) for _ in range(SENDERS)]
        clock = asyncio.get_running_loop().time
        due_s = clock()
        for number in itertools.count():
            if self.closed:
                break
            await asyncio.sleep(max(0.0, due_s - clock()))
            await pending.put(number)
            due_s = max(due_s + 1 / self.rate, clock() - LATE_S)
        await pending.join()
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)

    async def _sender(self, pending: asyncio.Queue[int]) -> None:
        connection = self.connect("")
        while True:
            number = await pending.get()
            for what, body in _sent_with(number, self._talk):
                answer = await self._ask(connection, f"{self._base}/{what}", body)
                if answer.status == 202:
                    self.acked.add(answer.json()["record_id"])
                else:
                    self.unexpected[f"{what} {answer.status} {answer.body[:100]!r}"] += 1
            pending.task_done()

    async def _ask(self, connection: Connection, path: str, body: Any, key: str = "") -> Answer:
        """POST until there is an answer that means something; always with the same key."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_S):
                    answer = await connection.request("POST", path, body, key)
            except BROKEN:
                connection.close()
            else:
                if answer.status not in (429, 503):
                    return answer
            await asyncio.sleep(RETRY_S)

    # Agents

    async def agent(self, agent: str) -> None:
        """Stay connected; accept, answer and resolve whatever is offered."""
        key, base = self.agents[agent], self._base
        while not self.gone_home:
            with contextlib.suppress(*BROKEN):
                async with self.connect(key) as stream, self.connect(key) as desk:
                    await desk.request("PUT", f"{base}/agents/{agent}/presence", {"state": "online"})
                    async for name, told in stream.events(f"{base}/agents/{agent}/stream"):
                        await self._hear(desk, agent, name, told)
            await asyncio.sleep(RETRY_S)

    async def _hear(self, desk: Connection, agent: str, name: str, told: dict[str, Any]) -> None:
        if name == "snapshot":
            for talk in told["conversations"]:
                await self._answer(desk, agent, talk["id"])
        for offer in told["offers"] if name == "snapshot" else [told] * (name == "offer"):
            path = f"{self._base}/offers/{offer['offer_id']}/accept"
            answer = await self._ask(desk, path, {"agent": agent}, offer["offer_id"])
            if answer.status == 200:
                await self._answer(desk, agent, offer["conversation_id"])
            elif answer.status != 409:
                self.unexpected[f"accept {answer.status} {answer.body[:100]!r}"] += 1

    async def _answer(self, desk: Connection, agent: str, conversation: str) -> None:
        talk = f"{self._base}/conversations/{conversation}"
        number = next(self._numbers)
        steps = (
            ("replies", {"agent": agent, "text": f"Już sprawdzam, to {number}. sprawa."}),
            ("resolve", {"agent": agent, "reason": "ok"}),
        )
        for what, body in steps:
            answer = await self._ask(desk, f"{talk}/{what}", body, f"{what}{number}")
            if answer.status not in (202, 409):
                self.unexpected[f"{what} {answer.status} {answer.body[:100]!r}"] += 1
        self.handled += 1


def _matter(told: dict[str, Any]) -> tuple[str, ...]:
    """What a call is about: the same for two means that a customer was told the same twice. Our agents never
    write the same twice."""
    data = told["data"]
    about = data.get("notice")
    if about:
        return told["type"], data["to"]["address"], about["order_id"], about["matter"], about["told_now"]
    return told["type"], data["conversation_id"], data["text"]


def _sent_with(number: int, talk: int) -> list[tuple[str, dict[str, Any]]]:
    """What the outside says under this number: a message, now and then an order and its late parcel."""
    address, order = f"c{number // talk % CUSTOMERS}", f"o{number}"
    message = {
        "channel": "allegro",
        "account": "shop",
        "external_id": f"m{number}",
        "from": {"address": address, "name": "Jan"},
        "thread": f"t{number // talk}",
        "text": f"Pytanie numer {number}",
    }
    if number % PARCEL_EVERY:
        return [("messages", message)]
    promised = datetime(2030, 1, 1, tzinfo=UTC)
    return [
        ("messages", message),
        (
            "orders",
            {
                "order_id": order,
                "customer": {"addresses": [{"channel": "allegro", "address": address}], "name": "Jan"},
                "promised_at": promised.isoformat(),
            },
        ),
        (
            "shipments",
            {
                "shipment_id": f"p{number}",
                "order_ids": [order],
                "status": "delayed",
                "estimated_at": (promised + timedelta(days=2)).isoformat(),
            },
        ),
    ]


async def _must(connection: Connection, method: str, path: str, body: Any) -> Any:
    answer = await connection.request(method, path, body)
    until_s = time.monotonic() + SET_UP_WITHIN_S
    while answer.status == 503 and time.monotonic() < until_s:  # views that are new are not whole at once
        await asyncio.sleep(RETRY_S)
        answer = await connection.request(method, path, body)
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {answer.body.decode()}")
    return answer.json() if answer.body else None
