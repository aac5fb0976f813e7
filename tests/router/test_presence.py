"""From beats of sessions to agents found and lost."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from hypothesis import given
from hypothesis import strategies as st

from proto.v1.envelope_pb2 import PresenceBeat
from services.kernel.limits import NOTICE_LOST_MS_MAX, PRESENCE_BEAT_MS
from services.router import engine
from services.router.presence import JUDGE_EVERY_MS, Sightings, Watcher
from services.runtime.clock import ManualClock
from services.runtime.event_log import Fetched, LogReader, TopicPartition
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Loop
from services.runtime.snapshots import MemorySnapshots
from tests.router.scenes import DESK, SECOND, Scene

LOST_AFTER_MS = 10 * SECOND


def beat(*agents: str) -> PresenceBeat:
    """These agents' sessions live at one edge."""
    return PresenceBeat(edge_id="e", desk_ids=[DESK] * len(agents), agent_ids=agents)


def said(sightings: Sightings, scene: Scene, now_ms: int) -> list[tuple[str, str]]:
    """What the engine would be told."""
    found = []
    for event in sightings.judge(scene.state, now_ms):
        body = event.WhichOneof("body")
        assert body is not None
        found.append((body, getattr(event, body).agent_id))
    return found


def watch(sightings: Sightings, scene: Scene, start_ms: int, until_ms: int) -> list[tuple[int, str, str]]:
    """Judge as often as the watcher does; the first time that something is said."""
    for now_ms in range(start_ms, until_ms, JUDGE_EVERY_MS):
        for what, who in said(sightings, scene, now_ms):
            return [(now_ms, what, who)]
    return []


def test_a_session_is_found_once() -> None:
    """A beat of a known agent is a transition; with the session known it says nothing."""
    scene = Scene().agent("anna", online=False)
    sightings = Sightings(scene.now_ms)
    sightings.beat(beat("anna", "stranger"), scene.now_ms)
    assert said(sightings, scene, scene.now_ms) == [("agent_found", "anna")]
    scene.session("anna")
    assert said(sightings, scene, scene.now_ms) == []


def test_a_lost_session_is_noticed_in_time() -> None:
    """Cut at any moment until the next beat: not before `agent_lost_after`, at most three seconds later."""
    scene = Scene().agent("anna")
    sightings = Sightings(scene.now_ms)
    sightings.beat(beat("anna"), scene.now_ms)
    ((when_ms, what, who),) = watch(sightings, scene, scene.now_ms, scene.now_ms + 60 * SECOND)
    assert (what, who) == ("agent_lost", "anna")
    late_ms = when_ms - scene.now_ms - LOST_AFTER_MS
    assert PRESENCE_BEAT_MS < late_ms <= PRESENCE_BEAT_MS + JUDGE_EVERY_MS <= NOTICE_LOST_MS_MAX


def test_beats_that_come_on_time_keep_an_agent_however_short_the_grace() -> None:
    """With an `agent_lost_after` shorter than the time between beats nobody who lives is lost."""
    scene = Scene().agent("anna")
    scene.state.desk(DESK).agent_lost_after_ms = PRESENCE_BEAT_MS // 4
    sightings = Sightings(scene.now_ms)
    for start_ms in range(scene.now_ms, scene.now_ms + 20 * SECOND, PRESENCE_BEAT_MS):
        sightings.beat(beat("anna"), start_ms)
        assert watch(sightings, scene, start_ms, start_ms + PRESENCE_BEAT_MS + 1) == []


def test_any_edge_keeps_the_agent() -> None:
    """Beats of different edges count alike, and a late old one does not shorten the time."""
    scene = Scene().agent("anna")
    sightings = Sightings(scene.now_ms)
    sightings.beat(beat("anna"), scene.now_ms + 9 * SECOND)
    sightings.beat(beat("anna"), scene.now_ms + 1 * SECOND)
    assert watch(sightings, scene, scene.now_ms, scene.now_ms + 19 * SECOND) == []


