"""What theory says of the models in `sim/models`: closed forms and known values to check against.

Erlang C and A are birth-death chains: with j inside, arrivals at rate lambda, departures at
min(j, n) mu + max(j - n, 0) theta. The Wallace-Whitt model is exact where each agent can do one thing, or
all; the values between come from an independent simulation (60 x 594,000 calls), those of the N model from
relative value iteration of the exact decision process, those of the inverted V from its chain.

What these measure hangs on how lucky the draws were, ten times more than on the policy. So they are held
against theory by a plain queue on the same draws, of which everything is known (`sim.plain`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from sim.intervals import controlled
from sim.model_file import Model
from sim.plain import Plain, plain

SERVICE_LEVEL_S = 20.0
ABSENT = 1e-14
"""States less likely than this are left out."""


class Row(NamedTuple):
    """A queue: calls an hour, handling time and mean patience (0: nobody leaves) in seconds, agents."""

    calls_h: float
    handle_s: float
    patience_s: float
    agents: int


ERLANG_C: Mapping[str, Row] = {
    "C1": Row(60, 300, 0, 7),
    "C2": Row(100, 180, 0, 7),
    "C3": Row(200, 180, 0, 12),
    "C4": Row(30, 480, 0, 5),
    "C5": Row(100, 600, 0, 20),
    "C6": Row(360, 240, 0, 28),
    "C7": Row(500, 300, 0, 45),
    "C8": Row(720, 240, 0, 55),
    "C9": Row(1000, 200, 0, 60),
    "C10": Row(504, 600, 0, 90),
    "C11": Row(1800, 300, 0, 160),
    "C12": Row(3000, 360, 0, 310),
}
ERLANG_A: Mapping[str, Row] = {
    "A1": Row(100, 300, 300, 9),
    "A2": Row(200, 180, 120, 10),
    "A3": Row(2880, 60, 120, 50),
    "A4": Row(3000, 60, 120, 50),
    "A5": Row(3300, 60, 120, 50),
    "A6": Row(1000, 200, 180, 55),
    "A7": Row(1000, 200, 180, 60),
    "A8": Row(504, 600, 300, 75),
    "A9": Row(504, 600, 300, 84),
    "A10": Row(504, 600, 300, 90),
    "A11": Row(6000, 60, 120, 100),
    "A12": Row(8400, 60, 60, 100),
    "A13": Row(1800, 300, 600, 150),
    "A14": Row(3000, 360, 240, 290),
}

WALLACE_WHITT: Mapping[int, Mapping[str, float]] = {
    2: {"p_block": 0.00423, "wait_mean": 0.590 * 60, "p_wait": 0.423},
    3: {"p_block": 0.00381, "wait_mean": 0.483 * 60, "p_wait": 0.391},
    4: {"p_block": 0.00378, "wait_mean": 0.463 * 60, "p_wait": 0.384},
    5: {"p_block": 0.00360, "wait_mean": 0.451 * 60, "p_wait": 0.380},
    6: {"p_block": 0.0036431, "wait_mean": 0.450023 * 60, "p_wait": 0.379706},
}
"""Six types, 90 agents with k skills each, 120 places, level first, longest idle within; k = 6 is exact, and
so is k = 1, which is `pools`."""
N_MODEL_OPTIMAL = {0.8: 12.070, 0.9: 24.412}
"""Least mean cost of the non-preemptive N model with Harrison's (1998) data, by load."""
N_MODEL_PRESSURE = {0.8: 12.315, 0.9: 25.125}
"""Its cost where whoever is free takes the class with the greatest cost, queue and rate together."""
INVERTED_V: Mapping[str, Mapping[str, float]] = {
    "fastest": {"p_wait": 0.335136, "wait_mean": 0.067027 * 60},
    "longest-idle": {"p_wait": 0.3730, "wait_mean": 0.0742 * 60},
}
"""45 a minute to 25 agents at 1.2 and 25 at 0.8 a minute. Fastest first (Armony) is exact, longest idle
simulated (P(wait) to 0.0028, the mean wait to 0.0013 minutes)."""


def birth_death(row: Row) -> dict[str, float]:
    """p_wait, p_abandon, wait_mean (of all, seconds) and utilisation."""
    rate, mu = row.calls_h / 3600, 1 / row.handle_s
    theta = 1 / row.patience_s if row.patience_s else 0.0
    chances = list(_stationary(rate, mu, theta, row.agents))
    total = sum(chances)
    waiting = sum(max(j - row.agents, 0) * p for j, p in enumerate(chances)) / total
    p_wait = sum(chances[row.agents :]) / total
    p_abandon = theta * waiting / rate
    busy = sum(min(j, row.agents) * p for j, p in enumerate(chances)) / total
    return {
        "p_wait": p_wait,
        "p_abandon": p_abandon,
        "wait_mean": waiting / rate,
        "utilisation": busy / row.agents,
    }


def _stationary(rate: float, mu: float, theta: float, agents: int) -> Iterator[float]:
    """Unnormalised chances of 0, 1, 2, ... inside, scaled to 1 at the number of agents."""
    load = rate / mu
    below = [1.0]
    for j in range(agents, 0, -1):
        below.append(below[-1] * j / load)
    yield from reversed(below)
    p, j = 1.0, agents
    while p > ABSENT or j < 2 * agents:
        j += 1
        p *= rate / (agents * mu + (j - agents) * theta)
        yield p


