"""The distributed system as processes: Kafka, Redis, every engine and the edges, over one folder.

async with running(Fleet(folder, brokers=3, edges=2)) as fleet:
    async with fleet.edges[0].connect() as admin:
        ...
    fleet.engines["router"][0].kill()
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.brokers import Cluster
from bench.program import ROOT, Program, free_port
from bench.redis_server import RedisServer
from services.runtime.kafka_access import KafkaAccess
from services.runtime.settings import Settings
from services.runtime.topics import TOPICS, Topics

ENGINES = ("ingest", "router", "sla", "notify")


class Fleet:
    """One installation. Each part can be killed, frozen and started again by itself.

    replicas: processes of each engine. advertised: a port for each broker, where a proxy stands before it.
    jvm: options of the brokers' JVM.
    """

    def __init__(
        self,
        folder: Path,
        brokers: int = 3,
        partitions: int = 4,
        replicas: int = 1,
        edges: int = 1,
        settings: Mapping[str, str] | None = None,
        advertised: Sequence[int] = (),
        jvm: str = "",
    ) -> None:
        self.folder = folder
        self.partitions = partitions
        self.cluster = Cluster(folder / "kafka", brokers, advertised=advertised, jvm=jvm)
        self.redis = RedisServer(folder / "redis")
        self.settings = {
            "CENTRALA_KAFKA": self.cluster.address,
            "CENTRALA_REDIS": self.redis.url,
            "CENTRALA_REDIS_WITHIN_MS": "2000",  # two cores for everything
            "CENTRALA_PARTITIONS": str(partitions),
            "CENTRALA_REPLICATION": str(brokers),
            "CENTRALA_MASTER_KEY": "ab" * 32,
            "CENTRALA_DATA": str(folder),
            "CENTRALA_SMTP": "false",
            "PYTHONPYCACHEPREFIX": str(ROOT / ".cache/bytecode"),  # what one has compiled, all have
            **(settings or {}),
        }
        self.engines = {
            name: [self._program(name, f"{name}-{n}") for n in range(replicas)] for name in ENGINES
        }
        self.edges = [self._edge(n) for n in range(edges)]

    def _program(self, name: str, output: str, **settings: str) -> Program:
        return Program(f"services.{name}", self.folder / f"{output}.log", self.settings | settings)

    def _edge(self, number: int) -> Program:
        return self._program("edge", f"edge-{number}", CENTRALA_GRPC_PORT=str(free_port()))

    @property
    def access(self) -> KafkaAccess:
        """How to speak to the brokers."""
        return KafkaAccess(self.cluster.address)

    def programs(self) -> dict[str, Program]:
        """All our processes, by their names: `router-0`, `edge-1`."""
        named = {f"{name}-{n}": one for name, ones in self.engines.items() for n, one in enumerate(ones)}
        return named | {f"edge-{n}": one for n, one in enumerate(self.edges)}

    def pids(self) -> dict[str, int]:
        """Every process that runs: ours, the brokers (`kafka-1`), and `redis`."""
        found = {name: one.pid for name, one in self.programs().items() if one.alive()}
        found |= {f"kafka-{node}": self.cluster.pid(node) for node in self.cluster.nodes}
        return found | {"redis": self.redis.pid}

    async def start(self) -> None:
        """Start everything; returns when all of it is ready."""
        await asyncio.gather(asyncio.to_thread(self.cluster.start), self.redis.start())
        settings = Settings.from_environment(self.settings)
        await Topics(self.access, settings.partitions, settings.replication).make(TOPICS)
        programs = self.programs().values()
        for program in programs:
            program.launch()
        await asyncio.gather(*(program.ready() for program in programs))

    def kill(self) -> None:
        """End everything at once: what it holds is thrown away with the folder."""
        for program in self.programs().values():
            program.kill()
        self.redis.kill()
        self.cluster.close()


@asynccontextmanager
async def running(fleet: Fleet) -> AsyncIterator[Fleet]:
    """The fleet for the time of the context, which SIGTERM ends as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await fleet.start()
        yield fleet
    finally:
        fleet.kill()
