"""Heads of partitions as they are written: who waits for the views is woken, and need not look.

Theory of operation. The script that writes views says so in the same step, on a channel with the name of the
partition's head (`views_redis.py`). A process subscribes to the partitions that it follows, over one
connection of its own, and keeps what it was told last for as long as that connection lives. What is kept only
saves looks: words are lost with a connection, and a store that was put back says nothing of it. So nobody
waits for a word without looking now and then, and without a connection everybody looks. A connection that is
silent is asked whether it lives; what was told and is not so, as after a flush, is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from services.runtime.event_log import OWNED_TOPICS
from services.runtime.redis_access import may_not
from services.runtime.redis_link import FAILURES, RedisLink
from services.runtime.views_redis import Head, Names, word_of

LOOK_AGAIN_S = 0.002
"""Between two looks at the head by who waits for it and hears nothing: a look takes a tenth of that."""
LOOK_S = 0.025
"""The same while words are heard: they come within a millisecond of what they tell."""
AGAIN_S = 0.5
"""Before a lost connection is made anew."""
SILENT_S = 1.0
"""After so long without a word the server is asked to answer, and has as long for that."""

Wanted = Callable[[Mapping[str, Head]], bool]

_log = logging.getLogger(__name__)


def covers(heads: Mapping[str, Head], offsets: Mapping[str, int]) -> bool:
    """Whether the views show each log up to an offset."""
    return all(topic in heads and heads[topic].offset >= offset for topic, offset in offsets.items())


def show(heads: Mapping[str, Head], seqs: Mapping[str, int]) -> bool:
    """Whether the views show each log's valid batches up to a seq."""
    return all(topic in heads and heads[topic].next_seq >= seq for topic, seq in seqs.items())


def have_read(offsets: Mapping[str, int], heads: Mapping[str, Head]) -> bool:
    """Whether each log's writer has decided its inputs up to an offset; of whom nothing is known has not."""
    return all(topic in heads for topic in OWNED_TOPICS) and all(
        read >= offsets.get(topic, 0) for head in heads.values() for topic, read in head.inputs.items()
    )


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

    def distrust(self, partition: int) -> None:
        """What was told of it is not so: wait for what is told from now on."""
        self._heads.pop(self._followed.get(partition, ""), None)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            await self._any.wait()
            try:
                await self._listen()
            except FAILURES as error:
                level = logging.ERROR if may_not(error) else logging.INFO
                why = self._link.said(error)
                _log.log(level, "heads are not heard for now: redis %s (%s)", why, type(error).__name__)
            await asyncio.sleep(AGAIN_S)

    async def _listen(self) -> None:
        async with self._link.subscriber() as pubsub:
            heard = set[str]()
            while missing := set(self._followed.values()) - heard:
                await pubsub.subscribe(*missing)
                heard |= missing
            self._pubsub = pubsub
            try:
                await self._hear(pubsub)
            finally:
                self._pubsub = None
                self._heads.clear()

    async def _hear(self, pubsub: Any) -> None:
        """Take words as long as there is something to hear of. Raises ConnectionError if nothing answers."""
        is_asked = False
        while self._followed:
            message = await pubsub.get_message(timeout=SILENT_S)
            if message is None:
                if is_asked:
                    raise ConnectionError("Redis does not answer on the connection that heads are heard on")
                await pubsub.ping()
            elif message["type"] == "message":
                self._told(message["channel"].decode(), message["data"])
            is_asked = message is None

    def _told(self, channel: str, data: bytes) -> None:
        try:
            life, topic, head = word_of(data)
        except (ValueError, msgspec.MsgspecError) as error:
            _log.warning("a word on %s cannot be read, and is no loss: %s", channel, error)
            return
        if channel not in self._heads or self._heads[channel][0] != life:
            self._heads[channel] = (life, {})
        self._heads[channel][1][topic] = head
        word = self._words.pop(channel, None)
        if word is not None:
            word.set()
