"""Mail by SMTP submission (RFC 6409), through aiosmtplib.

SMTP has no idempotency key, but one clear moment: until DATA nothing can have been sent; after the answer
to the text everything is known; between the two nobody knows. A 4xx is "later", a 5xx is "never" (RFC 5321
section 4.2.1), but for greetings, TLS and credentials, which an operator puts right.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import aiosmtplib

from proto.v1.desk_pb2 import SMTP_TLS_IMPLICIT, SMTP_TLS_NONE, Account
from services.notify.senders import SendRequest, SendResult, failed, retry, sent, uncertain
from services.notify.senders.guard import REFUSED, Guard, PrivateTarget
from services.notify.senders.mail import build, domain_of, message_id
from services.runtime.secrets import Secrets

QUIT_WITHIN_S = 1.0
_CREDENTIALS = frozenset({530, 534, 535, 538})
"""RFC 4954 section 6: authentication wanted, too weak, refused, or only with TLS."""


class SmtpSender:
    """Hands a mail to the account's submission server: one connection a mail."""

    def __init__(self, secrets: Secrets, tls: ssl.SSLContext, guard: Guard) -> None:
        self._secrets = secrets
        self._guard = guard
        self._tls = tls

    async def send(self, request: SendRequest, within_s: float) -> SendResult:
        """See the port. The provider's id is our Message-ID."""
        account = request.account
        password = self._secrets(account.smtp_secret or account.secret) if account.smtp_user else ""
        if password is None:
            return retry("smtp: the account's secret is not set")
        try:
            attempt = _Attempt(request)
            client = _client(account, self._tls, within_s)
        except ValueError:
            return failed("smtp: an address that cannot be written to")
        try:
            async with asyncio.timeout(within_s):
                # Ours, so that not even a greeting goes to an address that was not judged.
                await client.connect(sock=await self._guard.connect(account.smtp_host, _port(account)))
                if account.smtp_user:
                    await client.login(account.smtp_user, password)
                await attempt.transact(client)
        except PrivateTarget:
            return failed(f"smtp: {REFUSED}")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return attempt.judge(error)
        finally:
            await _leave(client)
        return sent(message_id(request))


class _Attempt:
    """A mail transaction, and how far it has come."""

    def __init__(self, request: SendRequest) -> None:
        self._data, international = build(request)
        self._sender = _envelope(request.account.account)
        self._recipient = _envelope(request.route.address)
        self._options = ["SMTPUTF8"] if international else []
        self._mail_begun = False
        self._data_begun = False

    async def transact(self, client: aiosmtplib.SMTP) -> None:
        """MAIL, RCPT, DATA."""
        self._mail_begun = True
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        if self._options and not client.supports_extension("smtputf8"):
            raise aiosmtplib.SMTPSenderRefused(550, "no SMTPUTF8", "")
        await client.mail(self._sender, options=self._options, encoding="utf-8")
        await client.rcpt(self._recipient, encoding="utf-8")
        self._data_begun = True
        await client.data(self._data)

    def judge(self, error: Exception) -> SendResult:
        """What an error at this point means."""
        if isinstance(error, aiosmtplib.SMTPResponseException) and 400 <= error.code < 600:
            said = f"smtp {error.code}"
            if error.code in _CREDENTIALS or isinstance(error, aiosmtplib.SMTPAuthenticationError):
                return retry(f"{said}: credentials refused")
            if error.code >= 500 and self._mail_begun:
                return failed(said)
            return retry(said)
        said = f"smtp: {type(error).__name__}"
        return uncertain(f"{said} after DATA was begun") if self._data_begun else retry(said)


def _port(account: Account) -> int:
    usual = {SMTP_TLS_IMPLICIT: 465, SMTP_TLS_NONE: 25}
    return account.smtp_port or usual.get(account.smtp_tls, 587)


def _client(account: Account, tls: ssl.SSLContext, within_s: float) -> aiosmtplib.SMTP:
    implicit, plain = account.smtp_tls == SMTP_TLS_IMPLICIT, account.smtp_tls == SMTP_TLS_NONE
    return aiosmtplib.SMTP(
        hostname=account.smtp_host,
        local_hostname=domain_of(account.account),
        timeout=within_s,
        use_tls=implicit,
        start_tls=not implicit and not plain,
        tls_context=None if plain else tls,
    )


def _envelope(address: str) -> str:
    local, _, domain = address.strip().rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}" if local.isascii() else f"{local}@{domain}"


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye if anybody still listens; the result is known already."""
    if client.is_connected:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(QUIT_WITHIN_S):
                await client.quit()
    client.close()
