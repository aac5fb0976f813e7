"""Mail as a real SMTP server gets it, and what its refusals and silences mean."""

from __future__ import annotations

import asyncio
import email
import ssl
from dataclasses import replace
from email import policy

import pytest

from proto.v1.content_pb2 import Attachment, MessageContent, MessageRoute
from proto.v1.desk_pb2 import DeskConfig
from proto.v1.inbound_pb2 import (
    AUTO_KIND_AUTO_REPLY,
    SEND_OUTCOME_FAILED,
    SEND_OUTCOME_RETRY,
    SEND_OUTCOME_SENT,
    SEND_OUTCOME_UNCERTAIN,
)
from proto.v1.notices_pb2 import SEND_KIND_NOTICE
from services.ingest.channels import ParsedMessage
from services.ingest.channels.email import parse
from services.kernel.reply_token import conversation_of
from services.notify.senders import SendRequest
from services.notify.senders.guard import Guard
from services.notify.senders.mail import REFERENCES_MAX, build
from services.notify.senders.smtp import SmtpSender
from tests.notify.senders import fakes

SENDER = SmtpSender({"env:PASSWORD": "open sesame"}.get, ssl.create_default_context(), Guard(True))


def parsed(raw: bytes) -> email.message.EmailMessage:
    """A mail as a mail program reads it."""
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, email.message.EmailMessage)
    return message


def answer_to(references: list[str], **more: str) -> SendRequest:
    """A reply to a mail with these References."""
    route = MessageRoute(
        address="jan@example.com",
        name="Jan Kowalski",
        external_id="<theirs@example.com>",
        references=references,
        subject=more.get("subject", "Gdzie jest moje zamówienie?"),
    )
    return fakes.request(fakes.mail_account(25), route=route)


async def test_reply_arrives_in_its_thread() -> None:
    """A reply keeps subject and thread, and its Reply-To names the conversation by a token of ours."""
    async with fakes.mail_fake() as fake:
        request = replace(answer_to(["<first@example.com>"]), account=fakes.mail_account(fake.port))
        result = await SENDER.send(request, 5)
    assert (result.outcome, result.error) == (SEND_OUTCOME_SENT, "")
    assert result.provider_id == f"<{fakes.SEND_ID}@rowery.example>"
    (envelope,) = fake.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("pomoc@rowery.example", ["jan@example.com"])
    assert isinstance(envelope.content, bytes)
    mail = parsed(envelope.content)
    assert mail["message-id"] == result.provider_id
    assert mail["in-reply-to"] == "<theirs@example.com>"
    assert mail["references"].split() == ["<first@example.com>", "<theirs@example.com>"]
    assert mail["subject"] == "Re: Gdzie jest moje zamówienie?"
    assert mail["from"] == "Sklep Rowerowy <pomoc@rowery.example>"
    assert mail["to"] == "Jan Kowalski <jan@example.com>"
    assert conversation_of(fakes.KEY, mail["reply-to"].addresses[0].addr_spec) == fakes.CONVERSATION
    assert mail["date"] is not None
    assert mail["auto-submitted"] is None
    body = mail.get_body()
    assert body is not None
    assert body.get_content().strip() == "Dzień dobry, paczka już jedzie."


async def test_account_logs_in_with_the_secret_that_is_named() -> None:
    """User and password go to the server; the password comes from where the configuration says."""
    async with fakes.mail_fake(password="open sesame") as fake:
        account = fakes.mail_account(fake.port, smtp_user="pomoc", smtp_secret="env:PASSWORD")
        assert (await SENDER.send(fakes.request(account), 5)).outcome == SEND_OUTCOME_SENT


async def test_refused_credentials_are_kept_for_later() -> None:
    """A wrong password is put right by an operator: the mail is not lost for it, and no error shows it."""
    async with fakes.mail_fake(password="another") as fake:
        account = fakes.mail_account(fake.port, smtp_user="pomoc", smtp_secret="env:PASSWORD")
        result = await SENDER.send(fakes.request(account), 5)
    assert result.outcome == SEND_OUTCOME_RETRY
    assert result.error == "smtp 535: credentials refused"
    assert fake.mails == []


async def test_secret_that_is_not_set_is_retried() -> None:
    """Without its secret an account does not even connect."""
    account = fakes.mail_account(1, smtp_user="pomoc", smtp_secret="env:NOWHERE")
    assert (await SENDER.send(fakes.request(account), 5)).outcome == SEND_OUTCOME_RETRY


