"""How many streams there may be, in all and of one desk."""

from __future__ import annotations

from contextlib import AsyncExitStack

import grpc

from proto.v1.rpc_agents_pb2 import AgentUp, Hello
from tests.edges.calls import Caller, Failed, calling, failed, heard
from tests.edges.installation import DESK, HEADERS

CODE = grpc.StatusCode


async def refused_hello(caller: Caller, desk: str = "rowery", agent: str = "ola") -> Failed:
    """How a session that is not let in fails."""
    hello = AgentUp(hello=Hello(desk=desk, agent=agent))
    return await failed(heard(caller.agents.Connect(iter([hello]), metadata=caller.admin)))


async def test_the_number_of_streams_is_bounded() -> None:
    """A desk with three quarters of the streams is refused another one, while other desks get theirs until
    there is no room; both are told when to come again."""
    async with calling() as caller, AsyncExitStack() as stack:
        await caller.made.desk("ola")
        desk = {**DESK, "name": "Inny"}
        assert (await caller.made.call("PUT", "/v1/desks/inny", desk)).status_code == 200
        assert (await caller.made.call("PUT", "/v1/desks/inny/agents/ewa", {"name": "E"})).status_code == 200
        kind = type(caller.made.app.settings)
        caller.made.app.settings = kind(streams_max=4)
        for _ in range(3):
            await stack.enter_async_context(caller.session("ola"))
        told = await refused_hello(caller)
        assert (told.code, told.retry_s) == (CODE.RESOURCE_EXHAUSTED, 5.0)
        board = await caller.made.client.get("/v1/desks/rowery/board/stream", headers=HEADERS)
        assert (board.status_code, board.headers["retry-after"]) == (429, "5")
        await stack.enter_async_context(caller.session("ewa", desk="inny"))
        told = await refused_hello(caller, desk="inny", agent="ewa")
        assert (told.code, told.retry_s) == (CODE.UNAVAILABLE, 5.0)


async def test_a_session_with_a_desk_that_is_not_there_says_so() -> None:
    """The desk is named, not the agent, whom nobody can have."""
    async with calling() as caller:
        told = await refused_hello(caller, desk="nigdzie")
        assert (told.code, told.message) == (CODE.NOT_FOUND, "There is no desk 'nigdzie'.")
        path = "/v1/desks/nigdzie/agents/ola/stream"
        answer = await caller.made.client.get(path, headers=HEADERS)
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is no desk 'nigdzie'.")
