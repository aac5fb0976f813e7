"""Seats: the partitions that an engine's process serves, each with what surrounds its engine.

Theory of operation. The group says who should serve what; claims decide who may write. A partition that is
newly ours gets a seat: the service's own `bind`, on an App that shares the process's stores and has loop,
tasks and metrics of its own. Its loop folds the log first, from a warm standby if there is one, and claims
then: until that moment its former owner goes on, so a planned move stops a desk for a claim and nothing
more. Seats are taken one after the other.

A partition that is no longer ours is served until somebody else has claimed it, which its loop looks out for
(`successor.py`). It then asks the group before it claims again (`Loop.permit`), learns that it has lost, and
its seat is given up. So two processes never fight, and a partition is never left alone because of a hint.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from services.kernel.engine import Engine
from services.runtime import telemetry
from services.runtime.main import App, Bind
from services.runtime.membership import Membership
from services.runtime.standby import Standby

LOOK_S = 1.0
"""How late at most a seat is looked after when no event tells."""
SILENT_S = 3.0
"""Half a session: a process that writes is heard far more often."""
TAKEN_AT_ONCE = 16
"""Take-overs at once: each is a few requests to brokers and some milliseconds of folding."""
DRAIN_WITHIN_S = 8.0
"""At a stop: how long others get to claim what we serve."""
ASK_AGAIN_S = 0.2
"""Between two questions to the group while it does not know us."""

_log = logging.getLogger(__name__)


class Seat(App):
    """One partition's share of a process: its stores, but loops, tasks and metrics of its own."""

    def __init__(self, app: App, partition: int) -> None:
        shared = app.log, app.keys, app.sealing, app.blobs, app.snapshots, app.views, app.auth
        super().__init__(app.settings, app.clock, *shared)
        self.partition = partition
        self.lost = asyncio.Event()
        """Set when somebody else has claimed it, and the group agrees."""


class Seats:
    """All seats of one process. `attach` and `detach` are told of each loop that comes and goes, for
    whoever publishes what it commits."""

    def __init__(
        self,
        app: App,
        engine: Engine,
        bind: Bind,
        membership: Membership,
        attach: Callable[[Seat], None] = lambda seat: None,
        detach: Callable[[Seat], None] = lambda seat: None,
    ) -> None:
        self.taken: dict[int, Seat] = {}
        self.topic = engine.TOPIC
        self._app = app
        self._engine = engine
        self._bind = bind
        self._membership = membership
        self._attach = attach
        self._detach = detach
        self._standbys: dict[int, Standby] = {}
        self._leaving = False

    def ready(self) -> bool:
        """Whether the group has said what is ours, and all of that is served."""
        return (
            self._membership.told
            and not self._leaving
            and all(n in self.taken and self.taken[n].ready() for n in self._membership.assigned)
        )

    async def run(self) -> None:
        """Take and give up seats as the group and the claims say, until cancelled."""
        try:
            while True:
                await self._look()
                self._membership.changed.clear()
                waits = [asyncio.ensure_future(self._membership.changed.wait())]
                waits += [asyncio.ensure_future(seat.lost.wait()) for seat in self.taken.values()]
                await asyncio.wait(waits, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        finally:
            await self._end()

    async def leave(self) -> None:
        """Leave the group at once; bounded in time."""
        self._leaving = True
        await self._membership.leave()

    async def drain(self) -> None:
        """Leave the group and go on until others have claimed everything, or for DRAIN_WITHIN_S."""
        self._leaving = True
        alone = await self._membership.alone()
        self._heed()
        await self.leave()
        if alone:
            return
        try:
            async with asyncio.timeout(DRAIN_WITHIN_S):
                await asyncio.gather(*(seat.lost.wait() for seat in self.taken.values()))
        except TimeoutError:
            _log.warning("%s: nobody has claimed what this process served", self._engine.TOPIC)

    async def _look(self) -> None:
        if not self._leaving:
            self._membership.look()
        for partition, seat in list(self.taken.items()):
            if seat.lost.is_set():
                await self._give_up(partition)
            elif seat.broken.done():
                seat.broken.result()
        self._heed()
        await self._take_silent()
        for partition in sorted(self._membership.assigned - self.taken.keys()):
            if partition in self._membership.assigned:
                await self._take(partition)
        if not self._leaving:
            self._stand_by()

    def _heed(self) -> None:
        for partition, seat in self.taken.items():
            given_away = self._leaving or partition not in self._membership.assigned
            seat.loops[self._engine.TOPIC].heed(given_away)

    async def _take_silent(self) -> None:
        """Sit down where nobody seems to write, many at once: these are what a dead process has left."""
        wanted = sorted((self._membership.assigned - self.taken.keys()) & self._standbys.keys())
        silent = [n for n in wanted if self._standbys[n].silent_s() >= SILENT_S]
        for at in range(0, len(silent), TAKEN_AT_ONCE):
            await asyncio.gather(*(self._take(n) for n in silent[at : at + TAKEN_AT_ONCE]))

    def _stand_by(self) -> None:
        for partition in range(self._app.settings.partitions):
            if partition in self.taken:
                continue
            standby = self._standbys.get(partition)
            if standby is None and self._app.settings.standbys:
                stores = self._app.log, self._app.snapshots, self._app.clock
                self._standbys[partition] = Standby(self._engine, *stores, partition)
            elif standby is not None and standby.task.done():
                standby.task.result()

    async def _take(self, partition: int) -> None:
        """Sit down; returns when the partition is ours and restored, or given to somebody else."""
        seat = self.taken[partition] = Seat(self._app, partition)
        self._bind(seat)
        loop = seat.loops[self._engine.TOPIC]
        loop.permit = self._permission(seat)
        standby = self._standbys.pop(partition, None)
        if standby is not None:
            loop.warm = await standby.hand_over()
        self._attach(seat)
        telemetry.bind(seat)
        seat.tracing = self._app.tracing
        seat.tracing.follow(seat)
        self._app.metrics.add(seat.metrics)
        starting = asyncio.ensure_future(seat.start())
        losing = asyncio.ensure_future(seat.lost.wait())
        await asyncio.wait([starting, losing], return_when=asyncio.FIRST_COMPLETED)
        losing.cancel()
        if starting.done():
            starting.result()
        else:
            starting.cancel()
        _log.info("%s/%d is served here", self._engine.TOPIC, partition)

    def _permission(self, seat: Seat) -> Callable[[], Awaitable[None]]:
        async def permit() -> None:
            """Return when the group says that the partition is ours; never, if it says that it is not."""
            while not await self._membership.confirmed() and not self._leaving:
                await asyncio.sleep(ASK_AGAIN_S)
            if seat.partition not in self._membership.assigned:
                seat.lost.set()
                await asyncio.Event().wait()

        return permit

    async def _give_up(self, partition: int) -> None:
        seat = self.taken.pop(partition)
        self._detach(seat)
        await seat.stop()
        self._app.metrics.drop(seat.metrics)
        _log.info("%s/%d is served elsewhere", self._engine.TOPIC, partition)

    async def _end(self) -> None:
        for standby in self._standbys.values():
            standby.task.cancel()
        await asyncio.gather(*(self._give_up(partition) for partition in list(self.taken)))
