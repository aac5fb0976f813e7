"""What surrounds the engine: its loop, desks' shadows, the watch over agents, the end of their mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kernel.limits import HOUR_MS
from services.router import engine, presence
from services.router.figures import Figures
from services.router.invariants import Invariants
from services.router.published import Published
from services.router.shadow import Shadows
from services.runtime.event_log import TopicPartition
from services.runtime.retention import Retention

if TYPE_CHECKING:
    from services.runtime.main import App

PRESENCE_KEPT_MS = HOUR_MS
"""Long after anybody reads it: enough to see what happened to an agent a moment ago."""
EVERYTHING = 1 << 62
"""Who watches presence begins at its end, so nobody needs what is old."""


def bind(app: App) -> None:
    """Run the router engine in this process, and tell it which agents are there."""
    shadows = Shadows(engine)
    loop = app.add_loop(shadows, lazy=("sla",))

    async def restored() -> None:
        shadows.restored(loop.state)

    loop.on_owned(restored)
    app.beside[engine.TOPIC] = Published(shadows)
    app.metrics.figures[engine.TOPIC] = Figures(app.metrics, app.clock)
    app.metrics.invariants[engine.TOPIC] = Invariants
    app.add_task("presence watch", presence.Watcher(loop, app.log, app.clock).run)
    place = TopicPartition(presence.TOPIC, loop.partition)
    retention = Retention(app.log, app.clock, place, PRESENCE_KEPT_MS, lambda: EVERYTHING)
    app.add_task("presence end", retention.run)
