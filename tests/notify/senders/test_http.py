"""Telegram, WhatsApp and webhooks against servers that answer as the real ones do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from proto.v1.content_pb2 import Attachment, MessageContent, MessageRoute
from proto.v1.desk_pb2 import Account, DeskConfig, Webhook
from proto.v1.inbound_pb2 import (
    SEND_OUTCOME_FAILED,
    SEND_OUTCOME_RETRY,
    SEND_OUTCOME_SENT,
    SEND_OUTCOME_UNCERTAIN,
)
from proto.v1.notices_pb2 import SEND_KIND_NOTICE, SEND_KIND_WEBHOOK, SendRequested
from services.notify.senders import SendRequest, SendResult
from services.notify.senders.guard import Guard
from services.notify.senders.http import Http, split_text
from services.notify.senders.telegram import TelegramSender
from services.notify.senders.webhook import WebhookSender, sign
from services.notify.senders.whatsapp import WhatsAppSender
from services.runtime.secrets import webhook_secret
from tests.notify.senders import fakes
from tests.notify.senders.fakes import Reply, http_fake

TLS = ssl.create_default_context()
TOKEN = "123456:very-secret"
SECRETS: Mapping[str, str] = {"env:TOKEN": TOKEN, "env:HOOK": "whsec_" + base64.b64encode(b"h" * 24).decode()}


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    """The client of a process."""
    made = Http(TLS, Guard(private_allowed=True))
    yield made
    await made.close()


def telegram(url: str, **more: Any) -> SendRequest:
    """A reply to a Telegram chat."""
    account = Account(channel="telegram", account="bot", secret="env:TOKEN", base_url=url)
    return fakes.request(account, route=MessageRoute(address="-1001234567890"), **more)


def whatsapp(url: str, address: str = "+48600100200", **more: Any) -> SendRequest:
    """A reply to a WhatsApp number."""
    account = Account(
        channel="whatsapp", account="48221234567", phone_number_id="1055", secret="env:TOKEN", base_url=url
    )
    return fakes.request(account, route=MessageRoute(address=address), **more)


def hook(url: str, **more: Any) -> SendRequest:
    """A reply on a channel that leaves by webhook."""
    request = fakes.request(Account(channel="allegro", account="rowery"), **more)
    request.requested.url, request.requested.event_name = url, "message.out"
    return request


async def send(http: Http, request: SendRequest, within_s: float = 5) -> SendResult:
    """Send by the sender of the request's channel."""
    if request.requested.url:
        return await WebhookSender(http, SECRETS.get).send(request, within_s)
    sender = TelegramSender if request.account.channel == "telegram" else WhatsAppSender
    return await sender(http, SECRETS.get).send(request, within_s)


async def test_telegram_sends_text_to_the_chat(http: Http) -> None:
    """sendMessage with chat and text; the provider's id is chat and message."""
    reply = Reply(body={"ok": True, "result": {"message_id": 77, "chat": {"id": -1001234567890}}})
    async with http_fake(reply) as fake:
        result = await send(http, telegram(fake.url))
    assert (result.outcome, result.provider_id) == (SEND_OUTCOME_SENT, "-1001234567890:77")
    (call,) = fake.calls
    assert (call.method, call.path) == ("POST", f"/bot{TOKEN}/sendMessage")
    assert call.json() == {"chat_id": -1001234567890, "text": "Dzień dobry, paczka już jedzie."}


@pytest.mark.parametrize("address", ["--5", "\u00b2", "@rowery", "9" * 40])
async def test_telegram_asks_for_a_chat_by_whatever_address(http: Http, address: str) -> None:
    """What is no number of a chat is sent as it is, for Telegram to judge; no address stops a send before."""
    async with http_fake(bot(400)) as fake:
        request = replace(telegram(fake.url), route=MessageRoute(address=address))
        assert (await send(http, request)).outcome == SEND_OUTCOME_FAILED
    assert [call.json()["chat_id"] for call in fake.calls] == [address]


async def test_telegram_splits_long_texts(http: Http) -> None:
    """A text over Telegram's limit goes in parts; if a later part fails nobody may send all again."""
    done = Reply(body={"ok": True, "result": {"message_id": 1}})
    async with http_fake(done) as fake:
        result = await send(http, telegram(fake.url, text="słowo " * 1500))
        assert result.outcome == SEND_OUTCOME_SENT
        assert " ".join(call.json()["text"] for call in fake.calls) == ("słowo " * 1500).strip()
    async with http_fake(done, Reply(429, {"ok": False, "error_code": 429})) as fake:
        result = await send(http, telegram(fake.url, text="słowo " * 1500))
    assert (result.outcome, result.error) == (SEND_OUTCOME_UNCERTAIN, "telegram 429 (part 2)")


