"""Mail by SMTP into the process: a mail is accepted when it is durable, and not before.

    250 stored · 451 try again (the mailbox is busy or was reset) · 550 no desk has that address
    552 larger than MAIL_BYTES_MAX

One message for each account among the recipients, however many of its addresses are named. A mail that
says nothing, or that nobody can parse, is accepted too: it is quarantined with its raw bytes, since
refusing it would only make its sender's server try again for days. The server has no encryption and no
signatures of its own: it stands behind a mail exchanger that has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import idna
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.ingest.channels import Item, ParsedMessage, email
from services.ingest.intake import Intake
from services.kernel.errors import Busy, CentralaError, Fenced
from services.kernel.limits import DAY_MS, MAIL_BYTES_MAX
from services.kernel.reply_token import plain_address
from services.runtime.event_log import LogReset

_log = logging.getLogger(__name__)

LINE_BYTES_MAX = 1_048_576
"""RFC 5321 allows 1,000 bytes a line; real mail does not keep to it, and is not lost for it."""
IN_THREAD_BYTES = 65_536
"""Larger mails are parsed in a thread, so that the loops go on."""
RECIPIENTS_MAX = 1_000
DATE_OFF_MS_MAX = 30 * DAY_MS
"""Longer than any server keeps trying (RFC 5321 section 4.5.4.1: at least 4 to 5 days)."""
IDLE_S = 300
"""RFC 5321 section 4.5.3.2.7: a server waits at least five minutes for the next command."""


Observe = Callable[[str, str, float], None]
"""Told of each answer to a recipient or a mail: the command, the answer's code, seconds."""


class _Server(SMTP):
    line_length_limit = LINE_BYTES_MAX


class MailDoor:
    """The handler of aiosmtpd's hooks, and the server around it."""

    def __init__(self, intake: Intake, hostname: str = "", observe: Observe | None = None) -> None:
        self._intake = intake
        self._hostname = hostname
        self._observe = observe

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Begin to accept mail; port 0 takes any that is free. Raises OSError if the port is taken."""
        # aiosmtpd writes every command at INFO, what it takes for none at WARNING, and the envelope with an
        # error: addresses and customers' words. What goes wrong here is logged by the handler.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)
        return await asyncio.get_running_loop().create_server(self._protocol, host, port)

    def _protocol(self) -> SMTP:
        return _Server(
            self,
            data_size_limit=MAIL_BYTES_MAX,
            enable_SMTPUTF8=True,
            hostname=self._hostname or None,
            ident="Centrala",
            timeout=IDLE_S,
        )

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Take a recipient only if it is an account of a desk."""
        answer = await self._recipient(envelope, address)
        self._told("RCPT", answer, 0.0)
        return answer

    async def _recipient(self, envelope: Envelope, address: str) -> str:
        if len(envelope.rcpt_tos) >= RECIPIENTS_MAX:
            return "452 4.5.3 Too many recipients"
        try:
            accounts = await self._intake.desks.email_accounts()
        except Busy as busy:
            return _busy(busy)
        if account_of(address, accounts) is None:
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Store the mail for each account it is for; 250 when all of it is durable."""
        began_s = self._intake.clock.monotonic_s()
        answer = await self._stored(envelope)
        self._told("DATA", answer, self._intake.clock.monotonic_s() - began_s)
        return answer

    def _told(self, command: str, answer: str, seconds: float) -> None:
        if self._observe is not None:
            self._observe(command, answer[:3], seconds)

    async def _stored(self, envelope: Envelope) -> str:
        raw = _as_bytes(envelope.content)
        by_account: dict[str, list[str]] = {}
        try:
            accounts = await self._intake.desks.email_accounts()
            for address in envelope.rcpt_tos:
                account = account_of(address, accounts)
                if account is None:
                    return "451 4.3.0 The mailbox has just gone; try again"
                by_account.setdefault(account, []).append(address)
            for account, addresses in by_account.items():
                await self._take(raw, account, accounts[account], envelope.mail_from, tuple(addresses))
        except Busy as busy:
            return _busy(busy)
        except (LogReset, Fenced):
            return "451 4.3.0 Not stored, try again"
        except CentralaError:
            _log.exception("a mail could not be stored")
            return "451 4.3.0 Not stored, try again"
        return "250 2.0.0 Stored"

    async def _take(
        self, raw: bytes, account: str, desk_id: str, mail_from: str | None, addresses: tuple[str, ...]
    ) -> None:
        await self._intake.desks.prepare(desk_id)
        account = self._as_configured(desk_id, account)
        path = (mail_from or "").strip("<>")  # the null path comes as "<>"
        if len(raw) > IN_THREAD_BYTES:
            items = await asyncio.to_thread(email.parse, raw, account, path, addresses)
        else:
            items = email.parse(raw, account, path, addresses)
        items = [_dated(item, self._intake.clock.now_ms()) for item in items]
        await self._intake.submit_all(desk_id, items, source=(email.CHANNEL, account))

    def _as_configured(self, desk_id: str, address: str) -> str:
        """The account's name as the desk writes it, in whatever letters the envelope does."""
        desk = self._intake.desks.get(desk_id)
        names = (one.account for one in (desk.accounts if desk else ()) if one.channel == email.CHANNEL)
        return next((name for name in names if name.lower() == address), address)

    async def handle_exception(self, error: Exception) -> str:
        """A bug of ours is the sender's temporary trouble: nothing is lost."""
        _log.error("the mail server failed", exc_info=error)
        return "451 4.3.0 An error of ours; try again"


def _busy(busy: Busy) -> str:
    return f"451 4.3.2 Busy, try again in {max(1, round(busy.retry_after_s))} s"


def account_of(address: str, accounts: Mapping[str, Any]) -> str | None:
    """The account that an address belongs to: itself, or what stands before its plus sign; its domain in
    letters or as DNS has it, since mail servers pass on the one and desks write the other."""
    for form in _forms(address.lower()):
        for candidate in (form, plain_address(form)):
            if candidate in accounts:
                return candidate
    return None


def _forms(address: str) -> Iterator[str]:
    yield address
    local, _, domain = address.rpartition("@")
    with contextlib.suppress(UnicodeError):  # a domain that cannot be is nobody's here
        if domain.isascii():
            yield f"{local}@{idna.decode(domain)}"
        else:
            yield f"{local}@{idna.encode(domain, uts46=True).decode()}"


def _dated(item: Item, now_ms: int) -> Item:
    """A mail's Date is its sender's word, and clocks stand wrong: one that is far off is not known, so
    that nobody's mail is taken for an old one come again."""
    if isinstance(item, ParsedMessage) and not -DATE_OFF_MS_MAX < item.sent_at_ms - now_ms < DATE_OFF_MS_MAX:
        return replace(item, sent_at_ms=0)
    return item


def _as_bytes(content: bytes | str | None) -> bytes:
    return content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content or b""
