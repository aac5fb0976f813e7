"""Matching as a whole, against every way there is."""

from __future__ import annotations

from itertools import product
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.transport import NOBODY, match

COSTS = st.sampled_from([inf, 0.0, 1.0, 2.0, 5.0, 9.0])


def best(
    ranked: list[int], rooms: list[int], costs: list[list[float]], load: list[float]
) -> tuple[tuple[bool, ...], float]:
    """Who can be served, in order, and the least that costs, by trying everything."""
    found: tuple[tuple[bool, ...], float] = ((False,) * len(ranked), 0.0)
    for agents in product(range(-1, len(rooms)), repeat=len(ranked)):
        if any(agents.count(agent) > room for agent, room in enumerate(rooms)):
            continue
        told = tuple(agent >= 0 for agent in agents), -cost_of(list(agents), ranked, costs, load)
        if told[1] > -inf and told > found:
            found = told
    return found


def cost_of(agents: list[int], ranked: list[int], costs: list[list[float]], load: list[float]) -> float:
    """What a plan costs."""
    total, has = 0.0, [0] * len(load)
    for kind, agent in zip(ranked, agents, strict=True):
        if agent != NOBODY:
            total += costs[kind][agent] + load[agent] * has[agent]
            has[agent] += 1
    return total


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_first_are_served_at_the_least_cost(data: st.DataObject) -> None:
    """Of all ways to give conversations to agents the plan serves who stands first, and costs least."""
    kinds = data.draw(st.integers(1, 3))
    rooms = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))
    ranked = data.draw(st.lists(st.integers(0, kinds - 1), min_size=1, max_size=5))
    costs = data.draw(
        st.lists(st.lists(COSTS, min_size=len(rooms), max_size=len(rooms)), min_size=kinds, max_size=kinds)
    )
    load = data.draw(st.lists(st.sampled_from([0.0, 0.5, 3.0]), min_size=len(rooms), max_size=len(rooms)))

    def cost(kind: int, agent: int, place: int) -> float:
        return costs[kind][agent] + load[agent] * place

    agents = match(ranked, [1] * kinds, rooms, cost, 200)
    assert all(agents.count(agent) <= room for agent, room in enumerate(rooms))
    served = tuple(agent != NOBODY for agent in agents)
    assert (served, -cost_of(agents, ranked, costs, load)) == best(ranked, rooms, costs, load)


def test_a_cycle_does_not_hide_the_way() -> None:
    """Given a plan that could be cheaper when the last one comes, whom only a full agent can serve, others
    are moved and all five are served."""
    costs = [[1.0, inf, 0.0, 0.0], [2.0, inf, inf, 0.0], [inf, inf, inf, 0.0]]
    agents = match([0, 0, 0, 1, 2], [1, 1, 1], [2, 0, 1, 2], lambda kind, agent, _: costs[kind][agent], 200)
    assert NOBODY not in agents
    assert sum(costs[kind][agent] for kind, agent in zip([0, 0, 0, 1, 2], agents, strict=True)) == 2.0


def test_exchanges_are_kept_for_whom_there_is_a_way() -> None:
    """With one exchange, a question that nobody can answer does not take it from the one behind it."""
    costs = [[5.0, 1.0, 0.0], [inf, 5.0, 0.0], [inf, inf, inf]]
    agents = match(
        [0, 0, 1, 2, 1], [1, 1, 1], [2, 2, 1], lambda kind, agent, place: costs[kind][agent] + place, 1
    )
    assert [agent == NOBODY for agent in agents] == [False, False, False, True, False]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whom_nobody_can_serve_takes_nothing_from_others(data: st.DataObject) -> None:
    """One that no agent can have changes nothing for the others, however few exchanges there are."""
    kinds = data.draw(st.integers(1, 4))
    rooms = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=5))
    before, behind = (data.draw(st.lists(st.integers(0, kinds - 1), max_size=6)) for _ in range(2))
    exchanges = data.draw(st.integers(0, 4))
    costs = data.draw(
        st.lists(st.lists(COSTS, min_size=len(rooms), max_size=len(rooms)), min_size=kinds, max_size=kinds)
    )
    costs.append([inf] * len(rooms))

    def agents(ranked: list[int]) -> list[int]:
        sizes = [1] * len(costs)
        return match(ranked, sizes, rooms, lambda kind, agent, place: costs[kind][agent] + place, exchanges)

    there = agents([*before, kinds, *behind])
    assert there.pop(len(before)) == NOBODY
    assert there == agents(before + behind)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_nobody_gets_more_than_fits(data: st.DataObject) -> None:
    """With conversations of different sizes no agent's room is exceeded."""
    sizes = data.draw(st.lists(st.sampled_from([10, 30, 100]), min_size=1, max_size=3))
    rooms = data.draw(st.lists(st.sampled_from([0, 30, 60, 100]), min_size=1, max_size=4))
    ranked = data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=8))
    agents = match(ranked, sizes, rooms, lambda kind, agent, place: float(kind + 2 * agent + place), 50)
    left = list(rooms)
    for kind, agent in zip(ranked, agents, strict=True):
        if agent != NOBODY:
            left[agent] -= sizes[kind]
    assert min(left) >= 0


def test_without_exchanges_it_is_one_by_one() -> None:
    """The bound holds: with no exchange left everybody is placed directly or not at all."""
    costs = [[0.0, 1.0], [0.0, inf]]
    assert match([0, 1], [1, 1], [1, 1], lambda kind, agent, place: costs[kind][agent], 0) == [0, NOBODY]
    assert match([0, 1], [1, 1], [1, 1], lambda kind, agent, place: costs[kind][agent], 1) == [1, 0]
