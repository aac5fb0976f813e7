"""Drawn weeks are what the workload says, and comparisons are honest about chance."""

from __future__ import annotations

import json
import math
import random
import statistics
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

from services.kernel.errors import Invalid
from sim import compare
from sim.generate import draw_week, lognormal
from sim.intervals import controlled, mean_of, ratio_of, student
from sim.shop import Shop, dump_contacts, load_contacts, load_shop
from sim.shops import SHOPS, as_file
from tests.sim.worlds import shop


def test_a_week_follows_from_its_seed(tmp_path: Path) -> None:
    """The same seed draws the same week, another another one; written and read it stays the same."""
    week = draw_week(shop(), 5)
    assert week == draw_week(shop(), 5) != draw_week(shop(), 6)
    path = tmp_path / "week.jsonl"
    path.write_bytes(dump_contacts(week))
    assert load_contacts(path) == week


def test_a_week_is_what_the_workload_says() -> None:
    """Counts, batches at the opening, tiers, levels, patience and work come out as described."""
    weeks = [one for seed in range(60) for one in draw_week(shop(), seed)]
    per_channel = len(weeks) / 60 / 3
    assert per_channel == pytest.approx(120, rel=0.05)
    mail = [one for one in weeks if one.channel == "email"]
    assert statistics.fmean(one.t % 3600 == 0 for one in mail) == pytest.approx(0.25, abs=0.02)
    assert statistics.fmean(one.tier == "vip" for one in weeks) == pytest.approx(0.1, abs=0.01)
    assert statistics.fmean(one.min_level == 3 for one in weeks) == pytest.approx(0.1, abs=0.01)
    assert statistics.fmean(one.sticky_u is not None for one in weeks) == pytest.approx(0.15, abs=0.01)
    patience = [one.patience for one in weeks if one.channel == "voice" and one.patience is not None]
    assert statistics.fmean(patience) == pytest.approx(120, rel=0.05)
    assert statistics.fmean(one.work for one in weeks) == pytest.approx(60, rel=0.05)


def test_loads_share_their_days() -> None:
    """A scenario multiplies the load; a scenario that is not there is refused."""
    base, peak = (sum(len(draw_week(shop(), seed, name)) for seed in range(40)) for name in ("base", "peak"))
    assert peak / base == pytest.approx(1.15, abs=0.03)
    with pytest.raises(Invalid, match="no scenario 'quiet'"):
        draw_week(shop(), 1, "quiet")


def test_lognormal_by_mean_and_variation() -> None:
    """A lognormal draw has the mean and the coefficient of variation that it is asked for."""
    dice = random.Random(1)
    drawn = [lognormal(dice, 300.0, 0.9) for _ in range(40_000)]
    assert statistics.fmean(drawn) == pytest.approx(300, rel=0.02)
    assert statistics.stdev(drawn) / statistics.fmean(drawn) == pytest.approx(0.9, rel=0.05)


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (9, 2.2622), (10, 2.2281), (39, 2.0227)]
)
def test_students_quantiles(degrees: int, quantile: float) -> None:
    """The quantiles are those of the printed tables."""
    assert student(degrees) == pytest.approx(quantile, abs=1e-4)


def test_intervals_hold_what_they_promise() -> None:
    """Of 95 % intervals of a mean, of one with a control and of a ratio of sums about 95 in 100 hold the true
    value; that with a control is narrower by what the control explains."""
    dice = random.Random(7)
    hits, ratios, better, halves = 0, 0, 0, [0.0, 0.0]
    for _ in range(1_000):
        sample = [dice.gauss(5, 2) for _ in range(8)]
        mean, half = mean_of(sample)
        hits += abs(mean - 5) <= half
        controls = [2 + (value - 5) / 2 + dice.gauss(0, 0.2) for value in sample]
        mean, narrow = controlled(sample, controls, 2)
        better += abs(mean - 5) <= narrow
        halves = [halves[0] + half, halves[1] + narrow]
        others = [dice.uniform(50, 150) for _ in range(30)]
        ratio, half = ratio_of([other * dice.gauss(0.3, 0.05) for other in others], others)
        ratios += abs(ratio - 0.3) <= half
    assert 930 <= hits <= 970
    assert 930 <= better <= 970
    assert halves[1] < halves[0] / 2
    assert 925 <= ratios <= 975


def test_ratios_of_nothing_are_not_numbers() -> None:
    """Where the baseline breaks no promise there is no ratio."""
    assert math.isnan(ratio_of([1.0, 2.0], [0.0, 0.0])[0])


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(SHOPS))
def test_drawn_shops_can_serve_everybody(name: str, tmp_path: Path) -> None:
    """Each made-up shop reads back from its file as it is, and has somebody for nearly every contact."""
    path = tmp_path / "shop.json"
    path.write_bytes(as_file(SHOPS[name]()))
    made: Shop = load_shop(path)
    assert made == SHOPS[name]()
    week = draw_week(made, 1)[:2_000]
    assert sum(not made.qualified(one) for one in week) <= 20


@pytest.mark.long
def test_comparison_is_paired() -> None:
    """A policy against itself has ratio 1 without any doubt, and other presets are told beside it."""
    parser = ArgumentParser()
    compare.add_arguments(parser)
    told = compare.main(parser.parse_args("--policies least_active --seeds 1-2".split()))
    assert told["policies"]["longest_idle"]["weighted_breaches_ratio"] == [1.0, 0.0]
    assert told["policies"]["least_active"]["weighted_breaches_ratio"][1] > 0
    assert told["violations"] == []


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("tier_weight", {"vip": 5}, "tier_weight does not say"),
        ("topics", {}, "topics has no share above 0"),
        ("day_factor", [1.0], "day_factor has 1 entries"),
        ("load_scenarios", {"base": 1e6}, "contacts a week, at most"),
        ("slowdown", -1, r"Expected `float` >= 0.*slowdown"),
        ("agents", [], "Expected `array` of length >= 1"),
    ],
)
def test_a_workload_that_cannot_be_played_is_refused(tmp_path: Path, key: str, value: Any, told: str) -> None:
    """Parts that contradict each other, and numbers that no week has, are told before one is drawn."""
    path = tmp_path / "shop.json"
    path.write_text(json.dumps({**json.loads(as_file(SHOPS["small"]())), key: value}))
    with pytest.raises(Invalid, match=told):
        load_shop(path)
