"""Who wrote: customers by their identities.

A customer's id derives from the first identity seen. So an identity alone names its customer, without
any memory, unless something tied it to another: a message or an order that named several identities
of one person. Such ties (`links`) and the merges that they lead to (`merged`: younger -> older) are
kept for ever. Everything else about a customer is kept while they have open conversations or orders,
and in short form for the horizon after that; a customer who comes back later has the same id again.

    identity --links--> customer --merged--> customer that stays
        \\---derived---/

Each step of `merged` leads to an older customer, so it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import intern
from typing import NamedTuple

from proto.v1.conversations_pb2 import (
    ConversationsEvent,
    CustomersMerged,
    IdentityLinked,
)
from proto.v1.envelope_pb2 import Sealed
from services.ingest.state import Customer, Data, State, day_of, fit
from services.kernel.ids import text_id
from services.kernel.packed import derived, pack


class Found(NamedTuple):
    """Whose identities these are. `new`: indexes of those not announced yet; `merged`: customers who
    turn out to be the same person."""

    customer: bytes
    new: list[int]
    merged: list[bytes]


def find(state: State, hashes: Sequence[bytes], now_ms: int) -> Found | None:
    """The customer of these identities, the oldest if they belong to several; None without any."""
    looked_up = [_look_up(state.data, index, one, now_ms) for index, one in enumerate(hashes) if one]
    if not looked_up:
        return None
    new = [one.at for one in looked_up if one.new]
    stays = looked_up[0].customer
    if len(looked_up) == 1:
        return Found(stays, new, [])
    born: dict[bytes, int] = {}
    for one in looked_up:
        born.setdefault(one.customer, one.born_s)
    stays = min(born, key=born.__getitem__)  # of equals the one whose identity comes first
    known = {one.customer for one in looked_up if one.known}
    return Found(stays, new, [customer for customer in born if customer != stays and customer in known])


class _LookedUp(NamedTuple):
    """One identity. `known`: the customer is, `new`: the identity is not announced as theirs yet."""

    at: int
    customer: bytes
    born_s: int
    known: bool
    new: bool


def _look_up(data: Data, index: int, identity: bytes, now_ms: int) -> _LookedUp:
    key, day = fit(identity), day_of(now_ms)
    linked = data.links.get(key, day)
    customer = survivor(data, derived(identity) if linked is None else linked, day)
    first, born_s = _first_and_birth(data, customer, day)
    if first is None:  # tied to somebody whom the horizon let go of: older than anybody known
        return _LookedUp(index, customer, now_ms // 1000 if linked is None else 0, linked is not None, True)
    return _LookedUp(index, customer, born_s, True, linked is None and first != key)


def survivor(data: Data, customer: bytes, day: int) -> bytes:
    """The customer that this one was merged into, or itself; of nobody (b"") nobody."""
    merged = data.merged
    if customer and len(merged):
        while (older := merged.get(customer, day)) is not None:
            customer = older
    return customer


def customer_of(data: Data, identity: bytes, day: int) -> bytes:
    """The customer whose identity this is or would be."""
    linked = data.links.get(fit(identity), day)
    return survivor(data, derived(identity) if linked is None else linked, day)


def follow_up(
    stem: ConversationsEvent,
    found: Found,
    hashes: Sequence[bytes],
    channels: Sequence[str],
    sealed: Sequence[Sealed],
) -> list[ConversationsEvent]:
    """The events `identity` and `merged` that go with an outcome; `stem` has the common fields."""
    events = []
    customer_id = text_id("u", found.customer)
    for index in found.new:
        event = ConversationsEvent()
        event.CopyFrom(stem)
        linked = event.identity
        linked.customer_id = customer_id
        linked.identity_hash = hashes[index]
        linked.channel = channels[index] if index < len(channels) else ""
        if index < len(sealed):
            linked.identity.CopyFrom(sealed[index])
        events.append(event)
    for other in found.merged:
        event = ConversationsEvent()
        event.CopyFrom(stem)
        event.merged.customer_id = customer_id
        event.merged.merged_id = text_id("u", other)
        events.append(event)
    return events


def hot(state: State, desk_id: str, customer: bytes, now_ms: int) -> Customer:
    """The customer's struct, made from the short form or anew: there is open work from now on."""
    found = state.data.customers.get(customer)
    if found is None:
        first, born_s = _first_and_birth(state.data, customer, day_of(now_ms))
        if first is None:
            first, born_s = b"", now_ms // 1000
        found = state.data.customers[customer] = Customer(intern(desk_id), born_s, first)
    return found


