"""The mail that a message becomes: pure, so that every attempt sends the same words under the same id."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from proto.v1.notices_pb2 import SEND_KIND_NOTICE
from services.kernel.reply_token import reply_address
from services.notify.senders import SendRequest

REFERENCES_MAX = 50
"""The first and the newest of so many are kept (RFC 5322 lets References grow without end)."""

_POLICY = policy.SMTP.clone(cte_type="7bit")
_ID = re.compile(r"<?([!-;=?-~]{3,900})>?")
_MEDIA_TYPE = re.compile(r"\s*([\w.+-]{1,64})/([\w.+-]{1,64})\s*(?:;|$)", re.ASCII)
_DOMAIN = re.compile(r"[\w.-]+|\[[\w.:]+\]")
"""A domain, in whatever letters, or the address of a host (RFC 5321 section 4.1.3)."""
_ANSWER = re.compile(r"\s*(re|odp|aw|sv)\s*(\[\d+\])?\s*:", re.IGNORECASE)


def message_id(request: SendRequest) -> str:
    """Our Message-ID: fixed before the first attempt and kept on every other."""
    return f"<{request.send_id}@{domain_of(request.account.account)}>"


def domain_of(address: str) -> str:
    """The domain of an address, as DNS has it; "localhost" without one that can be."""
    domain = address.rpartition("@")[2].strip().rstrip(".")
    try:
        return domain.encode("idna").decode() or "localhost"
    except UnicodeError:
        return "localhost"


def build(request: SendRequest) -> tuple[bytes, bool]:
    """The mail as SMTP takes it, and whether it needs SMTPUTF8. Raises ValueError for an address that
    cannot stand in a header."""
    content, route, notice = request.content, request.route, request.requested.kind == SEND_KIND_NOTICE
    # A domain goes as DNS has it; only letters before the @ need a server that takes them.
    international = not all(
        each.rpartition("@")[0].isascii() for each in (request.account.account, route.address)
    )
    mail = EmailMessage(policy=_POLICY.clone(utf8=True) if international else _POLICY)
    mail["From"] = _address(request.desk.name, request.account.account)
    mail["To"] = _address(route.name, route.address)
    if request.requested.conversation_id:
        reply_to = reply_address(request.desk_key, request.requested.conversation_id, request.account.account)
        mail["Reply-To"] = _address(request.desk.name, reply_to)
    mail["Subject"] = _subject(content.subject, route.subject, request.desk.name, notice)
    mail["Date"] = format_datetime(datetime.fromtimestamp(request.now_ms / 1000, UTC))
    if notice or request.requested.bot:
        # RFC 3834 section 5: so that no machine answers it.
        mail["Auto-Submitted"] = "auto-generated" if notice else "auto-replied"
    mail.set_content(content.text or " ", cte="quoted-printable")
    if content.html:
        mail.add_alternative(content.html, subtype="html", cte="quoted-printable")
    for attachment, data in request.attachments:
        name = " ".join(attachment.name.split()) or "file"
        main, sub = _media_type(attachment.media_type)
        mail.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return _threading(request).encode("ascii") + mail.as_bytes(), international


def _threading(request: SendRequest) -> str:
    """Message-ID, In-Reply-To and References, one id a line. By hand: the mail package would write an id
    that is longer than a line as an encoded word, which no mail program reads."""
    lines = [f"Message-ID: {message_id(request)}"]
    answered = _one_id(request.route.external_id)
    if answered:
        ids = [one for one in map(_one_id, request.route.references) if one and one != answered]
        ids = [*dict.fromkeys(ids), answered]
        if len(ids) > REFERENCES_MAX:
            ids = [ids[0], *ids[1 - REFERENCES_MAX :]]
        lines += [f"In-Reply-To: {answered}", "References: " + "\r\n ".join(ids)]
    return "".join(f"{line}\r\n" for line in lines)


def _one_id(text: str) -> str:
    found = _ID.fullmatch(text.strip())
    return f"<{found[1]}>" if found else ""


def _media_type(text: str) -> tuple[str, str]:
    """Type and subtype without parameters, which say how the file was stored; of what is no type, and of what
    would be a mail in a mail, the one for any file."""
    found = _MEDIA_TYPE.match(text.lower())
    if found is None or found[1] in ("multipart", "message"):
        return "application", "octet-stream"
    return found[1], found[2]


def _address(name: str, address: str) -> Address:
    local, at, domain = address.strip().rpartition("@")
    if not at or not local or not _DOMAIN.fullmatch(domain):
        raise ValueError("no mail address")
    if local.isascii() and not domain.isascii():
        domain = domain.encode("idna").decode()
    return Address(" ".join(name.split()), local, domain)


def _subject(own: str, theirs: str, desk: str, notice: bool) -> str:
    own, theirs, desk = (" ".join(text.split()) for text in (own, theirs, desk))
    if own and notice:
        return own
    subject = own or theirs or desk
    return subject if _ANSWER.match(subject) else f"Re: {subject}"