@given(cut_ms=st.integers(0, 20 * SECOND), away_ms=st.integers(0, LOST_AFTER_MS))
def test_an_agent_who_goes_on_at_another_edge_never_flaps(cut_ms: int, away_ms: int) -> None:
    """An edge dies at any moment, and its agent is back at another within the time: nothing is said of it.
    When that session is cut, too, they are lost within the time, once."""
    scene = Scene().agent("anna")
    sightings, start_ms = Sightings(scene.now_ms), scene.now_ms
    cut_at_ms, back_at_ms = start_ms + cut_ms, start_ms + cut_ms + away_ms
    end_ms = back_at_ms + 10 * PRESENCE_BEAT_MS
    # An edge beats at once when a session begins, then every two seconds, however it stands with the other.
    beats = [*range(start_ms, cut_at_ms + 1, PRESENCE_BEAT_MS), *range(back_at_ms, end_ms, PRESENCE_BEAT_MS)]
    told: list[tuple[int, str, str]] = []
    for now_ms in range(start_ms, end_ms + 2 * LOST_AFTER_MS, JUDGE_EVERY_MS):
        while beats and beats[0] <= now_ms:
            sightings.beat(beat("anna"), beats.pop(0))
        for what, who in said(sightings, scene, now_ms):
            told.append((now_ms, what, who))
            scene.state.desk(DESK).agents["anna"].session = False
    ((when_ms, what, who),) = told
    assert (what, who) == ("agent_lost", "anna")
    assert LOST_AFTER_MS <= when_ms - (end_ms - PRESENCE_BEAT_MS) <= LOST_AFTER_MS + NOTICE_LOST_MS_MAX


def test_a_new_owner_grants_a_fresh_grace() -> None:
    """After a take-over nobody is lost before `agent_lost_after` has passed anew."""
    scene = Scene().agent("anna")
    takeover_ms = scene.now_ms + 3_600 * SECOND
    sightings = Sightings(takeover_ms)
    assert watch(sightings, scene, takeover_ms, takeover_ms + LOST_AFTER_MS) == []
    assert watch(sightings, scene, takeover_ms + LOST_AFTER_MS, takeover_ms + 13 * SECOND)


def test_a_paused_watcher_throws_nobody_out() -> None:
    """Whoever was paused has seen nothing for a while, and grants the grace anew."""
    scene = Scene().agent("anna")
    sightings = Sightings(scene.now_ms)
    sightings.beat(beat("anna"), scene.now_ms)
    assert said(sightings, scene, scene.now_ms) == []
    woken_ms = scene.now_ms + 60 * SECOND
    assert said(sightings, scene, woken_ms) == []
    assert watch(sightings, scene, woken_ms, woken_ms + LOST_AFTER_MS) == []
    assert watch(sightings, scene, woken_ms + LOST_AFTER_MS, woken_ms + 13 * SECOND)


class Waited(MemoryLog):
    """A log without records whose readers take their time at once, and say how long they were let wait."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.clock = clock
        self.waits_ms: asyncio.Queue[int] = asyncio.Queue(1)

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """As EventLog says."""
        return _Waited(self)


class _Waited:
    def __init__(self, log: Waited) -> None:
        self._log = log

    async def fetch(self, max_wait_ms: int) -> Fetched:
        await self._log.waits_ms.put(max_wait_ms)
        self._log.clock.advance(max_wait_ms)
        return Fetched([], drained=True)

    def wake(self) -> None:
        """Nothing is under way."""

    async def close(self) -> None:
        """Nothing is open."""


async def test_while_the_partition_is_not_ours_the_watch_waits() -> None:
    """An engine that is restored again, for however long, is watched for at the same pace: a watch that read
    without a pause would press brokers when they answer least, and stop a process whose log is at hand."""
    clock = ManualClock()
    log = Waited(clock)
    loop = Loop(engine, log, clock, MemorySnapshots())
    loop.ready.set()
    task = asyncio.create_task(Watcher(loop, log, clock).run())
    async with asyncio.timeout(5):
        await log.waits_ms.get()
        loop.ready.clear()
        waits_ms = [await log.waits_ms.get() for _ in range(9)]
    task.cancel()
    await asyncio.wait([task])
    assert min(waits_ms[2:]) > 0, waits_ms
