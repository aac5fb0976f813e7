"""Alert and recording rules: they are valid, each is tested, each has its page."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.prometheus import ROOT, RULES, program

CASES = [ROOT / "tests/deploy/rules_test.yaml", ROOT / "tests/deploy/rules_of_days_test.yaml"]
RUNBOOKS = ROOT / "docs/runbooks"


def alerts() -> list[dict[str, Any]]:
    """Every alert rule."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def promtool(*arguments: str | Path) -> str:
    """What promtool says. Raises AssertionError with it if it is not content."""
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.servers
def test_rules_are_valid() -> None:
    """Prometheus' own tool takes every rule file, with its strictest linter."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)


@pytest.mark.servers
def test_alerts_fire_when_they_should() -> None:
    """Each case of the two files: silent while all is well, firing in time."""
    promtool("test", "rules", *CASES)


def test_each_alert_has_a_case() -> None:
    """No alert is left out of the cases: each is seen firing, and seen silent."""
    cases = [case for path in CASES for case in yaml.safe_load(path.read_text())["tests"]]
    checks = [check for case in cases for check in case["promql_expr_test"]]
    for alert in alerts():
        about = [check for check in checks if f'"{alert["alert"]}"' in check["expr"]]
        values = {sample["value"] for check in about for sample in check["exp_samples"]}
        assert {0, 1} <= values, alert["alert"]


def test_each_alert_has_its_page() -> None:
    """An alert names a runbook that is there and names the alert; each page belongs to an alert."""
    for alert in alerts():
        page = ROOT / alert["annotations"]["runbook_url"]
        assert page.is_file(), alert["alert"]
        assert page.parent == RUNBOOKS
    pages = {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert {Path(alert["annotations"]["runbook_url"]).name for alert in alerts()} == pages


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_whom_it_wakes(alert: dict[str, Any]) -> None:
    """A known severity, a summary, a description; its page begins with its name."""
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"]
    first = (ROOT / alert["annotations"]["runbook_url"]).read_text().splitlines()[0]
    assert alert["alert"] in first.removeprefix("# ").split(", ")
