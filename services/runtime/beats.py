"""What an edge says of the agents' sessions that live in it, for the router to notice when one is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable

from proto.v1.envelope_pb2 import PresenceBeat
from services.kernel.limits import PRESENCE_BEAT_MS
from services.runtime.clock import Clock
from services.runtime.event_log import TRY_LATER, EventLog
from services.runtime.hub import Hub

_log = logging.getLogger(__name__)


async def beats(hub: Hub, log: EventLog, clock: Clock, partition_of: Callable[[str], int]) -> None:
    """Say which agents' sessions live here: at once when one begins, then every beat, until cancelled. A
    partition that takes no beat holds up none of the others.

    partition_of: of a desk by its id.
    """
    edge_id = secrets.token_hex(8)
    saying: dict[int, asyncio.Task[None]] = {}
    try:
        while True:
            found: dict[int, PresenceBeat] = {}
            for desk, agent in hub.sessions:
                beat = found.setdefault(partition_of(desk), PresenceBeat(edge_id=edge_id))
                beat.desk_ids.append(desk)
                beat.agent_ids.append(agent)
            hub.session_began.clear()
            late = {partition: task for partition, task in saying.items() if not task.done()}
            for task in saying.values():
                if task.done():
                    task.result()
            for partition in late.keys() & found.keys():  # whoever came meanwhile is said right behind it
                late[partition].add_done_callback(lambda _: hub.session_began.set())
            saying = late | {
                partition: asyncio.create_task(_say(log, clock, partition, beat))
                for partition, beat in found.items()
                if partition not in late
            }
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hub.session_began.wait(), PRESENCE_BEAT_MS / 1000)
    finally:
        for task in saying.values():
            task.cancel()


async def _say(log: EventLog, clock: Clock, partition: int, beat: PresenceBeat) -> None:
    beat.at_ms = clock.now_ms()
    try:
        await log.append("presence", partition, [beat.SerializeToString()])
    except TRY_LATER as error:
        _log.warning("a presence beat was lost: %s", error)
