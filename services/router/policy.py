"""The routing policy as the engine reads it, from a desk's configuration.

A name stands for the preset of this release; a policy that is written out holds as it is written.
"""

from __future__ import annotations

from msgspec import Struct

from proto.v1 import desk_pb2 as pb
from services.kernel.desk_policy import PRESETS

Numbers = tuple[tuple[str, int], ...]


class Policy(Struct, array_like=True, frozen=True, gc=False):
    """In what order work waits and who gets it; the parts are explained in `desk.proto`."""

    name: str = "default"
    order: int = pb.POLICY_ORDER_SAVEABLE
    agent: int = pb.POLICY_AGENT_LEAST_COST
    priority_first: bool = False
    ageing_ms: int = 0
    levels_first: bool = False
    score: tuple[tuple[str, float], ...] = ()
    hold_back: float = 1.0
    shares: Numbers = ()
    limits: Numbers = ()
    bots_first: bool = False
    bots_contain: float = 0.0
    surges: Numbers = ()

    @property
    def is_costly(self) -> bool:
        """Whether agents are chosen by what it costs to take them."""
        return self.agent == pb.POLICY_AGENT_LEAST_COST

    @property
    def has_one_order(self) -> bool:
        """Whether all agents agree who goes first: not where each takes what they are best at."""
        return not self.levels_first and self.order != pb.POLICY_ORDER_PRESSURE

    @property
    def needs_pace(self) -> bool:
        """Whether it matters how quick each agent is with each queue."""
        return (
            self.agent == pb.POLICY_AGENT_FASTEST
            or self.order == pb.POLICY_ORDER_PRESSURE
            or any(name == "pace" for name, _ in self.score)
        )


def shadow_of(routing: pb.Routing) -> Policy | None:
    """The policy that is asked beside it; None: none is."""
    return policy_of(routing.shadow) if routing.HasField("shadow") else None


def policy_of(routing: pb.Routing | pb.ShadowPolicy) -> Policy:
    """The policy that holds; an unknown name, of a later release, stands for the default."""
    preset = PRESETS.get(routing.preset) or PRESETS["default"]
    said = routing.policy if routing.HasField("policy") else preset
    return Policy(
        name=said.name,
        order=said.order,
        agent=said.agent,
        priority_first=said.priority_first,
        ageing_ms=said.ageing_ms,
        levels_first=said.levels_first,
        score=tuple((part.name, part.weight) for part in said.score),
        hold_back=said.hold_back_permille / 1000,
        shares=tuple(sorted(said.shares.items())),
        limits=tuple(sorted(said.limits.items())),
        bots_first=said.bots_first,
        bots_contain=said.bots_contain_permille / 1000,
        surges=tuple((surge.queue, surge.waiting) for surge in said.surges),
    )
