"""A conversation's life as ingest sees it: opened, resolved, opened again, forgotten.

Whether a conversation is open is the router's to say; ingest keeps what threading needs. An open one
is a struct and its references an index; a resolved one is 23 bytes for the horizon, and its references
stay as long. When the horizon is over, `forgotten` tells everybody, some at a time.
"""

from __future__ import annotations

from sys import intern

from proto.v1.conversations_pb2 import (
    ConversationClosed,
    ConversationForgotten,
    ConversationReopened,
    ConversationsEvent,
    ReferenceAdded,
)
from proto.v1.notices_pb2 import SEND_KIND_REPLY, NoticesEvent
from proto.v1.routing_pb2 import RoutingEvent
from services.ingest.customers import cool, hot, survivor
from services.ingest.state import (
    REFERENCES_MAX,
    Conversation,
    Short,
    State,
    day_of,
    fit,
    forget_at_ms,
)
from services.kernel.engine import Input
from services.kernel.ids import text_id
from services.kernel.packed import pack

_CLOSING_BYTES = 20  # conversation and desk number
FORGOTTEN_AT_ONCE = 100
"""Conversations forgotten by one deadline; it is due again at once while there are more."""


def decide_routing(state: State, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """What the router says of a conversation that is known here."""
    event: RoutingEvent = record.event
    what = event.WhichOneof("body")
    if what == "resolved":
        open_one = state.data.conversations.get(pack(event.resolved.conversation_id))
        if open_one is None or open_one.desk != event.desk_id:
            return []
        answer = _event(event, record, now_ms)
        answer.closed.conversation_id = event.resolved.conversation_id
        return [answer]
    if what == "reopened":
        key = pack(event.reopened.conversation_id)
        if key in state.data.conversations or state.short(event.desk_id, key, day_of(now_ms)) is None:
            return []
        answer = _event(event, record, now_ms)
        answer.reopened.conversation_id = event.reopened.conversation_id
        return [answer]
    return []


def decide_notices(state: State, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """What was sent in a conversation can be answered: its id becomes a reference. What did not arrive is
    the router's to judge."""
    event: NoticesEvent = record.event
    what = event.WhichOneof("body")
    if what == "failed":
        return _undelivered(state, event, record, now_ms)
    if what != "sent":
        return []
    sent, day = event.sent, day_of(now_ms)
    if not sent.provider_id_hash or not sent.conversation_id:
        return []
    if not state.has(event.desk_id, pack(sent.conversation_id), day):
        return []
    if state.reference(fit(sent.provider_id_hash), day) is not None:
        return []
    answer = _event(event, record, now_ms)
    answer.reference.conversation_id = sent.conversation_id
    answer.reference.reference_hash = sent.provider_id_hash
    return [answer]


def _undelivered(state: State, event: NoticesEvent, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """An agent's answer did not arrive. Of an erased customer's nothing is said: nobody can be answered."""
    failed = event.failed
    if failed.kind != SEND_KIND_REPLY or not failed.had_way or not failed.conversation_id:
        return []
    customer = customer_of(state, event.desk_id, pack(failed.conversation_id), day_of(now_ms))
    if not customer:
        return []
    answer = _event(event, record, now_ms)
    answer.undelivered.conversation_id = failed.conversation_id
    answer.undelivered.customer_id = text_id("u", customer)
    answer.undelivered.reason = failed.error
    return [answer]


def customer_of(state: State, desk_id: str, key: bytes, day: int) -> bytes:
    """The customer of a conversation of this desk, open or resolved; b"" without one."""
    conversation = state.data.conversations.get(key)
    if conversation is not None:
        return conversation.customer if conversation.desk == desk_id else b""
    short = state.short(desk_id, key, day)
    return survivor(state.data, short.customer, day) if short is not None and short.customer else b""


def decide_forget(state: State, day: str) -> list[tuple[str, str]]:
    """(desk, conversation) of some that were resolved on that day, and are still."""
    entries = state.data.closings[day]
    desks = {desk.number: desk_id for desk_id, desk in state.data.desks.items()}
    return [
        (
            desks[int.from_bytes(entries[at + 16 : at + _CLOSING_BYTES], "big")],
            text_id("c", bytes(entries[at : at + 16])),
        )
        for at in range(0, min(len(entries), _CLOSING_BYTES * FORGOTTEN_AT_ONCE), _CLOSING_BYTES)
    ]


def open_new(
    state: State, desk_id: str, key: bytes, customer: bytes, place: int, now_ms: int
) -> Conversation:
    """Make the struct of a conversation that is open from now on."""
    conversation = Conversation(intern(desk_id), customer, place)
    state.data.conversations[key] = conversation
    if customer:
        found = hot(state, desk_id, customer, now_ms)
        found.conversations = (*found.conversations, key)
    return conversation


def open_again(state: State, desk_id: str, key: bytes, now_ms: int) -> Conversation | None:
    """Make the struct of a resolved conversation from its short form; None if there is none."""
    day = day_of(now_ms)
    short, closed = state.short(desk_id, key, day), state.data.resolved.day_of(key)
    if short is None or closed is None:
        return None
    state.data.resolved.discard(key)
    _take_back(state, str(closed), key)
    customer = survivor(state.data, short.customer, day) if short.customer else b""
    conversation = open_new(state, desk_id, key, customer, short.place, now_ms)
    conversation.wants_human = short.wants_human
    return conversation


def refer(state: State, key: bytes, reference: bytes, day: int) -> None:
    """Let a hash lead to the conversation, unless it leads to one already: Message-IDs are forged."""
    taken = state.reference(reference, day)
    if taken is not None and (taken in state.data.conversations or state.data.resolved.get(taken, day)):
        return
    conversation = state.data.conversations.get(key)
    if conversation is None:
        state.data.references.put(reference, key, day)
        return
    state.references[reference] = key
    conversation.references += reference
    if len(conversation.references) > 16 * REFERENCES_MAX:
        oldest, conversation.references = conversation.references[:16], conversation.references[16:]
        del state.references[oldest]
        state.data.references.put(oldest, key, day)


def evolve_closed(state: State, event: ConversationsEvent, body: ConversationClosed) -> None:
    """It is resolved: keep the short form."""
    data, day = state.data, day_of(event.occurred_at_ms)
    key = pack(body.conversation_id)
    conversation = data.conversations.pop(key, None)
    if conversation is None:
        return
    hashes = conversation.references
    for at in range(0, len(hashes), 16):
        reference = hashes[at : at + 16]
        del state.references[reference]
        data.references.put(reference, key, day)
    number = state.desk(conversation.desk).number
    short = Short(conversation.customer, number, conversation.place, conversation.wants_human)
    data.resolved.put(key, short.pack(), day)
    entries = data.closings.setdefault(str(day), bytearray())
    if not entries:
        state.deadlines.set(f"forget:{day}", forget_at_ms(day))
    entries += key + number.to_bytes(4, "big")
    customer = data.customers.get(conversation.customer)
    if customer is not None:
        customer.conversations = tuple([each for each in customer.conversations if each != key])
        cool(state, conversation.customer, day)


def evolve_reopened(state: State, event: ConversationsEvent, body: ConversationReopened) -> None:
    """The router opened it again."""
    key = pack(body.conversation_id)
    if key not in state.data.conversations:
        open_again(state, event.desk_id, key, event.occurred_at_ms)


def evolve_forgotten(state: State, event: ConversationsEvent, body: ConversationForgotten) -> None:
    """The horizon is over."""
    key = pack(body.conversation_id)
    closed = state.data.resolved.day_of(key)
    state.data.resolved.discard(key)
    days = [str(closed)] if closed is not None else sorted(state.data.closings, key=int)
    for day in days:
        if _take_back(state, day, key):
            return


def evolve_reference(state: State, event: ConversationsEvent, body: ReferenceAdded) -> None:
    """Answers may refer to this."""
    refer(state, pack(body.conversation_id), fit(body.reference_hash), day_of(event.occurred_at_ms))


def forget_short(state: State, customer: bytes) -> None:
    """A customer is erased: nothing that they write leads to their resolved conversations any more,
    which are still forgotten on their day. Reads the packed map through."""
    resolved = state.data.resolved
    for key in resolved.keys_of(customer):
        resolved.discard(key)


def let_go(state: State, key: bytes) -> None:
    """The customer of an open conversation is erased: it is nobody's, and nothing leads to it."""
    conversation = state.data.conversations[key]
    conversation.customer = b""
    hashes, conversation.references = conversation.references, b""
    for at in range(0, len(hashes), 16):
        del state.references[hashes[at : at + 16]]


def _take_back(state: State, day: str, key: bytes) -> bool:
    """Take a conversation out of those resolved on a day."""
    entries = state.data.closings.get(day)
    if entries is None:
        return False
    at = entries.find(key)
    while at > 0 and at % _CLOSING_BYTES:
        at = entries.find(key, at + 1)
    if at < 0:
        return False
    del entries[at : at + _CLOSING_BYTES]
    if not entries:
        drop_closings(state, day)
    return True


def drop_closings(state: State, day: str) -> None:
    """Nothing that was resolved on that day is left to forget."""
    state.data.closings.pop(day, None)
    state.deadlines.drop("forget:" + day)


def _event(event: RoutingEvent | NoticesEvent, record: Input, now_ms: int) -> ConversationsEvent:
    return ConversationsEvent(
        desk_id=event.desk_id, occurred_at_ms=now_ms, cause_id=record.id, origin_id=event.origin_id
    )
