"""A queueing model as a file describes it, and the desk that it amounts to.

Each class is a queue that requires the class's skills; each agent has one place, so that a conversation
takes all of it. Which policy decides is data: a preset's name, with what else the file says of it. Levels
count first (agents of the highest level, a freed agent's best skill) but for presets that ignore them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from proto.v1 import desk_pb2 as pb
from services.kernel.desk_policy import PRESETS
from services.kernel.errors import Invalid
from services.kernel.limits import OFFER_EXPIRES_MS
from sim.bounds import Count, Level, Number, Positive
from sim.draws import Distribution, mean_of

CLASS = "class"
CHANNEL = "call"
EVERY_CLASS = "all"
ACCOUNT = "model"
WITHOUT_LEVELS = ("fcfs_longest_idle", "fastest_server", "max_pressure", "default")
"""Presets to which levels are skills like others."""
COST_RATE_MAX = 1_000
"""As of a desk's weights."""
SERVICE_S_MIN = 10.0
"""Engines count milliseconds: a model of shorter services is played in larger units of time."""


class Class(Struct, frozen=True):
    """Customers of one kind. Times in the model's unit."""

    name: str
    requires: dict[str, Level]
    interarrival: Distribution
    patience: Distribution | None = None
    cost_rate: Annotated[float, Meta(ge=0, le=COST_RATE_MAX)] = 0.0
    service_level_s: Positive | None = None


class Group(Struct, frozen=True):
    """Agents who are alike."""

    name: str
    agents: Annotated[int, Meta(ge=1, le=100_000)]
    skills: dict[str, Level]
    service: dict[str, Distribution]


class Surge(Struct, frozen=True):
    """From so many waiting on this class goes first, below that last."""

    queue: str
    waiting: Count


class Policy(Struct, frozen=True):
    """A preset, and what may be added to it."""

    name: str
    levels: bool | None = None
    surges: list[Surge] = []


class Model(Struct, frozen=True):
    """A model file."""

    name: str
    classes: Annotated[list[Class], Meta(min_length=1)]
    groups: Annotated[list[Group], Meta(min_length=1)]
    policy: Policy
    arrivals: Number
    warmup_arrivals: Count
    replications: Number
    seed: Count
    max_in_system: Number | None = None
    max_waiting: Count | None = None


def load_model(path: Path) -> Model:
    """Read a model file. Raises Invalid if it is none."""
    try:
        model = msgspec.json.decode(path.read_bytes(), type=Model)
    except (OSError, msgspec.MsgspecError) as error:
        raise Invalid(f"{path} is no model: {error}") from error
    for wrong in _problems(model):
        raise Invalid(f"{path}: {wrong}")
    return model


def _problems(model: Model) -> Iterator[str]:
    names = {one.name for one in model.classes}
    for what, listed in (("classes", model.classes), ("groups", model.groups)):
        if len({one.name for one in listed}) < len(listed):
            yield f"two {what} have the same name"
    if EVERY_CLASS in names:
        yield f"no class may be called {EVERY_CLASS!r}: under that name all of them are told together"
    if model.warmup_arrivals >= model.arrivals:
        yield "warmup_arrivals must be fewer than arrivals: nothing would be counted"
    if model.policy.name not in PRESETS:
        yield f"no policy {model.policy.name!r}: there are {', '.join(PRESETS)}"
    for group in model.groups:
        for one in model.classes:
            if may_handle(group, one) and one.name not in group.service:
                yield f"group {group.name} may handle {one.name}, but its service does not say how long"
        for unknown in set(group.service) - names:
            yield f"group {group.name} serves {unknown!r}, which is no class"
    for surge in model.policy.surges:
        if surge.queue not in names:
            yield f"a surge names {surge.queue!r}, which is no class"


def may_handle(group: Group, one: Class) -> bool:
    """Whether the group's agents have the skills of a class."""
    return all(group.skills.get(skill, 0) >= level for skill, level in one.requires.items())


def ms_per_unit(model: Model) -> int:
    """How many milliseconds of virtual time stand for the model's unit."""
    shortest = min(mean_of(dist) for group in model.groups for dist in group.service.values())
    unit = 1_000
    while shortest * unit < SERVICE_S_MIN * 1_000:
        unit *= 10
    return unit


def desk_of(model: Model) -> pb.DeskConfig:
    """The desk's configuration."""
    skills = sorted({skill for group in model.groups for skill in group.skills})
    desk = pb.DeskConfig(
        name=model.name,
        time_zone="UTC",
        skills=skills,
        routing=_routing(model),
        accounts=[pb.Account(channel=CHANNEL, account=ACCOUNT, units=1)],
    )
    for one in model.classes:
        queue = desk.queues.add(name=one.name, requires=one.requires, priority=5)
        queue.when.any.add(field=f"attributes.{CLASS}", values=[one.name])
    return desk


def _routing(model: Model) -> pb.Routing:
    policy = pb.Policy()
    policy.CopyFrom(PRESETS[model.policy.name])
    levels = model.policy.levels
    policy.levels_first = model.policy.name not in WITHOUT_LEVELS if levels is None else levels
    for surge in model.policy.surges:
        policy.surges.add(queue=surge.queue, waiting=surge.waiting)
    routing = pb.Routing(preset=model.policy.name, policy=policy, offer_expires_ms=OFFER_EXPIRES_MS)
    for one in model.classes:
        if one.cost_rate:
            rule = routing.weights.add(weight_permille=round(one.cost_rate * 1_000))
            rule.when.any.add(field=f"attributes.{CLASS}", values=[one.name])
    return routing


def agents_of(model: Model) -> Iterator[tuple[Group, pb.Agent]]:
    """Every agent with their group."""
    for group in model.groups:
        for number in range(group.agents):
            agent: dict[str, Any] = {"kind": pb.AGENT_KIND_HUMAN, "skills": group.skills, "capacity": 1}
            yield group, pb.Agent(agent_id=f"{group.name}-{number:04}", **agent)
