"""A shop as a workload file describes it, and the contacts of one week as a file lists them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from services.kernel.errors import Invalid

LEVELS = range(1, 6)


class Channel(Struct, frozen=True):
    """What comes by one channel. Times in seconds.

    daily: contacts a day before day factors; overnight_share of them wait when a day begins, the rest comes
    by the weights of `hourly`.
    live: the customer sits waiting, and is gone when the day ends.
    """

    daily: float
    hourly: list[float]
    handle_mean: float
    handle_cv: float
    patience_mean: float | None
    sla: dict[str, float]
    live: bool
    overnight_share: float = 0.0
    goal: float = 0.0


class Busyness(Struct, frozen=True):
    """One gamma draw a day that multiplies every channel."""

    mean: float = 1.0
    cv: float = 0.0


class Person(Struct, frozen=True):
    """An agent: what they can, and when they are there (seconds of each day)."""

    id: str
    profile: str
    shift: str
    langs: list[str]
    topics: dict[str, int]
    break_start: float = 0.0
    break_len: float = 0.0


class Shop(Struct, frozen=True):
    """A workload file."""

    name: str
    day_seconds: int
    days: int
    day_factor: list[float]
    channels: dict[str, Channel]
    topic_multiplier: dict[str, float]
    languages: dict[str, float]
    topics: dict[str, float]
    tiers: dict[str, float]
    tier_weight: dict[str, float]
    complex_share: float
    complex_min_level: int
    level_time_factor: dict[str, float]
    slowdown: float
    profiles: dict[str, dict[str, int]]
    shifts: dict[str, tuple[float, float]]
    sticky_share: float
    load_scenarios: dict[str, float]
    agents: list[Person]
    busyness: Busyness = Busyness()
    capacity_units: int = 100
    queues: dict[str, int] = {}
    """Priority by channel, 1 to 10, where a shop wants another one than `desk.CHANNEL_PRIORITY`."""

    def level(self, person: Person, topic: str) -> int:
        """The agent's level in a topic; 0: none."""
        return person.topics.get(topic, 0)

    def qualified(self, contact: Contact) -> list[Person]:
        """Whoever could take a contact, of all shifts, in the order of the file."""
        return [
            person
            for person in self.agents
            if contact.channel in self.profiles[person.profile]
            and contact.lang in person.langs
            and person.topics.get(contact.topic, 0) >= contact.min_level
        ]


class Contact(NamedTuple):
    """One contact. Times in seconds; t counts business time from the first opening on."""

    t: float
    channel: str
    lang: str
    topic: str
    tier: str
    min_level: int
    work: float
    patience: float | None
    sticky_u: float | None


class _Line(Struct):
    t: float
    channel: str
    lang: str
    topic: str
    tier: str
    min_level: int
    work: float
    patience: float | None = None
    sticky_u: float | None = None


def load_shop(path: Path) -> Shop:
    """Read a workload file. Raises Invalid if it is none."""
    try:
        shop = msgspec.json.decode(path.read_bytes(), type=Shop)
    except (OSError, msgspec.MsgspecError) as error:
        raise Invalid(f"{path} is no workload: {error}") from error
    for person in shop.agents:
        if person.profile not in shop.profiles or person.shift not in shop.shifts:
            raise Invalid(f"{path}: agent {person.id} has a profile or a shift that is not described")
    return shop


def load_contacts(path: Path) -> list[Contact]:
    """Read a file of contacts, one JSON object a line, gzipped or plain. Raises Invalid if it is none."""
    try:
        raw = path.read_bytes()
        text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        decoder = msgspec.json.Decoder(_Line)
        lines = [decoder.decode(line) for line in text.splitlines() if line.strip()]
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        raise Invalid(f"{path} lists no contacts: {error}") from error
    contacts = [Contact(*(getattr(line, name) for name in Contact._fields)) for line in lines]
    if any(one.t > other.t for one, other in pairwise(contacts)):
        raise Invalid(f"{path}: contacts must be ordered by their time t")
    return contacts


def dump_contacts(contacts: Iterable[Contact]) -> bytes:
    """The same form, plain."""
    encode = msgspec.json.Encoder().encode
    lines = (encode({"id": i, **contact._asdict()}) for i, contact in enumerate(contacts))
    return b"\n".join(lines) + b"\n"


def check_contacts(shop: Shop, contacts: Iterable[Contact]) -> None:
    """Raises Invalid if a contact names what the shop does not have."""
    known: Mapping[str, Any] = {
        "channel": shop.channels,
        "lang": shop.languages,
        "topic": shop.topics,
        "tier": shop.tiers,
    }
    for i, contact in enumerate(contacts):
        for name, values in known.items():
            if getattr(contact, name) not in values:
                raise Invalid(f"contact {i}: {name} {getattr(contact, name)!r} is not in the workload")
