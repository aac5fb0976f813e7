"""Stands for Redis, so that a test decides in which order what is said and looked at comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from services.runtime.redis_link import Command
from services.runtime.views_redis import Head, Names

LIFE = b"life"


class Told:
    """A link, and what listens on it. `heads` is what a look at the one partition's head finds."""

    def __init__(self) -> None:
        self.heads: dict[bytes, bytes] = {b"life": LIFE}
        self.connections = 0
        self.pings = 0
        self.goes_on = asyncio.Event()
        """While it is not set, a subscription takes."""
        self.goes_on.set()
        self.asked = asyncio.Event()
        """Set by a subscription."""
        self.listens = asyncio.Event()
        """Whether somebody listens."""
        self._said: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def shows(self, topic: str, head: Head) -> None:
        """Have a look find this."""
        self.heads[topic.encode()] = msgspec.msgpack.encode(head)

    def silence(self) -> None:
        """Have nothing said for as long as the listener waits."""
        self._said.put_nowait(None)

    def pong(self) -> None:
        """Answer a ping."""
        self._said.put_nowait({"type": "pong", "channel": b"", "data": b""})

    def says(self, topic: str, head: Head) -> None:
        """Tell of a write."""
        word = b" ".join((LIFE, topic.encode(), msgspec.msgpack.encode(head)))
        self._said.put_nowait({"type": "message", "channel": Names(0).head.encode(), "data": word})

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """See RedisLink. There are no documents."""
        return [*(None for _ in commands[:-1]), dict(self.heads)]

    @asynccontextmanager
    async def subscriber(self) -> AsyncIterator[Told]:
        """See RedisLink."""
        self.connections += 1
        yield self

    async def subscribe(self, *names: str) -> None:
        """See PubSub."""
        self.asked.set()
        await self.goes_on.wait()

    async def get_message(self, timeout: float) -> dict[str, Any] | None:
        """See PubSub."""
        self.listens.set()
        return await self._said.get()

    async def ping(self) -> None:
        """See PubSub."""
        self.pings += 1

    async def close(self) -> None:
        """See RedisLink."""
