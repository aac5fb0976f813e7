"""kill -9 at random moments under load, restart each time, then look whether any promise was broken.

Customers write at a steady rate, orders come and parcels are late, agents accept, reply and resolve,
replies go out by a signed webhook to a receiver here. The first kills hit the first start, in an empty
directory; others hit a restart, most a running process, and some lives are long enough for snapshots.
After the last restart everything is left to settle, the process is stopped, and `bench.audit` and
`tools.check_log` read the log offline.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.audit import audit, stored_keys
from bench.program import warnings_in
from bench.server import Server
from bench.world import World
from tools.arguments import folder, number, whole
from tools.stored import StoredLogs

DESK = "kills"
AGENTS = 20
FIRST_START_KILLS = 3
KILL_IN_START_EVERY = 6
"""Each so many kills hit a process that is still starting."""
LONG_LIFE_EVERY = 10
LONG_LIFE_S = (5.0, 10.0)
"""The snapshotter looks every 5 s: a kill in here hits a snapshot that is being made or stored."""
START_S = 2.0
"""Within this a kill hits the start."""


class Executioner:
    """Kills the server again and again; how, is drawn from the seed."""

    def __init__(self, server: Server, seed: int, alive_s: float) -> None:
        self.starts_s: list[float] = []
        self.ended_alone = 0
        self.in_start = 0
        self.long_lives = 0
        self._server = server
        self._dice = random.Random(seed)
        self._alive_s = alive_s

    async def first_start(self, kills: int) -> None:
        """Kills while the empty directory is being filled, then a whole start."""
        for _ in range(kills):
            await self._kill_start()
        self.starts_s.append(await self._server.start())

    async def run(self, kills: int) -> None:
        """So many kills, each followed by a start; the last one leaves the server running."""
        for nth in range(kills):
            is_long = nth % LONG_LIFE_EVERY == LONG_LIFE_EVERY // 3
            if nth % KILL_IN_START_EVERY == KILL_IN_START_EVERY - 1 and not is_long:
                self._server.kill()
                await self._kill_start()
            else:
                await self._live(is_long)
                self.ended_alone += not self._server.alive()
                self._server.kill()
            self.starts_s.append(await self._server.start())

    async def _kill_start(self) -> None:
        self._server.launch()
        await asyncio.sleep(self._dice.uniform(0.05, START_S))
        self._server.kill()
        self.in_start += 1

    async def _live(self, is_long: bool) -> None:
        self.long_lives += is_long
        await asyncio.sleep(self._dice.uniform(*LONG_LIFE_S if is_long else (0.05, self._alive_s)))


async def run(arguments: argparse.Namespace, data: Path) -> tuple[World, Executioner]:
    """The whole play: kills under load, then everybody goes home and the server is stopped."""
    server = Server(data, settings={"CENTRALA_SNAPSHOT_EVERY_EVENTS": str(arguments.snapshot_every)})
    world = World(server.connect, DESK, arguments.rate, AGENTS)
    executioner = Executioner(server, arguments.seed, arguments.alive_s)
    hooks = await asyncio.start_server(world.receive_webhook, "127.0.0.1", 0)
    tasks: list[asyncio.Task[None]] = []
    try:
        first = min(FIRST_START_KILLS, arguments.n)
        await executioner.first_start(first)
        await world.set_up(hooks.sockets[0].getsockname()[1])
        customers, agents = world.go()
        tasks = [customers, *agents]
        await executioner.run(arguments.n - first)
        world.closed = True
        await asyncio.wait_for(customers, arguments.settle_s + 60)
        await asyncio.sleep(arguments.settle_s)
        world.gone_home = True
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.stop()
        hooks.close()
    return world, executioner


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Kill and restart `n` times, settle, stop, audit."""
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        data = Path(name) / "data"
        data.mkdir()
        world, executioner = await run(arguments, data)
        found = audit(StoredLogs(data), stored_keys(data), world.acked, world.deliveries)
        command = [sys.executable, "-m", "tools.check_log", "--data", str(data)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        output = Path(name) / "data.log"
        said = warnings_in([output])
        if arguments.keep_output:
            Path(arguments.keep_output).write_bytes(output.read_bytes())
    starts = sorted(executioner.starts_s)
    broken = found.pop("broken")
    broken |= world.broken()
    if executioner.ended_alone:
        broken["ended_by_itself"] = executioner.ended_alone
    if checked.returncode:
        broken["check_log"] = (checked.stdout + checked.stderr).splitlines()[:20]
    return {
        "bench": "kills",
        "kills": arguments.n,
        "kills_in_a_start": executioner.in_start,
        "long_lives": executioner.long_lives,
        "seed": arguments.seed,
        "rate": arguments.rate,
        **found,
        "conversations_answered": world.handled,
        "deliveries": sum(world.deliveries.values()),
        "deliveries_repeated_under_their_key": sum(n - 1 for n in world.deliveries.values()),
        "start_s": {"p50": round(starts[len(starts) // 2], 3), "max": round(starts[-1], 3)},
        "server_said": dict(said.most_common(8)),
        "check_log": "green" if checked.returncode == 0 else "red",
        "broken": broken,
        "ok": not broken,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.add_argument("--n", type=whole(FIRST_START_KILLS + 1), default=50, help="how many times to kill")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--rate", type=number(1), default=300.0, help="messages/s")
    parser.add_argument("--alive-s", type=number(0.05), default=1.2, help="longest ordinary life")
    parser.add_argument("--settle-s", type=number(0), default=4.0, help="time for everything to settle")
    parser.add_argument("--snapshot-every", type=whole(1), default=1_000, help="events of an engine")
    parser.add_argument("--directory", type=folder, help="where the data lies")
    parser.add_argument("--keep-output", default="", help="file for what the server printed")
