"""What every process of the distributed mode opens, on a real broker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.brokers import Cluster
from services.kernel.errors import Invalid
from services.runtime.clock import SystemClock
from services.runtime.settings import Settings
from services.runtime.shared import opened
from tests.contracts.kafka_harness import PARTITIONS, installed

pytestmark = pytest.mark.servers
ONE, OTHER = "ab" * 32, "cd" * 32


async def start(settings: Settings) -> str:
    """Open and close everything as a process does; what it ended with, "" if all is well."""
    try:
        async with opened(settings, SystemClock()):
            return ""
    except Invalid as error:
        return str(error)


async def fresh(broker: Cluster, folder: Path) -> dict[str, Settings]:
    """A new installation: the settings of two processes that differ in the master key only."""
    access = await installed(broker)
    return {
        key: Settings(
            kafka=access.servers,
            kafka_prefix=access.prefix,
            partitions=PARTITIONS,
            replication=1,
            data=str(folder),
            master_key=key,
        )
        for key in (ONE, OTHER)
    }


async def test_another_master_key_is_refused_before_anything_is_sealed(
    broker: Cluster, tmp_path: Path
) -> None:
    """The first process settles the master key: one that has another does not start, although there is
    nothing yet that it could not read, and the first one starts again."""
    settings = await fresh(broker, tmp_path)
    assert await start(settings[ONE]) == ""
    assert "the master key does not fit" in await start(settings[OTHER])
    assert await start(settings[ONE]) == ""


async def test_of_two_first_processes_one_master_key_holds(broker: Cluster, tmp_path: Path) -> None:
    """Where two processes with different master keys start at once one of them is refused, and its mark
    does not keep the other from starting later."""
    settings = await fresh(broker, tmp_path)
    said = dict(zip((ONE, OTHER), await asyncio.gather(*map(start, settings.values())), strict=True))
    (right,) = [key for key, error in said.items() if not error]
    (wrong,) = [key for key, error in said.items() if error]
    assert await start(settings[right]) == ""
    assert "the master key does not fit" in await start(settings[wrong])
