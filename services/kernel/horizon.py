"""What is remembered for so many days and then no more: millions of small entries, packed.

Theory of operation. A `Horizon` maps keys of 16 bytes (hashes, so evenly spread) to values of one
fixed width. Entries are records `key, day, value` in byte strings, the buckets. A key's bucket is found
by its first four bytes, the record in it by `bytes.find`, which at this size costs less than a hash
table's objects would take in memory: an entry costs its record and about 5 bytes.

The buckets grow one at a time (linear hashing): a put that makes them too full on the average splits
the next in turn, so no put ever pays for a rehash of everything.

Days never go back, and a put appends; so every bucket is ordered by day, and what has expired is at
its front. A put cuts that off in its own bucket and in one more, whose turn it is: the work of a call is
bounded, and a horizon that is written to loses what expired within the time in which as many puts
come as it has buckets. What has expired but was not cut yet is not found.

All of it follows from the calls alone, whatever was dumped and loaded in between; so equal histories
have equal bytes.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator

KEY_BYTES = 16
DAY_BYTES = 2
FOR_EVER = 0xFFFF
"""As `days`: entries do not expire."""

BUCKET_BYTES = 400
"""Aimed at, on the average: most buckets stay below 512 bytes, which Python allocates densely."""

_HEADER = struct.Struct("<HHHII")
_FIRST = struct.Struct("<I").unpack_from
_DAY_AT = KEY_BYTES
_VALUE_AT = KEY_BYTES + DAY_BYTES


class Horizon:
    """A map from 16 bytes to `value_bytes` bytes, each entry kept for `days` days.

    An entry of day d is found up to and including day d + days, so for at least `days` times 24
    hours. Days are numbers of days since 1970 (up to 2149).
    """

    __slots__ = ("_buckets", "_count", "_cursor", "_days", "_load", "_mask", "_oldest", "_today", "_width")

    def __init__(self, days: int, value_bytes: int = 0) -> None:
        self._days = days
        self._width = _VALUE_AT + value_bytes
        self._load = max(4, BUCKET_BYTES // self._width)
        self._buckets = [b""]
        self._mask = 0
        self._count = 0
        self._cursor = 0
        self._today = 0
        self._oldest = b"\0\0"

    def __len__(self) -> int:
        """Entries in memory, with those that have expired and are not cut off yet."""
        return self._count

    def get(self, key: bytes, day: int) -> bytes | None:
        """The value of `key` if it has not expired by `day`; b"" is a value too."""
        if not self._count:
            return None
        index: int = _FIRST(key)[0] & self._mask
        if index >= len(self._buckets):
            index &= self._mask >> 1
        bucket = self._buckets[index]
        at = bucket.find(key)
        if at < 0:
            return None
        width = self._width
        while at % width:
            at = bucket.find(key, at + 1)
            if at < 0:
                return None
        stamp = bucket[at + _DAY_AT : at + _VALUE_AT]
        if stamp < self._oldest:
            return None
        if day > self._today and int.from_bytes(stamp, "big") + self._days < day:
            return None
        return bucket[at + _VALUE_AT : at + width]

    def put(self, key: bytes, value: bytes, day: int) -> None:
        """Set the value of `key` and count its days anew. A day before the latest counts as that."""
        if day > self._today:
            self._today = day
            self._oldest = max(0, day - self._days).to_bytes(DAY_BYTES, "big")
        buckets = self._buckets
        index = _FIRST(key)[0] & self._mask
        if index >= len(buckets):
            index &= self._mask >> 1
        bucket = buckets[index]
        at = self._find(bucket, key)
        if at >= 0:
            bucket = bucket[:at] + bucket[at + self._width :]
        else:
            self._count += 1
        buckets[index] = bucket + key + self._today.to_bytes(DAY_BYTES, "big") + value
        if bucket[_DAY_AT:_VALUE_AT] < self._oldest:
            self._cut(index)
        self._cursor = cursor = self._cursor + 1 if self._cursor + 1 < len(buckets) else 0
        if buckets[cursor][_DAY_AT:_VALUE_AT] < self._oldest:
            self._cut(cursor)
        if self._count > self._load * len(buckets):
            self._split()

    def discard(self, key: bytes) -> None:
        """Forget `key`; nothing happens if it is not there."""
        index = self._index(key)
        bucket = self._buckets[index]
        at = self._find(bucket, key)
        if at >= 0:
            self._buckets[index] = bucket[:at] + bucket[at + self._width :]
            self._count -= 1

    def day_of(self, key: bytes) -> int | None:
        """The day that `key` was put on, expired or not; None if it is not in memory."""
        bucket = self._buckets[self._index(key)]
        at = self._find(bucket, key)
        return int.from_bytes(bucket[at + _DAY_AT : at + _VALUE_AT], "big") if at >= 0 else None

    def keys_of(self, value_start: bytes) -> list[bytes]:
        """Keys, in ascending order, whose value begins so. Reads everything: 30 ms a million."""
        found = []
        for bucket in self._buckets:
            at = bucket.find(value_start, _VALUE_AT)
            while at >= 0:
                if (at - _VALUE_AT) % self._width == 0:
                    found.append(bucket[at - _VALUE_AT : at - DAY_BYTES])
                at = bucket.find(value_start, at + 1)
        return sorted(found)

    def items(self) -> Iterator[tuple[bytes, int, bytes]]:
        """Every entry in memory as (key, day, value), in no order that means anything."""
        for bucket in self._buckets:
            for at in range(0, len(bucket), self._width):
                day = int.from_bytes(bucket[at + _DAY_AT : at + _VALUE_AT], "big")
                yield bucket[at : at + KEY_BYTES], day, bucket[at + _VALUE_AT : at + self._width]

    def dump(self) -> bytes:
        """Everything, as bytes for `load`."""
        header = _HEADER.pack(
            self._days, self._width - _VALUE_AT, self._today, self._cursor, len(self._buckets)
        )
        sizes = array("H", [len(bucket) // self._width for bucket in self._buckets])
        if sys.byteorder == "big":
            sizes.byteswap()
        return b"".join((header, sizes.tobytes(), *self._buckets))

    @classmethod
    def load(cls, data: bytes) -> Horizon:
        """What `dump` wrote: a cut for each bucket, no entry is looked at."""
        days, value_bytes, today, cursor, buckets = _HEADER.unpack_from(data)
        horizon = cls(days, value_bytes)
        sizes = array("H")
        at = _HEADER.size + sizes.itemsize * buckets
        sizes.frombytes(data[_HEADER.size : at])
        if sys.byteorder == "big":
            sizes.byteswap()
        width = horizon._width
        cuts = []
        for size in sizes:
            end = at + size * width
            cuts.append(data[at:end])
            at = end
        horizon._buckets = cuts
        horizon._mask = (1 << (buckets - 1).bit_length()) - 1
        horizon._count = sum(sizes)
        horizon._cursor = cursor
        horizon._today = today
        horizon._oldest = max(0, today - days).to_bytes(DAY_BYTES, "big")
        return horizon

    def _index(self, key: bytes) -> int:
        """The bucket that `key` is in, if it is anywhere. `get` and `put` have their own copy: they
        are called several times for each message."""
        index: int = _FIRST(key)[0] & self._mask
        return index if index < len(self._buckets) else index & self._mask >> 1

    def _find(self, bucket: bytes, key: bytes) -> int:
        """Where the record of `key` begins, or -1; a match across two records is none."""
        at = bucket.find(key)
        while at > 0 and at % self._width:
            at = bucket.find(key, at + 1)
        return at

    def _cut(self, index: int) -> None:
        """Drop what has expired from the front of a bucket."""
        bucket, width, at = self._buckets[index], self._width, 0
        while at < len(bucket) and bucket[at + _DAY_AT : at + _VALUE_AT] < self._oldest:
            at += width
        if at:
            self._buckets[index] = bucket[at:]
            self._count -= at // width

    def _split(self) -> None:
        """Add a bucket, and move there what now belongs to it."""
        new = len(self._buckets)
        self._mask = (1 << new.bit_length()) - 1
        old = new & self._mask >> 1
        bucket, width = self._buckets[old], self._width
        self._buckets.append(b"")
        records = [bucket[at : at + width] for at in range(0, len(bucket), width)]
        self._buckets[old] = b"".join([r for r in records if _FIRST(r)[0] & self._mask != new])
        self._buckets[new] = b"".join([r for r in records if _FIRST(r)[0] & self._mask == new])
