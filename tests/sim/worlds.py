"""Small shops for the simulator's tests."""

from __future__ import annotations

from typing import Any

from sim.shop import Busyness, Channel, Contact, Person, Shop


def person(agent_id: str, profile: str = "all", **rest: Any) -> Person:
    """An agent who is there all day, speaks Polish and knows the topic at level 3."""
    fields: dict[str, Any] = {"shift": "day", "langs": ["pl"], "topics": {"returns": 3}, **rest}
    return Person(id=agent_id, profile=profile, **fields)


def shop(*people: Person, **rest: Any) -> Shop:
    """Two days of one hour; voice takes a whole agent, chat a third; the promise is 60 s."""
    plain: dict[str, Any] = {"daily": 60.0, "hourly": [1.0], "handle_mean": 60.0, "handle_cv": 1.0}
    plain["sla"] = {"vip": 30.0, "std": 60.0}
    fields: dict[str, Any] = {
        "name": "two-days",
        "day_seconds": 3600,
        "days": 2,
        "day_factor": [1.0, 1.0],
        "channels": {
            "voice": Channel(**plain, patience_mean=120.0, live=True),
            "chat": Channel(**plain, patience_mean=240.0, live=True),
            "email": Channel(**plain, patience_mean=None, live=False, overnight_share=0.25),
        },
        "topic_multiplier": {"returns": 1.0},
        "languages": {"pl": 1.0},
        "topics": {"returns": 1.0},
        "tiers": {"vip": 0.1, "std": 0.9},
        "tier_weight": {"vip": 5.0, "std": 1.0},
        "complex_share": 0.1,
        "complex_min_level": 3,
        "level_time_factor": {"1": 1.3, "2": 1.15, "3": 1.0, "4": 0.9, "5": 0.82},
        "slowdown": 0.35,
        "profiles": {"all": {"voice": 100, "chat": 33, "email": 34}},
        "shifts": {"day": (0.0, 3600.0)},
        "sticky_share": 0.15,
        "load_scenarios": {"base": 1.0, "peak": 1.15},
        "agents": list(people) or [person("anna")],
        "busyness": Busyness(1.0, 0.08),
        **rest,
    }
    return Shop(**fields)


def contact(t: float, channel: str = "chat", work: float = 60.0, **rest: Any) -> Contact:
    """A contact of the standard tier that never gives up."""
    fields: dict[str, Any] = {
        "lang": "pl",
        "topic": "returns",
        "tier": "std",
        "min_level": 1,
        "patience": None,
        "sticky_u": None,
        **rest,
    }
    return Contact(t=t, channel=channel, work=work, **fields)
