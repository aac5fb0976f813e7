"""What sla tells of its promises, against the log's own words."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime.metrics import Metrics
from services.sla.figures import Figures
from tests.sla.given import MINUTE, PAUSES, POLICY, T0, Sla, admitted, message, sent
from tests.sla.test_promises import HOURS, POLICIES, STEP, play


def told(story: Sla) -> dict[tuple[str, str], float]:
    """The counters of promises after all of the story's events."""
    metrics = Metrics()
    hears = Figures(metrics).hears(lambda: story.state)
    for event in story.log:
        hear = hears.get(event.WhichOneof("body"))
        if hear is not None:
            hear(event)
    [family] = metrics.promises.collect()
    return {(s.labels["kind"], s.labels["outcome"]): s.value for s in family.samples if s.value}


def standing(story: Sla) -> dict[tuple[str, str], float]:
    """The gauge of promises that run."""
    metrics = Metrics()
    for _ in Figures(metrics).look([story.state], story.now_ms):
        continue
    [family] = metrics.promises_open.collect()
    return {(s.labels["kind"], s.labels["state"]): s.value for s in family.samples}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(POLICIES), st.sampled_from(HOURS), st.lists(STEP, max_size=25))
def test_late_is_what_was_broken_before(
    policy: dict[str, object], hours: dict[str, object], steps: list[tuple[str, int, int]]
) -> None:
    """A promise that is met counts as late if its breach stands, as kept if not, by the kind it began as."""
    story = Sla(policy, **hours)
    play(story, steps)
    kinds, broken, wanted = {}, Counter[str](), Counter[tuple[str, str]]()
    names = {1: "first_response", 2: "next_response", 3: "update", 4: "resolution"}
    for event in story.log:
        what = event.WhichOneof("body")
        body = getattr(event, what)
        if what == "started":
            kinds[body.target_id] = names[body.kind]
        elif what in ("breached", "breach_withdrawn"):
            broken[body.target_id] += 1 if what == "breached" else -1
            wanted[kinds[body.target_id], "broken" if what == "breached" else "unbroken"] += 1
        elif what == "met":
            wanted[kinds[body.target_id], "late" if broken[body.target_id] else "kept"] += 1
    assert told(story) == wanted


def test_a_promise_goes_from_running_to_broken() -> None:
    """Running, at risk after its warning, broken when it was due, answering while an answer is on its way."""
    story = Sla().opened()
    assert standing(story) == {("first_response", "running"): 1, ("resolution", "running"): 1}
    story.until(T0 + 6 * MINUTE)
    assert standing(story)["first_response", "at_risk"] == 1
    story.until(T0 + 11 * MINUTE)
    assert standing(story)["first_response", "broken"] == 1
    story.routed(admitted(story.now_ms))
    assert standing(story) == {("first_response", "answering"): 1, ("resolution", "running"): 1}
    story.told(sent())
    assert standing(story) == {("resolution", "running"): 1}
    assert told(story) == {("first_response", "broken"): 1, ("first_response", "late"): 1}


def test_a_paused_promise_is_told_as_that() -> None:
    """While the customer has the word the resolution is paused, and runs again with their next message."""
    story = Sla({**POLICY, **PAUSES}).opened().routed(admitted(T0 + MINUTE)).at(T0 + MINUTE).told(sent())
    assert standing(story) == {("resolution", "paused"): 1}
    story.said(message(T0 + 2 * MINUTE, "m2"))
    assert standing(story)["resolution", "running"] == 1
