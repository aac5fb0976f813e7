"""Dashboards and rules ask for what a running system tells, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.embedded.compose import BINDS, assembled
from services.embedded.demo import DESK_ID, Demo
from services.runtime.clock import SystemClock
from services.runtime.main import bind_all
from services.runtime.metrics import Metrics
from services.runtime.settings import Settings
from tests.deploy.prometheus import ROOT, RULES, Prometheus, started
from tools import dashboards

BOARDS = sorted((ROOT / "deploy/grafana").glob("*.json"))
WITHIN_S = 90.0
LOOK_EVERY_S = 1.0
SELECTOR = re.compile(r"\b((?:centrala|process)[\w:]*)(\{[^}]*\})?")
SUFFIXES = re.compile(r"_(?:bucket|sum|count)$")


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels that show something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def board_queries() -> dict[str, str]:
    """Every query of every panel, as Prometheus gets it, by where it stands."""
    found = {}
    for path in BOARDS:
        for panel in panels(json.loads(path.read_text())):
            for target in panel["targets"]:
                expr = target["expr"].replace("$job", ".*").replace("$__rate_interval", "10s")
                found[f"{path.stem}: {panel['title']} {target['refId']}"] = expr
    return found


def rules(kind: str) -> dict[str, str]:
    """Every rule of a kind (`record` or `alert`): its name and expression."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule[kind]: rule["expr"] for group in groups for rule in group["rules"] if kind in rule}


def wanted() -> dict[str, str]:
    """All that must have data: panels, recorded series, and what alerts look at.

    An alert may look for what happens only when something is wrong: there the metric itself must be told,
    with each label that the alert names.
    """
    found = board_queries()
    found |= {f"record: {name}": name for name in rules("record")}
    for alert, expr in rules("alert").items():
        for name, matchers in SELECTOR.findall(expr):
            labels = re.findall(r"(\w+)\s*[=!]", matchers)
            there = ", ".join(f'{label}!=""' for label in labels)
            found[f"alert: {alert}: {name}{matchers}"] = f"{name}{{{there}}}"
    return found


@asynccontextmanager
async def busy_system(data: Path) -> AsyncIterator[str]:
    """The embedded mode with the demo's people at forty times their pace; where it listens."""
    clock = SystemClock()
    settings = Settings(data=str(data), port=0, smtp_port=0, grpc_port=0, snapshot_every_events=1_000)
    async with assembled(settings, clock) as made:
        key = made.app.auth.admit_guest(DESK_ID, "admin")
        made.app.add_task("demo", Demo(made.url, made.grpc, key, clock, pace=1 / 40).run)
        bind_all(made.app, BINDS)
        try:
            await made.app.start()
            yield made.url.removeprefix("http://")
        finally:
            await made.app.stop()


async def unanswered(prometheus: Prometheus, queries: dict[str, str], since_s: float) -> dict[str, str]:
    """The queries that had no data at any time since then."""
    now_s = SystemClock().now_ms() / 1000
    found = {where: await prometheus.series(expr, since_s, now_s) for where, expr in queries.items()}
    return {where: expr for where, expr in queries.items() if not found[where]}


@pytest.mark.servers
async def test_every_query_has_data_on_a_busy_system(tmp_path: Path) -> None:
    """A real Prometheus scrapes a running system: each panel, record and alert finds what it names."""
    queries, since_s = wanted(), SystemClock().now_ms() / 1000
    async with (
        busy_system(tmp_path / "data") as target,
        started(tmp_path / "prometheus", target) as prometheus,
    ):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WITHIN_S):
                while queries := await unanswered(prometheus, queries, since_s):
                    await asyncio.sleep(LOOK_EVERY_S)
        assert queries == {}
        groups = (await prometheus.get("rules"))["groups"]
        assert [r["name"] for g in groups for r in g["rules"] if r["health"] != "ok"] == []
        told = await prometheus.get("query", query="sum(centrala_invariant_violations)")
        assert float(told["result"][0]["value"][1]) == 0


def test_the_committed_dashboards_are_the_generated_ones() -> None:
    """Nobody has edited a dashboard by hand, and each that is made is there."""
    assert {
        path: text for path, text in dashboards.files().items() if (ROOT / path).read_text() != text
    } == {}
    assert {ROOT / path for path in dashboards.files()} == set(BOARDS)


def test_dashboards_name_only_metrics_that_there_are() -> None:
    """Each metric of ours that a query names is defined, with the labels that the query names."""
    known = {metric.name: set(metric.labels) for metric in Metrics().definitions}
    recorded = set(rules("record"))
    for where, expr in (board_queries() | rules("record") | rules("alert")).items():
        for name, matchers in SELECTOR.findall(expr):
            if name.startswith("process_") or name in recorded:
                continue
            plain = name if name in known else SUFFIXES.sub("", name)
            assert plain in known, f"{where}: {name}"
            labels = set(re.findall(r"(\w+)\s*[=!]", matchers)) - {"job", "le"}
            assert labels <= known[plain], f"{where}: {name} has no {labels - known[plain]}"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_lie_side_by_side(path: Path) -> None:
    """No two panels overlap, none leaves the grid, ids are unique, each says what it shows."""
    board = json.loads(path.read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(panel["description"] for panel in panels(board))
    assert board["uid"] == f"centrala-{path.stem}"
