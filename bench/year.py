"""A simulated year: state is bounded by what is open and by the horizons, however long the log.

The real engines in virtual time, a shop's arrivals evenly over 365 days; nothing is kept of the log.
Printed for each month: conversations, what is open, memory of the process, snapshot bytes by service
and how many of them the horizons hold. After the longest horizon is full (90 days) both may only move
with the work that is open.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from bench.memory import horizon_bytes, horizons, resident_bytes
from bench.shop import Shop
from services.kernel.limits import DAY_MS, RESOLVED_DAYS
from services.runtime.clock import ManualClock
from tools.arguments import whole

MONTHS = 12
YEAR_MS = 365 * DAY_MS
CONVERSATIONS_AN_AGENT = 40_000
"""A year's for one agent; with six minutes each, about half of what their capacity would allow."""
AGENTS_MIN = 6
STEP_MS = 120_000
FULL_MONTH = RESOLVED_DAYS // 30 + 2
"""From the end of this month on, all horizons but the open orders' have been full for a while."""
GROWTH_MAX = 1.15
"""Most that the last month may be above the month in which the horizons were full."""


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Twelve months, a figure each."""
    began_s = time.perf_counter()
    clock = ManualClock()
    agents = max(AGENTS_MIN, arguments.conversations // CONVERSATIONS_AN_AGENT)
    before = resident_bytes()
    shop = Shop(clock, arguments.seed, agents)
    start_ms = clock.now_ms()
    months = []
    for month in range(1, MONTHS + 1):
        arrivals = arguments.conversations * month // MONTHS - shop.conversations
        shop.run(start_ms + YEAR_MS * month // MONTHS, arrivals, STEP_MS)
        months.append({"month": month, **_looked_at(shop, before)})
    seconds = time.perf_counter() - began_s
    full, last = months[FULL_MONTH - 1], months[-1]
    growth = {
        "snapshot": round(last["snapshot_bytes_total"] / full["snapshot_bytes_total"], 3),
        "memory": round(last["memory_mb"] / full["memory_mb"], 3),
    }
    return {
        "bench": "year",
        "conversations": shop.conversations,
        "agents": agents,
        "own_events": shop.exchange.events,
        "seconds": round(seconds, 1),
        "events_per_s": round(shop.exchange.events / seconds),
        "months": months,
        "growth_since_the_horizons_were_full": growth,
        "ok": all(value <= GROWTH_MAX for value in growth.values()),
    }


def _looked_at(shop: Shop, before: int) -> dict[str, Any]:
    parts = shop.exchange.parts
    sizes = {part.engine.TOPIC: len(part.engine.dump(part.state)) for part in parts}
    return {
        "conversations": shop.conversations,
        "open": shop.open,
        "own_events": shop.exchange.events,
        "memory_mb": round((resident_bytes() - before) / 1e6, 1),
        "snapshot_bytes": sizes,
        "snapshot_bytes_total": sum(sizes.values()),
        "horizon_bytes": {part.engine.TOPIC: horizon_bytes(part.state) for part in parts},
        "horizon_entries": sum(len(one) for part in parts for one in horizons(part.state)),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.add_argument("--conversations", type=whole(1), default=3_000_000, help="in the year")
    parser.add_argument("--seed", type=int, default=1)
