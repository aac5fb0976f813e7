"""What leaves the views, and when."""

from __future__ import annotations

from proto.v1.conversations_pb2 import (
    ConversationForgotten,
    ConversationsEvent,
    CustomersMerged,
    ErasureCompleted,
    ErasureRequested,
    IdentityLinked,
    MessageReceived,
    OrderSeen,
    Quarantined,
)
from proto.v1.inbound_pb2 import ORDER_STATUS_DELIVERED, ORDER_STATUS_OPEN, OrderStatus
from services.kernel.limits import DAY_MS
from services.runtime import documents
from services.runtime.documents import Conversation, Customer, OrderView, SendView
from services.runtime.project_conversations import HANDLERS
from services.runtime.sweep import sweep
from services.runtime.views import MemoryStore, Views


async def empty() -> Views:
    """Views without anything in them."""
    views = Views(MemoryStore())
    await views.open()
    return views


def tell(views: Views, day: int, event: ConversationsEvent) -> None:
    """Something that ingest said on a day."""
    event.desk_id, event.occurred_at_ms = "d", day * DAY_MS
    name = event.WhichOneof("body") or ""
    HANDLERS[name](views, event, getattr(event, name))


def message(conversation: str, customer: str) -> ConversationsEvent:
    """A message of a customer."""
    body = MessageReceived(message_id="m" + conversation, conversation_id=conversation, customer_id=customer)
    return ConversationsEvent(message=body)


def linked(customer: str) -> ConversationsEvent:
    """A customer's address."""
    return ConversationsEvent(identity=IdentityLinked(customer_id=customer, identity_hash=b"h" * 16))


def order(order_id: str, customer: str, status: OrderStatus) -> ConversationsEvent:
    """An order as it stands."""
    return ConversationsEvent(order=OrderSeen(order_id=order_id, customer_id=customer, status=status))


def forgotten(conversation: str) -> ConversationsEvent:
    """A conversation left the horizon."""
    return ConversationsEvent(forgotten=ConversationForgotten(conversation_id=conversation))


async def test_orders_leave_when_they_are_closed_or_silent_for_long() -> None:
    """A closed order leaves after 90 days, an open one after 180 days without a word of it."""
    views = await empty()
    tell(views, 0, order("open", "u1", ORDER_STATUS_OPEN))
    tell(views, 0, order("late", "u1", ORDER_STATUS_OPEN))
    tell(views, 10, order("late", "u1", ORDER_STATUS_DELIVERED))
    left = []
    for day in (100, 101, 180, 181):
        await sweep(views, day * DAY_MS)
        left.append([one.id for one in views.under(OrderView, "d/")])
    assert left == [["late", "open"], ["open"], ["open"], []]


async def test_a_customer_leaves_with_the_last_of_their_work() -> None:
    """A customer stays while a conversation or an order of theirs is left, and leaves with the last."""
    views = await empty()
    tell(views, 0, linked("u1"))
    tell(views, 0, message("c1", "u1"))
    tell(views, 5, order("o1", "u1", ORDER_STATUS_DELIVERED))
    tell(views, 90, forgotten("c1"))
    await sweep(views, 91 * DAY_MS)
    assert views.peek(Conversation, "c1") is None
    assert views.peek(Customer, "u1") is not None
    await sweep(views, 96 * DAY_MS)
    assert views.peek(Customer, "u1") is None


async def test_a_customer_with_another_conversation_stays() -> None:
    """One conversation of two is forgotten: the customer is still shown."""
    views = await empty()
    tell(views, 0, linked("u1"))
    tell(views, 0, message("c1", "u1"))
    tell(views, 80, message("c2", "u1"))
    tell(views, 90, forgotten("c1"))
    await sweep(views, 91 * DAY_MS)
    assert views.peek(Customer, "u1") is not None


async def test_replies_leave_with_their_conversation() -> None:
    """However old a reply is, it stays with its conversation and leaves with it."""
    views = await empty()
    tell(views, 0, message("c1", "u1"))
    views.put(SendView("s1", "d", "r1", False, 0, "sent", "c1"))
    await sweep(views, 300 * DAY_MS)
    assert views.peek(SendView, "s1") is not None
    tell(views, 300, forgotten("c1"))
    await sweep(views, 301 * DAY_MS)
    assert views.peek(SendView, "s1") is None


async def test_an_erased_customer_is_told_for_ninety_days() -> None:
    """Nothing but the time of the erasure is left of a person, or of who was merged into them, and that
    leaves too."""
    views = await empty()
    tell(views, 0, linked("u1"))
    tell(views, 0, ConversationsEvent(merged=CustomersMerged(customer_id="u1", merged_id="u2")))
    tell(views, 1, ConversationsEvent(erasure_requested=ErasureRequested(customer_id="u1")))
    tell(views, 1, ConversationsEvent(erasure_completed=ErasureCompleted(customer_id="u1")))
    await sweep(views, 90 * DAY_MS)
    doc = views.peek(Customer, "u1")
    assert doc is not None
    assert (doc.identities, doc.erased_ms) == ((), DAY_MS)
    await sweep(views, 92 * DAY_MS)
    assert views.under(Customer, "") == []


async def test_who_is_being_erased_stays_until_it_is_done() -> None:
    """Somebody whose erasure waits does not leave with the customer into whom they were merged meanwhile."""
    views = await empty()
    tell(views, 0, order("o1", "u1", ORDER_STATUS_DELIVERED))
    tell(views, 90, ConversationsEvent(erasure_requested=ErasureRequested(customer_id="u2")))
    tell(views, 90, ConversationsEvent(merged=CustomersMerged(customer_id="u1", merged_id="u2")))
    await sweep(views, 91 * DAY_MS)
    assert [one.id for one in views.under(Customer, "")] == ["u1", "u2"]


async def test_quarantine_leaves_with_its_key() -> None:
    """A quarantined record is shown for 30 days, as long as its day's key lives."""
    views = await empty()
    tell(views, 0, ConversationsEvent(origin_id="r1", quarantined=Quarantined(detail="x")))
    await sweep(views, 30 * DAY_MS)
    assert views.peek(documents.Quarantined, "d/r1") is not None
    await sweep(views, 31 * DAY_MS)
    assert views.peek(documents.Quarantined, "d/r1") is None
