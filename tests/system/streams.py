"""A client of server-sent events that can wait for what it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx

WAIT_S = 15.0
"""Longest wait for anything that should happen at once; only a failing test waits so long."""


class Event(NamedTuple):
    """One event as it came."""

    id: str
    name: str
    data: Any


class Stream:
    """Everything that a stream has told so far, in order, each id once."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.status = 0
        self.ended = False
        self._changed = asyncio.Condition()

    @property
    def snapshot(self) -> Any:
        """The newest snapshot."""
        return [event.data for event in self.events if event.name == "snapshot"][-1]

    def told(self, name: str) -> list[Any]:
        """Data of all events of that name."""
        return [event.data for event in self.events if event.name == name]

    async def expect(
        self,
        name: str,
        wanted: Callable[[Any], bool] = lambda data: True,
        since: int = 0,
        within_s: float = WAIT_S,
    ) -> Any:
        """The data of the first event of that name, from the `since`-th event on, that is as wanted."""

        def found() -> list[Any]:
            return [e.data for e in self.events[since:] if e.name == name and wanted(e.data)]

        try:
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(lambda: found() or self.ended)
        except TimeoutError:
            names = [event.name for event in self.events]
            raise AssertionError(f"no {name} as wanted within {within_s} s, but {names}") from None
        assert found(), f"the stream ended without {name}: {[event.name for event in self.events]}"
        return found()[0]

    async def offer(self, conversation: str = "") -> Any:
        """The first offer (of a conversation): ringing when the stream began, or told since."""

        def fits(told: Any) -> bool:
            return not conversation or told["conversation_id"] == conversation

        ringing = [told for told in self.snapshot["offers"] if fits(told)]
        return ringing[0] if ringing else await self.expect("offer", fits)

    async def until(self, wanted: Callable[[], bool], within_s: float = WAIT_S) -> None:
        """Wait until something holds, looked at again after each event."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(wanted)

    async def over(self, within_s: float = WAIT_S) -> None:
        """Wait until the server has ended the stream."""
        await self.until(lambda: self.ended, within_s)

    async def take(self, lines: AsyncIterator[str]) -> None:
        """Read until the stream ends."""
        fields: dict[str, str] = {}
        seen: set[str] = set()
        with contextlib.suppress(httpx.TransportError):
            async for line in lines:
                name, _, value = line.partition(":")
                if name:
                    fields[name] = value.removeprefix(" ")
                elif line == "" and "data" in fields:
                    event = Event(fields["id"], fields["event"], json.loads(fields["data"]))
                    fields = {}
                    if event.id not in seen:
                        seen.add(event.id)
                        await self._add(event)
        async with self._changed:
            self.ended = True
            self._changed.notify_all()

    async def _add(self, event: Event) -> None:
        async with self._changed:
            self.events.append(event)
            self._changed.notify_all()


@asynccontextmanager
async def streaming(client: httpx.AsyncClient, path: str, key: str) -> AsyncIterator[Stream]:
    """An open stream, its first snapshot read; leaving the context cuts the connection."""
    stream = Stream()
    headers = {"Authorization": f"Bearer {key}"}
    async with client.stream("GET", path, headers=headers, timeout=None) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        reading = asyncio.create_task(stream.take(response.aiter_lines()))
        try:
            await stream.expect("snapshot")
            assert stream.events[0].name == "snapshot", "a stream begins with a snapshot"
            yield stream
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
