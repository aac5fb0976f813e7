"""Whether a live state is what its log says.

A state is the fold of its own log and nothing else. Whoever makes a snapshot folds the log in a process of
its own anyway; so before that, a witness of the live state is taken, its hash and its place, and the fold is
hashed when it passes the same place. The two must be equal: otherwise something has changed the live state
beside `evolve`, or `evolve` depends on what is not in the event, and decisions rest on what no restart
would find again.

Taking the hash stops the loop for as long as a dump of the state takes (some ms for thousands of open
conversations). A state for which that was long once is not looked at again by this process.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import NamedTuple

from services.kernel.engine import Engine
from services.kernel.errors import Invalid
from services.runtime import restore
from services.runtime.clock import Clock
from services.runtime.event_log import EventLog, TopicPartition
from services.runtime.loop import Loop
from services.runtime.restore import Fold
from services.runtime.snapshots import Snapshot, SnapshotStore

SAME, DIFFERENT, UNSEEN = "same", "different", "unseen"
"""What a comparison says; `unseen`: none could be made."""
OUTCOMES = (SAME, DIFFERENT, UNSEEN)
LONG_S = 0.05
"""A dump that takes longer keeps customers waiting more than the log does."""
WITHIN_S = 5.0
"""How long to wait for the next batch; a loop that is busy has one far sooner."""

_log = logging.getLogger(__name__)


class Witness(NamedTuple):
    """What a live state was at a place of its own log: the hash of its dump, in hex."""

    offset: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.offset}:{self.sha256}"


def parsed(text: str) -> Witness | None:
    """What `str` made of a witness; "" is none. Raises Invalid."""
    offset, _, sha256 = text.partition(":")
    if not text:
        return None
    if not offset.isdigit() or not sha256:
        raise Invalid(f"a witness is OFFSET:SHA256, not {text!r}")
    return Witness(int(offset), sha256)


class Comparison:
    """Of a witness with a fold that passes its place."""

    def __init__(self, engine: Engine, witness: Witness | None) -> None:
        self.verdict = UNSEEN
        self._engine = engine
        self._witness = witness

    def look(self, fold: Fold) -> None:
        """Call before the first record and after each."""
        if self._witness is None or fold.offset != self._witness.offset:
            return
        found = hash_of(self._engine, fold.state)
        self.verdict = SAME if found == self._witness.sha256 else DIFFERENT
        if self.verdict == DIFFERENT:
            told = self._engine.TOPIC, self._witness.offset, self._witness.sha256, found
            _log.error("%s: the live state up to %d was %s, and what the log says is %s", *told)


def hash_of(engine: Engine, state: object) -> str:
    """The hash of a state: equal for equal states, in every process and on every backend."""
    return hashlib.sha256(engine.dump(state)).hexdigest()


async def snapshot(
    engine: Engine, log: EventLog, snapshots: SnapshotStore, partition: int, witness: Witness | None
) -> str:
    """Fold a partition's log to its end, keep the state, and say what the comparison on the way said."""
    own = TopicPartition(engine.TOPIC, partition)
    fold = await restore.begin(engine, log, snapshots, partition)
    comparison = Comparison(engine, witness)
    comparison.look(fold)
    reader, end = log.reader({own: fold.offset}), await log.end(*own)
    await restore.fold_to(engine, reader, fold, end, comparison.look)
    await reader.close()
    positions = [place.written(topic) for topic, place in fold.places.items()]
    place = fold.offset, fold.fence.epoch, fold.fence.next_seq, fold.now_ms
    state = engine.dump(fold.state)
    await snapshots.save(Snapshot(*own, engine.STATE_VERSION, *place, positions, state))
    return comparison.verdict


class Witnesses:
    """Takes witnesses of the states of a process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._long: set[TopicPartition] = set()

    async def take(self, loop: Loop) -> Witness | None:
        """A state as it is between two batches; None if dumping it takes too long, or if no batch comes to
        its end (the partition was lost)."""
        place = TopicPartition(loop.engine.TOPIC, loop.partition)
        if place in self._long:
            return None
        taken: asyncio.Future[Witness] = asyncio.get_running_loop().create_future()

        def look() -> None:
            if taken.done():
                return
            began_s = self._clock.monotonic_s()
            taken.set_result(Witness(loop.place()[0], hash_of(loop.engine, loop.state)))
            if self._clock.monotonic_s() - began_s > LONG_S:
                self._long.add(place)

        loop.when_settled(look)
        try:
            return await asyncio.wait_for(taken, WITHIN_S)
        except TimeoutError:
            return None
