"""Mail by SMTP, sent by the standard library's client over a real connection."""

from __future__ import annotations

import asyncio
import logging
import smtplib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from proto.v1.inbound_pb2 import AutoKind
from services.ingest.smtp import MailDoor, account_of
from services.kernel.errors import Busy, Fenced
from services.kernel.limits import MAIL_BYTES_MAX
from services.kernel.reply_token import reply_address
from services.runtime.event_log import LogReset
from tests.ingest.edge import DESK, MAIL, SECOND_MAIL, Edge

SENDER = "jan@klient.example"
RAW = f"From: Jan <{SENDER}>\r\nTo: {MAIL}\r\nMessage-ID: <1@k>\r\n\r\nGdzie jest?\r\n".encode()


class Door:
    """A listening server and its edge."""

    def __init__(self, edge: Edge, port: int) -> None:
        self.edge, self.port = edge, port

    async def talk(self, talk: Callable[[smtplib.SMTP], Any]) -> Any:
        """Run one client's conversation."""

        def run() -> Any:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as client:
                client.ehlo()
                return talk(client)

        return await asyncio.to_thread(run)

    async def send(self, raw: bytes = RAW, to: tuple[str, ...] = (MAIL,), sender: str = SENDER) -> Any:
        """Send one mail; returns the refused recipients."""
        return await self.talk(lambda client: client.sendmail(sender, list(to), raw))


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A server on a free port."""
    edge = Edge()
    server = await MailDoor(edge.intake, "mx.rowery.example").listen("127.0.0.1", 0)
    yield Door(edge, server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()


async def test_a_mail_is_stored_before_it_is_accepted(door: Door) -> None:
    """250 comes when the record is in the mailbox, under the envelope's account and sender."""
    assert await door.send() == {}
    [record] = await door.edge.records()
    assert (record.desk_id, record.message.channel, record.message.account) == (DESK, "email", MAIL)


async def test_one_message_for_each_account(door: Door) -> None:
    """Several addresses of one account are one message; another account gets its own."""
    await door.send(to=(MAIL, f"pomoc+x@{MAIL.partition('@')[2]}", MAIL.upper(), SECOND_MAIL))
    assert [record.message.account for record in await door.edge.records()] == [MAIL, SECOND_MAIL]


@pytest.mark.parametrize(
    ("account", "to"),
    [
        ("pomoc@żółw.example", "Pomoc+c1@XN--w-uga1v8h.example"),
        ("pomoc@xn--w-uga1v8h.example", "pomoc@żółw.example"),
        ("pomoc@żółw.example", "pomoc@żółw.example"),
    ],
)
async def test_a_domain_with_letters_of_its_own_is_found_in_both_forms(account: str, to: str) -> None:
    """Mail servers write a domain as DNS has it, a desk as people do, or the other way about."""
    assert account_of(to, {account: DESK}) == account
    assert account_of(to, {MAIL: DESK}) is None


async def test_a_reply_token_in_the_envelope_is_read(door: Door) -> None:
    """A mail to the address that we gave a conversation comes with the conversation's name."""
    conversation = "c" + "e" * 32
    await door.send(to=(reply_address(door.edge.sealing.desk_key(DESK), conversation, MAIL),))
    [record] = await door.edge.records()
    assert record.message.reply_conversation_id == conversation


async def test_a_mailbox_that_nobody_has_is_refused(door: Door) -> None:
    """550 for an address of no desk, at once; the others of the mail get theirs."""
    refused = await door.send(to=(MAIL, "kto@rowery.example"))
    assert refused["kto@rowery.example"][0] == 550
    assert len(await door.edge.records()) == 1


@pytest.mark.parametrize("failure", [Busy("full"), LogReset(), Fenced("gone")])
async def test_what_is_not_stored_is_not_accepted(door: Door, failure: Exception) -> None:
    """451 while the log does not take it; the same mail sent again is stored once."""
    door.edge.log.failures.append(failure)
    with pytest.raises(smtplib.SMTPDataError) as caught:
        await door.send()
    assert caught.value.smtp_code == 451
    assert await door.edge.records() == []
    await door.send()
    assert len(await door.edge.records()) == 1


