"""What notify remembers: routes of conversations, orders, delays that are worked off, the outbox.

`Data` is what is dumped; `State` adds indexes that are made anew from it. All of it is open work or
has a stated horizon; `prune` lets the horizons go, by the time of the events.
"""

from __future__ import annotations

import hashlib
from sys import intern

import msgspec

from proto.v1.desk_pb2 import DeskConfig
from proto.v1.notices_pb2 import SEND_KIND_NOTICE, SEND_KIND_REPLY, SendRequested
from services.kernel.deadlines import Deadlines
from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS
from services.notify.closed import ClosedRoutes, Route
from services.notify.schedule import Schedule
from services.notify.send import Send
from services.notify.silence import Silence
from services.notify.taken import Taken

ORDER_MS = 90 * DAY_MS
"""An order that nobody has spoken of for so long is forgotten, and with it what was told about it."""
LATE_MS = 14 * DAY_MS
"""How long a delay waits for an order that is not known yet."""
PARKED_MS = 5 * MINUTE_MS
"""How long a delivery report waits for its send: results come within a lease, or after a restart."""
UNCERTAIN_MS = DAY_MS
"""How long a late word on an uncertain send still sets it right."""
PRUNE_EVERY_MS = HOUR_MS
"""What is over its time goes this often; between, it is ignored."""

assert PARKED_MS < PRUNE_EVERY_MS < UNCERTAIN_MS, "a horizon is looked through in good time"


class Order(msgspec.Struct, gc=False):
    """What a delay notice needs of an order, and what was told about it."""

    customer_id: str
    language: str
    channel: str
    sealed: bytes
    """Serialised Sealed of the first address; empty without one, and after an erasure."""
    promised_ms: int
    told_ms: int
    seen_ms: int
    closed: bool = False
    erased: bool = False
    pending: str = ""
    """The notice about it that is not at its end yet."""
    told: tuple[int, ...] = ()
    """Every date that a notice was made for and not withdrawn: one matter each, never told again."""
    aside: tuple[tuple[str, int], ...] = ()
    """Other shipments and their dates, which `pending` covers; see `parcels`."""
    told_by: str = ""
    """The notice by which the customer was told last, and may turn out not to have been."""
    known_ms: int = 0
    """`told_ms` as it was before that notice."""


class Late(msgspec.Struct, gc=False):
    """The date of an order that is not known yet."""

    shipment_id: str
    date_ms: int
    seen_ms: int
    said_late: bool = False


class Plan(msgspec.Struct, gc=False):
    """A shipment's new date, to be held against its orders one after the other."""

    order_ids: tuple[str, ...]
    date_ms: int
    received_ms: int
    due_ms: int
    said_late: bool = False
    done: int = 0


class DeskData(msgspec.Struct):
    """One desk's things."""

    config: bytes = b""
    version: int = 0
    orders: dict[str, Order] = {}
    late: dict[str, Late] = {}
    plans: dict[str, Plan] = {}


class Uncertain(msgspec.Struct, gc=False):
    """What is left of an uncertain send, so that a late word on it can be told."""

    desk_id: str
    origin_id: str
    conversation_id: str
    kind: int
    channel: str
    until_ms: int
    attempt: int
    """The one attempt whose failure, known late, means that it was not sent; 0: an earlier one may have
    arrived all the same."""


class Parked(msgspec.Struct, gc=False):
    """A delivery report whose send is not known yet."""

    level: int
    until_ms: int
    error_code: str = ""


class Data(msgspec.Struct):
    """All that a snapshot holds."""

    desks: dict[str, DeskData] = {}
    routes: dict[str, Route] = {}
    """Of open conversations."""
    closed: bytes = b""
    sends: dict[str, Send] = {}
    uncertain: dict[str, Uncertain] = {}
    parked: dict[str, Parked] = {}
    taken: bytes = b""
    merged: dict[str, str] = {}
    next_number: int = 1
    pruned_ms: int = 0


