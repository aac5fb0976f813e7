"""What is documented exists, and what exists is documented and used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from services.runtime.metrics import Metrics
from services.runtime.settings import variables
from tests.tidy import tree
from tools import generate
from tools.event_docs import events

PAGES = [path for path in tree.files() if path.suffix == ".md"]

NAMED_PATH = re.compile(r"`((?:services|proto|tests|docs|tools|web|bench|demo)/[\w./-]*[\w/])`")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
MAKE_TARGET = re.compile(r"`make ([a-z0-9-]+)")


def services_code(*but: str) -> str:
    """All code of the services in one string, without these files."""
    paths = [path for path in tree.python("services") if path.as_posix() not in but]
    return "\n".join(tree.text(path) for path in paths)


def test_generated_files_are_current() -> None:
    """Protobuf code and the pages of settings, metrics and events are what their sources give."""
    assert generate.stale() == [], "run make generate"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file that is there."""
    folder = tree.ROOT / page.parent
    assert [link for link in LINK.findall(tree.text(page)) if not (folder / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_named_paths_exist(page: Path) -> None:
    """Every path of the project that a page names, the reading order's too, is there."""
    assert [path for path in NAMED_PATH.findall(tree.text(page)) if not (tree.ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_pages_have_one_title(page: Path) -> None:
    """A page has one title, at its top."""
    outside_code = re.sub(r"^```.*?^```", "", tree.text(page), flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# ", outside_code, flags=re.MULTILINE)) == 1


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_make_targets_exist(page: Path) -> None:
    """Every make target that a page names is in the Makefile."""
    makefile = tree.text(Path("Makefile"))
    targets = MAKE_TARGET.findall(tree.text(page))
    assert [target for target in targets if f"\n{target}:" not in makefile] == []


def test_every_page_is_reachable() -> None:
    """Every page of docs/ is linked from the README or from another page of docs/."""
    linked = {
        (path.parent / link).as_posix().replace("docs/../", "")
        for path in PAGES
        for link in LINK.findall(tree.text(path))
    }
    assert [path for path in PAGES if path.parts[0] == "docs" and path.as_posix() not in linked] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "runbooks"], ids=str)
def test_runbooks_name_what_there_is(page: Path) -> None:
    """Whoever follows a page in the night finds each panel, row, metric and setting that it names."""
    boards = [json.loads(tree.text(path)) for path in tree.files() if path.match("deploy/grafana/*.json")]
    known = {panel["title"] for board in boards for panel in board["panels"]}
    known |= {"Targets"}  # a page of Prometheus'
    text = tree.text(page)
    assert [title for title in re.findall(r"\*([A-Z][^*]+)\*", text) if title not in known] == []
    metrics = {metric.name for metric in Metrics().definitions}
    assert set(re.findall(r"`(centrala_\w+)", text)) <= metrics
    settings = {variable.name for *_, variable in variables()}
    assert set(re.findall(r"`(CENTRALA_\w+)", text)) <= settings


def test_settings_are_used() -> None:
    """Every setting is read somewhere."""
    code = services_code("services/runtime/settings.py")
    unused = [
        name
        for name, _, _, variable in variables()
        if not re.search(rf"settings\.{name}\b", code) and variable.name not in code
    ]
    assert unused == []


def test_metrics_are_used() -> None:
    """Every metric is set somewhere."""
    code = services_code("services/runtime/metrics.py", "services/runtime/metrics_desks.py")
    metrics = Metrics()
    names = [name for name, value in vars(metrics).items() if hasattr(value, "describe")]
    assert len(names) == len(metrics.definitions), "one attribute a metric"
    assert [name for name in names if not re.search(rf"\.{name}\b", code)] == []


def test_events_are_documented() -> None:
    """Every event of every topic has a comment in its schema that says what it means."""
    assert [f"{e.topic}.{e.name}" for e in events(generate.SCHEMAS) if not e.meaning] == []


def test_events_are_used() -> None:
    """Every event of every topic is written and read somewhere in the services."""
    code = services_code()
    words, given = set(re.findall(r"\w+", code)), set(re.findall(r"\b(\w+)=", code))
    taken, quoted = set(re.findall(r"\.(\w+)", code)), set(re.findall(r"[\"'](\w+)(?=[\"'])", code))
    unused = []
    for event in events(generate.SCHEMAS):
        written = event.message in words or event.name in given | taken
        read = event.name in quoted | taken
        if not (written and read):
            unused.append(f"{event.topic}.{event.name}")
    assert unused == []
