"""The three real channels, in and out: e-mail by SMTP, Telegram and WhatsApp by signed webhook."""

from __future__ import annotations

import asyncio
import base64
import hmac
import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.outside import DESK, MAILBOX, NEWEST
from tests.system.providers import (
    HOOK_TOKEN,
    WA_NUMBER,
    WA_VERIFY,
    Mail,
    Providers,
    http_provider,
    providers,
    signature,
    telegram_update,
    whatsapp_post,
    whatsapp_text,
)
from tests.system.streams import Stream
from tests.system.world import World, checked, start_embedded

pytestmark = pytest.mark.servers

TELEGRAM = f"/v1/webhooks/{DESK}/telegram/bot"
WHATSAPP = f"/v1/webhooks/{DESK}/whatsapp/{WA_NUMBER}"


def mail(text: str, message_id: str, subject: str = "Gdzie jest paczka?", **headers: str) -> EmailMessage:
    """A customer's mail."""
    made = EmailMessage()
    made["From"] = "Łucja Nowak <lucja@poczta.example>"
    made["To"] = MAILBOX
    made["Subject"] = subject
    made["Message-ID"] = message_id
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


async def post_mail(world: World, made: EmailMessage, to: str = MAILBOX) -> None:
    """Hand a mail to the installation as a mail server does."""

    def hand_over() -> None:
        with smtplib.SMTP("127.0.0.1", world.smtp_port) as smtp:
            assert smtp.send_message(made, "lucja@poczta.example", [to]) == {}

    await asyncio.to_thread(hand_over)


async def post_update(world: World, update: Any, token: str = HOOK_TOKEN) -> httpx.Response:
    """Telegram's webhook."""
    headers = {"X-Telegram-Bot-Api-Secret-Token": token}
    return await world.client.post(TELEGRAM, json=update, headers=headers)


async def post_whatsapp(world: World, body: bytes, **signed: str) -> httpx.Response:
    """WhatsApp's webhook."""
    return await world.client.post(WHATSAPP, content=body, headers=signature(body, **signed))


async def taken(world: World, agent: str, stream: Stream) -> Any:
    """The first offer of the stream, accepted; the whole conversation."""
    offer = await stream.expect("offer")
    await world.accept(agent, offer)
    return await world.conversation(offer["conversation_id"])


async def open_desk(world: World, made: Providers, secrets: Path) -> Stream:
    """A desk with all channels and one agent."""
    await world.desk(channels=made.channels(secrets))
    return await world.agent("ola")


async def in_state(world: World, conversation: str, place: int, state: str) -> Any:
    """The conversation once its message has that state."""
    return await world.shown(
        lambda: world.conversation(conversation), lambda doc: doc["messages"][place]["state"] == state
    )


async def test_a_mail_in_an_answer_out_and_back_again(tmp_path: Path) -> None:
    """A mail by SMTP becomes a conversation; the answer goes out with Re:, In-Reply-To and References, and
    the customer's answer to it comes into the same conversation, by headers and by address."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        ola = await open_desk(world, made, tmp_path / "secrets")
        await post_mail(world, mail("Dzień dobry, gdzie jest moja paczka?", "<one@poczta.example>"))
        doc = await taken(world, "ola", ola)
        assert doc["channel"] == "email"
        assert doc["customer"]["identities"] == [{"channel": "email", "address": "lucja@poczta.example"}]
        assert doc["messages"][0]["author"] == "Łucja Nowak"
        assert doc["messages"][0]["text"].strip() == "Dzień dobry, gdzie jest moja paczka?"

        await world.reply("ola", doc["id"], "Już jedzie, będzie jutro. Zażółć gęślą jaźń.")
        answer: Mail = await made.mail.next()
        assert answer.envelope.mail_from == MAILBOX
        assert answer.envelope.rcpt_tos == ["lucja@poczta.example"]
        out = answer.message
        assert out["Subject"] == "Re: Gdzie jest paczka?"
        assert out["In-Reply-To"] == "<one@poczta.example>"
        assert out["References"].split() == ["<one@poczta.example>"]
        assert "Zażółć gęślą jaźń." in out.get_body().get_content()  # type: ignore[union-attr]
        assert out["From"].addresses[0].addr_spec == MAILBOX
        await in_state(world, doc["id"], 1, "sent")

        both = f"<one@poczta.example> {out['Message-ID']}"
        back = mail("Dziękuję!", "<two@poczta.example>", "Re: Gdzie jest paczka?", References=both)
        back["In-Reply-To"] = out["Message-ID"]
        await post_mail(world, back)
        await ola.expect("message", lambda told: told["message"]["text"].strip() == "Dziękuję!")
        # A mail program that keeps no header still answers to the address that it was given.
        bare = mail("I jeszcze jedno.", "<three@poczta.example>", "co innego")
        await post_mail(world, bare, out["Reply-To"].addresses[0].addr_spec)
        await ola.expect("message", lambda told: told["message"]["text"].strip() == "I jeszcze jedno.")

        await world.reply("ola", doc["id"], "Słucham?")
        again: Mail = await made.mail.next()
        assert again.message["References"].split()[0] == "<three@poczta.example>"
        assert len(await world.conversations()) == 1
        # Merely because one is open, a mail about something else is not put into it.
        await post_mail(world, mail("Inna sprawa: faktura.", "<four@poczta.example>", "Faktura"))
        assert (await ola.expect("offer", lambda told: told["conversation_id"] != doc["id"]))[
            "agent"
        ] == "ola"
        assert len(await world.conversations()) == 2
        # The same mail again is one mail.
        await post_mail(world, mail("Inna sprawa: faktura.", "<four@poczta.example>", "Faktura"))
        assert len(await world.conversations(after=NEWEST)) == 2
    checked(tmp_path / "data")


async def test_files_of_an_answer_arrive_as_they_were(tmp_path: Path) -> None:
    """What an agent attaches is what the customer's mail program finds, byte for byte."""
    files = {"faktura.pdf": b"%PDF-1.7\r\n\x00\xff\n.\r\n" * 300, "pusty.txt": b""}
    attached = [
        {"name": name, "media_type": "application/pdf", "data": base64.b64encode(data).decode()}
        for name, data in files.items()
    ]
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        ola = await open_desk(world, made, tmp_path / "secrets")
        await post_mail(world, mail("Poproszę o fakturę.", "<one@poczta.example>"))
        doc = await taken(world, "ola", ola)
        await world.reply("ola", doc["id"], "W załączniku.", attachments=attached)
        answer: Mail = await made.mail.next()
        got = {part.get_filename(): part.get_content() for part in answer.message.iter_attachments()}
        assert got == files
    checked(tmp_path / "data")


