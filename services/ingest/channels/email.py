"""E-mail: one raw message (RFC 5322, MIME) as a ParsedMessage, whatever state it is in.

The envelope decides whose it is; the headers say who wrote it and what it answers. A bounce of
something that we sent is a message (of kind BOUNCE) and a delivery report about the mail that it names.
There is no signature: whoever sends can write any From and any reference, so nothing here is proof.
"""

from __future__ import annotations

import email.parser
import email.policy
import hashlib
from dataclasses import dataclass, field
from email.message import Message

from proto.v1.inbound_pb2 import AutoKind, DeliveryState
from services.ingest.channels import (
    MALFORMED,
    Address,
    Item,
    ParsedAttachment,
    ParsedDelivery,
    ParsedMessage,
    Unparseable,
)
from services.ingest.channels.email_auto import (
    Bounce,
    Signs,
    auto_kind,
    original_message_id,
    read_delivery_status,
)
from services.ingest.channels.email_headers import (
    Headers,
    addresses,
    date_ms,
    mailbox,
    message_ids,
    words,
)
from services.ingest.channels.email_text import HTML_CHARS_MAX, decode, html_to_text, visible
from services.kernel.external_ids import canonical_id
from services.kernel.identity import normalise
from services.kernel.reply_token import plain_address

CHANNEL = "email"
PARTS_MAX = 500
"""Parts looked at in one mail; what is behind stays in the raw mail only."""
NAME_CHARS_MAX = 200
HTML_PARTS_MAX = 20
"""Parts in HTML whose words are looked for one by one, as long as they are not too long together."""
FORWARDED = "Forwarded message"
"""What introduces a mail in a mail among the words, as mail programs write it."""


def parse(
    raw: bytes, account: str, envelope_from: str | None = None, envelope_to: tuple[str, ...] = ()
) -> list[Item]:
    """The mail as items: the message first. `envelope_from`: "" is the null path, None not known.

    Never raises: a mail that the parser fails on is one Unparseable.
    """
    try:
        return _Mail(raw, account, envelope_from, envelope_to).items()
    except Exception as error:  # any parser's trouble with a hostile mail; the raw bytes are kept
        return [Unparseable(MALFORMED, f"the parser failed: {type(error).__name__}", "", raw)]


@dataclass(slots=True)
class _Body:
    """What a walk over the MIME tree found. `texts`: all words in their order, those of HTML too where it is
    not merely another form of a text beside it."""

    texts: list[str] = field(default_factory=list)
    htmls: list[str] = field(default_factory=list)
    attachments: list[ParsedAttachment] = field(default_factory=list)
    status: Bounce | None = None
    original_id: str = ""
    parts: int = 0


