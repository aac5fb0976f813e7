"""Secrets by name: from the environment or a file, one line or all, read anew each time."""

from __future__ import annotations

import os
from pathlib import Path

from services.runtime.secrets import SECRET_BYTES_MAX, all_lines, first_line
from services.runtime.settings import Settings


def below(directory: Path, data: str = "/nowhere") -> Settings:
    """Settings that allow the files below a directory."""
    return Settings(secrets_dir=str(directory), data=data)


def test_a_name_stands_for_a_variable_or_a_file(tmp_path: Path) -> None:
    """env:NAME and file:PATH give what is there, no white space around it; senders take the first line."""
    path = tmp_path / "secret"
    path.write_text("  new one \r\nold one\r\n\n")
    environment = {"NAME": " from the environment "}
    assert first_line(below(tmp_path), environment)("env:NAME") == "from the environment"
    assert first_line(below(tmp_path))(f"file:{path}") == "new one"
    assert [line.strip() for line in (all_lines(below(tmp_path))(f"file:{path}") or "").splitlines()] == [
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
    blanks = {"BLANK": " "}
    names += [f"file:{path}" for path in (blank, binary, long)]
    for read in (first_line(below(tmp_path), blanks), all_lines(below(tmp_path), blanks)):
        assert [read(name) for name in names] == [None] * len(names)


def test_a_changed_secret_holds_at_once(tmp_path: Path) -> None:
    """Nothing is kept: what a file says now is the secret."""
    path = tmp_path / "secret"
    for read in (first_line(below(tmp_path)), all_lines(below(tmp_path))):
        for word in ("one", "two"):
            path.write_text(word)
            assert read(f"file:{path}") == word


def test_a_name_never_reaches_what_the_installation_keeps_for_itself(tmp_path: Path) -> None:
    """The data directory, /proc, files elsewhere, by ".." or by a link, the installation's settings: none."""
    secrets, data = tmp_path / "secrets", tmp_path / "data"
    for directory in (secrets, data, tmp_path / "secrets-not"):
        directory.mkdir()
        (directory / "master.key").write_text("the key")
    (secrets / "link").symlink_to(data / "master.key")
    (secrets / "inside").symlink_to(secrets / "master.key")
    settings = Settings(secrets_dir=f"{secrets}:relative", data=str(data))
    refused = [data / "master.key", secrets / "../data/master.key", secrets / "link", "/proc/self/environ"]
    refused += [tmp_path / "secrets-not/master.key", "relative/x"]
    own = {"CENTRALA_MASTER_KEY": "k", "AWS_SECRET_ACCESS_KEY": "k", "OTEL_EXPORTER_OTLP_HEADERS": "k"}
    variables = {**own, "lower": "x", "GIVEN": "given"}
    read = all_lines(settings, variables)
    assert [read(f"file:{path}") for path in refused] == [None] * len(refused)
    assert [read(f"env:{name}") for name in (*own, "lower")] == [None] * 4
    assert [read(f"file:{secrets / 'inside'}"), read("env:GIVEN")] == ["the key", "given"]
    everything = all_lines(Settings(secrets_dir="/", data=str(data)), variables)
    assert everything(f"file:{secrets / 'master.key'}") == "the key"
    assert everything(f"file:{data / 'master.key'}") is None
    assert everything("file:/proc/self/environ") is None


def test_what_is_no_regular_file_is_no_secret_and_makes_nobody_wait(tmp_path: Path) -> None:
    """A pipe that nobody writes to is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    assert first_line(below(tmp_path))(f"file:{tmp_path / 'pipe'}") is None
