"""The hub: who in this process waits for what became of a record, and who watches a desk or an agent.

Waiting: an edge says which record it is about to append, then waits for its outcome. Watching: a
stream subscribes to one feed (`agent/DESK/AGENT`, `board/DESK`, `conversation/DESK/ID`). Each subscriber has
a bounded queue: who reads too slowly loses the queue and gets a fresh snapshot instead. Nothing here is
durable.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

from services.kernel.errors import Busy

Snapshot = Callable[[], Awaitable[dict[str, Any]]]
"""Makes what a stream begins with."""

SNAPSHOT_AGAIN_S = 0.5
"""Before another try for a snapshot that is not to be had."""
QUEUE_MAX = 256
"""Events a subscriber may be behind before it is given a snapshot instead."""


_log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What became of a record: the event's body and its name, and the offset of its batch."""

    name: str
    body: Any
    offset: int


class Closed(Exception):
    """The stream is over: the process stops."""


class Told(NamedTuple):
    """One event of a stream. `data` is ready for JSON; a `conversation` of a `desk` whose words are to be
    opened, and the `message` of it, are named beside it."""

    event: str
    id: str
    data: dict[str, Any]
    conversation: str = ""
    message: str = ""
    desk: str = ""


class Subscription:
    """One reader of a feed."""

    __slots__ = ("_closed", "_fresh", "_overflowed", "_queue", "_waiter", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._fresh = True
        """Whether a snapshot is to be told, as soon as one is to be had."""
        self._queue: deque[Told] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._overflowed = False

    def push(self, told: Told) -> None:
        """Hand over an event; drops all if the reader is too far behind."""
        if len(self._queue) >= QUEUE_MAX:
            self._queue.clear()
            self._overflowed = True
        if not self._overflowed:
            self._queue.append(told)
        _end(self._waiter)

    def renew(self) -> None:
        """Something could not be told: begin anew with a snapshot, beside whatever comes."""
        if not self._fresh:
            self._fresh = True
            _end(self._waiter)

    def behind(self) -> int:
        """How many events the reader has not taken yet."""
        return len(self._queue)

    def close(self) -> None:
        """End the stream."""
        self._closed = True
        _end(self._waiter)

    async def take(self, wait_s: float) -> list[Told] | None:
        """What came since the last call, waiting up to `wait_s` for the first; empty after that.

        None: events were lost, the reader must begin anew with a snapshot. Raises Closed
        when the stream is closed.
        """
        if not (self._queue or self._closed or self._overflowed):
            await self._wait(wait_s)
        if self._closed:
            raise Closed
        if self._overflowed:
            self._overflowed = False
            return None
        events = list(self._queue)
        self._queue.clear()
        return events

    async def _wait(self, wait_s: float) -> None:
        """Until something comes or the time is over: a future and a timer, since `wait_for` would begin a
        task for each event of each stream."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(wait_s, _end, self._waiter)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    async def tellings(self, snapshot: Snapshot, quiet_s: float) -> AsyncIterator[list[Told]]:
        """What a stream tells: a snapshot, then what comes, then a fresh snapshot after a loss; an empty
        list whenever nothing came for `quiet_s`. Raises Closed when the stream is closed.

        While no snapshot is to be had (Busy: the views are away), what comes is told without; it follows.
        """
        while True:
            if self._fresh:
                self._fresh = False  # from now on: what cannot be told meanwhile asks for another one
                try:
                    found = await snapshot()
                except Busy as error:
                    self._fresh = True
                    _log.info("a stream waits for its snapshot: %s", error)
                else:
                    # No two are alike, over all connections of a reader who drops by id what they have seen.
                    yield [Told("snapshot", f"snapshot/{secrets.token_hex(8)}", found)]
            events = await self.take(min(quiet_s, SNAPSHOT_AGAIN_S) if self._fresh else quiet_s)
            if events is None:
                self._fresh = True
            else:
                yield events


class Hub:
    """Waiters by record id, subscribers by feed, agents' sessions of this process."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Waiter]] = {}
        self.hashes: dict[str, bytes] = {}
        """Of requests that are waited for and were heard from the log: the hash of the body taken."""
        self.listeners: dict[str, list[Subscription]] = {}
        self.sessions: Counter[tuple[str, str]] = Counter()
        self.session_began = asyncio.Event()
        self.kinds: Counter[str] = Counter()
        """Subscribers by the first word of their feeds."""
        self.watched: dict[str, Counter[str]] = {}
        """The same for each desk that somebody watches."""
        self._of_desks: dict[str, list[Subscription]] = {}
        self.closed = False

    @contextmanager
    def expect(self, record_id: str) -> Iterator[Waiter]:
        """Wait for outcomes of a record from now on; begin before it is appended."""
        waiter = Waiter(self, record_id)
        try:
            yield waiter
        finally:
            waiter.cancel()

    def settle(self, record_id: str, name: str, body: Any, offset: int) -> None:
        """Tell whoever waits for a record what became of it."""
        for waiter in self.waiting.get(record_id, ()):
            waiter.push(Outcome(name, body, offset))

    def publish(self, feed: str, told: Told) -> None:
        """Tell the subscribers of a feed."""
        for subscription in self.listeners.get(feed, ()):
            subscription.push(told)

    def renew(self, desk_id: str) -> None:
        """Something of a desk could not be told: its streams begin anew with a snapshot."""
        for subscription in self._of_desks.get(desk_id, ()):
            subscription.renew()

    @asynccontextmanager
    async def subscribe(self, feed: str) -> AsyncIterator[Subscription]:
        """Watch a feed from now on."""
        kind, desk_id = feed.split("/", 2)[:2]
        subscription = Subscription(kind)
        if self.closed:
            subscription.close()
        self.kinds[kind] += 1
        watched = self.watched.setdefault(desk_id, Counter())
        watched[kind] += 1
        self._of_desks.setdefault(desk_id, []).append(subscription)
        self.listeners.setdefault(feed, []).append(subscription)
        try:
            yield subscription
        finally:
            self.kinds[kind] -= 1
            watched[kind] -= 1
            self._of_desks[desk_id].remove(subscription)
            if not watched.total():
                del self.watched[desk_id], self._of_desks[desk_id]
            left = self.listeners[feed]
            left.remove(subscription)
            if not left:
                del self.listeners[feed]

    @contextmanager
    def session(self, desk_id: str, agent_id: str) -> Iterator[None]:
        """An agent's session lives here while the context is open."""
        self.sessions[desk_id, agent_id] += 1
        self.session_began.set()
        try:
            yield
        finally:
            self.sessions[desk_id, agent_id] -= 1
            if not self.sessions[desk_id, agent_id]:
                del self.sessions[desk_id, agent_id]

    def streams(self) -> int:
        """How many subscribers there are."""
        return sum(map(len, self.listeners.values()))

    def close(self) -> None:
        """End every stream; later ones end at once."""
        self.closed = True
        for subscriptions in self.listeners.values():
            for subscription in subscriptions:
                subscription.close()


class Waiter:
    """Waits for the outcomes of one record, one after the other; several may come at once."""

    def __init__(self, hub: Hub, record_id: str) -> None:
        self._hub = hub
        self._record_id = record_id
        self._outcomes: deque[Outcome] = deque()
        self._waiter: asyncio.Future[None] | None = None
        hub.waiting.setdefault(record_id, []).append(self)

    def push(self, outcome: Outcome) -> None:
        """Hand over an outcome."""
        self._outcomes.append(outcome)
        _end(self._waiter)

    async def outcome(self, timeout_s: float) -> Outcome | None:
        """The next outcome; another call waits for a further one. None after `timeout_s`."""
        if not self._outcomes:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(timeout_s, _end, self._waiter)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self._outcomes.popleft() if self._outcomes else None

    def cancel(self) -> None:
        """Wait no longer; once, at the end."""
        waiters = self._hub.waiting[self._record_id]
        waiters.remove(self)
        if not waiters:
            del self._hub.waiting[self._record_id]
            self._hub.hashes.pop(self._record_id, None)


def _end(waiting: asyncio.Future[Any] | None) -> None:
    """Let go of who waits, with nothing."""
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
