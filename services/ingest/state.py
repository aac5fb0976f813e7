"""What ingest knows: open work in structs, what the horizons keep in packed maps.

Ids of conversations, customers and messages are packed (`services.kernel.packed`); text ids stand in
events only. `Data` is everything that is folded and dumped; `State` adds the indexes, which are made
anew from it. Only `evolve` changes either.
"""

from __future__ import annotations

from sys import intern
from typing import Any, TypeVar

import msgspec

from services.kernel.deadlines import Deadlines
from services.kernel.horizon import FOR_EVER, Horizon
from services.kernel.ids import HASH_BYTES
from services.kernel.limits import DAY_MS, DEDUPLICATION_DAYS, RESOLVED_DAYS
from services.kernel.packed import derived

_T = TypeVar("_T")

ORDER_DAYS = 180
"""An order that stays open without a word of it for so long leaves: shops forget to close some."""
ORDERS_SHOWN_MAX = 20
"""Orders attached to one conversation, and looked at for its highest value."""
REFERENCES_MAX = 64
"""References of an open conversation held ready; older ones move to the packed map."""
SHARED_MAX = 10_000
"""Different sets of attributes that are had once; it is only a saving."""
NOWHERE = 0xFFFF
"""Place of a conversation whose channel and account are not known."""


class Conversation(msgspec.Struct, gc=False, array_like=True):
    """An open conversation. `customer` is b"" once the customer is erased; `place` indexes the desk's
    places; `references` are hashes of 16 bytes side by side; `named`: orders that its messages name."""

    desk: str
    customer: bytes
    place: int
    language: str = ""
    intent: str = ""
    mood: str = ""
    wants_human: bool = False
    attributes: dict[str, str] | None = None
    orders: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    references: bytes = b""


class Customer(msgspec.Struct, gc=False, array_like=True):
    """A customer with open conversations or orders. `first` is the identity that the id derives from
    (b"": not seen since the horizon let go of it); the others are in the order of arrival. Tuples, because
    nearly all have one conversation and no order."""

    desk: str
    born_s: int
    first: bytes
    conversations: tuple[bytes, ...] = ()
    orders: tuple[str, ...] = ()


class Order(msgspec.Struct, gc=False, array_like=True):
    """An open order; `day` is when it was last spoken of."""

    customer: bytes
    value_minor: int
    body_hash: bytes
    day: int


class Desk(msgspec.Struct, array_like=True):
    """A desk. `places` only grows; `listed` says which of them the configuration names now."""

    number: int
    version: int = 0
    body_hash: bytes = b""
    places: list[tuple[str, str]] = []
    listed: list[bool] = []
    agents: dict[str, bytes] = {}
    keys: dict[str, bytes] = {}
    orders: dict[str, Order] = {}


class Erasure(msgspec.Struct, array_like=True):
    """An erasure that is not completed: of the keys made until it was requested."""

    desk: str
    customer: bytes
    hashes: list[bytes]
    due_at_ms: int
    keys_until_ms: int


def _horizon(days: int, value_bytes: int = 0) -> Any:
    return msgspec.field(default_factory=lambda: Horizon(days, value_bytes))


