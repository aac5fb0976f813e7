"""What every process of the distributed mode opens, edge or engine: the log, the keys, what seals.

An edge adds its views and limits, an engine its seats (`services.runtime.seats`).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from services.kernel.errors import Invalid
from services.runtime import topics
from services.runtime.blobs import Blobs, FileBlobs
from services.runtime.clock import Clock
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_wire import Wire
from services.runtime.keys_kafka import KafkaKeys
from services.runtime.log_kafka import KafkaLog
from services.runtime.sealing import Sealing, load_master_key
from services.runtime.settings import Settings
from services.runtime.snapshots_kafka import KafkaSnapshots


class Shared(NamedTuple):
    """Opened and checked, but for the blobs: that is for who uses them. `keys.follow` must run as a task of
    the process."""

    access: KafkaAccess
    log: KafkaLog
    keys: KafkaKeys
    snapshots: KafkaSnapshots
    sealing: Sealing
    blobs: Blobs


@asynccontextmanager
async def opened(settings: Settings, clock: Clock) -> AsyncIterator[Shared]:
    """Connect to Kafka, check the topics, read the keys; close everything afterwards.

    Raises Invalid in plain words: no broker answers, the topics are not as they must be, the master key
    is missing or another one. Busy if the keys cannot be read in time.
    """
    access = KafkaAccess.of(settings)
    if not settings.master_key:
        raise Invalid("the distributed mode needs CENTRALA_MASTER_KEY, the same in every process")
    master_key = load_master_key(settings.data, os.environ | {"CENTRALA_MASTER_KEY": settings.master_key})
    blobs = _blobs(settings, clock)
    wire = Wire(access)
    await wire.open()
    keys = KafkaKeys(access, wire, clock, settings.partitions)
    snapshots = KafkaSnapshots(access, wire)
    log = KafkaLog(access, wire)
    try:
        await topics.check(topics.Topics(access, settings.partitions, settings.replication))
        await keys.open()
        sealing = Sealing(master_key, keys, clock)
        if await keys.sample() is None:
            # The first process of all says what the key is. Two that start with different ones would each
            # seal what the other can never open.
            await keys.put_first(sealing.mark())
        await sealing.check()
        yield Shared(access, log, keys, snapshots, sealing, blobs)
    finally:
        await blobs.close()
        await keys.close()
        await snapshots.close()
        await log.close()


def _blobs(settings: Settings, clock: Clock) -> Blobs:
    """The bucket that the settings name, else files. Raises Invalid as `blobs_s3.made`."""
    if not settings.blobs_bucket:
        return FileBlobs(Path(settings.data) / "blobs")
    # Loaded only where it is wanted: what signs requests takes 0.1 s and 12 MB.
    made: Blobs = importlib.import_module("services.runtime.blobs_s3").made(settings, clock)
    return made
