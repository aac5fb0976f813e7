"""The rules of deploy/prometheus as the Prometheus operator takes them: one PrometheusRule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

RULES = Path("deploy/prometheus")
PATH = Path("deploy/k8s/components/monitoring/rules.yaml")
HEAD = "# Generated from deploy/prometheus by make generate.\n"


class _Written(yaml.SafeDumper):
    """Texts of several lines stay that way, so that expressions can be read."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Written.add_representer(str, _text)


def text() -> str:
    """The manifest."""
    groups: list[Any] = []
    for path in sorted(RULES.glob("*.yaml")):
        groups += yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "centrala", "labels": {"app.kubernetes.io/part-of": "centrala"}},
        "spec": {"groups": groups},
    }
    return HEAD + yaml.dump(manifest, Dumper=_Written, sort_keys=False, width=1_000, allow_unicode=True)
