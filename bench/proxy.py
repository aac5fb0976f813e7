"""A proxy before Kafka's brokers that loses acknowledgements and lets appends land late.

Theory of operation. Brokers name the proxy's ports to clients, so every connection of a client goes through
it; those among brokers do not. Requests and answers pass whole, in their order, as they came. Only a Produce
request may suffer, and only while somebody has ordered that (`Weather`):

- *lost*: the broker gets it and appends; its answer is thrown away and the connection cut. The client does
  not know whether its batch has landed.
- *late*: it is held for some seconds, with everything behind it on that connection, and handed on then,
  also when the client has given up, died or been deposed meanwhile.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

PRODUCE = 0
"""The API key of the request that appends (kafka.apache.org/protocol)."""
SIZE_BYTES = 4
LATE_S = (6.2, 9.0)
"""How long a late append is held: longer than its writer waits (APPEND_WITHIN_S)."""


class Weather:
    """What is ordered for the next appends, and what has become of it."""

    def __init__(self, seed: int, late_s: tuple[float, float] = LATE_S) -> None:
        self.late_s = late_s
        self.to_lose = 0
        """So many acknowledgements more are lost."""
        self.to_delay = 0
        """So many appends more land late."""
        self.lost = 0
        self.late = 0
        self._dice = random.Random(seed)

    def loses(self) -> bool:
        """Whether the acknowledgement of this append is lost; every third or so of those ordered."""
        if self.to_lose and self._dice.random() < 1 / 3:
            self.to_lose -= 1
            self.lost += 1
            return True
        return False

    def delay_s(self) -> float:
        """For how long this append is held; 0: not at all."""
        if self.to_delay and self._dice.random() < 1 / 3:
            self.to_delay -= 1
            self.late += 1
            return self._dice.uniform(*self.late_s)
        return 0.0


class Proxy:
    """Listens for the clients of one broker. `port` is where."""

    def __init__(self, weather: Weather) -> None:
        self.port = 0
        self.broker_port = 0
        """Where the broker itself listens; connections are refused until it is set."""
        self.weather = weather
        self._server: asyncio.Server | None = None
        self._ways: set[_Way] = set()

    async def listen(self) -> None:
        """Begin to listen, on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Asking(_Way(self)), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Listen no more, and cut every connection."""
        if self._server is not None:
            self._server.close()
        for way in list(self._ways):
            way.cut()

    def joined(self, way: _Way) -> None:
        """A connection was made."""
        self._ways.add(way)

    def left(self, way: _Way) -> None:
        """It has ended."""
        self._ways.discard(way)


async def proxies(count: int, seed: int) -> tuple[Weather, Sequence[Proxy]]:
    """So many proxies under one weather, listening."""
    weather = Weather(seed)
    made = [Proxy(weather) for _ in range(count)]
    for proxy in made:
        await proxy.listen()
    return weather, made


class _Way:
    """One connection of a client, and the one to the broker that belongs to it."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._client: asyncio.Transport | None = None
        self._broker: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._held = False
        self._asked = 0
        self._answered = 0
        self._lost: set[int] = set()
        self._connecting: asyncio.Task[None] | None = None

    def client_came(self, client: asyncio.Transport) -> None:
        """A client has connected: connect to the broker."""
        self._client = client
        self._proxy.joined(self)
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            made = await loop.create_connection(
                lambda: _Answering(self), "127.0.0.1", self._proxy.broker_port
            )
        except OSError:
            self.cut()
            return
        self._broker = made[0]
        self._pass_on()

    def ask(self, request: bytes) -> None:
        """A whole request has come."""
        self._waiting.append(request)
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting and self._broker is not None and not self._held:
            request = self._waiting[0]
            if _is_produce(request) and (delay_s := self._proxy.weather.delay_s()):
                self._held = True
                asyncio.get_running_loop().call_later(delay_s, self._land)
                return
            self._hand_over()

    def _land(self) -> None:
        """What was held is handed over now; the rest only if somebody waits for it still."""
        self._held = False
        if self._broker is None:
            return
        self._hand_over()
        if self._client is None:
            self._waiting.clear()
        else:
            self._pass_on()

    def _hand_over(self) -> None:
        request = self._waiting.pop(0)
        if _is_produce(request) and self._client is not None and self._proxy.weather.loses():
            self._lost.add(self._asked)
        self._asked += 1
        assert self._broker is not None
        self._broker.write(request)

    def answer(self, answer: bytes) -> None:
        """A whole answer has come; they come in the order of the requests."""
        number = self._answered
        self._answered += 1
        if number in self._lost or self._client is None:
            self.cut()
        else:
            self._client.write(answer)

    def client_left(self) -> None:
        """What is held for a client that has gone lands all the same."""
        self._client = None
        if not self._held:
            self.cut()

    def broker_left(self) -> None:
        """The broker has closed the connection, or died."""
        self._broker = None
        self.cut()

    def cut(self) -> None:
        """End both connections."""
        self._proxy.left(self)
        client, self._client = self._client, None
        broker, self._broker = self._broker, None
        for transport in (client, broker):
            if transport is not None:
                with suppress(OSError):
                    transport.close()


class _Frames(asyncio.Protocol):
    """Cuts a stream into what Kafka's protocol calls a frame: four bytes of size, then so many bytes."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= SIZE_BYTES:
            end = at + SIZE_BYTES + int.from_bytes(buffer[at : at + SIZE_BYTES], "big")
            if len(buffer) < end:
                break
            self._take(bytes(buffer[at:end]))
            at = end
        del buffer[:at]


class _Asking(_Frames):
    """The client's end."""

    def __init__(self, way: _Way) -> None:
        super().__init__(way.ask)
        self._way = way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._way.client_came(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._way.client_left()


class _Answering(_Frames):
    """The broker's end."""

    def __init__(self, way: _Way) -> None:
        super().__init__(way.answer)
        self._way = way

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._way.broker_left()


def _is_produce(request: bytes) -> bool:
    return int.from_bytes(request[SIZE_BYTES : SIZE_BYTES + 2], "big") == PRODUCE
