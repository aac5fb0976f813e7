"""What must always hold of who has what (ARCHITECTURE, "What must always hold", 1, 2, 7).

Looked at in the state as it is, through its indexes, so that agents cost more than conversations. A lowered
capacity drains and is no violation, so this follows the agents' settings on the log: over their capacity are
only those whose last offer came after their last settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set

from proto.v1.routing_pb2 import RoutingEvent
from services.kernel.limits import CAPACITY_DEFAULT
from services.router.state import State, initial
from services.runtime.loop import Committed


class Invariants:
    """Watches one state of the router after the other."""

    def __init__(self) -> None:
        self._state = initial()
        # As it was committed; the state may be ahead of that.
        self._capacity: dict[tuple[str, str], int] = {}
        self._draining: set[tuple[str, str]] = set()

    def restored(self, state: State) -> None:
        """A new state: who has too much in it is taken to be draining."""
        self._state = state
        self._capacity = {
            (desk_id, seat.id): seat.agent.capacity
            for desk_id, floor in state.matcher.floors.items()
            for seat in floor.seats.values()
        }
        self._draining = {key for key, capacity in self._capacity.items() if self._has(*key) > capacity}

    def committed(self, batch: Committed) -> None:
        """Events say it all."""

    def hears(self) -> Mapping[str, Callable[[RoutingEvent], None]]:
        """Settings of agents, and offers."""
        return {"agent": self._configured, "offered": self._offered}

    def rules(self) -> Mapping[str, Callable[[int], Iterator[int]]]:
        """By name, as `services.runtime.metrics.RULES` has them."""
        return {
            "capacity": self._over_capacity,
            "two_states": self._in_two_states,
            "human_only": self._with_bots,
        }

    def _configured(self, event: RoutingEvent) -> None:
        agent = event.agent.agent
        key = event.desk_id, agent.agent_id
        self._capacity[key] = agent.capacity or CAPACITY_DEFAULT
        if self._has(*key) > self._capacity[key]:
            self._draining.add(key)

    def _offered(self, event: RoutingEvent) -> None:
        if self._draining:
            self._draining.discard((event.desk_id, event.offered.agent_id))

    def _has(self, desk_id: str, agent_id: str) -> int:
        floor = self._state.matcher.floors.get(desk_id)
        seat = floor.seats.get(agent_id) if floor is not None else None
        return sum(seat.held.values()) if seat is not None else 0

    def _over_capacity(self, now_ms: int) -> Iterator[int]:
        for desk_id, floor in list(self._state.matcher.floors.items()):
            found = 0
            for seat in floor.seats.values():
                capacity, key = seat.agent.capacity, (desk_id, seat.id)
                if sum(seat.held.values()) > capacity and key not in self._draining:
                    found += self._capacity.get(key) == capacity
            yield found

    def _in_two_states(self, now_ms: int) -> Iterator[int]:
        """How often a conversation is found too much or not at all. In one go, since they move: as sets, so
        that a hundred thousand take some 20 ms."""
        conversations = self._state.data.conversations.keys()
        floors = self._state.matcher.floors.values()
        places: list[Set[str]] = [floor.where.keys() for floor in floors]
        places += [seat.held.keys() for floor in floors for seat in floor.seats.values() if seat.held]
        found: set[str] = set().union(*places)
        lost = 0 if conversations == found else len(conversations ^ found)
        yield sum(map(len, places)) - len(found) + lost

    def _with_bots(self, now_ms: int) -> Iterator[int]:
        """Work of bots; who has just become one is looked at by the engine first."""
        conversations = self._state.data.conversations
        for desk_id, floor in list(self._state.matcher.floors.items()):
            agents = self._state.desk(desk_id).agents
            bots = [seat for key, seat in floor.seats.items() if seat.agent.bot and not agents[key].look_ms]
            yield sum(
                key in conversations and conversations[key].human_only for seat in bots for key in seat.held
            )