async def test_whatsapp_sends_text_with_our_id(http: Http) -> None:
    """The message carries our id as opaque data; the provider's id is the wamid."""
    reply = Reply(
        body={
            "messaging_product": "whatsapp",
            "contacts": [{"input": "48600100200", "wa_id": "48600100200"}],
            "messages": [{"id": "wamid.HBgL"}],
        }
    )
    async with http_fake(reply) as fake:
        result = await send(http, whatsapp(fake.url))
        await send(http, whatsapp(fake.url, "PL.1a2b3c"))
    assert (result.outcome, result.provider_id) == (SEND_OUTCOME_SENT, "wamid.HBgL")
    call = fake.calls[0]
    assert call.path == "/1055/messages"
    assert call.headers["authorization"] == f"Bearer {TOKEN}"
    assert call.json() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "48600100200",
        "type": "text",
        "text": {"preview_url": False, "body": "Dzień dobry, paczka już jedzie."},
        "biz_opaque_callback_data": fakes.SEND_ID,
    }
    assert fake.calls[1].json()["recipient"] == "PL.1a2b3c"


async def test_whatsapp_names_a_send_with_its_last_part(http: Http) -> None:
    """A status of the first of two parts says nothing of the whole: our id goes with the last part only."""
    async with http_fake(Reply(body={"messages": [{"id": "wamid.1"}]})) as fake:
        await send(http, whatsapp(fake.url, text="słowo " * 1000))
        bodies = [call.json() for call in fake.calls]
    assert [body.get("biz_opaque_callback_data") for body in bodies] == [None, fakes.SEND_ID]


def meta(code: int, status: int = 400) -> Reply:
    """An error as the Graph API words it."""
    error = {"message": f"(#{code}) words", "type": "OAuthException", "code": code, "fbtrace_id": "Az8"}
    return Reply(status, {"error": error})


def bot(status: int, **parameters: int) -> Reply:
    """An error as the Bot API words it."""
    return Reply(
        status,
        {"ok": False, "error_code": status, "description": "words", "parameters": parameters},
    )


def dated(retry_after: str) -> tuple[tuple[str, str], ...]:
    """Headers of an answer of 10:00 that says when to come again."""
    return (("date", "Mon, 05 Jan 2026 10:00:00 GMT"), ("retry-after", retry_after))


