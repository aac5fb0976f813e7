"""The router's state of a desk as edges read it where the engine is another process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.kernel.errors import Busy
from services.router import state as states
from services.router.published import Floors
from services.runtime.clock import SystemClock
from services.runtime.documents import FloorDue, FloorView
from services.runtime.edge import Edge
from services.runtime.patience import Patience

SEQ = 7


class Restless:
    """Views of a desk that has changed at every look; its floor is always written one change late."""

    def __init__(self) -> None:
        self.changed = SEQ
        self.written = SEQ - 1

    def of(self, desk_id: str) -> Restless:
        """See ViewReader."""
        return self

    async def get(self, kind: type[Any], key: str) -> Any:
        """See DeskViews."""
        if kind is FloorDue:
            return FloorDue(key, self.changed)
        found = FloorView(key, 1, states.dump(states.initial()), b"", self.written)
        assert self.written < SEQ + 5, "it waits for what has changed since"
        self.written, self.changed = self.written + 1, self.changed + 1
        return found


def floors(views: Restless) -> Floors:
    """Of an edge without engines."""
    return Floors(cast("Edge", SimpleNamespace(views=views, app=SimpleNamespace(loops={}))))


async def test_who_waits_for_a_busy_desk_waits_for_what_had_changed_then() -> None:
    """What has changed since they came holds nobody up; what had changed before is waited for, as long as
    they have patience."""
    assert await floors(Restless()).fresh("d", Patience(SystemClock(), 60.0)) is not None
    with pytest.raises(Busy):
        await floors(Restless()).fresh("d", Patience(SystemClock(), 0.0))
