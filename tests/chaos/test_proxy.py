"""The proxy before Kafka does to appends what was ordered, and to everything else nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bench.proxy import PRODUCE, Proxy, Weather

METADATA = 3
HELD_S = 0.05


class Broker:
    """Takes frames and answers each with itself."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until its end."""
        self.connections += 1
        try:
            while True:
                frame = await read(reader)
                self.got.append(frame)
                writer.write(frame)
        except asyncio.IncompleteReadError:
            writer.close()
            await writer.wait_closed()
            self.connections -= 1


class Client:
    """One connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def ask(self, key: int, word: bytes) -> bytes:
        """Send a request; what was sent."""
        content = key.to_bytes(2, "big") + word
        frame = len(content).to_bytes(4, "big") + content
        self._writer.write(frame)
        return frame

    async def answer(self) -> bytes:
        """The next answer. Raises IncompleteReadError when the connection ends."""
        return await read(self._reader)

    async def leave(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()


async def read(reader: asyncio.StreamReader) -> bytes:
    """One frame, with its size."""
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size, "big"))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds; with a deadline."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def network() -> AsyncIterator[tuple[Weather, Broker, Client]]:
    """A broker, the proxy before it, and a client of that."""
    weather, broker = Weather(1, (HELD_S, HELD_S)), Broker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    proxy = Proxy(weather)
    await proxy.listen()
    proxy.broker_port = server.sockets[0].getsockname()[1]
    client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    try:
        yield weather, broker, client
    finally:
        await client.leave()
        await until(lambda: not broker.connections)
        proxy.close()
        server.close()


async def test_in_calm_weather_everything_passes_in_order() -> None:
    """Requests and answers come as they were sent, whatever their size."""
    async with network() as (_, broker, client):
        sent = [client.ask(key, b"x" * size) for key in (PRODUCE, METADATA) for size in (0, 10, 300_000)]
        assert [await client.answer() for _ in sent] == sent
        assert broker.got == sent


async def test_a_lost_acknowledgement_is_of_an_append_that_landed() -> None:
    """The broker gets the append, the client a cut connection instead of the answer; only appends suffer."""
    async with network() as (weather, broker, client):
        weather.to_lose = 1
        answered = 0
        for _ in range(50):
            client.ask(METADATA, b"m")
            assert await client.answer()
        assert weather.lost == 0
        while True:
            client.ask(PRODUCE, b"p")
            try:
                await client.answer()
            except asyncio.IncompleteReadError:
                break
            answered += 1
        assert weather.lost == 1
        assert len(broker.got) == 50 + answered + 1


async def test_a_late_append_lands_although_its_client_has_gone() -> None:
    """What is held back reaches the broker when its time comes, and nothing before that."""
    async with network() as (weather, broker, client):
        weather.to_delay = 1
        sent: list[bytes] = []
        while not weather.late:
            sent.append(client.ask(PRODUCE, b"%d" % len(sent)))
            await until(lambda: weather.late == 1 or broker.got == sent)
        assert broker.got == sent[:-1]
        await client.leave()
        await until(lambda: broker.got == sent)


async def test_who_waits_for_a_late_append_is_answered() -> None:
    """What stands behind a held append on its connection waits too, and all is answered in order."""
    async with network() as (weather, _, client):
        weather.to_delay = 1
        sent = [client.ask(PRODUCE, b"%d" % n) for n in range(40)]
        assert [await client.answer() for _ in sent] == sent
        assert weather.late == 1