@pytest.mark.parametrize(
    ("make", "reply", "outcome", "error", "wait_ms"),
    [
        (telegram, bot(429, retry_after=7), SEND_OUTCOME_RETRY, "telegram 429", 7_000),
        (telegram, bot(429, retry_after=10**30), SEND_OUTCOME_RETRY, "telegram 429", 86_400_000),
        (telegram, bot(429, retry_after=-5), SEND_OUTCOME_RETRY, "telegram 429", 0),
        (telegram, bot(400), SEND_OUTCOME_FAILED, "telegram 400", 0),
        (telegram, bot(403), SEND_OUTCOME_FAILED, "telegram 403", 0),
        (telegram, bot(401), SEND_OUTCOME_RETRY, "telegram 401: token refused", 0),
        (telegram, bot(500), SEND_OUTCOME_RETRY, "telegram 500", 0),
        (telegram, Reply(502, b"<html>Bad Gateway"), SEND_OUTCOME_UNCERTAIN, "telegram 502", 0),
        (telegram, Reply(cut=True), SEND_OUTCOME_UNCERTAIN, "telegram: RemoteProtocolError after", 0),
        (whatsapp, meta(131047), SEND_OUTCOME_FAILED, "whatsapp 131047: more than 24 hours", 0),
        (whatsapp, meta(131026), SEND_OUTCOME_FAILED, "whatsapp 131026", 0),
        (whatsapp, meta(100), SEND_OUTCOME_FAILED, "whatsapp 100", 0),
        (whatsapp, meta(130429, 429), SEND_OUTCOME_RETRY, "whatsapp 130429", 0),
        (whatsapp, meta(131056), SEND_OUTCOME_RETRY, "whatsapp 131056", 6_000),
        (whatsapp, meta(190, 401), SEND_OUTCOME_RETRY, "whatsapp 190: credentials refused", 0),
        (whatsapp, meta(131000, 500), SEND_OUTCOME_RETRY, "whatsapp 131000", 0),
        (whatsapp, Reply(504, b"timeout"), SEND_OUTCOME_UNCERTAIN, "whatsapp 504", 0),
        (whatsapp, Reply(cut=True), SEND_OUTCOME_UNCERTAIN, "whatsapp: RemoteProtocolError after", 0),
        (hook, Reply(204, b""), SEND_OUTCOME_SENT, "", 0),
        (hook, Reply(500), SEND_OUTCOME_RETRY, "webhook 500", 0),
        (hook, Reply(404), SEND_OUTCOME_RETRY, "webhook 404", 0),
        (hook, Reply(302, headers=(("location", "http://evil/"),)), SEND_OUTCOME_RETRY, "webhook 302", 0),
        (hook, Reply(410), SEND_OUTCOME_FAILED, "webhook 410", 0),
        (hook, Reply(429, headers=(("retry-after", "30"),)), SEND_OUTCOME_RETRY, "webhook 429", 30_000),
        (
            hook,
            Reply(503, headers=dated("Mon, 05 Jan 2026 10:01:30 GMT")),
            SEND_OUTCOME_RETRY,
            "webhook",
            90_000,
        ),
        (hook, Reply(503, headers=dated("Mon, 05 Jan 2026 09:00:00 GMT")), SEND_OUTCOME_RETRY, "webhook", 0),
        (hook, Reply(503, headers=dated("soon")), SEND_OUTCOME_RETRY, "webhook 503", 0),
        (hook, Reply(503, headers=dated("9" * 5000)), SEND_OUTCOME_RETRY, "webhook 503", 86_400_000),
        (hook, Reply(cut=True), SEND_OUTCOME_UNCERTAIN, "webhook: RemoteProtocolError after", 0),
    ],
)
async def test_what_answers_mean(
    http: Http, make: Any, reply: Reply, outcome: int, error: str, wait_ms: int
) -> None:
    """Later, never, or nobody knows; the provider's words and our secrets stay out of the error."""
    async with http_fake(reply) as fake:
        result = await send(http, make(fake.url))
    assert len(fake.calls) == 1
    assert (result.outcome, result.retry_after_ms) == (outcome, wait_ms)
    assert result.error.startswith(error)
    assert TOKEN not in result.error
    assert "words" not in result.error


@pytest.mark.parametrize("make", [telegram, whatsapp, hook])
async def test_nobody_there_is_retried(http: Http, make: Any) -> None:
    """Without a connection nothing can have been sent."""
    async with http_fake(Reply()) as fake:
        pass
    result = await send(http, make(fake.url))
    assert result.outcome == SEND_OUTCOME_RETRY
    assert "ConnectError" in result.error


class SlowNames(Guard):
    """A resolver that never answers."""

    async def check(self, host: str) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


@pytest.mark.parametrize("make", [telegram, whatsapp, hook])
async def test_a_name_that_is_looked_up_for_too_long_is_retried(make: Any) -> None:
    """While names cannot be looked up nobody was asked: it is tried again, and not left as uncertain."""
    http = Http(TLS, SlowNames(private_allowed=True))
    async with http_fake(Reply(body={})) as fake:
        result = await send(http, make(fake.url), 0.05)
    await http.close()
    assert fake.calls == []
    assert (result.outcome, result.error.partition(": ")[2]) == (SEND_OUTCOME_RETRY, "TimeoutError")


@pytest.mark.parametrize("make", [telegram, whatsapp, hook])
async def test_silence_is_uncertain(http: Http, make: Any) -> None:
    """A provider that takes the request and does not answer in time leaves it uncertain."""
    async with http_fake(Reply(hang=True)) as fake:
        result = await send(http, make(fake.url), 0.2)
    assert result.outcome == SEND_OUTCOME_UNCERTAIN
    assert len(fake.calls) == 1


@pytest.mark.parametrize("make", [telegram, whatsapp])
async def test_missing_secret_is_not_sent_without(http: Http, make: Any) -> None:
    """An account whose secret is not set calls nobody."""
    async with http_fake(Reply()) as fake:
        request = make(fake.url)
        request.account.secret = "env:NOWHERE"
        result = await send(http, request)
    assert (result.outcome, fake.calls) == (SEND_OUTCOME_RETRY, [])


