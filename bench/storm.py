"""What is done to an installation in `bench chaos`: one thing after the other, drawn from a seed.

Three tracks run beside each other, so that troubles meet: our own processes; brokers (one at a time, and
the next only when every record is on all of them again) and Redis; the network, by the proxy's weather.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient

from bench.fleet import Fleet
from bench.program import Program
from bench.proxy import Weather
from bench.waits import Pause
from services.runtime.clock import SystemClock
from services.runtime.kafka_wire import NOT_NOW
from services.runtime.topics import TOPICS

PAUSE_S = (1.0, 6.0)
"""Between the end of one trouble on a track and the next."""
DEAD_S = (0.0, 3.0)
FROZEN_S = (0.5, 10.0)
"""Shorter and longer than a session of the group (6 s)."""
BROKER_AWAY_S = (2.0, 8.0)
REDIS_AWAY_S = (0.5, 4.0)
STARTS_MAX = 5
LOST_MAX = 10
LATE_MAX = 3
NO_LEADER = -1
WHOLE_WITHIN_S = 300.0
LOOK_S = 0.5
LOOK_WITHIN_S = 2.0
"""For an answer about the topics: one who is asked may be the broker that is frozen."""

_log = logging.getLogger(__name__)


class Trouble(NamedTuple):
    """One thing that was done: from when to when, seconds of the machine's clock."""

    began_s: float
    ended_s: float
    what: str
    whom: str


