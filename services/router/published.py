"""The router's state of a desk, as its edge sees it: from the engine beside it, or from the views.

What stands in a queue, why something waits and how long one would wait follows from the state as it is now,
by the same functions wherever they run. Where the engine is another process, its owner writes what they
need of a desk beside the views, about once a second for a desk that changes; until then stands there that it
has changed, for who has to see it all.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from services.kernel.errors import Busy
from services.router import state as states
from services.router.shadow import Report, Shadows
from services.router.state import Conversation, Data, State
from services.runtime.documents import FloorDue, FloorView
from services.runtime.edge import Edge
from services.runtime.patience import Patience

KNOWN_MAX = 200
"""Desks whose floor is kept ready for the next question."""
LOOK_AGAIN_S = 0.025
"""Between two looks at a floor that is to be written: it comes within a second."""


class Published:
    """What the owner of the engine writes of a desk. A Beside."""

    def __init__(self, shadows: Shadows) -> None:
        self._shadows = shadows

    def shadow(self, desk_id: str) -> bytes:
        """What was seen of a desk's shadow, packed; b"" if it has none."""
        report = self._shadows.report(desk_id)
        return msgspec.msgpack.encode(report) if report is not None else b""

    def desks(self, state: State) -> Iterable[str]:
        """Every desk that has a floor."""
        return list(state.data.desks)

    def document(self, state: State, desk_id: str, now_ms: int, next_seq: int) -> FloorView:
        """The floor of a desk: its settings and agents, what waits, and what is on whose hands."""
        conversations: dict[str, Conversation] = {}
        for key in state.matcher.waiting(desk_id):
            conversations[key] = state.data.conversations[key]
        for agent_id in state.desk(desk_id).agents:
            for key in state.matcher.in_hand(desk_id, agent_id):
                conversations[key] = _held(state.data.conversations[key])
        data = Data({desk_id: state.desk(desk_id)}, conversations)
        return FloorView(desk_id, now_ms, states.dump_data(data), self.shadow(desk_id), next_seq)


def _held(c: Conversation) -> Conversation:
    """A conversation on somebody's hands: only whose, and how much of them it takes."""
    held = Conversation(c.desk, c.status, c.channel, "", "")
    held.agent, held.units = c.agent, c.units
    return held


class Floors:
    """States to ask about desks."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._known: OrderedDict[str, tuple[FloorView, State]] = OrderedDict()

    async def shadow(self, desk_id: str) -> Report | None:
        """What was seen of a desk's shadow; None if it has none. Raises Busy."""
        beside = self._edge.app.beside.get("routing")
        if isinstance(beside, Published):
            packed = beside.shadow(desk_id)
        else:
            view = await self._edge.views.of(desk_id).get(FloorView, desk_id)
            packed = view.shadow if view is not None else b""
        return msgspec.msgpack.decode(packed, type=Report) if packed else None

    async def state(self, desk_id: str) -> State:
        """The state, or as much of it as is about a desk. Not to be changed. Raises Busy."""
        loop = self._edge.app.loops.get("routing")
        if loop is not None:
            state: State = loop.state
            return state
        return self._state(desk_id, await self._edge.views.of(desk_id).get(FloorView, desk_id))

    async def fresh(self, desk_id: str, patience: Patience) -> State:
        """The same with everything that the views of the desk show already. Raises Busy, also if that is not
        to be had in time."""
        if "routing" in self._edge.app.loops:
            return await self.state(desk_id)
        views = self._edge.views.of(desk_id)
        due = await views.get(FloorDue, desk_id)  # once: a busy desk has always just changed
        wanted = due.next_seq if due is not None else 0
        while (view := await views.get(FloorView, desk_id)) is None or view.next_seq < wanted:
            if due is None:
                break
            if not patience.left_s():
                raise Busy("What the router's state says of the desk is not shown yet.")
            await asyncio.sleep(LOOK_AGAIN_S)
        return self._state(desk_id, view)

    def _state(self, desk_id: str, view: FloorView | None) -> State:
        if view is None:
            return states.initial()
        known = self._known.get(desk_id)
        if known is None or known[0] != view:
            known = self._known[desk_id] = (view, states.load(view.state))
        self._known.move_to_end(desk_id)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return known[1]
