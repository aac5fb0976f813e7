"""The project's files, for the tests that look at all of them."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

GENERATED = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


@cache
def files() -> tuple[Path, ...]:
    """Everything that is or is about to be tracked, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return tuple(sorted(Path(name) for name in set(listed.split("\0")) if name and (ROOT / name).is_file()))


@cache
def text(path: Path) -> str:
    """A file's text; "" for what is no text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@cache
def python(*under: str) -> tuple[Path, ...]:
    """Python files that somebody wrote, in these top folders (all without one)."""
    return tuple(
        path
        for path in files()
        if path.suffix == ".py"
        and not path.name.endswith(GENERATED)
        and (not under or path.parts[0] in under)
    )


@cache
def tree(path: Path) -> ast.Module:
    """A Python file parsed."""
    return ast.parse(text(path), filename=str(path))
