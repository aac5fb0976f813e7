"""The Python client: typed calls, refusals with their reasons, sessions that outlive their connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from clients.python.centrala_client import AgentSession, CallRefused, Centrala, message
from clients.python.centrala_client.errors import CUT, of_call
from clients.python.centrala_client.v1.rpc_agents_pb2 import AgentAnswer, AgentDown, AgentUp
from clients.python.centrala_client.v1.rpc_agents_pb2_grpc import AgentSessionStub
from clients.python.centrala_client.v1.rpc_intake_pb2 import Message, OrderCustomer, OrderPut, ShipmentPut
from clients.python.centrala_client.v1.rpc_shapes_pb2 import Identity
from tests.edges.calls import WAIT_S, Caller, calling
from tests.edges.installation import ADMIN, DESK
from tests.tidy import tree


class Line:
    """A TCP line to a server that can be cut, and cut again, while both ends live on."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.target = ""

    async def open(self) -> None:
        """Listen, on the same port as before."""
        port = int(self.target.rpartition(":")[2] or 0)
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", port)
        self.target = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, int(self._port))
        self._writers += [writer, back]
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        except OSError:
            return
        finally:
            sink.close()

    def cut(self) -> None:
        """Break every connection at once, without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def close(self) -> None:
        """Cut, and listen no more."""
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def client_over_a_line() -> AsyncIterator[tuple[Caller, Centrala, Line]]:
    """An installation, and the client at the end of a line to it."""
    async with calling() as caller:
        line = Line(caller.target)
        await line.open()
        try:
            async with Centrala(line.target, ADMIN, "rowery") as centrala:
                yield caller, centrala, line
        finally:
            await line.close()


class Ear:
    """Listens to a session for as long as the context is open."""

    def __init__(self) -> None:
        self.told: list[AgentDown] = []
        self._more = asyncio.Event()

    async def listen(self, session: AgentSession) -> None:
        """Take events until cancelled."""
        async for down in session:
            self.told.append(down)
            self._more.set()

    def offers(self) -> list[str]:
        """Ids of the offers that were told, in order."""
        return [down.offer.offer_id for down in self.told if down.HasField("offer")]

    def snapshots(self) -> int:
        """How many connections there were."""
        return sum(down.HasField("snapshot") for down in self.told)

    async def until(self, wanted: Any) -> None:
        """Wait until what was told is as wanted."""
        async with asyncio.timeout(2 * WAIT_S):
            while not wanted():
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def listening(session: AgentSession) -> AsyncIterator[Ear]:
    """An ear at a session."""
    ear = Ear()
    task = asyncio.create_task(ear.listen(session))
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def chat(external_id: str, sender: str = "jan@example.pl") -> Message:
    """A chat message."""
    return message(channel="chat", account="www", external_id=external_id, sender=sender, text="Gdzie?")


async def test_calls_of_one_desk() -> None:
    """Messages, an order, a shipment, the configuration, reads and estimates by the client's own names."""
    async with client_over_a_line() as (_, centrala, _):
        stored = await centrala.put_desk(json.dumps(DESK))
        assert (await centrala.get_desk()).configuration == stored.configuration
        taken = await centrala.submit(chat("m1"))

        async def many() -> AsyncIterator[Message]:
            for number in range(10):
                yield chat(f"s{number}", f"{number}@example.pl")

        assert len([accepted async for accepted in centrala.submit_stream(many())]) == 10
        customer = OrderCustomer(addresses=[Identity(channel="chat", address="jan@example.pl")])
        assert (await centrala.put_order(OrderPut(order_id="7", customer=customer))).external_id == "7"
        shipment = ShipmentPut(shipment_id="p", order_ids=["7"], status="created")
        last = await centrala.put_shipment(shipment)
        found = [one async for one in centrala.conversations(after=last.record_id, channel="chat")]
        assert len(found) == 11
        [mine] = [one for one in found if one.last_message_id == taken.message_id]
        whole = await centrala.conversation(mine.id, after=taken.record_id)
        assert [one.text for one in whole.messages] == ["Gdzie?"]
        assert (await centrala.explain(mine.id)).sentence.en
        assert (await centrala.wait("chat", ["dostawa:2"])).channel == "chat"


async def test_a_refusal_says_why() -> None:
    """A bad field is named with its rule; a lost race names the winner; a wrong key ends a session."""
    async with client_over_a_line() as (caller, centrala, line):
        await caller.made.desk("ola")
        with pytest.raises(CallRefused) as bad:
            await centrala.submit(chat(""))
        assert (bad.value.code, list(bad.value.fields)) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            ["/external_id"],
        )
        assert not bad.value.again
        async with centrala.agent("ola") as ola, listening(ola) as ear:
            await centrala.submit(chat("m1"))
            await ear.until(ear.offers)
            await ola.accept(ear.offers()[0])
            with pytest.raises(CallRefused) as lost:
                await ola.accept(ear.offers()[0])
            assert (lost.value.why, lost.value.owner) == ("already_accepted", "ola")
        async with Centrala(line.target, "ck_wrong", "rowery") as stranger, stranger.agent("ola") as nobody:
            with pytest.raises(CallRefused) as wrong:
                await nobody.presence("online")
            assert wrong.value.code == grpc.StatusCode.UNAUTHENTICATED
            with pytest.raises(CallRefused):
                await anext(aiter(nobody))


def test_a_line_cut_under_a_write_is_asked_again() -> None:
    """What gRPC's library calls an internal error is a cut line; an internal error of the server's is not."""

    def ended(details: str) -> CallRefused:
        nothing = grpc.aio.Metadata()
        return of_call(grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, nothing, nothing, details))

    assert ended(CUT).again
    assert not ended("a bug in a handler").again


