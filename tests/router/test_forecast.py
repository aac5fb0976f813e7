"""The model of waits: what it says, and that it bends to what it sees."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router import forecast
from services.router.forecast import Around, foresee, fresh, learn, pack, unpack
from services.router.state import State, ask_of
from tests.router.scenes import Scene, desk, queue

COUNTS = st.integers(0, 500)
AROUND = st.builds(
    Around,
    able=st.integers(1, 2_000),
    one=COUNTS,
    two=COUNTS,
    more=COUNTS,
    ahead=st.floats(0, 1e5),
    handled_ms=st.floats(1_000, 1e7),
    whole=st.booleans(),
)


def chat(ahead: float, one: int = 3) -> Around:
    """Five agents able, some with one conversation, three with two."""
    return Around(5, one, 3, 0, ahead, 300_000.0, False)


@given(AROUND)
def test_whatever_stands_around_something_is_said(around: Around) -> None:
    """The estimate is above nothing, below a day, the promise above the expectation; packing keeps it."""
    told = foresee(fresh(around.whole), around)
    assert 1 <= told.p50_ms <= told.p90_ms <= forecast.WAIT_MS_MAX
    assert unpack(pack(around)) == around


@given(st.floats(0, 1e4), st.floats(0, 100), st.booleans())
def test_more_ahead_is_never_sooner(ahead: float, more: float, whole: bool) -> None:
    """As long as nothing was learned, a longer line is a longer wait."""
    one, other = chat(ahead)._replace(whole=whole), chat(ahead + more)._replace(whole=whole)
    assert foresee(fresh(whole), one).p50_ms <= foresee(fresh(whole), other).p50_ms


@dataclass
class Seen:
    """How a run of waits went."""

    kept: int = 0
    said_ms: float = 0.0
    came_ms: float = 0.0


def lived(times: float, waits: int, seed: int = 1) -> Seen:
    """A desk whose waits are exponential around so many times what is expected at first; its second half."""
    dice, known, seen = random.Random(seed), fresh(False), Seen()
    for number in range(waits):
        around = chat(dice.randint(0, 12), dice.randint(0, 4))
        true_ms = foresee(fresh(False), around).p50_ms * times
        told, came_ms = foresee(known, around), round(dice.expovariate(1 / true_ms))
        learn(known, around, told.p90_ms, came_ms)
        if number >= waits // 2:
            seen.kept += came_ms <= told.p90_ms
            seen.said_ms += told.p50_ms
            seen.came_ms += came_ms
    return seen


@pytest.mark.parametrize("times", [0.3, 1.0, 4.0])
def test_a_desk_bends_it_to_itself(times: float) -> None:
    """Where waits are shorter or longer than expected at first, expectations follow, and promises are kept
    nine times in ten."""
    seen = lived(times, 4_000)
    assert 0.88 <= seen.kept / 2_000 <= 0.92
    assert 0.85 <= seen.said_ms / seen.came_ms <= 1.15


def test_one_odd_wait_moves_little() -> None:
    """A single wait, however odd, changes what is told by a tenth at most."""
    known = fresh(True)
    around = Around(5, 3, 1, 0, 2.0, 300_000.0, True)
    before = foresee(known, around)
    learn(known, around, before.p90_ms, 10**9)
    after = foresee(known, around)
    assert after.p50_ms < before.p50_ms * 1.1
    assert after.p90_ms < before.p90_ms * 1.15


def around_of(state: State, key: str) -> Around:
    """What stands around a waiting conversation."""
    c = state.data.conversations[key]
    return state.matcher.around(ask_of(c), c.priority)


def test_the_floor_is_counted() -> None:
    """Agents count by what they hold, work ahead by the share of its agents who could take this, too."""
    asks_more = queue("z", {"zwroty": 1}, {"intent": ["return"]}, priority=5)
    scene = Scene(desk(asks_more, queue("all", priority=5)))
    scene.agent("anna", {"zwroty": 3}, capacity=30).agent("bob", capacity=60).agent("cyd", online=False)
    for i in range(3):
        scene.arrives(f"c{i}").accepts(f"c{i}")
    scene.arrives("w1", intent="return").arrives("w2")
    at_all = around_of(scene.state, "w2")
    assert (at_all.able, at_all.one, at_all.two, at_all.more) == (2, 1, 1, 0)
    assert at_all.ahead == pytest.approx(2.0), "the return's only agent could take this one"
    for_return = around_of(scene.state, "w1")
    assert (for_return.able, for_return.one) == (1, 1)
    assert for_return.ahead == pytest.approx(1 + 1 / 3), "one in three who could take the other is able here"
    scene.agent("dan", {"zwroty": 3}, capacity=30)
    assert scene.where("w1")[0] == "offered", "somebody new with room takes it"
    scene.then_replays()