@pytest.mark.parametrize(
    ("step", "says", "outcome"),
    [
        ("rcpt", "450 4.2.1 greylisted", SEND_OUTCOME_RETRY),
        ("rcpt", "550 5.1.1 no such user", SEND_OUTCOME_FAILED),
        ("rcpt", "530 5.7.0 authentication required", SEND_OUTCOME_RETRY),
        ("data", "451 4.3.0 try later", SEND_OUTCOME_RETRY),
        ("data", "554 5.7.1 spam", SEND_OUTCOME_FAILED),
    ],
)
async def test_refusals(step: str, says: str, outcome: int) -> None:
    """4xx is later, 5xx is never, whichever step says it; the server's words are not repeated."""
    async with fakes.mail_fake(**{step: says}) as fake:
        result = await SENDER.send(fakes.request(fakes.mail_account(fake.port)), 5)
    assert result.outcome == outcome
    assert result.error.startswith(f"smtp {says[:3]}")
    assert "user" not in result.error


async def test_no_server_is_retried() -> None:
    """Where nobody listens nothing can have been sent."""
    async with fakes.mail_fake() as fake:
        port = fake.port
    assert (await SENDER.send(fakes.request(fakes.mail_account(port)), 5)).outcome == SEND_OUTCOME_RETRY


async def cut_server(after: str, hang: bool = False) -> tuple[int, str, list[str]]:
    """Send to a server that hangs up (or falls silent) after a command; outcome, error and its commands."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 fake\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line[:4].upper()
            heard.append(verb)
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            if verb == after:
                if hang:
                    await reader.read()
                break
            writer.write(b"250 OK\r\n")

    async with fakes.listening(serve) as port:
        result = await SENDER.send(fakes.request(fakes.mail_account(port)), 0.3 if hang else 5)
    return result.outcome, result.error, heard


async def test_cut_after_the_text_is_uncertain_and_sent_once() -> None:
    """A connection that is lost after DATA leaves the mail uncertain: one copy, no second try."""
    outcome, error, heard = await cut_server("DATA")
    assert outcome == SEND_OUTCOME_UNCERTAIN
    assert "after DATA was begun" in error
    assert heard.count("DATA") == 1


async def test_silence_after_the_text_is_uncertain() -> None:
    """A server that takes the text and never answers leaves the mail uncertain."""
    outcome, _, heard = await cut_server("DATA", hang=True)
    assert (outcome, heard.count("DATA")) == (SEND_OUTCOME_UNCERTAIN, 1)


@pytest.mark.parametrize("after", ["EHLO", "MAIL", "RCPT"])
async def test_cut_before_the_text_is_retried(after: str) -> None:
    """A connection that is lost before DATA cannot have sent anything."""
    outcome, _, heard = await cut_server(after)
    assert outcome == SEND_OUTCOME_RETRY
    assert "DATA" not in heard


def test_every_attempt_has_the_same_message_id() -> None:
    """A mail that is tried again is recognised as the same one."""
    request = answer_to([])
    first, second = build(request)[0], build(replace(request, now_ms=request.now_ms + 60_000))[0]
    assert parsed(first)["message-id"] == parsed(second)["message-id"]


def test_long_threads_keep_their_ends() -> None:
    """References keeps the first and the newest ids, one a line, none of them altered."""
    ids = [f"<{'x' * 90}{number}@example.com>" for number in range(200)]
    raw = build(answer_to(ids))[0]
    kept = parsed(raw)["references"].split()
    assert len(kept) == REFERENCES_MAX
    assert (kept[0], kept[-2:]) == (ids[0], [ids[-1], "<theirs@example.com>"])
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    ("theirs", "becomes"),
    [
        ("Re: rower", "Re: rower"),
        ("ODP: rower", "ODP: rower"),
        ("", "Re: Sklep Rowerowy"),
        ("rower\r\nBcc: all@example.com", "Re: rower Bcc: all@example.com"),
    ],
)
def test_subjects(theirs: str, becomes: str) -> None:
    """One "Re:" is enough, none is missing, and no subject adds a header."""
    mail = parsed(build(answer_to([], subject=theirs))[0])
    assert mail["subject"] == becomes
    assert mail["bcc"] is None


@pytest.mark.parametrize("forged", ["<a b@x>", "<ą@example.com>", "x\r\nBcc: all@example.com"])
def test_forged_ids_do_not_get_into_headers(forged: str) -> None:
    """What is no id is left out of References."""
    mail = parsed(build(answer_to([forged]))[0])
    assert mail["references"].split() == ["<theirs@example.com>"]
    assert mail["bcc"] is None


def test_a_notice_says_that_it_is_automatic() -> None:
    """A notice carries Auto-Submitted, so that no machine answers it; its HTML is an alternative."""
    request = answer_to([])
    request.requested.kind = SEND_KIND_NOTICE
    content = MessageContent(subject="Nowy termin", text="tekst", html="<p>tekst</p>")
    mail = parsed(build(replace(request, content=content))[0])
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["subject"] == "Nowy termin"
    assert mail.get_content_type() == "multipart/alternative"


def test_a_bots_answer_says_that_it_is_automatic() -> None:
    """Two bots that write to each other would never stop; what an agent writes is a person's word."""
    request = answer_to([])
    assert parsed(build(request)[0])["auto-submitted"] is None
    request.requested.bot = True
    mail = parsed(build(request)[0])
    assert mail["auto-submitted"] == "auto-replied"
    found = parse(mail.as_bytes(), "other@shop.example")[0]
    assert isinstance(found, ParsedMessage)
    assert found.auto_kind == AUTO_KIND_AUTO_REPLY


