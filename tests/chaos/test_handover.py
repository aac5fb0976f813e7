"""The benchmark of hand-overs says `ok` only of what it has measured."""

from __future__ import annotations

import argparse

import pytest

from bench.handover import AFTERWARDS, CALM, KILLED, PLANNED, Move, judged
from bench.waits import Wait

ENGINES = ("router", "sla")
MOVES = [
    Move(what, engine, place * 20_000, place * 20_000 + 16_000)
    for place, what in enumerate((CALM, PLANNED, KILLED, AFTERWARDS))
    for engine in ENGINES
]
ASKED = argparse.Namespace(rate=20.0, replicas=2, times=1)


def waits(ms: int, *without: int) -> list[Wait]:
    """One of so long in each move, but for these."""
    return [Wait(ms, 0, place * 20_000 + 9_000) for place in range(4) if place not in without]


def test_fast_moves_are_ok() -> None:
    """Given short waits in every move, each is told and all is well."""
    told = judged(ASKED, MOVES, {"router": waits(90), "sla": waits(200)}, True)
    assert told["longest_pause_ms"][PLANNED] == {"router": [90], "sla": [200]}
    assert told["ok"]


@pytest.mark.parametrize("place", range(4))
def test_an_engine_that_made_nothing_is_not_ok(place: int) -> None:
    """Given no wait of one engine in one move, or afterwards, it has not come back."""
    told = judged(ASKED, MOVES, {"router": waits(90), "sla": waits(90, place)}, True)
    assert not told["ok"]


@pytest.mark.parametrize(("ms", "settled"), [(301, True), (90, False)])
def test_slow_moves_are_not_ok(ms: int, settled: bool) -> None:
    """Given a planned move that takes longer than its bound, or records without an outcome, it is said."""
    assert not judged(ASKED, MOVES, {"router": waits(ms), "sla": waits(90)}, settled)["ok"]
