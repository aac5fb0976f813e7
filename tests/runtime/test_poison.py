"""A deadline that cannot be decided, in each of the four engines, driven by the real loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from proto.v1.envelope_pb2 import Batch
from services.kernel.engine import Engine, Input
from services.kernel.limits import DAY_MS
from services.runtime import restore
from services.runtime.clock import ManualClock
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Committed, Loop
from services.runtime.snapshots import MemorySnapshots
from tests.ingest import mailbox
from tests.notify import samples
from tests.router import scenes
from tests.sla import given
from tests.story import START_MS, Story


class Poisoned:
    """An engine that fails at one of its deadlines, each time it is asked."""

    def __init__(self, engine: Engine, key: str, due_ms: int) -> None:
        self._engine = engine
        self._poison = key, due_ms

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def decide(self, state: Any, record: Input | None, now_ms: int) -> Sequence[Any]:
        """As the engine, but for that deadline."""
        due = self._engine.next_deadline_id(state), self._engine.next_deadline_ms(state)
        if record is None and due == self._poison:
            raise ValueError("poison")
        return self._engine.decide(state, record, now_ms)


def ingest() -> Story:
    """Two erasures wait for their time."""
    story = mailbox.Mailbox()
    for name in ("ann", "bob"):
        story.hears(mailbox.says("m-" + name, name))
        story.when("inbound", mailbox.erase(mailbox.customer(name), name)).then_bodies("erasure_requested")
    return story


def router() -> Story:
    """Two offers wait for their answers."""
    scene = scenes.Scene().agent("ola", capacity=90)
    for name in ("c1", "c2"):
        scene.arrives(name)
        assert scene.where(name)[0] == "offered"
    return scene


def sla() -> Story:
    """A conversation is to be warned of, then breached; a second one as well."""
    return (
        given.Sla().opened(given.T0).said(given.message(given.T0 + 1, "m2", opens=True, conversation_id="c2"))
    )


def replan() -> Story:
    """A desk's edit is to be worked off."""
    return given.Sla().opened(given.T0).said(given.desk(given.POLICY | {"first_response": "5m"}, version=2))


def notify() -> Story:
    """Two replies are under way, each under its lease."""
    story = samples.story()
    for name in ("A", "B"):
        story.when("conversations", samples.message(name, way=samples.WHATSAPP))
        story.when("routing", samples.reply(name, "r" + name)).until(story.now_ms)
    return story


@pytest.mark.parametrize("made", [ingest, router, sla, replan, notify])
async def test_after_a_poisoned_deadline_the_engine_goes_on(made: Any) -> None:
    """The loop says that it is skipped; it is not due again, the others are decided, and a fold of the
    log agrees."""
    story = made()
    key = story.engine.next_deadline_id(story.state)
    due_ms = story.engine.next_deadline_ms(story.state)
    assert due_ms is not None
    engine = Poisoned(story.engine, key, due_ms)
    clock = ManualClock(START_MS)
    log = MemoryLog(clock)
    events = [event.SerializeToString() for event in story.log]
    topic = story.engine.TOPIC
    await log.append(topic, 0, [Batch(epoch=1, now_ms=START_MS).SerializeToString()])
    await log.append(topic, 0, [Batch(epoch=1, now_ms=START_MS, events=events).SerializeToString()])
    clock.time_ms = max(START_MS, due_ms) + DAY_MS
    heard: list[Committed] = []
    loop = Loop(engine, log, clock, MemorySnapshots())
    loop.listen(heard.append)
    task = asyncio.create_task(loop.run())
    try:
        async with asyncio.timeout(5):
            while not _done(loop, clock) or not heard:
                await asyncio.sleep(0)
                assert loop.tally.skipped <= 1, "it is due again and again"
                assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    said = [event for batch in heard for event in batch.events]
    bodies = [event.WhichOneof("body") for event in said]
    assert bodies[0] == "skipped"
    assert (said[0].skipped.topic, said[0].skipped.input_id) == ("deadline", key)
    assert len(bodies) > 1, "the other deadlines are decided"
    fold = await restore.take_over(story.engine, log, MemorySnapshots(), clock, 0)
    assert story.engine.dump(fold.state) == story.engine.dump(loop.state)


def _done(loop: Loop, clock: ManualClock) -> bool:
    due_ms = loop.engine.next_deadline_ms(loop.state)
    return loop.ready.is_set() and (due_ms is None or due_ms > clock.now_ms())
