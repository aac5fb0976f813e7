"""For how long a desk stands still when an engine's process is stopped, or killed, and another takes over.

One broker, Redis, an edge, and each engine as several processes, with a desk on each of four partitions whose
customers and agents are at work. Process by process each is stopped by SIGTERM and started again, as a
rolling restart does: its partitions are handed over, and come back. Then each is killed and started again:
the group notices after a session (6 s). The pause is the longest that anything appended within the move, or
until `AFTER_S` behind it, waited for what the engine made of it, from append to append by the broker's clock.
`calm` is the same while nothing is done, before and after: what this machine takes anyway. An engine that
made nothing within a time has not come back, whatever else was fast: that is -1, and not ok.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.fleet import ENGINES, Fleet, running
from bench.lateness import batches
from bench.waits import Wait, Waits
from bench.world import World
from bench.worlds import at_work, connects, desk_on_each
from services.ingest import engine as ingest
from services.kernel.claims import is_claim
from services.notify import engine as notify
from services.router import engine as router
from services.runtime.clock import SystemClock
from services.runtime.inputs import EVENT_CLASSES
from services.runtime.log_kafka import KafkaLog
from services.sla import engine as sla
from tools.arguments import folder, number, whole
from tools.invariants import Source
from tools.stored_kafka import KafkaLogs

CLOCK = SystemClock()
PARTITIONS = 4
AGENTS_A_DESK = 5
TALK = 5
OFFER_EXPIRES = "10s"
CALM_S = 10.0
AFTER_S = 8.0
"""Between two moves; longer than a session of the group."""
SETTLE_S = 5.0
PLANNED_MS_MAX, KILLED_MS_MAX = 300, 7_000
OF = {"ingest": ingest, "router": router, "sla": sla, "notify": notify}
CALM, PLANNED, KILLED, AFTERWARDS = "calm", "planned", "killed", "calm afterwards"


class Move(NamedTuple):
    """Something that was done to a process of an engine, or nothing: from when to when, Unix ms."""

    what: str
    engine: str
    since_ms: int
    until_ms: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.add_argument("--rate", type=number(1), default=20.0, help="messages/s over all desks")
    parser.add_argument("--replicas", type=whole(1), default=2, help="processes of each engine")
    parser.add_argument("--times", type=whole(1), default=2, help="how often each is stopped, and killed")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES, help="only these")
    parser.add_argument("--directory", type=folder, help="where the data lies")


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Start, move, look."""
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        fleet = Fleet(Path(name), 1, PARTITIONS, arguments.replicas)
        async with running(fleet):
            return await _played(arguments, fleet)


async def _played(arguments: argparse.Namespace, fleet: Fleet) -> dict[str, Any]:
    log = await KafkaLog.open(fleet.access)
    waits = Waits(log, PARTITIONS)
    watching = asyncio.create_task(waits.run())
    each = arguments.rate / PARTITIONS, AGENTS_A_DESK
    worlds = [World(connects(fleet), desk, *each, TALK, OFFER_EXPIRES) for desk in desk_on_each(PARTITIONS)]
    moves: list[Move] = []

    async def trouble() -> None:
        await _moved(fleet, arguments.engines, arguments.times, moves)

    async def nothing() -> None:
        """All run already."""

    try:
        settled = await at_work(worlds, waits, trouble, SETTLE_S, nothing)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await log.close()
    waited = await asyncio.to_thread(_waited, fleet, arguments.engines, waits)
    return judged(arguments, moves, waited, settled)


async def _moved(fleet: Fleet, engines: Sequence[str], times: int, moves: list[Move]) -> None:
    """Do everything in turn, and write down when."""

    async def calm(what: str) -> None:
        since_ms = CLOCK.now_ms()
        await asyncio.sleep(CALM_S)
        moves.extend(Move(what, engine, since_ms, CLOCK.now_ms()) for engine in engines)

    await calm(CALM)
    for what, engine, _ in itertools.product((PLANNED, KILLED), engines, range(times)):
        for program in fleet.engines[engine]:
            since_ms = CLOCK.now_ms()
            if what == KILLED:
                program.kill()
            else:
                await asyncio.to_thread(program.stop)
            await asyncio.sleep(AFTER_S)
            await program.start()
            await asyncio.sleep(AFTER_S)
            moves.append(Move(what, engine, since_ms, CLOCK.now_ms()))
    await calm(AFTERWARDS)


def _waited(fleet: Fleet, engines: Sequence[str], waits: Waits) -> dict[str, list[Wait]]:
    """How long what was appended waited for each engine. Blocks."""
    found = {"ingest": waits.every()}
    log = KafkaLogs(fleet.access)
    try:
        for engine in engines:
            if engine != "ingest":
                found[engine] = [wait for n in log.partitions() for wait in lags(log, OF[engine], n)]
    finally:
        log.close()
    return found


def lags(log: Source, engine: Any, partition: int) -> Iterator[Wait]:
    """How long an engine's inputs waited for each event that they caused, appends to the mailbox aside."""
    came_ms = {
        f"{topic}/{partition}/{batch.seq}": at_ms
        for topic in engine.INPUTS
        if topic in EVENT_CLASSES and topic != "inbound"
        for at_ms, batch in batches(log, topic, partition)
        if not is_claim(batch)
    }
    parse = EVENT_CLASSES[engine.TOPIC].FromString
    for at_ms, batch in batches(log, engine.TOPIC, partition):
        for value in batch.events:
            cause, _, _ = parse(value).cause_id.rpartition("/")
            if cause in came_ms:
                yield Wait(at_ms - came_ms[cause], partition, at_ms)


def judged(
    arguments: argparse.Namespace, moves: Sequence[Move], waited: dict[str, list[Wait]], settled: bool
) -> dict[str, Any]:
    """The longest pause of each move, by what was done and engine, and whether all are within bounds."""
    pauses: dict[str, dict[str, list[int]]] = {CALM: {}, PLANNED: {}, KILLED: {}, AFTERWARDS: {}}
    for move in moves:
        longest = max((wait.ms for wait in waited[move.engine] if _within(wait, move)), default=-1)
        pauses[move.what].setdefault(move.engine, []).append(longest)
    return {
        "bench": "handover",
        **{name: getattr(arguments, name) for name in ("rate", "replicas", "times")},
        "longest_pause_ms": pauses,
        "max_ms": {what: max(map(max, found.values())) for what, found in pauses.items()},
        "settled": settled,
        "ok": settled
        and all(pause >= 0 for found in pauses.values() for every in found.values() for pause in every)
        and max(map(max, pauses[PLANNED].values())) <= PLANNED_MS_MAX
        and max(map(max, pauses[KILLED].values())) <= KILLED_MS_MAX,
    }


def _within(wait: Wait, move: Move) -> bool:
    return wait.until_ms - wait.ms <= move.until_ms and wait.until_ms >= move.since_ms
