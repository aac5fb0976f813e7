"""What the chaos run looks at would be seen if it were broken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bench.audit import audit, stored_keys
from bench.exchange import ENGINES
from bench.restore import Written
from proto.v1.inbound_pb2 import Inbound
from services.kernel.limits import HOUR_MS
from tools.invariants import check
from tools.stored import StoredLogs


@pytest_asyncio.fixture
async def data(tmp_path: Path) -> AsyncIterator[Path]:
    """A data directory in which a shop had a few conversations."""
    written = Written(tmp_path / "data", seed=1, agents=3)
    await written.grow(12, HOUR_MS)
    await written.snapshots()
    await written.close()
    yield tmp_path / "data"


def _messages(data: Path) -> set[str]:
    records = [Inbound.FromString(r.value) for r in StoredLogs(data).records("inbound", 0)]
    return {record.record_id for record in records if record.HasField("message")}


def test_a_log_made_in_virtual_time_holds_every_invariant(data: Path) -> None:
    """What the benchmarks restore from is a log like any other: the checker finds nothing in it."""
    report = check(StoredLogs(data), {engine.TOPIC: engine for engine in ENGINES})
    assert report.violations == []
    assert report.counts["snapshots compared"] == len(ENGINES)


def test_what_was_acknowledged_and_decided_once_is_fine(data: Path) -> None:
    """Messages that the log has once, with one outcome each, are no finding."""
    found = audit(StoredLogs(data), stored_keys(data), _messages(data), {})
    assert set(found["broken"]) == {"sealed_without_a_key"}, "the keys of a virtual shop are in no store"
    assert found["outcomes"]["message"] == len(_messages(data))


def test_an_acknowledged_record_that_is_gone_is_found(data: Path) -> None:
    """A client was told that it is durable, and the log does not have it."""
    broken = audit(StoredLogs(data), stored_keys(data), {"r" + "0" * 32}, {})["broken"]
    assert broken["acknowledged_and_lost"] == 1
    assert broken["acknowledged_and_not_once"] == 1


def test_a_delivery_that_was_never_attempted_is_found(data: Path) -> None:
    """A receiver got a call that the log does not know of: it left before it was committed."""
    broken = audit(StoredLogs(data), stored_keys(data), set(), {"s" + "0" * 32: 2})["broken"]
    assert broken["delivered_without_an_attempt"] == 1
    assert broken["delivered_more_than_attempted"] == 1


@pytest.mark.parametrize("name", ["fired_early", "fired_twice", "skipped"])
def test_promises_of_a_calm_shop_are_kept(data: Path, name: str) -> None:
    """Nothing fires early or twice, and nothing is skipped, where nobody is killed."""
    assert name not in audit(StoredLogs(data), stored_keys(data), set(), {})["broken"]
