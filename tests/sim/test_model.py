"""Queueing models with known answers, through the real router."""

from __future__ import annotations

import random
import statistics
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.kernel.errors import Invalid
from sim import check, intervals
from sim.draws import (
    Deterministic,
    Distribution,
    Exponential,
    Gamma,
    Hyperexponential,
    Lognormal,
    Uniform,
    drawing,
    mean_of,
)
from sim.model import replicate, run, shortened, summary
from sim.model_file import Model, load_model, ms_per_unit
from sim.plain import Plain, plain
from sim.theory import (
    ERLANG_A,
    ERLANG_C,
    Row,
    birth_death,
    by_control,
    differs,
    erlang_c_within,
    expected,
    pools,
)

MODELS = sorted(check.MODELS.glob("*.json"))


def model(name: str) -> Model:
    """A model of the collection."""
    return load_model(check.MODELS / f"{name}.json")


@pytest.mark.parametrize(
    ("dist", "mean", "cv"),
    [
        (Exponential(300), 300, 1.0),
        (Deterministic(5), 5, 0.0),
        (Lognormal(300, 0.9), 300, 0.9),
        (Gamma(60, 0.5), 60, 0.5),
        (Hyperexponential(10, 4.0), 10, 2.0),
        (Uniform(2, 6), 4, 0.28868),
    ],
    ids=lambda one: type(one).__name__ if not isinstance(one, int | float) else None,
)
def test_distributions_are_what_they_say(dist: Distribution, mean: float, cv: float) -> None:
    """Every distribution has the mean and the coefficient of variation of its description."""
    dice, draw = random.Random(3), drawing(dist)
    drawn = [draw(dice) for _ in range(60_000)]
    assert mean_of(dist) == mean
    assert statistics.fmean(drawn) == pytest.approx(mean, rel=0.03)
    assert statistics.pstdev(drawn) / mean == pytest.approx(cv, rel=0.05, abs=1e-9)


def test_closed_forms() -> None:
    """The chains give the printed values: M/M/n rows C5 and C12, and M/M/n+M rows A9 and A12."""
    assert birth_death(ERLANG_C["C5"])["p_wait"] == pytest.approx(0.338125, abs=1e-6)
    assert birth_death(ERLANG_C["C12"])["wait_mean"] == pytest.approx(16.413502, abs=1e-5)
    assert erlang_c_within(ERLANG_C["C1"], 20) == pytest.approx(0.716313, abs=1e-6)
    a9, a12 = birth_death(ERLANG_A["A9"]), birth_death(ERLANG_A["A12"])
    assert (a9["p_wait"], a9["p_abandon"]) == pytest.approx((0.431457, 0.050924), abs=1e-6)
    assert (a12["wait_mean"], a12["utilisation"]) == pytest.approx((17.143072, 0.999995), abs=1e-5)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_model_runs(path: Path) -> None:
    """Each file of the collection describes a desk that serves its customers."""
    short = shortened(load_model(path), 300, 1)
    told = replicate(short, 0)
    assert told["all"]["in_system_mean"] > 0
    assert told["all"]["p_abandon"] + told["all"]["p_block"] < 0.6


@pytest.mark.long
@pytest.mark.parametrize("name", ["erlang-C1", "erlang-A1", "erlang-A2"])
def test_small_models_agree_with_theory(name: str) -> None:
    """A short selection: within 2 % of the exact value, or the value within the 95 % interval."""
    assert differs(run(shortened(model(name), 2_000, 6)), name) == []


def test_alike_agents_are_a_plain_queue() -> None:
    """Given agents who are all alike, the router makes customers wait exactly as long as the plain queue does
    on the same draws, also where some are turned away."""
    short = shortened(model("erlang-C1"), 1_000, 1)
    for places in (None, 9):
        told = replicate(replace(short, max_in_system=places), 0)["all"]
        queue = plain(short, 0, Plain(7, 300, places))
        assert queue == {figure: told[figure] for figure in queue}
        assert (queue["p_block"] > 0) == (places is not None)


def test_pools_that_share_their_places() -> None:
    """Two agents with a queue each and two places in all have the chances of the six states that there are; a
    single pool with room for everybody is Erlang's."""
    calls_h, load = 252.0, 0.7
    told = pools(2, Row(calls_h, 10, 0, 1), 2)
    assert told["p_block"] == pytest.approx(3 * load**2 / (1 + 2 * load + 3 * load**2))
    assert told["p_wait"] == pytest.approx(load / (1 + 2 * load))
    assert told["wait_mean"] == pytest.approx(10 * load / (1 + 2 * load))
    row = ERLANG_C["C1"]
    alone, known = pools(1, row, 400), birth_death(row)
    assert alone == pytest.approx({"p_block": 0, **{name: known[name] for name in ("p_wait", "wait_mean")}})


