"""The script that starts brokers says what is wrong instead of taking a stranger for a broker."""

from __future__ import annotations

import asyncio
import socket
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.deploy.prometheus import ROOT

pytestmark = pytest.mark.servers
START = ROOT / "deploy/kafka/start.sh"
WITHIN_S = 120


async def refused(*arguments: str) -> str:
    """What the script says as it fails."""
    process = await asyncio.create_subprocess_exec(START, *arguments, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(WITHIN_S):
        said, errors = await process.communicate()
    assert process.returncode != 0
    assert b"listens on" not in said
    return errors.decode()


async def test_a_taken_port_is_said(tmp_path: Path) -> None:
    """Where something else listens on a broker's port the script says so, not that Kafka listens there."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = await refused(str(tmp_path), "--port", str(port))
    assert f"something listens on 127.0.0.1:{port} already" in said


async def test_an_option_without_its_value_is_said(tmp_path: Path) -> None:
    """The option is named."""
    assert "--brokers needs a value" in await refused(str(tmp_path), "--brokers")
