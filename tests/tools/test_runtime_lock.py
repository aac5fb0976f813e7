"""What the image installs: all that running needs, and nothing that only tests need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.tidy import rules, tree
from tools.runtime_lock import dependencies, entries, needed, normal, runtime_lock

ROOT = Path(__file__).parents[2]
PROJECT = """
[project]
dependencies = ["Server[fast]>=1", "lonely"]
[project.optional-dependencies]
dev = ["tester>=2"]
"""
LOCK = """\
lonely==1.0 \\
    --hash=sha256:aa
    # via centrala (pyproject.toml)
parser==3 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via
    #   centrala (pyproject.toml)
    #   server
    #   tester
colour==1 ; sys_platform == 'win32' \\
    --hash=sha256:dd
    # via parser
colour==2 ; sys_platform != 'win32' \\
    --hash=sha256:d2
    # via parser
server[fast]==1.2 \\
    --hash=sha256:ee
    # via centrala (pyproject.toml)
tester==2.1 \\
    --hash=sha256:ff
    # via centrala (pyproject.toml)
hammer==5 \\
    --hash=sha256:00
    # via tester
"""


def test_what_only_tests_ask_for_stays_out() -> None:
    """The closure of the dependencies, with every hash, each version that a marker chooses; no extras."""
    lines = list(runtime_lock(PROJECT, LOCK))
    names = [line.split("==")[0] for line in lines if "==" in line and not line.startswith(" ")]
    assert names == ["lonely", "parser", "colour", "colour", "server[fast]"]
    assert {"    --hash=sha256:cc", "    --hash=sha256:dd", "    --hash=sha256:d2"} <= {
        line.removesuffix(" \\") for line in lines
    }
    assert [" != " in line for line in lines if "win32" in line] == [False, True]


def test_a_dependency_that_is_not_locked_is_named() -> None:
    """An old lock does not make an image that lacks something."""
    with pytest.raises(ValueError, match="lonely; run make lock"):
        needed(dependencies(PROJECT), entries(LOCK.replace("lonely==1.0", "lovely==1.0")))


def imported() -> Iterator[str]:
    """Every module outside of the standard library and the project that running code imports."""
    for path in tree.python("services", "proto", "web"):
        for _, module in rules.imports(tree.tree(path)):
            top = module.split(".")[0]
            if top not in sys.stdlib_module_names and top not in ("clients", "services", "proto", "web"):
                yield top


def test_running_code_imports_only_declared_packages() -> None:
    """Whatever services, schemas and pages import is a dependency, not an extra or somebody else's."""
    declared = dependencies((ROOT / "pyproject.toml").read_text())
    providers = packages_distributions()
    # These are part of what is declared: FastAPI is Starlette, uvicorn[standard] brings uvloop.
    declared |= {"starlette", "uvloop", "opentelemetry-api", "pydantic-core"}
    undeclared = {top for top in imported() if not declared & {normal(name) for name in providers[top]}}
    assert undeclared == set()