async def test_telegram_in_and_out(tmp_path: Path) -> None:
    """An update with the right token is a message, once; the answer goes to its chat by the Bot API."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        ola = await open_desk(world, made, tmp_path / "secrets")
        now_s = world.app.clock.now_ms() // 1000
        update = telegram_update("Cześć, gdzie paczka?", 11, now_s)
        assert (await post_update(world, update, "wrong")).status_code == 401
        assert (await world.client.post(TELEGRAM, json=update)).status_code == 401
        assert (await post_update(world, update)).status_code == 200
        assert (await post_update(world, update)).status_code == 200
        doc = await taken(world, "ola", ola)
        assert doc["channel"] == "telegram"
        assert [(m["author"], m["text"]) for m in doc["messages"]] == [
            ("Ewa Zielińska", "Cześć, gdzie paczka?")
        ]
        await world.reply("ola", doc["id"], "Jutro!")
        call = await made.telegram.next()
        assert call.json() == {"chat_id": 77001, "text": "Jutro!"}
        await in_state(world, doc["id"], 1, "sent")
        assert (await post_update(world, telegram_update("Super", 12, now_s))).status_code == 200
        told = await ola.expect("message", lambda told: told["message"]["text"] == "Super")
        assert told["conversation_id"] == doc["id"]
        edit = telegram_update("Super!!", 12, now_s, edit_date=now_s)
        edited = {"update_id": 6_000, "edited_message": edit["message"]}
        assert (await post_update(world, edited)).status_code == 200
        await world.shown(
            lambda: world.conversation(doc["id"]), lambda now: now["messages"][2]["text"] == "Super!!"
        )
        assert made.telegram.empty()
    checked(tmp_path / "data")


async def test_whatsapp_in_and_out(tmp_path: Path) -> None:
    """A signed webhook is a message, once; the answer goes out by the Cloud API, and the provider's word
    of its delivery is shown."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        ola = await open_desk(world, made, tmp_path / "secrets")
        now_s = world.app.clock.now_ms() // 1000
        query = {"hub.mode": "subscribe", "hub.challenge": "4711", "hub.verify_token": WA_VERIFY}
        handshake = await world.client.get(WHATSAPP, params=query)
        assert (handshake.status_code, handshake.text) == (200, "4711")
        wrong = await world.client.get(WHATSAPP, params={**query, "hub.verify_token": "no"})
        assert wrong.status_code == 403

        body = whatsapp_text("Hej, gdzie rower?", "wamid.IN1", now_s)
        assert (await post_whatsapp(world, body, secret="wrong")).status_code == 401
        tampered = await world.client.post(WHATSAPP, content=body + b" ", headers=signature(body))
        assert tampered.status_code == 401
        for _ in range(2):
            assert (await post_whatsapp(world, body)).status_code == 200
        doc = await taken(world, "ola", ola)
        assert doc["channel"] == "whatsapp"
        assert doc["customer"]["identities"] == [{"channel": "whatsapp", "address": "+48601602603"}]
        assert [m["text"] for m in doc["messages"]] == ["Hej, gdzie rower?"]

        await world.reply("ola", doc["id"], "Jutro u Pana.")
        call = await made.whatsapp.next()
        assert (call.json()["to"], call.json()["text"]["body"]) == ("48601602603", "Jutro u Pana.")
        await in_state(world, doc["id"], 1, "sent")
        status = {"id": "wamid.OUT1", "status": "delivered", "timestamp": str(now_s)}
        told = whatsapp_post(now_s, statuses=[{**status, "recipient_id": "48601602603"}])
        assert (await post_whatsapp(world, told)).status_code == 200
        await in_state(world, doc["id"], 1, "delivered")
        assert made.whatsapp.empty()
    checked(tmp_path / "data")


