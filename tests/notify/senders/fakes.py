"""Providers on loopback that speak the real protocols, and note what they were given."""

from __future__ import annotations

import asyncio
import contextlib
import json
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from proto.v1.content_pb2 import MessageContent, MessageRoute
from proto.v1.desk_pb2 import SMTP_TLS_NONE, Account, DeskConfig
from proto.v1.notices_pb2 import SEND_KIND_REPLY, SendRequested
from services.kernel.ids import derive_id
from services.notify.senders import SendRequest
from tests.story import START_MS

SEND_ID = derive_id("s", "a send")
CONVERSATION = derive_id("c", "a conversation")
KEY = b"k" * 32


def request(account: Account, text: str = "Dzień dobry, paczka już jedzie.", **more: Any) -> SendRequest:
    """An attempt to send a reply by that account."""
    fields: dict[str, Any] = {
        "send_id": SEND_ID,
        "requested": SendRequested(
            send_id=SEND_ID,
            kind=SEND_KIND_REPLY,
            conversation_id=CONVERSATION,
            channel=account.channel,
            account=account.account,
        ),
        "content": MessageContent(text=text),
        "route": MessageRoute(address="jan@example.com", name="Jan Kowalski"),
        "account": account,
        "desk_id": "rowery",
        "desk": DeskConfig(name="Sklep Rowerowy", locale="pl", time_zone="Europe/Warsaw"),
        "desk_key": KEY,
        "requested_ms": START_MS,
        "now_ms": START_MS + 5_000,
    }
    return SendRequest(**{**fields, **more})


@dataclass
class Call:
    """One HTTP request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Reply:
    """One HTTP answer. `cut`: the connection is closed instead, after the request was read."""

    status: int = 200
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    hang: bool = False


class HttpFake:
    """An HTTP/1.1 server that answers by a script; the last answer repeats."""

    def __init__(self, *script: Reply) -> None:
        self.script = list(script)
        self.calls: list[Call] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {k.lower(): v.strip() for k, v in (h.split(":", 1) for h in head[1:] if h)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.calls.append(Call(method, path, headers, body))
                reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if reply.hang:
                    await reader.read()
                if reply.cut or reply.hang:
                    break
                writer.write(_answer(reply))
                await writer.drain()


def _answer(reply: Reply) -> bytes:
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    lines = [f"HTTP/1.1 {reply.status} Word", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A TCP server on a free port of loopback."""
    tasks: set[asyncio.Task[None]] = set()

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            # Cancelled only at the end of the test, and then there is nobody left to tell.
            with contextlib.suppress(asyncio.CancelledError):
                await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@contextlib.asynccontextmanager
async def http_fake(*script: Reply) -> AsyncIterator[HttpFake]:
    """A running HttpFake."""
    fake = HttpFake(*script)
    async with listening(fake.serve) as port:
        fake.url = f"http://127.0.0.1:{port}"
        yield fake


class MailFake:
    """aiosmtpd's handler: takes mails, or refuses them at a stated step."""

    def __init__(self, rcpt: str = "", data: str = "") -> None:
        self.rcpt = rcpt
        self.data = data
        self.mails: list[Envelope] = []
        self.port = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """RCPT TO."""
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The end of the text."""
        if self.data:
            return self.data
        self.mails.append(envelope)
        return "250 2.0.0 taken"


@contextlib.asynccontextmanager
async def mail_fake(password: str = "", **refusals: str) -> AsyncIterator[MailFake]:
    """A real SMTP server; with `password` it wants user "pomoc" and that one."""
    handler = MailFake(**refusals)

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = (data.login, data.password) == (b"pomoc", password.encode())
        return AuthResult(success=good, handled=False)

    loop = asyncio.get_running_loop()
    protocols: list[SMTP] = []

    def make() -> SMTP:
        with warnings.catch_warnings():
            # It warns of passwords without TLS: on loopback there is nobody to overhear them.
            warnings.simplefilter("ignore")
            protocol = SMTP(
                handler,
                hostname="fake.example",
                enable_SMTPUTF8=True,
                auth_required=bool(password),
                auth_require_tls=False,
                authenticator=authenticate if password else None,
                loop=loop,
            )
        protocols.append(protocol)
        return protocol

    server = await loop.create_server(make, "127.0.0.1", 0)
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        server.close()
        await server.wait_closed()
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.close()


def mail_account(port: int, **more: Any) -> Account:
    """A mailbox that submits to that port without TLS."""
    return Account(
        channel="email",
        account="pomoc@rowery.example",
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_tls=SMTP_TLS_NONE,
        **more,
    )
