"""Python's garbage collector, set for processes that hold much and make few cycles."""

from __future__ import annotations

import gc

THRESHOLDS = (10_000, 50, 100)
"""Allocations between two looks of the garbage collector, and looks between its deeper ones: nearly
nothing here is a cycle, and at the defaults (700, 10, 10) a tenth of the time went into looking."""


def settle() -> None:
    """Once, when a process is ready: what lives for as long as the process is never looked at again.

    Not at each take-over of a partition, whose state may go again: what is frozen and lies in a cycle stays
    for ever. So the first deeper look after a restore walks over that state: some 0.1 s at 100,000 open
    conversations, and no more often than the collector looks deep.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
