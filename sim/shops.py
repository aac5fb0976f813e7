"""Two other shops than the mid-size one that a workload file describes: drawn, so that they fit in a page.

`small`: six agents who do everything between nine and five, two languages. `large`: 600 agents in eight
languages and ten topics, open sixteen hours. Staff and volumes are in the same proportion as in a shop where
every language has somebody; who can do what is drawn from the name's own dice, the same each time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import msgspec

from sim.shop import Busyness, Channel, Person, Shop

HOUR_S = 3600.0
BREAK_S = 1800.0
MORNING = [6.0, 9, 11, 11, 9, 8, 8, 8]
DAY_AND_EVENING = [3.0, 5, 7, 9, 10, 9, 8, 8, 8, 8, 7, 6, 5, 4, 2, 1]
PROFILES = {
    "V": {"voice": 100, "email": 100},
    "D": {"chat": 33, "social": 33, "email": 34},
    "B": {"voice": 100, "chat": 50, "social": 50, "email": 50},
}
LEVEL_TIMES = {"1": 1.3, "2": 1.15, "3": 1.0, "4": 0.9, "5": 0.82}
TIER_WEIGHTS = {"vip": 5.0, "plus": 2.0, "std": 1.0}


def small() -> Shop:
    """Six agents, eight hours, two languages, three topics."""
    channels = _channels(MORNING, {"voice": 70, "chat": 100, "social": 35, "email": 150})
    agents = [
        Person(
            "s0", "B", "day", ["pl", "en"], {"orders": 4, "returns": 4, "product": 3}, 3 * HOUR_S, BREAK_S
        ),
        Person("s1", "B", "day", ["pl"], {"orders": 3, "returns": 3}, 3.5 * HOUR_S, BREAK_S),
        Person("s2", "B", "day", ["pl", "en"], {"orders": 2, "product": 5}, 4 * HOUR_S, BREAK_S),
        Person("s3", "V", "day", ["pl"], {"orders": 4, "returns": 2, "product": 2}, 4.5 * HOUR_S, BREAK_S),
        Person(
            "s4", "D", "day", ["pl", "en"], {"orders": 3, "returns": 4, "product": 3}, 3 * HOUR_S, BREAK_S
        ),
        Person("s5", "D", "day", ["pl"], {"orders": 3, "returns": 3, "product": 2}, 4.5 * HOUR_S, BREAK_S),
    ]
    topics = {"orders": 0.5, "returns": 0.3, "product": 0.2}
    return _shop("small", 8, channels, {"pl": 0.85, "en": 0.15}, topics, {"day": (0.0, 8 * HOUR_S)}, agents)


def large() -> Shop:
    """600 agents, sixteen hours, eight languages, ten topics."""
    dice = random.Random("large")
    languages = dict(
        zip("de en fr pl it es nl cs".split(), (0.3, 0.2, 0.14, 0.12, 0.09, 0.07, 0.05, 0.03), strict=True)
    )
    topics = {
        f"topic{i}": share
        for i, share in enumerate((0.22, 0.18, 0.14, 0.1, 0.09, 0.08, 0.07, 0.05, 0.04, 0.03))
    }
    shifts = {"early": (0.0, 8 * HOUR_S), "mid": (4 * HOUR_S, 12 * HOUR_S), "late": (8 * HOUR_S, 16 * HOUR_S)}
    agents = [_somebody(dice, i, languages, topics, list(shifts)) for i in range(600)]
    daily = {"voice": 9_500, "chat": 13_500, "social": 5_000, "email": 16_000}
    return _shop("large", 16, _channels(DAY_AND_EVENING, daily), languages, topics, shifts, agents)


def _somebody(
    dice: random.Random,
    number: int,
    languages: Mapping[str, float],
    topics: Mapping[str, float],
    shifts: Sequence[str],
) -> Person:
    """An agent with one or two languages and three to seven topics, drawn by what there is need for."""
    spoken = dice.choices(list(languages), list(languages.values()), k=dice.choice((1, 1, 2)))
    known = sorted(topics, key=lambda topic: dice.random() ** (1 / topics[topic]), reverse=True)
    levels = {topic: dice.choice((1, 2, 3, 3, 3, 4, 4, 5)) for topic in known[: dice.randint(3, 7)]}
    shift = shifts[number % len(shifts)]
    begins_s = shifts.index(shift) * 4 * HOUR_S
    pause_s = begins_s + (3 + number % 4 / 2) * HOUR_S
    profile = dice.choices("VDB", (0.36, 0.4, 0.24))[0]
    return Person(f"l{number:03}", profile, shift, list(dict.fromkeys(spoken)), levels, pause_s, BREAK_S)


def _channels(hourly: Sequence[float], daily: Mapping[str, float]) -> dict[str, Channel]:
    def channel(
        name: str, handle: float, cv: float, patience: float | None, sla: Sequence[float], overnight: float
    ) -> Channel:
        targets = dict(zip(TIER_WEIGHTS, sla, strict=True))
        live = name in ("voice", "chat")
        return Channel(daily[name], list(hourly), handle, cv, patience, targets, live, overnight)

    return {
        "voice": channel("voice", 330, 0.9, 240, (20, 40, 60), 0.0),
        "chat": channel("chat", 540, 0.8, 360, (30, 60, 120), 0.0),
        "social": channel("social", 240, 1.0, 21_600, (900, 1_800, 3_600), 0.15),
        "email": channel("email", 300, 1.0, None, (3_600, 7_200, 14_400), 0.25),
    }


def _shop(
    name: str,
    hours: int,
    channels: Mapping[str, Channel],
    languages: Mapping[str, float],
    topics: Mapping[str, float],
    shifts: Mapping[str, tuple[float, float]],
    agents: Sequence[Person],
) -> Shop:
    return Shop(
        name=name,
        day_seconds=round(hours * HOUR_S),
        days=5,
        day_factor=[1.25, 1.05, 1.0, 0.95, 0.9],
        channels=dict(channels),
        topic_multiplier={topic: 0.8 + 0.5 * i / max(len(topics) - 1, 1) for i, topic in enumerate(topics)},
        languages=dict(languages),
        topics=dict(topics),
        tiers={"vip": 0.05, "plus": 0.2, "std": 0.75},
        tier_weight=TIER_WEIGHTS,
        complex_share=0.1,
        complex_min_level=3,
        level_time_factor=LEVEL_TIMES,
        slowdown=0.35,
        profiles=PROFILES,
        shifts=dict(shifts),
        sticky_share=0.15,
        load_scenarios={"light": 0.85, "base": 1.0, "peak": 1.15},
        agents=list(agents),
        busyness=Busyness(1.0, 0.08),
    )


SHOPS: Mapping[str, Callable[[], Shop]] = {"small": small, "large": large}
"""By the name that stands for a workload file."""


def as_file(shop: Shop) -> bytes:
    """The shop as a workload file."""
    return msgspec.json.format(msgspec.json.encode(shop), indent=1) + b"\n"
