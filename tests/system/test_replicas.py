"""Replicas over a real broker: five routers, three edges, spoken to by gRPC and HTTP at once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import grpc
import httpx
import pytest

from bench.brokers import Cluster
from bench.client import Connection
from bench.program import ROOT
from bench.redis_server import RedisServer
from clients.python.centrala_client import CallRefused, Centrala, message
from services.kernel.ids import partition_of
from tests.edges.installation import ADMIN, DESK
from tests.system.outside import NEWEST, chat_message
from tests.system.programs import Program, Programs, client_of, offered, prepared, until, up

pytestmark = pytest.mark.servers

PARTITIONS = 5
ROUTERS = 5
EDGES = 3
AGENTS_OF_A_DESK = 4
CONVERSATIONS_OF_AN_AGENT = 3
MESSAGES = 1_000
SENDERS_AN_EDGE = 4
WITHIN_S = 300.0
"""Longest wait for everything; half a minute on a quiet machine."""
REFUSED = {grpc.StatusCode.FAILED_PRECONDITION: "refused"}


class Fleet(NamedTuple):
    """An installation with all its processes."""

    programs: Programs
    broker: Cluster
    routers: list[Program]
    edges: list[Program]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, broker: Cluster) -> Iterator[Fleet]:
    """Five routers, one of each other engine, three edges: once for all tests of this file."""
    folder = tmp_path_factory.mktemp("replicas")
    redis = RedisServer(folder / "redis")
    asyncio.run(redis.start())
    programs = prepared(folder, broker, redis.url, {"CENTRALA_PARTITIONS": str(PARTITIONS)})
    try:
        routers = [programs.start("router") for _ in range(ROUTERS)]
        others = [programs.start(name) for name in ("ingest", "sla", "notify")]
        edges = [programs.start("edge") for _ in range(EDGES)]
        asyncio.run(_all_up([*routers, *others, *edges]))
        yield Fleet(programs, broker, routers, edges)
    finally:
        programs.kill()
        redis.kill()


async def _all_up(programs: list[Program]) -> None:
    await asyncio.gather(*(up(program.port) for program in programs))


@pytest.fixture
async def clients(fleet: Fleet) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each edge."""
    made = [client_of(edge) for edge in fleet.edges]
    yield made
    for client in made:
        await client.aclose()


def target(*edges: Program) -> str:
    """Edges as gRPC is told of them: the first that can be reached is taken."""
    return "ipv4:" + ",".join(f"127.0.0.1:{edge.grpc_port}" for edge in edges)


async def open_desk(client: httpx.AsyncClient, desk: str, *agents: str) -> None:
    """A desk, and agents it knows."""
    assert (await until(client, "PUT", f"/v1/desks/{desk}", json=DESK)).status_code == 200
    for agent in agents:
        body = {"name": agent, "skills": {"dostawa": 3}}
        path = f"/v1/desks/{desk}/agents/{agent}"
        assert (await until(client, "PUT", path, json=body)).status_code == 200


def chat(number: int) -> Any:
    """A message of a customer of its own."""
    return message(
        channel="chat", account="www", external_id=f"m{number}", sender=f"u{number}", text="Gdzie paczka?"
    )


async def test_a_session_moves_to_another_edge(fleet: Fleet, clients: list[httpx.AsyncClient]) -> None:
    """The whole way of a message by gRPC at two edges, one of which is killed under the agent's session: at
    the other it goes on, no offer is lost, and none is heard twice."""
    await open_desk(clients[0], "moving", "ola")
    doomed = fleet.programs.start("edge")
    await up(doomed.port)
    heard: list[str] = []
    snapshots: list[Any] = []
    more = asyncio.Event()

    async def listen(session: Any) -> None:
        async for told in session:
            if told.HasField("snapshot"):
                snapshots.append(told.snapshot)
            elif told.HasField("offer"):
                heard.append(told.offer.offer_id)
            more.set()

    async def heard_of(offers: int, begun: int) -> None:
        while len(heard) < offers or len(snapshots) < begun:
            await more.wait()
            more.clear()

    async with (
        asyncio.timeout(WITHIN_S),
        Centrala(target(doomed, fleet.edges[0]), ADMIN, "moving") as moving,
        Centrala(target(fleet.edges[1]), ADMIN, "moving") as still,
        moving.agent("ola") as ola,
    ):
        listening = asyncio.create_task(listen(ola))
        await ola.presence("online")
        await still.submit(chat(1))
        await heard_of(1, 1)
        doomed.process.kill()
        await still.submit(chat(2))
        await heard_of(2, 2)
        for offer in heard:
            answer = await ola.accept(offer)
            assert answer.owner == "ola"
            await ola.reply(answer.conversation_id, "Jest w drodze.")
            resolved = await ola.resolve(answer.conversation_id, "answered")
            shown = await still.conversation(answer.conversation_id, after=resolved.record_id)
            assert [one.text for one in shown.messages] == ["Gdzie paczka?", "Jest w drodze."]
            assert shown.state == "resolved"
        assert len(heard) == len(set(heard)) == 2
        listening.cancel()