def cool(state: State, customer: bytes, day: int) -> None:
    """Keep the customer in short form if nothing is open any more."""
    data = state.data
    found = data.customers.get(customer)
    if found is None or found.conversations or found.orders:
        return
    del data.customers[customer]
    first = found.first or bytes(16)
    tail = found.born_s.to_bytes(4, "big") + state.desk(found.desk).number.to_bytes(4, "big")
    data.known.put(customer, first + tail, day)


def evolve_identity(state: State, event: ConversationsEvent, body: IdentityLinked) -> None:
    """An identity is announced: remember it with its customer."""
    data, day = state.data, day_of(event.occurred_at_ms)
    customer, identity = pack(body.customer_id), body.identity_hash
    found = hot(state, event.desk_id, customer, event.occurred_at_ms)
    if derived(identity) == customer:
        found.first = fit(identity)
    else:
        data.links.put(fit(identity), customer, day)
        if found.first:
            data.links.put(found.first, customer, day)
    cool(state, customer, day)


def evolve_merged(state: State, event: ConversationsEvent, body: CustomersMerged) -> None:
    """Two customers are one: what the younger had belongs to the older, and so do its identities."""
    data, day = state.data, day_of(event.occurred_at_ms)
    customer, other = pack(body.customer_id), pack(body.merged_id)
    if customer == other:
        return
    stays = hot(state, event.desk_id, customer, event.occurred_at_ms)
    goes = hot(state, event.desk_id, other, event.occurred_at_ms)
    del data.customers[other]
    data.known.discard(other)
    data.merged.put(other, customer, day)
    for first in (stays.first, goes.first):
        if first:
            data.links.put(first, customer, day)
    stays.born_s = min(stays.born_s, goes.born_s)
    for key in goes.conversations:
        data.conversations[key].customer = customer
    stays.conversations += goes.conversations
    orders = state.desk(event.desk_id).orders
    for order_id in goes.orders:
        if order_id in orders:
            orders[order_id].customer = customer
    stays.orders += goes.orders
    cool(state, customer, day)


def family(data: Data, customer: bytes) -> list[bytes]:
    """The customer and everybody who was merged into them."""
    members = [customer]
    for member in members:
        members.extend(data.merged.keys_of(member))
    return members


def identities(data: Data, customer: bytes, day: int) -> list[bytes]:
    """Every identity of the customer that is known. Reads the packed maps through: for erasures."""
    found: dict[bytes, None] = {}
    for member in family(data, customer):
        first, _ = _first_and_birth(data, member, day)
        if first:
            found[first] = None
        found.update(dict.fromkeys(data.links.keys_of(member)))
    return list(found)


def desk_number(state: State, customer: bytes, day: int) -> int | None:
    """Number of the desk that the customer belongs to; None if they are not known."""
    found = state.data.customers.get(customer)
    if found is not None:
        return state.desk(found.desk).number
    value = state.data.known.get(customer, day)
    return int.from_bytes(value[20:], "big") if value is not None else None


def _first_and_birth(data: Data, customer: bytes, day: int) -> tuple[bytes | None, int]:
    """First identity (None: the customer is not known) and birth in Unix seconds."""
    found = data.customers.get(customer)
    if found is not None:
        return found.first, found.born_s
    value = data.known.get(customer, day)
    if value is None:
        return None, 0
    first = value[:16]
    return first if any(first) else b"", int.from_bytes(value[16:20], "big")
