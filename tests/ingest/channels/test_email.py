"""Mails of our own, written from the RFCs."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.v1.inbound_pb2 import AutoKind, DeliveryState
from services.ingest.channels import Address, ParsedDelivery, ParsedMessage, Unparseable
from services.ingest.channels.email import parse

ACCOUNT = "pomoc@rowery.example"

PLAIN = """\
From: Jan Kowalski <Jan@Klient.example>
To: pomoc@rowery.example
Subject: =?iso-8859-2?Q?Gdzie_jest_m=F3j_rower=3F?=
Message-ID: <1@klient.example>
Date: Tue, 3 Nov 2026 14:05:00 +0100
Content-Type: text/plain; charset=iso-8859-2
Content-Transfer-Encoding: 8bit

Dzień dobry, gdzie jest mój rower?
"""


def mail(raw: bytes | str, envelope_from: str | None = "jan@klient.example") -> ParsedMessage:
    """The one message in a raw mail."""
    raw = raw.encode() if isinstance(raw, str) else raw
    message = parse(raw, ACCOUNT, envelope_from)[0]
    assert isinstance(message, ParsedMessage)
    return message


def with_headers(*headers: str, body: str = "Witam") -> str:
    """A mail with these headers besides a sender."""
    return "\n".join(["From: Jan <jan@klient.example>", *headers, "", body])


def test_a_plain_polish_mail() -> None:
    """Charset, encoded subject, sender, time and id of an ordinary mail are read."""
    found = mail(PLAIN.encode("iso-8859-2"))
    assert found.text == "Dzień dobry, gdzie jest mój rower?"
    assert found.subject == "Gdzie jest mój rower?"
    assert (found.senders, found.name) == ((Address("email", "jan@klient.example"),), "Jan Kowalski")
    assert found.external_id == "<1@klient.example>"
    assert found.sent_at_ms == 1_793_711_100_000
    assert found.auto_kind == AutoKind.AUTO_KIND_NONE


def in_parts(kind: str, *parts: tuple[str, str]) -> str:
    """A mail of these parts, each with its type."""
    lines = [f"--b\nContent-Type: {part}; charset=utf-8\n\n{words}" for part, words in parts]
    return with_headers(f'Content-Type: multipart/{kind}; boundary="b"', body="\n".join([*lines, "--b--"]))


def test_words_in_html_are_not_lost_beside_a_footer() -> None:
    """A letter in HTML with a text behind it (a virus scanner's, say) is read, in the order of its parts."""
    letter, footer = ("text/html", "<p>Proszę o zwrot.</p>"), ("text/plain", "Sprawdzono programem X.")
    assert mail(in_parts("mixed", letter, footer)).text == "Proszę o zwrot.\nSprawdzono programem X."
    assert mail(in_parts("mixed", footer, letter)).text == "Sprawdzono programem X.\nProszę o zwrot."


def test_the_same_words_in_two_forms_are_said_once() -> None:
    """HTML beside the text that it repeats is another form of it, also where the sender does not say so."""
    both = (("text/plain", "Proszę o  zwrot."), ("text/html", "<p>Proszę\no zwrot.</p>"))
    for kind in ("alternative", "mixed", "related"):
        found = mail(in_parts(kind, *both))
        assert found.text == "Proszę o  zwrot."
        assert found.html == "<p>Proszę\no zwrot.</p>"


@pytest.mark.parametrize(
    "charset",
    ["*=us-ascii'pl'utf-8", "*0*=''utf; charset*1=-8", '="utf-8\0"', "*=''x", "=utf-8; name*0=a; name*=b"],
)
def test_a_charset_written_in_an_odd_way_costs_no_mail(charset: str) -> None:
    """A charset as RFC 2231 writes parameters, or with a NUL, with letters of eight bits: it is read."""
    kind = f"Content-Type: text/plain; charset{charset}"
    found = mail(with_headers(kind, "Content-Transfer-Encoding: 8bit", body="Gdzie jest mój rower?"))
    assert found.text == "Gdzie jest mój rower?"


def test_what_it_answers_comes_nearest_first() -> None:
    """In-Reply-To, which may hold several, comes before References from the newest to the oldest."""
    found = mail(
        with_headers("In-Reply-To: <c@x> <b@x>", "References: <a@x>\n <b@x>\n\t<c@x>", "Message-ID: <d@x>")
    )
    assert found.reply_to == ("<c@x>", "<b@x>", "<a@x>")
    assert found.references == ("<a@x>", "<b@x>", "<c@x>")


def test_attachments_and_inline_images() -> None:
    """Files come with name, type and bytes; an image of the HTML is marked as inline."""
    message = EmailMessage()
    message["From"] = "jan@klient.example"
    message.set_content("Zdjęcie w załączniku")
    message.add_alternative('<p>Zdjęcie <img src="cid:a1"></p>', subtype="html")
    html = message.get_payload()[1]  # type: ignore[index]  # the alternative just added
    html.add_related(b"PNG", "image", "png", cid="<a1>")  # type: ignore[union-attr]  # an EmailMessage
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="../../żądanie.pdf")
    found = mail(bytes(message))
    inline, file = found.attachments
    assert (inline.content_id, inline.inline, inline.data) == ("<a1>", True, b"PNG")
    assert (file.name, file.media_type, file.data, file.inline) == (
        "żądanie.pdf",
        "application/pdf",
        b"%PDF",
        False,
    )
    assert found.text == "Zdjęcie w załączniku"
    assert "<p>" in found.html


