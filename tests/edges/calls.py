"""A gRPC client of an installation in memory: real sockets, the real server, the generated stubs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc
from google.rpc import error_details_pb2, status_pb2

from proto.v1.rpc_agents_pb2 import AgentDown, AgentUp, Hello
from proto.v1.rpc_agents_pb2_grpc import AgentSessionStub
from proto.v1.rpc_conversations_pb2_grpc import ConversationsStub
from proto.v1.rpc_desks_pb2_grpc import DeskStub
from proto.v1.rpc_intake_pb2 import Message, Sender
from proto.v1.rpc_intake_pb2_grpc import IntakeStub
from proto.v1.rpc_waits_pb2_grpc import WaitsStub
from services.runtime.clock import Clock
from services.runtime.log_memory import MemoryLog
from services.runtime.rpc_server import OPTIONS, Options, RpcServer
from tests.edges.installation import ADMIN, Installation, installation

WAIT_S = 15.0
"""Longest wait for anything that should happen at once; only a failing test waits so long."""
Metadata = tuple[tuple[str, str], ...]


def key(value: str) -> Metadata:
    """The metadata that carries an API key."""
    return (("authorization", f"Bearer {value}"),)


class Failed(NamedTuple):
    """How a call failed: its code, and the details in its trailing metadata."""

    code: grpc.StatusCode
    message: str
    fields: dict[str, str]
    reason: str
    metadata: dict[str, str]
    retry_s: float | None


async def failed(call: Awaitable[Any]) -> Failed:
    """The failure of a call that must fail."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return failure(error)
    raise AssertionError(f"it was answered: {answer}")


def failure(error: grpc.aio.AioRpcError) -> Failed:
    """A failure, its details read."""
    trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b""))
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), None
    for detail in status.details:
        delay = error_details_pb2.RetryInfo()
        if not detail.Unpack(info) and not detail.Unpack(bad) and detail.Unpack(delay):
            retry = delay.retry_delay.ToMilliseconds() / 1000
    fields = {violation.field: violation.description for violation in bad.field_violations}
    return Failed(error.code(), error.details() or "", fields, info.reason, dict(info.metadata), retry)


async def heard(call: Any) -> Any:
    """The next message of a stream, which must not have ended."""
    async with asyncio.timeout(WAIT_S):
        found = await call.read()
    assert found is not grpc.aio.EOF, f"it ended: {await call.code()}"
    return found


class Session:
    """An agent's open session: what they were told, each answer by its key."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.told: list[AgentDown] = []

    async def say(self, **body: Any) -> None:
        """Ask for something; `key` beside the body."""
        await self.call.write(AgentUp(**body))

    async def next(self, *names: str) -> AgentDown:
        """The next message of one of these kinds."""
        async with asyncio.timeout(WAIT_S):
            while True:
                down = await heard(self.call)
                self.told.append(down)
                if down.WhichOneof("body") in names:
                    found: AgentDown = down
                    return found

    async def ask(self, **body: Any) -> Any:
        """Ask for something, and take its answer."""
        await self.say(**body)
        return (await self.next("answer")).answer


class Caller:
    """The stubs of every service over one channel, as the installation or with another key."""

    def __init__(self, made: Installation, target: str, channel: grpc.aio.Channel) -> None:
        self.made = made
        self.target = target
        self.channel = channel
        self.intake = IntakeStub(channel)
        self.agents = AgentSessionStub(channel)
        self.desks = DeskStub(channel)
        self.conversations = ConversationsStub(channel)
        self.waits = WaitsStub(channel)
        self.admin = key(ADMIN)

    @asynccontextmanager
    async def session(
        self, agent: str, desk: str = "rowery", metadata: Metadata = ()
    ) -> AsyncIterator[Session]:
        """An agent's session, its first snapshot taken; leaving the context cuts it."""
        call = self.agents.Connect(metadata=metadata or self.admin)
        session = Session(call)
        try:
            await session.say(hello=Hello(desk=desk, agent=agent))
            await session.next("snapshot")
            yield session
        finally:
            call.cancel()


class StillLog(MemoryLog):
    """A log on which appends to some topics wait while `still` names them: nothing is decided any more."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.still: frozenset[str] = frozenset()

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """See the port."""
        if topic in self.still:
            await asyncio.get_running_loop().create_future()
        return await super().append(topic, partition, values)


def message(external_id: str = "m1", **more: Any) -> Message:
    """A chat message of Jan's."""
    told: dict[str, Any] = {
        "desk": "rowery",
        "channel": "chat",
        "account": "www",
        "external_id": external_id,
        "from": Sender(address="jan@example.pl", name="Jan"),
        "text": "Gdzie jest moja paczka?",
    }
    return Message(**{**told, **more})


@asynccontextmanager
async def calling(**parts: Any) -> AsyncIterator[Caller]:
    """An installation in memory with a gRPC port, and a client of it; `parts` as of `installation`."""
    options = parts.pop("rpc_options", OPTIONS)
    async with installation(**parts) as made, served(made, options) as caller:
        yield caller


@asynccontextmanager
async def served(made: Installation, options: Options = OPTIONS) -> AsyncIterator[Caller]:
    """A gRPC port of an installation, and a client of it."""
    server = RpcServer(made.app, options)
    target = f"127.0.0.1:{server.listen('127.0.0.1', 0)}"
    running = asyncio.create_task(server.run())
    try:
        async with grpc.aio.insecure_channel(target) as channel:
            await asyncio.wait_for(channel.channel_ready(), WAIT_S)
            yield Caller(made, target, channel)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
