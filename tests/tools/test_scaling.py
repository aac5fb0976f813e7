"""What an installation needs follows from what was measured, by arithmetic that a reader can redo."""

from __future__ import annotations

import pytest

from tools import scaling
from tools.scaling import PARTITIONS, Measured, Need

ROUND = Measured(
    cpu_ms={"edge": 10, "ingest": 6, "router": 6, "sla": 6, "notify": 6, "kafka": 20, "redis": 2},
    idle_ms_a_s={},
    bytes={"inbound": 500, "conversations": 500, "routing": 250, "sla": 150, "notices": 50, "keys": 50},
    redis_bytes=1_000,
    memory_mb={},
    state_bytes=800,
    open_bytes=6_000,
)


def test_a_size_is_reckoned_from_what_a_message_takes() -> None:
    """3.6 million messages a day are a hundred a second in the busiest hour; everything else follows."""
    need = Need(ROUND, "", 3_600_000)
    assert need.peak_per_s == pytest.approx(100)
    assert need.cores["router"] == pytest.approx(0.6)
    assert need.processes["router"] == 3  # zones, though one would do
    assert need.processes["edge"] == 45  # 90,000 agents with a stream each
    assert need.disk_bytes[1] == pytest.approx(3_600_000 * 3 * (365 * 1_000 + 7 * 500))
    assert need.redis_bytes == pytest.approx(1_200_000 * 90 * 1_000)
    assert not need.standbys  # 86 GB of states, of which one engine has more than 16
    assert need.installations == 1


def test_what_a_process_cannot_hold_is_split_and_then_a_second_installation() -> None:
    """Below 16 GB an engine's state is in each of its processes; above, processes are added, 64 at most."""
    small = Need(ROUND, "", 200_000)
    assert small.standbys
    assert small.processes["sla"] == 3
    large = Need(ROUND, "", 200_000_000)
    assert not large.standbys
    assert large.processes["sla"] > PARTITIONS
    assert large.installations == 2


def test_a_table_without_its_place_is_refused() -> None:
    """A page that was edited by hand cannot lose a table."""
    with pytest.raises(ValueError, match="no place for the table measured"):
        scaling.page("# Scaling\n", scaling.read(scaling.MEASURED))


def test_measurements_come_from_the_benchmark() -> None:
    """What a process takes at rest is taken off; processes of one kind are put together."""
    names = ("edge-0", "ingest-0", "router-0", "sla-0", "notify-0", "kafka-1", "kafka-2", "redis")
    whole = {
        "messages": 200,
        "messages_per_s": 20.0,
        "cpu_ms_a_message": {**dict.fromkeys(names, 6.0), "ours": 30.0, "all": 48.0},
        "bytes_a_message": {"inbound": 500},
        "redis_bytes_a_message": 1_000,
    }
    idle, memory = dict.fromkeys(names, 20.0), dict.fromkeys(names, 100.0)
    printed = {"results": [{"whole": whole, "idle_cpu_ms_a_s": idle, "memory_mb": memory}]}
    found = scaling.of_bench(printed, {"state_bytes": 768})
    assert found["cpu_ms"]["router"] == 5.0  # 6 less what 50 ms of doing nothing take
    assert found["cpu_ms"]["kafka"] == 10.0
    assert found["memory_mb"]["kafka"] == 200.0
    assert found["state_bytes"] == 768