@pytest.mark.parametrize("make", [telegram, whatsapp])
async def test_attachments_are_refused_rather_than_lost(http: Http, make: Any) -> None:
    """A reply with an attachment that cannot be carried fails instead of arriving without it."""
    content = MessageContent(text="x", attachments=[Attachment(name="a.pdf")])
    assert (await send(http, make("http://127.0.0.1:1", content=content))).outcome == SEND_OUTCOME_FAILED


async def test_webhook_is_signed_as_the_standard_says(http: Http) -> None:
    """A receiver verifies id, time and body with the secret; id and body are the same on every attempt."""
    async with http_fake(Reply(204, b"")) as fake:
        request = hook(f"{fake.url}/hooks")
        request.desk.webhooks.append(Webhook(url=f"{fake.url}/hooks", secret="env:HOOK"))
        result = await send(http, request)
        await send(http, replace(request, now_ms=request.now_ms + 60_000))
    assert result.provider_id == fakes.SEND_ID
    first, second = fake.calls
    for call in (first, second):
        signed = f"{fakes.SEND_ID}.{call.headers['webhook-timestamp']}.".encode() + call.body
        good = base64.b64encode(hmac.digest(b"h" * 24, signed, hashlib.sha256)).decode()
        assert call.headers["webhook-signature"] == f"v1,{good}"
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == fakes.SEND_ID
    assert first.body == second.body
    said = first.json()
    assert (said["type"], said["data"]["text"]) == ("message.out", "Dzień dobry, paczka już jedzie.")
    assert said["data"]["conversation_id"] == fakes.CONVERSATION
    assert said["data"]["to"] == {"address": "jan@example.com", "name": "Jan Kowalski"}


async def test_files_travel_with_a_webhook(http: Http) -> None:
    """Whoever delivers by webhook gets the files themselves: what was not handed over is not sent."""
    async with http_fake(Reply(204, b"")) as fake:
        file = Attachment(name="paragon.pdf", media_type="application/pdf", size_bytes=6)
        await send(http, replace(hook(fake.url), attachments=[(file, b"%PDF \xff")]))
    (call,) = fake.calls
    [told] = call.json()["data"]["attachments"]
    assert base64.b64decode(told.pop("data")) == b"%PDF \xff"
    assert told == {"name": "paragon.pdf", "media_type": "application/pdf", "size_bytes": 6}


def test_signature_of_the_specification() -> None:
    """The example of the Standard Webhooks specification gives its signature."""
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_webhook_without_a_named_secret_is_signed_for_the_desk(http: Http) -> None:
    """Without a secret of its own a desk's webhook is signed with the desk's derived one."""
    async with http_fake(Reply(200)) as fake:
        await send(http, hook(fake.url))
    (call,) = fake.calls
    expected = sign(webhook_secret(fakes.KEY), fakes.SEND_ID, call.headers["webhook-timestamp"], call.body)
    assert call.headers["webhook-signature"] == expected


async def test_sla_webhook_carries_its_event_without_content(http: Http) -> None:
    """A breach is told with ids and times only."""
    requested = SendRequested(
        kind=SEND_KIND_WEBHOOK,
        event_name="sla.breached",
        event_json='{"conversation_id":"c1","target_id":"t1","due_at_ms":5}',
    )
    async with http_fake(Reply(200)) as fake:
        requested.url = fake.url
        await send(http, fakes.request(Account(), requested=requested))
    assert fake.calls[0].json()["data"] == {
        "desk": "rowery",
        "send_id": fakes.SEND_ID,
        "conversation_id": "c1",
        "target_id": "t1",
        "due_at_ms": 5,
    }


async def test_notice_by_webhook_names_its_matter(http: Http) -> None:
    """A notice on an api channel says order, dates and language beside the words."""
    async with http_fake(Reply(200)) as fake:
        request = hook(fake.url)
        request.requested.kind, request.requested.event_name = SEND_KIND_NOTICE, "notice"
        request.requested.order_id, request.requested.told_now_ms = "O1", request.now_ms
        await send(http, replace(request, desk=DeskConfig(name="Sklep")))
    assert fake.calls[0].json()["data"]["notice"]["order_id"] == "O1"


def test_split_never_tears_a_character() -> None:
    """Parts stay under the limit in UTF-16 units and lose nothing but white space at the cuts."""
    text = "🚲" * 100
    parts = split_text(text, 31)
    assert "".join(parts) == text
    assert max(len(part.encode("utf-16-le")) // 2 for part in parts) <= 31
    assert split_text("  ", 10) == [""]
