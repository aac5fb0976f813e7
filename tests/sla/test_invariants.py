"""The invariant of promises, looked at in sla's state."""

from __future__ import annotations

from services.sla.invariants import AT_ONCE, SLACK_MS, Invariants
from tests.sla.given import MINUTE, PAUSES, POLICY, T0, Sla, admitted, desk, message, resolved, sent

DUE = T0 + 10 * MINUTE


def broken(story: Sla, now_ms: int) -> int:
    """Targets that are past due without a breach."""
    invariants = Invariants()
    invariants.restored(story.state)
    [look] = invariants.rules().values()
    return sum(look(now_ms))


def test_a_promise_that_nobody_watched_is_told() -> None:
    """A target past due without a breach counts once the slack is over, and not before."""
    story = Sla().opened()
    assert broken(story, DUE + SLACK_MS) == 0
    assert broken(story, DUE + SLACK_MS + 1) == 1


def test_a_breach_keeps_the_rule() -> None:
    """A target that was breached when it was due breaks nothing, however late it is."""
    story = Sla().opened()
    story.until(DUE)
    assert broken(story, T0 + 119 * MINUTE) == 0


def test_what_does_not_run_is_not_late() -> None:
    """Paused, answered or resolved: no target of it can be late."""
    story = Sla({**POLICY, **PAUSES}).opened()
    story.routed(admitted(T0 + MINUTE))
    assert broken(story, DUE + 2 * SLACK_MS) == 0, "an answer is under way"
    story.at(T0 + MINUTE).told(sent())
    assert broken(story, T0 + 1_000 * MINUTE) == 0, "the customer has the word"
    story.routed(resolved(T0 + 2 * MINUTE))
    assert broken(story, T0 + 100_000 * MINUTE) == 0


def test_all_are_looked_at_in_parts() -> None:
    """However many conversations there are, each is looked at, and others get their turn between."""
    story = Sla()
    story.said(desk(POLICY, desk_id="e"))
    count = AT_ONCE + 1
    for number in range(count):
        story.said(message(T0, f"m{number}", opens=True, conversation_id=f"c{number}"))
    story.said(message(T0, "e1", opens=True, conversation_id="e1", desk_id="e"))
    invariants = Invariants()
    invariants.restored(story.state)
    [look] = invariants.rules().values()
    parts = list(look(DUE + 2 * SLACK_MS))
    assert parts == [AT_ONCE, 1, 1]
