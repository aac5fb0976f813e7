"""Real processes over real Kafka and Redis, broken again and again under load: is any promise broken?

Three brokers with a proxy before each, Redis, the four engines with two replicas each, two edges. Customers
write at a steady rate to desks on every partition, orders come and parcels are late, agents accept, reply
and resolve, replies go out to a webhook's receiver here. Meanwhile a storm (`bench.storm`) kills, freezes
and restarts whatever there is, and the proxies lose acknowledgements and hold appends back. Then all is left
to settle, and the logs are read: by `bench.audit`, and by `tools.check_log`.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.audit import audit, fenced_out, kafka_keys
from bench.fleet import Fleet, running
from bench.lateness import lateness
from bench.program import ROOT, warnings_in
from bench.proxy import Weather, proxies
from bench.storm import Storm
from bench.waits import Pause, Waits
from bench.world import World
from bench.worlds import at_work, connects, desk_on_each
from services.runtime.clock import SystemClock
from services.runtime.log_kafka import KafkaLog
from tools.arguments import folder, number, whole
from tools.invariants import SLACK_MS
from tools.stored_kafka import KafkaLogs

CLOCK = SystemClock()
BROKERS = 3
EDGES = 2
PARTITIONS = 4
AGENTS_A_DESK = 5
TALK = 10
"""Messages of a conversation: so many that the agents keep up."""
OFFER_EXPIRES = "10s"
"""Longer than a pause: agents who cannot accept in time would answer nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.add_argument("--minutes", type=number(0.2), default=10.0, help="how long the storm lasts")
    parser.add_argument("--seed", type=int, default=1, help="of what is done, to whom, and for how long")
    parser.add_argument("--rate", type=number(1), default=200.0, help="messages/s over all desks")
    parser.add_argument("--replicas", type=whole(1), default=2, help="processes of each engine")
    parser.add_argument("--no-roll", action="store_true", help="without the restart of everything in turn")
    parser.add_argument("--settle-s", type=number(0), default=20.0, help="time for everything to settle")
    parser.add_argument("--snapshot-every", type=whole(1), default=20_000, help="events of an engine")
    parser.add_argument("--directory", type=folder, help="where the data lies")
    parser.add_argument("--keep", default="", help="directory that gets what the processes printed")


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Start, break, settle, look."""
    weather, before = await proxies(BROKERS, arguments.seed)
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        settings = {"CENTRALA_SNAPSHOT_EVERY_EVENTS": str(arguments.snapshot_every)}
        fleet = Fleet(
            Path(name), BROKERS, PARTITIONS, arguments.replicas, EDGES, settings, [p.port for p in before]
        )
        for proxy, node in zip(before, fleet.cluster.nodes, strict=True):
            proxy.broker_port = fleet.cluster.port + node - 1
        began_s = CLOCK.monotonic_s()
        try:
            async with running(fleet):
                start_s = round(CLOCK.monotonic_s() - began_s, 1)
                return {**await _played(arguments, fleet, weather), "start_s": start_s}
        finally:
            for proxy in before:
                proxy.close()
            if arguments.keep:
                _keep(Path(name), Path(arguments.keep))


async def _played(arguments: argparse.Namespace, fleet: Fleet, weather: Weather) -> dict[str, Any]:
    log = await KafkaLog.open(fleet.access)
    waits = Waits(log, PARTITIONS)
    watching = asyncio.create_task(waits.run())
    storm = Storm(fleet, weather, arguments.seed)
    each = arguments.rate / PARTITIONS, AGENTS_A_DESK
    worlds = [World(connects(fleet), desk, *each, TALK, OFFER_EXPIRES) for desk in desk_on_each(PARTITIONS)]

    async def trouble() -> None:
        await storm.run(arguments.minutes * 60, roll=not arguments.no_roll)

    try:
        settled = await at_work(worlds, waits, trouble, arguments.settle_s, storm.all_alive)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await log.close()
    for program in fleet.programs().values():
        program.kill()
    found = await asyncio.to_thread(_look, fleet, worlds, waits, storm.stood_still())
    broken = found.pop("broken") | _broken(worlds, storm)
    if not settled:
        broken["not_settled"] = "acknowledged records were undecided after everything ran again"
    return {
        "bench": "chaos",
        **{name: getattr(arguments, name) for name in ("minutes", "seed", "rate", "replicas")},
        "brokers": BROKERS,
        "troubles": dict(Counter(f"{one.what} {one.whom.split('-')[0]}" for one in _grouped(storm))),
        "network": {"acknowledgements_lost": weather.lost, "appends_held_back": weather.late},
        "started_again": dict(storm.started_again),
        **found,
        "conversations_answered": sum(world.handled for world in worlds),
        "deliveries": sum(sum(world.deliveries.values()) for world in worlds),
        "deliveries_repeated_under_their_key": sum(n - 1 for w in worlds for n in w.deliveries.values()),
        "append_to_outcome_ms": waits.figures(),
        "longest_pause": _longest(storm, waits),
        "processes_said": dict(warnings_in(fleet.folder.glob("*.log")).most_common(12)),
        "broken": broken,
        "ok": not broken,
    }


def _look(
    fleet: Fleet, worlds: Sequence[World], waits: Waits, away: Mapping[int, Sequence[Pause]]
) -> dict[str, Any]:
    """What the logs say. Whether a promise fired too late is judged by when its partition stood still, which
    `check_log` cannot know: it gets a slack that no pause exceeds."""
    acked = set[str]().union(*(world.acked for world in worlds))
    deliveries = sum((world.deliveries for world in worlds), Counter[str]())
    logs = KafkaLogs(fleet.access)
    try:
        keys = asyncio.run(kafka_keys(fleet.access, PARTITIONS))
        found = audit(logs, keys, acked, deliveries) | {"fenced_out": fenced_out(logs)}
        decided = waits.pauses()
        found |= lateness(logs, {n: [*decided.get(n, ()), *away.get(n, ())] for n in range(PARTITIONS)})
    finally:
        logs.close()
    command = [sys.executable, "-m", "tools.check_log", "--kafka", fleet.cluster.address]
    command += ["--slack-ms", str(waits.longest().ms + SLACK_MS)]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if checked.returncode:
        found["broken"]["check_log"] = (checked.stdout + checked.stderr).splitlines()[:20]
    if late := found.pop("late"):
        found["broken"]["fired_late"] = late
    return found | {"check_log": "red" if checked.returncode else "green"}


def _broken(worlds: Sequence[World], storm: Storm) -> dict[str, Any]:
    found = {f"{name} at {world.desk}": what for world in worlds for name, what in world.broken().items()}
    if storm.ended_alone:
        found["ended_by_itself"] = dict(storm.ended_alone)
    return found


def _grouped(storm: Storm) -> Sequence[Any]:
    """The troubles, those of the network by what was ordered."""
    return [
        one._replace(whom=one.whom.split()[1]) if " " in one.whom else one
        for one in sorted(storm.troubles, key=lambda one: (one.what, one.whom))
    ]


def _longest(storm: Storm, waits: Waits) -> dict[str, Any]:
    """The longest wait of any record for its outcome, and what was being done meanwhile."""
    longest = waits.longest()
    until_s = storm.clock_s(longest.until_ms)
    since_s = until_s - longest.ms / 1000
    return {
        "ms": longest.ms,
        "partition": longest.partition,
        "until": datetime.fromtimestamp(longest.until_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "meanwhile": [
            f"{one.what} {one.whom} {one.ended_s - one.began_s:.1f} s"
            for one in storm.troubles
            if one.began_s <= until_s and one.ended_s >= since_s - 1
        ],
        "by_partition_ms": waits.longest_by_partition(),
    }


def _keep(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for output in folder.glob("*.log"):
        (target / output.name).write_bytes(output.read_bytes())
