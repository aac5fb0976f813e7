"""Feeds the metrics of a process with what happens in its loops, its log file and its streams.

Theory of operation. While a message is on its way, telemetry only adds to plain numbers: one dictionary
access for each committed event, a handful of fields for the few kinds that a service counts by more than
their kind (its `figures.py`). All the rest is read when somebody asks for `/metrics`: the loops' tallies,
what is open, how far each loop is behind its inputs, and the invariants of the engines' states, in parts
between which the loops go on.

Invariants are not looked at while an engine restores, nor in the first seconds after it did: what became
due while nobody owned the partition is being worked off then.

A process may drive several loops of one topic, one for each partition. Their counters add up, their gauges
are told together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from services.kernel.limits import CLOCK_SKEW_MS_MAX
from services.runtime.clock import Clock, SteadyClock
from services.runtime.event_log import TRY_LATER, EventLog
from services.runtime.loop import Committed, Loop
from services.runtime.measures import Values
from services.runtime.metrics import RULES, VERSION, Figures, Invariants, Metrics
from services.runtime.publish import Publishers
from services.runtime.redis_link import RedisLink
from services.runtime.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from services.runtime.main import App

SETTLING_MS = 5_000
"""How long after a restore the invariants are not looked at."""
PULSE_S = 0.1
"""Between two looks at how late the process wakes up."""
CLOCK_EVERY_S = 5.0
"""Between two looks at the machine's clock."""
ASKED_WITHIN_S = 1.0
"""How long a scrape waits for the log to say where a topic ends."""

Hear = Callable[[Any], None]
"""Is told of an event that is committed."""
Look = Callable[[], Iterable[int]]
"""Gives how often a rule is broken now, in parts."""

_log = logging.getLogger(__name__)


def bind(app: App) -> None:
    """Feed the metrics with what an App's loops do from now on. The services are bound before."""
    telemetry = Telemetry(app.metrics, app.clock, app.log)
    for loop in app.loops.values():
        telemetry.follow(loop)


def watch_process(app: App) -> None:
    """What a process tells once, however many Apps it holds: version, streams, how late it wakes up."""
    app.metrics.build_info.set({(VERSION,): 1})
    app.metrics.streams_open.set_function(app.hub.streams)

    async def pulse() -> None:
        late = app.metrics.event_loop_late_seconds.labels()
        while True:
            asked_s = app.clock.monotonic_s()
            await asyncio.sleep(PULSE_S)
            late.observe(max(0.0, app.clock.monotonic_s() - asked_s - PULSE_S))

    app.add_task("pulse", pulse)


def watch_file(metrics: Metrics, file: SqliteFile) -> None:
    """Feed what the log's file says of its commits."""
    file.observe_commit = metrics.fsync_seconds.labels().observe
    metrics.commit_failures.read(lambda: {(): file.generation})


def watch_clock(app: App, clock: SteadyClock) -> None:
    """Tell when the machine's clock is behind the log's, and when it has caught up."""

    async def look() -> None:
        said = False
        while True:
            behind_ms = clock.ahead_ms()
            app.metrics.clock_behind_seconds.set(behind_ms / 1_000)
            if behind_ms > CLOCK_SKEW_MS_MAX and not said:
                _log.warning(
                    "the machine's clock is %.1f s behind the log's: until it has caught up, time goes at"
                    " half its pace, and what is promised comes late. Look after it (NTP)",
                    behind_ms / 1_000,
                )
            elif said and not behind_ms:
                _log.warning("the machine's clock has caught up with the log's")
            said = behind_ms > CLOCK_SKEW_MS_MAX or (said and behind_ms > 0)
            await asyncio.sleep(CLOCK_EVERY_S)

    app.add_task("clock", look)


def watch_redis(metrics: Metrics, link: RedisLink, publishers: Publishers) -> None:
    """Tell whether Redis answers, by asking it whenever somebody asks us, and whether views are written."""

    async def look() -> None:
        metrics.redis_away.set(not await link.answers())
        metrics.views_unwritten.set(publishers.unwritten())

    metrics.refreshers.append(look)


class Telemetry:
    """All loops of a process."""

    def __init__(self, metrics: Metrics, clock: Clock, log: EventLog) -> None:
        self._metrics = metrics
        self._clock = clock
        self._log = log
        self._held = _Held(metrics)
        self._loops: dict[str, list[Loop]] = {}
        metrics.refreshers.append(self.refresh)

    def follow(self, loop: Loop) -> None:
        """Watch a loop from now on, before it runs."""
        topic, metrics = loop.engine.TOPIC, self._metrics
        figures, invariants = metrics.figures.get(topic), metrics.invariants.get(topic)
        made = invariants() if invariants is not None else None
        _Followed(metrics, loop, self._clock, figures, made, self._held)
        self._loops.setdefault(topic, []).append(loop)

    async def refresh(self) -> None:
        """Bring up to date what is told of all loops together."""
        metrics, owned = self._metrics, self._loops.items()
        metrics.restore_seconds.set({(t,): max(one.tally.restore_s for one in loops) for t, loops in owned})
        metrics.restored_events.set(
            {(t,): max(one.tally.restored_events for one in loops) for t, loops in owned}
        )
        metrics.engines_ready.set({(t,): all(one.ready.is_set() for one in loops) for t, loops in owned})
        for topic, loops in owned:
            figures = metrics.figures.get(topic)
            if figures is not None:
                states = [loop.state for loop in loops if loop.ready.is_set()]
                for _ in figures.look(states, self._clock.now_ms()):
                    await asyncio.sleep(0)
        await self._behind()

    async def _behind(self) -> None:
        """How many records each loop has still to decide, by input; as it was where the log cannot tell."""
        lag: dict[tuple[str, ...], float] = {}
        for topic, loops in self._loops.items():
            for loop in loops:
                for name in loop.engine.INPUTS if loop.ready.is_set() else ():
                    try:
                        async with asyncio.timeout(ASKED_WITHIN_S):
                            end = await self._log.end(name, loop.partition)
                    except TRY_LATER:
                        return
                    behind = max(0, end - loop.covered(name)) if loop.ready.is_set() else 0
                    lag[topic, name] = lag.get((topic, name), 0) + behind
        self._metrics.lag.set(lag)


