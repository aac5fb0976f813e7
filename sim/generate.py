"""Draws weeks from a workload: arrivals by the hour, busy and quiet days, handling, patience, wishes.

Arrivals of a channel are Poisson in each slot of its curve; a day's factor, one gamma draw a day (busyness)
and the scenario's load multiply all channels. Work is lognormal, patience exponential. Every channel has
dice of its own for when and for who, seeded by the week's seed: a change of one leaves the others as they
were, and two loads of a seed have the same days.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence

from services.kernel.errors import Invalid
from sim.shop import Channel, Contact, Shop


def draw_week(shop: Shop, seed: int, scenario: str = "base") -> list[Contact]:
    """The contacts of one week, in order. Raises Invalid for a scenario that the workload does not have."""
    load = shop.load_scenarios.get(scenario)
    if load is None:
        raise Invalid(f"no scenario {scenario!r}: the workload has {', '.join(shop.load_scenarios)}")
    days = random.Random(f"{seed}/days")
    busy = [
        shop.day_factor[day] * _gamma(days, shop.busyness.mean, shop.busyness.cv) for day in range(shop.days)
    ]
    contacts: list[Contact] = []
    for name, channel in shop.channels.items():
        when = random.Random(f"{seed}/{name}/arrivals")
        who = random.Random(f"{seed}/{name}/customers")
        for t in _arrivals(when, shop, channel, [factor * load for factor in busy]):
            contacts.append(_contact(who, shop, name, channel, t))
    return sorted(contacts, key=lambda one: one.t)


def _arrivals(dice: random.Random, shop: Shop, channel: Channel, factors: Sequence[float]) -> Iterator[float]:
    """Times of one channel: the batch that waits at each opening, then slot by slot."""
    slot_s = shop.day_seconds / len(channel.hourly)
    total = sum(channel.hourly)
    for day, factor in enumerate(factors):
        start_s, expected = day * shop.day_seconds, channel.daily * factor
        for _ in range(_poisson(dice, expected * channel.overnight_share)):
            yield float(start_s)
        for i, weight in enumerate(channel.hourly):
            for _ in range(_poisson(dice, expected * (1 - channel.overnight_share) * weight / total)):
                yield round(start_s + (i + dice.random()) * slot_s, 3)


def _contact(dice: random.Random, shop: Shop, name: str, channel: Channel, t: float) -> Contact:
    """One customer. Every draw is made, needed or not, so that the next customer's are the same."""
    topic = _pick(dice, shop.topics)
    lang, tier = _pick(dice, shop.languages), _pick(dice, shop.tiers)
    is_complex = dice.random() < shop.complex_share
    mean = channel.handle_mean * shop.topic_multiplier[topic]
    work = lognormal(dice, mean, channel.handle_cv)
    patience = dice.expovariate(1.0)
    wants, which = dice.random() < shop.sticky_share, dice.random()
    return Contact(
        t=t,
        channel=name,
        lang=lang,
        topic=topic,
        tier=tier,
        min_level=shop.complex_min_level if is_complex else 1,
        work=round(work, 2),
        patience=round(patience * channel.patience_mean, 2) if channel.patience_mean else None,
        sticky_u=round(which, 5) if wants and which < 0.999995 else None,
    )


def _pick(dice: random.Random, shares: Mapping[str, float]) -> str:
    return dice.choices(list(shares), list(shares.values()))[0]


def lognormal(dice: random.Random, mean: float, cv: float) -> float:
    """A lognormal draw by its mean and coefficient of variation: sigma^2 = ln(1 + cv^2)."""
    sigma2 = math.log1p(cv * cv)
    return dice.lognormvariate(math.log(mean) - sigma2 / 2, math.sqrt(sigma2))


def _gamma(dice: random.Random, mean: float, cv: float) -> float:
    return dice.gammavariate(1 / cv**2, mean * cv**2) if cv else mean


def _poisson(dice: random.Random, mean: float) -> int:
    """A Poisson draw by counting exponential steps: exact, and quick enough for an hour's arrivals."""
    count, at = 0, dice.expovariate(1.0) if mean > 0 else math.inf
    while at < mean:
        count, at = count + 1, at + dice.expovariate(1.0)
    return count