class Data(msgspec.Struct):
    """The whole of it.

    messages: ids of messages, for deduplication.
    originals: hash of a provider's id -> message; what an edit or deletion names.
    tombstones: hashes of provider's ids that were deleted before they came.
    records: ids of requests, changes and what is in quarantine -> first bytes of the body's hash.
    references: hash of a provider's id, or of a thread -> conversation; of open ones only what does
        not fit their struct.
    resolved: conversation -> `Short`.
    closings: day -> conversations resolved on it with their desks' numbers, 20 bytes each.
    known: customer without open work -> `Known`.
    links: identity -> customer, of every customer with more than one; merged: customer -> survivor.
    closed_orders: order -> `Closed`; shipments: shipment -> first bytes of the body's hash,
        and the Unix second that it was dated.
    """

    desks: dict[str, Desk] = {}
    conversations: dict[bytes, Conversation] = {}
    customers: dict[bytes, Customer] = {}
    erasures: dict[str, Erasure] = {}
    closings: dict[str, bytearray] = {}
    messages: Horizon = _horizon(DEDUPLICATION_DAYS)
    originals: Horizon = _horizon(DEDUPLICATION_DAYS, 16)
    tombstones: Horizon = _horizon(DEDUPLICATION_DAYS)
    records: Horizon = _horizon(DEDUPLICATION_DAYS, 4)
    references: Horizon = _horizon(RESOLVED_DAYS, 16)
    resolved: Horizon = _horizon(RESOLVED_DAYS, 23)
    known: Horizon = _horizon(RESOLVED_DAYS, 24)
    links: Horizon = _horizon(FOR_EVER, 16)
    merged: Horizon = _horizon(FOR_EVER, 16)
    closed_orders: Horizon = _horizon(RESOLVED_DAYS, 32)
    shipments: Horizon = _horizon(RESOLVED_DAYS, 12)


class Short(msgspec.Struct, gc=False):
    """A resolved conversation in short form: 23 bytes."""

    customer: bytes
    desk: int
    place: int
    wants_human: bool

    def pack(self) -> bytes:
        """As a value of `Data.resolved`."""
        customer = self.customer or bytes(16)
        return customer + (self.desk << 24 | self.place << 8 | self.wants_human).to_bytes(7, "big")

    @classmethod
    def unpack(cls, value: bytes) -> Short:
        """From a value of `Data.resolved`."""
        rest = int.from_bytes(value[16:], "big")
        customer = value[:16]
        return cls(customer if any(customer) else b"", rest >> 24, rest >> 8 & 0xFFFF, bool(rest & 1))


class _Stored(msgspec.Struct):
    """`Data` as it is dumped: keys in order, since they are bytes, which msgspec does not sort."""

    data: Data
    conversations: list[tuple[bytes, Conversation]]
    customers: list[tuple[bytes, Customer]]


def _to_bytes(value: Any) -> bytes:
    if isinstance(value, Horizon):
        return value.dump()
    raise NotImplementedError(f"{type(value)} is not part of the state")


def _from_bytes(wanted: type, value: Any) -> Any:
    if wanted is Horizon:
        return Horizon.load(value)
    raise NotImplementedError(f"{wanted} is not part of the state")


_ENCODER = msgspec.msgpack.Encoder(order="deterministic", enc_hook=_to_bytes)
_DECODER = msgspec.msgpack.Decoder(_Stored, dec_hook=_from_bytes)


