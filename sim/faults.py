"""Breaks things by seed: what is sent is dropped, doubled and late, owners die, fight and come back.

Theory of operation. The real loops of ingest, router and sla run over a memory log in virtual time.
Customers and agents write to the mailbox as edges do: again and again until it is acknowledged, so that a
dropped record comes late and a lost acknowledgement makes it come twice; some come twice anyway. Appends are
lost, late and doubled under the loops' feet. Loops are killed at random moments and restored from the log or
a snapshot, at times while the old owner still writes. Then nothing breaks any more, and what is left is
worked off: what was brought in must have its outcome. Everything follows from the seed.

The auditor follows every valid batch; at the end the whole logs are checked as an operator would, with every
state folded from zero and from the snapshots.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from services.ingest import engine as ingest
from services.kernel.engine import Engine
from services.kernel.errors import Busy, Fenced
from services.router import engine as router
from services.runtime.event_log import TopicPartition
from services.runtime.log_memory import Faults, MemoryLog
from services.runtime.loop import Committed, Loop
from services.runtime.snapshots import MemorySnapshots, Snapshot
from services.sla import engine as sla
from sim.crowd import Crowd
from sim.follower import MemorySource
from sim.hours import MONDAY_MS
from sim.redecide import redecide
from sim.virtual_time import VirtualClock, VirtualLoop, run
from tools import invariants
from tools.arguments import number, whole
from tools.invariants.state import Kept

ENGINES: Mapping[str, Engine] = {"conversations": ingest, "routing": router, "sla": sla}
LOST, LATE, DOUBLED = 0.02, 0.02, 0.02
DROPPED, DELAYED, TWICE = 0.05, 0.1, 0.1
RETRY_S = 2.0
LIFE_S = 20.0
"""Mean time until a loop is killed."""
DEAD_S = 1.0
"""Mean time until it is back."""
SNAPSHOT = 0.05
"""Share of batches behind which a snapshot is made."""
QUIET_S = 400.0
"""What is left is worked off within this: bars, waits for agents and relaxation end well before."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sim faults`."""
    parser.add_argument("--seed", type=whole(0), default=8147, help="everything follows from it")
    parser.add_argument(
        "--seconds", type=number(0), default=300.0, help="virtual time during which things break"
    )


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one storm."""
    return storm(arguments.seed, arguments.seconds)


def storm(seed: int, seconds: float, engines: Mapping[str, Engine] = ENGINES) -> dict[str, Any]:
    """What happened, and every violation. `engines`: by the topic that they own. Raises what broke a loop."""
    logging.getLogger("services.runtime.loop").setLevel(logging.CRITICAL)  # fences are the point of it
    loop = VirtualLoop()
    return run(loop, Storm(seed, seconds, VirtualClock(loop, MONDAY_MS), engines).run())


class Storm:
    """One run."""

    def __init__(self, seed: int, seconds: float, clock: VirtualClock, engines: Mapping[str, Engine]) -> None:
        self._engines = engines
        self._dice = random.Random(seed)
        self._seed, self._seconds, self._clock = seed, seconds, clock
        self._log = MemoryLog(clock, seed, Faults(LOST, LATE, DOUBLED), yields=True)
        self._snapshots = MemorySnapshots()
        self._kept: list[tuple[str, Kept]] = []
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._deposed: list[asyncio.Task[None]] = []
        self._living: list[asyncio.Task[None]] = []
        self._crowd = Crowd(random.Random(f"{seed}/crowd"), clock, self._log, self.put)
        self._putting: dict[asyncio.Task[None], None] = {}
        self._counts = {"crashes": 0, "rivals": 0, "retries": 0, "doubled": 0, "snapshots": 0}
        self._calm = False

    async def run(self) -> dict[str, Any]:
        """The storm, then calm, then the audit."""
        for topic in self._engines:
            self._start(topic)
        breaking = [asyncio.ensure_future(self._breaks(topic)) for topic in self._engines]
        self._living.append(asyncio.ensure_future(self._crowd.live()))
        await self._until(self._seconds)
        self._calm, self._log.faults = True, Faults()
        for task in breaking:
            task.cancel()
        await asyncio.gather(*breaking, return_exceptions=True)
        for topic, task in self._loops.items():
            if task.done():
                self._start(topic)
        self._log.land_late()
        self._crowd.close()
        await self._until(self._seconds + QUIET_S)
        await self._stop()
        return self._told()

    async def _until(self, at_s: float) -> None:
        while self._clock.monotonic_s() < at_s:
            await asyncio.sleep(0.05)
            self._crowd.look()
            for task in (*self._loops.values(), *self._living):
                if task.done() and not task.cancelled():
                    task.result()

    def _start(self, topic: str) -> None:
        loop = Loop(self._engines[topic], self._log, self._clock, self._snapshots)
        loop.listen(lambda committed: self._maybe_keep(loop, committed))
        self._loops[topic] = asyncio.ensure_future(loop.run())

    async def _breaks(self, topic: str) -> None:
        """Kill the owner of a topic again and again; at times the next one comes before it is dead."""
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / LIFE_S))
            old = self._loops[topic]
            if self._dice.random() < 0.3:
                self._counts["rivals"] += 1
                self._start(topic)
                self._deposed.append(old)
                await asyncio.sleep(self._dice.expovariate(1 / DEAD_S))
                old.cancel()
            else:
                self._counts["crashes"] += 1
                old.cancel()
                await asyncio.sleep(self._dice.expovariate(1 / DEAD_S))
                self._start(topic)

    def _maybe_keep(self, loop: Loop, committed: Committed) -> None:
        """Make a snapshot behind a batch, as a follower of the log would have it."""
        if self._dice.random() >= SNAPSHOT:
            return
        engine, after = loop.engine, committed.offset + 1
        data = engine.dump(loop.state)
        snapshot = Snapshot(
            engine.TOPIC, 0, engine.STATE_VERSION, after, committed.epoch, committed.seq + 1,
            committed.now_ms, list(committed.positions), data,
        )  # fmt: skip
        self._putting[asyncio.ensure_future(self._snapshots.save(snapshot))] = None
        self._kept.append((engine.TOPIC, Kept(after, committed.seq + 1, engine.STATE_VERSION, data)))
        self._counts["snapshots"] += 1

    def put(self, value: bytes) -> None:
        """Bring a record into the mailbox, whatever it takes."""
        task = asyncio.ensure_future(self._put(value))
        self._putting[task] = None
        task.add_done_callback(lambda done: self._putting.pop(done, None))

    async def _put(self, value: bytes) -> None:
        fate = 1.0 if self._calm else self._dice.random()
        if fate < DROPPED:
            self._counts["retries"] += 1
            await asyncio.sleep(RETRY_S)
        elif fate < DROPPED + DELAYED:
            await asyncio.sleep(self._dice.expovariate(1 / RETRY_S))
        while True:
            with suppress(Fenced, Busy):
                await self._log.append("inbound", 0, [value])
                break
            self._counts["retries"] += 1
            await asyncio.sleep(RETRY_S)
        if not self._calm and self._dice.random() < TWICE:
            self._counts["doubled"] += 1
            await self._put(value)

    async def _stop(self) -> None:
        tasks = [*self._living, *self._loops.values(), *self._deposed, *self._putting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _told(self) -> dict[str, Any]:
        violations = self._crowd.follower.finish()
        report = invariants.check(MemorySource(self._log, self._kept), self._engines)
        violations += [str(violation) for violation in report.violations]
        violations += self._crowd.unanswered()
        source = MemorySource(self._log, ())
        for engine in self._engines.values():
            first = redecide(source, 0, engine).first
            violations += [f"decided anew: {first}"] if first else []
        return {
            "seed": self._seed,
            "seconds": self._seconds,
            **self._counts,
            **self._crowd.counts,
            "events": self._crowd.follower.events,
            "log_hash": self._hash(),
            "violations": list(dict.fromkeys(violations)),
        }

    def _hash(self) -> str:
        """Of every record of every topic: the same seed leaves the same logs, byte for byte."""
        found = hashlib.sha256()
        for topic in ("inbound", *self._engines):
            for record in self._log.tail(TopicPartition(topic, 0)).records:
                found.update(record.at_ms.to_bytes(8, "big") + record.value)
        return found.hexdigest()[:16]
