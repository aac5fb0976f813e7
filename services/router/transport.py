"""Many conversations, many agents, matched as a whole: a transportation problem over kinds of conversations.

Theory of operation. Conversations come in the policy's order; those of one *kind* cost any agent the same.
Rule 1: whoever can be served is, in that order: one who finds no agent with room is served by moving others
(an augmenting path), never by turning away somebody who stands before. Rule 2: among the ways to serve the
same conversations the cheapest is taken: while some of them can change places among agents, or with free
room, for less (a negative cycle), they do (Klein 1967).

Paths and cycles are looked for among kinds, not among conversations or agents: from kind to kind leads the
agent at whom the exchange costs least. So a step costs kinds times agents, however many wait. With
conversations of one size, and costs that depend on the agent's load alone beside the pair, the result is the
optimum; otherwise every exchange still has to make it better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple

Cost = Callable[[int, int, int], float]
"""What it costs to give a conversation of a kind to an agent as one more after so many; infinite: never."""

EXACT = 1e-12
"""Smaller differences, as a share of the largest cost, are rounding."""
NOBODY = -1


class _Edge(NamedTuple):
    """An exchange at one agent: who comes is before, who leaves is behind; free room is the last node."""

    cost: float
    agent: int


Edges = dict[tuple[int, int], _Edge]
Path = list[tuple[int, int, int]]
"""Who comes, who leaves, at which agent."""


def match(
    ranked: Sequence[int], units: Sequence[int], rooms: Sequence[int], cost: Cost, exchanges: int
) -> list[int]:
    """The agent of each conversation, or NOBODY.

    ranked: the kind of each, in the policy's order; units: of each kind; rooms: units free at each agent;
    exchanges: how many paths and cycles are followed at most.
    """
    plan = _Plan(units, rooms, cost, exchanges)
    served = [plan.serve(kind) for kind in ranked]
    while plan.improve():
        pass
    return plan.spread(ranked, served)


class _Plan:
    """Who has what so far."""

    def __init__(self, units: Sequence[int], rooms: Sequence[int], cost: Cost, exchanges: int) -> None:
        self._units = units
        self._rooms = list(rooms)
        self._cost = cost
        self._left = exchanges
        self._free = len(units)
        self._held: list[list[int]] = [[] for _ in rooms]
        """Kinds in each agent's hands, in ascending order: who stands before is given first."""
        self._hopeless: set[int] = set()

    def serve(self, kind: int) -> bool:
        """Give one more of a kind to somebody, moving others if need be."""
        if kind in self._hopeless:
            return False
        agents = range(len(self._rooms))
        agent = min(agents, key=lambda each: (self._add(kind, each), each), default=NOBODY)
        if agent != NOBODY and self._add(kind, agent) < inf:
            self._change(kind, NOBODY, agent)
            return True
        while self._left > 0:
            path = self._path(kind)
            if path and self._follow(path, inf):
                return True
            # Who was given without a look at the others may leave a cycle, in which the cheapest way is lost.
            # Where there is no way at all the exchanges are left to those behind.
            if not (self._reaches_room(kind) and self.improve()):
                break
        # What others take from now on opens no way that is closed now.
        self._hopeless.add(kind)
        return False

    def improve(self) -> bool:
        """Let some change places for less; whether that was possible."""
        cycle = self._cycle() if self._left > 0 else []
        return bool(cycle) and self._follow(cycle, 0.0)

    def spread(self, ranked: Sequence[int], served: Sequence[bool]) -> list[int]:
        """Agents by conversation: the cheaper ones to those who stand before."""
        agents: dict[int, list[int]] = {}
        for kind in dict.fromkeys(ranked):
            mine = [agent for agent, held in enumerate(self._held) for each in held if each == kind]
            agents[kind] = sorted(mine, key=lambda agent: (-self._cost(kind, agent, 0), -agent))
        return [
            agents[kind].pop() if is_served else NOBODY
            for kind, is_served in zip(ranked, served, strict=True)
        ]

    def _add(self, kind: int, agent: int) -> float:
        if self._units[kind] > self._rooms[agent]:
            return inf
        return self._cost(kind, agent, len(self._held[agent]))

    def _edges(self) -> Edges:
        """The cheapest exchange between any two kinds, and with free room."""
        edges: Edges = {}
        kinds, free = range(self._free), self._free

        def note(come: int, leave: int, edge: _Edge) -> None:
            if edge.cost < inf and (come != leave) and edge < edges.get((come, leave), (inf, 0)):
                edges[come, leave] = edge

        for agent, held in enumerate(self._held):
            for kind in kinds:
                note(kind, free, _Edge(self._add(kind, agent), agent))
            for leave in dict.fromkeys(held):
                saved = self._cost(leave, agent, len(held) - 1)
                note(free, leave, _Edge(-saved, agent))
                room = self._rooms[agent] + self._units[leave]
                for kind in kinds:
                    if self._units[kind] <= room:
                        note(kind, leave, _Edge(self._cost(kind, agent, len(held) - 1) - saved, agent))
        return edges

    def _path(self, kind: int) -> Path:
        """The cheapest way to room for one more of the kind; empty: there is none."""
        edges = {pair: edge for pair, edge in self._edges().items() if pair[0] != self._free}
        before, _ = self._shortest(edges, {kind: 0.0})
        way: Path = []
        node = self._free
        while node != kind:
            if node not in before or len(way) > self._free:
                return []
            come = before[node]
            way.append((come, node, edges[come, node].agent))
            node = come
        return way[::-1]

    def _reaches_room(self, kind: int) -> bool:
        """Whether any exchanges lead from the kind to free room, at whatever cost."""
        edges, reached, news = self._edges(), {kind}, [kind]
        while news and self._free not in reached:
            come = news.pop()
            fresh = [leave for at, leave in edges if at == come and leave not in reached]
            reached.update(fresh)
            news += fresh
        return self._free in reached

    def _cycle(self) -> Path:
        """A way around that costs less than nothing; empty: there is none."""
        edges = self._edges()
        before, node = self._shortest(edges, dict.fromkeys(range(self._free + 1), 0.0))
        if node is None:
            return []
        for _ in range(self._free + 1):
            node = before[node]
        way: Path = []
        start = node
        while True:
            come = before[node]
            way.append((come, node, edges[come, node].agent))
            node = come
            if node == start:
                return way[::-1]

    def _shortest(self, edges: Edges, far: dict[int, float]) -> tuple[dict[int, int], int | None]:
        """Bellman and Ford: from whom each node is reached, and one that still came nearer at the end."""
        slack = EXACT * max((abs(edge.cost) for edge in edges.values()), default=0.0)
        before: dict[int, int] = {}
        moved: int | None = None
        for _ in range(self._free + 1):
            moved = None
            for (come, leave), edge in edges.items():
                at = far.get(come, inf) + edge.cost
                if at < far.get(leave, inf) - slack:
                    far[leave], before[leave], moved = at, come, leave
            if moved is None:
                break
        return before, moved

    def _follow(self, way: Path, most: float) -> bool:
        """Do the exchanges if nobody has too much then, and all of it costs less than `most`."""
        self._left -= 1
        agents = list(dict.fromkeys(agent for _, _, agent in way))
        was = [list(self._held[agent]) for agent in agents], [self._rooms[agent] for agent in agents]
        cost = sum(map(self._of, agents))
        for come, leave, agent in way:
            self._change(come, leave, agent)
        after = sum(map(self._of, agents))
        slack = EXACT * max(abs(cost), abs(after)) if after < inf else 0.0
        if all(self._rooms[agent] >= 0 for agent in agents) and after < cost + most - slack:
            return True
        for agent, held, room in zip(agents, *was, strict=True):
            self._held[agent], self._rooms[agent] = held, room
        return False

    def _change(self, come: int, leave: int, agent: int) -> None:
        """One comes to an agent and one leaves; free room is neither."""
        if leave not in (NOBODY, self._free):
            self._held[agent].remove(leave)
            self._rooms[agent] += self._units[leave]
        if come != self._free:
            self._held[agent].append(come)
            self._held[agent].sort()
            self._rooms[agent] -= self._units[come]

    def _of(self, agent: int) -> float:
        return sum(self._cost(kind, agent, place) for place, kind in enumerate(self._held[agent]))
