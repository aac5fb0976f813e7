"""Which batches of an owned partition count: the fence that every reader applies alike.

A claim is a batch with a new epoch and no events. It is valid if its epoch is greater than the
current one. Any other batch is valid if its epoch is the current one and its seq is the next.
`seq` runs on across claims. Everything else is skipped by everybody (docs/model has the proof).
"""

from __future__ import annotations

from proto.v1.envelope_pb2 import Batch


class Fence:
    """The fold of an owned partition's batches down to (epoch, next_seq)."""

    __slots__ = ("epoch", "next_seq")

    def __init__(self, epoch: int = 0, next_seq: int = 0) -> None:
        self.epoch = epoch
        self.next_seq = next_seq

    def admit(self, batch: Batch) -> bool:
        """Whether the next batch in log order is valid; if so, takes it in.

        A claim is valid without events to show: callers tell it by `is_claim`.
        """
        if is_claim(batch):
            if batch.epoch <= self.epoch:
                return False
            self.epoch = batch.epoch
            return True
        if batch.epoch != self.epoch or batch.seq != self.next_seq:
            return False
        self.next_seq += 1
        return True

    def __repr__(self) -> str:
        return f"Fence(epoch={self.epoch}, next_seq={self.next_seq})"


def is_claim(batch: Batch) -> bool:
    """A claim has no events; a data batch always has at least one."""
    return not batch.events
