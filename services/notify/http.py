"""Notify's HTTP: the notices, each with its reason, channel, words and result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from proto.v1.notices_pb2 import SendRequested
from services.notify.templates import render
from services.runtime import shapes
from services.runtime.answers import NoticePage
from services.runtime.auth import READERS
from services.runtime.documents import SendView
from services.runtime.edge import Edge
from services.runtime.openapi import answer_of
from services.runtime.paging import Cursor, Limit, page
from services.runtime.reads import theirs

if TYPE_CHECKING:
    from services.runtime.main import App

NoticeState = Literal["held", "sent", "delivered", "failed", "suppressed", "uncertain"]
Word = Annotated[str, Query(max_length=200)]


def bind(app: App) -> None:
    """Hang notify's routes onto the App."""
    router = APIRouter(tags=["notify"])
    edge = Edge.of(app)
    notices = _Notices(edge)
    edge.reads.word = notices.word
    shown = answer_of(NoticePage)
    router.add_api_route("/v1/desks/{desk}/notices", notices.list, methods=["GET"], responses=shown)
    app.add_router(router)


class _Notices:
    """Notices, newest first."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def list(
        self,
        desk: str,
        request: Request,
        order_id: Word = "",
        customer: Word = "",
        state: NoticeState | None = None,
        cursor: Cursor = "",
        limit: Limit = 50,
        after: Word = "",
    ) -> dict[str, Any]:
        """Each notice with its reason, channel, result, or why it was suppressed."""
        edge = self._edge
        edge.check(request, desk, READERS)
        await edge.shown(desk, after)
        edge.know_desk(desk)
        family = await edge.reads.family(desk, customer) if customer else {}

        def fits(doc: SendView) -> bool:
            return (
                doc.desk == desk
                and (not order_id or doc.order == order_id)
                and (not customer or theirs(family, doc.customer, doc.at_ms))
                and (not state or doc.state == state)
            )

        async def wanted(docs: Sequence[SendView]) -> list[bool]:
            return [fits(doc) for doc in docs]

        async def shown(docs: Sequence[SendView]) -> list[Any]:
            return [await self._shown(desk, doc) for doc in docs]

        term = f"all/{desk}"
        if order_id:
            term = f"order/{desk}/{order_id}"
        elif customer and len(family) == 1:
            term = f"customer/{next(iter(family))}"
        elif state:
            term = f"state/{desk}/{state}"
        return await page(edge.views.of(desk), SendView, term, cursor, limit, wanted, shown)

    async def _shown(self, desk_id: str, doc: SendView) -> dict[str, Any]:
        is_hidden = await self._edge.reads.hidden(desk_id, doc.customer, doc.at_ms)
        return shapes.notice(doc, None if is_hidden else self.word(doc))

    def word(self, doc: SendView) -> str | None:
        """Its words follow from its fields, so they are worded anew as they were sent; None: it has none."""
        desk = self._edge.directory.get(doc.desk)
        if not doc.event or desk is None:
            return None
        return render(SendRequested.FromString(doc.event), desk).text
