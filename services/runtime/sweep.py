"""What leaves the views: whatever no reader may ask for any more.

Most documents leave with an event or by their age alone. A customer leaves with the last of their
conversations and orders, and the replies of a conversation with it: those are looked for here, since a
term can only be read between events. Doing it twice is harmless; what was missed is done the next time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from services.kernel.limits import DAY_MS, QUARANTINE_DAYS, RESOLVED_DAYS
from services.runtime.documents import (
    Answer,
    Asked,
    Conversation,
    Customer,
    Document,
    Leaving,
    OrderView,
    Quarantined,
    SendView,
)
from services.runtime.reads import survivor
from services.runtime.views import Views

D = TypeVar("D", bound=Document)

ANSWERS_KEPT_MS = 2 * DAY_MS
"""How long the same Idempotency-Key gets the same answer from the views: twice what is promised."""
KEPT_MS = RESOLVED_DAYS * DAY_MS
SILENT_ORDERS_KEPT_MS = 180 * DAY_MS
"""An order that nobody closes; ingest lets go of it after the same time."""
AT_ONCE = 1_000


async def sweep(views: Views, now_ms: int) -> None:
    """Drop what is over its time."""
    by_age: list[tuple[type[Document], str, int]] = [
        (Asked, "swept", ANSWERS_KEPT_MS),
        (Answer, "swept", ANSWERS_KEPT_MS),
        (SendView, "swept", KEPT_MS),
        (Quarantined, "swept", QUARANTINE_DAYS * DAY_MS),
    ]
    for kind, term, kept_ms in by_age:
        async for _ in _dropped(views, kind, term, now_ms - kept_ms):
            pass
    customers: dict[str, None] = {}
    for term, kept_ms in (("closed", KEPT_MS), ("open", SILENT_ORDERS_KEPT_MS)):
        async for order in _dropped(views, OrderView, term, now_ms - kept_ms):
            customers[order.customer] = None
    async for left in _dropped(views, Leaving, "swept", now_ms):
        customers[left.customer] = None
        for _, send in await views.find(SendView, f"conversation/{left.id}", AT_ONCE):
            await _drop(views, SendView, send.id)
    gone = [doc for one in customers for doc in await _without_work(views, one)]
    for doc in gone:
        await _drop(views, Customer, doc)


async def _drop(views: Views, kind: type[Document], key: str) -> None:
    """Drop a document, which has to be here for that: something else may have taken its place meanwhile."""
    await views.get(kind, key)
    views.drop(kind, key)


async def _dropped(views: Views, kind: type[D], term: str, before_ms: int) -> AsyncIterator[D]:
    """Drop the documents of a term that stand before a time, the oldest first."""
    more = True
    while more:
        found = await views.find(kind, term, AT_ONCE, newest=False)
        old = [doc for place, doc in found if place.sort < before_ms]
        for doc in old:
            yield doc
            await _drop(views, kind, doc.key())
        more = len(old) == AT_ONCE


async def _without_work(views: Views, customer_id: str) -> list[str]:
    """The customer and who was merged into them, if no conversation and no order of theirs is left."""
    doc = await survivor(views, customer_id) if customer_id else None
    if doc is None:
        return []
    members = [doc.id, *doc.merged]
    if any(member is not None and member.erasing for member in await views.many(Customer, members)):
        return []
    for one in members:
        if await views.find(Conversation, f"customer/{one}", 1):
            return []
        if await views.find(OrderView, f"customer/{one}", 1):
            return []
    return members
