"""Redis may be flushed, killed, frozen or put back to an older state: that costs time and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bench.redis_server import RedisServer, redis_server
from services.runtime.clock import SystemClock
from tests.edges.distributed import Distributed, distributed
from tests.edges.test_streams import Stream

pytestmark = pytest.mark.servers

EWA = {"from": {"address": "ewa@example.pl", "name": "Ewa"}}
WITHIN_MS = 500
STREAM = "/v1/desks/rowery/agents/ola/stream"


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Redis of the test's own."""
    async with redis_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def made(redis: RedisServer) -> AsyncIterator[Distributed]:
    """Owners and two edges."""
    async with distributed(redis.url, within_ms=WITHIN_MS) as running:
        yield running


async def everything(made: Distributed) -> list[Any]:
    """What the desk's readers see, once the views are whole and show all that has happened."""
    edge = made.edges[-1]
    last = f"r{'0' * 32}"
    paths = [f"conversations?after={last}", "agents", "notices", "quarantine"]

    async def read() -> list[Any]:
        answers = [await edge.call("GET", f"/v1/desks/rowery/{path}") for path in paths]
        found = [answer.json() if answer.status_code == 200 else None for answer in answers]
        ids = [one["id"] for one in found[0]["items"]] if found[0] else []
        whole = [await edge.call("GET", f"/v1/desks/rowery/conversations/{one}") for one in ids]
        return [*found, *[one.json() if one.status_code == 200 else None for one in whole]]

    async with asyncio.timeout(20):
        while None in (seen := await read()):
            await asyncio.sleep(0.05)
    return seen


async def begun(made: Distributed) -> Stream:
    """A desk with an agent, whose stream has told of the offer of a first message."""
    await made.edges[0].desk("ola")
    await made.edges[1].call("GET", "/v1/desks/rowery")  # now it knows the desk, too
    stream = Stream(made.edges[0], STREAM)
    await stream.event("snapshot")
    await made.edges[0].message()
    return stream


async def going_on(made: Distributed, stream: Stream) -> None:
    """What must go on without Redis: messages are taken by any edge, offers reach agents and are accepted."""
    _, _, first = await stream.event("offer")
    answer = await made.edges[1].call(
        "POST", f"/v1/desks/rowery/offers/{first['offer_id']}/accept", {"agent": "ola"}
    )
    assert (answer.status_code, answer.json()["owner"]) == (200, "ola")
    await made.edges[1].message("m2", **EWA)
    _, _, second = await stream.event("offer")
    assert second["conversation_id"] != first["conversation_id"]
    again = await made.edges[0].call(
        "POST", f"/v1/desks/rowery/offers/{first['offer_id']}/accept", {"agent": "ola"}
    )
    assert (again.status_code, again.json()["owner"]) == (409, "ola")


async def test_redis_is_flushed(made: Distributed, redis: RedisServer) -> None:
    """After FLUSHALL readers are told to come back later, never that there is nothing, and then see all."""
    stream = await begun(made)
    await stream.event("offer")
    before = await everything(made)
    await redis.flush()
    statuses = set()
    async with asyncio.timeout(20):
        while 503 not in statuses or (200 not in statuses):
            found = await made.edges[1].call("GET", "/v1/desks/rowery/conversations")
            statuses.add(found.status_code)
            assert found.status_code == 503 or len(found.json()["items"]) == 1
            await asyncio.sleep(0.005)
    assert await everything(made) == before
    await stream.close()


async def test_redis_is_killed(made: Distributed, redis: RedisServer) -> None:
    """With Redis dead messages, offers and accepts go on; when it is back, empty, the views are made anew."""
    stream = await begun(made)
    redis.kill()
    await going_on(made, stream)
    gone = await made.edges[0].call("GET", "/v1/desks/rowery/conversations")
    assert (gone.status_code, gone.headers["retry-after"]) == (503, "1")
    await redis.start()
    seen = await everything(made)
    assert [one["owner"] for one in seen[0]["items"]] == [None, "ola"]
    await stream.close()


async def test_streams_make_up_for_what_they_could_not_tell(made: Distributed, redis: RedisServer) -> None:
    """Whose conversation a customer writes in nobody can say without Redis: once it is back, streams begin
    anew with a snapshot, though nobody connects again."""
    stream = await begun(made)
    _, _, offer = await stream.event("offer")
    path = f"/v1/desks/rowery/offers/{offer['offer_id']}/accept"
    assert (await made.edges[0].call("POST", path, {"agent": "ola"})).status_code == 200
    await stream.event("assigned")
    redis.kill()
    await made.edges[1].message("m2")
    await made.edges[1].message("m3", **EWA)
    await stream.event("offer")  # behind the message on the log
    await redis.start()
    _, _, snapshot = await stream.event("snapshot")
    assert [one["id"] for one in snapshot["conversations"]] == [offer["conversation_id"]]
    await stream.close()


