"""What a decision under way has moved, before it is folded."""

from __future__ import annotations

from typing import Any, NamedTuple


class Moved(NamedTuple):
    """An agent's difference to what is folded: units and conversations in hand, the number of the last
    offer made to them (0: none), and conversations by channel."""

    units: int = 0
    cases: int = 0
    last_offer: int = 0
    by_channel: dict[str, int] | None = None


UNMOVED = Moved()


class Moves:
    """What one decision has moved before it is folded."""

    __slots__ = ("agents", "now_ms", "shift", "taken")

    def __init__(self, now_ms: int = 0) -> None:
        self.now_ms = now_ms
        self.agents: dict[str, Moved] = {}
        self.taken: set[str] = set()
        self.shift: dict[Any, int] | None = None
        """What all of it changes in the free slots of live work, once it was worked out (`pricing.py`)."""

    def give(self, agent_id: str, units: int, channel: str, conversation_id: str, number: int) -> None:
        """The conversation is offered to the agent, as the desk's offer of that number."""
        self._move(agent_id, units, channel, 1, number)
        self.taken.add(conversation_id)

    def take(self, agent_id: str, units: int, channel: str) -> None:
        """The agent has one conversation less in hand."""
        self._move(agent_id, -units, channel, -1, 0)

    def _move(self, agent_id: str, units: int, channel: str, step: int, number: int) -> None:
        self.shift = None
        had = self.agents.get(agent_id, UNMOVED)
        by_channel = dict(had.by_channel or {})
        by_channel[channel] = by_channel.get(channel, 0) + step
        self.agents[agent_id] = Moved(
            had.units + units, had.cases + step, number or had.last_offer, by_channel
        )
