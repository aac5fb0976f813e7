"""Whose a conversation is, asked of the engine's state: for edges, as long as no views say so."""

from __future__ import annotations

from services.ingest import customers
from services.ingest.state import State, day_of
from services.kernel.ids import text_id
from services.kernel.packed import pack
from services.runtime.people import Whose


def whose(state: State, desk_id: str, conversation_id: str, now_ms: int) -> Whose | None:
    """The person and an identity of theirs, under whose key what is said in the conversation is sealed; None
    if the desk has no such conversation, or nothing is known of the person but that there is one."""
    key, day = pack(conversation_id), day_of(now_ms)
    if not state.has(desk_id, key, day):
        return None
    found, short = state.data.conversations.get(key), state.short(desk_id, key, day)
    customer = found.customer if found is not None else short.customer if short is not None else b""
    if not customer:
        return Whose(conversation_id, b"", erased=True)
    customer = customers.survivor(state.data, customer, day)
    person = state.data.customers.get(customer)
    identity = person.first if person is not None else b""
    if not identity:  # through the packed maps: milliseconds
        identity = next(iter(customers.identities(state.data, customer, day)), b"")
    return Whose(text_id("c", key), identity, erased=False) if identity else None
