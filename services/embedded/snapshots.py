"""Snapshots of the embedded mode: a short-lived child folds the log, so that no loop stops for them.

`python -m services.embedded.snapshots DATABASE TOPIC [WITNESS]` is the child: it opens the file read-only,
folds the newest snapshot and what came after it, and writes a snapshot to standard output, with what a
comparison with the live state said (`state_check.py`). The parent keeps it in the file, chunk by chunk
between other commits.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from proto.v1.envelope_pb2 import InputPosition
from services.runtime import restore
from services.runtime.log_sqlite import stored_records
from services.runtime.snapshot_jobs import begin_counting
from services.runtime.snapshots import Snapshot, stored_snapshots
from services.runtime.state_check import Comparison, Witness, Witnesses, parsed

if TYPE_CHECKING:
    from services.runtime.main import App

CHECK_EVERY_S = 5.0
NICENESS = 10
ENGINES: Mapping[str, str] = {
    "conversations": "services.ingest.engine",
    "routing": "services.router.engine",
    "sla": "services.sla.engine",
    "notices": "services.notify.engine",
}

_log = logging.getLogger(__name__)


class _Packed(msgspec.Struct, array_like=True):
    """A snapshot on its way from the child."""

    state_version: int
    offset: int
    epoch: int
    next_seq: int
    now_ms: int
    positions: list[bytes]
    data: bytes
    verdict: str


class Snapshotter:
    """Has a snapshot made of each loop's state after so many events of its own."""

    def __init__(self, app: App, database: Path) -> None:
        self._app = app
        self._database = database
        self._covered: dict[str, int] = {}
        self._witnesses = Witnesses()

    async def run(self) -> None:
        """Look as soon as everything is restored, then every few seconds, until cancelled."""
        for topic in self._app.loops:
            begin_counting(self._app.metrics, topic)
        for loop in self._app.loops.values():
            await loop.ready.wait()
        while True:
            for topic, loop in self._app.loops.items():
                events = loop.tally.restored_events + loop.tally.events
                if events - self._covered.get(topic, 0) >= self._app.settings.snapshot_every_events:
                    self._covered[topic] = events
                    await self.make(topic)
            await asyncio.sleep(CHECK_EVERY_S)

    async def make(self, topic: str) -> None:
        """Make one snapshot now. A failed one is said and tried again after as many events more."""
        metrics, began_s = self._app.metrics, self._app.clock.monotonic_s()
        loop = self._app.loops[topic]
        witness = await self._witnesses.take(loop)
        raw = await _child_output(self._database, topic, witness)
        if not raw:
            metrics.snapshots.labels(topic, "failed").inc()
            _log.error("no snapshot of %s could be made; the next start folds more of the log", topic)
            return
        packed = msgspec.msgpack.decode(raw, type=_Packed)
        await self._app.snapshots.save(
            Snapshot(
                topic,
                0,
                packed.state_version,
                packed.offset,
                packed.epoch,
                packed.next_seq,
                packed.now_ms,
                [InputPosition.FromString(position) for position in packed.positions],
                packed.data,
            )
        )
        metrics.snapshots.labels(topic, "made").inc()
        metrics.state_checks.labels(topic, packed.verdict).inc()
        metrics.snapshot_bytes.labels(topic).set(len(packed.data))
        self._witnesses.made(loop, len(packed.data))
        metrics.snapshot_seconds.labels(topic).set(self._app.clock.monotonic_s() - began_s)


async def _child_output(database: Path, topic: str, witness: Witness | None) -> bytes:
    command = [sys.executable, "-m", __name__, str(database), topic]
    command += [str(witness)] if witness is not None else []
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        output, _ = await child.communicate()
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    return output if child.returncode == 0 else b""


def fold(database: Path, topic: str, witness: str = "") -> bytes:
    """The child's work: the state at the log's durable end, packed."""
    engine: Any = importlib.import_module(ENGINES[topic])
    found = _starting(engine, database, topic)
    comparison = Comparison(engine, parsed(witness))
    comparison.look(found)
    for record in stored_records(database, topic, 0, found.offset):
        found.take(engine, record)
        comparison.look(found)
    positions = [place.written(name).SerializeToString() for name, place in found.places.items()]
    fence = found.fence
    return msgspec.msgpack.encode(
        _Packed(
            engine.STATE_VERSION,
            found.offset,
            fence.epoch,
            fence.next_seq,
            found.now_ms,
            positions,
            engine.dump(found.state),
            comparison.verdict,
        )
    )


def _starting(engine: Any, database: Path, topic: str) -> restore.Fold:
    for snapshot in stored_snapshots(database, topic, 0):
        if snapshot.state_version == engine.STATE_VERSION:
            return restore.from_snapshot(engine, snapshot)
    return restore.fresh(engine)


if __name__ == "__main__":
    os.nice(NICENESS)
    try:
        sys.stdout.buffer.write(fold(Path(sys.argv[1]), *sys.argv[2:]))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(1)  # the parent is gone; nobody reads a traceback either
