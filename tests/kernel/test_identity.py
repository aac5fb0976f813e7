"""Addresses: one person, one written form. The examples are for ever, since hashes of them are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.identity import is_one_persons, kind, normalise

CHANNELS = ["email", "sms", "whatsapp", "voice", "telegram", "chat", "messenger"]


@pytest.mark.parametrize(
    ("channel", "address", "form"),
    [
        ("email", "Anna.Kowalska@Example.PL", "anna.kowalska@example.pl"),
        ("email", "  anna@example.pl\n", "anna@example.pl"),
        ("email", "anna@example.pl.", "anna@example.pl"),
        ("email", "anna@łódź.pl", "anna@xn--d-uga0v4h.pl"),
        ("email", "anna@ŁÓDŹ.pl", "anna@xn--d-uga0v4h.pl"),
        ("email", "anna@xn--d-uga0v4h.pl", "anna@xn--d-uga0v4h.pl"),
        ("email", "anna@straße.de", "anna@xn--strae-oqa.de"),
        ("email", "anna@strasse.de", "anna@strasse.de"),
        ("email", '"A@b"@example.pl', '"a@b"@example.pl'),
        ("email", "Not an address", "not an address"),
        ("email", "a@-bad-.ł-", "a@-bad-.ł-"),
        ("email", "jo\u0301zef@example.pl", "józef@example.pl"),
        ("sms", "501 234 567", "+48501234567"),
        ("sms", "0048 501-234-567", "+48501234567"),
        ("sms", "48501234567", "+48501234567"),
        ("voice", "(22) 123 45 67", "+48221234567"),
        ("voice", "tel:+48221234567", "+48221234567"),
        ("whatsapp", "48501234567", "+48501234567"),
        ("whatsapp", "whatsapp:+48501234567", "+48501234567"),
        ("whatsapp", "551188887777", "+551188887777"),
        ("whatsapp", "4915112345678", "+4915112345678"),
        ("whatsapp", "PL.AbC123", "PL.AbC123"),
        ("sms", "InPost", "InPost"),
        ("sms", "7001", "7001"),
        ("sms", "", ""),
        ("sms", "+", "+"),
        ("telegram", " 123456789 ", "123456789"),
        ("telegram", "AnnA", "AnnA"),
    ],
)
def test_known_forms(channel: str, address: str, form: str) -> None:
    """Version 1 writes these addresses like this, and always will."""
    assert normalise(channel, address) == form


@pytest.mark.parametrize(
    ("channel", "address", "wanted"),
    [
        ("sms", "501234567", "phone"),
        ("whatsapp", "48501234567", "phone"),
        ("whatsapp", "PL.AbC123", "whatsapp"),
        ("sms", "InPost", "sms"),
        ("email", "a@b.pl", "email"),
        ("telegram", "+48501234567", "telegram"),
    ],
)
def test_kinds(channel: str, address: str, wanted: str) -> None:
    """Numbers are of one kind on all phone channels; everything else is of its channel."""
    assert kind(channel, normalise(channel, address)) == wanted


@given(st.sampled_from(CHANNELS), st.text(max_size=60))
def test_nothing_fails_and_twice_is_once(channel: str, address: str) -> None:
    """Any text has a form, and the form of a form of other channels than phones is itself."""
    form = normalise(channel, address)
    if channel not in ("sms", "whatsapp", "voice"):
        assert normalise(channel, form) == form
    elif form.startswith("+") and form[1:].isdigit():
        assert normalise(channel, form)[0] == "+"


@given(st.from_regex(r"[a-z0-9.+]{1,10}@[a-z]{1,8}\.(pl|de|com)", fullmatch=True))
def test_case_and_space_never_matter_in_mail(address: str) -> None:
    """A mail address is the same in capitals and with white space around it."""
    assert normalise("email", f" {address.upper()}\t") == normalise("email", address) == address


@given(st.integers(min_value=500_000_000, max_value=899_999_999), st.sampled_from(["", " ", "-", "."]))
def test_separators_never_matter_in_numbers(number: int, between: str) -> None:
    """A Polish mobile number is the same however it is grouped, with its country code and without."""
    digits = str(number)
    grouped = between.join((digits[:3], digits[3:6], digits[6:]))
    assert normalise("sms", grouped) == normalise("sms", f"+48{digits}") == f"+48{digits}"


@pytest.mark.parametrize(
    ("channel", "address", "leads"),
    [
        ("email", "jan@example.org", True),
        ("email", "łucja@żółw.example", True),
        ("email", "brak", False),
        ("email", "jan kowalski@example.org", False),
        ("sms", "600 100 200", True),
        ("voice", "tel:+48 22 123 45 67", True),
        ("sms", "-", False),
        ("sms", "brak", False),
        ("sms", "000000000", False),
        ("sms", "+48 111 111 111", False),
        ("sms", "600100200 lub 601", False),
        ("whatsapp", "48600100200", True),
        ("whatsapp", "PL.a1b2c3", True),
        ("whatsapp", "nie ma", False),
        ("allegro", "klient:44", True),
    ],
)
def test_what_stands_for_no_address_leads_to_nobody(channel: str, address: str, leads: bool) -> None:
    """What shops write where they know no address is no identity: it would join everybody who has it."""
    assert is_one_persons(channel, address) is leads
