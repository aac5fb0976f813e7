"""Stops, crashes, restarts: what was acknowledged is there, all reads as before, states are equal."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.embedded.compose import DATABASE, VIEWS
from services.embedded.snapshots import Snapshotter
from tests.system.outside import ADMIN, NEWEST, chat_message
from tests.system.streams import streaming
from tests.system.traffic import busy_hour, everything, person, set_up
from tests.system.world import Process, checked, running, start_embedded

pytestmark = pytest.mark.servers

STOP_S = 1.0
SENT, KILLED_AT = 100, 40


async def test_a_restart_reads_as_before_and_folds_to_the_same_states(tmp_path: Path) -> None:
    """After a stop everything reads as before; the states of all four engines are the same bytes live,
    restored from snapshots, restored without views, and folded from zero."""
    async with start_embedded(tmp_path) as world:
        await set_up(world)
        first = await busy_hour(world)
        snapshotter = Snapshotter(world.app, world.data / DATABASE)
        for topic in world.app.loops:
            await snapshotter.make(topic)
        await busy_hour(world, prefix="u")
        before = await everything(world)
        events = {topic: loop.tally.events for topic, loop in world.app.loops.items()}
        live = world.state_bytes()
    report = checked(tmp_path)
    hashes = {f"{topic}/0": hashlib.sha256(state).hexdigest()[:16] for topic, state in live.items()}
    assert report.hashes == hashes
    assert report.counts["snapshots compared"] == 4
    async with start_embedded(tmp_path) as world:
        assert world.state_bytes() == live
        for topic, loop in world.app.loops.items():
            assert 0 < loop.tally.restored_events < events[topic], "it began with the snapshot"
        assert await everything(world) == before
        assert before["notices"][0]["state"] == "held"
        read = await world.call("GET", "conversations", key=first.key)
        assert read.status_code == 200
        once = await world.message("t-ewa", "Gdzie jest moja paczka? ewa", person("tewa"))
        assert once["record_id"] == first.record
    for path in tmp_path.glob(f"{VIEWS}*"):
        path.unlink()
    async with start_embedded(tmp_path) as world:
        assert await everything(world) == before
    checked(tmp_path)


async def test_the_same_again_is_the_same(tmp_path: Path) -> None:
    """The same message has the same ids and is there once; the same Idempotency-Key gets the same answer,
    with another body 422; all that after a restart too."""
    async with start_embedded(tmp_path) as world:
        await world.desk()
        await world.know_agent("ola")
        await world.must("PUT", "agents/ola/presence", {"state": "online", "ttl_s": 3600})
        ids = await world.message("m1")
        doc = await world.only_conversation(ids["record_id"])
        offer, path = doc["offer"], f"conversations/{doc['id']}"
        accepted = await world.accept("ola", offer, idempotency="a")
        reply: dict[str, Any] = {"agent": "ola", "text": "Już."}
        replied = await world.must("POST", f"{path}/replies", reply, idempotency="r")

        async def the_same_again() -> None:
            assert await world.message("m1") == ids
            assert await world.accept("ola", offer, idempotency="a") == accepted
            assert await world.must("POST", f"{path}/replies", reply, idempotency="r") == replied
            other = await world.call("POST", f"{path}/replies", {**reply, "text": "Nie."}, idempotency="r")
            assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "")
            later = await world.call("POST", f"offers/{offer['offer_id']}/accept", {"agent": "ola"})
            assert (later.status_code, later.json()["owner"]) == (409, "ola")
            found = await world.conversation(doc["id"], NEWEST)
            assert [m["text"] for m in found["messages"]] == ["Gdzie jest moja paczka?", "Już."]

        await the_same_again()
    async with start_embedded(tmp_path) as world:
        await the_same_again()
        at_once = await asyncio.gather(*(world.message("m2", "Raz", person("ewa")) for _ in range(20)))
        assert len({(one["record_id"], one["message_id"]) for one in at_once}) == 1
        [ewa] = [one for one in await world.conversations(NEWEST) if one["id"] != doc["id"]]
        assert len((await world.conversation(ewa["id"]))["messages"]) == 1
    checked(tmp_path)


async def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Killed in the middle of messages, a process loses none that it acknowledged; what was not is sent
    again and is there once; before that everything reads as it did. A SIGTERM with streams open ends the
    process within a second."""
    async with running(tmp_path) as process:
        await set_up(process)
        first = await busy_hour(process)
        before = await everything(process)
        await process.kill()
    async with running(tmp_path) as process:
        assert await everything(process) == before
        acked = await cut_short(process)
    async with running(tmp_path) as process:
        there = {one["last_message_id"] for one in await process.conversations(NEWEST)}
        assert acked <= there
        for number in range(SENT):
            sent = chat_message(f"k{number}", sender=person(f"k{number}"))
            acked.add((await process.must("POST", "messages", sent))["message_id"])
        summaries = await process.conversations(NEWEST)
        assert len(acked) == SENT
        assert acked <= {one["last_message_id"] for one in summaries}
        assert len(summaries) == len(before["summaries"]) + SENT
        assert (await process.conversation(first.owned))["owner"]
        await stops_in_time(process)
    checked(tmp_path)


async def cut_short(process: Process) -> set[str]:
    """Send messages, kill the process when some are acknowledged; the ids of those that were."""
    acked: set[str] = set()
    gate, enough = asyncio.Semaphore(8), asyncio.Event()

    async def send(number: int) -> None:
        body = chat_message(f"k{number}", sender=person(f"k{number}"))
        async with gate:
            try:
                answer = await process.call("POST", "messages", body)
            except httpx.TransportError:
                return
        if answer.status_code == 202:
            acked.add(answer.json()["message_id"])
        if len(acked) >= KILLED_AT:
            enough.set()

    sending = asyncio.gather(*(send(number) for number in range(SENT)))
    await enough.wait()
    await process.kill()
    await sending
    assert KILLED_AT <= len(acked) < SENT
    return acked


async def stops_in_time(process: Process) -> None:
    """SIGTERM with streams open: the streams end, the process is gone within a second."""
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(process.connected(agent)) for agent in ("ola", "jan")]
        board = streaming(process.client, "/v1/desks/rowery/board/stream", ADMIN)
        streams.append(await stack.enter_async_context(board))
        began_s = time.monotonic()
        assert await process.terminate() == 0
        assert time.monotonic() - began_s < STOP_S
        for stream in streams:
            await stream.over()


async def test_a_stop_ends_streams_and_takes_less_than_a_second(tmp_path: Path) -> None:
    """With forty streams open a stop is over within a second, and every stream has ended."""
    async with AsyncExitStack() as streams, start_embedded(tmp_path) as world:
        await world.desk()
        opened = []
        for number in range(40):
            await world.know_agent(f"a{number}")
            opened.append(await streams.enter_async_context(world.connected(f"a{number}")))
        began_s = world.clock.monotonic_s()
        await world.stop()
        assert world.clock.monotonic_s() - began_s < STOP_S
        for stream in opened:
            await stream.over()
