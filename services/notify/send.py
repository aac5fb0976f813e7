"""A send on its way: what the outbox keeps of it, and what the schedule goes by."""

from __future__ import annotations

import msgspec


class Send(msgspec.Struct, gc=False):
    """A send between `requested` and its end."""

    send_id: str
    number: int
    desk_id: str
    origin_id: str
    lane: str
    """What goes in order and one at a time: a conversation, or a receiver's view of one."""
    account: str
    """What is called at most ACCOUNT_IN_FLIGHT_MAX times at once."""
    kind: int
    request: bytes
    """Serialised SendRequested, for the sender."""
    conversation_id: str
    customer_id: str
    order_id: str
    shipment_id: str
    told_now_ms: int
    channel: str
    pulled: bool
    idempotent: bool
    requested_ms: int
    due_ms: int
    dead_ms: int
    attempt: int = 0
    lease_ms: int = 0
    """Until when the attempt under way may have a result; 0 while none is."""
    doubtful: bool = False
    """An earlier attempt may have arrived."""
    erased: bool = False
    withdrawn: int = 0
    """Why the notice is not tried again (SuppressedWhy), should this attempt not arrive; 0: it is."""
    instead_ms: int = 0
    """The date that is told in its place if it comes to nothing, and of which shipment; 0: none."""
    instead_of: str = ""
