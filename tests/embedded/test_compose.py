"""The embedded mode put together: what keeps it from starting is said in plain words."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from services.embedded.compose import assembled
from services.kernel.errors import Invalid
from services.runtime.auth import keep_key
from services.runtime.clock import SystemClock
from services.runtime.settings import Settings


async def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in its place or on its way: the directory, the reason and the setting, and no traceback."""
    file = tmp_path / "file"
    file.touch()
    for data in (file, file / "below"):
        with pytest.raises(Invalid, match=r"data directory .*file.* cannot be made: .*CENTRALA_DATA"):
            async with assembled(Settings(data=str(data)), SystemClock()):
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
