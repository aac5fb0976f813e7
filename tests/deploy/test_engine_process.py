"""An engine's process of the distributed mode tells what the dashboards and the orchestrator ask for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bench.brokers import Cluster
from bench.program import free_port
from bench.redis_server import RedisServer
from tests.deploy.prometheus import ROOT

pytestmark = pytest.mark.servers

PARTITIONS = 3
WITHIN_S = 60.0


async def answered(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """The answer of a process that has just been started, once it is a 200."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                answer = await client.get(path)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                return answer
            await asyncio.sleep(0.05)


async def scraped(client: httpx.AsyncClient) -> dict[str, float]:
    """What a scrape says once all partitions are served; each series stands there once."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            text = (await answered(client, "/metrics")).text
            series = [line.split(" ") for line in text.splitlines() if line and not line.startswith("#")]
            values = {name: float(value) for name, value in series}
            assert len(values) == len(series), "each series once"
            if values.get('centrala_restores_total{topic="routing"}') == PARTITIONS:
                return values
            await asyncio.sleep(0.1)


@asynccontextmanager
async def engine(
    module: str, environment: Mapping[str, str], errors: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A process that runs an engine; a client of its port."""
    port = free_port()
    with errors.open("wb") as file:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, "--port", str(port)),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=file,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
            child.send_signal(signal.SIGTERM)
            assert await child.wait() == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_an_engine_tells_its_partitions_as_one(tmp_path: Path) -> None:
    """Ready when all its partitions are; each series once, joined over them; what it writes is JSON."""
    cluster, redis = Cluster(tmp_path / "kafka"), RedisServer(tmp_path / "redis")
    try:
        await redis.start()
        await asyncio.to_thread(cluster.start)
        environment = {
            "CENTRALA_KAFKA": cluster.address,
            "CENTRALA_REDIS": redis.url,
            "CENTRALA_PARTITIONS": str(PARTITIONS),
            "CENTRALA_REPLICATION": "1",
            "CENTRALA_MASTER_KEY": "ab" * 32,
            "CENTRALA_ADMIN_KEY": "a-key-of-the-whole-installation",
            "CENTRALA_DATA": str(tmp_path / "data"),
        }
        topics = [sys.executable, "-m", "services.runtime.topics"]
        made = await asyncio.to_thread(subprocess.run, topics, env={**os.environ, **environment}, cwd=ROOT)
        assert made.returncode == 0
        async with engine("services.router", environment, tmp_path / "errors") as client:
            await answered(client, "/livez")
            await answered(client, "/readyz")
            values = await scraped(client)
    finally:
        await asyncio.to_thread(cluster.close)
        redis.kill()
    assert values['centrala_engine_ready{topic="routing"}'] == 1
    assert values['centrala_lag_records{input="conversations",topic="routing"}'] == 0
    assert values['centrala_conversations{state="waiting"}'] == 0
    assert values['centrala_build_info{version="0.1.0"}'] == 1
    assert sum(value for name, value in values.items() if name.startswith("centrala_invariant")) == 0
    lines = [json.loads(line) for line in (tmp_path / "errors").read_text().splitlines()]
    assert [line["message"] for line in lines if line["message"].endswith("is served here")]
