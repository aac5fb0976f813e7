"""What the router's doors show: conversations, queues, waits, the board. Put together from views and the
engine's state, as the JSON of the HTTP API; gRPC carries the same, field by field."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from proto.v1.content_pb2 import Attachment
from services.kernel.errors import Problem
from services.router import waits
from services.router.published import Floors
from services.router.schemas import State
from services.router.shadow_shown import shadow_shown
from services.runtime import shapes
from services.runtime.documents import AgentLoad, Conversation, Ownership, Promises, SendView
from services.runtime.edge import Edge, no_desk
from services.runtime.paging import page
from services.runtime.problems import Refusal
from services.runtime.reads import theirs
from services.runtime.streams import load_row, ownership_row
from services.runtime.view_store import DeskViews

BOARD_ROWS_MAX = 500
NOTICES_SHOWN_MAX = 50
NAMES_SHOWN_MAX = 20
DESK_SHARE = 0.75
"""Of the streams that a process may have open so many may be one desk's: the others' agents find room."""
_SKILL = re.compile(r"([^:=]{1,64})(?:[:=]([1-5]))?")
Word = Annotated[str, Field(max_length=200)]


class Filters(BaseModel):
    """Which conversations a list has: those that fit every one that is given."""

    model_config = ConfigDict(frozen=True)

    state: State | None = None
    agent: Word = ""
    customer: Word = ""
    channel: Word = ""
    order_id: Word = ""


class Reading:
    """Reads for people and programs. Whoever asks was checked before."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._floors = Floors(edge)

    async def conversations(self, desk: str, by: Filters, cursor: str, limit: int) -> dict[str, Any]:
        """A page of summaries, newest first. Raises Refusal 404."""
        self._edge.know_desk(desk)
        views, reads = self._edge.views.of(desk), self._edge.reads
        family = await reads.family(desk, by.customer) if by.customer else {}

        def fits(doc: Conversation, owned: Ownership | None) -> bool:
            return (
                doc.desk == desk
                and (not by.state or (owned.state if owned else "waiting") == by.state)
                and (not by.agent or (owned is not None and owned.owner == by.agent))
                and (not by.customer or theirs(family, doc.customer, doc.opened_ms))
                and (not by.channel or doc.channel == by.channel)
                and (not by.order_id or by.order_id in doc.orders)
            )

        if not by.customer and not by.order_id and (by.agent or by.state):
            term = f"agent/{desk}/{by.agent}" if by.agent else f"state/{desk}/{by.state}"
            return await self._by_ownership(views, term, cursor, limit, fits)

        async def wanted(docs: Sequence[Conversation]) -> list[bool]:
            owned = await views.many(Ownership, [doc.id for doc in docs])
            return [fits(*both) for both in zip(docs, owned, strict=True)]

        term = f"all/{desk}"
        if by.order_id:
            term = f"order/{desk}/{by.order_id}"
        elif by.customer and len(family) == 1:
            term = f"customer/{next(iter(family))}"
        elif by.channel and not by.customer:
            term = f"channel/{desk}/{by.channel}"
        return await page(views, Conversation, term, cursor, limit, wanted, reads.summaries)

    async def _by_ownership(
        self,
        views: DeskViews,
        term: str,
        cursor: str,
        limit: int,
        fits: Callable[[Conversation, Ownership | None], bool],
    ) -> dict[str, Any]:
        """The page of a list that goes by state or agent."""

        async def whole(found: Sequence[Ownership]) -> list[Conversation | None]:
            return await views.many(Conversation, [one.id for one in found])

        async def wanted(found: Sequence[Ownership]) -> list[bool]:
            both = zip(await whole(found), found, strict=True)
            return [doc is not None and fits(doc, one) for doc, one in both]

        async def shown(found: Sequence[Ownership]) -> list[Any]:
            docs = [doc for doc in await whole(found) if doc is not None]
            return await self._edge.reads.summaries(docs)

        return await page(views, Ownership, term, cursor, limit, wanted, shown)

    async def conversation(self, desk: str, conversation_id: str) -> dict[str, Any]:
        """A whole conversation. Raises Refusal 404."""
        return await self._edge.reads.conversation(await self._edge.conversation(desk, conversation_id))

    async def file(
        self, desk: str, conversation_id: str, message_id: str, blob_id: str
    ) -> tuple[Attachment, bytes]:
        """A file of a message. Raises Refusal 404, Busy."""
        doc = await self._edge.conversation(desk, conversation_id)
        found = await self._edge.reads.file(doc, message_id, blob_id)
        if found is None:
            raise Refusal(404, "The message has no such file, or has it no longer.")
        return found

    async def queues(self, desk: str, is_fresh: bool = False) -> list[dict[str, Any]]:
        """Each queue: how many wait, the oldest, who could take them, the estimate. is_fresh: with everything
        that the views show already. Raises Refusal 404, Busy."""
        self._edge.know_desk(desk)
        floor = self._floors.fresh(desk, self._edge.patience()) if is_fresh else self._floors.state(desk)
        state, now_ms = await floor, self._edge.app.clock.now_ms()
        return [
            {
                "queue": queue.queue,
                "waiting": queue.waiting,
                "oldest_s": queue.oldest_ms / 1000,
                "able": queue.able,
                "free": queue.free,
                "wait": shapes.wait(*queue.wait),
            }
            for queue in waits.queues(state, desk, now_ms)
        ]

    async def shadow(self, desk: str) -> dict[str, Any]:
        """How often the desk's shadow policy chooses as the live one, and where not. Raises Refusal 404."""
        self._edge.know_desk(desk)
        report = await self._floors.shadow(desk)
        return {
            "desk": desk,
            "on": report is not None,
            **(shadow_shown(report) if report is not None else {}),
        }

    async def wait(self, desk: str, channel: str, skills: str, language: str) -> dict[str, float | None]:
        """What a customer would be told now. `skills`: "dostawa,zwroty:3". Raises Refusal 404, 422."""
        levels = _levels(skills)
        self._has(desk, channel, [skill for skill, _ in levels])
        state, now_ms = await self._floors.state(desk), self._edge.app.clock.now_ms()
        estimate = waits.wait_for(state, desk, channel, levels, language, now_ms)
        return shapes.wait(*estimate)

    def _has(self, desk: str, channel: str, skills: Sequence[str]) -> None:
        """What the desk does not have is never asked of its floor, which would keep a place for it."""
        config = self._edge.directory.get(desk)
        if config is None:
            raise no_desk(desk)
        channels = {one.channel for one in config.accounts}
        problems = [Problem("/channel", f"is no channel of the desk: {_few(channels)}")]
        problems = problems if channel and channel not in channels else []
        for skill in skills:
            if skill not in config.skills:
                problems.append(
                    Problem("/skills", f"{skill!r} is no skill of the desk: {_few(config.skills)}")
                )
        if problems:
            raise Refusal(422, "The desk does not have what is asked for.", problems)

    def admit_stream(self, desk: str) -> None:
        """Whether one more stream of a desk may be opened. Raises Refusal 429 for a desk that has its share,
        503 where there is no room."""
        most = self._edge.app.settings.streams_max
        of_desk = self._edge.hub.watched.get(desk, Counter[str]()).total()
        if has_share := of_desk >= math.ceil(most * DESK_SHARE):
            refusal = Refusal(429, f"The desk has {of_desk} streams open here.", retry_after_s=5)
        elif self._edge.hub.streams() >= most:
            refusal = Refusal(503, "Too many streams are open.", retry_after_s=5)
        else:
            return
        self._edge.app.metrics.turned_away.labels("desk_streams" if has_share else "streams").inc()
        raise refusal

    async def board(self, desk: str) -> dict[str, Any]:
        """What a board's stream begins with."""
        edge = self._edge
        await edge.heard(desk)
        views = edge.views.of(desk)
        rows: dict[str, list[dict[str, Any]]] = {}
        counts: dict[str, int] = {}
        for state in ("waiting", "offered", "owned"):
            found = await views.find(Ownership, f"state/{desk}/{state}", BOARD_ROWS_MAX, newest=False)
            rows[state] = await self._rows(views, [owned for _, owned in found])
            counts[state] = await views.count(Ownership, f"state/{desk}/{state}")
        agents = []
        staff = await edge.directory.agents(desk)
        loads = await views.many(AgentLoad, [f"{desk}/{known.agent_id}" for known in staff])
        for known, load in zip(staff, loads, strict=True):
            row = load_row(load or AgentLoad(desk, known.agent_id))
            agents.append({**row, "name": known.name, "of": known.capacity})
        sends = await views.find(SendView, f"all/{desk}", NOTICES_SHOWN_MAX)
        app = edge.app
        queues = waits.queues(await self._floors.state(desk), desk, app.clock.now_ms())
        return {
            "desk": desk,
            "at": shapes.rfc3339(app.clock.now_ms()),
            "counts": counts,
            "conversations": rows["waiting"] + rows["offered"] + rows["owned"],
            "agents": agents,
            "queues": [{"queue": queue.queue, "waiting": queue.waiting} for queue in queues],
            "notices": [shapes.notice(send, None) for _, send in sends],
        }

    @staticmethod
    async def _rows(views: DeskViews, owned: Sequence[Ownership]) -> list[dict[str, Any]]:
        promises = await views.many(Promises, [one.id for one in owned])
        both = zip(owned, promises, strict=True)
        return [{**ownership_row(one), "targets": shapes.targets(promised)} for one, promised in both]


def _levels(text: str) -> list[tuple[str, int]]:
    """Skills with least levels; 1 where none is said. Raises Refusal 422."""
    levels: list[tuple[str, int]] = []
    for part in text.split(",") if text else ():
        found = _SKILL.fullmatch(part.strip())
        if found is None:
            problem = Problem("/skills", 'must be skills such as "dostawa" or "zwroty:3", parted by commas')
            raise Refusal(422, "The skills cannot be read.", [problem])
        levels.append((found[1], int(found[2] or 1)))
    return levels


def _few(names: Iterable[str]) -> str:
    """Some of them, for whoever mistyped one."""
    return ", ".join(sorted(names)[:NAMES_SHOWN_MAX]) or "it has none"
