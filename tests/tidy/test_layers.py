"""Who may import whom, and who may read a clock."""

from __future__ import annotations

from pathlib import Path

import pytest

import proto
from tests.tidy import rules, tree

SERVICES = ("ingest", "router", "sla", "notify")
CLOCK = Path("services/runtime/clock.py")


def pure_files(service: str) -> list[Path]:
    """The engine of a service and every sibling that it imports, directly or not."""
    todo = [Path(f"services/{service}/engine.py")]
    done: list[Path] = []
    while todo:
        path = todo.pop()
        if path in done or path not in tree.files():
            continue
        done.append(path)
        for _, module in rules.imports(tree.tree(path)):
            if module.startswith(f"services.{service}."):
                todo.append(Path(module.replace(".", "/") + ".py"))
    return sorted(done)


def test_kernel_is_pure() -> None:
    """The kernel imports nothing that can do I/O, read a clock, draw lots or wait."""
    found = [
        f"{path}: {line}"
        for path in tree.python("services")
        if path.parts[1] == "kernel"
        for line in rules.impure_imports(tree.tree(path))
    ]
    assert found == []


@pytest.mark.parametrize("service", SERVICES)
def test_engine_is_pure(service: str) -> None:
    """An engine and whatever it imports do no I/O, read no clock, draw no lots and know no asyncio."""
    paths = pure_files(service)
    assert paths, f"services/{service}/engine.py is missing"
    own = f"services.{service}"
    assert [f"{path}: {line}" for path in paths for line in rules.impure_imports(tree.tree(path), own)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_services_do_not_know_each_other(service: str) -> None:
    """No service imports another one: they meet on the log."""
    others = tuple(f"services.{other}" for other in (*SERVICES, "embedded", "edge") if other != service)
    found = [
        f"{path}:{line} imports {module}"
        for path in tree.python("services")
        if path.parts[1] == service
        for line, module in rules.imports(tree.tree(path))
        if module.startswith(others)
    ]
    assert found == []


def test_shared_code_does_not_know_services() -> None:
    """Kernel and runtime import no service; the kernel does not import the runtime."""
    found = [
        f"{path}:{line} imports {module}"
        for path in tree.python("services")
        if path.parts[1] in ("kernel", "runtime")
        for line, module in rules.imports(tree.tree(path))
        if module.startswith("services.") and module.split(".")[1] not in ("kernel", "runtime")
    ]
    assert found == []


def test_programs_around_do_not_leak_in() -> None:
    """Services import neither tests nor tools nor benchmarks."""
    found = [
        f"{path}:{line} imports {module}"
        for path in tree.python("services")
        for line, module in rules.imports(tree.tree(path))
        if module.split(".")[0] in ("tests", "tools", "bench", "sim")
    ]
    assert found == []


def test_one_clock() -> None:
    """Only services/runtime/clock.py reads time."""
    found = [
        f"{path}: {line}"
        for path in tree.python("services")
        if path != CLOCK
        for line in rules.clock_reads(tree.tree(path))
    ]
    assert found == []


def test_every_service_has_the_same_files() -> None:
    """Who has read one service has read four: engine.py and shell.py are in each."""
    wanted = [Path(f"services/{s}/{name}") for s in SERVICES for name in ("engine.py", "shell.py")]
    assert [path for path in wanted if path not in tree.files()] == []


def test_proto_is_ours() -> None:
    """`import proto` finds our schemas and not another distribution's package of that name."""
    assert proto.__file__ is not None
    assert Path(proto.__file__).parent == tree.ROOT / "proto"
