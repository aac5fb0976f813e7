"""Heads of partitions as they are written: who waits for the views is woken, and need not look.

Theory of operation. The script that writes views says so in the same step, on a channel with the name of the
partition's head (`views_redis.py`). A process subscribes to the partitions that it follows, over one
connection of its own, and keeps what it was told last for as long as that connection lives. What is kept only
saves looks: words are lost with a connection, and a store that was put back says nothing of it. So nobody
waits for a word without looking now and then, and without a connection everybody looks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from services.runtime.redis_link import FAILURES, RedisLink
from services.runtime.views_redis import Head, Names, word_of

LOOK_AGAIN_S = 0.002
"""Between two looks at the head by who waits for it and hears nothing: a look takes a tenth of that."""
LOOK_S = 0.025
"""The same while words are heard: they come within a millisecond of what they tell."""
AGAIN_S = 0.5
"""Before a lost connection is made anew."""

Wanted = Callable[[Mapping[str, Head]], bool]

_log = logging.getLogger(__name__)


class HeadFeed:
    """What is told of some partitions. `run` is a task of the process."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._followed: dict[int, str] = {}
        self._any = asyncio.Event()
        self._pubsub: Any = None
        self._heads: dict[str, tuple[str, dict[str, Head]]] = {}
        self._words: dict[str, asyncio.Event] = {}

    async def follow(self, partition: int) -> None:
        """Hear of a partition from now on."""
        self._followed[partition] = Names(partition).head
        self._any.set()
        if self._pubsub is not None:
            with suppress(*FAILURES):  # whoever listens on this connection learns that it is lost
                await self._pubsub.subscribe(self._followed[partition])

    async def forget(self, partition: int) -> None:
        """Hear of it no longer."""
        channel = self._followed.pop(partition, None)
        if channel is not None and self._pubsub is not None:
            with suppress(*FAILURES):  # as above
                await self._pubsub.unsubscribe(channel)
            self._heads.pop(channel, None)
        if not self._followed:
            self._any.clear()

    async def heard(self, partition: int, wanted: Wanted) -> bool:
        """Wait a moment for what is told to be as wanted. False: look for yourself."""
        channel = self._followed.get(partition)
        if channel is None or self._pubsub is None:
            await asyncio.sleep(LOOK_AGAIN_S)
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                while not wanted(self._heads.get(channel, ("", {}))[1]):
                    await self._words.setdefault(channel, asyncio.Event()).wait()
                return True
        return False

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            await self._any.wait()
            try:
                await self._listen()
            except FAILURES as error:
                _log.info("heads are not heard for now: %s", type(error).__name__)
            await asyncio.sleep(AGAIN_S)

    async def _listen(self) -> None:
        async with self._link.subscriber() as pubsub:
            await pubsub.subscribe(*self._followed.values())
            self._pubsub = pubsub
            try:
                async for message in pubsub.listen():
                    if message["type"] == "message":
                        self._told(message["channel"].decode(), message["data"])
            finally:
                self._pubsub = None
                self._heads.clear()

    def _told(self, channel: str, data: bytes) -> None:
        life, topic, head = word_of(data)
        if channel not in self._heads or self._heads[channel][0] != life:
            self._heads[channel] = (life, {})
        self._heads[channel][1][topic] = head
        word = self._words.pop(channel, None)
        if word is not None:
            word.set()
