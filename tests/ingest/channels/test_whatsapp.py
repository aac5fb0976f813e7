"""Webhooks of our own, written from the Cloud API's documentation."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.v1.inbound_pb2 import AutoKind, DeliveryState, MessageKind, QuarantineReason
from services.ingest.channels import (
    Address,
    Ignored,
    Item,
    ParsedChange,
    ParsedDelivery,
    ParsedMessage,
    Unparseable,
    Where,
    whatsapp,
)

WHERE = Where("48221", {"1055": "48221", "1066": "48222"})
HEADER = b"x-hub-signature-256"


def post(*values: dict[str, Any], number: str = "1055") -> bytes:
    """A POST with one change for each value."""
    metadata = {"display_phone_number": "48221234567", "phone_number_id": number}
    changes = [{"field": "messages", "value": {"metadata": metadata, **value}} for value in values]
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}
    ).encode()


def message(kind: str = "text", **body: Any) -> dict[str, Any]:
    """A message of that type."""
    return {"from": "48500600700", "id": "wamid.1", "timestamp": "1793711100", "type": kind, **body}


def one(*messages: dict[str, Any], **more: Any) -> Item:
    """The one item that comes of it."""
    [item] = whatsapp.parse(post({"messages": list(messages), **more}), WHERE)
    return item


def text(body: str, **more: Any) -> dict[str, Any]:
    """A text message."""
    return message("text", text={"body": body}, **more)


def test_only_a_signature_over_the_raw_bytes_opens() -> None:
    """HMAC-SHA256 of the raw bytes under one of the app secrets; everything else is refused."""
    raw = b'{"text":"za\\u017c\\u00f3\\u0142\\u0107"}'
    good = b"sha256=" + hmac.new(b"app-2", raw, hashlib.sha256).hexdigest().encode()
    assert whatsapp.verify(raw, {HEADER: good}, [b"app-1", b"app-2"])
    assert whatsapp.verify(raw, {HEADER: b"sha256=" + good[7:].upper()}, [b"app-2"])
    reserialised = json.dumps(json.loads(raw), ensure_ascii=False).encode()
    assert not whatsapp.verify(reserialised, {HEADER: good}, [b"app-2"])
    assert not whatsapp.verify(raw, {HEADER: good}, [b"app-3"])
    assert not whatsapp.verify(raw, {HEADER: good}, [])
    assert not whatsapp.verify(raw, {HEADER: good[7:]}, [b"app-2"])
    assert not whatsapp.verify(raw, {HEADER: b"sha256="}, [b"app-2"])
    assert not whatsapp.verify(raw, {}, [b"app-2"])


def test_the_handshake_gives_the_challenge_back() -> None:
    """GET with our verify token gets its challenge; another token, another mode or no token nothing."""
    query = {"hub.mode": "subscribe", "hub.verify_token": "vt", "hub.challenge": "123"}
    assert whatsapp.handshake(query, [b"vt"]) == b"123"
    assert whatsapp.handshake(query, [b"other"]) is None
    assert whatsapp.handshake(query, []) is None
    assert whatsapp.handshake({**query, "hub.mode": "unsubscribe"}, [b"vt"]) is None


def test_everything_in_a_post_is_read() -> None:
    """Several changes with several messages and statuses give one item each, in order."""
    first = {"messages": [text("a"), {**text("b"), "id": "wamid.2"}]}
    status = {"id": "wamid.9", "status": "read", "timestamp": "1793711101"}
    items = whatsapp.parse(post(first, {"statuses": [status]}), WHERE)
    assert [type(item) for item in items] == [ParsedMessage, ParsedMessage, ParsedDelivery]
    assert [item.external_id for item in items if isinstance(item, ParsedMessage)] == ["wamid.1", "wamid.2"]


def test_a_bad_item_stops_nothing() -> None:
    """An item that makes no sense is kept with its place; those around it go through."""
    items = whatsapp.parse(
        post({"messages": [text("a"), 7, {"id": "x", "type": "hologram"}, text("b")]}), WHERE
    )
    assert [type(item) for item in items] == [ParsedMessage, Unparseable, Unparseable, ParsedMessage]
    bad, unknown = items[1], items[2]
    assert isinstance(bad, Unparseable)
    assert isinstance(unknown, Unparseable)
    assert bad.pointer == "/entry/0/changes/0/value/messages/1"
    assert bad.raw == b"7"
    assert unknown.reason == QuarantineReason.QUARANTINE_REASON_UNKNOWN_TYPE


def test_a_user_id_and_a_number_are_two_identities() -> None:
    """Who shows a number is known by it and by the user id; who hides it, by the user id alone."""
    contact = {"profile": {"name": "Jan"}, "wa_id": "48500600700", "user_id": "PL.77"}
    item = one(text("x"), contacts=[contact])
    assert isinstance(item, ParsedMessage)
    assert item.senders == (Address("whatsapp", "PL.77"), Address("whatsapp", "+48500600700"))
    assert (item.answer_to, item.name) == ("+48500600700", "Jan")
    hidden = one({**text("x"), "from": "PL.77"}, contacts=[{"user_id": "PL.77"}])
    assert isinstance(hidden, ParsedMessage)
    assert (hidden.senders, hidden.answer_to) == ((Address("whatsapp", "PL.77"),), "PL.77")


def test_messages_go_to_the_account_of_their_number() -> None:
    """One app may serve several numbers of the desk; a number that is not the desk's is kept apart."""
    [other] = whatsapp.parse(post({"messages": [text("x")]}, number="1066"), WHERE)
    assert isinstance(other, ParsedMessage)
    assert other.account == "48222"
    [foreign] = whatsapp.parse(post({"messages": [text("x")]}, number="1"), WHERE)
    assert isinstance(foreign, Unparseable)
    assert foreign.reason == QuarantineReason.QUARANTINE_REASON_UNKNOWN_ACCOUNT