def test_a_mail_in_a_mail_is_read_and_kept() -> None:
    """A forwarded mail without a name is read as words; one with a name is a file; its files are files."""
    inner = EmailMessage()
    inner["From"], inner["Subject"] = "kurier@k.example", "Awizo"
    inner.set_content("Paczka zaginęła.")
    inner.add_attachment(b"x", maintype="text", subtype="csv", filename="lista.csv")
    outer = EmailMessage()
    outer["From"] = "jan@klient.example"
    outer.set_content("Proszę zobaczyć")
    outer.add_attachment(inner)
    found = mail(bytes(outer))
    assert found.text.startswith("Proszę zobaczyć")
    assert "Paczka zaginęła." in found.text
    assert [one.name for one in found.attachments] == ["lista.csv"]


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        (("Auto-Submitted: auto-replied (vacation)",), AutoKind.AUTO_KIND_AUTO_REPLY),
        (("Auto-Submitted: auto-generated",), AutoKind.AUTO_KIND_SYSTEM),
        (("Auto-Submitted: no",), AutoKind.AUTO_KIND_NONE),
        (("X-Autoreply: yes",), AutoKind.AUTO_KIND_AUTO_REPLY),
        (("X-Autoreply: no",), AutoKind.AUTO_KIND_NONE),
        (("Precedence: auto_reply",), AutoKind.AUTO_KIND_AUTO_REPLY),
        (("X-Apple-Action: VACATION",), AutoKind.AUTO_KIND_AUTO_REPLY),
        (
            ("X-Auto-Response-Suppress: All", "Subject: Automatyczna odpowiedź: Paczka"),
            AutoKind.AUTO_KIND_AUTO_REPLY,
        ),
        (("X-Auto-Response-Suppress: OOF",), AutoKind.AUTO_KIND_SYSTEM),
        (("Subject: Automatic reply: I still wait",), AutoKind.AUTO_KIND_NONE),
        (("Precedence: bulk",), AutoKind.AUTO_KIND_LIST),
        (("List-Id: <news.example>",), AutoKind.AUTO_KIND_LIST),
        (("Return-Path: <>", "Subject: Undeliverable: Re: rower"), AutoKind.AUTO_KIND_BOUNCE),
        (("X-Failed-Recipients: a@b",), AutoKind.AUTO_KIND_BOUNCE),
        (("Return-Path: <>",), AutoKind.AUTO_KIND_SYSTEM),
        (("Return-Path: <jan@klient.example>",), AutoKind.AUTO_KIND_NONE),
    ],
)
def test_machines_are_known_by_their_headers(headers: tuple[str, ...], kind: AutoKind) -> None:
    """Auto-replies, bounces, lists and other machines are told from people, and people from them."""
    assert mail(with_headers(*headers), None).auto_kind == kind


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("MAILER-DAEMON@mx.example", AutoKind.AUTO_KIND_BOUNCE),
        ("no-reply@sklep.example", AutoKind.AUTO_KIND_SYSTEM),
        (ACCOUNT.upper(), AutoKind.AUTO_KIND_SYSTEM),
        ("noreen@klient.example", AutoKind.AUTO_KIND_NONE),
    ],
)
def test_machines_are_known_by_their_address(sender: str, kind: AutoKind) -> None:
    """Mailer daemons, no-reply addresses and the account's own address write no customer's mail."""
    assert mail(f"From: {sender}\n\nx", None).auto_kind == kind


