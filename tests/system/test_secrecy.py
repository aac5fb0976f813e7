"""Nothing that a customer wrote or is called lies readable in the data directory; an erased one is gone."""

from __future__ import annotations

import base64
import json
import quopri
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from services.kernel.limits import ERASURE_DELAY_MS
from services.runtime.sqlite_open import rows
from tests.system.outside import DESK, JAN, MAILBOX, NEWEST
from tests.system.providers import (
    HOOK_TOKEN,
    WA_NUMBER,
    Providers,
    providers,
    signature,
    telegram_update,
    whatsapp_text,
)
from tests.system.test_channels import post_mail
from tests.system.traffic import everything
from tests.system.world import World, checked, start_embedded

pytestmark = pytest.mark.servers

WORDS = (
    "Brzęczyszczykiewicz", "czyszczykiewicz", "Chrząszczyżewoszyce", "szewoszyce-zdrój", "Łękołody",
    "grzegorz.tajny", "tajnepole.example", "48601602603", "601602603", "77001990", "wyciag-bankowy",
    "pieczęć-notarialna", "niewypał", "zegarmistrzostwo", "wibrafon", "abrakadabra", "Sekretarzyk",
    "kogel-mogel", "paciorkowiec", "trzmielojad",
)  # fmt: skip
"""Of messages, subjects, names, addresses, attachments, orders, replies and notes."""
DESK_WORD = "nocna-awaria-sortowni"
"""The desk's own: sealed too, and not erased with a customer."""


def forms(word: str) -> Iterator[bytes]:
    """A word as it would lie in a file: in several encodings, escaped, in base64 at each alignment."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "iso-8859-2", "cp1250"):
        try:
            raw = word.encode(encoding)
        except UnicodeEncodeError:
            continue
        yield raw
        for shift in range(3):
            whole = base64.b64encode(b"x" * shift + raw)
            yield whole[4 if shift else 0 : len(whole) - 4]
            yield whole[4 if shift else 0 : len(whole) - 4].translate(bytes.maketrans(b"+/", b"-_"))
        yield quopri.encodestring(raw).strip()
        yield raw.hex().encode()
    yield json.dumps(word)[1:-1].encode()
    yield quote(word).encode()
    yield word.lower().encode()
    yield word.upper().encode()


def found_in(data: Path, needles: dict[bytes, str]) -> list[str]:
    """Which of the needles lie in which file."""
    found = []
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        raw = path.read_bytes()
        found += [f"{path.name}: {name}" for needle, name in needles.items() if needle in raw]
    return found


def words_in(data: Path) -> list[str]:
    """Which words can be read in which file of the data directory."""
    return found_in(
        data, {form: word for word in (*WORDS, DESK_WORD) for form in forms(word) if len(form) >= 7}
    )


def test_the_search_would_find_something(tmp_path: Path) -> None:
    """The search is not blind: it finds a word in each of the forms."""
    for form in forms(WORDS[0]):
        (tmp_path / "file").write_bytes(b"\x00\x01" + form + b"\xff")
        assert words_in(tmp_path) if len(form) >= 7 else True


def secret_mail() -> EmailMessage:
    """A mail whose every part is somebody's secret."""
    mail = EmailMessage()
    mail["From"] = "Grzegorz Brzęczyszczykiewicz <grzegorz.tajny@tajnepole.example>"
    mail["To"] = MAILBOX
    mail["Subject"] = "Sekretarzyk z Łękołodów"
    mail["Message-ID"] = "<abrakadabra-1@tajnepole.example>"
    mail.set_content("Mieszkam w Chrząszczyżewoszycach, Chrząszczyżewoszyce 1. To niewypał!\n" * 3)
    mail.add_alternative("<p>To <b>niewypał</b>, zegarmistrzostwo.</p>", subtype="html")
    content = "pieczęć-notarialna wibrafon ".encode() * 20
    mail.add_attachment(content, maintype="application", subtype="pdf", filename="wyciag-bankowy.pdf")
    return mail