async def test_redis_is_frozen(made: Distributed, redis: RedisServer) -> None:
    """With Redis frozen nobody waits for it for long; what was on its way when it wakes up does no harm."""
    stream = await begun(made)
    redis.freeze()
    clock = SystemClock()
    began_s = clock.monotonic_s()
    answer = await made.edges[0].call("GET", "/v1/desks/rowery/conversations")
    assert answer.status_code == 503
    assert clock.monotonic_s() - began_s < 8 * WITHIN_MS / 1000
    await going_on(made, stream)
    redis.thaw()
    seen = await everything(made)
    assert [one["owner"] for one in seen[0]["items"]] == [None, "ola"]
    await stream.close()


@pytest.mark.parametrize("away", ["killed", "frozen"])
async def test_agents_go_on_without_redis(made: Distributed, redis: RedisServer, away: str) -> None:
    """With Redis away agents work on: replies, notes, transfers, priorities and declines are decided from the
    log, each once whatever is repeated; only what reads show waits for it."""
    stream = await begun(made)
    await made.edges[1].message("m0", **EWA)
    offers = [(await stream.event("offer"))[2] for _ in range(2)]
    redis.kill() if away == "killed" else redis.freeze()
    first, second = (offer["conversation_id"] for offer in offers)
    home, by = "/v1/desks/rowery", {"agent": "ola"}
    asked = [
        (200, f"offers/{offers[0]['offer_id']}/accept", by),
        (202, f"conversations/{first}/replies", {**by, "text": "Już sprawdzam."}),
        (202, f"conversations/{first}/notes", {**by, "text": "Klient czeka."}),
        (202, f"conversations/{first}/priority", {**by, "priority": 2}),
        (202, f"conversations/{first}/transfer", {**by, "to": {"skill": "dostawa"}, "note": "Dla was."}),
        (409, f"conversations/{first}/replies", {**by, "text": "Za późno."}),
        (200, f"offers/{offers[1]['offer_id']}/decline", by),
        (200, "agents/ola/presence", {"state": "away", "ttl_s": 60}),
        (404, f"conversations/c{'0' * 32}/replies", {**by, "text": "Nikogo tu nie ma."}),
        (404, f"conversations/c{'0' * 32}/resolve", by),
        (404, "conversations/nothing/resolve", by),
    ]
    for number, (status, path, body) in enumerate(asked):
        method = "PUT" if path.endswith("presence") else "POST"
        for edge in (made.edges[number % 2],) * 2:  # the same again under the same key is the same answer
            answer = await edge.call(method, f"{home}/{path}", body, Idempotency_Key=f"key-{number}")
            assert answer.status_code == status, f"{path}: {answer.text}"
    another = await made.edges[1].call(
        "POST", f"{home}/conversations/{first}/replies", {**by, "text": "?"}, Idempotency_Key="key-1"
    )
    assert another.status_code == 422
    listed = await made.edges[0].call("GET", f"{home}/conversations")
    assert (listed.status_code, listed.headers["retry-after"]) == (503, "1")
    if away == "killed":
        await redis.start()
    else:
        redis.thaw()
    seen = {one["id"]: one for one in (await everything(made))[4:]}
    texts = [message["text"] for message in seen[first]["messages"]]
    assert texts == ["Gdzie jest moja paczka?", "Już sprawdzam.", "Klient czeka.", "Dla was."]
    assert (seen[first]["owner"], seen[second]["owner"]) == (None, None)
    await stream.close()


@pytest.mark.parametrize("away", ["killed", "frozen"])
async def test_conversations_end_without_redis(made: Distributed, redis: RedisServer, away: str) -> None:
    """With Redis away a conversation is resolved, noted in, and opened again."""
    stream = await begun(made)
    _, _, offer = await stream.event("offer")
    redis.kill() if away == "killed" else redis.freeze()
    path = f"/v1/desks/rowery/conversations/{offer['conversation_id']}"
    accept = f"/v1/desks/rowery/offers/{offer['offer_id']}/accept"
    assert (await made.edges[0].call("POST", accept, {"agent": "ola"})).status_code == 200
    for edge, asked in ((0, "resolve"), (1, "notes"), (0, "reopen"), (1, "reopen")):
        body = {"agent": "ola", **({"text": "Koniec."} if asked == "notes" else {})}
        answer = await made.edges[edge].call("POST", f"{path}/{asked}", body)
        assert answer.status_code == (409 if edge and asked == "reopen" else 202), answer.text
    await stream.close()


