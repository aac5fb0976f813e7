"""Presence: from the sessions that edges report to `agent_found` and `agent_lost` for the engine.

Every edge says each two seconds which agents' sessions live there (topic presence). A session that was
cut may have lived for almost two seconds after its last beat: so an agent is lost whom nobody has
reported for the desk's `agent_lost_after` and one beat, never too early, however short that time is.
What is known of the past does not outlive this process: whoever takes over a partition, and whoever
wakes up after a pause, grants everybody a fresh period of grace, so that no fail-over throws agents
out. Only transitions go to the engine, and its state, not ours, says which they are: what gets lost
on the way is said again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import NamedTuple

from google.protobuf.message import DecodeError

from proto.v1.envelope_pb2 import PresenceBeat
from proto.v1.routing_pb2 import AgentFound, AgentLost, RoutingEvent
from services.kernel.engine import LOCAL, Input
from services.kernel.limits import NOTICE_LOST_MS_MAX, PRESENCE_BEAT_MS
from services.router.state import State
from services.runtime.clock import Clock
from services.runtime.event_log import TRY_LATER, EventLog, LogReader, LogRecord, TopicPartition
from services.runtime.loop import Loop

_log = logging.getLogger(__name__)

TOPIC = "presence"
JUDGE_EVERY_MS = 500
"""How often absences are looked for."""
assert PRESENCE_BEAT_MS + JUDGE_EVERY_MS < NOTICE_LOST_MS_MAX, "a lost agent must be noticed in time"


class Agent(NamedTuple):
    """Agent ids are a desk's own."""

    desk_id: str
    agent_id: str


class Sightings:
    """When each agent's session was seen last, and what follows for the engine. Does no I/O."""

    __slots__ = ("_judged_ms", "_seen", "_since_ms")

    def __init__(self, now_ms: int) -> None:
        self._seen: dict[Agent, int] = {}
        self._since_ms = now_ms
        self._judged_ms = now_ms

    def grace(self, now_ms: int) -> None:
        """From now on count anew: nobody is missed for longer than since now."""
        self._since_ms = self._judged_ms = now_ms

    def beat(self, beat: PresenceBeat, at_ms: int) -> None:
        """These sessions lived then."""
        for desk_id, agent_id in zip(beat.desk_ids, beat.agent_ids, strict=False):
            key = Agent(desk_id, agent_id)
            self._seen[key] = max(at_ms, self._seen.get(key, 0))

    def judge(self, state: State, now_ms: int) -> list[RoutingEvent]:
        """Whom the state has present who is not there any more, and the other way round."""
        if now_ms - self._judged_ms > NOTICE_LOST_MS_MAX:
            self.grace(now_ms)  # we were paused, so that nothing could be seen
        self._judged_ms = now_ms
        return [*self._found(state, now_ms), *self._lost(state, now_ms)]

    def _found(self, state: State, now_ms: int) -> Iterable[RoutingEvent]:
        gone = []
        for key, seen_ms in self._seen.items():
            desk = state.desk(key.desk_id)
            agent = desk.agents.get(key.agent_id)
            if now_ms - seen_ms > desk.agent_lost_after_ms + PRESENCE_BEAT_MS:
                gone.append(key)
            elif agent is not None and not agent.session:
                yield RoutingEvent(desk_id=key.desk_id, agent_found=AgentFound(agent_id=key.agent_id))
        for key in gone:
            del self._seen[key]  # whoever is present by the state is missed since `_since_ms`

    def _lost(self, state: State, now_ms: int) -> Iterable[RoutingEvent]:
        for desk_id, desk in state.data.desks.items():
            for agent_id, agent in desk.agents.items():
                if not agent.session:
                    continue
                seen_ms = max(self._seen.get(Agent(desk_id, agent_id), 0), self._since_ms)
                if now_ms - seen_ms > desk.agent_lost_after_ms + PRESENCE_BEAT_MS:
                    yield RoutingEvent(desk_id=desk_id, agent_lost=AgentLost(agent_id=agent_id))


class Watcher:
    """Reads the beats of one partition and tells the router's loop."""

    def __init__(self, loop: Loop, log: EventLog, clock: Clock) -> None:
        self._loop = loop
        self._log = log
        self._clock = clock
        self._place = TopicPartition(TOPIC, loop.partition)
        self._sightings = Sightings(clock.now_ms())
        self._told = 0
        loop.on_owned(self._owned)

    async def _owned(self) -> None:
        """The partition was taken over, by us: whoever is there gets the time to say so."""
        self._sightings.grace(self._clock.now_ms())

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._loop.ready.wait()
            reader = self._log.reader({self._place: await self._log.end(*self._place)})
            try:
                await self._watch(reader)
            except TRY_LATER as error:
                _log.warning("presence is read again: %s", error)
                await asyncio.sleep(JUDGE_EVERY_MS / 1000)
            finally:
                await reader.close()

    async def _watch(self, reader: LogReader) -> None:
        judge_ms = self._clock.now_ms()
        while True:
            now_ms = self._clock.now_ms()
            fetched = await reader.fetch(max(0, min(JUDGE_EVERY_MS, judge_ms - now_ms)))
            self._take(fetched.records)
            now_ms = self._clock.now_ms()
            if fetched.records or now_ms >= judge_ms:
                if self._loop.ready.is_set():
                    self._tell(now_ms)
                # Also while it is not: who does not wait reads without a pause.
                judge_ms = now_ms + JUDGE_EVERY_MS

    def _take(self, records: Iterable[LogRecord]) -> None:
        for record in records:
            try:
                beat = PresenceBeat.FromString(record.value)
            except DecodeError as error:
                _log.error("unreadable presence beat at %d: %s", record.offset, error)
                continue
            self._sightings.beat(beat, min(record.at_ms, self._clock.now_ms()))

    def _tell(self, now_ms: int) -> None:
        for event in self._sightings.judge(self._loop.state, now_ms):
            self._told += 1
            self._loop.submit(Input(LOCAL, f"{LOCAL}:presence/{now_ms}/{self._told}", now_ms, event))
