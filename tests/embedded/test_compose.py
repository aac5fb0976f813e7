"""The embedded mode put together: what keeps it from starting is said in plain words."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.embedded.compose import assembled
from services.kernel.errors import Invalid
from services.runtime.auth import keep_key
from services.runtime.clock import SystemClock
from services.runtime.settings import Settings
from services.runtime.views import Views
from services.runtime.views_sqlite import SqliteStore


async def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in its place or on its way: the directory, the reason and the setting, and no traceback."""
    file = tmp_path / "file"
    file.touch()
    for data in (file, file / "below"):
        with pytest.raises(Invalid, match=r"data directory .*file.* cannot be made: .*CENTRALA_DATA"):
            async with assembled(Settings(data=str(data)), SystemClock()):
                pass


async def test_blobs_that_cannot_be_written_stop_the_start(tmp_path: Path) -> None:
    """A file where the directory of blobs should be: the start ends with its name, not the first mail."""
    (tmp_path / "blobs").touch()
    with pytest.raises(Invalid, match=r"directory of blobs .* cannot be written: .*CENTRALA_DATA"):
        async with assembled(Settings(data=str(tmp_path), port=0, grpc=False), SystemClock()):
            pass


async def test_a_start_that_fails_takes_no_key_with_it(tmp_path: Path) -> None:
    """With a port taken the key was never shown, so the next start makes one; once it is kept, none is."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = Settings(data=str(tmp_path), port=0, grpc_port=taken.getsockname()[1])
        with pytest.raises(Invalid, match="cannot listen for gRPC"):
            async with assembled(busy, SystemClock()):
                pass
    free = Settings(data=str(tmp_path), port=0, grpc=False)
    async with assembled(free, SystemClock()) as made:
        assert made.made_key
        keep_key(tmp_path, made.made_key)
    async with assembled(free, SystemClock()) as made:
        assert not made.made_key


@pytest.mark.parametrize("kept", [b"", b"\n", b"junk", b"\xff" * 64, b"ab" * 31, b"ab" * 33])
async def test_a_key_file_that_holds_no_hash_is_named(tmp_path: Path, kept: bytes) -> None:
    """An empty or damaged file of the installation's key ends the start with what to do, and each of the
    ways works: put back, a key from the environment, or the file removed for a new key."""
    settings = Settings(data=str(tmp_path), port=0, grpc=False)
    path = tmp_path / "admin.sha256"
    path.write_bytes(kept)
    with pytest.raises(Invalid, match=r"admin\.sha256 holds no hash .*CENTRALA_ADMIN_KEY.*remove the file"):
        async with assembled(settings, SystemClock()):
            pass
    given = Settings(data=str(tmp_path), port=0, grpc=False, admin_key="of the environment")
    async with assembled(given, SystemClock()) as made:
        assert not made.made_key
    path.write_text("ab" * 32)
    async with assembled(settings, SystemClock()) as made:
        assert not made.made_key
    path.unlink()
    path.mkdir()
    with pytest.raises(Invalid, match=r"admin\.sha256 cannot be read: "):
        async with assembled(settings, SystemClock()):
            pass
    path.rmdir()
    async with assembled(settings, SystemClock()) as made:
        assert made.made_key


@pytest.mark.parametrize("what", ["a key", "a record"])
async def test_a_lost_master_key_is_not_made_anew(tmp_path: Path, what: str) -> None:
    """Where a key or a record lies already, a start without the master key is refused and makes none."""
    settings = Settings(data=str(tmp_path), port=0, grpc=False)
    async with assembled(settings, SystemClock()) as made:
        if what == "a key":
            await made.app.sealing.own_key("shop")
        else:
            await made.app.log.append("inbound", 0, [b"record"])
    (tmp_path / "master.key").rename(tmp_path / "elsewhere")
    with pytest.raises(Invalid, match=r"master\.key is missing.*put back"):
        async with assembled(settings, SystemClock()):
            pass
    assert not (tmp_path / "master.key").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "master.key")
    async with assembled(settings, SystemClock()) as made:
        await made.app.sealing.check()


@pytest.mark.parametrize("setting", ["CENTRALA_PORT", "CENTRALA_GRPC_PORT", "CENTRALA_SMTP_PORT"])
def test_a_start_that_fails_ends_with_the_reason(tmp_path: Path, setting: str) -> None:
    """With any of its ports taken the program ends with one plain line, and nothing behind it fails."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"CENTRALA_PORT": "0", "CENTRALA_GRPC_PORT": "0", "CENTRALA_SMTP_PORT": ""}
        ports[setting] = str(taken.getsockname()[1])
        environment = os.environ | ports | {"CENTRALA_DATA": str(tmp_path)}
        command = [sys.executable, "-m", "services.embedded"]
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == 1
    *logged, said = ended.stderr.splitlines()
    assert said.startswith("centrala: cannot listen ")
    assert "in use" in said
    assert [line for line in logged if json.loads(line)["level"] != "info"] == []


async def test_views_are_closed_once(tmp_path: Path) -> None:
    """An App that stopped closes them, and so does whoever opened them: the second time does nothing."""
    views = Views(SqliteStore(tmp_path / "views.db"))
    await views.open()
    await views.close()
    await views.close()
