"""WhatsApp Cloud API webhooks (developers.facebook.com/docs/whatsapp/cloud-api/webhooks).

One POST holds entries, each with changes, each with messages and statuses of one phone number. The
header X-Hub-Signature-256 is an HMAC-SHA256 of the raw bytes under the app secret, without a time, so
repeats (for up to seven days) are told by the message's id. Times are seconds, written as strings.

A person is known by a business-scoped user id ("PL.1234…") and, unless they hide it, by a phone
number; a user id stays when the number hides, so it is the first identity. Where only one is given,
that one has to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from proto.v1.inbound_pb2 import AutoKind, DeliveryState, MessageKind
from services.ingest.channels import (
    MALFORMED,
    UNKNOWN_ACCOUNT,
    UNKNOWN_TYPE,
    Address,
    Ignored,
    Item,
    ParsedAttachment,
    ParsedChange,
    ParsedDelivery,
    ParsedMessage,
    Unparseable,
    Where,
    equals_any,
    hex_sha256,
)
from services.ingest.channels.fields import listing, mapping, seconds_as_ms, text

CHANNEL = "whatsapp"

_MEDIA = ("image", "audio", "video", "document", "sticker")
_STATES = {
    "sent": DeliveryState.DELIVERY_STATE_SENT,
    "delivered": DeliveryState.DELIVERY_STATE_DELIVERED,
    "read": DeliveryState.DELIVERY_STATE_READ,
    "played": DeliveryState.DELIVERY_STATE_READ,
    "failed": DeliveryState.DELIVERY_STATE_FAILED,
}


def handshake(query: Mapping[str, str], tokens: Sequence[bytes]) -> bytes | None:
    """The challenge back, if the query carries one of the verify tokens."""
    if query.get("hub.mode") != "subscribe" or "hub.challenge" not in query:
        return None
    if not equals_any(query.get("hub.verify_token", "").encode("utf-8", "replace"), tokens):
        return None
    return query["hub.challenge"].encode("utf-8", "replace")


def verify(raw: bytes, headers: Mapping[bytes, bytes], secrets: Sequence[bytes]) -> bool:
    """Whether X-Hub-Signature-256 signs the raw bytes under one of the app secrets."""
    given = headers.get(b"x-hub-signature-256", b"")
    if not given.startswith(b"sha256="):
        return False
    return equals_any(given[7:].lower(), [hex_sha256(secret, raw) for secret in secrets])


def parse(raw: bytes, where: Where) -> list[Item]:
    """Every message and status of every change of every entry, in order."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Unparseable(MALFORMED, "not JSON", "", raw)]
    if not isinstance(body, dict) or not isinstance(body.get("entry"), list):
        return [Unparseable(MALFORMED, "no list of entries", "", raw)]
    items: list[Item] = []
    for e, entry in enumerate(body["entry"]):
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            items.append(_bad("no list of changes", f"/entry/{e}", entry))
            continue
        for c, change in enumerate(changes):
            items += _change(change, f"/entry/{e}/changes/{c}", where)
    return items or [Ignored("nothing in it")]


def _change(change: Any, pointer: str, where: Where) -> list[Item]:
    value = mapping(change, "value")
    field = text(change, "field")
    if not value:
        return [_bad("no value", pointer, change)]
    if field != "messages":
        # Echoes of what the shop wrote in its own app, account and template news.
        return [Ignored(f"change of {field[:100]}")]
    account = where.resolve(text(mapping(value, "metadata"), "phone_number_id"))
    items: list[Item] = []
    for name, reader in (("messages", _message), ("statuses", _status)):
        for i, one in enumerate(listing(value, name)):
            place = f"{pointer}/value/{name}/{i}"
            if account is None:
                items.append(_bad("a phone number that the desk does not have", place, one, UNKNOWN_ACCOUNT))
            elif not text(one, "id"):
                items.append(_bad("no id", place, one))
            else:
                items.append(reader(one, place, _Context(account, value)))
    return items or [Ignored("neither messages nor statuses")]