def form(*headers: str) -> ParsedMessage:
    """A mail of the shop's own mailbox to itself."""
    lines = [f"From: Formularz <{ACCOUNT}>", f"To: {ACCOUNT}", "Subject: Formularz kontaktowy", *headers]
    return mail("\n".join([*lines, "", "Gdzie jest mój rower?"]), ACCOUNT)


def test_a_contact_form_is_its_customers_letter() -> None:
    """What the shop's page sends in a customer's name is theirs: each a customer, and a promise to answer."""
    found = form("Reply-To: Jan Kowalski <Jan@Klient.example>")
    assert (found.senders, found.name) == ((Address("email", "jan@klient.example"),), "Jan Kowalski")
    assert (found.answer_to, found.auto_kind) == ("Jan@Klient.example", AutoKind.AUTO_KIND_NONE)


@pytest.mark.parametrize("reply_to", [ACCOUNT, "pomoc+c0123@rowery.example", "Pomoc@Rowery.Example"])
def test_a_mail_of_our_own_that_comes_back_is_nobodys_letter(reply_to: str) -> None:
    """Our answers name our mailbox in both places: one that comes back is a machine's, and starts no loop."""
    found = form(f"Reply-To: {reply_to}")
    assert found.senders == (Address("email", ACCOUNT),)
    assert found.auto_kind == AutoKind.AUTO_KIND_SYSTEM


GROUP = (
    "Precedence: list",
    f"List-ID: <{ACCOUNT.replace('@', '.')}>",
    f"List-Post: <https://groups.example/a/pomoc/post>, <mailto:{ACCOUNT}>",
    f"Mailing-list: list {ACCOUNT}; contact pomoc+owners@rowery.example",
    "List-Unsubscribe: <mailto:pomoc+unsubscribe@rowery.example>",
)


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        (GROUP, AutoKind.AUTO_KIND_NONE),
        (GROUP[:2], AutoKind.AUTO_KIND_NONE),
        (GROUP[2:3], AutoKind.AUTO_KIND_NONE),
        (GROUP[4:], AutoKind.AUTO_KIND_LIST),
        (("Precedence: bulk", *GROUP[1:]), AutoKind.AUTO_KIND_LIST),
        (("List-ID: <news.sklep.example>",), AutoKind.AUTO_KIND_LIST),
        (("Auto-Submitted: auto-replied", *GROUP), AutoKind.AUTO_KIND_AUTO_REPLY),
    ],
)
def test_a_mailbox_that_is_a_group_has_customers(headers: tuple[str, ...], kind: AutoKind) -> None:
    """Where the account is a group, its own list headers say nothing of who wrote; those of others do."""
    assert mail(with_headers(*headers)).auto_kind == kind


def test_a_writer_whom_the_group_hides_is_found() -> None:
    """A group that writes in its own name, where the writer's domain asks it to, names them in Reply-To."""
    lines = (
        f"From: 'Jan Kowalski' via Pomoc <{ACCOUNT}>",
        "Reply-To: Jan Kowalski <jan@klient.example>",
        *GROUP,
    )
    found = mail("\n".join([*lines, "", "Gdzie jest rower?"]))
    assert found.senders == (Address("email", "jan@klient.example"),)
    assert found.auto_kind == AutoKind.AUTO_KIND_NONE


DSN = """\
From: Mail Delivery System <MAILER-DAEMON@mx.example>
Subject: Nie dostarczono
Message-ID: <dsn@mx.example>
Date: Tue, 3 Nov 2026 14:05:00 +0100
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B
Content-Type: text/plain

The mail could not be delivered.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; jan@klient.example
Action: {action}
Status: {status}
--B
Content-Type: text/rfc822-headers

Message-ID: <ours@rowery.example>
Subject: Re: rower
--B--
"""


def test_a_bounce_is_a_report_about_our_mail() -> None:
    """RFC 3464: a failed delivery names the mail that failed, as a reference and as a delivery report."""
    message, failed = parse(DSN.format(action="failed", status="5.1.1").encode(), ACCOUNT, "")
    assert isinstance(message, ParsedMessage)
    assert isinstance(failed, ParsedDelivery)
    assert message.auto_kind == AutoKind.AUTO_KIND_BOUNCE
    assert message.reply_to == ("<ours@rowery.example>",)
    assert (failed.external_id, failed.error_code) == ("<ours@rowery.example>", "5.1.1")
    assert failed.state == DeliveryState.DELIVERY_STATE_FAILED