class _Mail:
    def __init__(
        self, raw: bytes, account: str, envelope_from: str | None, envelope_to: tuple[str, ...]
    ) -> None:
        self.raw, self.account, self.envelope_to = raw, account, envelope_to
        self.message = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(raw)
        self.headers = Headers(self.message)
        self.envelope_from = self._return_path() if envelope_from is None else envelope_from
        self.body = _Body()

    def items(self) -> list[Item]:
        """The message, and the delivery report if it is a bounce that names a mail of ours."""
        _walk(self.message, self.body, report=_content_type(self.message) == "multipart/report")
        message = self._parsed()
        said = message.subject or message.text or message.html or message.attachments
        if not said and not mailbox(self.headers.raw("from"))[1]:
            return [Unparseable(MALFORMED, "no sender, no subject, no text and no attachment", "", self.raw)]
        if message.auto_kind != AutoKind.AUTO_KIND_BOUNCE:
            return [message]
        status, original = self.body.status, self._original_id()
        if not original or (status is not None and not status.failed):
            return [message]
        failed = DeliveryState.DELIVERY_STATE_FAILED
        code = status.status if status is not None else ""
        return [message, ParsedDelivery(CHANNEL, self.account, original, failed, code, message.sent_at_ms)]

    def _parsed(self) -> ParsedMessage:
        headers = self.headers
        name, sender = self._writer()
        external_id = next(iter(message_ids(headers.raw("message-id"))), headers.text("message-id"))
        whole, html = self._words()
        shown = visible(whole)
        kind = self._kind(sender)
        return ParsedMessage(
            channel=CHANNEL,
            account=self.account,
            external_id=external_id,
            senders=(Address(CHANNEL, sender.lower()),) if sender else (),
            name=name,
            digest=_digest(self.raw, "" if canonical_id(CHANNEL, external_id) else self._date_and_subject()),
            answer_to=mailbox(headers.raw("reply-to"))[1] or sender,
            reply_to=self._answered(kind),
            references=tuple(message_ids(headers.raw("references"))),
            recipients=self._recipients(),
            subject=headers.text("subject"),
            text=shown,
            text_full="" if whole.strip() == shown else whole,
            html=html,
            attachments=tuple(self.body.attachments),
            sent_at_ms=date_ms(headers.raw("date")),
            auto_kind=kind,
            raw=self.raw,
        )

    def _writer(self) -> tuple[str, str]:
        """Name and address of who wrote it. A form on the shop's page writes from the shop's own mailbox, and
        names the customer in Reply-To."""
        name, sender = mailbox(self.headers.raw("from"))
        if self._is_ours(sender):
            customer = mailbox(self.headers.raw("reply-to"))
            if customer[1] and not self._is_ours(customer[1]):
                return customer
        return name, sender or self.envelope_from or ""

    def _is_ours(self, address: str) -> bool:
        return _plain(address) == _plain(self.account)

    def _date_and_subject(self) -> str:
        return f"{self.headers.raw('date')}\n{self.headers.raw('subject')}"

    def _return_path(self) -> str | None:
        value = self.headers.raw("return-path").strip()
        return value.strip("<> ") if value else None

    def _words(self) -> tuple[str, str]:
        """The whole text, and the HTML as it came."""
        html = "\n".join(self.body.htmls)
        text = "\n".join(self.body.texts)
        if not text.strip() and html:
            text = html_to_text(html)
        return text, html

    def _kind(self, sender: str) -> AutoKind:
        report_type = words(_parameter(self.message, "report-type")).lower()
        subject = self.headers.text("subject")
        signs = Signs(
            self.headers.raw,
            _content_type(self.message),
            report_type,
            sender,
            self.account,
            subject,
            self.envelope_from,
        )
        return auto_kind(signs)

    def _answered(self, kind: AutoKind) -> tuple[str, ...]:
        """Ids that it answers, nearest first: In-Reply-To, then References from the last to the first."""
        nearest = message_ids(self.headers.raw("in-reply-to"))
        nearest += reversed(message_ids(self.headers.raw("references")))
        if kind == AutoKind.AUTO_KIND_BOUNCE and (original := self._original_id()):
            nearest.insert(0, original)
        return tuple(dict.fromkeys(nearest))

    def _original_id(self) -> str:
        """The mail that a bounce is about: in its third part, or copied below its words."""
        if self.body.original_id:
            return self.body.original_id
        return original_message_id("\n".join(self.body.texts))

    def _recipients(self) -> tuple[str, ...]:
        named = [*self.envelope_to]
        for header in ("to", "cc", "delivered-to", "x-original-to"):
            for value in self.headers.all_raw(header):
                named += [one.address for one in addresses(value)]
        return tuple(dict.fromkeys(named))[:100]


def _plain(address: str) -> str:
    return plain_address(normalise(CHANNEL, address))


def _walk(part: Message, body: _Body, report: bool, alternative: bool = False) -> None:
    """Collect words and files, depth first. `alternative`: somewhere within a multipart/alternative, whose
    HTML says what its text says."""
    body.parts += 1
    if body.parts > PARTS_MAX:
        return
    kind = _content_type(part)
    children = _parts_of(part)
    if children is not None and not kind.startswith("message/"):
        alternative = alternative or kind == "multipart/alternative"
        for child in children:
            _walk(child, body, report, alternative)
        return
    if kind.startswith("multipart/") or (report and _read_report_part(part, kind, body)):
        return  # a multipart without parts is a broken mail: nothing of it can be told apart
    name = _file_name(part)
    if kind in ("message/rfc822", "message/global") and children is not None:
        _walk_nested(part, children, kind, name, body)
        return
    disposition = (part.get_content_disposition() or "").lower()
    if kind in ("text/plain", "text/html") and disposition != "attachment" and not name:
        _take_words(decode(_bytes_of(part), _charset(part)), kind, alternative, body)
        return
    body.attachments.append(_attachment(part, kind, name, disposition))


def _take_words(words_of: str, kind: str, alternative: bool, body: _Body) -> None:
    """A part of the letter: of HTML that stands for itself the words stand among the others (RFC 8621
    section 4.1.4), unless they were said as text already."""
    if kind == "text/plain":
        body.texts.append(words_of)
        return
    body.htmls.append(words_of)
    bounded = len(body.htmls) <= HTML_PARTS_MAX and sum(map(len, body.htmls)) <= HTML_CHARS_MAX
    if bounded and not alternative:
        shown = html_to_text(words_of)
        if "".join(shown.split()) not in "".join("".join(body.texts).split()):
            body.texts.append(shown)


