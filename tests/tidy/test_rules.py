"""The rules of the house find what they forbid, and nothing else."""

from __future__ import annotations

import ast
import re
from textwrap import dedent

import pytest

from tests.tidy import rules


def parse(source: str) -> ast.Module:
    """A module from indented source."""
    return ast.parse(dedent(source))


def test_long_file() -> None:
    """A file of 400 lines is allowed, one of 401 is not."""
    assert rules.long_file("x\n" * 400) == []
    assert rules.long_file("x\n" * 401) == ["401 lines, at most 400: split it"]


@pytest.mark.parametrize(("lines", "found"), [(50, 0), (51, 1)])
def test_long_body(lines: int, found: int) -> None:
    """A body of 50 lines is allowed, one of 51 is not, and the docstring does not count."""
    source = 'def f():\n    """First.\n\n    More.\n    """\n' + "    x = 1\n" * lines
    assert len(rules.long_bodies(ast.parse(source))) == found


def test_impure_imports() -> None:
    """Pure code may import pure modules, the kernel and its own package, and nothing that does I/O."""
    tree = parse("""
        import math, asyncio
        from services.kernel import ids
        from services.router.matching import best
        from services.runtime import clock
        from os import path
        """)
    found = rules.impure_imports(tree, own="services.router")
    assert {line.split(";")[0] for line in found} == {
        "line 2: imports asyncio",
        "line 5: imports services.runtime",
        "line 5: imports services.runtime.clock",
        "line 6: imports os",
        "line 6: imports os.path",
    }


def test_imports_for_types_do_not_count() -> None:
    """What is imported under TYPE_CHECKING is no dependency at run time."""
    tree = parse("""
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from services.runtime.main import App
        """)
    assert rules.impure_imports(tree) == []


def test_clock_reads() -> None:
    """Reading a clock is found under each of its names, called or handed on."""
    tree = parse("""
        import time
        from datetime import datetime
        a = time.time_ns() + datetime.now().year
        f = time.monotonic
        """)
    assert len(rules.clock_reads(tree)) == 3


def test_sleeps() -> None:
    """A sleeping test is found."""
    assert len(rules.sleeps(parse("import time\ntime.sleep(1)"))) == 1


def test_silent_excepts() -> None:
    """Swallowing every error is found; swallowing a named one is a decision."""
    tree = parse("""
        try:
            f()
        except Exception:
            pass
        try:
            f()
        except KeyError:
            pass
        """)
    assert len(rules.silent_excepts(tree)) == 1


def test_untold_tests() -> None:
    """A test without a sentence is found."""
    tree = parse('''
        def test_told():
            """A rule holds."""
        async def test_untold():
            """No full stop"""
        ''')
    assert [line.split(": ")[1].split(" ")[0] for line in rules.untold_tests(tree)] == ["test_untold"]


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (rules.MACHINE_PATHS, "see /wo" + "rk/main"),
        (rules.REGISTRIES, "https://pypi" + ".org/simple"),
        (rules.LEFTOVERS, "# TO" + "DO later"),
        (rules.MOCKS, "with patch" + "('x'):"),
    ],
)
def test_forbidden_words(pattern: re.Pattern[str], line: str) -> None:
    """Paths of a machine, registries, leftovers and mocks are found with their line."""
    assert rules.matches(pattern, f"fine\n{line}\n", "no")[0].startswith("line 2: ")
    assert rules.matches(pattern, "https://example.org/v1/work is fine\n", "no") == []
