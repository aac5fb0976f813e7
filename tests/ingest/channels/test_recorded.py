"""Every recorded payload of the providers that we speak with, against the facts recorded of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from services.ingest.channels import Where, email, telegram, whatsapp
from services.ingest.channels.email_text import decode, html_to_text, visible
from tests.ingest.channels.facts import check_chat, check_mail, check_words, load, recorded

SLOWEST_S = 1.0

MAILS = [one for one in recorded("email") if one["file"].endswith(".eml")]
BODIES = [one for one in recorded("email") if not one["file"].endswith(".eml")]
CHATS = recorded("telegram") + recorded("whatsapp")


def params(entries: list[dict[str, Any]]) -> list[Any]:
    """A test for each entry; one that says so where the payloads are not beside the project."""
    absent = pytest.param({}, marks=pytest.mark.skip(reason="the recorded payloads are not here"))
    return [pytest.param(one, id=one["file"]) for one in entries] or [absent]


@pytest.mark.parametrize("entry", params(MAILS))
def test_recorded_mail(entry: dict[str, Any]) -> None:
    """A recorded mail yields its sender, ids, words, files and kind."""
    check_mail(email.parse(load(entry), "us@example.com"), entry["expected"])


@pytest.mark.parametrize("entry", params(BODIES))
def test_recorded_body(entry: dict[str, Any]) -> None:
    """Of a recorded body the answer is left and the quote goes, in bounded time."""
    began = time.process_time()
    text = decode(load(entry), "utf-8")
    if entry["file"].endswith(".html"):
        text = html_to_text(text)
    check_words(visible(text), entry["expected"])
    assert time.process_time() - began < SLOWEST_S


@pytest.mark.parametrize("entry", params(CHATS))
def test_recorded_chat(entry: dict[str, Any]) -> None:
    """A recorded webhook yields the message, change or report that it holds."""
    adapter = {"telegram": telegram, "whatsapp": whatsapp}[entry["channel"]]
    items = adapter.parse(load(entry), Where("account"))
    assert len(items) == 1
    check_chat(items[0], entry["expected"])
