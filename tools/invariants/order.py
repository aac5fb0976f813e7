"""Invariant 6, the log's own part: no gaps, nothing runs backwards, nobody reads ahead of a cause."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from proto.v1.envelope_pb2 import Batch, InputPosition
from services.kernel.claims import is_claim
from tools.invariants.report import Report

INPUTS = {
    "conversations": ("inbound", "routing", "notices"),
    "routing": ("conversations", "sla"),
    "sla": ("conversations", "routing", "notices"),
    "notices": ("conversations", "routing", "sla"),
}
"""Who reads what. Said here again, so that the engines are checked and not believed."""

_INDEX_BITS = 20
"""A batch of at most 900 KB has far fewer than 2**20 events, so (offset, index) fits one number."""


class _Reach:
    """How far one topic's writer had read one input: a row for each batch that moved it."""

    __slots__ = ("at", "epochs", "next_seqs", "packed")

    def __init__(self) -> None:
        self.at = array("Q")
        self.packed = array("Q")
        self.epochs = array("Q")
        self.next_seqs = array("Q")

    def move(self, offset: int, position: InputPosition) -> int:
        """Note where the batch at `offset` had read to; how far it went back (0: not at all)."""
        packed = position.offset << _INDEX_BITS | position.index
        last = self.packed[-1] if self.packed else 0
        if packed > last or not self.packed:
            self.at.append(offset)
            self.packed.append(packed)
            self.epochs.append(position.epoch)
            self.next_seqs.append(position.next_seq)
        return max(0, last - packed)

    def before(self, offset: int) -> int:
        """How far the writer had read by the record at `offset`, that one included."""
        row = bisect_right(self.at, offset)
        return self.packed[row - 1] if row else 0

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """(offset of the batch, packed position, epoch and next seq that it gives)."""
        return zip(self.at, self.packed, self.epochs, self.next_seqs, strict=True)


class _Trail:
    """The fence after each record of one owned topic, and its writer's reach."""

    __slots__ = ("epochs", "next_seqs", "now_ms", "reach")

    def __init__(self, topic: str) -> None:
        self.epochs = array("Q")
        self.next_seqs = array("Q")
        self.reach = {name: _Reach() for name in INPUTS[topic]}
        self.now_ms = 0

    def fence(self, offset: int) -> tuple[int, int]:
        """(epoch, next_seq) before the record at `offset`."""
        return (self.epochs[offset - 1], self.next_seqs[offset - 1]) if offset else (0, 0)


class OrderCheck:
    """Fence, time and positions of all owned topics of a partition."""

    def __init__(self, report: Report, partition: int) -> None:
        self._report = report
        self._partition = partition
        self._trails = {topic: _Trail(topic) for topic in INPUTS}

    def take(self, topic: str, offset: int, batch: Batch, valid: bool, epoch: int, next_seq: int) -> None:
        """One record in log order, with the fence (epoch, next_seq) before it."""
        trail = self._trails[topic]
        where = f"{topic}/{self._partition}@{offset}"
        if offset != len(trail.epochs):
            self._report.add(6, where, f"offset {len(trail.epochs)} is missing")
            while len(trail.epochs) < offset:
                trail.epochs.append(epoch)
                trail.next_seqs.append(next_seq)
        claim = is_claim(batch)
        trail.epochs.append(batch.epoch if valid else epoch)
        trail.next_seqs.append(next_seq + 1 if valid and not claim else next_seq)
        if not valid:
            self._report.counts["fenced batches"] += 1
            self._judge_invalid(where, batch, epoch, next_seq)
            return
        # A claim decides nothing: one that landed late may bear the time when it was sent.
        if batch.now_ms < trail.now_ms and not claim:
            self._report.add(6, where, f"time goes back by {trail.now_ms - batch.now_ms} ms")
        trail.now_ms = max(trail.now_ms, batch.now_ms)
        self._report.counts["claims"] += claim
        for position in batch.positions:
            reach = trail.reach.get(position.topic)
            if reach is None:
                self._report.add(6, where, f"reads {position.topic}, which is none of its inputs")
            elif reach.move(offset, position):
                self._report.add(6, where, f"its position on {position.topic} goes back")

    def _judge_invalid(self, where: str, batch: Batch, epoch: int, next_seq: int) -> None:
        """A skipped batch is fine if a deposed writer or a doubled append explains it."""
        if is_claim(batch):
            return
        if batch.epoch > epoch:
            self._report.add(6, where, f"is written in epoch {batch.epoch}, which nobody claimed")
        elif batch.epoch == epoch and batch.seq > next_seq:
            self._report.add(6, where, f"has seq {batch.seq} where {next_seq} should be: a batch is missing")

    def finish(self, mailbox_end: int) -> None:
        """Compare the topics with each other. `mailbox_end`: the offset after inbound's last record."""
        for reader, trail in self._trails.items():
            for topic, reach in trail.reach.items():
                if topic in self._trails:
                    self._compare(reader, topic, reach)
                elif reach.packed and reach.packed[-1] >> _INDEX_BITS > mailbox_end:
                    where = f"{reader}/{self._partition}@{reach.at[-1]}"
                    self._report.add(6, where, f"has read {topic} beyond its end {mailbox_end}")

    def _compare(self, reader: str, topic: str, reach: _Reach) -> None:
        """What a reader says of its place in an owned topic agrees with that topic; no effect without cause.

        A batch is read only after its writer's own positions on the inputs that both share are reached.
        """
        own = self._trails[reader].reach
        writer = self._trails[topic]
        shared = [(name, own[name], writer.reach[name]) for name in own if name in writer.reach]
        for at, packed, epoch, next_seq in reach.rows():
            offset, index = packed >> _INDEX_BITS, packed & (1 << _INDEX_BITS) - 1
            where = f"{reader}/{self._partition}@{at}"
            if offset + bool(index) > len(writer.epochs):
                self._report.add(6, where, f"has read {topic} beyond its end {len(writer.epochs)}")
                continue
            if writer.fence(offset) != (epoch, next_seq):
                self._report.add(6, where, f"its fence of {topic} at {offset} is not the log's")
            last = offset if index else offset - 1
            for name, mine, theirs in shared:
                if last >= 0 and mine.before(at) < theirs.before(last):
                    self._report.add(
                        6, where, f"has read {topic}@{last} before what that follows from in {name}"
                    )
