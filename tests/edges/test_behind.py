"""Views, and edges, that stay behind the log: agents work on, and what there is is never denied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.redis_server import redis_server
from proto.v1.inbound_pb2 import REQUEST_KIND_PRIORITY, AgentRequest
from services.kernel.errors import Busy
from services.runtime.clock import SystemClock
from services.runtime.edge import Edge
from services.runtime.patience import Patience
from services.runtime.people import People
from tests.edges.distributed import Distributed, distributed, edge
from tests.edges.held_log import HeldLog
from tests.edges.test_redis_lost import EWA, begun, everything
from tests.edges.test_streams import Stream

pytestmark = pytest.mark.servers

HOME = "/v1/desks/rowery"
BY = {"agent": "ola"}
NOBODY = f"c{'0' * 32}"


class Behind(NamedTuple):
    """An installation whose second edge can be held up in its reading, by `held`."""

    made: Distributed
    stream: Stream
    held: HeldLog

    @property
    def late(self) -> Any:
        """The second edge."""
        return self.made.edges[1]

    @property
    def people(self) -> People:
        """What the second edge asks the log by."""
        people: People | None = self.late.app.people
        assert people is not None
        return people

    async def owned(self) -> str:
        """Stop the views where they are, then let an agent take a conversation at the first edge; its id."""
        await self.stream.event("offer")
        await everything(self.made)
        self.made.publishers.detach(self.made.owners)
        await self.made.edges[0].message("m2", **EWA)
        _, _, offer = await self.stream.event("offer")
        accept = f"{HOME}/offers/{offer['offer_id']}/accept"
        assert (await self.made.edges[0].call("POST", accept, BY)).status_code == 200
        conversation: str = offer["conversation_id"]
        return conversation


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    """A desk with an agent and a first message, at two edges."""
    async with redis_server(tmp_path / "redis") as redis, distributed(redis.url, edges=1) as made:
        held = HeldLog(made.shared.log)
        async with edge(made.shared._replace(log=held)) as late:
            made = made._replace(edges=[*made.edges, late])
            stream = await begun(made)
            yield Behind(made, stream, held)
            await stream.close()


async def test_views_behind_the_offer(behind: Behind) -> None:
    """Where the views stay behind the offer that told of a conversation, an agent works on it, by what the
    log says; when they go on they show what was done."""
    conversation = await behind.owned()
    path = f"{HOME}/conversations/{conversation}"
    for asked, body in (
        ("replies", {"text": "Już sprawdzam."}),
        ("priority", {"priority": 2}),
        ("notes", {"text": "Klient czeka."}),
        ("resolve", {}),
    ):
        answer = await behind.late.call("POST", f"{path}/{asked}", {**BY, **body})
        assert answer.status_code == 202, answer.text
    assert behind.people.folded() == [0]
    unshown = await behind.late.call("GET", path)
    assert unshown.status_code == 404
    behind.made.publishers.attach(behind.made.owners)
    seen = {one["id"]: one for one in (await everything(behind.made))[4:]}
    texts = [message["text"] for message in seen[conversation]["messages"]]
    assert texts == ["Gdzie jest moja paczka?", "Już sprawdzam.", "Klient czeka."]
    assert seen[conversation]["state"] == "resolved"


async def test_an_edge_behind_the_offer(behind: Behind) -> None:
    """Where neither the views nor an edge's own reading of the log have come to a conversation that another
    edge told of, it is found there all the same."""
    await behind.late.call("PUT", f"{HOME}/agents/ola/presence", {"state": "online", "ttl_s": 3600})
    behind.held.flows.clear()
    path = f"{HOME}/conversations/{await behind.owned()}"
    assert not behind.held.flows.is_set()
    answer = await behind.late.call("POST", f"{path}/notes", {**BY, "text": "Klient czeka."})
    assert answer.status_code == 202, answer.text


async def test_what_there_is_not_is_told_behind_a_claim(behind: Behind) -> None:
    """A log that ends with what no view shows, as after each take-over, leaves an edge in no doubt."""
    await everything(behind.made)
    log = behind.made.shared.log
    await log.append("conversations", 0, [b""])
    before = await log.end("inbound", 0)
    answer = await behind.late.call("POST", f"{HOME}/conversations/{NOBODY}/resolve", BY)
    assert answer.status_code == 404
    assert await log.end("inbound", 0) == before


async def test_a_call_waits_once(behind: Behind) -> None:
    """All waits of a call have one bound: where it is used up no step begins a wait of its own."""
    conversation = await behind.owned()
    late, over = Edge.of(behind.late.app), Patience(SystemClock(), 0.0)

    def asked() -> AgentRequest:
        kind = REQUEST_KIND_PRIORITY
        return AgentRequest(kind=kind, agent_id="ola", conversation_id=conversation, priority=2)

    with pytest.raises(Busy, match="not heard here yet"):
        await late.request(b"key", "rowery", asked(), "2", over)
    with pytest.raises(Busy, match="still being read"):
        await late.whose("rowery", conversation, over)
    assert (await late.whose("rowery", conversation, late.patience())).conversation == conversation
    assert (await late.request(b"key", "rowery", asked(), "2", late.patience())).why == ""