class State:
    """`Data` and its indexes.

    references: hash -> conversation, of open conversations.
    places: desk -> (channel, account) -> index in the desk's places.
    deadlines: of erasures ("erasure:ID") and of conversations to forget ("forget:DAY").
    order_days: day -> open orders last spoken of on it, as (desk, order); expiring: those whose day
        is over, the first to go last.
    shared: attributes that many conversations have, once each.
    """

    __slots__ = ("data", "deadlines", "expiring", "order_days", "places", "references", "shared")

    def __init__(self, data: Data) -> None:
        self.data = data
        self.references: dict[bytes, bytes] = {}
        self.places: dict[str, dict[tuple[str, str], int]] = {}
        self.deadlines = Deadlines()
        self.order_days: dict[int, set[tuple[str, str]]] = {}
        self.expiring: list[tuple[str, str]] = []
        self.shared: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        self._share()
        for key, conversation in data.conversations.items():
            hashes = conversation.references
            for at in range(0, len(hashes), 16):
                self.references[hashes[at : at + 16]] = key
        for desk_id, desk in data.desks.items():
            self.places[desk_id] = {place: index for index, place in enumerate(desk.places)}
            for order_id, order in desk.orders.items():
                self.order_days.setdefault(order.day, set()).add((desk_id, order_id))
        for erasure_id, erasure in data.erasures.items():
            self.deadlines.set("erasure:" + erasure_id, erasure.due_at_ms)
        for day in data.closings:
            self.deadlines.set("forget:" + day, forget_at_ms(int(day)))

    def _share(self) -> None:
        """Have equal texts and attributes once, as `evolve` has them: a snapshot gives each its own."""
        known: dict[tuple[str, ...], tuple[str, ...]] = {}
        for conversation in self.data.conversations.values():
            texts = (conversation.desk, conversation.language, conversation.intent, conversation.mood)
            shared = known.get(texts)
            if shared is None:
                shared = known[texts] = tuple(map(intern, texts))
            conversation.desk, conversation.language, conversation.intent, conversation.mood = shared
            if conversation.attributes:
                conversation.attributes = self.attributes(conversation.attributes)
        for customer in self.data.customers.values():
            customer.desk = intern(customer.desk)

    def attributes(self, values: dict[str, str]) -> dict[str, str]:
        """The one copy of equal attributes; never changed in place."""
        if len(self.shared) >= SHARED_MAX:
            self.shared.clear()
        return self.shared.setdefault(tuple(values.items()), values)

    def desk(self, desk_id: str) -> Desk:
        """The desk, made on its first mention."""
        desk = self.data.desks.get(desk_id)
        if desk is None:
            desk = self.data.desks[desk_id] = Desk(len(self.data.desks))
            self.places[desk_id] = {}
        return desk

    def place(self, desk_id: str, channel: str, account: str) -> int:
        """Index of (channel, account) in the desk's places, added if it is new."""
        desk = self.desk(desk_id)
        index = self.places[desk_id].get((channel, account))
        if index is None:
            index = len(desk.places)
            desk.places.append((channel, account))
            desk.listed.append(False)
            self.places[desk_id][channel, account] = index
        return index

    def short(self, desk_id: str, conversation: bytes, day: int) -> Short | None:
        """The resolved conversation, if this desk has it and the horizon still does."""
        value = self.data.resolved.get(conversation, day)
        desk = self.data.desks.get(desk_id)
        if value is None or desk is None:
            return None
        short = Short.unpack(value)
        return short if short.desk == desk.number else None

    def has(self, desk_id: str, conversation: bytes, day: int) -> bool:
        """Whether this desk has the conversation, open or resolved."""
        found = self.data.conversations.get(conversation)
        if found is not None:
            return found.desk == desk_id
        return self.short(desk_id, conversation, day) is not None

    def reference(self, reference_hash: bytes, day: int) -> bytes | None:
        """The conversation, open or resolved, that a hash leads to."""
        found = self.references.get(reference_hash)
        return found if found is not None else self.data.references.get(reference_hash, day)


def day_of(now_ms: int) -> int:
    """Days since 1970 (UTC)."""
    return now_ms // DAY_MS


def fit(given_hash: bytes) -> bytes:
    """A hash as the 16 bytes of a key. Ours have 16; another edge's may not."""
    return given_hash if len(given_hash) == HASH_BYTES else derived(given_hash)


def forget_at_ms(day: int) -> int:
    """When conversations that were resolved on `day` have left the horizon, all of them."""
    return (day + RESOLVED_DAYS + 1) * DAY_MS


def dump(state: State) -> bytes:
    """The state as bytes, equal for equal states."""
    data = state.data
    rest = msgspec.structs.replace(data, conversations={}, customers={})
    return _ENCODER.encode(_Stored(rest, sorted_items(data.conversations), sorted_items(data.customers)))


def load(stored: bytes) -> State:
    """The state of `dump`, with its indexes made anew."""
    found = _DECODER.decode(stored)
    found.data.conversations = dict(found.conversations)
    found.data.customers = dict(found.customers)
    return State(found.data)


def sorted_items(values: dict[bytes, _T]) -> list[tuple[bytes, _T]]:
    """Items by key."""
    return sorted(values.items(), key=lambda item: item[0])
