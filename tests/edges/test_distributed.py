"""Stateless edges: any of them takes any request, and none of them needs the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bench.redis_server import RedisServer, redis_server
from proto.v1.envelope_pb2 import Batch, PresenceBeat
from proto.v1.routing_pb2 import RoutingEvent
from services.runtime.event_log import LogRecord, TopicPartition
from tests.edges.distributed import Distributed, distributed, edge
from tests.edges.test_streams import Stream

pytestmark = pytest.mark.servers


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Redis of the test's own."""
    async with redis_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def made(redis: RedisServer) -> AsyncIterator[Distributed]:
    """Owners and three edges."""
    async with distributed(redis.url, edges=3) as running:
        yield running


async def offered(made: Distributed, record_id: str) -> dict[str, Any]:
    """The desk's only conversation, once it is offered, as the last edge shows it."""
    last = made.edges[-1]

    async def read() -> dict[str, Any]:
        return await last.only_conversation(record_id)

    found: dict[str, Any] = await last.until(read, lambda doc: doc["state"] == "offered")
    return found


async def test_what_one_edge_took_another_shows(made: Distributed) -> None:
    """A record that one edge acknowledged is shown by the others to whoever asks for it by `after`."""
    first, second, third = made.edges
    await first.desk("ola")
    ids = await second.message()
    doc = await third.only_conversation(ids["record_id"])
    assert [message["text"] for message in doc["messages"]] == ["Gdzie jest moja paczka?"]
    assert doc["customer"]["identities"] == [{"channel": "chat", "address": "jan@example.pl"}]


async def test_queues_and_explanations_show_what_was_asked_for(made: Distributed) -> None:
    """What is told from the router's state, which is written now and then, shows a record by `after` too,
    however soon it is asked for; nor is what waits said to have no decision."""
    first, second, _ = made.edges
    await first.desk()
    for number in range(1, 4):
        sender = {"address": f"{number}@example.pl", "name": "Ewa"}
        ids = await first.message(f"m{number}", **{"from": sender})
        queues = await second.call("GET", f"/v1/desks/rowery/queues?after={ids['record_id']}")
        assert [queue["waiting"] for queue in queues.json()] == [number]
        listed = await second.call("GET", f"/v1/desks/rowery/conversations?after={ids['record_id']}")
        path = f"/v1/desks/rowery/conversations/{listed.json()['items'][0]['id']}"
        told = await second.call("GET", f"{path}/explain?after={ids['record_id']}")
        assert "nobody of the desk can do it" in told.json()["sentence"]["en"]
    await first.desk("ola")
    offered = await second.until(lambda: second.call("GET", path), lambda got: got.json()["offer"])
    told = await second.call("GET", f"{path}/explain")
    assert told.json()["decision"] == offered.json()["offer"]["offer_id"]


async def test_what_counts_for_nobody_holds_no_request_up(made: Distributed) -> None:
    """A claim or a batch at the end of a quiet log that is in no view, because it counts for nobody, is not
    waited for."""
    first = made.edges[0]
    await first.desk()
    await made.shared.log.append("notices", 0, [Batch(epoch=1).SerializeToString()])
    await first.desk("ola")


async def test_fifty_accepts_over_three_edges(made: Distributed) -> None:
    """Of fifty accepts of one offer at once, over three edges, one is a 200 and all others are 409."""
    await made.edges[0].desk("ola")
    doc = await offered(made, (await made.edges[0].message())["record_id"])
    path = f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}/accept"
    answers = await asyncio.gather(
        *(
            made.edges[n % 3].call("POST", path, {"agent": "ola"}, Idempotency_Key=f"key-{n}")
            for n in range(50)
        )
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [409] * 49
    assert {answer.json()["owner"] for answer in answers} == {"ola"}


async def test_the_same_key_at_another_edge(made: Distributed) -> None:
    """The same request with the same key gets the same answer from any edge; another body is a 422."""
    await made.edges[0].desk("ola")
    doc = await offered(made, (await made.edges[0].message())["record_id"])
    path = f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}/accept"
    answers = [await one.call("POST", path, {"agent": "ola"}, Idempotency_Key="once") for one in made.edges]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.text for answer in answers}) == 1
    other = await made.edges[1].call(
        "POST", path, {"agent": "ola", "reason": "other"}, Idempotency_Key="once"
    )
    assert other.status_code == 422


async def test_a_stream_goes_on_at_another_edge(made: Distributed) -> None:
    """A stream that reconnects to another edge begins with a fresh snapshot and has lost no offer."""
    first, second, _ = made.edges
    await first.desk("ola")
    stream = Stream(first, "/v1/desks/rowery/agents/ola/stream")
    await stream.event("snapshot")
    await second.message("m1")
    _, _, offer = await stream.event("offer")
    assert offer["conversation"]["customer"]["name"] == "Jan"
    await stream.close()
    await first.message("m2", **{"from": {"address": "ewa@example.pl", "name": "Ewa"}})
    again = Stream(second, "/v1/desks/rowery/agents/ola/stream")
    _, _, snapshot = await again.event("snapshot")
    known = {one["conversation_id"] for one in snapshot["offers"]}
    assert offer["conversation_id"] in known
    while len(known) < 2:
        _, _, more = await again.event("offer")
        known.add(more["conversation_id"])
    await again.close()