def test_a_plain_queue_is_what_theory_says() -> None:
    """The plain queue that others are held against has the mean wait and the chance of waiting of its closed
    form."""
    drawn = shortened(model("erlang-C1"), 40_000, 6)
    found = [plain(drawn, number, Plain(7, 300)) for number in range(6)]
    for figure, value in birth_death(ERLANG_C["C1"]).items():
        if figure in found[0]:
            mean, half = intervals.mean_of([one[figure] for one in found])
            assert mean == pytest.approx(value, abs=half, rel=0.02), figure


@pytest.mark.long
def test_a_control_tells_the_inverted_v_sooner() -> None:
    """Held against the plain queue on the same draws, the inverted V's interval is a third of what it is by
    itself, and the exact value is near."""
    drawn = shortened(model("inverted-v-fastest"), 2_000, 6)
    found = [replicate(drawn, number) for number in range(6)]
    by_itself, better = summary(drawn, found)["classes"]["all"], by_control(drawn, drawn.name, found)
    assert better.keys() == {"p_wait", "wait_mean"}
    for figure, (mean, half) in better.items():
        assert half < by_itself[figure][1] / 3, figure
        assert abs(mean - expected(drawn.name)[figure][0]) < 2 * half, figure
    assert by_control(drawn, "erlang-A1", found) == {}


def test_the_same_draws_again() -> None:
    """A replication follows from the seed and its number; another number is another run."""
    short = shortened(model("erlang-A1"), 500, 2)
    assert replicate(short, 0) == replicate(short, 0) != replicate(short, 1)


@pytest.mark.long
def test_full_means_turned_away() -> None:
    """With room for as many as agents, nobody waits and some are turned away (Erlang B)."""
    short = replace(shortened(model("erlang-C1"), 4_000, 1), max_in_system=7)
    told = replicate(short, 0)["all"]
    assert told["p_wait"] == 0
    assert told["p_block"] == pytest.approx(0.1205, abs=0.03), "Erlang B of 5 on 7"
    few = replace(short, max_in_system=None, max_waiting=1)
    assert 0 < replicate(few, 0)["all"]["p_block"] < told["p_block"]


def test_nobody_may_wait() -> None:
    """`max_waiting` 0 turns away whoever finds no agent free: the same as room for as many as agents."""
    short = shortened(model("erlang-C1"), 500, 1)
    none_waits = replicate(replace(short, max_waiting=0), 0)
    assert none_waits == replicate(replace(short, max_in_system=7), 0)
    assert none_waits["all"]["p_block"] > 0


def test_short_services_are_played_in_larger_units() -> None:
    """Engines count milliseconds, so a model whose services take one unit is stretched."""
    assert ms_per_unit(model("n-model-pressure-0.8")) == 10_000
    assert ms_per_unit(model("erlang-C1")) == 1_000


def test_bad_models_are_refused(tmp_path: Path) -> None:
    """A file that is no model, or whose parts do not fit together, is refused in plain words."""
    path = tmp_path / "m.json"
    path.write_text("{}")
    with pytest.raises(Invalid, match="is no model"):
        load_model(path)
    good = (check.MODELS / "erlang-C1.json").read_text()
    path.write_text(good.replace('"calls": {', '"mails": {'))
    with pytest.raises(Invalid, match="does not say how long"):
        load_model(path)
    path.write_text(good.replace('"calls"', '"all"'))
    with pytest.raises(Invalid, match="told together"):
        load_model(path)
    path.write_text(good.replace("longest_idle", "coin_toss"))
    with pytest.raises(Invalid, match="no policy"):
        load_model(path)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('"mean": 600', '"mean": 0', "Expected `float` > 0"),
        ('"mean": 600', '"mean": 1e308', "Expected `float` <= "),
        ('"s": 1', '"s": -1', "Expected `int` >= 0"),
        ('"cost_rate": 0', '"cost_rate": -1', "Expected `float` >= 0"),
        ('"agents": 84', '"agents": 0', "Expected `int` >= 1"),
        ('"warmup_arrivals": 6000', '"warmup_arrivals": 60000', "nothing would be counted"),
        (
            '{\n    "dist": "exponential",\n    "mean": 300',
            '{"dist": "uniform", "low": 2, "high": 1',
            "low must not be",
        ),
    ],
)
def test_impossible_numbers_are_told_with_their_place(
    tmp_path: Path, was: str, becomes: str, told: str
) -> None:
    """A number that no run could mean is refused when the file is read, not met by a run."""
    good = (check.MODELS / "erlang-A9.json").read_text()
    assert was in good
    path = tmp_path / "m.json"
    path.write_text(good.replace(was, becomes))
    with pytest.raises(Invalid, match=told):
        load_model(path)