async def customer_of_many_channels(world: World, made: Providers, secrets: Path) -> str:
    """One customer by mail, Telegram, WhatsApp and chat, with order, delay, reply and note; their id."""
    await world.desk(channels=made.channels(secrets))
    ola = await world.agent("ola", capacity=1_000)
    now = datetime.now(UTC)
    addresses = [
        {"channel": "email", "address": "grzegorz.tajny@tajnepole.example"},
        {"channel": "telegram", "address": "77001990"},
        {"channel": "whatsapp", "address": "+48601602603"},
        {"channel": "chat", "address": "grzegorz.tajny@tajnepole.example"},
    ]
    customer = {"addresses": addresses, "name": "Grzegorz Brzęczyszczykiewicz", "language": "pl"}
    promised = (now + timedelta(days=1)).isoformat()
    order = {"order_id": "Z1", "customer": customer, "promised_at": promised}
    await world.must("POST", "orders", {**order, "items": [{"name": "Sekretarzyk kogel-mogel"}]})
    await post_mail(world, secret_mail())
    hook = f"/v1/webhooks/{DESK}/telegram/bot"
    update = telegram_update("Zegarmistrzostwo i wibrafon, abrakadabra.", 7, int(now.timestamp()), 77001990)
    update["message"]["from"]["last_name"] = "Brzęczyszczykiewicz"
    headers = {"X-Telegram-Bot-Api-Secret-Token": HOOK_TOKEN}
    assert (await world.client.post(hook, json=update, headers=headers)).status_code == 200
    body = whatsapp_text("Niewypał! zegarmistrzostwo", "wamid.48601602603", int(now.timestamp()))
    hook = f"/v1/webhooks/{DESK}/whatsapp/{WA_NUMBER}"
    assert (await world.client.post(hook, content=body, headers=signature(body))).status_code == 200
    file = {"name": "wyciag-bankowy.txt", "data": base64.b64encode(b"paciorkowiec " * 9_000).decode()}
    sender = {"address": "grzegorz.tajny@tajnepole.example", "name": "Grzegorz Brzęczyszczykiewicz"}
    long = "Chrząszczyżewoszyce, powiat Łękołody. " * 3_000
    more: dict[str, Any] = {"sender": sender, "subject": "Sekretarzyk", "attachments": [file]}
    await world.message("abrakadabra-2", long, thread="wibrafon", attributes={"nota": "kogel-mogel"}, **more)
    await answer_all(world, len(await world.conversations(NEWEST)))
    late = {"shipment_id": "S1", "order_ids": ["Z1"], "status": "delayed", "reason": DESK_WORD}
    estimated = (now + timedelta(days=4)).isoformat()
    await world.must("POST", "shipments", {**late, "tracking": "paciorkowiec", "estimated_at": estimated})
    await world.shown(lambda: world.notices(NEWEST), lambda found: any(n["state"] == "sent" for n in found))
    ids = {one["customer"]["id"] for one in await world.conversations(NEWEST)}
    assert len(ids) == 1, "the order names the addresses of one person"
    assert ola.told("offer")
    return str(ids.pop())


async def answer_all(world: World, conversations: int) -> None:
    """Ola takes each, answers and keeps a note."""
    assert conversations == 4
    offered = await world.shown(
        lambda: world.conversations(state="offered"), lambda found: len(found) == conversations
    )
    for one in offered:
        await world.accept("ola", one["offer"])
        await world.reply("ola", one["id"], "Panie Brzęczyszczykiewicz, zegarmistrzostwo czynne do 18.")
        note = {"agent": "ola", "text": "To pewnie trzmielojad."}
        await world.must("POST", f"conversations/{one['id']}/notes", note)


async def wrapped_keys(world: World) -> set[bytes]:
    """Every wrapped data key of the installation."""
    found = await world.embedded.file.read(lambda connection: rows(connection, "SELECT wrapped FROM keys"))
    return {bytes(wrapped) for (wrapped,) in found}


async def surfaces(world: World) -> str:
    """All that can be read or watched, as one text."""
    async with world.connected("ola") as agent:
        board = await world.board()
        seen = {"reads": await everything(world), "agent": agent.snapshot, "board": board.snapshot}
        return json.dumps(seen, ensure_ascii=False)


