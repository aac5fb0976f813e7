"""What surrounds the engine: its loop, and the calls of providers that it decided on.

An attempt is called when it is on the log, in a task of its own, and never after its lease. What came of it
goes to the mailbox under an id that follows from the send and the attempt, so it counts once. Nothing is
called because of a restart: an attempt without a result runs out of its lease, and the engine decides.

How many calls are under way at once is bounded by the engine, for each account
(`schedule.ACCOUNT_IN_FLIGHT_MAX`): an attempt that had to wait here would waste its lease.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

import httpx
from google.protobuf.message import DecodeError

from proto.v1.content_pb2 import Attachment, IdentityContent, MessageContent, MessageRoute
from proto.v1.desk_pb2 import Account, DeskConfig
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import Inbound, SendOutcome, SendReport
from proto.v1.notices_pb2 import SendRequested
from services.kernel.errors import Corrupt, Invalid
from services.kernel.external_ids import external_hash
from services.kernel.ids import derive_id
from services.kernel.limits import SEND_TIMEOUT_MS
from services.notify import engine
from services.notify.figures import Figures
from services.notify.invariants import Invariants
from services.notify.send import Send
from services.notify.senders import Sender, SendRequest, SendResult, failed, retry, uncertain
from services.notify.senders.guard import Guard
from services.notify.senders.http import Http
from services.notify.senders.smtp import SmtpSender
from services.notify.senders.telegram import TelegramSender
from services.notify.senders.webhook import WebhookSender
from services.notify.senders.whatsapp import WhatsAppSender
from services.notify.state import State
from services.notify.templates import render
from services.notify.ways import account_of
from services.runtime.event_log import TRY_LATER
from services.runtime.logs import about
from services.runtime.loop import Committed, Loop
from services.runtime.metrics_desks import channel_label
from services.runtime.project_conversations import word
from services.runtime.secrets import Secrets, first_line

if TYPE_CHECKING:
    from services.runtime.main import App

STOP_WITHIN_S = 0.5
"""At a stop, calls under way get this long; what is cut is found uncertain by its lease."""
REPORT_WAITS_S = (0.0, 0.1, 0.5, 2.0, 5.0)
"""Waits before appending a report (again), while the log is taken over."""

_log = logging.getLogger(__name__)


def bind(app: App) -> None:
    """Run the notify engine in this process, and call providers as it decides."""
    # Both write whole URLs at INFO and DEBUG, and Telegram's holds the token.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    loop = app.add_loop(engine, lazy=engine.INPUTS)
    tls, guard = httpx.create_ssl_context(), Guard(app.settings.private_targets)
    http = Http(tls, guard)
    by_channel = senders(http, first_line(app.settings), tls, guard)
    for channel in by_channel:
        for outcome in SendOutcome.values()[1:]:
            app.metrics.provider_calls.labels(channel, word(SendOutcome, outcome))
    calls = Calls(app, loop, by_channel)
    loop.listen(calls.committed)
    app.metrics.invariants[engine.TOPIC] = Invariants
    app.metrics.figures[engine.TOPIC] = Figures(app.metrics, app.clock)
    app.add_task("sends", calls.run)
    app.on_close(http.close)


def senders(http: Http, secrets: Secrets, tls: ssl.SSLContext, guard: Guard) -> dict[str, Sender]:
    """A sender for each channel that has one of ours, and "webhook" for everything with a URL."""
    return {
        "email": SmtpSender(secrets, tls, guard),
        "telegram": TelegramSender(http, secrets),
        "whatsapp": WhatsAppSender(http, secrets),
        "webhook": WebhookSender(http, secrets),
    }


class Calls:
    """Calls providers for attempts that are committed, and reports what came of it."""

    def __init__(self, app: App, loop: Loop, by_channel: Mapping[str, Sender]) -> None:
        self._app = app
        self._loop = loop
        self._senders = by_channel
        self._committed: asyncio.Queue[tuple[str, str, int, int]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    def committed(self, batch: Committed) -> None:
        """Take the attempts of an acknowledged batch."""
        for event in batch.events:
            if event.WhichOneof("body") == "attempted":
                body = event.attempted
                self._committed.put_nowait((event.desk_id, body.send_id, body.attempt, body.lease_until_ms))

    async def run(self) -> None:
        """Start a task for each attempt until cancelled; then give those under way a moment."""
        try:
            while True:
                attempt = await self._committed.get()
                task = asyncio.create_task(self._attempt(*attempt))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=STOP_WITHIN_S)
            for task in self._tasks:
                task.cancel()

    async def _attempt(self, desk_id: str, send_id: str, attempt: int, lease_ms: int) -> None:
        with self._app.tracing.call(send_id):
            await self._try(desk_id, send_id, attempt, lease_ms)

    async def _try(self, desk_id: str, send_id: str, attempt: int, lease_ms: int) -> None:
        state: State = self._loop.state
        send = state.data.sends.get(send_id)
        if send is None or send.attempt != attempt:
            return
        requested = SendRequested.FromString(send.request)
        started_s = self._app.clock.monotonic_s()
        try:
            result = await self._call(state, send, requested, lease_ms)
        except Exception as error:
            # A bug in a sender: the provider may have been called. Its words could hold content.
            name = type(error).__name__
            _log.error("send %s attempt %d: %s", send_id, attempt, name, extra=about(send))
            result = uncertain(type(error).__name__)
        channel = channel_label("webhook" if requested.url else requested.channel)
        seconds = self._app.clock.monotonic_s() - started_s
        self._app.metrics.provider_seconds.labels(channel).observe(seconds)
        self._app.metrics.provider_calls.labels(channel, word(SendOutcome, result.outcome)).inc()
        await self._report(desk_id, requested, attempt, result)

    async def _call(self, state: State, send: Send, requested: SendRequested, lease_ms: int) -> SendResult:
        sender = self._senders.get("webhook" if requested.url else requested.channel)
        if sender is None:
            return failed(f"no sender for {requested.channel}")
        desk = state.configs.get(send.desk_id) or DeskConfig()
        account = account_of(desk, requested.channel, requested.account)
        if account is None and not requested.url:
            return failed("the account is no longer configured")
        try:
            opened = await self._open(requested, desk)
        except (Corrupt, Invalid, DecodeError) as error:
            return failed(f"content cannot be read: {type(error).__name__}")
        except Exception as error:
            # The key store or the blobs fail: nobody was called, and later they may be there again.
            return retry(f"content cannot be read now: {type(error).__name__}")
        if opened is None:
            return failed("customer erased")
        content, route, attachments = opened
        now_ms = self._app.clock.now_ms()
        within_ms = min(lease_ms - now_ms, SEND_TIMEOUT_MS)
        if within_ms <= 0:
            return retry("the lease was over before the call")
        request = SendRequest(
            send_id=send.send_id,
            requested=requested,
            content=content,
            route=route,
            account=account or Account(channel=requested.channel, account=requested.account),
            desk_id=send.desk_id,
            desk=desk,
            desk_key=self._app.sealing.desk_key(send.desk_id),
            requested_ms=send.requested_ms,
            now_ms=now_ms,
            attachments=attachments,
        )
        return await sender.send(request, within_ms / 1000)

    async def _open(
        self, requested: SendRequested, desk: DeskConfig
    ) -> tuple[MessageContent, MessageRoute, list[tuple[Attachment, bytes]]] | None:
        """The words, where they go, and what is attached; None if a key of it was erased."""
        if requested.event_json:
            return MessageContent(), MessageRoute(), []
        route: MessageRoute | None
        if requested.route_is_identity:
            identity = await self._app.sealing.open(requested.route, IdentityContent)
            route = MessageRoute(address=identity.address, name=identity.name) if identity else None
        else:
            route = await self._app.sealing.open(requested.route, MessageRoute)
        if requested.notice_kind:
            content: MessageContent | None = render(requested, desk)
        else:
            content = await self._app.sealing.open(requested.content, MessageContent)
        if content is not None and content.full_blob:
            whole = await self._blob(content.full_blob)
            content = MessageContent.FromString(whole) if whole is not None else None
        if content is None or route is None:
            return None
        attachments = []
        if requested.channel == "email" or requested.url:
            for attachment in content.attachments:
                data = await self._blob(attachment.blob) if attachment.blob else None
                if data is None:
                    raise Corrupt("an attachment is gone")
                attachments.append((attachment, data))
        return content, route, attachments

    async def _blob(self, blob_id: str) -> bytes | None:
        sealed = await self._app.blobs.get(blob_id)
        return None if sealed is None else await self._app.sealing.open_bytes(Sealed.FromString(sealed))

    async def _report(self, desk_id: str, requested: SendRequested, attempt: int, result: SendResult) -> None:
        """Tell the mailbox. If that fails for long, the lease tells the engine that nobody knows."""
        provider_id_hash = b""
        if result.provider_id:
            key = self._app.sealing.desk_key(desk_id)
            provider_id_hash = external_hash(key, requested.channel, requested.account, result.provider_id)
        record = Inbound(
            desk_id=desk_id,
            record_id=derive_id("r", requested.send_id, str(attempt)),
            send_report=SendReport(
                send_id=requested.send_id,
                attempt=attempt,
                outcome=result.outcome,
                provider_id_hash=provider_id_hash,
                error=result.error,
                retry_after_ms=result.retry_after_ms,
            ),
        ).SerializeToString()
        for wait_s in REPORT_WAITS_S:
            await asyncio.sleep(wait_s)
            try:
                await self._app.log.append("inbound", self._loop.partition, [record])
            except TRY_LATER as error:
                _log.warning("report of %s: %s", requested.send_id, type(error).__name__)
            else:
                return
