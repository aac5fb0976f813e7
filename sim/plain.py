"""A plain queue on a model's own draws: first come, first served, by agents who are all alike.

Theory of operation. What such a queue does on average is known exactly, so what it does on the draws of one
replication says how lucky these were. That is a control variate for whatever else was run on the same draws
(`intervals.controlled`): far fewer of them then tell a mean as exactly.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from sim.customers import customers_of
from sim.draws import Exponential, drawing
from sim.model_file import Model, ms_per_unit


class Plain(NamedTuple):
    """Agents, their mean service in the model's unit, and how many may be inside at all."""

    agents: int
    service_mean: float
    places: int | None = None


def plain(model: Model, number: int, queue: Plain) -> dict[str, float]:
    """p_wait, p_block and wait_mean (the model's unit, of all who come in) of a replication's customers."""
    unit_ms, draw = ms_per_unit(model), drawing(Exponential(queue.service_mean))
    free_ms = [0] * queue.agents
    leave_ms: list[int] = []
    offered = blocked = waited = wait_ms = 0
    for place, customer in enumerate(customers_of(model, number)):
        while leave_ms and leave_ms[0] <= customer.at_ms:
            heapq.heappop(leave_ms)
        is_counted, is_full = place >= model.warmup_arrivals, len(leave_ms) == queue.places
        offered += is_counted
        blocked += is_counted and is_full
        if is_full:
            continue
        begins_ms = max(customer.at_ms, free_ms[0])
        ends_ms = begins_ms + customer.service_ms(draw, unit_ms)
        heapq.heapreplace(free_ms, ends_ms)
        heapq.heappush(leave_ms, ends_ms)
        waited += is_counted and begins_ms > customer.at_ms
        wait_ms += is_counted * (begins_ms - customer.at_ms)
    entered = max(offered - blocked, 1)
    return {
        "p_wait": waited / entered,
        "p_block": blocked / max(offered, 1),
        "wait_mean": wait_ms / entered / unit_ms,
    }
