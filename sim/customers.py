"""The customers of a queueing model as drawn: when they come, how long they would wait, how long they take.

Every class has dice of its own for each of these, and every customer dice of their own for the time that
they take, whoever serves them: so policies, and other queues, can be compared on the same draws.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from sim.draws import Draw, drawing
from sim.model_file import Class, Model, ms_per_unit


class Customer(Struct, gc=False, frozen=True):
    """Somebody who comes. at_ms: from the beginning; patience_ms: None is for ever."""

    kind: int
    at_ms: int
    patience_ms: int | None
    dice: float

    def service_ms(self, draw: Draw, unit_ms: int) -> int:
        """How long they take whoever serves as `draw` does."""
        return max(1, round(draw(random.Random(self.dice)) * unit_ms))


def customers_of(model: Model, number: int) -> Iterator[Customer]:
    """All that come in a replication, in order."""
    by_class = (_of_class(model, number, kind, one) for kind, one in enumerate(model.classes))
    return islice(heapq.merge(*by_class, key=lambda one: one.at_ms), model.arrivals)


def _of_class(model: Model, number: int, kind: int, one: Class) -> Iterator[Customer]:
    """They never end."""
    dice = {
        what: random.Random(f"{model.seed}/{number}/{one.name}/{what}")
        for what in ("arrivals", "patience", "service")
    }
    unit_ms = ms_per_unit(model)
    comes, leaves = drawing(one.interarrival), drawing(one.patience) if one.patience else None
    at_ms = 0
    while True:
        at_ms += round(comes(dice["arrivals"]) * unit_ms)
        patience_ms = round(leaves(dice["patience"]) * unit_ms) if leaves is not None else None
        yield Customer(kind, at_ms, patience_ms, dice["service"].random())
