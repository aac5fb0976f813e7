"""The numbers behind a choice of agent: what each preset looks at, and one score that sorts alike.

Candidates are compared part by part (`matching.Candidate`). The score says the same in one number:
each later part is scaled so far down that it only decides between equals, and the last agent is
lifted above everybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.router.matching import Candidate
from services.router.state import Desk

LAST_AGENT = 1e9
"""More than any other part can make: preferred whatever else."""
_TIE = 1e-12
"""An hour of idling weighs 4e-9, less than any load or surplus."""


def explained(
    desk: Desk, best: Sequence[Candidate], now_ms: int
) -> tuple[tuple[str, ...], list[float], list[float]]:
    """Names of the parts, the score of each candidate, and each one's parts in a row."""
    names, score = _PRESETS.get(desk.preset, (_IDLE, _by_idle))
    scores: list[float] = []
    parts: list[float] = []
    for candidate in best:
        not_last, first, surplus, _, agent_id = candidate
        idle_s = max(0, now_ms - desk.agents[agent_id].idle_ms) / 1000
        last = 0.0 if not_last else 1.0
        value, own = score(first, surplus, idle_s)
        scores.append(value + last * LAST_AGENT)
        parts += (last, *own)
    return names, scores, parts


_DEFAULT = ("last_agent", "load_permille", "skill_surplus", "idle_s")
_ACTIVE = ("last_agent", "open", "idle_s")
_TURN = ("last_agent", "last_offer")
_IDLE = ("last_agent", "idle_s")


def _by_load(first: int, surplus: int, idle_s: float) -> tuple[float, tuple[float, ...]]:
    score = -first - surplus * 1e-4 + idle_s * _TIE
    return score, (first, surplus, idle_s)


def _by_open(first: int, _: int, idle_s: float) -> tuple[float, tuple[float, ...]]:
    return -first + idle_s * _TIE, (first, idle_s)


def _by_turn(first: int, _: int, __: float) -> tuple[float, tuple[float, ...]]:
    return -first, (first,)


def _by_idle(_: int, __: int, idle_s: float) -> tuple[float, tuple[float, ...]]:
    return idle_s, (idle_s,)


_PRESETS = {
    "default": (_DEFAULT, _by_load),
    "least_active": (_ACTIVE, _by_open),
    "round_robin": (_TURN, _by_turn),
}
