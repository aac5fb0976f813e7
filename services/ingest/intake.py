"""The way from a parsed item to the mailbox: named, hashed, classified, sealed, appended.

What leaves here is a serialised Inbound in which nothing personal can be read: words, names, addresses
and providers' ids are sealed under the sender's own key, and the engine meets addresses and ids only as
HMACs under the desk's key. Ids follow from what was sent, so the same thing again is the same record.

Of a message's attributes only those stand in the plain that the desk's configuration asks for (a
condition "attributes.X" of a queue, a policy or a weight); all the others are kept within the sealed content.
An attribute called like a label (language, intent, mood, wants_human) is the sender's word and wins
over the classifier's; free words are no labels, and are kept with the content (`parts.Plain`).

A record is built without waiting for anything but its keys (made once for each identity) and its blobs
(files, raw mails, long texts), then appended by one append; callers are told when it is durable.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from proto.v1 import content_pb2, desk_pb2, envelope_pb2, inbound_pb2
from proto.v1.inbound_pb2 import (
    AUTO_KIND_NONE,
    MESSAGE_KIND_NEW,
    QUARANTINE_REASON_MALFORMED,
    MessageKind,
)
from services.ingest.channels import (
    Ignored,
    Item,
    ParsedChange,
    ParsedDelivery,
    ParsedMessage,
    Unparseable,
)
from services.ingest.channels.email_text import html_to_text, safe_html
from services.ingest.classify import Languages, wants_human
from services.ingest.parts import (
    NOTHING_NAMED,
    SUBJECT_CHARS_MAX,
    Plain,
    Submitted,
    content_of,
    message_names,
    plain_of,
    reference_hashes,
    reply_conversation,
    route_of,
)
from services.kernel.errors import Invalid, Problem
from services.kernel.external_ids import external_hash, thread_hash
from services.kernel.ids import make_id
from services.kernel.limits import CONTENT_BYTES_MAX, NAME_CHARS_MAX, RECORD_BYTES_MAX
from services.runtime.blobs import Blobs
from services.runtime.clock import Clock
from services.runtime.event_log import EventLog
from services.runtime.sealing import DataKey, Sealing

MAILBOX = "inbound"
EXCERPT_CHARS = 4_000
"""Of a text that became a blob, so much stays in the record, for lists and previews."""
LABELS = ("language", "intent", "mood", "wants_human")
TRUE = ("true", "1", "yes")


class DeskDirectory(Protocol):
    """What edges know of the desks: a view of their configuration."""

    def get(self, desk_id: str) -> desk_pb2.DeskConfig | None:
        """The desk's configuration; the same object until it changes. None: there is no such desk."""

    def account(self, desk_id: str, channel: str, account: str) -> desk_pb2.Account | None:
        """One account of the desk; None if the desk does not have it."""

    async def prepare(self, desk_id: str) -> None:
        """Have the desk's configuration at hand for what follows. Raises Busy if it is not to be had."""

    async def email_accounts(self) -> Mapping[str, str]:
        """The desk of every e-mail account, by its address in lower case. Raises Busy."""


class _Built(NamedTuple):
    names: Submitted
    inbound: inbound_pb2.Inbound


def only_partition(desk_id: str) -> int:
    """The partition of every desk where there is one partition."""
    return 0