class Storm:
    """Troubles until a time, and the record of them."""

    def __init__(self, fleet: Fleet, weather: Weather, seed: int) -> None:
        self.troubles: list[Trouble] = []
        self.ended_alone: Counter[str] = Counter()
        """Our processes that ended by themselves."""
        self.started_again: Counter[str] = Counter()
        """Those that gave up in a start, because nobody answered them, and got another."""
        self._fleet = fleet
        self._weather = weather
        self._seed = seed
        self._clock = SystemClock()
        self._until_s = 0.0
        self._still: list[tuple[int, float, float]] = []
        """When a partition stood still with a broker: its number, from when to when, seconds of the clock."""
        self._brokers = asyncio.Lock()
        """Held while a broker is in trouble."""

    async def run(self, seconds: float, roll: bool) -> None:
        """So many seconds of trouble; returns when everything runs again. roll: everything is restarted in
        turn about the middle."""
        self._until_s = self._clock.monotonic_s() + seconds
        roll_at_s = self._until_s - seconds / 2 if roll else self._until_s
        async with asyncio.TaskGroup() as tracks:
            tracks.create_task(self._track("services", self._service, roll_at_s))
            tracks.create_task(self._track("stores", self._store, self._until_s))
            tracks.create_task(self._track("network", self._network, self._until_s))
        self._weather.to_lose = self._weather.to_delay = 0

    async def _track(
        self, name: str, trouble: Callable[[random.Random], Awaitable[None]], roll_at_s: float
    ) -> None:
        dice = random.Random(f"{self._seed}/{name}")
        rolled = roll_at_s >= self._until_s
        while self._clock.monotonic_s() < self._until_s:
            if not rolled and self._clock.monotonic_s() >= roll_at_s:
                rolled = True
                await self._roll()
            await asyncio.sleep(dice.uniform(*PAUSE_S))
            await trouble(dice)

    # Our processes

    async def _service(self, dice: random.Random) -> None:
        name, program = dice.choice(sorted(self._fleet.programs().items()))
        await self._revive(name, program)
        what = dice.choice((self._killed, self._frozen, self._restarted))
        await what(name, program, dice)

    async def _killed(self, name: str, program: Program, dice: random.Random) -> None:
        began_s = self._clock.monotonic_s()
        program.kill()
        await asyncio.sleep(dice.uniform(*DEAD_S))
        await self._start(name, program)
        self._note(began_s, "kill", name)

    async def _frozen(self, name: str, program: Program, dice: random.Random) -> None:
        began_s = self._clock.monotonic_s()
        program.send(signal.SIGSTOP)
        await asyncio.sleep(dice.uniform(*FROZEN_S))
        program.send(signal.SIGCONT)
        self._note(began_s, "freeze", name)

    async def _restarted(self, name: str, program: Program, _dice: random.Random) -> None:
        began_s = self._clock.monotonic_s()
        await asyncio.to_thread(program.stop)
        await self._start(name, program)
        self._note(began_s, "restart", name)

    async def _revive(self, name: str, program: Program) -> None:
        if not program.alive():
            self.ended_alone[name] += 1
            await self._start(name, program)

    async def _start(self, name: str, program: Program) -> None:
        """As who runs containers does: what ends in its start is started again. Raises what the last says."""
        for _ in range(STARTS_MAX - 1):
            try:
                await program.start()
            except RuntimeError as error:
                _log.info("%s is started again: %s", name, error)
                self.started_again[name] += 1
            else:
                return
        await program.start()

    async def all_alive(self) -> None:
        """Start what has ended by itself, and count it."""
        for name, program in self._fleet.programs().items():
            await self._revive(name, program)

    async def _roll(self) -> None:
        """Restart everything, one after the other."""
        dice = random.Random(self._seed)
        for name, program in self._fleet.programs().items():
            await self._revive(name, program)
            await self._restarted(name, program, dice)
        for node in self._fleet.cluster.nodes:
            await self._broker(node, self._broker_restarted, 0.0)
        await self._redis_killed(dice)

    # Brokers and Redis

    async def _store(self, dice: random.Random) -> None:
        node = dice.choice(self._fleet.cluster.nodes)
        brokers = (self._broker_killed, self._broker_frozen, self._broker_restarted)
        redis = (self._redis_killed, self._redis_frozen, self._redis_flushed)
        if dice.random() < 0.5:
            await self._broker(node, dice.choice(brokers), dice.uniform(*BROKER_AWAY_S))
        else:
            await dice.choice(redis)(dice)

    async def _broker(self, node: int, what: Callable[[int, float], Awaitable[None]], away_s: float) -> None:
        async with self._brokers:
            led = held_by(node, await self._described(), self._fleet.partitions, "leader")
            began_s, is_back = self._clock.monotonic_s(), asyncio.Event()
            async with asyncio.timeout(WHOLE_WITHIN_S), asyncio.TaskGroup() as tasks:
                freed = tasks.create_task(self._freed_s(node, is_back))
                await what(node, away_s)
                is_back.set()
            self._note(began_s, what.__name__.removeprefix("_broker_"), f"kafka-{node}")
            if what == self._broker_frozen:  # who asked it waits for its answer, others may lead or not
                freed.result().update(dict.fromkeys(led, self.troubles[-1].ended_s))
            self._still += ((partition, began_s, at_s) for partition, at_s in freed.result().items())
            await self._whole()

    async def _freed_s(self, node: int, is_back: asyncio.Event) -> dict[int, float]:
        """When each partition went on without the broker, or with it again."""
        freed: dict[int, float] = {}
        count = self._fleet.partitions
        while len(freed) < count:
            await asyncio.sleep(LOOK_S)
            roles = () if is_back.is_set() else ("leader", "isr")
            held = held_by(node, await self._described(), count, *roles)
            for partition in set(range(count)) - held:
                freed.setdefault(partition, self._clock.monotonic_s())
        return freed

    async def _broker_killed(self, node: int, away_s: float) -> None:
        await asyncio.to_thread(self._fleet.cluster.signal, node, signal.SIGKILL)
        await asyncio.sleep(away_s)
        await asyncio.to_thread(self._fleet.cluster.start, node)

    async def _broker_frozen(self, node: int, away_s: float) -> None:
        self._fleet.cluster.signal(node, signal.SIGSTOP)
        await asyncio.sleep(away_s)
        self._fleet.cluster.signal(node, signal.SIGCONT)

    async def _broker_restarted(self, node: int, _away_s: float) -> None:
        await asyncio.to_thread(self._fleet.cluster.stop, node)
        await asyncio.to_thread(self._fleet.cluster.start, node)

    async def _whole(self) -> None:
        """Wait until all brokers have everything: with one away, another may not go."""
        async with asyncio.timeout(WHOLE_WITHIN_S):
            while not await self._in_sync():
                await asyncio.sleep(LOOK_S)

    async def _in_sync(self) -> bool:
        brokers: Sequence[int] = self._fleet.cluster.nodes
        found = await self._described()
        return bool(found) and all(
            len(one["isr"]) == len(brokers) for topic in found for one in topic["partitions"]
        )

    async def _described(self) -> Sequence[Any]:
        """Our topics; empty: the brokers do not say."""
        access = self._fleet.access
        admin = AIOKafkaAdminClient(**access.options())
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                await admin.start()
                found: Sequence[Any] = await admin.describe_topics([access.topic(topic) for topic in TOPICS])
        except NOT_NOW as error:  # TimeoutError is among them
            _log.info("brokers do not say how our topics are: %r", error)
            return ()
        finally:
            await admin.close()
        return found

    async def _redis_killed(self, dice: random.Random) -> None:
        began_s = self._clock.monotonic_s()
        self._fleet.redis.kill()
        await asyncio.sleep(dice.uniform(*REDIS_AWAY_S))
        await self._fleet.redis.start()
        self._note(began_s, "kill", "redis")

    async def _redis_frozen(self, dice: random.Random) -> None:
        began_s = self._clock.monotonic_s()
        self._fleet.redis.freeze()
        await asyncio.sleep(dice.uniform(*REDIS_AWAY_S))
        self._fleet.redis.thaw()
        self._note(began_s, "freeze", "redis")

    async def _redis_flushed(self, _dice: random.Random) -> None:
        began_s = self._clock.monotonic_s()
        await self._fleet.redis.flush()
        self._note(began_s, "flush", "redis")

    # The network

    async def _network(self, dice: random.Random) -> None:
        """Order that acknowledgements get lost, or that appends land late."""
        began_s = self._clock.monotonic_s()
        if dice.random() < 0.5:
            self._weather.to_lose = dice.randint(1, LOST_MAX)
            self._note(began_s, "lose", f"{self._weather.to_lose} acknowledgements")
        else:
            self._weather.to_delay = dice.randint(1, LATE_MAX)
            self._note(began_s, "delay", f"{self._weather.to_delay} appends")

    def stood_still(self) -> dict[int, list[Pause]]:
        """When a partition stood still because a broker did, by partition."""
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        found: dict[int, list[Pause]] = {}
        for partition, *times_s in self._still:
            since_ms, until_ms = (now_ms - round((now_s - at_s) * 1000) for at_s in times_s)
            found.setdefault(partition, []).append(Pause(since_ms, until_ms))
        return found

    def clock_s(self, unix_ms: int) -> float:
        """A time of the log as one of the machine's clock, which troubles are told by."""
        return self._clock.monotonic_s() - (self._clock.now_ms() - unix_ms) / 1000

    def _note(self, began_s: float, what: str, whom: str) -> None:
        self.troubles.append(Trouble(began_s, self._clock.monotonic_s(), what, whom))


def held_by(node: int, topics: Sequence[Any], partitions: int, *roles: str) -> set[int]:
    """The partitions that have a log without a leader, or one in which the broker has one of these roles:
    "leader", or "isr", without whom nothing is acknowledged. topics: as Kafka describes them; none: brokers
    do not say, and every partition counts."""
    every = [one for topic in topics for one in topic["partitions"]]
    if not every:
        return set(range(partitions))
    return {
        one["partition"]
        for one in every
        if one["leader"] == NO_LEADER
        or ("leader" in roles and one["leader"] == node)
        or ("isr" in roles and node in one["isr"])
    }
