"""Every file of the project keeps the rules of the house."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.tidy import rules, tree

VAGUE = re.compile(r"^(utils?|helpers?|common|base|misc)(\.py)?$")


def breaches(paths: Iterable[Path], rule: Callable[[Path], list[str]]) -> list[str]:
    """One line for each breach of a rule in these files."""
    return [f"{path}: {found}" for path in paths for found in rule(path)]


def test_files_are_short() -> None:
    """No Python, schema, script or style file that somebody wrote has more than 400 lines."""
    kinds = {".py", ".proto", ".js", ".css", ".html", ".sh"}
    paths = [p for p in tree.files() if p.suffix in kinds and not p.name.endswith(tree.GENERATED)]
    assert breaches(paths, lambda path: rules.long_file(tree.text(path))) == []


def test_functions_are_short() -> None:
    """No function's body has more than 50 lines."""
    assert breaches(tree.python(), lambda path: rules.long_bodies(tree.tree(path))) == []


def test_nothing_is_left_for_later() -> None:
    """No file says that something is still to be done."""
    advice = "do it, or file an issue"
    assert breaches(tree.files(), lambda p: rules.matches(rules.LEFTOVERS, tree.text(p), advice)) == []


def test_no_machine_is_named() -> None:
    """No file names a path of somebody's machine."""
    advice = "use a relative path or a setting"
    assert breaches(tree.files(), lambda p: rules.matches(rules.MACHINE_PATHS, tree.text(p), advice)) == []


def test_no_registry_is_named() -> None:
    """No file names a package registry; each machine has its own."""
    advice = "leave it to the machine's settings"
    assert breaches(tree.files(), lambda p: rules.matches(rules.REGISTRIES, tree.text(p), advice)) == []


def test_names_mean_something() -> None:
    """No file or folder is called utils, helpers, common, base or misc; but kustomize's own word is base."""
    paths = [path for path in tree.files() if path.parts[:3] != ("deploy", "k8s", "base")]
    assert [path for path in paths if any(VAGUE.match(part) for part in path.parts)] == []


def test_errors_are_not_swallowed() -> None:
    """Nobody catches everything and passes."""
    assert breaches(tree.python(), lambda path: rules.silent_excepts(tree.tree(path))) == []


def test_tests_have_no_mocks() -> None:
    """Tests put fakes in by argument and never patch."""
    advice = "pass a fake by argument"
    assert breaches(tree.python(), lambda p: rules.matches(rules.MOCKS, tree.text(p), advice)) == []


def test_tests_do_not_sleep() -> None:
    """Tests wait for events with a deadline, never for time to pass."""
    assert breaches(tree.python("tests"), lambda path: rules.sleeps(tree.tree(path))) == []


def test_tests_tell_their_rule() -> None:
    """Every test has a sentence that says which rule it proves."""
    assert breaches(tree.python("tests"), lambda path: rules.untold_tests(tree.tree(path))) == []
