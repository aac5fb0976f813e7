"""Which partition a desk lives in: the same of every topic, said by one hash that never changes."""

from __future__ import annotations

import hashlib

PARTITIONS_MAX = 1_024
"""Most partitions of an installation; DESIGN asks for 64."""


def partition_of(desk_id: str, partitions: int) -> int:
    """The desk's partition among so many. Fixed when an installation is made: with another number or
    another hash a desk's history would lie elsewhere than what follows."""
    if partitions == 1:
        return 0
    return int.from_bytes(hashlib.blake2b(desk_id.encode(), digest_size=8).digest(), "big") % partitions