async def test_a_mail_that_is_too_large_is_refused(door: Door) -> None:
    """552 for a mail over the bound, said before its data where the client names its size."""
    with pytest.raises(smtplib.SMTPSenderRefused) as caught:
        await door.send(raw=b"x" * (MAIL_BYTES_MAX + 1))
    assert caught.value.smtp_code == 552


async def test_long_lines_and_lone_dots_come_through(door: Door) -> None:
    """A line of a megabyte is no reason to lose a mail, and a dot at a line's start stays one."""
    line = b"a" * 500_000
    await door.send(raw=b"From: a@b.example\r\n\r\n.dot\r\n" + line + b"\r\n.\r\nend\r\n")
    [record] = await door.edge.records()
    assert record.HasField("message")


async def test_a_bounce_has_no_sender(door: Door) -> None:
    """The null path is taken, and the mail is known as nobody's."""
    await door.send(raw=b"From: MAILER-DAEMON@mx\r\nSubject: Undeliverable\r\n\r\nx", sender="")
    [record] = await door.edge.records()
    assert record.message.auto_kind == AutoKind.AUTO_KIND_BOUNCE


async def test_utf8_addresses_are_taken(door: Door) -> None:
    """SMTPUTF8: a sender with Polish letters can write."""

    def talk(client: smtplib.SMTP) -> Any:
        return client.sendmail("żółw@klient.example", [MAIL], RAW, mail_options=["SMTPUTF8"])

    assert await door.talk(talk) == {}
    assert len(await door.edge.records()) == 1


async def test_what_nobody_can_parse_is_kept(door: Door) -> None:
    """A mail that breaks the parser is accepted and quarantined; the next one goes through."""
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (i, i) for i in range(1_500)
    )
    await door.send(raw=nested)
    await door.send()
    kinds = [record.WhichOneof("body") for record in await door.edge.records()]
    assert kinds == ["unparsed", "message"]


async def test_a_mail_with_nobody_in_it_is_kept(door: Door) -> None:
    """Without From and with the null path there is nobody to answer: quarantine."""
    await door.send(raw=b"Subject: x\r\n\r\nx", sender="")
    assert [record.WhichOneof("body") for record in await door.edge.records()] == ["unparsed"]


async def test_the_accounts_name_is_the_desks(door: Door) -> None:
    """However envelope and configuration write the address, the record names the account as configured."""
    door.edge.desks.desk.accounts.add(channel="email", account="Biuro@Rowery.example")
    await door.send(to=("BIURO@rowery.EXAMPLE",))
    assert [record.message.account for record in await door.edge.records()] == ["Biuro@Rowery.example"]


@pytest.mark.parametrize("year", ["1999", "2099"])
async def test_a_wrong_clock_loses_no_mail(door: Door, year: str) -> None:
    """A Date that is far from now is not believed: the mail counts as sent at an unknown time."""
    await door.send(raw=f"From: a@b.example\r\nDate: Mon, 1 Mar {year} 10:00:00 +0100\r\n\r\nx".encode())
    [record] = await door.edge.records()
    assert record.message.sent_at_ms == 0


async def test_a_customers_words_never_reach_the_log(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Who pipes a mail's lines as commands is refused, and nothing of it is written."""
    caplog.set_level(logging.DEBUG)

    def pipe(client: smtplib.SMTP) -> list[int]:
        lines = ("tajne slowo w tresci", f"MAIL FROM:<{SENDER}> tajne", "AUTH tajne")
        return [client.docmd(line)[0] for line in lines]

    assert all(code >= 500 for code in await door.talk(pipe))
    assert "tajne" not in caplog.text
    assert SENDER not in caplog.text


async def test_a_mail_that_says_nothing_is_quarantined(door: Door) -> None:
    """No From, no subject, no text, no file: kept aside; any of them makes it a message."""
    for raw in (b"\r\n", b"Message-ID: <2@k>\r\n\r\n \r\n", b"Subject: ?\r\n\r\n", b"\r\nhej\r\n"):
        assert await door.send(raw) == {}
    kinds = [record.WhichOneof("body") for record in await door.edge.records()]
    assert kinds == ["unparsed", "unparsed", "message", "message"]
