"""Plays one week of a shop, recorded or drawn, through the real engines."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proto.v1 import desk_pb2 as pb
from services.kernel.errors import Invalid
from sim.audit import Auditor
from sim.desk import policy_named
from sim.figures import figures
from sim.generate import draw_week
from sim.plot import plot
from sim.shop import Contact, Shop, check_contacts, load_contacts, load_shop
from sim.shops import SHOPS
from sim.week import Week
from tools.arguments import number, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sim week`."""
    parser.add_argument("--workload", required=True, help="a workload file, or small or large")
    week = parser.add_mutually_exclusive_group(required=True)
    week.add_argument("--contacts", type=Path, help="the week, one contact a line")
    week.add_argument("--seed", type=whole(0), help="draw the week instead")
    parser.add_argument("--policy", default="default", help="a preset's name")
    parser.add_argument("--scenario", default="base", help="the load of a drawn week")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the week into a picture, too")
    parser.add_argument(
        "--ring", type=number(0), default=0.0, metavar="SECONDS", help="until an offer is taken"
    )


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Play the week. Raises Invalid, before it is played, for what cannot be read or written."""
    shop = shop_named(arguments.workload)
    if arguments.contacts:
        contacts, source = load_contacts(arguments.contacts), arguments.contacts.name
    else:
        contacts, source = draw_week(shop, arguments.seed, arguments.scenario), f"seed {arguments.seed}"
    week = Week(shop, contacts, policy_named(arguments.policy), arguments.ring, Auditor())
    if arguments.plot:
        _check_writable(arguments.plot)
    result = run(week)
    if arguments.plot:
        title = f"{shop.name}, {source}, {arguments.scenario}, {arguments.policy}"
        arguments.plot.write_text(plot(week, title), encoding="utf-8")
    told = {
        "policy": arguments.policy,
        "scenario": arguments.scenario,
        "contacts_file": source,
    }
    return {**told, **result}


def _check_writable(path: Path) -> None:
    try:
        with path.open("a"):
            pass
    except OSError as error:
        raise Invalid(f"--plot: {path} cannot be written: {error.strerror}") from error


def shop_named(workload: str) -> Shop:
    """The shop of a workload file, or one of `sim.shops`. Raises Invalid if it is neither."""
    return SHOPS[workload]() if workload in SHOPS else load_shop(Path(workload))


def play(shop: Shop, contacts: Sequence[Contact], policy: pb.Routing, ring_s: float = 0.0) -> dict[str, Any]:
    """One week's figures, with what the run took. Raises Invalid if the contacts do not fit the shop."""
    return run(Week(shop, contacts, policy, ring_s, Auditor()))


def run(week: Week) -> dict[str, Any]:
    """The same of a week that was not played yet. Raises Invalid if the contacts do not fit the shop."""
    check_contacts(week.shop, week.contacts)
    gc.collect()
    gc.disable()  # nothing here makes cycles worth collecting, and the collector takes a tenth of the time
    began_s = time.perf_counter()
    violations = week.run()
    wall_s = time.perf_counter() - began_s
    gc.enable()
    return {
        "contacts": len(week.contacts),
        "engine_events": week.engines.events,
        "wall_s": round(wall_s, 3),
        "decisions_per_s": round(week.engines.decisions / wall_s),
        **figures(week),
        "violations": violations,
    }
