"""Secrets by name: from the environment or a file, one line or all, read anew each time."""

from __future__ import annotations

from pathlib import Path

from services.runtime.secrets import SECRET_BYTES_MAX, all_lines, first_line


def test_a_name_stands_for_a_variable_or_a_file(tmp_path: Path) -> None:
    """env:NAME and file:PATH give what is there, no white space around it; senders take the first line."""
    path = tmp_path / "secret"
    path.write_text("  new one \r\nold one\r\n\n")
    environment = {"NAME": " from the environment "}
    assert first_line(environment)("env:NAME") == "from the environment"
    assert first_line()(f"file:{path}") == "new one"
    assert [line.strip() for line in (all_lines()(f"file:{path}") or "").splitlines()] == [
        "new one",
        "old one",
    ]


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """Nothing, blanks only, no such kind of name, not UTF-8, a directory, too long: no secret."""
    blank, binary, long = tmp_path / "blank", tmp_path / "binary", tmp_path / "long"
    blank.write_text(" \n\n")
    binary.write_bytes(b"\xff\xfe\x00")
    long.write_text("x" * (SECRET_BYTES_MAX + 1))
    names = ["env:NONE", "env:BLANK", "file:/nowhere/at/all", "file:\0", "words", "", f"file:{tmp_path}"]
    names += [f"file:{path}" for path in (blank, binary, long)]
    for read in (first_line({"BLANK": " "}), all_lines({"BLANK": " "})):
        assert [read(name) for name in names] == [None] * len(names)


def test_a_changed_secret_holds_at_once(tmp_path: Path) -> None:
    """Nothing is kept: what a file says now is the secret."""
    path = tmp_path / "secret"
    for read in (first_line(), all_lines()):
        for word in ("one", "two"):
            path.write_text(word)
            assert read(f"file:{path}") == word
