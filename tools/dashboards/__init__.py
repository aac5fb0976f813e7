"""Grafana's dashboards, written by code: `deploy/grafana/*.json` is what `files` gives.

A board is a list of rows of panels; places follow from their sizes. Every query asks for `$job` and uses
Grafana's own interval, so the boards work for one process and for fifty.
"""

from __future__ import annotations

from pathlib import Path

from tools.dashboards import channels, exchange, internals, promises

FOLDER = Path("deploy/grafana")


def files() -> dict[Path, str]:
    """Every dashboard's file and its JSON."""
    boards = (exchange.BOARD, promises.BOARD, channels.BOARD, internals.BOARD)
    return {FOLDER / f"{board.name}.json": board.json() for board in boards}
