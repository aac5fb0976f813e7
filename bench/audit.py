"""What the log of a killed installation says of the promises, read without the engines.

It repeats a part of `tools.check_log` on purpose, in other words and from the outside: what a client
was told and what a receiver got is compared with what the log has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
from google.protobuf.message import Message

from proto.v1.envelope_pb2 import Batch, Sealed
from proto.v1.inbound_pb2 import Inbound
from services.kernel.claims import Fence
from services.runtime.event_log import OWNED_TOPICS
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_table import KafkaTable
from services.runtime.kafka_wire import Wire
from services.runtime.topics import KEYS
from tools.invariants import Source
from tools.stored import FILE, events

FIRST = ("message", "order", "shipment")
"""Outcomes of a record that came for the first time."""
AGAIN = ("duplicate", "unchanged", "quarantined")


@dataclass
class _Promise:
    """A target, as its events tell it."""

    due_ms: int
    warn_ms: int
    fired: Counter[str] = field(default_factory=Counter)


def audit(log: Source, keys: set[bytes], acked: set[str], deliveries: Mapping[str, int]) -> dict[str, Any]:
    """Figures, and under "broken" everything that must not be.

    keys: ids of the data keys in the key store. acked: record ids that a client was told are durable.
    deliveries: how often each webhook id came.
    """
    unsealable = _Unsealable(keys)
    outcomes = _outcomes(log, acked, unsealable)
    promises = _promises(log)
    sends = _sends(log, deliveries, unsealable)
    for event in _all(log, "routing"):
        unsealable.look(event)
    broken = {
        **outcomes.pop("broken"),
        **promises.pop("broken"),
        **sends.pop("broken"),
        "sealed_without_a_key": unsealable.missing,
    }
    return {
        **outcomes,
        **promises,
        **sends,
        "data_keys": len(keys),
        "snapshots_kept": sum(len(log.snapshots(t, n)) for t in OWNED_TOPICS for n in log.partitions()),
        "broken": {k: v for k, v in broken.items() if v},
    }


def _outcomes(log: Source, acked: set[str], unsealable: _Unsealable) -> dict[str, Any]:
    records: Counter[str] = Counter()
    for partition in log.partitions():
        for record in log.records("inbound", partition):
            inbound = Inbound.FromString(record.value)
            records[inbound.record_id] += 1
            unsealable.look(inbound)
    first: Counter[str] = Counter()
    again: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for event in _all(log, "conversations"):
        body = event.WhichOneof("body") or ""
        if body in FIRST:
            first[event.origin_id] += 1
        elif body in AGAIN:
            again[event.origin_id] += 1
        kinds[body] += 1
        unsealable.look(event)
    return {
        "acknowledged": len(acked),
        "mailbox_records": records.total(),
        "outcomes": {kind: kinds[kind] for kind in (*FIRST, *AGAIN)},
        "broken": {
            "acknowledged_and_lost": sum(record not in records for record in acked),
            "acknowledged_and_not_once": sum(first[record] != 1 for record in acked),
            "not_one_outcome_a_record": sum(first[r] + again[r] != records[r] for r in acked),
            "skipped": kinds["skipped"],
        },
    }


def _promises(log: Source) -> dict[str, Any]:
    targets: dict[str, _Promise] = {}
    early = 0
    for event in _all(log, "sla"):
        name = event.WhichOneof("body")
        if name == "started":
            body = event.started
            targets[body.target_id] = _Promise(body.due_at_ms, body.warn_at_ms)
        elif name == "resumed":
            target = targets[event.resumed.target_id]
            target.due_ms, target.warn_ms = event.resumed.due_at_ms, event.resumed.warn_at_ms
        elif name in ("warned", "breached"):
            target = targets[getattr(event, name).target_id]
            target.fired[name] += 1
            early += event.occurred_at_ms < (target.due_ms if name == "breached" else target.warn_ms)
    return {
        "targets": len(targets),
        "warned": sum(target.fired["warned"] for target in targets.values()),
        "breached": sum(target.fired["breached"] for target in targets.values()),
        "broken": {
            "fired_early": early,
            "fired_twice": sum(max(target.fired.values(), default=0) > 1 for target in targets.values()),
        },
    }


def _sends(log: Source, deliveries: Mapping[str, int], unsealable: _Unsealable) -> dict[str, Any]:
    requested: set[str] = set()
    attempts: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for event in _all(log, "notices"):
        name = event.WhichOneof("body") or ""
        if name == "requested":
            requested.add(event.requested.send_id)
        elif name == "attempted":
            attempts[event.attempted.send_id] += 1
        elif name in ("sent", "failed", "uncertain"):
            ended[name] += 1
        unsealable.look(event)
    return {
        "sends": {"requested": len(requested), "attempts": attempts.total(), **ended},
        "broken": {
            "delivered_without_an_attempt": sum(one not in attempts for one in deliveries),
            "delivered_more_than_attempted": sum(n > attempts[one] for one, n in deliveries.items()),
            "attempted_without_a_request": sum(one not in requested for one in attempts),
        },
    }


class _Unsealable:
    """Counts sealed content whose data key is not in the key store: nobody could ever read it."""

    def __init__(self, keys: set[bytes]) -> None:
        self.missing = 0
        self._keys = keys

    def look(self, message: Message) -> None:
        """Look at everything sealed in a message."""
        self.missing += sum(sealed.key_id not in self._keys for sealed in _sealed_in(message))


def _sealed_in(message: Message) -> Iterator[Sealed]:
    if isinstance(message, Sealed):
        if message.key_id:
            yield message
        return
    for described, value in message.ListFields():
        if described.message_type is None or described.message_type.GetOptions().map_entry:
            continue
        for one in [value] if isinstance(value, Message) else value:
            yield from _sealed_in(one)


def _all(log: Source, topic: str) -> Iterator[Any]:
    for partition in log.partitions():
        yield from events(log, topic, partition)


def fenced_out(log: Source) -> int:
    """How many batches and claims count for nobody: who wrote them had been overtaken."""
    found = 0
    for place in ((topic, partition) for topic in OWNED_TOPICS for partition in log.partitions()):
        fence = Fence()
        found += sum(not fence.admit(Batch.FromString(record.value)) for record in log.records(*place))
    return found


def stored_keys(data: Path) -> set[bytes]:
    """Ids of the data keys in the file of an embedded installation."""
    connection = apsw.Connection(str(data / FILE), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return {bytes(key) for (key,) in connection.execute("SELECT key_id FROM keys")}
    finally:
        connection.close()


async def kafka_keys(access: KafkaAccess, partitions: int) -> set[bytes]:
    """Ids of the data keys in the key store of a distributed installation."""
    found: set[bytes] = set()

    def take(_partition: int, key: bytes, value: bytes | None, _at_ms: int) -> None:
        if value is None:
            found.discard(key)
        else:
            found.add(key)

    wire = Wire(access)
    await wire.open()
    await KafkaTable(access, wire, KEYS, range(partitions), take).refresh()
    await wire.close()
    return found
