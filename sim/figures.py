"""What a week amounts to: attained promises, waits, breaches, loads, and how true the told waits came."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sim.shop import Contact
from sim.week import Outcome, Week

P90 = 0.9
SLA_DIGITS = 4
TOLD = ("rmse_s", "rmse_constant_s", "coverage_p90", "pinball_p90", "pinball_p90_constant")
"""What is told of a channel's estimates beside their number; None where nobody queued and was served."""


def figures(week: Week) -> dict[str, Any]:
    """The measures of `python -m sim week`, without what depends on the machine."""
    judged = [(c, o, attained(week, c, o)) for c, o in zip(week.contacts, week.outcomes, strict=True)]
    counted = [(c, o, hit) for c, o, hit in judged if hit is not None]
    misses = [(c, o) for c, o, hit in counted if not hit]
    weight = week.shop.tier_weight
    channels = list(week.shop.channels)
    loads = [_occupancy(week, name) for name in week.desks]
    return {
        "sla": {"all": _share(hit for _, _, hit in counted), **_by_kind(week, counted)},
        "abandoned": {name: _gone(judged, name, False) for name in channels},
        "lost": {name: _gone(judged, name, True) for name in channels},
        **_waits(week, channels),
        "weighted_breaches": round(sum(weight[c.tier] for c, _ in misses), 3),
        "breaches": len(misses),
        "occupancy_mean": round(statistics.fmean(loads), 4),
        "occupancy_sd": round(statistics.pstdev(loads), 4),
        "sticky_hit": _sticky(week, False),
        "sticky_hit_free": _sticky(week, True),
        "wait_estimate": {name: told(week, name) for name in channels if week.shop.channels[name].live},
    }


def attained(week: Week, contact: Contact, outcome: Outcome) -> bool | None:
    """Whether the promise was kept; None: it still may be."""
    target_ms = round(week.shop.channels[contact.channel].sla[contact.tier] * 1000)
    if outcome.started_ms >= 0:
        return outcome.started_ms - outcome.arrived_ms <= target_ms
    if outcome.gone_ms >= 0 or outcome.arrived_ms + target_ms < week.shop.days * week.hours.day_ms:
        return False
    return None


def _by_kind(week: Week, counted: Sequence[tuple[Contact, Outcome, bool]]) -> dict[str, float | None]:
    kinds: list[tuple[Iterable[str], Callable[[Contact], str]]] = [
        (week.shop.channels, lambda c: c.channel),
        (week.shop.tiers, lambda c: c.tier),
        (week.shop.languages, lambda c: c.lang),
    ]
    return {
        name: _share(hit for c, _, hit in counted if of(c) == name) for names, of in kinds for name in names
    }


def _share(hits: Iterable[bool]) -> float | None:
    known = list(hits)
    return round(sum(known) / len(known), SLA_DIGITS) if known else None


def _gone(
    judged: Sequence[tuple[Contact, Outcome, bool | None]], channel: str, is_lost: bool
) -> float | None:
    return _share(o.gone_ms >= 0 and o.lost == is_lost for c, o, _ in judged if c.channel == channel)


def _waits(week: Week, channels: Sequence[str]) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {"wait_mean_s": {}, "wait_p50_s": {}, "wait_p90_s": {}}
    for name in channels:
        waits = sorted(
            (o.started_ms - o.arrived_ms) / 1000
            for c, o in zip(week.contacts, week.outcomes, strict=True)
            if c.channel == name and o.started_ms >= 0
        )
        found["wait_mean_s"][name] = round(statistics.fmean(waits), 3) if waits else None
        found["wait_p50_s"][name] = round(quantile(waits, 0.5), 3) if waits else None
        found["wait_p90_s"][name] = round(quantile(waits, P90), 3) if waits else None
    return found


def quantile(ordered: Sequence[float], share: float) -> float:
    """The sample quantile, interpolated between neighbours."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _occupancy(week: Week, agent_id: str) -> float:
    desk = week.desks[agent_id]
    return desk.worked_ms / (desk.on_ms * week.capacity[agent_id]) if desk.on_ms else 0.0


def _sticky(week: Week, is_free: bool) -> float | None:
    """Of those with a preferred agent who were served, the share whom that agent served. is_free: of those
    whose preferred agent had room when they came, so that nobody had to wait for it."""
    return _share(
        outcome.agent == preferred
        for outcome, preferred in zip(week.outcomes, week.preferred, strict=True)
        if preferred is not None and outcome.started_ms >= 0 and (outcome.preferred_free or not is_free)
    )


def told(week: Week, channel: str) -> dict[str, float | None]:
    """What was said at arrival against what came of it, over those who queued and were served."""
    pairs = [
        (o.wait_p50_ms / 1000, o.wait_p90_ms / 1000, (o.started_ms - o.arrived_ms) / 1000)
        for c, o in zip(week.contacts, week.outcomes, strict=True)
        if c.channel == channel and o.queued and o.started_ms >= 0
    ]
    waits = sorted(wait for _, _, wait in pairs)
    if not waits:
        return {"n": 0, **dict.fromkeys(TOLD)}
    mean, best_p90 = statistics.fmean(waits), quantile(waits, P90)
    return {
        "n": len(pairs),
        "rmse_s": _root_mean((p50 - wait) ** 2 for p50, _, wait in pairs),
        "rmse_constant_s": _root_mean((mean - wait) ** 2 for wait in waits),
        "coverage_p90": round(statistics.fmean(wait <= p90 for _, p90, wait in pairs), 4),
        "pinball_p90": round(statistics.fmean(pinball(p90, wait) for _, p90, wait in pairs), 4),
        "pinball_p90_constant": round(statistics.fmean(pinball(best_p90, wait) for wait in waits), 4),
    }


def pinball(said: float, came: float) -> float:
    """The loss of a 0.9 quantile: short of it costs nine times what too much costs."""
    return max(P90 * (came - said), (1 - P90) * (said - came))


def _root_mean(squares: Iterable[float]) -> float:
    return round(math.sqrt(statistics.fmean(squares)), 4)
