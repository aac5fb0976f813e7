"""What nobody has spoken of is found by looking at what is due, and at nothing else."""

from __future__ import annotations

from services.kernel.limits import DAY_MS, HOUR_MS
from services.notify.silence import Silence
from services.notify.state import LATE_MS, ORDER_MS
from tests.notify import samples as s
from tests.notify.test_delays import LATE, ordered
from tests.story import START_MS


def test_only_what_is_due_is_looked_at() -> None:
    """Of very many keys one look is made for each whose time has come by the last that was known of it."""
    seen = {str(at): at for at in range(10_000)}
    looked: list[str] = []

    def seen_of(desk_id: str, key: str) -> int | None:
        looked.append(key)
        return seen.get(key)

    silence = Silence(seen_of, ((at, "d", key) for key, at in seen.items()))
    seen["3"] = 50_000
    del seen["4"]
    assert silence.silent(5) == [("d", key) for key in ("0", "1", "2", "5")]
    assert looked == ["0", "1", "2", "3", "4", "5"]
    looked.clear()
    assert silence.silent(5) == []
    assert looked == []
    assert ("d", "3") in silence.silent(50_000)


def test_a_key_that_was_watched_twice_is_found_once() -> None:
    """What left and came back has two entries; it is silent once."""
    silence = Silence(lambda desk_id, key: 7)
    silence.watch(5, "d", "a")
    silence.watch(7, "d", "a")
    assert silence.silent(7) == [("d", "a")]


def test_an_order_stays_for_its_time_since_it_was_spoken_of() -> None:
    """Being spoken of again gives it the whole time anew, live as after a restore."""
    story = ordered().at(START_MS + ORDER_MS - DAY_MS).when("conversations", s.order(language="en"))
    for since_ms, known in ((ORDER_MS + DAY_MS, True), (2 * ORDER_MS - DAY_MS - HOUR_MS, True),
                            (2 * ORDER_MS, False)):  # fmt: skip
        story.at(START_MS + since_ms).when("conversations", s.message(f"c{since_ms}"))
        assert ("O1" in story.state.data.desks[s.DESK].orders) == known
        story.then_replays()


def test_a_date_of_an_unknown_order_stays_for_its_time() -> None:
    """A newer date of it counts anew; then it leaves."""
    story = s.story().when("conversations", s.shipment(LATE))
    story.at(START_MS + LATE_MS - DAY_MS).when("conversations", s.shipment(LATE + DAY_MS))
    for since_ms, known in ((LATE_MS + DAY_MS, True), (2 * LATE_MS, False)):
        story.at(START_MS + since_ms).when("conversations", s.message(f"c{since_ms}"))
        assert ("O1" in story.state.data.desks[s.DESK].late) == known
        story.then_replays()
