"""Which conversation a message belongs to.

In this order, and by nothing else; an empty id matches nothing, a subject never merges:

1. our signed reply token: whoever holds the mail may answer it;
2. the sender's own thread id on the channel and account;
3. what it answers (References, a quoted message), if the sender takes part: if the conversation is
   of the same customer. Automatic mail (a bounce comes from nobody who takes part) need not;
4. mail: an order that it names, if the customer has an open conversation with that order: one that
   named it, else one that has it attached and names no other. Never merely because one is open;
5. every other channel: the customer's open conversation on the same channel and account, unless the
   sender names a thread, which is another one then: a forum's topic, a group, a matter of a system's own.

By 1 to 3 a conversation that was resolved within the horizon is found too, and opened again, though
not by automatic mail. A conversation whose customer was erased is never found.
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from proto.v1.inbound_pb2 import (
    AUTO_KIND_AUTO_REPLY,
    AUTO_KIND_BOUNCE,
    AUTO_KIND_LIST,
    AUTO_KIND_SYSTEM,
    ChannelMessage,
)
from services.ingest.customers import survivor
from services.ingest.state import Conversation, Short, State, fit
from services.kernel.packed import derived, pack

EMAIL = "email"
AUTOMATIC = frozenset((AUTO_KIND_AUTO_REPLY, AUTO_KIND_BOUNCE, AUTO_KIND_LIST, AUTO_KIND_SYSTEM))
CONVERSATIONS_LOOKED_AT = 64
"""The newest open conversations of one customer among which one is sought."""
REFERENCES_LOOKED_AT = 64
"""The nearest references of a message; a mail can carry hundreds."""


class Thread(NamedTuple):
    """The conversation found: open, or resolved in short form."""

    key: bytes
    open: Conversation | None
    short: Short | None


def thread_reference(desk_id: str, channel: str, account: str, thread_hash: bytes) -> bytes:
    """A sender's thread id as a reference: within its desk, channel and account."""
    return derived(desk_id, channel, account, thread_hash)


def find(
    state: State, desk_id: str, place: int, message: ChannelMessage, customer: bytes, day: int
) -> Thread | None:
    """The conversation that the message belongs to; None: a new one."""
    token = message.reply_conversation_id
    if token and (found := _at(state, desk_id, pack(token), day)):
        return found
    channel = message.channel
    thread = message.thread_hash
    if thread:
        key = state.reference(thread_reference(desk_id, channel, message.account, thread), day)
        if key is not None and (found := _at(state, desk_id, key, day)):
            return found
    if message.reference_hashes and (found := _answered(state, desk_id, message, customer, day)):
        return found
    if channel == EMAIL:
        order_id = message.order_id
        return _by_order(state, desk_id, customer, order_id) if order_id else None
    return _open_here(state, desk_id, customer, place) if not thread else None


def _at(state: State, desk_id: str, key: bytes, day: int) -> Thread | None:
    """The conversation of this desk under `key`, unless its customer was erased."""
    conversation = state.data.conversations.get(key)
    if conversation is not None:
        if conversation.desk == desk_id and conversation.customer:
            return Thread(key, conversation, None)
        return None
    short = state.short(desk_id, key, day)
    return Thread(key, None, short) if short is not None and short.customer else None


def _answered(
    state: State, desk_id: str, message: ChannelMessage, customer: bytes, day: int
) -> Thread | None:
    anybody = message.auto_kind in AUTOMATIC
    for reference in islice(message.reference_hashes, REFERENCES_LOOKED_AT):
        key = state.reference(fit(reference), day) if reference else None
        found = _at(state, desk_id, key, day) if key is not None else None
        if found is None:
            continue
        if found.open is not None:
            owner = found.open.customer
        elif found.short is not None:
            owner = survivor(state.data, found.short.customer, day)
        if anybody or owner == customer:
            return found
    return None


def _by_order(state: State, desk_id: str, customer: bytes, order_id: str) -> Thread | None:
    attached = None
    for key, conversation in _open_of(state, desk_id, customer):
        if order_id in conversation.named:
            return Thread(key, conversation, None)
        if attached is None and not conversation.named and order_id in conversation.orders:
            attached = Thread(key, conversation, None)
    return attached


def _open_here(state: State, desk_id: str, customer: bytes, place: int) -> Thread | None:
    for key, conversation in _open_of(state, desk_id, customer):
        if conversation.place == place:
            return Thread(key, conversation, None)
    return None


def _open_of(state: State, desk_id: str, customer: bytes) -> list[tuple[bytes, Conversation]]:
    """The customer's open conversations with this desk, the newest first."""
    found = state.data.customers.get(customer)
    if found is None:
        return []
    keys = found.conversations[: -CONVERSATIONS_LOOKED_AT - 1 : -1]
    conversations = state.data.conversations
    return [(key, conversations[key]) for key in keys if conversations[key].desk == desk_id]
