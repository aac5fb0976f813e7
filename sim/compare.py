"""Compares policies on drawn weeks that they share: ratios of sums, paired, with their intervals."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from services.kernel.errors import Invalid
from sim.desk import policy_named
from sim.generate import draw_week
from sim.intervals import mean_of, ratio_of, rounded
from sim.replay import play, shop_named
from tools.arguments import JOBS_MAX, number, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sim compare`."""
    parser.add_argument("--workload", default="small", help="a workload file, or small or large")
    parser.add_argument("--policies", default="default", help="presets, with commas between them")
    parser.add_argument("--baseline", default="longest_idle", help="the preset that they are compared with")
    parser.add_argument("--seeds", default="2000-2009", help="FIRST-LAST: the weeks")
    parser.add_argument("--scenario", default="base", help="a load scenario of the workload")
    parser.add_argument(
        "--ring", type=number(0), default=0.0, metavar="SECONDS", help="until an offer is taken"
    )
    parser.add_argument("--jobs", type=whole(1, JOBS_MAX), default=1, help="processes that share the weeks")


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Play every policy on every week."""
    seeds = seeds_of(arguments.seeds)
    policies = list(dict.fromkeys([arguments.baseline, *arguments.policies.split(",")]))
    one = partial(one_week, arguments.workload, arguments.scenario, policies, arguments.ring)
    if arguments.jobs > 1:
        with ProcessPoolExecutor(arguments.jobs) as pool:
            weeks = list(pool.map(one, seeds))
    else:
        weeks = [one(seed) for seed in seeds]
    return {
        "workload": Path(arguments.workload).name,
        "scenario": arguments.scenario,
        "seeds": [seeds[0], seeds[-1]],
        "baseline": arguments.baseline,
        "policies": {name: summary(name, arguments.baseline, weeks) for name in policies},
        "violations": [line for week in weeks for told in week.values() for line in told["violations"]],
    }


def seeds_of(said: str) -> range:
    """The weeks of FIRST-LAST. Raises Invalid for fewer than two."""
    first, _, last = said.partition("-")
    if not (first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise Invalid(
            f"--seeds takes FIRST-LAST, such as 2000-2039, and not {said!r}:"
            " an interval needs two weeks or more; `sim week` plays one"
        )
    return range(int(first), int(last) + 1)


def one_week(
    workload: str, scenario: str, policies: Sequence[str], ring_s: float, seed: int
) -> dict[str, dict[str, Any]]:
    """The figures of each policy on one week."""
    shop = shop_named(workload)
    contacts = draw_week(shop, seed, scenario)
    return {name: play(shop, contacts, policy_named(name), ring_s) for name in policies}


def summary(name: str, baseline: str, weeks: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """One policy over all weeks: [mean, half-width] each, and the ratio of sums against the baseline."""
    mine = [week[name] for week in weeks]
    return {
        "weighted_breaches_ratio": rounded(
            ratio_of(
                [told["weighted_breaches"] for told in mine],
                [week[baseline]["weighted_breaches"] for week in weeks],
            )
        ),
        "weighted_breaches": rounded(mean_of([told["weighted_breaches"] for told in mine]), 1),
        **{
            part: {key: _mean([told[part].get(key) for told in mine]) for key in mine[0][part]}
            for part in ("sla", "abandoned", "wait_mean_s")
        },
        **{
            key: _mean([told[key] for told in mine])
            for key in ("occupancy_mean", "occupancy_sd", "sticky_hit", "sticky_hit_free")
        },
        "wait_estimate": {
            channel: _estimates([told["wait_estimate"][channel] for told in mine])
            for channel in mine[0]["wait_estimate"]
        },
        "wall_s": round(sum(told["wall_s"] for told in mine), 1),
    }


def _mean(values: Sequence[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None]
    return rounded(mean_of(known)) if known else None


def _estimates(told: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """What was told of waits, over all weeks: coverage over all, errors against the constant."""
    told = [one for one in told if one["n"]]
    n = sum(one["n"] for one in told)
    if not n:
        return {"n": 0}

    def ratio(part: str, against: str) -> list[float]:
        return rounded(
            ratio_of([one[part] * one["n"] for one in told], [one[against] * one["n"] for one in told])
        )

    return {
        "n": n,
        "coverage_p90": round(sum(one["coverage_p90"] * one["n"] for one in told) / n, 4),
        "pinball_ratio": ratio("pinball_p90", "pinball_p90_constant"),
        "rmse_ratio": ratio("rmse_s", "rmse_constant_s"),
    }
