"""What a message is: new, a duplicate, a change of an earlier one, or one for quarantine.

Ids are remembered for the horizon of deduplication. A message whose signed time is older than that
might be a replay that nobody can recognise any more, so it goes to quarantine and never becomes a new
message. A change of a known message is passed on. Of an unknown one: a deletion leaves a tombstone, so
that the message is not shown when it comes; an edit is the customer's words, so it is taken as a new
message; a reaction changes nothing.
"""

from __future__ import annotations

from sys import intern

from proto.v1.conversations_pb2 import (
    ConversationsEvent,
    MessageChanged,
    MessageReceived,
    Quarantined,
)
from proto.v1.inbound_pb2 import (
    MESSAGE_KIND_DELETE,
    MESSAGE_KIND_EDIT,
    MESSAGE_KIND_REACTION,
    QUARANTINE_REASON_MALFORMED,
    QUARANTINE_REASON_TOO_OLD,
    QUARANTINE_REASON_UNKNOWN_ACCOUNT,
    ChannelMessage,
    Inbound,
    QuarantineReason,
)
from services.ingest import customers
from services.ingest.conversations import open_again, open_new, refer
from services.ingest.orders import attached_event, orders_of
from services.ingest.state import ORDERS_SHOWN_MAX, Conversation, State, day_of, fit
from services.ingest.threading_rules import AUTOMATIC, EMAIL, Thread, find, thread_reference
from services.kernel.engine import Input
from services.kernel.ids import text_id
from services.kernel.limits import DAY_MS, DEDUPLICATION_DAYS
from services.kernel.packed import derived, pack

CHANGES = frozenset((MESSAGE_KIND_EDIT, MESSAGE_KIND_DELETE, MESSAGE_KIND_REACTION))
QUARANTINED = b"held"
"""What is remembered of a record in quarantine: a repeated one is no second entry, though it is taken as
a message if the reason is gone (the account is listed now)."""


