"""Snapshots in the compacted topic `snapshots`: chunks, then a manifest with their hash.

A partition of an owned topic has two slots. A snapshot goes into the slot that does not hold the newest,
so one that is torn or damaged leaves the other; its keys replace those of the slot's last one, and
compaction forgets that. What is in partition i of an owned topic is kept in partition i of this one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from proto.v1.envelope_pb2 import InputPosition
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_table import KafkaTable
from services.runtime.kafka_wire import Wire
from services.runtime.snapshots import KEPT, Snapshot
from services.runtime.topics import SNAPSHOTS

CHUNK_BYTES = 800_000
"""Under the largest batch that brokers take (max.message.bytes)."""


class _Manifest(msgspec.Struct):
    """Written behind the last chunk: without it, the chunks are nothing."""

    state_version: int
    offset: int
    epoch: int
    next_seq: int
    now_ms: int
    positions: list[bytes]
    chunks: int
    sha256: bytes


class _Slot:
    """What was read of one slot."""

    def __init__(self) -> None:
        self.chunks: dict[int, bytes] = {}
        self.manifest: _Manifest | None = None

    def whole(self, topic: str, partition: int) -> Snapshot | None:
        """The snapshot, if nothing of it is missing or damaged."""
        manifest = self.manifest
        if manifest is None:
            return None
        data = b"".join(self.chunks.get(n, b"") for n in range(manifest.chunks))
        if hashlib.sha256(data).digest() != manifest.sha256:
            return None
        return Snapshot(
            topic,
            partition,
            manifest.state_version,
            manifest.offset,
            manifest.epoch,
            manifest.next_seq,
            manifest.now_ms,
            [InputPosition.FromString(position) for position in manifest.positions],
            data,
        )


class _Slots:
    """The slots of one owned topic as the partition's records tell."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.slots = [_Slot() for _ in range(KEPT)]

    def take(self, _partition: int, key: bytes, value: bytes | None, _at_ms: int) -> None:
        """Take in a record; those of other topics pass by."""
        topic, slot, what = key.decode().split("/")
        if topic != self.topic:
            return
        mine = self.slots[int(slot)]
        if what == "manifest":
            mine.manifest = msgspec.msgpack.decode(value, type=_Manifest) if value else None
        elif value is None:
            mine.chunks.pop(int(what), None)
        else:
            mine.chunks[int(what)] = value

    def newest_first(self, partition: int) -> Iterator[tuple[int, Snapshot]]:
        """The whole ones with their slots."""
        whole = [(n, slot.whole(self.topic, partition)) for n, slot in enumerate(self.slots)]
        found = [(n, snapshot) for n, snapshot in whole if snapshot is not None]
        yield from sorted(found, key=lambda one: one[1].offset, reverse=True)


class KafkaSnapshots:
    """A SnapshotStore over Kafka."""

    def __init__(self, access: KafkaAccess, wire: Wire) -> None:
        self._access = access
        self._wire = wire
        self._writers: dict[int, KafkaTable] = {}

    async def save(self, snapshot: Snapshot) -> None:
        """See the port. Raises Fenced or Busy if brokers do not take it; the one before it stays."""
        slots = await self._read(snapshot.topic, snapshot.partition)
        newest = next(slots.newest_first(snapshot.partition), None)
        if newest is not None and newest[1].offset > snapshot.offset:
            return
        slot = (newest[0] + 1) % KEPT if newest else 0
        old = set(slots.slots[slot].chunks)
        data, name = snapshot.data, f"{snapshot.topic}/{slot}"
        chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        table = self._table(snapshot.partition)
        for n, chunk in enumerate(chunks):
            await table.write(snapshot.partition, [(f"{name}/{n}".encode(), chunk)])
        manifest = _Manifest(
            snapshot.state_version,
            snapshot.offset,
            snapshot.epoch,
            snapshot.next_seq,
            snapshot.now_ms,
            [position.SerializeToString(deterministic=True) for position in snapshot.positions],
            len(chunks),
            hashlib.sha256(data).digest(),
        )
        packed = msgspec.msgpack.encode(manifest)
        await table.write(snapshot.partition, [(f"{name}/manifest".encode(), packed)])
        for n in sorted(old - set(range(len(chunks)))):
            await table.write(snapshot.partition, [(f"{name}/{n}".encode(), None)])

    async def load(self, topic: str, partition: int) -> Snapshot | None:
        """See the port. Raises Busy if brokers do not let us read."""
        found = next((await self._read(topic, partition)).newest_first(partition), None)
        return found[1] if found else None

    async def whole(self, topic: str, partition: int) -> list[Snapshot]:
        """All that are whole, newest first; for tools."""
        slots = await self._read(topic, partition)
        return [snapshot for _, snapshot in slots.newest_first(partition)]

    async def close(self) -> None:
        """Let go of the producers."""
        for table in self._writers.values():
            await table.close()

    async def _read(self, topic: str, partition: int) -> _Slots:
        slots = _Slots(topic)
        await KafkaTable(self._access, self._wire, SNAPSHOTS, [partition], slots.take).refresh()
        return slots

    def _table(self, partition: int) -> KafkaTable:
        """Writes to a partition; reads nothing."""
        found = self._writers.get(partition)
        if found is None:
            found = KafkaTable(self._access, self._wire, SNAPSHOTS, [partition], _ignore)
            self._writers[partition] = found
        return found


def _ignore(_partition: int, _key: bytes, _value: bytes | None, _at_ms: int) -> None:
    """Whoever only writes."""