def _bad(why: str, pointer: str, part: Any, reason: Any = MALFORMED) -> Unparseable:
    return Unparseable(reason, why, pointer, msgspec.json.encode(part))


class _Context(NamedTuple):
    account: str
    value: dict[str, Any]

    def contact(self, message: dict[str, Any]) -> dict[str, Any]:
        """The contact who wrote it: by id, or the only one there is."""
        contacts = [one for one in listing(self.value, "contacts") if isinstance(one, dict)]
        if len(contacts) == 1:
            return contacts[0]
        ids = {text(message, "from"), text(message, "from_user_id")} - {""}
        return next((c for c in contacts if {text(c, "wa_id"), text(c, "user_id")} & ids), {})


class _Said(NamedTuple):
    """What the body of a message says, whatever its type."""

    text: str = ""
    attachments: tuple[ParsedAttachment, ...] = ()
    attributes: Mapping[str, str] = {}


def _message(one: dict[str, Any], pointer: str, context: _Context) -> Item:
    kind = text(one, "type")
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(one, pointer, context)
    said = _said(one)
    if said is None:
        return _bad(f"message of type {kind[:40]}", pointer, one, UNKNOWN_TYPE)
    return _parsed(one, pointer, context, said)


def _parsed(one: dict[str, Any], pointer: str, context: _Context, said: _Said) -> ParsedMessage | Unparseable:
    contact = context.contact(one)
    senders = _identities(
        text(one, "from_user_id") or text(contact, "user_id"), text(one, "from") or text(contact, "wa_id")
    )
    if not senders:
        return _bad("no sender", pointer, one)
    answered = text(mapping(one, "context"), "id")
    attributes = dict(said.attributes)
    if referral := mapping(one, "referral"):
        attributes["referral"] = msgspec.json.encode(referral).decode()
    return ParsedMessage(
        channel=CHANNEL,
        account=context.account,
        external_id=text(one, "id"),
        senders=senders,
        name=text(mapping(contact, "profile"), "name"),
        # A number reaches people on every kind of account; a user id only where it is known.
        answer_to=senders[-1].address,
        thread=text(one, "group_id"),
        reply_to=(answered,) if answered else (),
        text=said.text,
        attachments=said.attachments,
        sent_at_ms=seconds_as_ms(one, "timestamp"),
        attributes=attributes,
    )


def _identities(user_id: str, sender: str) -> tuple[Address, ...]:
    """The user id and the number, each where there is one. `from` may hold either."""
    found = [user_id] if user_id else []
    if sender and sender != user_id:
        found.append(e164(sender))
    return tuple(Address(CHANNEL, one) for one in found)


def e164(sender: str) -> str:
    """A WhatsApp id made of digits is a phone number without its plus sign."""
    return f"+{sender}" if sender.isascii() and sender.isdigit() else sender


def _said(one: dict[str, Any]) -> _Said | None:
    """What the message says by its type; None for a type that is new to us."""
    kind = text(one, "type")
    body = mapping(one, kind)
    if kind in _MEDIA:
        return _Said(text(body, "caption"), (_media(body, kind),))
    reader = _SAYS.get(kind)
    return reader(one, body) if reader is not None else None


def _media(body: dict[str, Any], kind: str) -> ParsedAttachment:
    return ParsedAttachment(
        name=text(body, "filename") or kind,
        media_type=text(body, "mime_type"),
        provider_ref=text(body, "id"),
    )


def _says_location(one: dict[str, Any], body: dict[str, Any]) -> _Said:
    point = f"{body.get('latitude')}, {body.get('longitude')}"
    parts = (text(body, "name"), text(body, "address"), point)
    return _Said("\n".join(part for part in parts if part))


def _says_interactive(one: dict[str, Any], body: dict[str, Any]) -> _Said:
    kind = text(body, "type")
    chosen = mapping(body, kind)
    if kind == "nfm_reply":
        return _Said(attributes={"flow_response": text(chosen, "response_json")})
    return _Said(text(chosen, "title"), attributes={"payload": text(chosen, "id")})


