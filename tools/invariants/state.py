"""Invariant 6, the state's part: the fold is the same from zero and from every snapshot on.

A snapshot must be, byte for byte, the fold from zero at its place. The newest one is folded on beside
the fold from zero, so that what `load` makes anew (indexes, deadlines) is proved too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.kernel.engine import Engine
from tools.invariants.report import Report

if TYPE_CHECKING:
    from tools.invariants import Moment


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot as it is stored: the state's bytes after the batch before (offset, next_seq)."""

    offset: int
    next_seq: int
    state_version: int
    data: bytes


class StateCheck:
    """Folds one engine's own log."""

    def __init__(
        self, report: Report, engine: Engine, topic: str, partition: int, snapshots: Sequence[Kept]
    ) -> None:
        self._report = report
        self._engine = engine
        self._name = f"{topic}/{partition}"
        self._state = engine.initial()
        self._beside: Any = None
        known = [kept for kept in snapshots if kept.state_version == engine.STATE_VERSION]
        self._snapshots = {kept.next_seq: kept for kept in known}
        self._newest = max(self._snapshots, default=-1)
        self._seq = 0
        self._broken = False

    def take(self, moment: Moment) -> None:
        """Fold the next batch."""
        if self._broken:
            return
        if self._seq in self._snapshots:
            self._compare(self._snapshots.pop(self._seq))
        for index, event in enumerate(moment.events):
            try:
                self._engine.evolve(self._state, event)
                if self._beside is not None:
                    self._engine.evolve(self._beside, event)
            except Exception as error:  # whatever it is, it is the finding
                where = moment.where(index)
                self._report.add(6, where, f"cannot be folded: {type(error).__name__}: {error}")
                self._broken = True
                return
        self._seq = moment.batch.seq + 1

    def _compare(self, kept: Kept) -> None:
        if self._engine.dump(self._state) != kept.data:
            self._report.add(
                6, f"{self._name}/{kept.next_seq}", "the snapshot there is not the fold of the log"
            )
        if kept.next_seq == self._newest:
            self._beside = self._engine.load(kept.data)
        self._report.counts["snapshots compared"] += 1

    def finish(self) -> None:
        """Compare at the end, and note the hash of the state."""
        if self._broken:
            return
        if self._seq in self._snapshots:
            self._compare(self._snapshots.pop(self._seq))
        for kept in self._snapshots.values():
            self._report.add(6, f"{self._name}/{kept.next_seq}", "a snapshot lies past the end of the log")
        dumped = self._engine.dump(self._state)
        reloaded = self._beside if self._beside is not None else self._engine.load(dumped)
        if self._engine.dump(reloaded) != dumped:
            self._report.add(6, f"{self._name}/{self._seq}", "the state is another one after a restore")
        if self._engine.next_deadline_ms(reloaded) != self._engine.next_deadline_ms(self._state):
            self._report.add(
                6, f"{self._name}/{self._seq}", "the next deadline is another one after a restore"
            )
        self._report.hashes[self._name] = hashlib.sha256(dumped).hexdigest()[:16]