async def test_a_number_is_one_person_on_all_channels(tmp_path: Path) -> None:
    """Who writes by WhatsApp and by a text message from the same number is one customer."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        sms = {"channel": "sms", "account": "+48221234567"}
        await world.desk(channels=[*made.channels(tmp_path / "secrets"), sms])
        now_s = world.app.clock.now_ms() // 1000
        body = whatsapp_text("Hej", "wamid.IN1", now_s)
        assert (await post_whatsapp(world, body)).status_code == 200
        ids = await world.message(
            "s1", channel="sms", account="+48221234567", sender={"address": "+48 601 602 603"}
        )
        found = await world.conversations(ids["record_id"])
        assert sorted(one["channel"] for one in found) == ["sms", "whatsapp"]
        assert len({one["customer"]["id"] for one in found}) == 1


async def test_a_provider_that_is_away_is_tried_again_and_shown(tmp_path: Path) -> None:
    """While a provider cannot be reached a reply is shown as on its way; it is sent, once, when the
    provider is back."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        channels = made.channels(tmp_path / "secrets")
        away = [dict(one) for one in channels]
        away[1]["smtp"] = {**channels[1]["smtp"], "port": 1}
        away[2]["base_url"], away[3]["base_url"] = "http://127.0.0.1:1", "http://127.0.0.1:1/v23.0"
        await world.desk(channels=away)
        ola, board = await world.agent("ola"), await world.board()
        now_s = world.app.clock.now_ms() // 1000
        await post_update(world, telegram_update("Cześć", 11, now_s))
        await post_whatsapp(world, whatsapp_text("Cześć", "wamid.IN1", now_s))
        await post_mail(world, mail("Cześć", "<one@poczta.example>"))
        await ola.until(lambda: len(ola.told("offer")) == 3)
        owned = {offer["conversation_id"] for offer in ola.told("offer")}
        for offer in ola.told("offer"):
            await world.accept("ola", offer)
            await world.reply("ola", offer["conversation_id"], "Odpowiedź")
        await board.until(lambda: owned == {n["conversation_id"] for n in board.told("notice") if n["why"]})
        for one in owned:
            assert (await world.conversation(one))["messages"][1]["state"] == "sending"
        await world.desk(channels=channels)
        world.clock.advance(6_000)
        for sink in made:
            await sink.next()
        for one in owned:
            await in_state(world, one, 1, "sent")
        assert [sink.empty() for sink in made] == [True] * 3
    checked(tmp_path / "data")


async def test_any_other_channel_answers_by_a_signed_webhook(tmp_path: Path) -> None:
    """A reply on a channel without a sender of ours goes to the desk's webhook, signed over its id, time
    and body, with what is needed to pass it on."""
    secret = base64.b64encode(b"a webhook's own secret, 32 bytes.").decode()
    kept = tmp_path / "secret"
    kept.write_text(f"whsec_{secret}\n")
    async with start_embedded(tmp_path / "data") as world, http_provider(lambda call: (204, None)) as sink:
        hook = {
            "url": f"{sink.url}/hooks",
            "events": ["message.out"],
            "secret": f"file:{tmp_path / 'secret'}",
        }
        await world.desk(channels=[{"channel": "allegro", "account": "shop"}], webhooks=[hook])
        ola = await world.agent("ola")
        await world.message("a1", channel="allegro", account="shop", thread="thread-7")
        doc = await taken(world, "ola", ola)
        await world.reply("ola", doc["id"], "Już jedzie.")
        call = await sink.next()
        assert (call.method, call.path) == ("POST", "/hooks")
        signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
        digest = hmac.digest(base64.b64decode(secret), signed, "sha256")
        assert call.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        told = call.json()
        assert told["type"] == "message.out"
        assert told["data"]["text"] == "Już jedzie."
        assert (told["data"]["channel"], told["data"]["thread"]) == ("allegro", "thread-7")
        assert told["data"]["conversation_id"] == doc["id"]
        await in_state(world, doc["id"], 1, "sent")
        assert sink.empty()
    checked(tmp_path / "data")
