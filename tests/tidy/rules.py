"""The rules of the house as functions: source in, one line for each breach out.

Each is a ceiling, not a ratchet, and each message says what to do instead.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

FILE_LINES_MAX = 400
BODY_LINES_MAX = 50

PURE_MODULES = frozenset(
    """__future__ abc array base64 binascii bisect calendar collections contextlib copy dataclasses datetime
    decimal difflib enum fractions functools hashlib heapq hmac html idna itertools json math operator
    re statistics string struct sys textwrap types typing unicodedata zoneinfo google msgspec phonenumbers
    proto""".split()
)
"""What pure code may import besides services.kernel and, in a service, its own pure files."""

CLOCKS = frozenset(
    """time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter time.perf_counter_ns
    datetime.now datetime.utcnow datetime.today date.today datetime.datetime.now datetime.datetime.utcnow
    datetime.date.today""".split()
)

# Written in pieces, so that these lines do not break the rule that they make.
MACHINE_PATHS = re.compile("|".join(["/wo" + r"rk/\w", "/ro" + r"ot/\w", "/tm" + r"p/\w", "/ho" + r"me/\w"]))
REGISTRIES = re.compile(
    "|".join(
        re.escape(first + second)
        for first, second in [
            ("pypi.", "org"),
            ("pythonhosted", ".org"),
            ("crates.", "io"),
            ("npmjs", ".org"),
            ("npmjs", ".com"),
            ("proxy.golang", ".org"),
            ("maven.", "org"),
            ("maven.apache", ".org"),
            ("deb.debian", ".org"),
        ]
    )
)
LEFTOVERS = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + r"X|HA" + r"CK)\b")
MOCKS = re.compile(r"\bpatch" + r"\(|\bmonkey" + r"patch\b|unittest\.mo" + r"ck|\bMagic" + r"Mock\b")


def long_file(source: str) -> list[str]:
    """Files stay short enough to be read in one go."""
    lines = source.count("\n")
    return [f"{lines} lines, at most {FILE_LINES_MAX}: split it"] if lines > FILE_LINES_MAX else []


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_bodies(tree: ast.Module) -> list[str]:
    """A function's body, its docstring not counted, fits on a screen."""
    found = []
    for function in functions(tree):
        body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
        if not body:
            continue
        lines = (function.end_lineno or 0) - body[0].lineno + 1
        if lines > BODY_LINES_MAX:
            found.append(
                f"line {function.lineno}: {function.name} has {lines} lines, "
                f"at most {BODY_LINES_MAX}: split it"
            )
    return found


def imports(tree: ast.Module) -> list[tuple[int, str]]:
    """Every imported module with its line; what only types need is left out."""
    found: list[tuple[int, str]] = []
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found.extend((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.lineno, node.module))
            found.extend((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        nodes.extend(ast.iter_child_nodes(node))
    return found


def impure_imports(tree: ast.Module, own: str = "") -> list[str]:
    """Pure code imports only what cannot do I/O. `own`: the package whose pure files it may use."""
    return [
        f"line {line}: imports {module}; an engine and the kernel do no I/O: take it as an argument"
        for line, module in imports(tree)
        if module.split(".")[0] not in PURE_MODULES
        and module != "services"
        and not module.startswith("services.kernel")
        and not (own and (module == own or module.startswith(own + ".")))
    ]


def clock_reads(tree: ast.Module) -> list[str]:
    """Time comes from services/runtime/clock.py only."""
    return [
        f"line {node.lineno}: {ast.unparse(node)}: take a Clock (services/runtime/clock.py)"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in CLOCKS
    ]


def sleeps(tree: ast.Module) -> list[str]:
    """A test never waits for time to pass; it waits for what it expects."""
    return [
        f"line {node.lineno}: time.sleep: wait for the event, with a deadline"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep"
    ]


def silent_excepts(tree: ast.Module) -> list[str]:
    """An error is never swallowed whole."""
    return [
        f"line {node.lineno}: except {ast.unparse(node.type) if node.type else ''} with pass: name the error"
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and all(isinstance(statement, ast.Pass) for statement in node.body)
    ]


def untold_tests(tree: ast.Module) -> list[str]:
    """Each test says in a sentence which rule it proves."""
    found = []
    for function in functions(tree):
        if function.name.startswith("test_"):
            said = ast.get_docstring(function) or ""
            if not said.endswith("."):
                found.append(
                    f"line {function.lineno}: {function.name} has no sentence that says what it proves"
                )
    return found


def matches(pattern: re.Pattern[str], source: str, advice: str) -> list[str]:
    """Lines of a text that a pattern forbids."""
    return [
        f"line {number}: {found.group()}: {advice}"
        for number, line in enumerate(source.splitlines(), 1)
        if (found := pattern.search(line))
    ]
