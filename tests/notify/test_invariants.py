"""The outbox' invariants: results within their lease, no notice at night, none twice."""

from __future__ import annotations

from typing import Any

from proto.v1.notices_pb2 import SEND_KIND_NOTICE, NoticesEvent, SendAttempted, SendRequested, SendSent
from services.kernel.limits import DAY_MS, HOUR_MS, SEND_LEASE_MS
from services.notify.invariants import SLACK_MS, Invariants
from tests.notify import samples as s
from tests.story import START_MS, Story

NIGHT = (22 * 60, 8 * 60)
MIDNIGHT_MS = START_MS + 13 * HOUR_MS
WELL = {"send_result": 0, "notice_quiet": 0, "notice_twice": 0}


class Watched:
    """A story and the invariants that hear its events as they are committed."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.invariants = Invariants()
        self.invariants.restored(story.state)
        self._heard = len(story.log)

    def broken(self) -> dict[str, int]:
        """How often each rule is broken, once all that was decided is on the log."""
        hears = self.invariants.hears()
        for event in self.story.log[self._heard :]:
            hear = hears.get(event.WhichOneof("body"))
            if hear is not None:
                hear(event)
        self._heard = len(self.story.log)
        return {name: sum(look(self.story.now_ms)) for name, look in self.invariants.rules().items()}


def made(**body: Any) -> NoticesEvent:
    """An event that the engine would not have decided."""
    return NoticesEvent(desk_id=s.DESK, occurred_at_ms=MIDNIGHT_MS, **body)


def notice(way: tuple[str, str] = s.EMAIL, send_id: str = "s1", told_ms: int = 1) -> NoticesEvent:
    """A notice about an order."""
    return made(
        requested=SendRequested(
            send_id=send_id,
            kind=SEND_KIND_NOTICE,
            channel=way[0],
            account=way[1],
            order_id="O1",
            told_now_ms=told_ms,
            dead_at_ms=MIDNIGHT_MS + DAY_MS,
        )
    )


def test_a_delay_that_is_told_by_day_breaks_nothing() -> None:
    """A delay that comes at night is held, told once in the morning, and breaks no rule on the way."""
    watched = Watched(s.story(s.desk(quiet=NIGHT)))
    story = watched.story.at(MIDNIGHT_MS).when("conversations", s.order())
    story.when("conversations", s.shipment(s.PROMISED + DAY_MS))
    send_id = story.body("requested").send_id
    assert watched.broken() == WELL
    story.until(MIDNIGHT_MS + 8 * HOUR_MS)
    assert story.body("attempted").send_id == send_id
    story.when("conversations", s.report(send_id)).when("conversations", s.shipment(s.PROMISED + DAY_MS))
    assert watched.broken() == WELL


def test_a_notice_at_night_is_told() -> None:
    """A notice that is attempted in quiet hours counts, whoever was restored meanwhile."""
    watched = Watched(s.story(s.desk(quiet=NIGHT)).given(notice()))
    watched.story.at(MIDNIGHT_MS).given(
        made(attempted=SendAttempted(send_id="s1", attempt=1, lease_until_ms=1))
    )
    assert watched.broken()["notice_quiet"] == 1
    watched.invariants.restored(watched.story.state)
    assert watched.broken()["notice_quiet"] == 1


def test_a_notice_that_is_fetched_at_night_is_told() -> None:
    """In web chat a notice leaves when it is shown; that counts like an attempt, across a restore."""
    watched = Watched(s.story(s.desk(quiet=NIGHT)).given(notice(s.CHAT, "s0")))
    watched.story.given(notice(s.CHAT))
    assert watched.broken()["notice_quiet"] == 0
    for send_id in ("s0", "s1"):
        watched.story.given(made(sent=SendSent(send_id=send_id, kind=SEND_KIND_NOTICE)))
    assert watched.broken()["notice_quiet"] == 2


def test_quiet_hours_count_from_when_they_are_on_the_log() -> None:
    """A notice that left before the desk asked for quiet hours broke nothing."""
    watched = Watched(s.story(s.desk()).given(notice()))
    watched.story.at(MIDNIGHT_MS).given(
        made(attempted=SendAttempted(send_id="s1", attempt=1, lease_until_ms=1))
    )
    watched.story.when("conversations", s.configured(s.desk(quiet=NIGHT)))
    assert watched.broken()["notice_quiet"] == 0


def test_an_attempt_without_a_result_is_told() -> None:
    """An attempt whose lease is over and that nobody decided on counts after the slack."""
    watched = Watched(s.story().when("conversations", s.message("A")).when("routing", s.reply("A", "r1")))
    watched.story.at(START_MS + SEND_LEASE_MS + SLACK_MS)
    assert watched.broken() == WELL
    watched.story.at(watched.story.now_ms + 1)
    assert watched.broken() == {**WELL, "send_result": 1}
    watched.story.until(watched.story.now_ms)
    assert watched.broken() == WELL


def test_the_same_matter_told_twice_is_told() -> None:
    """An order with two notices of one date counts; two dates are two matters."""
    watched = Watched(s.story().when("conversations", s.order()))
    watched.story.given(notice(told_ms=1), notice(send_id="s2", told_ms=2))
    assert watched.broken()["notice_twice"] == 0
    watched.story.given(notice(send_id="s3", told_ms=1))
    assert watched.broken()["notice_twice"] == 1
