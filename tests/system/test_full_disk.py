"""A full disk: every door says so, nothing acknowledged is lost, and with room again all goes on."""

from __future__ import annotations

import asyncio
import os
import smtplib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.full_disk import FullDisk
from tests.system.outside import DESK, NEWEST, chat_message
from tests.system.providers import HOOK_TOKEN, providers, telegram_update
from tests.system.streams import WAIT_S
from tests.system.test_channels import mail, post_mail
from tests.system.traffic import person
from tests.system.world import World, checked, start_embedded

pytestmark = pytest.mark.servers

LARGE = 40_000
"""Letters of a text that needs pages of its own."""


@asynccontextmanager
async def on_full_disk(data: Path) -> AsyncIterator[tuple[World, FullDisk]]:
    """An installation on a disk that has room until it is told otherwise."""
    with FullDisk() as disk:
        async with start_embedded(data) as world:
            yield world, disk


def large(external_id: str) -> dict[str, Any]:
    """A message that does not compress."""
    return chat_message(external_id, os.urandom(LARGE // 2).hex(), person(external_id))


async def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    """While the disk is full HTTP and webhooks answer 503, SMTP 451, the process lives; afterwards the same
    records are taken, each acknowledged one is there once, and all loops go on."""
    async with on_full_disk(tmp_path / "data") as (world, disk), providers() as made:
        await world.desk(channels=made.channels(tmp_path / "secrets"))
        ola = await world.agent("ola", capacity=1_000)
        acked = {(await world.message("m0"))["message_id"]}
        offer = await ola.offer()
        disk.is_full = True
        refused = await asyncio.gather(*(world.call("POST", "messages", large(f"l{n}")) for n in range(10)))
        assert {answer.status_code for answer in refused} == {503}
        for answer in refused:
            assert answer.headers["retry-after"]
            assert answer.headers["content-type"] == "application/problem+json"
        update = telegram_update("x" * 4_000, 1, world.clock.now_ms() // 1000)
        hook = f"/v1/webhooks/{DESK}/telegram/bot"
        token = {"X-Telegram-Bot-Api-Secret-Token": HOOK_TOKEN}
        told = [
            await world.client.post(hook, json={**update, "update_id": n}, headers=token) for n in range(20)
        ]
        assert 503 in {answer.status_code for answer in told}
        assert {answer.status_code for answer in told} <= {200, 503}
        long_mail = mail(os.urandom(LARGE // 2).hex(), "<one@poczta.example>")
        with pytest.raises(smtplib.SMTPDataError) as later:
            await post_mail(world, long_mail)
        assert later.value.smtp_code == 451
        # The loops cannot take over without room, and once they have seen it every door says so.
        path = f"conversations/{offer['conversation_id']}"
        async with asyncio.timeout(WAIT_S):
            while (await world.call("GET", path)).status_code != 503:
                await asyncio.sleep(0.01)
        assert (await world.call("GET", "/readyz")).status_code == 503
        assert (await world.call("GET", "/livez")).status_code == 200

        disk.is_full = False
        sent = [await again(world, large(f"l{n}")) for n in range(10)]
        acked |= {one["message_id"] for one in sent}
        await post_mail(world, long_mail)
        assert (await world.client.post(hook, json=update, headers=token)).status_code == 200
        await world.accept("ola", offer, idempotency="a")
        found = await world.shown(lambda: whole(world), lambda docs: len(docs) == 13)
        ids = [m["id"] for doc in found for m in doc["messages"]]
        assert len(ids) == len(set(ids))
        assert acked <= set(ids)
        await world.shown(lambda: world.conversations(state="offered"), lambda offered: len(offered) == 12)
        assert (await world.call("GET", "/readyz")).status_code == 200
    checked(tmp_path / "data")


async def test_blobs_that_cannot_be_written_are_said(tmp_path: Path) -> None:
    """While no blob can be written, what needs one gets 503 with the reason and Retry-After, a mail 451, and
    what needs none is taken; afterwards the same records are taken."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        await world.desk(channels=made.channels(tmp_path / "secrets"))
        file = {"name": "f.pdf", "media_type": "application/pdf", "data": b64encode(b"%PDF").decode()}
        attached = chat_message("a", "W załączniku.", person("a"), attachments=[file])
        letter = mail("Dzień dobry", "<one@poczta.example>")
        new = world.data / "blobs" / "new"
        new.rmdir()
        new.touch()
        refused = await world.call("POST", "messages", attached)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["detail"].startswith("An attachment or a long text cannot be written now: ")
        with pytest.raises(smtplib.SMTPDataError, match=r"4\.3\.2 Busy, try again") as later:
            await post_mail(world, letter)
        assert later.value.smtp_code == 451
        await world.message("m0")
        new.unlink()
        assert (await world.call("POST", "messages", attached)).status_code == 202
        await post_mail(world, letter)
    checked(tmp_path / "data")


async def again(world: World, body: dict[str, Any]) -> Any:
    """Send until it is taken, as a client does who was told 503 with Retry-After; the loops may still be
    taking over."""
    async with asyncio.timeout(15):
        while True:
            answer = await world.call("POST", "messages", body)
            if answer.status_code == 202:
                return answer.json()
            assert answer.status_code == 503
            await asyncio.gather(*(loop.ready.wait() for loop in world.app.loops.values()))


async def whole(world: World) -> list[Any]:
    """Every conversation of the desk."""
    return [await world.conversation(one["id"]) for one in await world.conversations(NEWEST)]


async def test_an_accept_on_a_full_disk_is_unknown_and_then_decided_once(tmp_path: Path) -> None:
    """An agent's request that the full disk swallowed gets 503; the same key afterwards gets its answer, and
    the conversation has one owner."""
    async with on_full_disk(tmp_path) as (world, disk):
        await world.desk()
        ola = await world.agent("ola")
        await world.message("m1")
        offer = await ola.offer()
        await world.accept("ola", offer)
        path = f"conversations/{offer['conversation_id']}/replies"
        body = {"agent": "ola", "text": os.urandom(LARGE // 2).hex()}
        disk.is_full = True
        lost = await world.call("POST", path, body, idempotency="r")
        assert lost.status_code == 503
        disk.is_full = False
        await asyncio.gather(*(loop.ready.wait() for loop in world.app.loops.values()))
        told = await world.must("POST", path, body, idempotency="r")
        assert await world.must("POST", path, body, idempotency="r") == told
        doc = await world.conversation(offer["conversation_id"], NEWEST)
        assert [m["direction"] for m in doc["messages"]] == ["in", "out"]
    checked(tmp_path)