async def test_the_data_directory_tells_nothing_and_an_erased_customer_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A search of all files for a customer's words, names and addresses finds nothing; after DELETE no
    surface shows them, at once; after the delay their keys are nowhere in the files, and the history of
    the conversations stands without its words."""
    data = tmp_path / "data"
    async with start_embedded(data) as world, providers() as made:
        customer = await customer_of_many_channels(world, made, tmp_path / "secrets")
        before = await everything(world)
        shown = await surfaces(world)
        assert DESK_WORD in shown
        assert not [
            word for word in ("Chrząszczyżewoszyce", "grzegorz.tajny", "trzmielojad") if word not in shown
        ]
        assert words_in(data) == []
        keys, blobs = await wrapped_keys(world), len(list((data / "blobs").rglob("*")))

        await world.must("DELETE", f"customers/{customer}")
        shown = await surfaces(world)
        assert [word for word in WORDS if word in shown] == []
        refused = await world.call(
            "POST",
            f"conversations/{before['summaries'][0]['id']}/notes",
            {"agent": "ola", "text": "niewypał"},
        )
        assert refused.status_code == 409

        world.clock.advance(ERASURE_DELAY_MS + 1_000)
        gone = await world.shown(
            lambda: world.must("GET", f"customers/{customer}"), lambda found: bool(found["erased_at"])
        )
        assert gone["identities"] == []
        left = await wrapped_keys(world)
        erased = keys - left
        assert len(erased) >= 4, "a key for each identity"
        assert found_in(data, {key[:16]: "start of a key" for key in erased}) == []
        assert found_in(data, {key[12:]: "wrapped key" for key in erased}) == []
        assert found_in(data, {key[12:]: "a key that is kept" for key in left}) != []
        assert len(list((data / "blobs").rglob("*"))) < blobs
        after = await everything(world)
        the_history_stands(before, after)
        shown = await surfaces(world)
        assert [word for word in (*WORDS, DESK_WORD) if word in shown] == []
        assert {notice["text"] for notice in after["notices"]} == {None}
        again = await world.message(
            "m9", "Dzień dobry", sender={"address": "grzegorz.tajny@tajnepole.example"}
        )
        fresh = (await world.conversations(again["record_id"]))[0]
        assert fresh["customer"]["id"] != customer
    assert words_in(data) == []
    assert [word for word in WORDS if word in caplog.text] == []
    assert found_in(data, {key[12:]: "wrapped key" for key in erased}) == []
    checked(data, slack_ms=ERASURE_DELAY_MS + 10_000)


def the_history_stands(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Every conversation is there with its messages, their times and authors' roles, without words."""
    assert len(after["conversations"]) == len(before["conversations"])
    for was, now in zip(before["conversations"], after["conversations"], strict=True):
        assert (now["id"], now["channel"], now["queue"]) == (was["id"], was["channel"], was["queue"])
        assert [(m["id"], m["direction"], m["at"]) for m in now["messages"]] == [
            (m["id"], m["direction"], m["at"]) for m in was["messages"]
        ]
        assert {m["text"] for m in now["messages"]} == {None}
        assert now["customer"]["identities"] == []
        assert [t["kind"] for t in now["targets"]] == [t["kind"] for t in was["targets"]]


async def test_an_unfinished_erasure_goes_on_after_a_restart(tmp_path: Path) -> None:
    """An erasure that was asked for before a restart is hidden after it, and carried out when it is due. Who
    writes again afterwards begins anew: what was before stays nobody's."""
    async with start_embedded(tmp_path) as world:
        await world.desk()
        ids = await world.message("m1", "zegarmistrzostwo")
        first = await world.only_conversation(ids["record_id"])
        customer = first["customer"]["id"]
        await world.must("DELETE", f"customers/{customer}")
        keys = await wrapped_keys(world)
        clock = world.clock
    clock.advance(ERASURE_DELAY_MS + 1_000)
    async with start_embedded(tmp_path, clock) as world:
        assert "zegarmistrzostwo" not in json.dumps(await everything(world))
        await world.shown(
            lambda: world.must("GET", f"customers/{customer}"), lambda found: bool(found["erased_at"])
        )
        erased = keys - await wrapped_keys(world)
        assert erased
        again = await world.message("m2", "wracam")
        docs = {
            one["id"]: (await world.conversation(one["id"]))["customer"]
            for one in await world.conversations(again["record_id"])
        }
        old = docs.pop(first["id"])
        assert (old["name"], old["identities"]) == (None, [])
        assert [(one["id"], one["name"]) for one in docs.values()] == [(customer, JAN["name"])]
        page = await world.must("GET", f"customers/{customer}")
        assert page["name"] == JAN["name"]
        assert [one["id"] for one in page["conversations"]] == list(docs)
        assert found_in(tmp_path, {key[12:]: "wrapped key" for key in erased}) == []
