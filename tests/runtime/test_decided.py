"""What a process remembers of agents' requests is bounded, however many partitions it follows."""

from __future__ import annotations

from services.runtime.decided import Answered, Answers, Decided, refused


def decided(record_id: str) -> Decided:
    """An answer."""
    return Decided(record_id, "c", "ola", "")


def test_answers_are_bounded_by_the_process() -> None:
    """The oldest go, of answers and of what was not answered yet; without the body nothing is kept."""
    answers = Answers(most=2)
    for record_id in ("r1", "r2", "r3"):
        answers.asked(record_id, b"hash")
    for record_id in ("r1", "r2", "r3"):
        answers.answered(record_id, decided(record_id))
    assert answers.get("r1") is None  # it was forgotten before its answer came
    assert answers.get("r2") == Answered(b"hash", decided("r2"))
    answers.asked("r4", b"another")
    answers.answered("r4", decided("r4"))
    assert answers.get("r2") is None
    assert answers.get("r4") == Answered(b"another", decided("r4"))


def test_what_came_too_late_is_refused_for_good() -> None:
    """The same key hears the same for ever, so it is not told to come again: a new one is what helps."""
    told = refused(Decided("r", "c", "ola", "too_old"))
    assert (told.status, told.retry_after_s, told.extra["why"]) == (409, None, "too_old")
    assert "with a new key" in told.detail
