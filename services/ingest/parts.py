"""What follows from a parsed message alone: its names, its hashes, and its parts before they are sealed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from proto.v1 import content_pb2, desk_pb2
from services.ingest.channels import ParsedMessage
from services.kernel.conditions import attributes_named, conditions_of
from services.kernel.external_ids import canonical_id, external_hash
from services.kernel.identity import normalise
from services.kernel.ids import make_id
from services.kernel.languages import names_a_language
from services.kernel.limits import NAME_CHARS_MAX
from services.kernel.reply_token import conversation_of

INTENTS = frozenset(
    ("cancellation", "complaint", "invoice", "praise", "question", "refund", "return", "where_is_my_order")
)
MOODS = frozenset(("angry", "calm", "happy", "sad", "upset", "worried"))
"""Labels that may stand in the plain on any desk: a closed list tells nothing of a person."""
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
"""A language tag (BCP 47): a language, perhaps with script, region or variant."""
REFERENCES_MAX = 50
"""Ids that one message may answer; the nearest are kept."""
ROUTE_REFERENCES_CHARS_MAX = 4_096
"""Of the ids that an answer will refer to: a hundred routes stand in one batch of a shipment's notices."""
SUBJECT_CHARS_MAX = 998
"""RFC 5322: the longest line of a header."""


class Submitted(NamedTuple):
    """Names of what was appended. `message_id` is empty for what is no message."""

    message_id: str
    record_id: str


def message_names(desk_key: bytes, parsed: ParsedMessage) -> Submitted:
    """The ids that follow from a message: the same message has the same, whoever computes them.

    A mail is also named by its sender and a hash of its body, since Message-IDs repeat and are forged.
    """
    parts: list[str | bytes] = [
        parsed.channel,
        parsed.account,
        canonical_id(parsed.channel, parsed.external_id),
    ]
    if parsed.channel == "email":
        sender = normalise("email", parsed.senders[0].address) if parsed.senders else ""
        words = f"{parsed.subject}\0{parsed.text}\0{parsed.html}".encode("utf-8", "replace")
        parts += [sender, parsed.digest or hashlib.sha256(words).digest()]
    return Submitted(make_id("m", desk_key, *parts), make_id("r", desk_key, "message", *parts))


def content_of(parsed: ParsedMessage) -> content_pb2.MessageContent:
    """The words and files, before they are sealed."""
    content = content_pb2.MessageContent(
        subject=parsed.subject,
        text=parsed.text,
        text_full=parsed.text_full,
        html=parsed.html,
        author=parsed.name[:NAME_CHARS_MAX],
    )
    for one in parsed.attachments:
        content.attachments.add(
            name=one.name[:NAME_CHARS_MAX],
            media_type=one.media_type[:NAME_CHARS_MAX],
            size_bytes=one.size,
            provider_ref=one.provider_ref,
            content_id=one.content_id,
        )
    return content


def route_of(parsed: ParsedMessage) -> content_pb2.MessageRoute:
    """How to answer, before it is sealed."""
    return content_pb2.MessageRoute(
        address=parsed.answer_to or parsed.senders[0].address,
        name=parsed.name[:NAME_CHARS_MAX],
        external_id=parsed.external_id,
        references=_newest(parsed.references[-REFERENCES_MAX:]),
        subject=parsed.subject[:SUBJECT_CHARS_MAX],
        thread=parsed.thread,
    )


def _newest(references: Sequence[str]) -> list[str]:
    """The newest that fit, in their order."""
    kept: list[str] = []
    left = ROUTE_REFERENCES_CHARS_MAX
    for one in reversed(references):
        left -= len(one)
        if left < 0:
            break
        kept.append(one)
    return kept[::-1]


def reference_hashes(desk_key: bytes, parsed: ParsedMessage, about: str) -> list[bytes]:
    """Hashes of the ids that it answers, the nearest first; before them the one that it changes."""
    named = (about, *parsed.reply_to) if about else parsed.reply_to
    hashes = [
        external_hash(desk_key, parsed.channel, parsed.account, one)
        for one in dict.fromkeys(named[:REFERENCES_MAX])
    ]
    return [one for one in hashes if one]


def reply_conversation(desk_key: bytes, parsed: ParsedMessage) -> str:
    """The conversation that a recipient\'s address names by a token of ours; "" for none."""
    for address in parsed.recipients:
        if "+" in address and (found := conversation_of(desk_key, address)):
            return found
    return ""


class Plain(NamedTuple):
    """What a sender says that may stand in the plain with this desk.

    languages: the tags that the desk lists or asks for, by themselves and by their language, in lower case.
    """

    attributes: frozenset[str]
    intents: frozenset[str] = INTENTS
    moods: frozenset[str] = MOODS
    languages: Mapping[str, str] = {}

    def label(self, name: str, value: str) -> str:
        """The value as it may stand there as the label language, intent or mood; "" if it may not.

        Language tags have no case, and browsers send a region with them: where the desk does not have such a
        tag but the language, that is meant.
        """
        if name != "language":
            return value if value in (self.intents if name == "intent" else self.moods) else ""
        value = value.replace("_", "-")  # as programs write a locale
        if not LANGUAGE.fullmatch(value) or not names_a_language(value):
            return ""
        tag = value.lower()
        return self.languages.get(tag) or self.languages.get(tag.partition("-")[0]) or value


NOTHING_NAMED = Plain(frozenset())


def plain_of(desk: desk_pb2.DeskConfig) -> Plain:
    """What the desk's conditions name, with the closed lists."""
    named = {
        field: [value for one in conditions_of(desk) if one.field == field for value in one.values]
        for field in ("language", "intent", "mood")
    }
    tags = [*named["language"], *desk.languages]
    return Plain(
        attributes_named(desk),
        INTENTS.union(named["intent"]),
        MOODS.union(named["mood"]),
        {tag.partition("-")[0].lower(): tag for tag in tags} | {tag.lower(): tag for tag in tags},
    )
