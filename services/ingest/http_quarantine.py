"""Ingest's HTTP about quarantine: what could not be understood, why, and the record as it came."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from proto.v1.content_pb2 import MessageContent, RawContent
from proto.v1.envelope_pb2 import Sealed
from services.ingest.configuring import ADMIN
from services.kernel.ids import HASH_BYTES, derive_id
from services.kernel.limits import DAY_MS, INBOUND_KEPT_DAYS
from services.runtime import answers_desks as answers
from services.runtime import shapes
from services.runtime.documents import Quarantined
from services.runtime.edge import Edge
from services.runtime.openapi import answer_of
from services.runtime.paging import Cursor, Limit, all_of, page
from services.runtime.problems import Refusal


class Quarantine:
    """Quarantined records, newest first; for 30 days, as long as their day's key lives."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        path = "/v1/desks/{desk}/quarantine"
        pages, whole = answer_of(answers.QuarantinePage), answer_of(answers.QuarantinedWhole)
        router.add_api_route(path, self.list, methods=["GET"], responses=pages)
        router.add_api_route(path + "/{record}", self.get, methods=["GET"], responses=whole)

    async def list(
        self, desk: str, request: Request, cursor: Cursor = "", limit: Limit = 50, after: str = ""
    ) -> dict[str, Any]:
        """Each record with its reason, without its content."""
        self._edge.check(request, desk, ADMIN)
        await self._edge.shown(desk, after)
        self._edge.know_desk(desk)
        return await page(
            self._edge.views.of(desk), Quarantined, f"all/{desk}", cursor, limit, all_of, _summaries
        )

    async def get(self, desk: str, record: str, request: Request, after: str = "") -> dict[str, Any]:
        """One record as it came. `raw` is null once its key is deleted."""
        self._edge.check(request, desk, ADMIN)
        await self._edge.shown(desk, after)
        doc = await self._edge.views.of(desk).get(Quarantined, f"{desk}/{record}")
        if doc is None:
            raise Refusal(404, "The desk has no such quarantined record.")
        return {**_summary(doc), "raw": await self._raw(doc)}

    async def _raw(self, doc: Quarantined) -> dict[str, Any] | None:
        """The record's bytes, or the words of a message that was understood and refused."""
        if not doc.raw:
            return None
        reads, sealing = self._edge.reads, self._edge.app.sealing
        identity = Sealed.FromString(doc.raw).key_id[:HASH_BYTES]
        # The edge sealed it under its day, the engine may have met it some days later.
        days = range(-1, INBOUND_KEPT_DAYS + 1)
        if identity not in [sealing.day_identity(doc.desk, doc.at_ms - day * DAY_MS) for day in days]:
            words = (
                None
                if await reads.hidden(doc.desk, derive_id("u", identity))
                else await reads.content(doc.raw)
            )
            return _words(words) if words is not None else None
        [raw] = await reads.opened([doc.raw], RawContent)
        if raw is None:
            return None
        body: bytes | None = raw.body
        if raw.blob:
            sealed = await self._edge.app.blobs.get(raw.blob)
            body = await sealing.open_bytes(Sealed.FromString(sealed)) if sealed is not None else None
        return {"headers": list(raw.headers), **_body(body)} if body is not None else None


def _summary(doc: Quarantined) -> dict[str, Any]:
    return {
        "id": doc.id,
        "at": shapes.rfc3339(doc.at_ms),
        "channel": doc.channel or None,
        "account": doc.account or None,
        "reason": doc.reason or None,
        "detail": doc.detail,
    }


async def _summaries(docs: Sequence[Quarantined]) -> list[dict[str, Any]]:
    return [_summary(doc) for doc in docs]


def _words(content: MessageContent) -> dict[str, Any]:
    return {
        "author": content.author or None,
        "subject": content.subject or None,
        "text": content.text,
        "html": content.html or None,
    }


def _body(body: bytes) -> dict[str, str | None]:
    """As text where it is UTF-8, else in base64."""
    try:
        return {"body": body.decode("utf-8"), "body_base64": None}
    except UnicodeDecodeError:
        return {"body": None, "body_base64": base64.b64encode(body).decode()}