def _walk_nested(part: Message, children: list[Message], kind: str, name: str, body: _Body) -> None:
    """A mail in a mail: a file if it has a name, else words behind a forward's line; its files are ours."""
    nested = _Body(parts=body.parts)
    for child in children:
        _walk(child, nested, report=False)
    if name:
        body.attachments.append(_attachment(part, kind, name, "attachment"))
    elif children:
        headers = Headers(children[0])
        text = "\n".join(nested.texts) or html_to_text("\n".join(nested.htmls))
        top = "\n".join(f"{key}: {headers.text(key.lower())}" for key in ("From", "Date", "Subject"))
        body.texts.append(f"\n---------- {FORWARDED} ----------\n{top}\n\n{text}")
    body.attachments += [one for one in nested.attachments if one.name]
    body.parts = nested.parts


def _read_report_part(part: Message, kind: str, body: _Body) -> bool:
    """Take in a machine-readable part of a report; whether it was one (and is no file then)."""
    if kind in ("message/delivery-status", "message/global-delivery-status"):
        blocks = _parts_of(part)
        if blocks is not None:
            headers = [one.raw_items() for one in blocks]
            fields = "\n".join(f"{name}: {value}" for block in headers for name, value in block)
        else:
            fields = decode(_bytes_of(part), "utf-8")
        body.status = read_delivery_status(fields)
        return True
    if kind in ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers"):
        body.original_id = body.original_id or original_message_id(decode(_bytes_of(part), "utf-8"))
        return True
    if kind in ("message/rfc822", "message/global"):
        if nested := _parts_of(part):
            ids = message_ids(Headers(nested[0]).raw("message-id"))
            body.original_id = body.original_id or next(iter(ids), "")
        return not _file_name(part)
    return kind in ("message/disposition-notification", "message/feedback-report")


def _attachment(part: Message, kind: str, name: str, disposition: str) -> ParsedAttachment:
    data = _bytes_of(part)
    content_id = str(part.get("content-id") or "").strip()[:NAME_CHARS_MAX]
    return ParsedAttachment(
        name=name,
        media_type=kind,
        data=data,
        content_id=decode(content_id.encode("utf-8", "surrogateescape"), "utf-8"),
        size=len(data),
        inline=bool(content_id) and disposition != "attachment",
    )


def _content_type(part: Message) -> str:
    return part.get_content_type()[:NAME_CHARS_MAX]


def _charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except (LookupError, ValueError, TypeError, AttributeError):
        return None


def _parameter(part: Message, name: str) -> str:
    """A parameter of the content type; "" if there is none, or they cannot be read."""
    try:
        return str(part.get_param(name) or "")
    except (LookupError, ValueError, TypeError, AttributeError):
        return ""


def _file_name(part: Message) -> str:
    """The file's name, without directories and control characters."""
    try:
        name = part.get_filename() or ""
    except (LookupError, ValueError, TypeError, AttributeError):
        name = ""
    if not name.isascii():
        name = decode(name.encode("utf-8", "surrogateescape"), "utf-8")
    name = words(name).replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in name if c.isprintable()).strip()[:NAME_CHARS_MAX]


def _parts_of(part: Message) -> list[Message] | None:
    """What it is made of; None for a leaf, whose payload is never asked for as text: that reads its charset,
    which fails on one that is written as RFC 2231 has it, or with a NUL."""
    payload = part.get_payload() if part.is_multipart() else None
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else None


def _bytes_of(part: Message) -> bytes:
    """The content, decoded; of a mail in a mail, the mail."""
    nested = _parts_of(part)
    if nested is not None:
        try:
            return b"\n".join(one.as_bytes() for one in nested)
        except (LookupError, ValueError, TypeError, AttributeError, KeyError):
            return b""
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _digest(raw: bytes, named: str) -> bytes:
    """A hash of everything behind the headers: the same when a mail is delivered once more. `named`: of the
    headers, what tells two mails of the same words apart where they have no id."""
    _, blank, body = raw.partition(b"\r\n\r\n")
    if not blank:
        _, blank, body = raw.partition(b"\n\n")
    said = hashlib.sha256(body if blank else raw).digest()
    return hashlib.sha256(said + named.encode()).digest() if named else said
