"""Ingest's HTTP about customers: their history over all channels, and their erasure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Request

from proto.v1.inbound_pb2 import ErasureRequest, Inbound
from services.ingest.configuring import ADMIN
from services.kernel.ids import derive_id, make_id
from services.runtime import answers, answers_desks, auth, shapes
from services.runtime.documents import Conversation, Customer, OrderView
from services.runtime.edge import Edge
from services.runtime.openapi import answer_of
from services.runtime.problems import Refusal
from services.runtime.reads import theirs

HISTORY_MAX = 200


class Customers:
    """A customer's history, and their erasure."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        path = "/v1/desks/{desk}/customers/{customer}"
        taken = answer_of(answers_desks.ErasureTaken, 202)
        router.add_api_route(path, self.get, methods=["GET"], responses=answer_of(answers.Customer))
        router.add_api_route(path, self.erase, methods=["DELETE"], status_code=202, responses=taken)

    async def get(self, desk: str, customer: str, request: Request, after: str = "") -> dict[str, Any]:
        """Who the customer is, their conversations (newest first) and orders, but for what was erased."""
        self._edge.check(request, desk, auth.READERS)
        await self._edge.shown(desk, after)
        reads = self._edge.reads
        doc = await reads.customer(desk, customer)
        if doc is None or doc.desk != desk:
            raise _nobody()
        shown = await reads.person(desk, doc.id)
        family = await reads.family(desk, doc.id)
        every = await self._conversations(desk, family)
        found = [one for one in every if theirs(family, one.customer, one.opened_ms)]
        conversations = [await reads.conversation(one) for one in found[:HISTORY_MAX]]
        orders = await self._orders(desk, family, found)
        return {
            **shown,
            "desk": desk,
            "merged": list(doc.merged),
            "erasing": bool(doc.erasing),
            "erased_at": shapes.moment(doc.erased_ms),
            "conversations": conversations,
            "orders": await reads.orders(orders, bool(doc.erasing)),
        }

    async def _conversations(self, desk: str, customers: Iterable[str]) -> list[Conversation]:
        """Newest first."""
        found = []
        for one in customers:
            found += await self._edge.views.of(desk).find(Conversation, f"customer/{one}", HISTORY_MAX)
        found.sort(key=lambda entry: entry[0], reverse=True)
        return [conversation for _, conversation in found]

    async def _orders(
        self, desk: str, family: Mapping[str, Customer], conversations: list[Conversation]
    ) -> list[OrderView]:
        """Those of the conversations, then the others, newest first."""
        views = self._edge.views.of(desk)
        ids = [f"{desk}/{order}" for one in conversations for order in one.orders]
        known = {order.id: order for order in await views.many(OrderView, ids) if order is not None}
        for one in family:
            for _, order in await views.find(OrderView, f"customer/{one}", HISTORY_MAX):
                if theirs(family, order.customer, order.seen_ms):
                    known.setdefault(order.id, order)
        return list(known.values())

    async def erase(self, desk: str, customer: str, request: Request) -> dict[str, str]:
        """Erase the customer: hidden at once, keys deleted after five minutes. Meanwhile asked again, the
        same."""
        self._edge.check(request, desk, ADMIN)
        reads = self._edge.reads
        doc = await reads.customer(desk, customer)
        if doc is not None and doc.desk != desk:
            raise _nobody()
        customer_id = doc.id if doc is not None else customer
        hashes = await self._identities(desk, customer_id, doc)
        if doc is None and not hashes:
            raise _nobody()
        erasure = ErasureRequest(customer_id=customer_id, identity_hashes=hashes)
        inbound = Inbound(desk_id=desk, erasure=erasure)
        if doc is not None:  # the same until it is done, so that who asks again gets the same answer
            desk_key, done = self._edge.app.sealing.desk_key(desk), str(doc.erased_ms)
            inbound.record_id = make_id("r", desk_key, "erasure", customer_id, done)
        outcome = await self._edge.outcome(inbound)
        if outcome.name == "unchanged":
            doc = await reads.customer(desk, customer_id)
            if doc is None or not (doc.erasing or doc.erased_ms):
                raise _nobody()
        return {"customer": customer_id, "record_id": inbound.record_id}

    async def _identities(self, desk: str, customer_id: str, doc: Customer | None) -> list[bytes]:
        """The customer's identities. The views may have let go of who has been silent for long; the key
        store never does, and a customer's id derives from their first identity."""
        found: dict[bytes, None] = {}
        if doc is not None:
            found.update(dict.fromkeys(identity.hash for identity in doc.identities))
            for one in await self._conversations(desk, await self._edge.reads.family(desk, doc.id)):
                found[one.identity_hash] = None
        if not found:
            async for identity in self._edge.app.keys.identities(desk):
                if derive_id("u", identity) == customer_id:
                    found[identity] = None
        return list(found)


def _nobody() -> Refusal:
    return Refusal(404, "The desk has no such customer.")
