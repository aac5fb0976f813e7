"""A promise may be late only while its own partition stands still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bench.lateness import late_ms, lateness, merged
from bench.waits import Pause
from proto.v1.conversations_pb2 import MessageReceived
from proto.v1.envelope_pb2 import Batch
from proto.v1.sla_pb2 import (
    ReplySettled,
    ReplySuspended,
    SlaEvent,
    TargetBreached,
    TargetCancelled,
    TargetPaused,
    TargetStarted,
    TargetWarned,
)
from tests.tools.made import START_MS, MadeLogs

DUE_S = 100
LATER_MS = START_MS * 2


def story(*told: tuple[float, str, Any]) -> MadeLogs:
    """A promise that is due after 100 s and warns after 80, and what sla told when, in seconds."""
    logs = MadeLogs()
    due_ms, warn_ms = START_MS + DUE_S * 1000, START_MS + 80_000
    started = TargetStarted(
        target_id="t", conversation_id="c", started_at_ms=START_MS, due_at_ms=due_ms, warn_at_ms=warn_ms
    )
    logs.batch("sla", ("started", started))
    for at_s, name, body in told:
        logs.at(at_s)
        logs.batch("sla", (name, body))
    return logs


def breached(at_s: float) -> tuple[float, str, Any]:
    """The breach is told then."""
    return at_s, "breached", TargetBreached(target_id="t")


def pause(since_s: float, until_s: float) -> Pause:
    """The same in milliseconds of the story."""
    return Pause(START_MS + round(since_s * 1000), START_MS + round(until_s * 1000))


def late(logs: MadeLogs, *pauses: Pause, partition: int = 0) -> Sequence[str]:
    """What is found."""
    found: Sequence[str] = lateness(logs, {partition: pauses})["late"]
    return found


def test_a_breach_in_a_calm_phase_must_be_in_time() -> None:
    """Given a breach 12 s after it was due, it is found, although the partition had stood still for longer
    before and after, and another one for just that time."""
    logs = story(breached(112))
    assert late(logs, pause(60, 80), pause(111, 140)) == ["partition 0: t breached 12000 ms late"]
    assert late(logs, pause(99, 112), partition=1)
    assert lateness(logs, {})["fired_late_ms"] == {"p99": 12_000, "max": 12_000}


def test_a_partition_that_stood_still_may_be_late() -> None:
    """Given a pause over the deadline, the breach counts from its end; given none, from the deadline."""
    assert not late(story(breached(112)), pause(95, 110))
    assert late(story(breached(112)), pause(95, 106.9)) == ["partition 0: t breached 5100 ms late"]
    assert not late(story(breached(105)))


def test_a_warning_is_a_promise_too() -> None:
    """A warning that came 10 s late without a pause is found."""
    assert late(story((90, "warned", TargetWarned(target_id="t")), breached(100)))


@pytest.mark.parametrize(
    "end",
    [(130, "cancelled", TargetCancelled(target_id="t")), (130, "started", TargetStarted(target_id="u"))],
)
def test_a_promise_that_never_fires_is_late(end: tuple[float, str, Any]) -> None:
    """Given a deadline that passed in silence until the conversation, or the log, came to its end."""
    logs = story(end)
    assert late(logs)[0] == "partition 0: t did not breach and is 30000 ms late"


def test_what_is_held_is_not_late() -> None:
    """A promise that an answer under way holds, or a pause, counts from when it runs again, if ever."""
    answer = ReplySuspended(conversation_id="c", target_id="t", reply_id="r", replied_at_ms=START_MS + 90_000)
    told = (
        (90, "reply_suspended", answer),
        (130, "reply_settled", ReplySettled(conversation_id="c", reply_id="r")),
    )
    assert not late(story(*told))
    assert not late(story(*told, breached(131)))
    assert late(story(*told, breached(137)))
    paused = (90, "paused", TargetPaused(target_id="t"))
    assert not late(story(paused, (130, "cancelled", TargetCancelled(target_id="t"))))


def test_sla_itself_stood_still() -> None:
    """Given a message that sla took up 12 s after it was written, what was due in between may be late; and so
    may what was due between its last batch and a take-over."""
    frozen = story()
    frozen.at(98)
    frozen.batch("conversations", ("message", MessageReceived()))
    frozen.at(110)
    frozen.batch(
        "sla", ("started", TargetStarted(target_id="u", due_at_ms=LATER_MS)), cause_id="conversations/0/0/0"
    )
    frozen.at(112)
    frozen.batch("sla", ("breached", TargetBreached(target_id="t")))
    assert not late(frozen)
    dead = story((99, "started", TargetStarted(target_id="u", due_at_ms=LATER_MS)))
    dead.append("sla", Batch(epoch=2, now_ms=START_MS + 110_000))
    told = SlaEvent(breached=TargetBreached(target_id="t")).SerializeToString()
    dead.append("sla", Batch(epoch=2, seq=dead.seqs["sla"], now_ms=START_MS + 112_000, events=[told]))
    assert not late(dead)


def test_pauses_that_follow_each_other_excuse_together() -> None:
    """Given a second pause that begins before the promise is late, it counts from the end of both; given
    one that begins later, it does not."""
    assert merged([Pause(5, 9), Pause(0, 6), Pause(20, 30)]) == [Pause(0, 9), Pause(20, 30)]
    assert late_ms(0, 31_000, [Pause(-1, 10_000), Pause(15_000, 30_000)]) == 1_000
    assert late_ms(0, 31_000, [Pause(-1, 10_000), Pause(15_001, 30_000)]) == 21_000


def test_pauses_that_follow_each_other_do_not_excuse_for_ever() -> None:
    """Given pauses of 9.5 s every ten seconds, what fired five minutes late is so but for half a minute."""
    pauses = merged([Pause(since_ms, since_ms + 9_500) for since_ms in range(0, 300_000, 10_000)])
    assert late_ms(1_000, 21_000, pauses) == 0
    assert late_ms(1_000, 299_000, pauses) == 298_000 - 30_000
