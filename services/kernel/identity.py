"""Addresses in the one form under which a customer is known: pure, and versioned.

An identity is HMAC(desk key, kind, normalised address), so whatever is done here decides who counts as
the same person, for ever. A changed rule is a new version beside the old one, never an edit: writers
then send both hashes.

    e-mail                      lower case, domain by IDNA 2008 (UTS 46); Unicode in NFC
    sms, whatsapp, voice        E.164, kind "phone": one number is one person on all three
    everything else             as it came, without white space around it
"""

from __future__ import annotations

import contextlib
import re
import unicodedata

import idna
import phonenumbers

VERSION = 1
"""Version of the rules below; part of what is hashed."""
REGION = "PL"
"""A number without a country code is read as one from here."""
PHONE_CHANNELS = frozenset({"sms", "whatsapp", "voice"})
NATIONAL_DIGITS_MIN = 6
"""What is shorter is a short code, which belongs to an operator and not to the world."""
E164_DIGITS_MAX = 15
"""ITU-T E.164, section 6.2.1."""
_MAILBOX = re.compile(r"[^@\s]+@[^@\s]+")
_SCOPED = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,160}")
"""WhatsApp's id for somebody who hides their number."""


def normalise(channel: str, address: str) -> str:
    """The one written form of an address of that channel. Never fails: what it cannot read stays as it is."""
    address = unicodedata.normalize("NFC", address.strip())
    if channel == "email":
        return _email(address)
    if channel in PHONE_CHANNELS:
        return _phone(channel, address)
    return address


def kind(channel: str, normalised: str) -> str:
    """What sort of address it is: "phone" for numbers, whichever channel they came by, else the channel.

    WhatsApp's business-scoped ids ("PL.abc") are no numbers and stay WhatsApp's.
    """
    return "phone" if channel in PHONE_CHANNELS and normalised.startswith("+") else channel


def is_one_persons(channel: str, address: str) -> bool:
    """Whether an address of that channel can lead to somebody. What shops put where they know none ("brak",
    "000000000") leads to nobody; taken as an address it would make one customer of everybody who has it."""
    if channel == "email":
        return _MAILBOX.fullmatch(address.strip()) is not None
    if channel not in PHONE_CHANNELS:
        return True
    number = normalise(channel, address)
    if kind(channel, number) != "phone":
        return channel == "whatsapp" and _SCOPED.fullmatch(number) is not None
    parsed = phonenumbers.parse(number)
    return len(set(phonenumbers.national_significant_number(parsed))) > 1


def _email(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not at:
        return address.lower()
    domain = domain.rstrip(".").lower()
    if not domain.isascii():
        # What is no domain that can exist stays as it is: it is still the same one each time.
        with contextlib.suppress(idna.IDNAError):
            domain = idna.encode(domain, uts46=True).decode()
    return f"{local.lower()}@{domain}"


def _phone(channel: str, address: str) -> str:
    number = address.removeprefix(f"{channel}:").removeprefix("tel:").strip()
    if channel == "whatsapp" and number.isascii() and number.isdigit():
        number = f"+{number}"  # a wa_id is E.164 without its plus
    if any(letter.isalpha() for letter in number):
        return number  # an alphanumeric sender or a scoped id; letters are never dialled here
    try:
        parsed = phonenumbers.parse(number, REGION)
    except phonenumbers.NumberParseException:
        return number
    national = phonenumbers.national_significant_number(parsed)
    if not NATIONAL_DIGITS_MIN <= len(national) <= E164_DIGITS_MAX - len(str(parsed.country_code)):
        return number
    return f"+{parsed.country_code}{national}"
