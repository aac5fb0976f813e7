"""The providers of a desk on loopback: they speak the real protocols and refuse what the real ones would."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.notify.senders.fakes import Call, listening
from tests.system.outside import MAILBOX
from tests.system.streams import WAIT_S

BOT_TOKEN = "4711:telegram-bot-token"
HOOK_TOKEN = "telegram-hook-token"
WA_TOKEN = "whatsapp-access-token"
WA_APP_SECRET = "whatsapp-app-secret"
WA_VERIFY = "whatsapp-verify-token"
WA_NUMBER = "48221234567"
WA_NUMBER_ID = "105500001"

Answer = tuple[int, Any]


class Sink:
    """What a provider was given, in order, to be waited for."""

    def __init__(self) -> None:
        self.url = ""
        self.port = 0
        self._taken: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, taken: Any) -> None:
        """Take something in."""
        self._taken.put_nowait(taken)

    async def next(self) -> Any:
        """The next that comes."""
        return await asyncio.wait_for(self._taken.get(), WAIT_S)

    def empty(self) -> bool:
        """Whether nothing is left that nobody asked for."""
        return self._taken.empty()


def telegram(call: Call) -> Answer:
    """Bot API: sendMessage."""
    if call.path != f"/bot{BOT_TOKEN}/sendMessage":
        return 404, {"ok": False, "error_code": 404, "description": "Not Found"}
    told = call.json()
    if not isinstance(told.get("chat_id"), int) or not 1 <= len(told.get("text", "")) <= 4096:
        return 400, {"ok": False, "error_code": 400, "description": "Bad Request: message text is empty"}
    chat = {"id": told["chat_id"], "type": "private"}
    return 200, {"ok": True, "result": {"message_id": 9001, "date": 1, "chat": chat, "text": told["text"]}}


def whatsapp(call: Call) -> Answer:
    """Cloud API: POST /{phone_number_id}/messages."""
    if call.headers.get("authorization") != f"Bearer {WA_TOKEN}":
        return 401, {"error": {"message": "Error validating access token", "code": 190}}
    told = call.json()
    fine = (
        call.path == f"/v23.0/{WA_NUMBER_ID}/messages"
        and told.get("messaging_product") == "whatsapp"
        and told.get("type") == "text"
        and re.fullmatch(r"\d{8,15}", told.get("to", ""))
        and told["text"]["body"]
    )
    if not fine:
        return 400, {"error": {"message": "Invalid parameter", "code": 100}}
    contacts = [{"input": told["to"], "wa_id": told["to"]}]
    return 200, {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": "wamid.OUT1"}]}


@asynccontextmanager
async def http_provider(judge: Callable[[Call], Answer]) -> AsyncIterator[Sink]:
    """A provider's HTTP API; what it accepted is in the sink."""
    sink = Sink()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {k.lower(): v.strip() for k, v in (h.split(":", 1) for h in head[1:] if h)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                call = Call(method, path, headers, body)
                status, told = judge(call)
                if status < 300:
                    sink.put(call)
                raw = json.dumps(told).encode()
                line = f"HTTP/1.1 {status} Word\r\ncontent-type: application/json\r\n"
                writer.write(f"{line}content-length: {len(raw)}\r\n\r\n".encode() + raw)
                await writer.drain()

    async with listening(serve) as port:
        sink.port, sink.url = port, f"http://127.0.0.1:{port}"
        yield sink


class Mail(NamedTuple):
    """A mail as its server got it."""

    envelope: Envelope
    message: EmailMessage


@asynccontextmanager
async def mail_server() -> AsyncIterator[Sink]:
    """The shop's own SMTP server."""
    sink = Sink()

    class Handler:
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            sink.put(Mail(envelope, message))
            return "250 2.0.0 taken"

    loop = asyncio.get_running_loop()
    protocols: list[SMTP] = []

    def make() -> SMTP:
        protocols.append(SMTP(Handler(), hostname="sink.example", enable_SMTPUTF8=True, loop=loop))
        return protocols[-1]

    server = await loop.create_server(make, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        await server.wait_closed()
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.close()


class Providers(NamedTuple):
    """All of them."""

    mail: Sink
    telegram: Sink
    whatsapp: Sink

    def channels(self, secrets: Path) -> list[dict[str, Any]]:
        """The desk's channels that use them; their secrets lie in that folder."""
        mail = {"host": "127.0.0.1", "port": self.mail.port, "tls": "none"}
        return [
            {"channel": "chat", "account": "www", "units": 30},
            {"channel": "email", "account": MAILBOX, "units": 10, "smtp": mail},
            {
                "channel": "telegram",
                "account": "bot",
                "secret": _kept(secrets, BOT_TOKEN),
                "app_secret": _kept(secrets, HOOK_TOKEN),
                "base_url": self.telegram.url,
            },
            {
                "channel": "whatsapp",
                "account": WA_NUMBER,
                "phone_number_id": WA_NUMBER_ID,
                "secret": _kept(secrets, WA_TOKEN),
                "app_secret": _kept(secrets, WA_APP_SECRET),
                "verify_token": _kept(secrets, WA_VERIFY),
                "base_url": f"{self.whatsapp.url}/v23.0",
            },
        ]


def _kept(folder: Path, value: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / hashlib.sha256(value.encode()).hexdigest()
    path.write_text(f"{value}\n")
    return f"file:{path}"


@asynccontextmanager
async def providers() -> AsyncIterator[Providers]:
    """A mail server, Telegram and WhatsApp."""
    async with mail_server() as mail, http_provider(telegram) as bot, http_provider(whatsapp) as phone:
        yield Providers(mail, bot, phone)


def telegram_update(text: str, message_id: int, at_s: int, chat: int = 77001, **more: Any) -> dict[str, Any]:
    """An Update as Telegram posts it."""
    person = {"id": chat, "is_bot": False, "first_name": "Ewa", "last_name": "Zielińska"}
    message = {
        "message_id": message_id,
        "date": at_s,
        "chat": {"id": chat, "type": "private"},
        "from": person,
    }
    return {"update_id": 5_000 + message_id, "message": {**message, "text": text, **more}}


def whatsapp_post(at_s: int, **value: Any) -> bytes:
    """A POST of the Cloud API about the desk's number."""
    metadata = {"display_phone_number": WA_NUMBER, "phone_number_id": WA_NUMBER_ID}
    whole = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    entry = {"id": "0", "changes": [{"field": "messages", "value": whole}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def whatsapp_text(text: str, wamid: str, at_s: int, number: str = "48601602603", **more: Any) -> bytes:
    """A customer's text message."""
    message = {"from": number, "id": wamid, "timestamp": str(at_s), "type": "text", "text": {"body": text}}
    contacts = [{"wa_id": number, "profile": {"name": "Piotr Mazur"}}]
    return whatsapp_post(at_s, contacts=contacts, messages=[{**message, **more}])


def signature(body: bytes, secret: str = WA_APP_SECRET) -> dict[str, str]:
    """The header by which WhatsApp signs."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
