"""Facts of the recorded payloads beside the project, and how a parsed item is held against them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from proto.v1.inbound_pb2 import AutoKind, DeliveryState, MessageKind
from services.ingest.channels import Ignored, Item, ParsedChange, ParsedDelivery, ParsedMessage

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "fixtures"
CLASSES = {
    "auto_reply": AutoKind.AUTO_KIND_AUTO_REPLY,
    "bounce": AutoKind.AUTO_KIND_BOUNCE,
    "feedback_report": AutoKind.AUTO_KIND_SYSTEM,
    "read_receipt_request": AutoKind.AUTO_KIND_SYSTEM,
    "normal": AutoKind.AUTO_KIND_NONE,
}
CHANGES = {
    "edit": MessageKind.MESSAGE_KIND_EDIT,
    "delete": MessageKind.MESSAGE_KIND_DELETE,
    "reaction": MessageKind.MESSAGE_KIND_REACTION,
    "message_reaction": MessageKind.MESSAGE_KIND_REACTION,
}
# Not a fact of the mail: what one library says instead of reading it.
NOT_FACTS = ("<stdlib error LookupError>",)


def recorded(channel: str) -> list[dict[str, Any]]:
    """Entries of the manifest for a channel; none where the folder is not there."""
    manifest = FOLDER / "manifest.json"
    if not manifest.is_file():
        return []
    return [one for one in json.loads(manifest.read_text())["fixtures"] if one["channel"] == channel]


def load(entry: dict[str, Any]) -> bytes:
    """The payload, as it was sent."""
    return FOLDER.joinpath(str(entry["file"])).read_bytes()


def squeezed(text: str | None) -> str:
    """Without white space, which mail programs change at will."""
    return re.sub(r"\s+", "", text or "")


def check_mail(items: list[Item], facts: dict[str, Any]) -> None:
    """A parsed mail meets every fact that is recorded of it."""
    mail = items[0]
    assert isinstance(mail, ParsedMessage)
    assert [one.address for one in mail.senders] == ([facts["sender"]] if facts["sender"] else [])
    assert mail.name == (facts["sender_name"] or "")
    assert squeezed(mail.subject) == squeezed(facts["subject"])
    assert mail.external_id == (facts["external_id"] or "")
    if facts["in_reply_to"]:
        assert facts["in_reply_to"] in mail.reply_to
    assert list(mail.references) == facts["references"]
    if facts["text_head"] not in NOT_FACTS:
        assert squeezed(mail.text_full or mail.text).startswith(squeezed(facts["text_head"]))
    found = [(one.name, one.media_type, one.content_id or None) for one in mail.attachments]
    assert found == [(one["filename"], one["mime"], one["cid"]) for one in facts["attachments"]]
    if "classification" in facts:
        assert mail.auto_kind == CLASSES[facts["classification"]]
    if facts.get("must_not_auto_answer"):
        assert mail.auto_kind != AutoKind.AUTO_KIND_NONE
    if "reply_text" in facts:
        assert squeezed(mail.text) == squeezed(facts["reply_text"])
    if facts.get("dsn"):
        [failed] = [one for one in items if isinstance(one, ParsedDelivery)]
        assert facts["dsn"]["status"][0].startswith(failed.error_code)
        assert failed.error_code


def check_words(visible: str, facts: dict[str, Any]) -> None:
    """What is left of a body without its quotes meets every fact that is recorded of it."""
    for name in ("reply_text", "reply_text_ignoring_whitespace"):
        if name in facts:
            assert squeezed(visible) == squeezed(facts[name])
    if facts.get("quoted_part_starts"):
        assert facts["quoted_part_starts"] not in visible
    for name in ("must_contain", "must_keep"):
        assert facts.get(name, "") in visible
    for one in facts.get("must_not_contain") or []:
        assert one not in visible


def check_chat(item: Item, facts: dict[str, Any]) -> None:
    """A parsed chat message, change or report meets every fact that is recorded of it."""
    event = facts["event"]
    if facts.get("customer_messages") == 0 or facts.get("must_not_create_customer_message"):
        assert not isinstance(item, ParsedMessage)
    if event == "delivery_status":
        check_delivery(item, facts)
        return
    if isinstance(item, Ignored):
        assert facts.get("customer_messages") == 0 or event == "business_echo"
        return
    if event in CHANGES:
        assert isinstance(item, ParsedChange)
        assert item.kind == CHANGES[event]
        check_change(item, facts)
        message = item.message
    else:
        assert isinstance(item, ParsedMessage)
        message = item
        if facts.get("external_id"):
            assert message.external_id == facts["external_id"]
    check_sender(message, facts)
    check_said(message, facts)


def check_delivery(item: Item, facts: dict[str, Any]) -> None:
    """The provider's word on something we sent."""
    assert isinstance(item, ParsedDelivery)
    assert item.external_id == facts["external_id"]
    assert DeliveryState.Name(item.state) == f"DELIVERY_STATE_{facts['status'].upper()}"
    assert item.at_ms == facts["at_unix"] * 1000
    assert item.error_code == str(facts["error_code"] or "")


def check_change(item: ParsedChange, facts: dict[str, Any]) -> None:
    """Which message is changed, and how."""
    for name in ("replaces", "deletes", "reply_to"):
        if name in facts:
            assert item.about == facts[name]
    if facts["event"] == "message_reaction":
        assert item.about == facts["external_id"]
    else:
        assert item.message.external_id == facts["external_id"]
    if facts.get("removed"):
        assert item.message.text == ""


def check_sender(message: ParsedMessage, facts: dict[str, Any]) -> None:
    """Who wrote it, and where an answer goes."""
    addresses = [one.address for one in message.senders]
    if facts.get("sender"):
        assert facts["sender"] == addresses[0]
    if facts.get("sender_phone_e164"):
        assert facts["sender_phone_e164"] in addresses
    if facts.get("sender_phone"):
        assert facts["sender_phone"] in [one.removeprefix("+") for one in addresses]
    if facts.get("sender_name"):
        assert message.name == facts["sender_name"]
    if facts.get("chat_id"):
        assert message.answer_to == str(facts["chat_id"])
    if facts.get("thread_id"):
        assert facts["thread_id"] == f"{message.channel}:{facts['to']}:{addresses[0]}"
    if facts.get("must_merge_identity"):
        assert addresses == [f"+{facts['new']}", f"+{facts['old']}"]


def check_said(message: ParsedMessage, facts: dict[str, Any]) -> None:
    """What it says, by words, files and structured content."""
    if "text" in facts and facts["event"] not in ("message_reaction", "reaction"):
        assert message.text == (facts["text"] or "")
    if facts.get("sent_at_unix"):
        assert message.sent_at_ms == facts["sent_at_unix"] * 1000
    if facts.get("payload"):
        assert message.attributes["payload"] == facts["payload"]
    if facts["event"] == "message" and facts.get("reply_to"):
        assert facts["reply_to"] in message.reply_to
    for name, key in (("contacts", "contacts"), ("order_items", "product_items")):
        if name in facts:
            assert len(json.loads(message.attributes[key])) == facts[name]
    if "media" in facts:
        assert [one.name for one in message.attachments] == facts["media"]
    for found, expected in zip(message.attachments, facts.get("attachments", ()), strict=False):
        assert found.media_type == expected["mime"]
        assert found.provider_ref == expected.get("media_id", found.provider_ref)
        assert found.size == expected.get("size", found.size)
    if "attachments" in facts:
        assert len(message.attachments) == len(facts["attachments"])