def _as_json(name: str, value: Any) -> dict[str, str]:
    return {name: msgspec.json.encode(value).decode()}


_SAYS: dict[str, Callable[[dict[str, Any], dict[str, Any]], _Said]] = {
    "text": lambda one, body: _Said(text(body, "body")),
    "location": _says_location,
    "interactive": _says_interactive,
    "button": lambda one, body: _Said(text(body, "text"), attributes={"payload": text(body, "payload")}),
    "contacts": lambda one, body: _Said(attributes=_as_json("contacts", listing(one, "contacts"))),
    "order": lambda one, body: _Said(
        text(body, "text"), attributes=_as_json("product_items", listing(body, "product_items"))
    ),
    # The customer did send something (a poll, a view-once picture): the agent has to know.
    "unsupported": lambda one, body: _Said(attributes={"unsupported": text(body, "type") or "unknown"}),
}


def _reaction(one: dict[str, Any], pointer: str, context: _Context) -> Item:
    body = mapping(one, "reaction")
    said = _Said(text(body, "emoji"))
    return _changed(MessageKind.MESSAGE_KIND_REACTION, text(body, "message_id"), one, pointer, context, said)


def _edit(one: dict[str, Any], pointer: str, context: _Context) -> Item:
    body = mapping(one, "edit")
    said = _said(mapping(body, "message"))
    if said is None:
        return _bad("an edit of an unknown type", pointer, one, UNKNOWN_TYPE)
    about = text(body, "original_message_id")
    return _changed(MessageKind.MESSAGE_KIND_EDIT, about, one, pointer, context, said)


def _revoke(one: dict[str, Any], pointer: str, context: _Context) -> Item:
    about = text(mapping(one, "revoke"), "original_message_id")
    return _changed(MessageKind.MESSAGE_KIND_DELETE, about, one, pointer, context, _Said())


def _changed(
    kind: MessageKind, about: str, one: dict[str, Any], pointer: str, context: _Context, said: _Said
) -> Item:
    if not about:
        return _bad("does not say which message it changes", pointer, one)
    message = _parsed(one, pointer, context, said)
    return message if isinstance(message, Unparseable) else ParsedChange(kind, about, message)


def _system(one: dict[str, Any], pointer: str, context: _Context) -> Item:
    """The same person with a new number or id: both are identities of the one message."""
    body = mapping(one, "system")
    old = text(one, "from") or text(body, "customer")
    new = _identities(text(body, "user_id"), text(body, "wa_id") or text(body, "new_wa_id"))
    was = _identities(text(one, "from_user_id"), old)
    senders = tuple(dict.fromkeys((*new, *was)))
    if not senders:
        return _bad("no sender", pointer, one)
    return ParsedMessage(
        channel=CHANNEL,
        account=context.account,
        external_id=text(one, "id"),
        senders=senders,
        name=text(mapping(context.contact(one), "profile"), "name"),
        answer_to=(new or senders)[-1].address,
        text=text(body, "body"),
        sent_at_ms=seconds_as_ms(one, "timestamp"),
        auto_kind=AutoKind.AUTO_KIND_SYSTEM,
        attributes={"system": text(body, "type")},
    )


_SPECIAL: dict[str, Callable[[dict[str, Any], str, _Context], Item]] = {
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "system": _system,
}


def _status(one: dict[str, Any], pointer: str, context: _Context) -> Item:
    state = _STATES.get(text(one, "status"))
    if state is None:
        return Ignored(f"status {text(one, 'status')[:40]}")
    errors = listing(one, "errors")
    return ParsedDelivery(
        channel=CHANNEL,
        account=context.account,
        external_id=text(one, "id"),
        state=state,
        error_code=text(errors[0], "code") if errors else "",
        at_ms=seconds_as_ms(one, "timestamp"),
        send_id=text(one, "biz_opaque_callback_data"),
    )
