"""A real Prometheus for a test: scrapes one address twice a second, under the rules that users import."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.program import free_port

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "deploy/prometheus").glob("*.yaml"))
SCRAPE_EVERY_S = 0.5
STARTS_WITHIN_S = 20.0


class Prometheus:
    """One that runs. `url`: its API."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client

    async def get(self, path: str, **query: Any) -> Any:
        """The data of an answer of the API. Raises AssertionError for a query that it refuses."""
        answer = await self._client.get(f"{self._url}/api/v1/{path}", params=query)
        told = answer.json()
        assert told["status"] == "success", f"{query}: {told.get('error')}"
        return told["data"]

    async def series(self, expr: str, since_s: float, until_s: float) -> list[dict[str, Any]]:
        """What an expression gave at any time between the two (Unix seconds)."""
        told = await self.get("query_range", query=expr, start=since_s, end=until_s, step=SCRAPE_EVERY_S)
        result: list[dict[str, Any]] = told["result"]
        return result

    async def ready(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(httpx.TransportError):
            return (await self._client.get(f"{self._url}/-/ready")).status_code == 200
        return False


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; a missing one fails: tools/install_servers.sh brings it."""
    found = shutil.which(name)
    assert found is not None, f"{name} is not installed; run tools/install_servers.sh"
    return found


@asynccontextmanager
async def started(folder: Path, target: str) -> AsyncIterator[Prometheus]:
    """Start it on a folder of its own; it scrapes `target` (host:port) and evaluates our rules."""
    folder.mkdir()
    for rules in RULES:
        # As often as the scrapes, instead of twice a minute.
        text = re.sub(r"interval: \w+", f"interval: {round(SCRAPE_EVERY_S * 1000)}ms", rules.read_text())
        (folder / rules.name).write_text(text)
    every = f"{round(SCRAPE_EVERY_S * 1000)}ms"
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {every}, scrape_timeout: {every}, evaluation_interval: {every}}}\n"
        "rule_files: ['*.yaml']\n"
        "scrape_configs: [{job_name: centrala, static_configs: [{targets: ['" + target + "']}]}]\n"
    )
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(timeout=10) as client, asyncio.timeout(STARTS_WITHIN_S) as within:
            made = Prometheus(f"http://127.0.0.1:{port}", client)
            while not await made.ready():
                assert process.returncode is None, "Prometheus has ended"
                await asyncio.sleep(0.05)
            within.reschedule(None)
            yield made
    finally:
        process.terminate()
        await process.wait()