@pytest.mark.parametrize(
    ("media_type", "told"),
    [
        ("text/plain; charset=utf-8", "text/plain"),
        ("text/csv;header=present", "text/csv"),
        ("image/svg+xml", "image/svg+xml"),
        ("IMAGE/PNG", "image/png"),
        ("message/rfc822", "application/octet-stream"),
        ("what is it", "application/octet-stream"),
        ("a b/c", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_a_files_type_never_keeps_a_mail_back(media_type: str, told: str) -> None:
    """Browsers say types with parameters, and programs say what is no type: the file goes all the same."""
    attachment = Attachment(name="a.txt", media_type=media_type)
    mail = parsed(build(replace(answer_to([]), attachments=[(attachment, b"words")]))[0])
    (part,) = mail.iter_attachments()
    assert (part.get_content_type(), part.get_payload(decode=True)) == (told, b"words")


@pytest.mark.parametrize("address", [';@["?', "jan@[x;", "jan@ex ample", "jan@exa<mple"])
def test_an_address_that_no_header_holds_is_refused_in_words(address: str) -> None:
    """What cannot stand in a header is an address that cannot be written to, never a trouble of our own."""
    with pytest.raises(ValueError, match="no mail address"):
        build(replace(answer_to([]), route=MessageRoute(address=address)))


def test_a_desks_name_with_a_line_separator_stands_in_a_subject() -> None:
    """Where nobody gave a subject the desk's name stands in, on one line whatever was pasted into it."""
    request = replace(
        answer_to([]),
        desk=DeskConfig(name="Sklep\u2028Rowerowy"),
        route=MessageRoute(address="jan@x.example"),
    )
    assert parsed(build(request)[0])["subject"] == "Re: Sklep Rowerowy"


def test_attachments_travel() -> None:
    """An attachment arrives with its name, type and bytes."""
    attachment = Attachment(name="list przewozowy.pdf", media_type="application/pdf")
    mail = parsed(build(replace(answer_to([]), attachments=[(attachment, b"%PDF")]))[0])
    (part,) = mail.iter_attachments()
    assert (part.get_filename(), part.get_content_type()) == ("list przewozowy.pdf", "application/pdf")
    assert part.get_payload(decode=True) == b"%PDF"


async def test_unusable_address_fails() -> None:
    """What is no address is not tried."""
    route = MessageRoute(address="not an address")
    result = await SENDER.send(fakes.request(fakes.mail_account(1), route=route), 5)
    assert result.outcome == SEND_OUTCOME_FAILED
    assert "not an address" not in result.error


async def test_international_addresses() -> None:
    """An address beyond ASCII goes out by SMTPUTF8; a domain beyond ASCII as DNS has it, by any server."""
    async with fakes.mail_fake() as fake:
        for account, address in (
            ("pomoc@rowery.example", "józef@example.com"),
            ("pomoc@rowery.example", "jan@żółw.example"),
            ("pomoc@żółw.example", "jan@example.com"),
        ):
            sender = fakes.mail_account(fake.port)
            sender.account = account
            result = await SENDER.send(fakes.request(sender, route=MessageRoute(address=address)), 5)
            assert result.outcome == SEND_OUTCOME_SENT
    assert [mail.rcpt_tos[0] for mail in fake.mails] == [
        "józef@example.com",
        "jan@xn--w-uga1v8h.example",
        "jan@example.com",
    ]
    assert [mail.smtp_utf8 for mail in fake.mails] == [True, False, False]
    assert fake.mails[2].mail_from == "pomoc@xn--w-uga1v8h.example"


async def test_private_mail_hosts_are_not_called() -> None:
    """Unless the installation allows it no mail host behind the firewall is connected to."""
    guarded = SmtpSender(lambda name: None, ssl.create_default_context(), Guard(private_allowed=False))
    async with fakes.mail_fake() as fake:
        result = await guarded.send(fakes.request(fakes.mail_account(fake.port)), 5)
    assert (result.outcome, fake.mails) == (SEND_OUTCOME_FAILED, [])