async def test_an_agent_whose_line_is_cut_loses_no_offer_and_hears_none_twice() -> None:
    """Cut again and again while offers ring: each is told once, and none is missing."""
    async with client_over_a_line() as (caller, centrala, line):
        await caller.made.desk("ola")
        body = {"name": "ola", "skills": {"dostawa": 3}, "capacity": 1_000}
        await caller.made.call("PUT", "/v1/desks/rowery/agents/ola", body)
        async with centrala.agent("ola") as ola, listening(ola) as ear:
            await ear.until(ear.snapshots)
            for number in range(12):
                if number % 3 == 0:
                    seen = ear.snapshots()
                    line.cut()
                await caller.made.message(f"m{number}", **{"from": {"address": f"{number}@example.pl"}})
                if number % 3 == 1:
                    await ear.until(lambda: ear.snapshots() > seen)  # noqa: B023  # awaited at once
            await ear.until(lambda: len(ear.offers()) >= 12)
            assert len(set(ear.offers())) == len(ear.offers()) == 12
            answers = await asyncio.gather(*(ola.accept(offer) for offer in ear.offers()))
            assert {answer.owner for answer in answers} == {"ola"}


async def test_a_request_whose_line_is_cut_is_done_once() -> None:
    """Asked while the line breaks, it is asked again under its key: one reply, and the answer."""
    async with client_over_a_line() as (caller, centrala, line):
        await caller.made.desk("ola")
        async with centrala.agent("ola") as ola, listening(ola) as ear:
            taken = await centrala.submit(chat("m1"))
            await ear.until(ear.offers)
            await ola.accept(ear.offers()[0])
            talk = next(down.offer.conversation_id for down in ear.told if down.HasField("offer"))
            asking = [asyncio.create_task(ola.reply(talk, f"Odpowiedź {number}")) for number in range(8)]
            await asyncio.sleep(0)
            line.cut()
            answers = await asyncio.gather(*asking)
            assert len({answer.record_id for answer in answers}) == 8
            whole = await centrala.conversation(talk, after=taken.record_id)
            said = [one.text for one in whole.messages if one.direction == "out"]
            assert sorted(said) == sorted(f"Odpowiedź {number}" for number in range(8))


class Late:
    """Stands for a server and one call to it: the first request came too late to be decided, the next one is
    granted."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._down: asyncio.Queue[AgentDown] = asyncio.Queue()

    def Connect(self, metadata: Any) -> Late:  # the name of the call
        """See AgentSessionStub."""
        return self

    async def write(self, up: AgentUp) -> None:
        """See grpc: what the agent says."""
        if up.HasField("hello"):
            return
        self.keys.append(up.key)
        answer = AgentAnswer(key=up.key)
        if len(self.keys) == 1:
            answer.refused.code = grpc.StatusCode.FAILED_PRECONDITION.value[0]
            answer.refused.why = "too_old"
        self._down.put_nowait(AgentDown(answer=answer))

    async def read(self) -> AgentDown:
        """See grpc: what the agent is told."""
        return await self._down.get()

    def cancel(self) -> None:
        """See grpc."""


async def test_what_came_too_late_is_asked_with_a_new_key() -> None:
    """It was not done, and its key hears so for ever: the client asks for the same once more, as new."""
    server = Late()
    stub = cast("AgentSessionStub", server)
    async with asyncio.timeout(WAIT_S), AgentSession(stub, (), "rowery", "ola") as ola:
        await ola.reply("c1", "Dzień dobry")
    assert len(set(server.keys)) == len(server.keys) == 2


class Mute(Late):
    """Answers nothing."""

    async def write(self, up: AgentUp) -> None:
        """See grpc: what the agent says."""
        self.keys.append(up.key)


async def test_who_still_waits_when_a_session_is_closed_is_let_go() -> None:
    """Closing a session ends its events, and refuses what was not answered; nobody waits for it for ever."""
    stub = cast("AgentSessionStub", Mute())
    async with asyncio.timeout(WAIT_S):
        async with AgentSession(stub, (), "rowery", "ola") as ola:
            ear = Ear()
            listening_on = asyncio.create_task(ear.listen(ola))
            asking = asyncio.create_task(ola.resolve("c1"))
            await asyncio.sleep(0)
        await listening_on
        with pytest.raises(CallRefused, match="closed"):
            await asking
        with pytest.raises(CallRefused, match="closed"):
            await ola.resolve("c1")


async def test_the_board_and_a_conversation_go_on_after_a_cut() -> None:
    """Both streams connect again by themselves, with a fresh snapshot."""
    async with client_over_a_line() as (caller, centrala, line):
        await caller.made.desk()
        taken = await centrala.submit(chat("m1"))
        [summary] = [one async for one in centrala.conversations(after=taken.record_id)]
        board, watch = centrala.board(), centrala.watch(summary.id)
        async with asyncio.timeout(2 * WAIT_S):
            assert (await anext(board)).HasField("snapshot")
            assert list((await anext(watch)).what) == ["snapshot"]
            line.cut()
            while not (await anext(board)).HasField("snapshot"):
                continue
            while list((await anext(watch)).what) != ["snapshot"]:
                continue
            await centrala.submit(chat("m2"))
            while len((await anext(watch)).conversation.messages) < 2:
                continue


def test_the_client_stands_alone() -> None:
    """It imports nothing of the server's, so it can be installed without it."""
    found = [
        f"{path}: {line}"
        for path in tree.files()
        if path.is_relative_to(Path("clients/python/centrala_client")) and path.suffix == ".py"
        for line in tree.text(path).splitlines()
        if line.startswith(("from proto", "import proto", "from services", "from clients"))
    ]
    assert found == []