async def test_fifty_accepts_of_one_offer(fleet: Fleet, clients: list[httpx.AsyncClient]) -> None:
    """Fifty accepts of one offer at three edges, by gRPC and HTTP at once: one is granted, the others are
    refused and told who has it."""
    await open_desk(clients[0], "contested", "ola")
    async with AsyncExitStack() as stack, asyncio.timeout(WITHIN_S):
        sessions = []
        for edge in fleet.edges:
            client = await stack.enter_async_context(Centrala(target(edge), ADMIN, "contested"))
            session = await stack.enter_async_context(client.agent("ola"))
            assert (await anext(aiter(session))).HasField("snapshot")
            sessions.append(session)
        await sessions[0].presence("online")
        taken = await client.submit(chat(1))
        offer = await offered(clients[1], "/v1/desks/contested", taken.record_id)

        async def by_grpc(number: int) -> tuple[str, str]:
            try:
                return "granted", (await sessions[number % EDGES].accept(offer)).owner
            except CallRefused as refused:
                return REFUSED[refused.code], refused.owner

        async def by_http(number: int) -> tuple[str, str]:
            path = f"/v1/desks/contested/offers/{offer}/accept"
            headers = {"Idempotency-Key": f"key-{number}"}
            answer = await until(
                clients[number % EDGES], "POST", path, json={"agent": "ola"}, headers=headers
            )
            return {200: "granted", 409: "refused"}[answer.status_code], answer.json()["owner"]

        answers = await asyncio.gather(*(way(n) for n in range(25) for way in (by_grpc, by_http)))
    assert Counter(answers) == {("granted", "ola"): 1, ("refused", "ola"): 49}


async def test_exactly_sixty_are_owned(fleet: Fleet, clients: list[httpx.AsyncClient]) -> None:
    """Twenty agents who take three conversations each, a thousand waiting over all partitions, and one of
    five routers killed in the middle: sixty are owned, three by each agent, and never more in the log."""
    desks = desks_of_all_partitions()
    agents = [f"agent{n}" for n in range(AGENTS_OF_A_DESK)]
    for desk in desks:
        await open_desk(clients[0], desk, *agents)
    async with AsyncExitStack() as stack, asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as working:
        at_work = []
        for number, (desk, agent) in enumerate(itertools.product(desks, agents)):
            edge = fleet.edges[number % EDGES]
            client = await stack.enter_async_context(Centrala(target(edge), ADMIN, desk))
            session = await stack.enter_async_context(client.agent(agent))
            await session.presence("online")
            at_work.append(working.create_task(take_all(session)))
        numbers = iter(range(MESSAGES))

        async def send(edge: Program) -> None:
            """Messages over one connection; what is not taken at once is sent again."""
            async with Connection("127.0.0.1", edge.port, ADMIN) as connection:
                for n in numbers:
                    if n == MESSAGES // 2:
                        fleet.routers[0].process.kill()
                    path = f"/v1/desks/{desks[n % len(desks)]}/messages"
                    sent = chat_message(f"m{n}", sender={"address": f"u{n}@example.pl"})
                    while (await connection.request("POST", path, sent)).status != 202:
                        await asyncio.sleep(0.1)

        await asyncio.gather(*(send(edge) for edge in fleet.edges for _ in range(SENDERS_AN_EDGE)))
        wanted = AGENTS_OF_A_DESK * CONVERSATIONS_OF_AN_AGENT
        for desk in desks:
            while len(await owned(clients[1], desk)) < wanted:
                await asyncio.sleep(0.2)
        for desk in desks:
            found = Counter(await owned(clients[2], desk, NEWEST))
            assert found == dict.fromkeys(agents, CONVERSATIONS_OF_AN_AGENT)
        for task in at_work:
            task.cancel()
    checked = [sys.executable, "-m", "tools.check_log", "--kafka", fleet.broker.address]
    audit = await asyncio.to_thread(
        subprocess.run,
        [*checked, "--prefix", fleet.programs.prefix],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr


def desks_of_all_partitions() -> list[str]:
    """One desk in each partition."""
    found: dict[int, str] = {}
    for n in itertools.count():
        found.setdefault(partition_of(f"desk{n}", PARTITIONS), f"desk{n}")
        if len(found) == PARTITIONS:
            return list(found.values())
    raise AssertionError


async def take_all(session: Any) -> None:
    """Accept whatever is offered, as often as it takes to hear what came of it."""
    async for told in session:
        asking = told.HasField("offer")
        while asking:
            with contextlib.suppress(TimeoutError):  # its router was killed: another is about to answer
                with contextlib.suppress(CallRefused):  # withdrawn or expired, or accepted and not told
                    await session.accept(told.offer.offer_id)
                asking = False


async def owned(client: httpx.AsyncClient, desk: str, after: str = "") -> list[str]:
    """The owner of each conversation of the desk that has one."""
    query = "state=owned&limit=100" + (f"&after={after}" if after else "")
    listed = await until(client, "GET", f"/v1/desks/{desk}/conversations?{query}")
    return [one["owner"] for one in listed.json()["items"]]
