"""Whether a live state is what its log says.

A state is the fold of its own log and nothing else. Whoever makes a snapshot folds the log in a process of
its own anyway; so before that, a witness of the live state is taken, its hash and its place, and the fold is
hashed when it passes the same place. The two must be equal: otherwise something has changed the live state
beside `evolve`, or `evolve` depends on what is not in the event, and decisions rest on what no restart
would find again.

Taking the hash stops the loop for as long as a dump of the state takes: 20 ms a megabyte for the slowest
engine. So no witness is taken of a state of more than BYTES_MAX. Its size is what the last snapshot had that
this process has had made; before the first it is at most what was loaded at the start and so much an event
since.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import NamedTuple

from services.kernel.engine import Engine
from services.kernel.errors import Invalid
from services.runtime import restore
from services.runtime.event_log import EventLog, TopicPartition
from services.runtime.loop import Loop
from services.runtime.restore import Fold
from services.runtime.snapshots import Snapshot, SnapshotStore

SAME, DIFFERENT, UNSEEN = "same", "different", "unseen"
"""What a comparison says; `unseen`: none could be made."""
OUTCOMES = (SAME, DIFFERENT, UNSEEN)
BYTES_MAX = 2 << 20
"""A larger dump keeps customers waiting more than the log does: 50 ms and more."""
EVENT_BYTES = 400
"""What an event adds to a state at most: a conversation is several, and 330 bytes of an engine's dump."""
OFFSET_DIGITS_MAX = 19
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
    if not _is_number(offset) or not sha256:
        raise Invalid(f"a witness is OFFSET:SHA256, not {text!r}")
    return Witness(int(offset), sha256)


class Said(NamedTuple):
    """What a process that made a snapshot says of it: the comparison's verdict, and the state's size."""

    verdict: str
    bytes: int

    def __str__(self) -> str:
        return f"{self.verdict} {self.bytes}"


def heard(text: str) -> Said:
    """What `str` made of it. Raises Invalid for everything else: it becomes the label of a metric."""
    verdict, _, size = text.strip().partition(" ")
    if verdict not in OUTCOMES or not _is_number(size):
        raise Invalid(f"of a snapshot is said OUTCOME BYTES, not {text[:100]!r}")
    return Said(verdict, int(size))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= OFFSET_DIGITS_MAX


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
) -> Said:
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
    return Said(comparison.verdict, len(state))


class Witnesses:
    """Takes witnesses of the states of a process."""

    def __init__(self) -> None:
        self._bytes: dict[TopicPartition, int] = {}

    def made(self, loop: Loop, size_bytes: int) -> None:
        """Take note of how large a snapshot of the loop's state was."""
        self._bytes[TopicPartition(loop.engine.TOPIC, loop.partition)] = size_bytes

    def _size_bytes(self, loop: Loop) -> int:
        made = self._bytes.get(TopicPartition(loop.engine.TOPIC, loop.partition))
        events = loop.tally.restored_events + loop.tally.events
        return loop.tally.restored_bytes + EVENT_BYTES * events if made is None else made

    async def take(self, loop: Loop) -> Witness | None:
        """A state as it is between two batches; None if dumping it would take too long, or if no batch comes
        to its end (the partition was lost)."""
        if self._size_bytes(loop) > BYTES_MAX:
            return None
        taken: asyncio.Future[Witness] = asyncio.get_running_loop().create_future()

        def look() -> None:
            if not taken.done():
                taken.set_result(Witness(loop.place()[0], hash_of(loop.engine, loop.state)))

        loop.when_settled(look)
        try:
            return await asyncio.wait_for(taken, WITHIN_S)
        except TimeoutError:
            return None
