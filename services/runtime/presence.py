"""What an agent says of themselves, whichever door it came by."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from proto.v1.inbound_pb2 import Inbound, PresencePut
from services.runtime.edge import Edge


class PresenceIn(BaseModel):
    """What an agent says of themselves; with `ttl_s` it holds that long without a stream."""

    model_config = ConfigDict(strict=True, extra="forbid")

    state: Literal["online", "busy", "away", "offline"]
    ttl_s: Annotated[int, Field(ge=1, le=86_400)] | None = None


PRESENCE: TypeAdapter[PresenceIn] = TypeAdapter(PresenceIn)


async def say(edge: Edge, desk: str, agent: str, said: PresenceIn) -> None:
    """Say whether a known agent takes work. Raises as `Edge.outcome`."""
    state = f"PRESENCE_STATE_{said.state.upper()}"
    put = PresencePut(agent_id=agent, state=state, ttl_ms=(said.ttl_s or 0) * 1000)
    await edge.outcome(Inbound(desk_id=desk, presence=put), shown=False)