class State:
    """`data`, and the indexes over it."""

    __slots__ = ("by_customer", "by_order", "closed", "configs", "data", "late", "orders", "schedule",
                 "taken", "told_by", "wheel")  # fmt: skip

    def __init__(self, data: Data) -> None:
        self.data = data
        self.wheel = Deadlines()
        self.schedule = Schedule(data.sends, self.wheel)
        self.taken = Taken.load(data.taken)
        self.closed = ClosedRoutes.load(data.closed)
        self.configs = {
            desk_id: DeskConfig.FromString(desk.config) for desk_id, desk in data.desks.items() if desk.config
        }
        self.by_order: dict[tuple[str, str], tuple[str, ...]] = {}
        self.by_customer: dict[str, tuple[str, ...]] = {}
        known: dict[tuple[str, ...], tuple[str, ...]] = {}
        for conversation_id, route in data.routes.items():
            # Equal texts once, as `evolve` has them: a snapshot gives each its own.
            texts = (route.desk_id, route.channel, route.account, route.language)
            shared = known.get(texts)
            if shared is None:
                shared = known[texts] = tuple(map(intern, texts))
            route.desk_id, route.channel, route.account, route.language = shared
            self.index_route(conversation_id, route)
        for desk_id, desk in data.desks.items():
            for shipment_id, plan in desk.plans.items():
                self.wheel.set(plan_key(desk_id, shipment_id), plan.due_ms)
        desks = data.desks.items()
        self.orders = Silence(
            self._seen,
            ((each.seen_ms, name, key) for name, desk in desks for key, each in desk.orders.items()),
        )
        self.late = Silence(
            self._seen_late,
            ((each.seen_ms, name, key) for name, desk in desks for key, each in desk.late.items()),
        )
        self.told_by = {
            order.told_by: (desk_id, order_id)
            for desk_id, desk in data.desks.items()
            for order_id, order in desk.orders.items()
            if order.told_by
        }

    def customer(self, customer_id: str) -> str:
        """The customer that this one is now, after merges."""
        merged = self.data.merged
        while customer_id in merged:
            customer_id = merged[customer_id]
        return customer_id

    def route(self, conversation_id: str) -> Route | None:
        """How a conversation is answered, whether it is open or was resolved."""
        return self.data.routes.get(conversation_id) or self.closed.get(conversation_id)

    def heard(self, send: Send, order: Order) -> None:
        """The order's customer has, or may have, what the notice says."""
        if send.told_now_ms > order.told_ms:
            self.told_by.pop(order.told_by, None)
            order.told_by, order.known_ms, order.told_ms = send.send_id, order.told_ms, send.told_now_ms
            self.told_by[send.send_id] = (send.desk_id, send.order_id)

    def never_heard(self, send_id: str) -> None:
        """What was taken did not arrive after all: the customer knows what they knew before it."""
        desk_id, order_id = self.told_by.pop(send_id, ("", ""))
        order = self.data.desks[desk_id].orders.get(order_id) if desk_id else None
        if order is not None and order.told_by == send_id:
            order.told_ms, order.told_by, order.known_ms = order.known_ms, "", 0

    def index_route(self, conversation_id: str, route: Route) -> None:
        """Let an open conversation be found by its customer and its orders."""
        customer_id = self.customer(route.customer_id)
        found = self.by_customer.get(customer_id, ())
        if conversation_id not in found:
            self.by_customer[customer_id] = (*found, conversation_id)
        for order_id in route.order_ids:
            found = self.by_order.get((route.desk_id, order_id), ())
            if conversation_id not in found:
                self.by_order[route.desk_id, order_id] = (*found, conversation_id)

    def unindex_route(self, conversation_id: str, route: Route) -> None:
        """Let it be found no more."""
        customer_id = self.customer(route.customer_id)
        left = tuple(each for each in self.by_customer.get(customer_id, ()) if each != conversation_id)
        if left:
            self.by_customer[customer_id] = left
        else:
            self.by_customer.pop(customer_id, None)
        for order_id in route.order_ids:
            key = (route.desk_id, order_id)
            left = tuple(each for each in self.by_order.get(key, ()) if each != conversation_id)
            if left:
                self.by_order[key] = left
            else:
                self.by_order.pop(key, None)

    def prune(self, now_ms: int) -> None:
        """Let everything go whose horizon is over. In whole hours, so that it is rare and alike on replay."""
        data = self.data
        if now_ms < data.pruned_ms + PRUNE_EVERY_MS:
            return
        data.pruned_ms = now_ms - now_ms % PRUNE_EVERY_MS
        data.uncertain = {key: each for key, each in data.uncertain.items() if each.until_ms > now_ms}
        data.parked = {key: each for key, each in data.parked.items() if each.until_ms > now_ms}
        self.closed.prune(now_ms)
        for desk_id, order_id in self.late.silent(now_ms - LATE_MS):
            del data.desks[desk_id].late[order_id]
        for desk_id, order_id in self.orders.silent(now_ms - ORDER_MS):
            orders = data.desks[desk_id].orders
            if orders[order_id].pending:
                self.orders.watch(orders[order_id].seen_ms, desk_id, order_id)
            else:
                self.told_by.pop(orders.pop(order_id).told_by, None)

    def _seen(self, desk_id: str, order_id: str) -> int | None:
        order = self.data.desks[desk_id].orders.get(order_id)
        return order.seen_ms if order is not None else None

    def _seen_late(self, desk_id: str, order_id: str) -> int | None:
        late = self.data.desks[desk_id].late.get(order_id)
        return late.seen_ms if late is not None else None


def plan_key(desk_id: str, shipment_id: str) -> str:
    """The deadline of a plan. A desk's id has no slash, so the key can be taken apart again."""
    return f"plan:{desk_id}/{shipment_id}"


def send_of(
    requested: SendRequested, desk_id: str, origin_id: str, requested_ms: int, number: int = 0
) -> Send:
    """The send that a request begins; `number` gives its place among all requests."""
    kind = requested.kind
    if kind == SEND_KIND_REPLY or (kind == SEND_KIND_NOTICE and requested.conversation_id):
        lane = requested.conversation_id
    elif kind == SEND_KIND_NOTICE:
        lane = requested.customer_id or requested.send_id
    else:
        whose = requested.conversation_id or requested.customer_id or requested.send_id
        lane = f"{whose}>{requested.url}"
    receiver = requested.url or f"{requested.channel}/{requested.account}"
    return Send(
        send_id=requested.send_id,
        number=number,
        desk_id=desk_id,
        origin_id=origin_id,
        lane=lane,
        account=f"{desk_id}>{receiver}",
        kind=kind,
        request=requested.SerializeToString(),
        conversation_id=requested.conversation_id,
        customer_id=requested.customer_id,
        order_id=requested.order_id,
        shipment_id=requested.shipment_id,
        told_now_ms=requested.told_now_ms,
        channel=requested.channel,
        pulled=requested.channel == "chat" and not requested.url,
        idempotent=requested.idempotent,
        requested_ms=requested_ms,
        due_ms=max(requested.held_until_ms, requested_ms),
        dead_ms=requested.dead_at_ms,
    )


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Data)


def dump(state: State) -> bytes:
    """The state as bytes, equal for equal states."""
    state.data.taken = state.taken.dump()
    state.data.closed = state.closed.dump()
    return _encoder.encode(state.data)


def load(data: bytes) -> State:
    """The state of `dump`."""
    return State(_decoder.decode(data))


def share(*parts: str) -> float:
    """A number from 0 to 1 that follows from the parts: spreads retries without dice."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 0xFFFFFFFF
