"""What a dashboard is made of: boards, rows, panels, queries. Grafana's JSON model, schema version 39.

In queries `{@}` and `{@, ...}` stand for the matcher of the chosen jobs, `[~]` for Grafana's rate interval.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 39
WIDTH = 24
"""Columns of Grafana's grid."""
SOURCE = {"type": "prometheus", "uid": "${source}"}
GREEN, YELLOW, RED = "green", "yellow", "red"
BOARDS = ("exchange", "promises", "channels", "internals")


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression; `legend` with Grafana's {{label}}."""

    expr: str
    legend: str = ""

    def full(self) -> str:
        """The expression as Grafana gets it."""
        chosen = 'job=~"$job"'
        return self.expr.replace("{@", "{" + chosen).replace("[~]", "[$__rate_interval]")


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `kind`: stat, timeseries or table; `steps`: from which value on it is yellow, and red."""

    title: str
    says: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    steps: tuple[float | None, float | None] = (None, None)
    least: float | None = 0
    most: float | None = None
    columns: Sequence[str] = ()
    """Of a table: what the value of each query is called."""

    def json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """The panel at its place."""
        defaults: dict[str, Any] = {"unit": self.unit, "thresholds": self._thresholds()}
        defaults |= {"min": self.least} if self.least is not None else {}
        defaults |= {"max": self.most} if self.most is not None else {}
        model = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.says,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [self._target(index, query) for index, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": defaults, "overrides": []},
        }
        of_kind = {"stat": self._stat, "timeseries": self._timeseries, "table": self._table}
        return model | of_kind[self.kind](defaults)

    def _thresholds(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [{"color": GREEN, "value": None}]
        steps += [
            {"color": color, "value": value}
            for color, value in zip((YELLOW, RED), self.steps, strict=True)
            if value is not None
        ]
        return {"mode": "absolute", "steps": steps}

    def _target(self, index: int, query: Query) -> dict[str, Any]:
        at_once = self.kind != "timeseries"
        return {
            "refId": chr(ord("A") + index),
            "datasource": SOURCE,
            "expr": query.full(),
            "legendFormat": query.legend or "__auto",
            "instant": at_once,
            "range": not at_once,
            "format": "table" if self.kind == "table" else "time_series",
        }

    def _stat(self, defaults: dict[str, Any]) -> dict[str, Any]:
        defaults["color"] = {"mode": "thresholds"}
        reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"options": {"reduceOptions": reduce, "colorMode": "background", "graphMode": "area"}}

    def _timeseries(self, defaults: dict[str, Any]) -> dict[str, Any]:
        defaults["color"] = {"mode": "palette-classic"}
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 30 if self.stacked else 8,
            "showPoints": "never",
            "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if any(self.steps) else "off"},
        }
        legend = {"displayMode": "table", "placement": "bottom", "showLegend": True}
        return {
            "options": {
                "legend": legend | {"calcs": ["lastNotNull", "max"]},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        }

    def _table(self, defaults: dict[str, Any]) -> dict[str, Any]:
        names = {f"Value #{chr(ord('A') + index)}": name for index, name in enumerate(self.columns)}
        organize = {"excludeByName": {"Time": True}, "renameByName": names}
        return {
            "options": {"showHeader": True, "cellHeight": "sm"},
            "transformations": [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}],
        }


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, from left to right; what does not fit begins a new line."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; `name` is its file, its uid and what others link to."""

    name: str
    title: str
    says: str
    rows: Sequence[Row] = field(default_factory=list)
    hours: int = 1

    def json(self) -> str:
        """The dashboard as Grafana imports it."""
        model = {
            "uid": f"centrala-{self.name}",
            "title": self.title,
            "description": self.says,
            "tags": ["centrala"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": {"from": f"now-{self.hours}h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": _variables()},
            "annotations": {"list": _annotations()},
            "links": [_link(other) for other in BOARDS if other != self.name],
            "panels": self._panels(),
        }
        return json.dumps(model, indent=1, ensure_ascii=False) + "\n"

    def _panels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        y = 0
        for row in self.rows:
            place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
            found.append(
                {"id": len(found) + 1, "type": "row", "title": row.title, "gridPos": place, "panels": []}
            )
            x, y, height = 0, y + 1, 0
            for panel in row.panels:
                if x + panel.width > WIDTH:
                    x, y, height = 0, y + height, 0
                found.append(panel.json(len(found) + 1, x, y))
                x, height = x + panel.width, max(height, panel.height)
            y += height
        return found


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}},
        {
            "name": "job",
            "label": "Job",
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": "label_values(centrala_build_info, job)", "refId": "job"},
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _annotations() -> list[dict[str, Any]]:
    restarts = Query("sum by (topic) (increase(centrala_restores_total{@}[~])) > 0").full()
    return [
        {
            "name": "Restores",
            "datasource": SOURCE,
            "enable": True,
            "iconColor": YELLOW,
            "expr": restarts,
            "titleFormat": "{{topic}} was restored",
        }
    ]


def _link(name: str) -> dict[str, Any]:
    return {
        "title": name,
        "type": "link",
        "url": f"/d/centrala-{name}",
        "keepTime": True,
        "includeVars": True,
    }


def stat(title: str, says: str, expr: str, unit: str = "short", **more: Any) -> Panel:
    """One number."""
    return Panel(title, says, [Query(expr)], unit, "stat", **({"width": 4, "height": 4} | more))


def lines(title: str, says: str, expr: str, legend: str = "", unit: str = "short", **more: Any) -> Panel:
    """One expression over time."""
    return Panel(title, says, [Query(expr, legend)], unit, **more)


def quantiles(title: str, says: str, name: str, by: str = "", only: str = "", **more: Any) -> Panel:
    """Half and 99 of 100 of a histogram, by a label."""
    names = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    matcher = "{@, " + only + "}" if only else "{@}"
    queries = [
        Query(
            f"histogram_quantile({share}, sum by ({names}) (rate(centrala_{name}_bucket{matcher}[~])))",
            f"{legend}p{round(share * 100)}",
        )
        for share in (0.5, 0.99)
    ]
    return Panel(title, says, queries, "s", **more)
