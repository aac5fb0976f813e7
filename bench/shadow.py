"""What a shadow policy costs the router: a drawn week without it, with a watch that finds none, with one.

Each round plays the same week three ways, one after the other, so that what the machine does meanwhile
meets all of them. Only the router's own processor time is counted: `decide` and `evolve`, with the shadow's
in them.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Sequence
from typing import Any

from proto.v1.routing_pb2 import RoutingEvent
from services.kernel.engine import Input
from services.router import engine as router
from services.router.shadow import Shadows
from sim.desk import policy_named
from sim.generate import draw_week
from sim.replay import shop_named
from sim.week import DESK_ID, Week
from tools.arguments import whole

WAYS = ("without", "off", "on")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bench shadow`."""
    parser.add_argument("--workload", default="small", help="a workload file, or small or large")
    parser.add_argument("--policy", default="default", help="the live one")
    parser.add_argument("--shadow", default="longest_idle", help="the one beside it")
    parser.add_argument("--rounds", type=whole(1), default=3)


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Play the rounds; microseconds a decision, the least of each way, and the medians of the ratios."""
    took: dict[str, list[float]] = {way: [] for way in WAYS}
    compared = agreed = 0
    for _ in range(arguments.rounds):
        for way in WAYS:
            seconds, decisions, shadows = _play(arguments, way)
            took[way].append(seconds / decisions * 1e6)
            report = shadows.report(DESK_ID) if shadows is not None else None
            if report is not None:
                compared, agreed = report.all.compared, report.all.agreed
    return {
        "workload": arguments.workload,
        "policy": arguments.policy,
        "shadow": arguments.shadow,
        "decision_us": {way: round(min(took[way]), 1) for way in WAYS},
        "off_ratio": round(_ratio(took["off"], took["without"]), 3),
        "on_ratio": round(_ratio(took["on"], took["without"]), 3),
        "compared": compared,
        "agreed": agreed,
    }


def _ratio(of: Sequence[float], against: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(of, against, strict=True))


class _Timed:
    """An engine whose time is counted."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.seconds = 0.0

    def decide(self, state: Any, record: Input | None, now_ms: int) -> Sequence[RoutingEvent]:
        """See Engine."""
        began_s = time.process_time()
        events: Sequence[RoutingEvent] = self._engine.decide(state, record, now_ms)
        self.seconds += time.process_time() - began_s
        return events

    def evolve(self, state: Any, event: RoutingEvent) -> None:
        """See Engine."""
        began_s = time.process_time()
        self._engine.evolve(state, event)
        self.seconds += time.process_time() - began_s


def _play(arguments: argparse.Namespace, way: str) -> tuple[float, int, Shadows | None]:
    """Play the week one way: the router's seconds, its decisions, the shadows."""
    shop = shop_named(arguments.workload)
    routing = policy_named(arguments.policy)
    if way == "on":
        routing.shadow.preset = policy_named(arguments.shadow).preset
    week = Week(shop, draw_week(shop, 7), routing)
    shadows = Shadows(router) if way != "without" else None
    if shadows is not None:
        shadows.restored(week.engines.router)
    timed = week.engines.engine = _Timed(shadows or router)
    gc.collect()
    gc.disable()
    week.run()
    gc.enable()
    return timed.seconds, week.engines.decisions, shadows
