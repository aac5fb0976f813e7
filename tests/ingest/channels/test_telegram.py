"""Updates of our own, written from the Bot API's documentation."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proto.v1.inbound_pb2 import MessageKind
from services.ingest.channels import (
    Address,
    Ignored,
    Item,
    ParsedChange,
    ParsedMessage,
    Unparseable,
    Where,
    telegram,
)

WHERE = Where("bot")
JAN = {"id": 7_000_000_001, "is_bot": False, "first_name": "Jan", "last_name": "K"}
CHAT = {"id": 7_000_000_001, "type": "private"}


def update(**body: Any) -> Item:
    """The item of one update."""
    [item] = telegram.parse(json.dumps({"update_id": 5, **body}).encode(), WHERE)
    return item


def said(**body: Any) -> dict[str, Any]:
    """A message of Jan's with this in it."""
    return {"message_id": 9, "date": 1_793_711_100, "from": JAN, "chat": CHAT, **body}


def test_only_the_secret_opens() -> None:
    """The header must hold one of the active secrets; without a secret, or a header, it is refused."""
    header = b"x-telegram-bot-api-secret-token"
    assert telegram.verify(b"{}", {header: b"new"}, [b"old", b"new"])
    assert not telegram.verify(b"{}", {header: b"other"}, [b"old", b"new"])
    assert not telegram.verify(b"{}", {header: b""}, [b""])
    assert not telegram.verify(b"{}", {header: b"new"}, [])
    assert not telegram.verify(b"{}", {}, [b"new"])


def test_a_message_and_what_it_answers() -> None:
    """Ids join chat and message; words keep their entities' offsets; ids beyond 32 bits stay whole."""
    item = update(message=said(text="Cześć 👋", reply_to_message=said(message_id=8)))
    assert isinstance(item, ParsedMessage)
    assert (item.external_id, item.reply_to) == ("7000000001:9", ("7000000001:8",))
    assert item.senders == (Address("telegram", "7000000001"),)
    assert (item.text, item.name, item.sent_at_ms) == ("Cześć 👋", "Jan K", 1_793_711_100_000)


def test_what_the_shop_writes_in_its_own_app_is_no_customers_word() -> None:
    """A business connection shows both sides of a chat: the customer's is a message, the shop's is left, also
    when it is edited."""
    shop = {"id": 42, "is_bot": False, "first_name": "Sklep"}
    assert isinstance(update(business_message=said(text="Dzień dobry")), ParsedMessage)
    for kind in ("business_message", "edited_business_message"):
        assert isinstance(update(**{kind: said(text="W czym pomóc?", **{"from": shop})}), Ignored)
    group = {"id": -100, "type": "supergroup"}
    assert isinstance(update(message=said(text="Hej", chat=group)), ParsedMessage)


def test_of_a_photo_the_largest_and_its_caption() -> None:
    """A photo comes in sizes: the largest is the attachment, the caption its words."""
    sizes = [{"file_id": "s", "width": 90, "height": 90}, {"file_id": "l", "width": 800, "height": 600}]
    item = update(message=said(photo=sizes, caption="Uszkodzony"))
    assert isinstance(item, ParsedMessage)
    assert [one.provider_ref for one in item.attachments] == ["l"]
    assert item.text == "Uszkodzony"


def test_a_document_keeps_its_name() -> None:
    """A document comes by its file id, with name, type and size."""
    document = {"file_id": "d", "file_name": "faktura.pdf", "mime_type": "application/pdf", "file_size": 12}
    item = update(message=said(document=document))
    assert isinstance(item, ParsedMessage)
    [file] = item.attachments
    assert (file.name, file.media_type, file.size, file.provider_ref) == (
        "faktura.pdf",
        "application/pdf",
        12,
        "d",
    )


def test_an_edit_names_what_it_edits() -> None:
    """Every edit has an id of its own and names the message that it changes."""
    item = update(edited_message=said(text="nowe", edit_date=1_793_711_200))
    assert isinstance(item, ParsedChange)
    assert (item.kind, item.about) == (MessageKind.MESSAGE_KIND_EDIT, "7000000001:9")
    assert item.message.external_id != item.about
    assert (item.message.text, item.message.sent_at_ms) == ("nowe", 1_793_711_200_000)


def test_a_button_is_an_answer() -> None:
    """A press of an inline button is a message whose words are the button's data."""
    query = {"id": "55", "from": JAN, "data": "zwrot", "message": said(text="Co zrobić?")}
    item = update(callback_query=query)
    assert isinstance(item, ParsedMessage)
    assert (item.text, item.reply_to, item.external_id) == ("zwrot", ("7000000001:9",), "callback:55")


def test_what_is_not_for_us_is_ignored() -> None:
    """Posts of channels, bots' words, joins and kinds that are new are left, and said to be."""
    assert isinstance(update(channel_post=said(text="x")), Ignored)
    assert isinstance(update(message=said(new_chat_members=[JAN])), Ignored)
    assert isinstance(update(message=said(text="x", **{"from": {**JAN, "is_bot": True}})), Ignored)
    assert isinstance(update(something_new={"a": 1}), Ignored)


def test_what_makes_no_sense_is_kept_raw() -> None:
    """No JSON, no update, no chat: it goes to quarantine with its bytes."""
    for raw in (
        b"",
        b"{",
        b"[]",
        b'{"a":1}',
        b'{"update_id":1,"message":3}',
        b'{"update_id":1,"message":{"text":"x"}}',
    ):
        [item] = telegram.parse(raw, WHERE)
        assert isinstance(item, Unparseable)
        assert item.raw == raw


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                "from chat id message_id date text photo file_id voice contact location poll".split()
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=12,
)


@given(st.sampled_from(["message", "edited_message", "callback_query", "message_reaction"]), values)
def test_no_shape_of_an_update_raises(kind: str, value: Any) -> None:
    """Whatever stands where a message should, one item comes out."""
    raw = json.dumps({"update_id": 1, kind: value}).encode()
    assert len(telegram.parse(raw, WHERE)) == 1


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    """Whatever bytes come, one item comes out."""
    assert len(telegram.parse(raw, WHERE)) == 1