class _Held:
    """The invariants of all loops, looked at when somebody asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._violations = metrics.invariant_violations
        self._looks: dict[str, list[Look]] = {}
        metrics.refreshers.append(self.refresh)

    def hold(self, rule: str, look: Look) -> None:
        """Look at a rule of RULES from now on."""
        if rule not in RULES:
            raise ValueError(f"{rule} is no rule")
        self._looks.setdefault(rule, []).append(look)

    async def refresh(self) -> None:
        """Look at all of them; the loops get their turn between the parts."""
        for rule, looks in self._looks.items():
            found = 0
            for look in looks:
                for part in look():
                    found += part
                    await asyncio.sleep(0)
            self._violations.labels(rule).set(found)


class _Followed:
    """One loop: counts what it commits, and stands between its state and the invariants."""

    def __init__(
        self,
        metrics: Metrics,
        loop: Loop,
        clock: Clock,
        figures: Figures | None,
        invariants: Invariants | None,
        held: _Held,
    ) -> None:
        self._topic = loop.engine.TOPIC
        self._loop = loop
        self._clock = clock
        self._invariants = invariants
        # Kinds that were never seen stand at 0, so that their first one is a rise.
        kinds = loop.engine.EVENT.DESCRIPTOR.oneofs_by_name["body"].fields
        self._kinds = {kind.name: 0 for kind in kinds}
        self._hears: dict[str, tuple[Hear, ...]] = {}
        self._sizes = metrics.batch_events.labels(self._topic)
        self._owned_ms = 0
        self._next_seq: int | None = None
        self._gaps = 0
        self._tell(metrics)
        if figures is not None:
            self._hear(figures.hears(lambda: loop.state))
        if invariants is not None:
            self._hear(invariants.hears())
            for rule, look in invariants.rules().items():
                held.hold(rule, self._settled(look))
        held.hold("seq_gap", lambda: (self._gaps,))
        loop.on_owned(self._owned)
        loop.listen(self.committed)

    def _hear(self, hears: Mapping[str, Hear]) -> None:
        for kind, hear in hears.items():
            self._hears[kind] = (*self._hears.get(kind, ()), hear)

    def _tell(self, metrics: Metrics) -> None:
        """Let the metrics read the loop's numbers."""
        topic, loop = self._topic, self._loop
        tally, kinds = loop.tally, self._kinds
        for counter, total in (
            (metrics.batches, lambda: tally.batches),
            (metrics.inputs, lambda: tally.inputs - tally.deadlines),
            (metrics.deadlines, lambda: tally.deadlines),
            (metrics.loop_busy_seconds, lambda: tally.busy_s),
            (metrics.skipped_inputs, lambda: kinds["skipped"]),
            (metrics.restores, lambda: tally.claims),
            (metrics.claims_lost, lambda: tally.fenced),
        ):
            counter.read(_one(topic, total))
        metrics.events.read(lambda: {(topic, kind): count for kind, count in kinds.items()})
        loop.observe_append = metrics.append_seconds.labels(topic).observe
        loop.observe_late = metrics.deadline_late_seconds.labels(topic).observe

    def committed(self, batch: Committed) -> None:
        """Count a batch: the only thing here that a message pays for."""
        events, kinds, hears = batch.events, self._kinds, self._hears
        if self._next_seq is not None and batch.seq != self._next_seq:
            self._gaps += 1
        self._next_seq = batch.seq + 1
        self._sizes.observe(len(events))
        if self._invariants is not None:
            self._invariants.committed(batch)
        for event in events:
            kind = event.WhichOneof("body")
            kinds[kind] += 1
            if kind in hears:
                for hear in hears[kind]:
                    hear(event)

    async def _owned(self) -> None:
        """The state is a new one, and it goes on where the log stands."""
        self._owned_ms = self._clock.now_ms()
        self._next_seq = self._loop.place()[2]
        if self._invariants is not None:
            self._invariants.restored(self._loop.state)

    def _settled(self, look: Callable[[int], Iterable[int]]) -> Look:
        """Look only at the state of an engine that had time to work off what was due."""

        def looked() -> Iterable[int]:
            now_ms = self._clock.now_ms()
            if not self._loop.ready.is_set() or now_ms - self._owned_ms < SETTLING_MS:
                return ()
            return look(now_ms)

        return looked


def _one(topic: str, total: Callable[[], float]) -> Callable[[], Values]:
    """A source of one series."""
    return lambda: {(topic,): total()}