def erlang_c_within(row: Row, target_s: float) -> float:
    """The share served within a target, where nobody leaves."""
    spare = row.agents / row.handle_s - row.calls_h / 3600
    return 1 - birth_death(row)["p_wait"] * math.exp(-spare * target_s)


def pools(count: int, row: Row, places: int) -> dict[str, float]:
    """p_wait, p_block and wait_mean (of all who come in, seconds) of some queues that share nothing but the
    places. Each alone is reversible, and a bound on all together only cuts states off, so the chances stay
    products (Kelly, Reversibility and Stochastic Networks, 1979, section 1.6)."""
    load = row.calls_h / 3600 * row.handle_s
    one = [1.0]
    for inside in range(1, places + 1):
        one.append(one[-1] * load / min(inside, row.agents))
    others = [1.0] + [0.0] * places
    for _ in range(count - 1):
        others = [sum(one[i] * others[j - i] for i in range(j + 1)) for j in range(places + 1)]
    fewer = list(accumulate(others))
    whole = sum(one[i] * fewer[places - i] for i in range(places + 1))
    full = sum(one[i] * others[places - i] for i in range(places + 1))
    waiting = sum((i - row.agents) * one[i] * fewer[places - i] for i in range(row.agents, places + 1))
    waits = sum(one[i] * fewer[places - i - 1] for i in range(row.agents, places))
    return {
        "p_block": full / whole,
        "p_wait": waits / (whole - full),
        "wait_mean": waiting / load / (whole - full) * row.handle_s,
    }


def expected(name: str) -> dict[str, tuple[float, float]]:
    """What a model of `sim/models` should measure: figure -> (value, tolerance as a share of it)."""
    kind, _, which = name.rpartition("-")
    if kind == "erlang":
        row = {**ERLANG_C, **ERLANG_A}[which]
        told = birth_death(row)
        if not row.patience_s:
            told["served_within"] = erlang_c_within(row, SERVICE_LEVEL_S)
        return {figure: (value, 0.02) for figure, value in told.items()}
    if kind == "wallace-whitt":
        known = pools(6, Row(84, 600, 0, 15), 120) if which == "1" else WALLACE_WHITT[int(which)]
        return {figure: (value, 0.03) for figure, value in known.items()}
    if kind.startswith("n-model"):
        known_costs = N_MODEL_PRESSURE if "pressure" in kind else N_MODEL_OPTIMAL
        return {"cost_rate_mean": (known_costs[float(which)], 0.03)}
    return {figure: (value, 0.02) for figure, value in INVERTED_V[name.removeprefix("inverted-v-")].items()}


def by_control(
    model: Model, name: str, found: Sequence[Mapping[str, dict[str, float]]]
) -> dict[str, list[float]]:
    """What `expected` tells of a model, by the plain queue of its family: [mean, half-width]. found: the
    measures of each replication. Empty where no queue is near enough."""
    queue, known = _control(name)
    if queue is None:
        return {}
    chances = [plain(model, number, queue) for number in range(len(found))]

    def told(figure: str, by: str) -> list[float]:
        measured = [(one["all"] | one["cost"])[figure] for one in found]
        return controlled(measured, [one[by] for one in chances], known[by])

    if name.startswith("n-model"):
        return {"cost_rate_mean": told("cost_rate_mean", "wait_mean")}
    return {figure: told(figure, figure) for figure in sorted(chances[0].keys() & known.keys())}


def _control(name: str) -> tuple[Plain | None, Mapping[str, float]]:
    """The plain queue that a model is held against, and what that does on average: Erlang C's is the same,
    the Wallace-Whitt model's its own k = 6, the inverted V's has fifty agents of the mean rate, the N model's
    two agents who are as busy as its own."""
    which = name.removeprefix("erlang-")
    if which in ERLANG_C:
        row = ERLANG_C[which]
        return Plain(row.agents, row.handle_s), birth_death(row)
    if name.startswith("wallace-whitt"):
        return Plain(90, 600, 120), WALLACE_WHITT[6]
    if name.startswith("inverted-v"):
        return Plain(50, 60), birth_death(Row(2700, 60, 0, 50))
    if name.startswith("n-model"):
        load = float(name.rpartition("-")[2])
        return Plain(2, 1.15), birth_death(Row(1.7 * load * 3600, 1.15, 0, 2))
    return None, {}


def differs(
    measured: Mapping[str, Any], name: str, better: Mapping[str, Sequence[float]] | None = None
) -> list[str]:
    """One line for each figure that is neither within its tolerance nor has the value in its interval. The
    cost of the N model may be below, never above. better: what is told of a figure by a control."""
    flat = {**measured["classes"]["all"], "cost_rate_mean": measured["cost_rate_mean"], **(better or {})}
    flat["utilisation"] = next(iter(measured["groups"].values()))["utilisation"]
    found = []
    for figure, (value, share) in expected(name).items():
        mean, half = flat[figure]
        off = mean - value if figure == "cost_rate_mean" else abs(mean - value)
        if off > max(share * value, half):
            found.append(f"{name}: {figure} is {mean:.6g} +- {half:.2g}, theory says {value:.6g}")
    return found
