"""The demo: customers, agents and a carrier who use the public API and nothing else: customers and the
carrier by HTTP, agents by gRPC through the Python client.

A calm stream of matters in Polish and English, orders behind them, a delayed carrier now and then.
The shop's own mail server and its webhook receiver are small servers on loopback, so that replies
and notices really go out. Dice come from a seed: two starts tell the same story.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from aiosmtpd.smtp import SMTP, Envelope, Session

from clients.python.centrala_client import AgentSession, CallRefused, Centrala
from clients.python.centrala_client.v1.rpc_agents_pb2 import AgentOffer
from clients.python.centrala_client.v1.rpc_shapes_pb2 import Conversation
from services.embedded.demo_matters import (
    AGENTS,
    BOT_ANSWERS,
    CARRIERS,
    DELAY_REASONS,
    DESK,
    FIRST_NAMES,
    LAST_NAMES,
    MATTERS,
    Matter,
)
from services.runtime.clock import Clock

DESK_ID = "demo"
CHANNELS = ("chat", "chat", "chat", "email", "allegro")
ACCOUNTS = {"chat": "www", "email": "pomoc@demo.example", "allegro": "rowery-demo"}
MATTER_EVERY_S = 3.0
CARRIER_EVERY_S = 75.0
ORDERS_KEPT = 40
BURST = 6
"""Customers who write because of a delay, all at once."""
DELIVERIES = [matter for matter in MATTERS if matter.topic == "dostawa"]

_log = logging.getLogger(__name__)


class _MailServer:
    """The shop's own mail server: takes what Centrala sends out."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Accept every mail."""
        return "250 OK"