class Intake:
    """Submits what the outside world said to the mailbox."""

    def __init__(
        self,
        log: EventLog,
        sealing: Sealing,
        blobs: Blobs,
        clock: Clock,
        desks: DeskDirectory,
        languages: Languages,
        partition_of: Callable[[str], int] = only_partition,
    ) -> None:
        self.desks = desks
        self.languages = languages
        self.clock = clock
        self._log, self._sealing, self._blobs = log, sealing, blobs
        self._partition_of = partition_of
        self._named: dict[str, tuple[desk_pb2.DeskConfig, Plain]] = {}

    async def submit(self, inbound: inbound_pb2.Inbound) -> None:
        """Append a record that is ready. Returns when it is durable; raises Busy, Fenced, LogReset, and
        Invalid for one over RECORD_BYTES_MAX."""
        await self._append(inbound.desk_id, [inbound])

    async def submit_message(self, desk_id: str, message: ParsedMessage, trace: str = "") -> Submitted:
        """Append a message. One whose sender nobody names goes to quarantine (message_id is empty).

        Raises Invalid for a channel or account without a name, and as `submit`.
        """
        return (await self.submit_all(desk_id, [message], trace))[0]

    async def submit_delivery(self, desk_id: str, delivery: ParsedDelivery) -> Submitted:
        """Append a provider's word on something that we sent."""
        return (await self.submit_all(desk_id, [delivery]))[0]

    async def submit_unparsed(
        self, desk_id: str, channel: str, account: str, item: Unparseable, headers: Sequence[str] = ()
    ) -> Submitted:
        """Append something that could not be understood, with its raw bytes, for quarantine."""
        built = await self._unparsed(desk_id, channel, account, item, headers)
        await self._append(desk_id, [built.inbound])
        return built.names

    async def submit_all(
        self, desk_id: str, items: Iterable[Item], trace: str = "", source: tuple[str, str] = ("", "")
    ) -> list[Submitted]:
        """Append all items of one request by one append, all or none; ignored ones leave no record.

        source: channel and account of the request, for what could not be understood.
        """
        built = []
        for item in items:
            match item:
                case ParsedMessage():
                    built.append(await self._message(desk_id, item, MESSAGE_KIND_NEW, ""))
                case ParsedChange():
                    built.append(await self._message(desk_id, item.message, item.kind, item.about))
                case ParsedDelivery():
                    built.append(self._delivery(desk_id, item))
                case Unparseable():
                    built.append(await self._unparsed(desk_id, *source, item, ()))
                case Ignored():
                    continue
        for one in built:
            one.inbound.traceparent = trace
        await self._append(desk_id, [one.inbound for one in built])
        return [one.names for one in built]

    async def _append(self, desk_id: str, records: Sequence[inbound_pb2.Inbound]) -> None:
        if records:
            values = [record.SerializeToString() for record in records]
            for record, value in zip(records, values, strict=True):
                if len(value) > RECORD_BYTES_MAX:
                    what = record.WhichOneof("body")
                    raise Invalid(f"the {what} makes {len(value)} bytes; {RECORD_BYTES_MAX} are the most")
            await self._log.append(MAILBOX, self._partition_of(desk_id), values)

    async def _message(self, desk_id: str, parsed: ParsedMessage, kind: MessageKind, about: str) -> _Built:
        _check(parsed)
        if not parsed.senders:
            nobody = Unparseable(QUARANTINE_REASON_MALFORMED, "nobody is named as its sender", "", parsed.raw)
            return await self._unparsed(desk_id, parsed.channel, parsed.account, nobody, ())
        sealing, desk_key = self._sealing, self._sealing.desk_key(desk_id)
        hashes = [sealing.identity_hash(desk_id, one.channel, one.address) for one in parsed.senders]
        keys = [await sealing.key_for(desk_id, one) for one in hashes]
        names = message_names(desk_key, parsed)
        if parsed.html:
            parsed = await _with_safe_html(parsed)
        content = content_of(parsed)
        desk = self.desks.get(desk_id)
        plain = self._plain(desk_id, desk)
        attributes = _plain_attributes(plain, parsed, content)
        labels = _labels(plain, parsed, content)
        await self._put_blobs(keys[0], parsed, content)
        message = inbound_pb2.ChannelMessage(
            message_id=names.message_id,
            kind=kind,
            channel=parsed.channel,
            account=parsed.account,
            identity_hashes=hashes,
            identity_channels=[one.channel for one in parsed.senders],
            external_hash=external_hash(desk_key, parsed.channel, parsed.account, parsed.external_id),
            reference_hashes=reference_hashes(desk_key, parsed, about),
            thread_hash=thread_hash(desk_key, parsed.channel, parsed.account, parsed.thread),
            sent_at_ms=parsed.sent_at_ms,
            auto_kind=parsed.auto_kind,
            order_id=parsed.order_id,
            attributes=attributes,
            content=sealing.seal(keys[0], content),
            route=sealing.seal(keys[0], route_of(parsed)),
            identities=self._identities(parsed, keys),
            reply_conversation_id=reply_conversation(desk_key, parsed),
        )
        await self._label(message, desk, parsed, labels)
        return _Built(names, inbound_pb2.Inbound(desk_id=desk_id, record_id=names.record_id, message=message))

    def _identities(self, parsed: ParsedMessage, keys: Sequence[DataKey]) -> list[envelope_pb2.Sealed]:
        """Each identity under its own key, so that one can be forgotten without the others."""
        name = parsed.name[:NAME_CHARS_MAX]
        return [
            self._sealing.seal(
                key, content_pb2.IdentityContent(channel=one.channel, address=one.address, name=name)
            )
            for one, key in zip(parsed.senders, keys, strict=True)
        ]

    def _plain(self, desk_id: str, desk: desk_pb2.DeskConfig | None) -> Plain:
        if desk is None:
            return NOTHING_NAMED
        known = self._named.get(desk_id)
        if known is None or known[0] is not desk:
            known = (desk, plain_of(desk))
            self._named[desk_id] = known
        return known[1]

    async def _label(
        self,
        message: inbound_pb2.ChannelMessage,
        desk: desk_pb2.DeskConfig | None,
        parsed: ParsedMessage,
        labels: Mapping[str, str],
    ) -> None:
        said = parsed.attributes
        message.intent, message.mood = labels.get("intent", ""), labels.get("mood", "")
        message.language = labels.get("language", "")
        if not message.language and desk is not None and desk.languages and parsed.text:
            if not self.languages.loaded:
                await self.languages.load()
            message.language = self.languages.tell(parsed.text, desk.languages)
        if "wants_human" in said:
            message.wants_human = said["wants_human"].lower() in TRUE
        elif message.kind == MESSAGE_KIND_NEW and parsed.auto_kind == AUTO_KIND_NONE:
            message.wants_human = wants_human(parsed.text)

    async def _put_blobs(
        self, key: DataKey, parsed: ParsedMessage, content: content_pb2.MessageContent
    ) -> None:
        """Files, the raw mail and long texts become blobs, sealed under the sender's key."""
        for place, one in enumerate(parsed.attachments):
            if one.data is not None:
                content.attachments[place].blob = await self._put(key, one.data)
        if parsed.raw:
            content.raw_blob = await self._put(key, parsed.raw)
        if content.ByteSize() > CONTENT_BYTES_MAX:
            content.full_blob = await self._put(key, content.SerializeToString())
            content.text = content.text[:EXCERPT_CHARS]
            content.subject = content.subject[:SUBJECT_CHARS_MAX]
            for name in ("text_full", "html", "attributes"):
                content.ClearField(name)
            if content.ByteSize() > CONTENT_BYTES_MAX:
                content.ClearField("attachments")

    async def _put(self, key: DataKey, plain: bytes) -> str:
        """A blob is a serialised Sealed of the bytes."""
        return await self._blobs.put(self._sealing.seal_bytes(key, plain).SerializeToString())

    def _delivery(self, desk_id: str, parsed: ParsedDelivery) -> _Built:
        key = self._sealing.desk_key(desk_id)
        state = str(int(parsed.state))
        report = inbound_pb2.DeliveryReport(
            channel=parsed.channel,
            account=parsed.account,
            provider_id_hash=external_hash(key, parsed.channel, parsed.account, parsed.external_id),
            state=parsed.state,
            error_code=parsed.error_code[:NAME_CHARS_MAX],
            at_ms=parsed.at_ms,
            send_id=parsed.send_id[:NAME_CHARS_MAX],
        )
        # A provider repeats a status with another time; it is the same word.
        record_id = make_id(
            "r", key, "delivery", parsed.channel, parsed.account, parsed.external_id, state, report.error_code
        )
        inbound = inbound_pb2.Inbound(desk_id=desk_id, record_id=record_id, delivery=report)
        return _Built(Submitted("", record_id), inbound)

    async def _unparsed(
        self, desk_id: str, channel: str, account: str, item: Unparseable, headers: Sequence[str]
    ) -> _Built:
        key = await self._sealing.day_key(desk_id, self.clock.now_ms())
        raw = content_pb2.RawContent(body=item.raw, headers=headers)
        if len(item.raw) > CONTENT_BYTES_MAX:
            raw = content_pb2.RawContent(headers=headers, blob=await self._put(key, item.raw))
        record_id = make_id(
            "r",
            self._sealing.desk_key(desk_id),
            "unparsed",
            channel,
            account,
            item.pointer,
            hashlib.sha256(item.raw).digest(),
        )
        unparsed = inbound_pb2.Unparsed(
            channel=channel,
            account=account,
            reason=item.reason,
            detail=f"{item.pointer} {item.reason_text}".strip()[:NAME_CHARS_MAX],
            raw=self._sealing.seal(key, raw),
        )
        inbound = inbound_pb2.Inbound(desk_id=desk_id, record_id=record_id, unparsed=unparsed)
        return _Built(Submitted("", record_id), inbound)


