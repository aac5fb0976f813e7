"""Snapshots by a child process: its fold is the live state, and its failure costs nothing but time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from proto.v1.desk_pb2 import AGENT_KIND_HUMAN, PRESENCE_STATE_ONLINE, Account, Agent, DeskConfig, Queue
from proto.v1.inbound_pb2 import DeskPut, Inbound, PresencePut
from services.embedded.snapshots import ENGINES, Snapshotter, _Packed, fold
from services.ingest import shell as ingest
from services.notify import shell as notify
from services.router import shell as router
from services.runtime import restore
from services.runtime.auth import Auth
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import ManualClock
from services.runtime.event_log import OWNED_TOPICS
from services.runtime.keys import SqliteKeys
from services.runtime.log_sqlite import SqliteLog
from services.runtime.main import App
from services.runtime.sealing import Sealing
from services.runtime.settings import Settings
from services.runtime.snapshots import SqliteSnapshots, stored_snapshots
from services.runtime.sqlite_file import SqliteFile
from services.runtime.views import MemoryStore, Views
from services.sla import shell as sla
from tests.ingest.mailbox import h, record, says

PATIENCE_S = 20.0


class Installation:
    """The four loops over one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        clock = ManualClock()
        self.file = SqliteFile(path, clock)
        self.log = SqliteLog(self.file, clock)
        keys, views = SqliteKeys(self.file), Views(MemoryStore())
        sealing = Sealing(bytes(32), keys, clock)
        snapshots = SqliteSnapshots(self.file)
        self.app = App(
            Settings(), clock, self.log, keys, sealing, MemoryBlobs(), snapshots, views, Auth(views, b"")
        )
        for bind in (ingest.bind, router.bind, sla.bind, notify.bind):
            bind(self.app)
        self.app.on_close(self.file.close)
        self.messages = 0

    async def open_a_shop(self) -> None:
        """A desk and an agent who is there."""
        desk = DeskConfig(accounts=[Account(channel="chat", account="www")], queues=[Queue(name="all")])
        online = PresencePut(agent_id="ola", state=PRESENCE_STATE_ONLINE, ttl_ms=3_600_000)
        await self.take(
            record("desk", desk=DeskPut(desk=desk, body_hash=h("desk"))),
            record("agent", agent=Agent(agent_id="ola", kind=AGENT_KIND_HUMAN)),
            record("online", presence=online),
        )

    async def customers(self, count: int) -> None:
        """So many more customers write."""
        first, self.messages = self.messages, self.messages + count
        await self.take(*(says(f"m{n}", f"u{n}", channel="chat") for n in range(first, self.messages)))

    async def take(self, *records: Inbound) -> None:
        """Append to the mailbox, and wait until every loop has decided and committed all that follows."""
        for one in records:
            await self.log.append("inbound", 0, [one.SerializeToString()])
        async with asyncio.timeout(PATIENCE_S):
            while not await self._quiet():
                await asyncio.sleep(0)

    async def _quiet(self) -> bool:
        ends = {topic: await self.log.end(topic, 0) for topic in ("inbound", *OWNED_TOPICS)}
        return all(
            loop.place()[0] == ends[topic]
            and all(loop.covered(read) == ends[read] for read in loop.engine.INPUTS)
            for topic, loop in self.app.loops.items()
        )

    def folded(self, topic: str) -> _Packed:
        """What the child would say."""
        return msgspec.msgpack.decode(fold(self.path, topic), type=_Packed)

    def live(self, topic: str) -> bytes:
        """The loop's state as bytes."""
        loop = self.app.loops[topic]
        state: bytes = loop.engine.dump(loop.state)
        return state


@asynccontextmanager
async def installation(path: Path) -> AsyncIterator[Installation]:
    """Start it, let customers write, stop it."""
    made = Installation(path / "centrala.db")
    await made.app.start()
    try:
        await made.open_a_shop()
        await made.customers(5)
        yield made
    finally:
        await made.app.stop()


async def test_the_childs_fold_is_the_live_state(tmp_path: Path) -> None:
    """For each engine the child's bytes are those of the live state, at the loop's own place."""
    async with installation(tmp_path) as made:
        assert set(ENGINES) == set(made.app.loops)
        for topic, loop in made.app.loops.items():
            packed = made.folded(topic)
            assert packed.data == made.live(topic)
            assert (packed.offset, packed.epoch, packed.next_seq) == loop.place()


async def test_the_next_child_goes_on_from_the_last_snapshot(tmp_path: Path) -> None:
    """What is folded from a snapshot on is what is folded from the beginning on, positions included."""
    async with installation(tmp_path) as made:
        before = made.folded("routing")
        await Snapshotter(made.app, made.path).make("routing")
        await made.customers(3)
        [kept] = stored_snapshots(made.path, "routing", 0)
        assert (kept.offset, kept.data) == (before.offset, before.data)
        after = made.folded("routing")
        assert after.offset > before.offset
        assert after.data == made.live("routing")


async def test_a_snapshot_by_the_child_is_restored(tmp_path: Path) -> None:
    """A real child's snapshot is kept, counted, and all that the next start needs."""
    async with installation(tmp_path) as made:
        live, place = made.live("sla"), made.app.loops["sla"].place()
        await Snapshotter(made.app, made.path).make("sla")
        text = made.app.metrics.render()
        assert b'centrala_snapshots_total{outcome="made",topic="sla"} 1.0' in text
        assert f'centrala_snapshot_bytes{{topic="sla"}} {float(len(live))}'.encode() in text
        fold = await restore.begin(made.app.loops["sla"].engine, made.log, made.app.snapshots, 0)
    assert (fold.offset, fold.fence.epoch, fold.fence.next_seq) == place
    assert made.app.loops["sla"].engine.dump(fold.state) == live
    assert fold.events == 0


async def test_a_failed_child_is_said_and_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A child that dies leaves no snapshot behind, is logged and counted, and the loops go on."""
    async with installation(tmp_path) as made:
        with caplog.at_level(logging.ERROR):
            await Snapshotter(made.app, tmp_path / "nowhere.db").make("routing")
        assert "no snapshot of routing" in caplog.text
        assert b'centrala_snapshots_total{outcome="failed",topic="routing"} 1.0' in made.app.metrics.render()
        assert await made.app.snapshots.load("routing", 0) is None
        await made.customers(1)
        assert len(made.app.loops["routing"].state.data.conversations) == 6
        await Snapshotter(made.app, made.path).make("routing")
        assert await made.app.snapshots.load("routing", 0) is not None


async def test_a_live_state_that_the_log_does_not_tell_is_found(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each snapshot compares the live state with the log's fold at the same place: what the loops decided is
    the same; what was changed beside the log is counted as different, and said."""
    async with installation(tmp_path) as made:
        snapshotter = Snapshotter(made.app, made.path)
        for topic in made.app.loops:
            await snapshotter.make(topic)
            same = f'centrala_state_checks_total{{outcome="same",topic="{topic}"}} 1.0'
            assert same.encode() in made.app.metrics.render()
        loop = made.app.loops["routing"]
        loop.state.data.conversations.popitem()
        await snapshotter.make("routing")
        different = b'centrala_state_checks_total{outcome="different",topic="routing"} 1.0'
        assert different in made.app.metrics.render()
        assert "routing: the live state" in capfd.readouterr().err  # the child says it
