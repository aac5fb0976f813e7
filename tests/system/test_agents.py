"""Agents: one winner for each offer, nobody over capacity, presence, declining, expiry."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.client import Connection
from tests.system import shapes
from tests.system.outside import ADMIN, HOME, MAILBOX, NEWEST, chat_message, desk_config
from tests.system.streams import Stream
from tests.system.world import World, checked, start_embedded

pytestmark = pytest.mark.servers

FAST = {"offer_expires": "60s", "agent_lost_after": "1s"}
NOTICED_S = 3.0
"""How late a lost agent may be noticed beyond agent_lost_after (DESIGN section 5)."""
MARGIN_S = 1.0
"""For the way to the stream on a busy machine."""


async def test_fifty_accepts_of_one_offer_have_one_winner(tmp_path: Path) -> None:
    """Of fifty accepts at once, of several agents with keys of their own, one gets 200 and 49 get 409 that
    says who has it and why."""
    async with start_embedded(tmp_path) as world:
        await world.desk()
        agents = ["ola"] + [f"a{n}" for n in range(4)]
        ola = await world.agent("ola")
        for agent in agents[1:]:
            await world.know_agent(agent, capacity=10)
        await world.message("m1")
        offer = await ola.offer()
        path = f"offers/{offer['offer_id']}/accept"
        asked = [
            world.call("POST", path, {"agent": agents[n % 5]}, idempotency=f"key-{n}") for n in range(50)
        ]
        answers = await asyncio.gather(*asked)
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 49}
        [won] = [answer for answer in answers if answer.status_code == 200]
        assert won.json() == {"conversation_id": offer["conversation_id"], "owner": "ola"}
        for answer in answers:
            if answer is not won:
                told = answer.json()
                shapes.fits(shapes.TooLate, told)
                assert answer.headers["content-type"] == "application/problem+json"
                assert told["why"] in ("already_accepted", "not_yours")
        late = await world.call("POST", path, {"agent": "a1"}, idempotency="late")
        assert (late.status_code, late.json()["owner"]) == (409, "ola")
        [doc] = await world.conversations(NEWEST)
        assert (doc["state"], doc["owner"]) == ("owned", "ola")
    checked(tmp_path)


async def write(world: World, numbers: Iterable[int]) -> None:
    """One new customer after the other writes, over one connection."""
    host, port = world.embedded.url.removeprefix("http://").split(":")
    async with Connection(host, int(port), ADMIN) as connection:
        for number in numbers:
            sent = chat_message(f"m{number}", sender={"address": f"c{number}@example.pl"})
            assert (await connection.request("POST", f"{HOME}/messages", sent)).status == 202


async def test_twenty_agents_take_sixty_of_a_thousand(tmp_path: Path) -> None:
    """20 agents with room for 3, a thousand waiting: exactly 60 are owned, nobody ever has more than 3."""
    async with start_embedded(tmp_path) as world:
        await world.desk(routing={"offer_expires": "60s"})
        await asyncio.gather(*(write(world, range(first, 1_000, 8)) for first in range(8)))
        agents = {f"a{n}": await world.agent(f"a{n}", capacity=90) for n in range(20)}

        async def work(agent: str, stream: Stream) -> None:
            taken: set[str] = set()
            while len(taken) < 3:
                open_ = [*stream.snapshot["offers"], *stream.told("offer")]
                # One that was in the snapshot may be told as well.
                fresh = {one["offer_id"]: one for one in open_ if one["offer_id"] not in taken}
                if not fresh:
                    before = len(stream.events)
                    await stream.until(lambda before=before: len(stream.events) > before)  # type: ignore[misc]
                for offer_id, offer in fresh.items():
                    await world.accept(agent, offer)
                    taken.add(offer_id)

        await asyncio.gather(*(work(agent, stream) for agent, stream in agents.items()))
        owned = await world.conversations(NEWEST, state="owned")
        assert len(owned) == 60
        assert Counter(one["owner"] for one in owned) == dict.fromkeys(agents, 3)
        assert await world.conversations(state="offered") == []
        assert len(await world.conversations(state="waiting")) == 940
        queues = {queue["queue"]: queue for queue in await world.must("GET", "queues")}
        assert (queues["ogolna"]["waiting"], queues["ogolna"]["free"]) == (940, 0)
        loads = await world.must("GET", "agents")
        assert len(loads) == 20
    checked(tmp_path)


async def test_a_cut_stream_releases_chats_and_a_reconnect_gets_a_snapshot(tmp_path: Path) -> None:
    """An agent whose stream is cut is released in time: offers and chats go to somebody else; who comes
    back begins with a snapshot of what is theirs now."""
    async with start_embedded(tmp_path) as world:
        await world.desk(routing=FAST)
        board = await world.board()
        async with AsyncExitStack() as olas:
            await world.know_agent("ola")
            ola = await olas.enter_async_context(world.connected("ola"))
            await world.message("m1")
            owned = await ola.offer()
            await world.accept("ola", owned)
            await world.message("m2", sender={"address": "ewa@example.pl"})
            ringing = await ola.expect("offer", lambda told: told["offer_id"] != owned["offer_id"])
            jan = await world.agent("jan")
            before = len(board.events)
            cut_s = world.clock.monotonic_s()
        for offer in (owned, ringing):
            again = await jan.offer(offer["conversation_id"])
            assert again["agent"] == "jan"
        assert world.clock.monotonic_s() - cut_s < 1.0 + NOTICED_S + MARGIN_S
        away = {"agent": "ola", "connected": False, "offers": 0, "conversations": 0}
        await board.expect("agent", lambda told: away.items() <= told.items(), since=before)
        late = await world.call("POST", f"offers/{ringing['offer_id']}/accept", {"agent": "ola"})
        assert (late.status_code, late.json()["why"]) == (409, "withdrawn")
        async with world.connected("ola") as back:
            assert back.snapshot["conversations"] == back.snapshot["offers"] == []
            assert back.snapshot["capacity"]["used"] == 0
        doc = await world.conversation(owned["conversation_id"])
        assert doc["offer"]["agent"] == "jan"
    checked(tmp_path)


async def test_a_short_cut_costs_nothing(tmp_path: Path) -> None:
    """Who reconnects within the grace keeps offers and conversations."""
    async with start_embedded(tmp_path) as world:
        await world.desk(routing={**FAST, "agent_lost_after": "5s"})
        async with AsyncExitStack() as first:
            await world.know_agent("ola")
            ola = await first.enter_async_context(world.connected("ola"))
            await world.message("m1")
            offer = await ola.offer()
        async with world.connected("ola") as again:
            assert [one["offer_id"] for one in again.snapshot["offers"]] == [offer["offer_id"]]
            assert (await world.accept("ola", offer))["owner"] == "ola"
            await again.expect("assigned")


async def test_mail_stays_with_an_agent_who_is_cut_until_they_are_offline(tmp_path: Path) -> None:
    """E-mail stays with a lost agent, and waits again when they say that they are offline."""
    async with start_embedded(tmp_path) as world:
        channels = [*desk_config()["channels"], {"channel": "email", "account": MAILBOX}]
        await world.desk(routing=FAST, channels=channels)
        board = await world.board()
        async with AsyncExitStack() as olas:
            await world.know_agent("ola")
            ola = await olas.enter_async_context(world.connected("ola"))
            await world.message("m1", channel="email", account=MAILBOX)
            offer = await ola.offer()
            await world.accept("ola", offer)
        await board.expect("agent", lambda told: not told["connected"] and told["conversations"] == 1)
        assert (await world.conversation(offer["conversation_id"]))["owner"] == "ola"
        await world.must("PUT", "agents/ola/presence", {"state": "offline"})
        await world.shown(
            lambda: world.conversation(offer["conversation_id"]), lambda doc: doc["state"] == "waiting"
        )


async def test_who_declines_is_not_asked_again_at_once(tmp_path: Path) -> None:
    """A declined conversation goes to the next agent; alone, it waits until the bar is over."""
    async with start_embedded(tmp_path) as world:
        await world.desk(routing={"offer_expires": "60s"})
        ola = await world.agent("ola", skills={"dostawa": 5})
        await world.message("m1")
        offer = await ola.offer()
        jan = await world.agent("jan")
        path = f"offers/{offer['offer_id']}/decline"
        declined = await world.call("POST", path, {"agent": "ola", "reason": "busy"}, idempotency="d")
        assert declined.status_code == 200
        second = await jan.offer(offer["conversation_id"])
        await world.must("POST", f"offers/{second['offer_id']}/decline", {"agent": "jan"})
        doc = await world.conversation(offer["conversation_id"], NEWEST)
        assert doc["state"] == "waiting"
        explained = await world.must("GET", f"conversations/{doc['id']}/explain")
        assert (explained["chosen"], explained["considered"]) == (None, 2)
        [barred] = explained["ruled_out"]
        assert (barred["rule"], barred["count"], sorted(barred["agents"])) == ("barred", 2, ["jan", "ola"])
        assert "(declined, let ring or handed on)" in explained["sentence"]["en"]
        assert explained["outcome"]["what"] == "waits"
        past = f"conversations/{doc['id']}/explain?decision={offer['offer_id']}"
        assert (await world.must("GET", past))["outcome"]["what"] == "declined"
        assert len(ola.told("offer")) == 1
        late = await world.call("POST", f"offers/{offer['offer_id']}/accept", {"agent": "ola"})
        assert (late.status_code, late.json()["why"]) == (409, "declined")


async def test_an_offer_that_expires_goes_to_the_next(tmp_path: Path) -> None:
    """An offer that nobody answers is withdrawn when it expires and made to the next agent; accepting the
    old one says so."""
    async with start_embedded(tmp_path) as world:
        await world.desk(routing={"offer_expires": "1s"})
        ola = await world.agent("ola", skills={"dostawa": 5})
        await world.message("m1")
        offer = await ola.offer()
        jan = await world.agent("jan")
        gone = await ola.expect("withdrawn")
        shapes.fits(shapes.Withdrawn, gone)
        assert (gone["offer_id"], gone["why"]) == (offer["offer_id"], "expired")
        second = await jan.offer(offer["conversation_id"])
        late = await world.call("POST", f"offers/{offer['offer_id']}/accept", {"agent": "ola"})
        assert (late.status_code, late.json()["why"]) == (409, "expired")
        assert (await world.accept("jan", second))["owner"] == "jan"
    checked(tmp_path)


async def test_only_the_owner_answers_and_no_newer_message_is_overlooked(tmp_path: Path) -> None:
    """Who does not have the conversation gets 409 with who has it; a resolve that has not seen the newest
    message is refused; a transfer hands over."""
    async with start_embedded(tmp_path) as world:
        await world.desk()
        ola, jan = await world.agent("ola", skills={"dostawa": 5}), await world.agent("jan", skills={})
        first = await world.message("m1", attributes={"topic": "x"})
        stream, owner, other = await first_offered(ola, jan)
        offer = await stream.offer()
        await world.accept(owner, offer)
        path = f"conversations/{offer['conversation_id']}"
        said: dict[str, Any] = {"agent": other, "text": "Ja też"}
        refused = await world.call("POST", f"{path}/replies", said)
        assert (refused.status_code, refused.json()["owner"]) == (409, owner)
        assert refused.json()["why"] == "not_owner"
        second = await world.must("POST", "messages", chat_message("m2", "Jeszcze coś"))
        seen = {"agent": owner, "last_message_seen": first["message_id"]}
        refused = await world.call("POST", f"{path}/resolve", seen)
        assert (refused.status_code, refused.json()["why"]) == (409, "newer_message")
        handed = {"agent": owner, "to": {"agent": other}, "reason": "koniec zmiany", "note": "Lubi kawę."}
        await world.must("POST", f"{path}/transfer", handed)
        their = jan if stream is ola else ola
        await world.accept(other, await their.offer(offer["conversation_id"]))
        done = {"agent": other, "last_message_seen": second["message_id"]}
        await world.must("POST", f"{path}/resolve", done)
        doc = await world.conversation(offer["conversation_id"], NEWEST)
        assert [m["direction"] for m in doc["messages"]] == ["in", "in", "note"]
        assert doc["messages"][2]["text"] == "Lubi kawę."
        assert doc["state"] == "resolved"
        await world.must("POST", f"{path}/reopen", {"agent": other})
        again = await world.conversation(offer["conversation_id"], NEWEST)
        assert again["state"] != "resolved"


async def first_offered(ola: Stream, jan: Stream) -> tuple[Stream, str, str]:
    """Whose stream rings first, who that is, and the other."""
    async with asyncio.timeout(15):
        tasks = {
            asyncio.create_task(ola.offer()): (ola, "ola", "jan"),
            asyncio.create_task(jan.offer()): (jan, "jan", "ola"),
        }
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    return tasks[done.pop()]