def test_a_delayed_mail_has_not_failed() -> None:
    """A warning that a mail is late is no failure."""
    assert len(parse(DSN.format(action="delayed", status="4.4.1").encode(), ACCOUNT, "")) == 1


def test_who_is_the_sender() -> None:
    """The first From counts; the envelope's sender stands in for none; an answer goes to Reply-To."""
    assert mail("From: a@x.example, b@x.example\n\nx").senders == (Address("email", "a@x.example"),)
    assert mail("Subject: x\n\nx").senders == (Address("email", "jan@klient.example"),)
    assert mail("Subject: x\n\nx", "").senders == ()
    assert mail("From: a@x.example\nReply-To: B <b@x.example>\n\nx").answer_to == "b@x.example"
    assert mail('From: "Kowalski, Jan" <a@x.example>\n\nx').name == "Kowalski, Jan"


def test_the_same_words_without_an_id_on_another_day_are_another_mail() -> None:
    """Who asks again in the same words does not repeat the first mail, though neither has a Message-ID; the
    same mail delivered again does."""
    monday, tuesday = (
        with_headers(f"Date: {day} Nov 2026 14:05:00 +0100", "Subject: Rower") for day in (2, 3)
    )
    assert mail(monday).digest != mail(tuesday).digest
    assert mail(monday).digest == mail("Received: from mx\n" + monday).digest
    for named in ("Message-ID: <>", "Message-ID: <a@b.example>"):
        assert (mail(f"{named}\n{monday}").digest != mail(f"{named}\n{tuesday}").digest) is (
            named.endswith("<>")
        )


def test_the_same_mail_delivered_again_has_the_same_digest() -> None:
    """A relay's Received header does not make a mail another one; other words do."""
    again = "Received: from mx2\n" + PLAIN
    assert mail(PLAIN).digest == mail(again).digest
    assert mail(PLAIN).digest != mail(PLAIN + "!").digest


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(DSN) - 1), st.binary(max_size=6)), max_size=12),
    st.sampled_from(
        [PLAIN.encode("iso-8859-2"), DSN.encode(), b"Content-Type: multipart/mixed; boundary=B\n\n--B"]
    ),
)
def test_a_broken_mail_never_raises(edits: list[tuple[int, bytes]], raw: bytes) -> None:
    """Whatever bytes of a mail are changed, it is a message or it is unparseable, with its raw bytes."""
    for place, insert in edits:
        raw = raw[:place] + insert + raw[place + len(insert) :]
    first = parse(raw, ACCOUNT, "")[0]
    assert isinstance(first, ParsedMessage | Unparseable)
    assert first.raw == raw


def test_parts_behind_the_first_five_hundred_stay_in_the_raw_mail() -> None:
    """The first 500 parts of a mail are read, the one around them included; the rest is kept as it came."""
    letter = EmailMessage()
    letter["From"] = "jan@klient.example"
    letter.set_content("Witam")
    for number in range(600):
        letter.add_attachment(b"x", maintype="image", subtype="png", filename=f"{number}.png")
    raw = letter.as_bytes()
    found = mail(raw)
    assert found.text == "Witam"
    assert [one.name for one in found.attachments] == [f"{number}.png" for number in range(498)]
    assert found.raw == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b"\xff\xfe\x00",
        b"From: " + b"(" * 20_000 + b"\n\nx",
        b"Subject: " + b"=?utf-8?B?" * 5_000 + b"\n\nx",
        b"From: a@b\nTo: " + b"a@b," * 50_000 + b"\n\nx",
        b"From: a@b\nReferences: " + b"<a@b>" * 50_000 + b"\n\nx",
        b"Content-Type: text/plain; charset=\xff\xff\n\nx",
        b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (i, i) for i in range(1_500)),
        b"Date: Tue, 99 Nov 99999999999 99:99:99 +9999999\n\nx",
        b"Content-Type: text/plain; charset=base64\n\nx",
    ],
)
def test_hostile_mails_are_read_or_kept(raw: bytes) -> None:
    """Empty, endless and nested mails end as a message or as raw bytes, in bounded time."""
    assert parse(raw, ACCOUNT)