def decide(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """The outcome of a message, and what follows from who wrote it."""
    message, day, desk_id = inbound.message, day_of(now_ms), inbound.desk_id
    stem = ConversationsEvent(
        desk_id=desk_id, occurred_at_ms=now_ms, cause_id=record.id, origin_id=inbound.record_id
    )
    if message.kind in CHANGES:
        if _changed(state, message, stem, day):
            return [stem]
    elif _is_known(state, message, day):
        stem.duplicate.message_id = message.message_id
        return [stem]
    place = state.places.get(desk_id, {}).get((message.channel, message.account))
    found = customers.find(state, message.identity_hashes, now_ms)
    if place is None or not state.data.desks[desk_id].listed[place]:
        detail = "the desk has no such account"
        return [_quarantined(state, stem, message, QUARANTINE_REASON_UNKNOWN_ACCOUNT, detail)]
    if found is None or not message.message_id:
        detail = "no sender or no message id"
        return [_quarantined(state, stem, message, QUARANTINE_REASON_MALFORMED, detail)]
    if 0 < message.sent_at_ms < now_ms - DEDUPLICATION_DAYS * DAY_MS:
        detail = f"sent more than {DEDUPLICATION_DAYS} days ago"
        return [_quarantined(state, stem, message, QUARANTINE_REASON_TOO_OLD, detail)]
    return _received(state, stem, record, message, found, place)


def _is_known(state: State, message: ChannelMessage, day: int) -> bool:
    data, external = state.data, message.external_hash
    if data.messages.get(pack(message.message_id), day) is not None:
        return True
    return bool(len(data.tombstones) and external and data.tombstones.get(fit(external), day) is not None)


def _received(
    state: State,
    stem: ConversationsEvent,
    record: Input,
    message: ChannelMessage,
    found: customers.Found,
    place: int,
) -> list[ConversationsEvent]:
    """A new message in its conversation; then identities, merges, and an order named later."""
    desk_id, day = stem.desk_id, day_of(stem.occurred_at_ms)
    known_as = find(state, desk_id, place, message, found.customer, day)
    if known_as is None and found.merged:
        known_as = _of_merged(state, desk_id, place, message, found, day)
    extra = []
    if found.new or found.merged:
        extra = customers.follow_up(
            stem, found, message.identity_hashes, message.identity_channels, message.identities
        )
    event = stem
    body = event.message
    _copy(body, message, record.at_ms)
    customer = found.customer
    conversation = None
    if known_as is None:
        body.opens = True
        body.conversation_id = text_id("c", _new_key(state, desk_id, message, stem.occurred_at_ms))
    else:
        conversation = known_as.open
        customer = _customer_of(state, known_as, found, day)
        body.reopens = conversation is None and message.auto_kind not in AUTOMATIC
        body.conversation_id = text_id("c", known_as.key)
    body.customer_id = text_id("u", customer)
    _fold_labels(body, message, conversation, known_as)
    named = message.order_id
    ids, value = orders_of(state, desk_id, customer, named, conversation, day)
    if ids:
        body.order_ids.extend(ids)
        body.order_value_minor = value
    if named and conversation is not None and named not in conversation.orders:
        extra.append(attached_event(event, body.conversation_id, named, value))
    return [event, *extra]


def _new_key(state: State, desk_id: str, message: ChannelMessage, now_ms: int) -> bytes:
    """Of the conversation that the message opens. One that comes again without a time of its own, when nobody
    knows any more that it did, may have opened one before that is still known, and belongs elsewhere now."""
    key = derived(message.message_id)
    return derived(message.message_id, str(now_ms)) if state.has(desk_id, key, day_of(now_ms)) else key


def _of_merged(
    state: State, desk_id: str, place: int, message: ChannelMessage, found: customers.Found, day: int
) -> Thread | None:
    """The conversation of a customer who turns out, by this message, to be the same person."""
    for other in found.merged:
        known_as = find(state, desk_id, place, message, other, day)
        if known_as is not None:
            return known_as
    return None


def _customer_of(state: State, thread: Thread, found: customers.Found, day: int) -> bytes:
    """Whose conversation it is, after the merges that this message leads to."""
    if thread.open is not None:
        customer = thread.open.customer
    elif thread.short is not None:
        customer = customers.survivor(state.data, thread.short.customer, day)
    return found.customer if customer in found.merged else customer


def _copy(body: MessageReceived, message: ChannelMessage, received_at_ms: int) -> None:
    """What the event takes over as it is."""
    body.message_id = message.message_id
    body.channel = message.channel
    body.account = message.account
    identities = message.identity_hashes
    body.identity_hash = identities[0] or next(identity for identity in identities if identity)
    body.external_hash = message.external_hash
    body.received_at_ms = received_at_ms
    body.sent_at_ms = message.sent_at_ms
    body.auto_kind = message.auto_kind
    if thread := message.thread_hash:
        body.thread_hash = thread
    if order_id := message.order_id:
        body.named_order_id = order_id
    body.content.CopyFrom(message.content)
    body.route.CopyFrom(message.route)


def _fold_labels(
    body: MessageReceived,
    message: ChannelMessage,
    conversation: Conversation | None,
    thread: Thread | None,
) -> None:
    """The conversation's labels as they stand with this message: what was said last holds, wanting a
    human holds for ever; automatic mail says nothing about the customer."""
    language = intent = mood = ""
    wants_human = False
    automatic = message.auto_kind in AUTOMATIC
    if not automatic:
        language, intent, mood = message.language, message.intent, message.mood
        wants_human = message.wants_human
    if conversation is not None:
        language = language or conversation.language
        intent = intent or conversation.intent
        mood = mood or conversation.mood
        wants_human = wants_human or conversation.wants_human
        if conversation.attributes:
            body.attributes.update(conversation.attributes)
    elif thread is not None and thread.short is not None:
        wants_human = wants_human or thread.short.wants_human
    if language:
        body.language = language
    if intent:
        body.intent = intent
    if mood:
        body.mood = mood
    if wants_human:
        body.wants_human = True
    if message.attributes and not automatic:
        body.attributes.update(message.attributes)


def _changed(state: State, message: ChannelMessage, stem: ConversationsEvent, day: int) -> bool:
    """Whether the change has an outcome of its own, which is then in `stem`."""
    data, kind = state.data, message.kind
    if stem.origin_id and data.records.get(pack(stem.origin_id), day) not in (None, QUARANTINED):
        stem.unchanged.what = "message_change"
        return True
    known = data.messages.get(pack(message.message_id), day) is not None
    targets = [*message.reference_hashes, message.external_hash]
    for target in targets:
        if not target:
            continue
        key = state.reference(fit(target), day)
        original = data.originals.get(fit(target), day)
        if key is None or (original is None and not known) or not state.has(stem.desk_id, key, day):
            continue
        body = stem.message_changed
        body.message_id = text_id("m", original) if original is not None else message.message_id
        body.conversation_id = text_id("c", key)
        body.kind = kind
        body.target_hash = target
        body.content.CopyFrom(message.content)
        return True
    if kind == MESSAGE_KIND_DELETE:
        stem.message_changed.message_id = message.message_id
        stem.message_changed.kind = kind
        stem.message_changed.target_hash = next((target for target in targets if target), b"")
        return True
    if kind == MESSAGE_KIND_EDIT and not known:
        return False
    stem.unchanged.what = "message_change"
    return True


def in_quarantine(state: State, event: ConversationsEvent) -> bool:
    """Whether the record is in quarantine already; the event says so then."""
    day = day_of(event.occurred_at_ms)
    if not event.origin_id or state.data.records.get(pack(event.origin_id), day) != QUARANTINED:
        return False
    event.unchanged.what = "quarantined"
    return True


def evolve_quarantined(state: State, event: ConversationsEvent, body: Quarantined) -> None:
    """A record is put aside once."""
    if event.origin_id:
        state.data.records.put(pack(event.origin_id), QUARANTINED, day_of(event.occurred_at_ms))


def _quarantined(
    state: State, stem: ConversationsEvent, message: ChannelMessage, reason: QuarantineReason, detail: str
) -> ConversationsEvent:
    """The record is kept aside with its content, which stays sealed as it came."""
    if in_quarantine(state, stem):
        return stem
    body = stem.quarantined
    body.channel, body.account, body.reason, body.detail = message.channel, message.account, reason, detail
    body.raw.CopyFrom(message.content)
    return stem


def evolve(state: State, event: ConversationsEvent, body: MessageReceived) -> None:
    """A message is there: in a new conversation, in an open one, or in one that it opens again."""
    data, now_ms, desk_id = state.data, event.occurred_at_ms, event.desk_id
    day = day_of(now_ms)
    key = pack(body.conversation_id)
    message = pack(body.message_id)
    channel = body.channel
    data.messages.put(message, b"", day)
    conversation = data.conversations.get(key)
    if conversation is None and body.reopens:
        conversation = open_again(state, desk_id, key, now_ms)
    if conversation is None and (body.opens or body.reopens):
        place = state.place(desk_id, channel, body.account)
        conversation = open_new(state, desk_id, key, pack(body.customer_id), place, now_ms)
    external, thread = body.external_hash, body.thread_hash
    if external:
        external = fit(external)
        refer(state, key, external, day)
        if channel != EMAIL:
            data.originals.put(external, message, day)
    if thread:
        refer(state, key, thread_reference(desk_id, channel, body.account, thread), day)
    if conversation is not None:
        _evolve_labels(state, conversation, body)


def _evolve_labels(state: State, conversation: Conversation, body: MessageReceived) -> None:
    conversation.language = intern(body.language)
    conversation.intent = intern(body.intent)
    conversation.mood = intern(body.mood)
    conversation.wants_human = body.wants_human
    if body.attributes:
        conversation.attributes = state.attributes(dict(sorted(body.attributes.items())))
    named = body.named_order_id
    if named and named not in conversation.named:
        conversation.named = (named, *conversation.named)[:ORDERS_SHOWN_MAX]
    if body.order_ids:
        together = dict.fromkeys((*body.order_ids, *conversation.orders))
        conversation.orders = tuple(together)[:ORDERS_SHOWN_MAX]


def evolve_changed(state: State, event: ConversationsEvent, body: MessageChanged) -> None:
    """A change is taken once; a deletion of what never came is remembered until it comes."""
    data, day = state.data, day_of(event.occurred_at_ms)
    if event.origin_id:
        data.records.put(pack(event.origin_id), bytes(4), day)
    if body.kind == MESSAGE_KIND_DELETE and not body.conversation_id:
        if body.message_id:
            data.messages.put(pack(body.message_id), b"", day)
        if body.target_hash:
            data.tombstones.put(fit(body.target_hash), b"", day)
