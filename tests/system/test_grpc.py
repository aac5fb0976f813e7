"""gRPC of a process as it is started by hand: the whole way of a message, and a stop with streams open."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from clients.python.centrala_client import CallRefused, Centrala, message
from clients.python.centrala_client.v1.rpc_agents_pb2 import AgentDown
from tests.system.outside import ADMIN, DESK
from tests.system.streams import WAIT_S
from tests.system.world import running


@pytest.mark.servers
async def test_a_message_goes_its_whole_way_and_a_stop_ends_cleanly(tmp_path: Path) -> None:
    """By the client alone: a message, its offer, accept, reply, resolve; the board and the agents hear of the
    stop, and the process ends at once."""
    async with running(tmp_path / "data") as process, Centrala(process.grpc, ADMIN, DESK) as centrala:
        await process.desk()
        await process.know_agent("ola")
        async with centrala.agent("ola") as ola, asyncio.timeout(2 * WAIT_S):
            told = aiter(ola)
            assert (await anext(told)).HasField("snapshot")
            chat = message(channel="chat", account="www", external_id="m1", sender="jan", text="Gdzie?")
            await centrala.submit(chat)
            while not (down := await anext(told)).HasField("offer"):
                assert isinstance(down, AgentDown)
            talk = down.offer.conversation_id
            assert (await ola.accept(down.offer.offer_id)).owner == "ola"
            with pytest.raises(CallRefused) as late:
                await ola.decline(down.offer.offer_id)
            assert (late.value.code, late.value.owner) == (grpc.StatusCode.FAILED_PRECONDITION, "ola")
            await ola.reply(talk, "Jest w drodze.")
            resolved = await ola.resolve(talk, "answered")
            shown = await centrala.conversation(talk, after=resolved.record_id)
            assert (shown.state, [one.text for one in shown.messages]) == (
                "resolved",
                ["Gdzie?", "Jest w drodze."],
            )
            board = centrala.board()
            assert (await anext(board)).HasField("snapshot")
            assert await asyncio.wait_for(process.terminate(), WAIT_S) == 0
