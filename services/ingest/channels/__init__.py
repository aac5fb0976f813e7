"""The adapter port: what a provider sent, verified and parsed, as one of five kinds of item.

An adapter is a module of pure functions, one file per provider. It never raises on what a provider
may send: an item that it does not know is `Ignored` with a reason, an item that it cannot understand
is `Unparseable` with the place and the raw bytes, and neither stops the items behind it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from proto.v1.inbound_pb2 import AutoKind, DeliveryState, MessageKind, QuarantineReason


class Address(NamedTuple):
    """One identity of a person: an address and the channel on which it means something."""

    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class ParsedAttachment:
    """A file of a message: its bytes, or the provider's id to fetch them by later.

    inline: shown within the text (an image that the HTML names by `content_id`), not a file.
    size: in bytes; 0 when the provider does not say.
    """

    name: str
    media_type: str
    data: bytes | None = None
    provider_ref: str = ""
    content_id: str = ""
    size: int = 0
    inline: bool = False


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A message as the channel gave it.

    external_id: the provider's id of it; it names the message together with channel and account.
    digest: what names it besides, where external ids repeat and are forged (mail: a body's hash).
    senders: identities of one person, the steadiest first; empty when nobody is named.
    answer_to: where an answer goes, if not to the first sender's address (Reply-To, a chat's id).
    reply_to: external ids of what it answers, the nearest first.
    references: mail's References, oldest first, as an answer carries them on.
    recipients: addresses it was sent to, which may hold a reply token of ours.
    text: without quoted history; text_full: the whole, empty when it equals `text`.
    html: as it came; the intake makes it safe to show.
    raw: what came, when it is worth keeping as it was (a mail).
    """

    channel: str
    account: str
    external_id: str
    senders: tuple[Address, ...] = ()
    name: str = ""
    digest: bytes = b""
    answer_to: str = ""
    thread: str = ""
    reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    text_full: str = ""
    html: str = ""
    attachments: tuple[ParsedAttachment, ...] = ()
    sent_at_ms: int = 0
    auto_kind: AutoKind = AutoKind.AUTO_KIND_NONE
    order_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class ParsedChange:
    """An edit, deletion or reaction.

    about: external id of the message that it changes.
    message: who did it, when, under which id, and the new words (edit) or the emoji (reaction; no
    text: taken back).
    """

    kind: MessageKind
    about: str
    message: ParsedMessage


@dataclass(frozen=True, slots=True)
class ParsedDelivery:
    """A provider's word on something that we sent. `external_id` is the id it gave when it took it; `send_id`
    is ours, where it comes back with the word."""

    channel: str
    account: str
    external_id: str
    state: DeliveryState
    error_code: str = ""
    at_ms: int = 0
    send_id: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing for us: understood, and left."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unparseable:
    """Goes to quarantine. pointer: RFC 6901 place in the request. reason_text holds no content."""

    reason: QuarantineReason
    reason_text: str
    pointer: str = ""
    raw: bytes = b""


Item = ParsedMessage | ParsedChange | ParsedDelivery | Ignored | Unparseable


@dataclass(frozen=True, slots=True)
class Where:
    """The account that a request came to, and the desk's accounts by the provider's own names."""

    account: str
    by_provider_name: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, provider_name: str) -> str | None:
        """The account that the provider means; None when the desk has accounts by such names, and
        not this one."""
        if not self.by_provider_name:
            return self.account
        return self.by_provider_name.get(provider_name)


class WebhookAdapter(Protocol):
    """A module under this package for a provider that calls us."""

    def handshake(self, query: Mapping[str, str], tokens: Sequence[bytes]) -> bytes | None:
        """The answer to a provider that proves by GET that the address is ours; None: refused."""

    def verify(self, raw: bytes, headers: Mapping[bytes, bytes], secrets: Sequence[bytes]) -> bool:
        """Whether the request is the provider's: over the raw bytes, in constant time, with any of
        the active secrets. False without a secret. Header names are in lower case."""

    def parse(self, raw: bytes, where: Where) -> list[Item]:
        """What the request says, in its order. Never raises."""


def equals_any(given: bytes, expected: Sequence[bytes]) -> bool:
    """Whether `given` is one of `expected`, in a time that tells nothing about them."""
    found = False
    for one in expected:
        found |= hmac.compare_digest(given, one)
    return found


def hex_sha256(secret: bytes, raw: bytes) -> bytes:
    """HMAC-SHA256 in lower-case hexadecimal."""
    return hmac.digest(secret, raw, hashlib.sha256).hex().encode()


MALFORMED = QuarantineReason.QUARANTINE_REASON_MALFORMED
UNKNOWN_TYPE = QuarantineReason.QUARANTINE_REASON_UNKNOWN_TYPE
UNKNOWN_ACCOUNT = QuarantineReason.QUARANTINE_REASON_UNKNOWN_ACCOUNT
