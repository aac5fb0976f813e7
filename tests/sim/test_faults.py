"""Storms: whatever breaks, what must hold holds, and a broken engine is caught."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from proto.v1.routing_pb2 import RoutingEvent
from services.kernel.engine import Input
from services.kernel.errors import Invalid
from services.router import engine as router
from sim.faults import ENGINES, storm
from sim.virtual_time import VirtualClock, VirtualLoop, run


@pytest.mark.parametrize("seed", [8147, 4, 5])
def test_whatever_breaks_the_promises_hold(seed: int) -> None:
    """Under drops, doubles, delays, crashes, rivals and restores nothing is violated, and every record that
    was brought in has its outcome; 8147 once found a breach under an answer on its way."""
    told = storm(seed, 60)
    assert told["violations"] == []
    assert min(told[name] for name in ("crashes", "retries", "doubled", "snapshots", "resolved")) > 0


def test_a_storm_follows_from_its_seed() -> None:
    """The same seed leaves the same logs, byte for byte; another seed another one."""
    first = storm(11, 15)
    assert first == storm(11, 15)
    assert first["log_hash"] != storm(12, 15)["log_hash"]


class Forgetful:
    """The router, but it says that work is owned before anybody accepted it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(router, name)

    def decide(self, state: Any, record: Input | None, now_ms: int) -> Sequence[RoutingEvent]:
        """What the router decides, with an assignment behind each offer."""
        events = list(router.decide(state, record, now_ms))
        for event in list(events):
            if event.WhichOneof("body") == "offered":
                made = RoutingEvent(desk_id=event.desk_id, occurred_at_ms=now_ms)
                made.assigned.conversation_id = event.offered.conversation_id
                made.assigned.agent_id = event.offered.agent_id
                made.assigned.units = event.offered.units
                events.append(made)
        return events


def test_a_broken_engine_is_caught() -> None:
    """An engine that assigns what nobody accepted is found by the auditor."""
    told = storm(1, 10, {**ENGINES, "routing": Forgetful()})
    assert any("is assigned while it is offered" in line for line in told["violations"])


def test_virtual_time_costs_nothing() -> None:
    """An hour of sleep is over at once, timers fire in order, and a standstill is told."""
    loop, seen = VirtualLoop(), list[tuple[str, int]]()
    clock = VirtualClock(loop, 1_000)

    async def story() -> None:
        loop.call_later(7200, lambda: seen.append(("later", clock.now_ms())))
        await asyncio.sleep(3600)
        seen.append(("slept", clock.now_ms()))
        await asyncio.sleep(3601)

    run(loop, story())
    assert seen == [("slept", 3_601_000), ("later", 7_201_000)]
    stuck = VirtualLoop()
    with pytest.raises(Invalid, match="everybody waits"):
        run(stuck, _wait_for_ever())


async def _wait_for_ever() -> None:
    await asyncio.get_running_loop().create_future()
