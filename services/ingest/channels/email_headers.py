"""Reading mail headers as they come: encoded words, addresses, message ids, dates.

The standard library's header registry raises on some of what is out there and is slow on long values,
so headers are taken raw, cut to a bound, and read by simple rules that never raise.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import re
from email.message import Message

from services.ingest.channels import Address
from services.ingest.channels.email_text import decode

HEADER_CHARS_MAX = 16_384
"""Only so much of one header is read (RFC 5322 lines have 998; References may hold many)."""
REFERENCES_MAX = 50
"""References kept, the newest: enough for any thread, bounded for the log."""

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,4000})\?=")
_ADDRESS = re.compile(r"[^\s<>,;:\"'()\[\]]{1,128}@[^\s<>,;:\"'()\[\]]{1,255}")
_BRACKETED = re.compile(r"<\s{0,10}([^<>]{1,990}?)\s{0,10}>")
_FOLD = re.compile(r"\r?\n[ \t]?")


class Headers:
    """The headers of one message, by lower-case name, raw."""

    def __init__(self, message: Message) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in message.raw_items():
            self._values.setdefault(name.lower(), []).append(str(value))

    def raw(self, name: str) -> str:
        """The first value, unfolded, bytes of unknown charset decoded; "" when there is none."""
        values = self._values.get(name)
        return _unfolded(values[0]) if values else ""

    def text(self, name: str) -> str:
        """The first value for a reader: encoded words decoded, surrounding white space gone."""
        return words(self.raw(name)).strip()

    def all_raw(self, name: str) -> list[str]:
        """Every value of the header (at most ten)."""
        return [_unfolded(value) for value in self._values.get(name, ())[:10]]


def _unfolded(value: str) -> str:
    value = _FOLD.sub(" ", value[:HEADER_CHARS_MAX])
    if value.isascii():
        return value.replace("\0", "")
    return decode(value.encode("utf-8", "surrogateescape"), "utf-8")


def words(value: str) -> str:
    """RFC 2047 encoded words as text; what is not well encoded stays as it is.

    Neighbours of one charset are decoded together, since some writers cut through a character.
    """
    if "=?" not in value:
        return value
    out: list[str] = []
    charset, data, end = "", b"", 0
    for word in _WORD.finditer(value):
        between, piece = value[end : word.start()], _unpacked(word[2], word[3])
        adjacent = end > 0 and not between.strip()
        name = word[1].partition("*")[0].lower()
        if not (adjacent and name == charset):
            out.append(decode(data, charset))
            charset, data = name, b""
        if not adjacent:
            out.append(between)
        data += piece
        end = word.end()
    out += [decode(data, charset), value[end:]]
    return "".join(out)


def _unpacked(encoding: str, packed: str) -> bytes:
    raw = packed.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return raw


def mailbox(value: str) -> tuple[str, str]:
    """The first (name, address) of an address header; ("", "") when there is none."""
    try:
        found = email.utils.getaddresses([value])
    except (ValueError, IndexError, AttributeError, RecursionError):
        found = []
    for name, address in found:
        if address and address[0] != "@" and (" " not in address or len(found) == 1):
            # A lone word is what the header says, whoever wrote it: "From: no_host".
            plain = _ADDRESS.search(address)
            return words(name).strip(), (plain[0] if plain else address.strip("<>"))[:320]
    plain = _ADDRESS.search(value)
    if plain is None:
        return "", ""
    name = value[: plain.start()].strip(" <\"'")
    return words(name).strip(), plain[0]


def addresses(value: str) -> list[Address]:
    """Every address in a header, in order."""
    return [Address("email", found) for found in _ADDRESS.findall(value)[:100]]


def message_ids(value: str) -> list[str]:
    """The message ids of a header, in order, with their angle brackets; bare words with an @ as well."""
    found = [f"<{one}>" for one in _BRACKETED.findall(value)]
    if not found:
        found = [word for word in re.split(r"[\s,]+", value) if "@" in word and len(word) < 990]
    return list(dict.fromkeys(found))[-REFERENCES_MAX:]


def date_ms(value: str) -> int:
    """A Date header as Unix milliseconds; 0 when it says none."""
    try:
        parts = email.utils.parsedate_tz(value[:100])
        seconds = email.utils.mktime_tz(parts) if parts else 0
    except (ValueError, OverflowError, TypeError, IndexError):
        return 0
    return seconds * 1000 if 0 < seconds < 253_402_300_799 else 0
