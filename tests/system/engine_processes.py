"""Engines as processes over a real broker, and traffic that tells how long each record waited.

async with installation(broker, tmp_path) as place:
    first = await place.start("services.ingest")
    async with traffic(place) as records:
        ...
        await records.decided()
        records.longest_ms(since_s)
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bench.brokers import Cluster
from bench.redis_server import redis_server
from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.envelope_pb2 import Batch
from proto.v1.inbound_pb2 import AgentRequest, Inbound
from services.kernel.claims import Fence, is_claim
from services.kernel.ids import derive_id
from services.runtime.clock import SystemClock
from services.runtime.event_log import TRY_LATER, EventLog, TopicPartition
from services.runtime.kafka_access import KafkaAccess
from services.runtime.log_kafka import KafkaLog
from tests.contracts.harness import ROOT
from tests.contracts.kafka_harness import installed

PARTITIONS = 4
WITHIN_S = 180
EVERY_S = 0.02
CLOCK = SystemClock()


class Place:
    """One installation on a broker: its topics, and the processes that run over them."""

    def __init__(self, access: KafkaAccess, log: EventLog, redis: str, folder: Path) -> None:
        self.log = log
        self._redis = redis
        self._access = access
        self._folder = folder
        self._running: list[Process] = []

    async def start(self, module: str, partitions: int = PARTITIONS) -> Process:
        """Start an engine's process; returns when it says that it runs, fails if it ends before."""
        environment = os.environ | {
            "CENTRALA_KAFKA": self._access.servers,
            "CENTRALA_KAFKA_PREFIX": self._access.prefix,
            "CENTRALA_REDIS": self._redis,
            "CENTRALA_PARTITIONS": str(partitions),
            "CENTRALA_REPLICATION": "1",
            "CENTRALA_MASTER_KEY": "ab" * 32,
            "CENTRALA_DATA": str(self._folder),
            "CENTRALA_PORT": "0",
            "CENTRALA_LOG_LEVEL": "error",
        }
        command = [sys.executable, "-m", module]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE)
        self._running.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            line = await process.stdout.readline()
        assert b"engine runs" in line
        return process

    async def end(self) -> None:
        """Kill what still runs."""
        for process in self._running:
            if process.returncode is None:
                process.kill()
                await process.wait()


@asynccontextmanager
async def installation(broker: Cluster, folder: Path) -> AsyncIterator[Place]:
    """An installation of its own, with nothing running yet."""
    access = await installed(broker, partitions=PARTITIONS)
    log = await KafkaLog.open(access)
    async with redis_server(folder / "redis") as redis:
        place = Place(access, log, redis.url, folder)
        try:
            yield place
        finally:
            await place.end()
            await log.close()


class Traffic:
    """Requests to ingest on every partition, each until its outcome is on the log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._sent: dict[str, float] = {}
        self._done: dict[str, float] = {}
        self.twice: list[str] = []
        self.claims: dict[int, int] = dict.fromkeys(range(PARTITIONS), 0)
        """The current epoch of each partition."""
        self._moved = asyncio.Event()

    async def write(self) -> None:
        """A record for each partition again and again, until cancelled."""
        for n in itertools.count():
            for partition in range(PARTITIONS):
                record_id = derive_id("r", str(partition), str(n))
                asked = AgentRequest(agent_id="ola", requested_at_ms=CLOCK.now_ms())
                record = Inbound(desk_id=f"d{partition}", record_id=record_id, request=asked)
                began_s = CLOCK.monotonic_s()
                try:
                    await self._log.append("inbound", partition, [record.SerializeToString()])
                except TRY_LATER:
                    continue  # nobody was promised anything
                self._sent[record_id] = began_s
            await asyncio.sleep(EVERY_S)

    async def read(self) -> None:
        """Judge ingest's logs as every reader does, until cancelled."""
        reader = self._log.reader({TopicPartition("conversations", n): 0 for n in range(PARTITIONS)})
        fences = {n: Fence() for n in range(PARTITIONS)}
        while True:
            for record in (await reader.fetch(1_000)).records:
                batch = Batch.FromString(record.value)
                if not fences[record.partition].admit(batch):
                    continue
                if is_claim(batch):
                    self.claims[record.partition] = batch.epoch
                for event in map(ConversationsEvent.FromString, batch.events):
                    if event.origin_id in self._done:
                        self.twice.append(event.origin_id)
                    self._done[event.origin_id] = CLOCK.monotonic_s()
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()

    async def decided(self) -> None:
        """Wait until everything sent by now has its outcome."""
        wanted = set(self._sent)
        await self.until(lambda: wanted <= self._done.keys())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds that what is read can change."""
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                await self._moved.wait()

    def longest_ms(self, since_s: float) -> int:
        """The longest that a record sent since then waited for its outcome."""
        sent = {record: at_s for record, at_s in self._sent.items() if at_s >= since_s}
        waited = [self._done[record] - at_s for record, at_s in sent.items() if record in self._done]
        return round(max(waited, default=0.0) * 1000)


@asynccontextmanager
async def traffic(place: Place) -> AsyncIterator[Traffic]:
    """Traffic that runs until the end of the block; then everything must be decided exactly once."""
    made = Traffic(place.log)
    reading = asyncio.create_task(made.read())
    writing = asyncio.create_task(made.write())
    try:
        yield made
        writing.cancel()
        await asyncio.wait([writing])
        await made.decided()
        assert made.twice == []
    finally:
        for task in (writing, reading):
            task.cancel()
        await asyncio.wait([writing, reading])


def freeze(process: Process) -> None:
    """Stop a process where it stands."""
    process.send_signal(signal.SIGSTOP)


def thaw(process: Process) -> None:
    """Have it go on."""
    process.send_signal(signal.SIGCONT)
