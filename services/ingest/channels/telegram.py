"""Telegram Bot API: one Update per request (core.telegram.org/bots/api#update).

The request is authentic if the header X-Telegram-Bot-Api-Secret-Token equals the token that was given
to setWebhook; there is no signature. A message's id is unique only within its chat, so ours is
"chat:message". An answer goes to the chat. Telegram repeats an update until it gets a 2xx.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from proto.v1.inbound_pb2 import MessageKind
from services.ingest.channels import (
    MALFORMED,
    Address,
    Ignored,
    Item,
    ParsedAttachment,
    ParsedChange,
    ParsedMessage,
    Unparseable,
    Where,
    equals_any,
)
from services.ingest.channels.fields import listing, mapping, number, seconds_as_ms, size, text

CHANNEL = "telegram"

# Kinds of media that are one object, with the type when Telegram does not say.
_MEDIA = {
    "animation": "video/mp4",
    "audio": "audio/mpeg",
    "document": "application/octet-stream",
    "sticker": "image/webp",
    "video": "video/mp4",
    "video_note": "video/mp4",
    "voice": "audio/ogg",
}
# Beside them, what makes a message say something to us. Everything else is a service message.
_SAYING = ("text", "caption", "photo", "contact", "location", "venue", "dice", "poll", *_MEDIA)


def handshake(query: Mapping[str, str], tokens: Sequence[bytes]) -> bytes | None:
    """Telegram never asks."""
    return None


def verify(raw: bytes, headers: Mapping[bytes, bytes], secrets: Sequence[bytes]) -> bool:
    """Whether the secret header holds one of the secrets."""
    given = headers.get(b"x-telegram-bot-api-secret-token", b"")
    return bool(given) and equals_any(given, secrets)


def parse(raw: bytes, where: Where) -> list[Item]:
    """The one update of the request."""
    try:
        update = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Unparseable(MALFORMED, "not JSON", "", raw)]
    if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
        return [Unparseable(MALFORMED, "not an update: no update_id", "", raw)]
    for kind, reader in _READERS.items():
        body = update.get(kind)
        if body is not None:
            if not isinstance(body, dict):
                return [Unparseable(MALFORMED, f"{kind} is not an object", f"/{kind}", raw)]
            item = reader(body, where.account, number(update, "update_id"))
            if item is None:
                return [Unparseable(MALFORMED, f"{kind} has no chat, id or sender", f"/{kind}", raw)]
            return [item]
    kinds = sorted(key for key in update if key != "update_id")
    return [Ignored(f"update of kind {', '.join(kinds)[:100] or 'nothing'}")]


def _message(body: dict[str, Any], account: str, update_id: int) -> Item | None:
    if mapping(body, "from").get("is_bot") is True:
        return Ignored("written by a bot")
    if _is_ours(body):
        return Ignored("written by the shop")
    if not any(name in body for name in _SAYING):
        return Ignored("a service message")
    external_id = _external_id(body)
    return _parsed(body, account, external_id) if external_id else None


def _is_ours(body: dict[str, Any]) -> bool:
    """Whether the shop wrote it in its own app (a business connection shows both sides): a private chat has
    its customer's id, so whoever else writes there is no customer."""
    chat, person = mapping(body, "chat"), number(mapping(body, "from"), "id")
    return text(chat, "type") == "private" and person not in (0, number(chat, "id"))


def _edited(body: dict[str, Any], account: str, update_id: int) -> Item | None:
    about = _external_id(body)
    if not about:
        return None
    if _is_ours(body):
        return Ignored("written by the shop")
    message = _parsed(body, account, f"{about}:edit:{update_id}", "edit_date")
    return message and ParsedChange(MessageKind.MESSAGE_KIND_EDIT, about, message)


def _reaction(body: dict[str, Any], account: str, update_id: int) -> Item | None:
    about = _external_id(body)
    person = mapping(body, "user") or mapping(body, "actor_chat")
    if not about or not number(person, "id"):
        return None
    emoji = [text(one, "emoji") or text(one, "type") for one in listing(body, "new_reaction")]
    message = ParsedMessage(
        channel=CHANNEL,
        account=account,
        external_id=f"{about}:reaction:{update_id}",
        senders=(Address(CHANNEL, text(person, "id")),),
        name=_name(person),
        answer_to=text(mapping(body, "chat"), "id"),
        reply_to=(about,),
        text="".join(emoji),
        sent_at_ms=seconds_as_ms(body, "date"),
    )
    return ParsedChange(MessageKind.MESSAGE_KIND_REACTION, about, message)


