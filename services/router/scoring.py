"""The numbers behind a choice of agent: what each policy looks at, and one score that sorts alike.

Candidates compare part by part (`choosing.Candidate`). The score says the same in one number: where cost
decides it is that cost, below zero; elsewhere each later part is scaled so far down that it only decides
between equals, and the last agent is lifted above everybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from proto.v1 import desk_pb2 as pb
from services.router.choosing import Candidate
from services.router.policy import Policy

BOTS = 1e14
LAST_AGENT = 1e13
"""More than any other part but bots can make: preferred whatever else."""
MISSING = 1e11
LEVEL = 1e10
_TIE = 1e-12
"""An hour of idling weighs 4e-9, less than any load or level."""

_COST = ("last_agent", "work", "costs_others", "usual_share", "levels_missing")
_OWN_NAMES: dict[int, str] = {
    pb.POLICY_AGENT_LONGEST_IDLE: "",
    pb.POLICY_AGENT_LEAST_LOADED: "load_permille",
    pb.POLICY_AGENT_LEAST_ACTIVE: "open",
    pb.POLICY_AGENT_ROUND_ROBIN: "last_offer",
    pb.POLICY_AGENT_BEST_SKILLED: "level",
    pb.POLICY_AGENT_LEAST_FLEXIBLE: "breadth",
    pb.POLICY_AGENT_FASTEST: "pace_ms",
    pb.POLICY_AGENT_SCORE: "score",
}
_BY_VALUE = frozenset(
    {
        pb.POLICY_AGENT_BEST_SKILLED,
        pb.POLICY_AGENT_LEAST_FLEXIBLE,
        pb.POLICY_AGENT_FASTEST,
        pb.POLICY_AGENT_SCORE,
    }
)
"""Worked out for each pair of agent and work; the others' value is the agent's place in the lists."""


def explained(
    policy: Policy, best: Sequence[Candidate], now_ms: int
) -> tuple[tuple[str, ...], list[float], list[float]]:
    """Names of the parts, the score of each candidate, and each one's parts in a row."""
    scores: list[float] = []
    parts: list[float] = []
    if policy.is_costly:
        for candidate in best:
            bot, total, _ = candidate.key
            scores.append(-total - bot * BOTS)
            parts += candidate.parts
        return _COST, scores, parts
    own = _OWN_NAMES.get(policy.agent, "")
    names = (
        ("last_agent", "levels_missing", own, "idle_s") if own else ("last_agent", "levels_missing", "idle_s")
    )
    for candidate in best:
        bot, _, missing, level, value, first, _ = candidate.key
        last, _, _, shown, idle_ms = candidate.parts
        idle_s = max(0.0, now_ms - idle_ms) / 1000
        score = idle_s if not own else -(value if policy.agent in _BY_VALUE else first) + idle_s * _TIE
        scores.append(score + last * LAST_AGENT - bot * BOTS - missing * MISSING - level * LEVEL)
        if policy.agent == pb.POLICY_AGENT_BEST_SKILLED or policy.agent == pb.POLICY_AGENT_SCORE:
            shown = -shown
        parts += (last, missing, shown, idle_s) if own else (last, missing, idle_s)
    return names, scores, parts