class Demo:
    """Everybody who acts in the demo. `url`, `grpc`: the installation; `key`: an admin key of the desk."""

    def __init__(
        self, url: str, grpc: str, key: str, clock: Clock, seed: int = 8147, pace: float = 1.0
    ) -> None:
        self._base = f"{url}/v1/desks/{DESK_ID}"
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(10.0, read=None),
        )
        self._centrala = Centrala(grpc, key, DESK_ID)
        self._clock = clock
        self._dice = random.Random(seed)
        self._pace = pace
        self._run = clock.now_ms()
        self._count = 0
        self._orders: list[str] = []
        self._in_work: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Set the desk up and act until cancelled."""
        async with self._shop_servers() as (smtp_port, webhook_url), self._http, self._centrala:
            await self._set_up(smtp_port, webhook_url)
            try:
                async with asyncio.TaskGroup() as group:
                    for agent, _, kind, _, _ in AGENTS:
                        group.create_task(self._agent(agent, kind))
                    group.create_task(self._customers())
                    group.create_task(self._carrier())
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _shop_servers(self) -> AsyncIterator[tuple[int, str]]:
        loop = asyncio.get_running_loop()
        mail = await loop.create_server(lambda: SMTP(_MailServer()), "127.0.0.1", 0)
        hooks = await asyncio.start_server(_answer_webhook, "127.0.0.1", 0)
        try:
            webhook_port = hooks.sockets[0].getsockname()[1]
            yield mail.sockets[0].getsockname()[1], f"http://127.0.0.1:{webhook_port}/centrala"
        finally:
            mail.close()
            hooks.close()

    async def _set_up(self, smtp_port: int, webhook_url: str) -> None:
        desk = json.loads(json.dumps(DESK))
        desk["channels"][1]["smtp"] = {"host": "127.0.0.1", "port": smtp_port, "tls": "none"}
        desk["webhooks"] = [{"url": webhook_url, "events": ["message.out", "notice", "sla.breached"]}]
        while await self._call("PUT", "", desk) is None:
            await asyncio.sleep(0.2)
        for agent, name, kind, skills, languages in AGENTS:
            body = {"name": name, "kind": kind, "skills": skills, "languages": languages}
            await self._call("PUT", f"/agents/{agent}", body | {"capacity": 60 if kind == "human" else 90})

    async def _call(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """A call; its answer, or None where the API said no (a lost race is part of the day)."""
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = await self._http.request(method, self._base + path, json=body, headers=headers)
        except httpx.HTTPError as error:  # the process stops, or has not begun
            _log.debug("demo: %s %s: %s", method, path, type(error).__name__)
            return None
        if answer.status_code >= 300:
            level = logging.DEBUG if answer.status_code in (409, 503) else logging.WARNING
            _log.log(level, "demo: %s %s: %d %s", method, path, answer.status_code, answer.text[:300])
            return None
        return answer.json() if answer.content else {}

    async def _pause(self, least_s: float, most_s: float) -> None:
        await asyncio.sleep(self._dice.uniform(least_s, most_s) * self._pace)

    def _number(self) -> str:
        self._count += 1
        return f"{self._run % 1_000_000:06d}-{self._count:04d}"

    # Customers

    async def _customers(self) -> None:
        while True:
            self._spawn(self._customer(self._dice.choice(MATTERS)))
            await self._pause(0.4 * MATTER_EVERY_S, 1.6 * MATTER_EVERY_S)

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _customer(self, matter: Matter) -> None:
        number = self._number()
        name = f"{self._dice.choice(FIRST_NAMES)} {self._dice.choice(LAST_NAMES)}"
        channel = self._dice.choice(CHANNELS)
        address = f"klient{number}@poczta.example"
        order = f"R{number}"
        await self._order(order, channel, address, name, matter.language)
        say = {"address": address, "name": name}
        told = await self._write(matter, channel, say, number, 0, matter.opening.format(order=order), order)
        if told is None:
            return
        if matter.more and self._dice.random() < 0.5:
            await self._pause(6, 25)
            await self._write(matter, channel, say, number, 1, matter.more, order)

    async def _order(self, order: str, channel: str, address: str, name: str, language: str) -> None:
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        body = {
            "order_id": order,
            "customer": {
                "addresses": [{"channel": channel, "address": address}],
                "name": name,
                "language": language,
            },
            "placed_at": (now - timedelta(days=3)).isoformat(),
            "promised_at": (now + timedelta(days=1)).isoformat(),
            "value": self._dice.choice([89.9, 249.0, 1199.0, 2899.0]),
            "currency": "PLN",
            "status": "open",
        }
        if await self._call("POST", "/orders", body) is not None:
            self._orders = [*self._orders, order][-ORDERS_KEPT:]

    async def _write(
        self, matter: Matter, channel: str, say: dict[str, str], number: str, part: int, text: str, order: str
    ) -> Any:
        attributes = {"topic": matter.topic} | ({"intent": matter.intent} if matter.intent else {})
        body = {
            "channel": channel,
            "account": ACCOUNTS[channel],
            "external_id": f"{number}.{part}",
            "from": say,
            "thread": number,
            "subject": f"Zamówienie {order}" if channel == "email" else None,
            "text": text,
            "order_id": order,
            "attributes": attributes | {"language": matter.language},
        }
        return await self._call("POST", "/messages", {k: v for k, v in body.items() if v is not None})

    # Agents

    async def _agent(self, agent: str, kind: str) -> None:
        while True:
            try:
                async with self._centrala.agent(agent) as session:
                    await session.presence("online")
                    async for told in session:
                        if told.HasField("offer"):
                            self._spawn(self._handle(session, kind, told.offer))
                        for talk in told.snapshot.conversations:  # in hand from before, also before a restart
                            self._spawn(self._work(session, kind, agent, talk.id))
            except (CallRefused, TimeoutError) as error:  # the process stops, or restores for long
                _log.debug("demo: %s: %s", agent, error)
            await self._pause(1, 2)

    async def _handle(self, session: AgentSession, kind: str, offer: AgentOffer) -> None:
        """Accept, read, answer, resolve; or decline, or miss it, as people do."""
        mood = self._dice.random()
        await self._pause(0.3, 0.8) if kind == "bot" else await self._pause(1, 5)
        if kind == "human" and 0.05 <= mood < 0.08:
            return
        try:
            if kind == "human" and mood < 0.05:
                await session.decline(offer.offer_id, "busy")
                return
            await session.accept(offer.offer_id)
        except (CallRefused, TimeoutError) as error:  # a lost race is part of the day
            _log.debug("demo: %s: %s", offer.agent, error)
            return
        await self._work(session, kind, offer.agent, offer.conversation_id)

    async def _work(self, session: AgentSession, kind: str, agent: str, conversation: str) -> None:
        if conversation in self._in_work:
            return
        self._in_work.add(conversation)
        try:
            await self._finish(session, kind, agent, conversation)
        except (CallRefused, TimeoutError) as error:
            _log.debug("demo: %s: %s", agent, error)
        finally:
            self._in_work.discard(conversation)

    async def _finish(self, session: AgentSession, kind: str, agent: str, conversation: str) -> None:
        """Answer, unless that was done before, and resolve."""
        await self._pause(1, 3) if kind == "bot" else await self._pause(8, 30)
        talk = await self._centrala.conversation(conversation)
        matter = self._matter_of(talk)
        if talk.messages and talk.messages[-1].direction == "in":
            await session.reply(
                conversation, BOT_ANSWERS[matter.language] if kind == "bot" else matter.answer
            )
        while talk.owner == agent:
            await self._pause(4, 10)
            talk = await self._centrala.conversation(conversation)
            seen = [message.id for message in talk.messages if message.direction == "in"]
            try:
                await session.resolve(conversation, matter.topic, seen[-1])
                return
            except CallRefused as refused:
                if refused.why != "newer_message":
                    raise

    def _matter_of(self, talk: Conversation) -> Matter:
        topic, language = talk.attributes.get("topic", ""), talk.labels.language or "pl"
        fitting = [m for m in MATTERS if m.topic == topic and m.language == language]
        return self._dice.choice(fitting or list(MATTERS))

    # The carrier

    async def _carrier(self) -> None:
        while True:
            await self._pause(0.4 * CARRIER_EVERY_S, 1.2 * CARRIER_EVERY_S)
            if len(self._orders) < 3:
                continue
            carrier = self._dice.choice(CARRIERS)
            now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
            late = now + timedelta(days=self._dice.choice([2, 3, 4]))
            number = self._number()
            body = {
                "shipment_id": f"S{number}",
                "order_ids": self._dice.sample(self._orders, k=min(3, len(self._orders))),
                "carrier": carrier,
                "tracking": f"PL{number}",
                "status": "delayed",
                "estimated_at": late.isoformat(),
                "reason": DELAY_REASONS[carrier],
                "occurred_at": now.isoformat(),
            }
            await self._call("POST", "/shipments", body)
            for _ in range(BURST):
                await self._pause(0.2, 2)
                self._spawn(self._customer(self._dice.choice(DELIVERIES)))


async def _answer_webhook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The shop's webhook receiver: reads a request and says 204."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            lower = head.lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 : lower.index(b"\r\n", at)]) if at >= 0 else 0
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
    writer.close()