async def test_a_board_at_any_edge(made: Distributed) -> None:
    """A board's stream at one edge tells of what came in by another."""
    await made.edges[0].desk("ola")
    stream = Stream(made.edges[1], "/v1/desks/rowery/board/stream")
    _, _, snapshot = await stream.event("snapshot")
    assert [agent["agent"] for agent in snapshot["agents"]] == ["ola"]
    await made.edges[2].message()
    seen: set[str] = set()
    while not {"queued", "offered", "target", "agent"} <= seen:
        seen.add((await stream.event("queued", "offered", "target", "agent"))[0])
    await stream.close()


async def test_queues_waits_and_explanations_without_the_engine(made: Distributed) -> None:
    """An edge tells what stands in queues and why something waits, as the router's owner has it."""
    first, second, third = made.edges
    await first.desk()
    doc = await second.only_conversation((await second.message())["record_id"])

    async def queues() -> Any:
        return (await third.call("GET", "/v1/desks/rowery/queues")).json()

    [queue] = await third.until(queues, lambda found: found and found[0]["waiting"] == 1)
    assert (queue["queue"], queue["able"], queue["free"]) == ("ogolna", 0, 0)
    why = await second.call("GET", f"/v1/desks/rowery/conversations/{doc['id']}/explain")
    assert why.json()["decision"] is None
    assert why.json()["considered"] == 0
    await first.desk("ola")

    async def explained() -> Any:
        return (await third.call("GET", f"/v1/desks/rowery/conversations/{doc['id']}/explain")).json()

    told = await third.until(explained, lambda found: found["chosen"] == "ola")
    assert told["considered"] == 1
    wait = await second.call("GET", "/v1/desks/rowery/wait?channel=chat")
    assert wait.json()["p50_s"] is None


async def test_a_removed_key_is_refused_everywhere(made: Distributed) -> None:
    """A key that one edge made is taken by the others, and refused by all once one of them removed it."""
    first, second, _ = made.edges
    await first.desk()
    key = (await first.call("POST", "/v1/desks/rowery/keys", {"scope": "read", "name": "x"})).json()
    headers = {"Authorization": f"Bearer {key['key']}"}
    for one in made.edges:
        shown = await one.client.get("/v1/desks/rowery", headers=headers)
        assert shown.status_code == 200
    assert (await second.call("DELETE", f"/v1/desks/rowery/keys/{key['id']}")).status_code == 204
    for one in made.edges:
        assert (await one.client.get("/v1/desks/rowery", headers=headers)).status_code == 401


async def records(made: Distributed, topic: str) -> list[LogRecord]:
    """Everything on a topic."""
    reader = made.shared.log.reader({TopicPartition(topic, 0): 0})
    found: list[LogRecord] = []
    while True:
        fetched = await reader.fetch(0)
        found += fetched.records
        if fetched.drained and not fetched.records:
            await reader.close()
            return found


async def test_an_edge_is_lost_and_its_agent_goes_on_at_another(made: Distributed) -> None:
    """With the edge of an agent's session gone and the session at another, the agent was never lost, and
    the offer is still theirs."""
    second = made.edges[1]
    async with edge(made.shared) as dying:
        await dying.desk()
        body = {"name": "ola", "skills": {"dostawa": 3}}
        assert (await dying.call("PUT", "/v1/desks/rowery/agents/ola", body)).status_code == 200
        stream = Stream(dying, "/v1/desks/rowery/agents/ola/stream")
        await stream.event("snapshot")
        path = "/v1/desks/rowery/agents/ola/presence"
        assert (await dying.call("PUT", path, {"state": "online"})).status_code == 200
        await second.message()
        _, _, offer = await stream.event("offer")
    await asyncio.wait_for(stream.task, 5)
    again = Stream(second, "/v1/desks/rowery/agents/ola/stream")
    _, _, snapshot = await again.event("snapshot")
    assert [one["offer_id"] for one in snapshot["offers"]] == [offer["offer_id"]]
    assert (await second.call("GET", "/v1/desks/rowery/agents/ola")).json()["connected"]

    async def edges() -> set[str]:
        return {PresenceBeat.FromString(record.value).edge_id for record in await records(made, "presence")}

    await second.until(edges, lambda ids: len(ids) == 2)
    batches = [Batch.FromString(record.value) for record in await records(made, "routing")]
    events = [RoutingEvent.FromString(value).WhichOneof("body") for one in batches for value in one.events]
    assert events.count("agent_found") == 1
    assert events.count("agent_lost") == 0
    await again.close()