def _plain_attributes(
    plain: Plain, parsed: ParsedMessage, content: content_pb2.MessageContent
) -> dict[str, str]:
    """Attributes that the desk's configuration names; the rest goes into the sealed content."""
    named = {}
    for name, value in parsed.attributes.items():
        if name in plain.attributes:
            named[name] = value[:NAME_CHARS_MAX]
        elif name not in LABELS:
            content.attributes[name] = value
    return named


def _labels(plain: Plain, parsed: ParsedMessage, content: content_pb2.MessageContent) -> dict[str, str]:
    """The sender's labels that may stand in the plain; the others go into the sealed content."""
    labels = {}
    for name in ("language", "intent", "mood"):
        value = parsed.attributes.get(name, "")
        if label := plain.label(name, value):
            labels[name] = label
        elif value:
            content.attributes[name] = value
    return labels


async def _with_safe_html(parsed: ParsedMessage) -> ParsedMessage:
    """The HTML as an agent's browser may show it, and its words where there are none besides."""
    if len(parsed.html) > CONTENT_BYTES_MAX:
        return await asyncio.to_thread(_shown, parsed)
    return _shown(parsed)


def _shown(parsed: ParsedMessage) -> ParsedMessage:
    text = parsed.text or html_to_text(parsed.html)
    return replace(parsed, html=safe_html(parsed.html), text=text)


def _check(parsed: ParsedMessage) -> None:
    problems = [
        Problem(f"/{name}", f"must be 1 to {NAME_CHARS_MAX} characters long")
        for name, value in (("channel", parsed.channel), ("account", parsed.account))
        if not 0 < len(value) <= NAME_CHARS_MAX
    ]
    if problems:
        raise Invalid("The message does not say where it came in.", problems)
