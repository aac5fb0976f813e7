"""What surrounds the engine: its loop. It has no effects of its own; others act on what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sla import engine
from services.sla.figures import Figures
from services.sla.invariants import Invariants

if TYPE_CHECKING:
    from services.runtime.main import App


def bind(app: App) -> None:
    """Run the sla engine in this process."""
    app.add_loop(engine, lazy=engine.INPUTS)
    app.metrics.invariants[engine.TOPIC] = Invariants
    app.metrics.figures[engine.TOPIC] = Figures(app.metrics)
