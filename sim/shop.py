"""A shop as a workload file describes it, and the contacts of one week as a file lists them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct

from services.kernel.errors import Invalid
from sim.bounds import Amount, Level, Number, Positive, Share

LEVELS = range(1, 6)
WEIGHT_MAX = 1_000
"""As of a desk's weights."""
CONTACTS_MAX = 10_000_000
"""Of a week: fifty times what 600 people handle."""
Hours = Annotated[list[Amount], Meta(min_length=1)]
"""Weights of the hours of a day."""


class Channel(Struct, frozen=True):
    """What comes by one channel. Times in seconds.

    daily: contacts a day before day factors; overnight_share of them wait when a day begins, the rest comes
    by the weights of `hourly`.
    live: the customer sits waiting, and is gone when the day ends.
    """

    daily: Amount
    hourly: Hours
    handle_mean: Positive
    handle_cv: Amount
    patience_mean: Positive | None
    sla: dict[str, Positive]
    live: bool
    overnight_share: Share = 0.0
    goal: Share = 0.0


class Busyness(Struct, frozen=True):
    """One gamma draw a day that multiplies every channel."""

    mean: Positive = 1.0
    cv: Amount = 0.0


class Person(Struct, frozen=True):
    """An agent: what they can, and when they are there (seconds of each day)."""

    id: str
    profile: str
    shift: str
    langs: list[str]
    topics: dict[str, Level]
    break_start: Amount = 0.0
    break_len: Amount = 0.0


class Shop(Struct, frozen=True):
    """A workload file."""

    name: str
    day_seconds: Annotated[int, Meta(ge=1, le=86_400)]
    days: Annotated[int, Meta(ge=1, le=7)]
    day_factor: list[Amount]
    channels: dict[str, Channel]
    topic_multiplier: dict[str, Positive]
    languages: dict[str, Amount]
    topics: dict[str, Amount]
    tiers: dict[str, Amount]
    tier_weight: dict[str, Annotated[float, Meta(gt=0, le=WEIGHT_MAX)]]
    complex_share: Share
    complex_min_level: Annotated[int, Meta(ge=1, le=5)]
    level_time_factor: dict[str, Positive]
    slowdown: Amount
    profiles: dict[str, dict[str, Number]]
    shifts: dict[str, tuple[Amount, Amount]]
    sticky_share: Share
    load_scenarios: dict[str, Positive]
    agents: Annotated[list[Person], Meta(min_length=1)]
    busyness: Busyness = Busyness()
    capacity_units: Number = 100
    queues: dict[str, Annotated[int, Meta(ge=1, le=10)]] = {}
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
    t: Amount
    channel: str
    lang: str
    topic: str
    tier: str
    min_level: Annotated[int, Meta(ge=1, le=5)]
    work: Positive
    patience: Amount | None = None
    sticky_u: Share | None = None


def load_shop(path: Path) -> Shop:
    """Read a workload file. Raises Invalid if it is none."""
    try:
        shop = msgspec.json.decode(path.read_bytes(), type=Shop)
    except (OSError, msgspec.MsgspecError) as error:
        raise Invalid(f"{path} is no workload: {error}") from error
    for wrong in _problems(shop):
        raise Invalid(f"{path}: {wrong}")
    return shop


def _problems(shop: Shop) -> Iterator[str]:
    """What parts of a workload say against each other."""
    for person in shop.agents:
        if person.profile not in shop.profiles or person.shift not in shop.shifts:
            yield f"agent {person.id} has a profile or a shift that is not described"
    for key in ("languages", "topics", "tiers"):
        if not sum(getattr(shop, key).values()):
            yield f"{key} has no share above 0"
    if len(shop.day_factor) < shop.days:
        yield f"day_factor has {len(shop.day_factor)} entries for {shop.days} days"
    levels = {str(level): 0 for level in LEVELS}
    needed: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
        ("topic_multiplier", shop.topic_multiplier, shop.topics),
        ("tier_weight", shop.tier_weight, shop.tiers),
        ("level_time_factor", shop.level_time_factor, levels),
    ]
    for name, channel in shop.channels.items():
        needed.append((f"sla of {name}", channel.sla, shop.tiers))
        if not sum(channel.hourly):
            yield f"hourly of {name} has no weight above 0"
    for key, said, names in needed:
        missing = [name for name in names if name not in said]
        if missing:
            yield f"{key} does not say {', '.join(missing)}"
    daily = sum(channel.daily for channel in shop.channels.values()) * shop.busyness.mean
    contacts = daily * sum(shop.day_factor[: shop.days]) * max(shop.load_scenarios.values(), default=1)
    if contacts > CONTACTS_MAX:
        yield f"describes {contacts:.0f} contacts a week, at most {CONTACTS_MAX} are played"


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
