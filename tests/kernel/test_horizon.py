"""What a horizon remembers, against a dictionary that remembers the same slowly."""

from __future__ import annotations

import hashlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.horizon import FOR_EVER, Horizon

DAYS = 3
VALUE_BYTES = 4


def key_of(number: int) -> bytes:
    """Sixteen bytes, evenly spread as those of a hash."""
    return hashlib.sha256(number.to_bytes(4, "big")).digest()[:16]


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "discard", "reload"]),
        st.integers(0, 60),
        st.integers(0, 2),
        st.binary(min_size=VALUE_BYTES, max_size=VALUE_BYTES),
    ),
    max_size=200,
)


@given(steps)
@settings(max_examples=150, deadline=None)
def test_agrees_with_a_dictionary(todo: list[tuple[str, int, int, bytes]]) -> None:
    """Every key is found with its last value until its days are over, and not after."""
    horizon = Horizon(DAYS, VALUE_BYTES)
    oracle: dict[bytes, tuple[int, bytes]] = {}
    today = 20_000
    for what, number, forward, value in todo:
        key = key_of(number)
        if what == "put":
            today += forward if forward == 2 else 0
            horizon.put(key, value, today)
            oracle[key] = (today, value)
        elif what == "discard":
            horizon.discard(key)
            oracle.pop(key, None)
        else:
            horizon = Horizon.load(horizon.dump())
    for number in range(61):
        key = key_of(number)
        day, value = oracle.get(key, (0, b""))
        for ahead in range(DAYS + 2):
            expected = value if day + DAYS >= today + ahead else None
            assert horizon.get(key, today + ahead) == expected
    fresh = {key: pair for key, pair in oracle.items() if pair[0] + DAYS >= today}
    assert {k: (d, v) for k, d, v in horizon.items() if d + DAYS >= today} == fresh


@given(steps, st.integers(0, 200))
@settings(max_examples=100, deadline=None)
def test_a_reload_changes_nothing_that_follows(todo: list[tuple[str, int, int, bytes]], cut: int) -> None:
    """Equal histories have equal bytes, whatever was dumped and loaded in between."""
    straight, reloaded = Horizon(DAYS, VALUE_BYTES), Horizon(DAYS, VALUE_BYTES)
    today = 20_000
    for at, (what, number, forward, value) in enumerate(todo):
        today += forward if forward == 2 else 0
        if at == cut:
            reloaded = Horizon.load(reloaded.dump())
        for horizon in (straight, reloaded):
            if what == "discard":
                horizon.discard(key_of(number))
            else:
                horizon.put(key_of(number), value, today)
        assert len(straight) == len(reloaded)
    assert straight.dump() == reloaded.dump()


def test_a_key_across_two_records_is_not_found() -> None:
    """Bytes that only look like a key because two records lie side by side are no entry."""
    horizon = Horizon(FOR_EVER)
    first, second = bytes(16), bytes(4) + b"\xff" * 12
    horizon.put(first, b"", 20_000)
    horizon.put(second, b"", 20_000)
    across = (first + (20_000).to_bytes(2, "big") + second)[2:18]
    assert across not in (first, second)
    assert horizon.get(across, 20_000) is None
    assert horizon.get(second, 20_000) == b""
    straddling = bytes(3) + b"\x01" + bytes(12)
    horizon.put(straddling, b"", 20_000)
    assert len(horizon) == 3


def test_what_expired_leaves_memory() -> None:
    """Under a steady load memory holds little more than what is still remembered."""
    horizon = Horizon(DAYS, VALUE_BYTES)
    a_day = 1_000
    most = 0
    for number in range(20 * a_day):
        horizon.put(key_of(number), b"abcd", 20_000 + number // a_day)
        most = max(most, len(horizon))
    assert most <= (DAYS + 1) * a_day * 1.1


def test_a_put_again_counts_anew_and_moves_to_the_end() -> None:
    """A key that is put again is kept from then on, and does not keep its neighbours."""
    horizon = Horizon(DAYS, VALUE_BYTES)
    horizon.put(key_of(1), b"aaaa", 20_000)
    horizon.put(key_of(2), b"bbbb", 20_000)
    horizon.put(key_of(1), b"cccc", 20_003)
    horizon.put(key_of(3), b"dddd", 20_004)
    assert horizon.get(key_of(1), 20_006) == b"cccc"
    assert horizon.get(key_of(2), 20_004) is None
    assert len(horizon) == 2


def test_a_day_that_goes_back_counts_as_the_latest() -> None:
    """Days never decrease along a log; one that does cannot spoil the order in a bucket."""
    horizon = Horizon(DAYS)
    horizon.put(key_of(1), b"", 20_010)
    horizon.put(key_of(2), b"", 20_000)
    assert horizon.get(key_of(2), 20_013) == b""


def test_keys_by_the_start_of_their_value() -> None:
    """The reverse question is answered exactly, in ascending order."""
    horizon = Horizon(FOR_EVER, VALUE_BYTES)
    rng = random.Random(7)
    mine = []
    for number in range(500):
        value = rng.choice([b"aa", b"ab"]) + bytes([number & 1, 97])
        horizon.put(key_of(number), value, 20_000)
        if value.startswith(b"ab"):
            mine.append(key_of(number))
    assert horizon.keys_of(b"ab") == sorted(mine)


def test_for_ever_is_for_ever() -> None:
    """Without days nothing expires."""
    horizon = Horizon(FOR_EVER)
    horizon.put(key_of(1), b"", 1)
    horizon.put(key_of(2), b"", 65_535)
    assert horizon.get(key_of(1), 65_535) == b""