MEDIA = {"id": "m1", "mime_type": "image/jpeg", "caption": "Uszkodzony"}


@pytest.mark.parametrize(
    ("given_message", "words"),
    [
        (text("Cześć"), "Cześć"),
        (message("image", image=MEDIA), "Uszkodzony"),
        (
            message("location", location={"latitude": 52.2, "longitude": 21.0, "name": "Dom"}),
            "Dom\n52.2, 21.0",
        ),
        (message("button", button={"text": "Tak", "payload": "p"}), "Tak"),
        (
            message(
                "interactive", interactive={"type": "list_reply", "list_reply": {"id": "p", "title": "Zwrot"}}
            ),
            "Zwrot",
        ),
        (message("unsupported", errors=[{"code": 131051}]), ""),
    ],
)
def test_every_type_says_something(given_message: dict[str, Any], words: str) -> None:
    """Each type of message gives the words that the customer chose or wrote."""
    item = one(given_message)
    assert isinstance(item, ParsedMessage)
    assert item.text == words
    assert item.sent_at_ms == 1_793_711_100_000


def test_a_document_keeps_its_name() -> None:
    """A document comes by its media id, with name and type."""
    item = one(message("document", document={**MEDIA, "filename": "faktura.pdf"}))
    assert isinstance(item, ParsedMessage)
    assert [(a.name, a.provider_ref, a.media_type) for a in item.attachments] == [
        ("faktura.pdf", "m1", "image/jpeg")
    ]


def test_changes_name_what_they_change() -> None:
    """Edit, revocation and reaction name the message that they are about."""
    edit = one(
        message("edit", edit={"original_message_id": "o", "message": {"type": "text", "text": {"body": "n"}}})
    )
    revoke = one(message("revoke", revoke={"original_message_id": "o"}))
    reaction = one(message("reaction", reaction={"message_id": "o", "emoji": "👍"}))
    changes = [edit, revoke, reaction]
    assert all(isinstance(change, ParsedChange) and change.about == "o" for change in changes)
    assert [change.kind for change in changes if isinstance(change, ParsedChange)] == [
        MessageKind.MESSAGE_KIND_EDIT,
        MessageKind.MESSAGE_KIND_DELETE,
        MessageKind.MESSAGE_KIND_REACTION,
    ]


def test_a_new_number_is_the_same_person() -> None:
    """A change of number is a message of the system with the new and the old identity."""
    system = {"type": "user_changed_number", "wa_id": "48111222333", "body": "changed"}
    item = one(message("system", system=system))
    assert isinstance(item, ParsedMessage)
    assert item.auto_kind == AutoKind.AUTO_KIND_SYSTEM
    assert [sender.address for sender in item.senders] == ["+48111222333", "+48500600700"]


def test_a_failed_delivery_says_why() -> None:
    """A status carries its state, the provider's code, its time, and our id for the send, which it echoes;
    unknown states are left."""
    failed = {
        "id": "w",
        "status": "failed",
        "timestamp": "1793711100",
        "errors": [{"code": 131047}],
        "biz_opaque_callback_data": "s1",
    }
    [report] = whatsapp.parse(post({"statuses": [failed]}), WHERE)
    assert report == ParsedDelivery(
        "whatsapp", "48221", "w", DeliveryState.DELIVERY_STATE_FAILED, "131047", 1_793_711_100_000, "s1"
    )
    [new] = whatsapp.parse(post({"statuses": [{"id": "w", "status": "teleported"}]}), WHERE)
    assert isinstance(new, Ignored)


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                "value field messages statuses contacts id from type text body edit message reaction system"
                " errors metadata phone_number_id status".split()
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=15,
)


@given(values, st.sampled_from(["text", "edit", "system", "reaction", "order", "interactive", "contacts"]))
def test_no_shape_raises(value: Any, kind: str) -> None:
    """Whatever stands where entries, changes, values or messages should, items come out."""
    assert whatsapp.parse(json.dumps({"entry": value}).encode(), WHERE)
    assert whatsapp.parse(json.dumps({"entry": [{"changes": value}]}).encode(), WHERE)
    assert whatsapp.parse(post({"messages": value, "statuses": value, "contacts": value}), WHERE)
    assert whatsapp.parse(post({"messages": [message(kind, **{kind: value})]}), WHERE)


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    """Whatever bytes come, items come out."""
    assert whatsapp.parse(raw, WHERE)