def _callback(body: dict[str, Any], account: str, update_id: int) -> Item | None:
    """A press of a button: its data is the payload; the message is the one that has the button."""
    person, about = mapping(body, "from"), mapping(body, "message")
    if not number(person, "id") or not text(body, "id"):
        return None
    chat = mapping(about, "chat") or person
    answers = _external_id(about)
    return ParsedMessage(
        channel=CHANNEL,
        account=account,
        external_id=f"callback:{text(body, 'id')}",
        senders=(Address(CHANNEL, text(person, "id")),),
        name=_name(person),
        answer_to=text(chat, "id"),
        thread=_thread(about) or text(chat, "id"),
        reply_to=(answers,) if answers else (),
        text=text(body, "data") or text(body, "game_short_name"),
        attributes={"payload": text(body, "data")},
    )


def _ignored_post(body: dict[str, Any], account: str, update_id: int) -> Item | None:
    return Ignored("a post of a channel")


_READERS = {
    "message": _message,
    "edited_message": _edited,
    "business_message": _message,
    "edited_business_message": _edited,
    "message_reaction": _reaction,
    "callback_query": _callback,
    "channel_post": _ignored_post,
    "edited_channel_post": _ignored_post,
}


def _parsed(body: dict[str, Any], account: str, external_id: str, date: str = "date") -> ParsedMessage | None:
    person = mapping(body, "from") or mapping(body, "sender_chat") or mapping(body, "chat")
    if not number(person, "id"):
        return None
    answered = _external_id(mapping(body, "reply_to_message"))
    return ParsedMessage(
        channel=CHANNEL,
        account=account,
        external_id=external_id,
        senders=(Address(CHANNEL, text(person, "id")),),
        name=_name(person),
        answer_to=text(mapping(body, "chat"), "id"),
        thread=_thread(body),
        reply_to=(answered,) if answered else (),
        text=_words(body),
        attachments=tuple(_attachments(body)),
        sent_at_ms=seconds_as_ms(body, date) or seconds_as_ms(body, "date"),
    )


def _external_id(body: dict[str, Any]) -> str:
    chat, message = number(mapping(body, "chat"), "id"), number(body, "message_id")
    return f"{chat}:{message}" if chat and message else ""


def _thread(body: dict[str, Any]) -> str:
    """The chat; a forum's topic is a thread of its own."""
    chat = text(mapping(body, "chat"), "id")
    topic = number(body, "message_thread_id") if body.get("is_topic_message") is True else 0
    return f"{chat}:{topic}" if topic else chat


def _name(person: dict[str, Any]) -> str:
    full = f"{text(person, 'first_name')} {text(person, 'last_name')}".strip()
    return full or text(person, "title") or text(person, "username")


def _words(body: dict[str, Any]) -> str:
    """The words of a message; entities point into them by UTF-16 offsets, so they stay as they are."""
    words = text(body, "text") or text(body, "caption")
    if words:
        return words
    if contact := mapping(body, "contact"):
        return f"{_name(contact)} {text(contact, 'phone_number')}".strip()
    place = mapping(body, "venue", "location") or mapping(body, "location")
    if place:
        venue = mapping(body, "venue")
        point = f"{place.get('latitude')}, {place.get('longitude')}"
        return "\n".join(part for part in (text(venue, "title"), text(venue, "address"), point) if part)
    if poll := mapping(body, "poll"):
        return text(poll, "question")
    if dice := mapping(body, "dice"):
        return f"{text(dice, 'emoji')} {text(dice, 'value')}"
    return ""


def _attachments(body: dict[str, Any]) -> list[ParsedAttachment]:
    """Media lie with Telegram under their file_id. Of a photo's sizes, the largest."""
    found = []
    photos = [one for one in listing(body, "photo") if isinstance(one, dict) and text(one, "file_id")]
    if photos:
        largest = max(photos, key=lambda one: number(one, "width") * number(one, "height"))
        found.append(_file(largest, "photo", "image/jpeg"))
    # A GIF is given as `animation` and, for old bots, once more as `document`.
    names = [name for name in _MEDIA if name != "document" or "animation" not in body]
    found += [
        _file(body[name], name, _MEDIA[name])
        for name in names
        if isinstance(body.get(name), dict) and text(body[name], "file_id")
    ]
    return found


def _file(media: dict[str, Any], kind: str, media_type: str) -> ParsedAttachment:
    return ParsedAttachment(
        name=text(media, "file_name") or kind,
        media_type=text(media, "mime_type") or media_type,
        provider_ref=text(media, "file_id"),
        size=size(media, "file_size"),
    )
