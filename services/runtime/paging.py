"""Lists in pages: `cursor` is where the last page ended, `limit` how many are wanted."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Query

from services.kernel.errors import Problem
from services.runtime.documents import Document
from services.runtime.problems import Refusal
from services.runtime.view_store import DeskViews, Place

D = TypeVar("D", bound=Document)

LIMIT_MAX = 200
SCANNED_MAX = 20_000
"""Documents looked at for one page; then the page ends early, with a cursor."""

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str, Query(max_length=500)]


def written(place: Place) -> str:
    """A place as a cursor: opaque, safe in a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode([place.sort, place.key])).decode().rstrip("=")


def read(cursor: str) -> Place | None:
    """The place of a cursor; None for "". Raises Refusal 422 for what is none."""
    if not cursor:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        sort, key = msgspec.json.decode(raw, type=tuple[int, str])
        if not -(2**62) < sort < 2**62:
            raise ValueError("out of range")
    except (ValueError, binascii.Error) as error:
        problem = Problem("/cursor", "must be the next_cursor of an earlier page")
        raise Refusal(422, "The cursor is not one.", [problem]) from error
    return Place(sort, key)


async def page(
    views: DeskViews,
    kind: type[D],
    term: str,
    cursor: str,
    limit: int,
    wanted: Callable[[Sequence[D]], Awaitable[Sequence[bool]]],
    shown: Callable[[Sequence[D]], Awaitable[list[Any]]],
) -> dict[str, Any]:
    """A page of the documents with a term, newest first, that are `wanted`, as they are `shown`."""
    after = read(cursor)
    items: list[D] = []
    scanned = 0
    while scanned < SCANNED_MAX:
        found = await views.find(kind, term, LIMIT_MAX, after)
        fits = await wanted([doc for _, doc in found])
        for (place, doc), fit in zip(found, fits, strict=True):
            after = place
            if fit:
                items.append(doc)
                if len(items) == limit:
                    return {"items": await shown(items), "next_cursor": written(place)}
        scanned += len(found)
        if len(found) < LIMIT_MAX:
            return {"items": await shown(items), "next_cursor": None}
    return {"items": await shown(items), "next_cursor": written(after) if after else None}


async def all_of(docs: Sequence[Any]) -> list[bool]:
    """For a page of all that have the term."""
    return [True] * len(docs)