async def test_what_there_is_not_costs_nothing(made: Distributed) -> None:
    """Where the views show everything, an invented conversation is not there: nothing is appended, and nobody
    reads ingest's log for it."""
    stream = await begun(made)
    await everything(made)
    log = made.shared.log

    async def ends() -> list[int]:
        return [await log.end(topic, 0) for topic in ("inbound", "conversations", "routing")]

    before = await ends()
    for asked in ("replies", "notes", "resolve", "reopen", "transfer", "priority"):
        path = f"/v1/desks/rowery/conversations/c{'0' * 32}/{asked}"
        said: dict[str, Any] = {"transfer": {"to": {"skill": "dostawa"}}, "priority": {"priority": 2}}
        body: dict[str, Any] = {"agent": "ola", **said.get(asked, {})}
        if asked in ("replies", "notes"):
            body["text"] = "?"
        answer = await made.edges[1].call("POST", path, body)
        assert answer.status_code == 404, answer.text
    assert await ends() == before
    people = made.edges[1].app.people
    assert people is not None
    assert people.folded() == []
    await stream.close()


async def test_what_can_be_no_conversation_costs_nothing(made: Distributed, redis: RedisServer) -> None:
    """What can't be a conversation's id is not there, also with Redis away: nothing is appended or folded."""
    stream = await begun(made)
    await everything(made)
    redis.kill()
    log, people = made.shared.log, made.edges[1].app.people
    assert people is not None
    before = await log.end("inbound", 0)
    for name in ("nothing", f"C{'0' * 32}", f"c{'0' * 31}", f"c{'0' * 31}g"):
        for asked, more in (("resolve", {}), ("notes", {"text": "?"})):
            path = f"/v1/desks/rowery/conversations/{name}/{asked}"
            answer = await made.edges[1].call("POST", path, {"agent": "ola", **more})
            assert answer.status_code == 404, answer.text
    assert (await log.end("inbound", 0), people.folded()) == (before, [])
    await stream.close()


async def test_redis_is_put_back(made: Distributed, redis: RedisServer) -> None:
    """Restored from an older snapshot, it is brought up to date from the log, drops included."""
    stream = await begun(made)
    _, _, first = await stream.event("offer")
    await everything(made)
    old = await redis.save()
    await made.edges[0].call("POST", f"/v1/desks/rowery/offers/{first['offer_id']}/accept", {"agent": "ola"})
    done = await made.edges[0].call(
        "POST", f"/v1/desks/rowery/conversations/{first['conversation_id']}/resolve", {"agent": "ola"}
    )
    assert done.status_code == 202
    await made.edges[0].message("m2", **EWA)
    await stream.event("offer")
    before = await everything(made)
    await redis.restore(old)
    assert await everything(made) == before
    assert [one["state"] for one in before[0]["items"]] == ["offered", "resolved"]
    await stream.close()


async def test_views_of_another_log(redis: RedisServer) -> None:
    """Views that tell of more than the log has are thrown away: they are of a log that is gone."""
    async with distributed(redis.url) as first:
        stream = await begun(first)
        await stream.event("offer")
        await stream.close()
    async with distributed(redis.url) as second:
        async with asyncio.timeout(30):  # the edge may look before the engines have found it out
            while (await second.edges[0].call("GET", "/v1/desks/rowery")).status_code != 404:
                await asyncio.sleep(0.01)
        await second.edges[0].desk("ewa")
        listed = await second.edges[1].call("GET", "/v1/desks/rowery/agents")
        assert [agent["id"] for agent in listed.json()] == ["ewa"]


async def test_nothing_of_a_customer_is_in_redis(made: Distributed, redis: RedisServer) -> None:
    """Neither words, names nor addresses of customers are found in what Redis keeps."""
    stream = await begun(made)
    _, _, offer = await stream.event("offer")
    path = "/v1/desks/rowery/offers/{}/accept".format(offer["offer_id"])
    await made.edges[0].call("POST", path, {"agent": "ola"})
    path = f"/v1/desks/rowery/conversations/{offer['conversation_id']}/replies"
    reply = {"agent": "ola", "text": "Paczka czeka w automacie."}
    assert (await made.edges[1].call("POST", path, reply)).status_code == 202
    await everything(made)
    kept = await redis.save()
    assert b"rowery" in kept
    for word in ("moja paczka", "czeka w automacie", "Jan", "jan@example.pl"):
        assert word.encode() not in kept, word
    await stream.close()
