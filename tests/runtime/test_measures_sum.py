"""Metrics of a process and its parts, put together."""

from __future__ import annotations

from services.runtime.metrics import Metrics


def series(metrics: Metrics) -> dict[str, float]:
    """Every sample that is rendered, by its name and labels."""
    lines = metrics.render().decode().splitlines()
    return {name: float(value) for name, value in (one.rsplit(" ", 1) for one in lines if one[0] != "#")}


def process_of(*parts: Metrics) -> Metrics:
    """A process with these parts."""
    process = Metrics()
    for part in parts:
        process.add(part)
    return process


def test_counts_of_parts_add_up() -> None:
    """A counter and a histogram of a process are the sums of its parts', series by series."""
    one, other = Metrics(), Metrics()
    one.turned_away.labels("rate").inc(2)
    other.turned_away.labels("rate").inc(3)
    other.turned_away.labels("streams").inc()
    one.batch_events.labels("sla").observe(1)
    other.batch_events.labels("sla").observe(5)
    found = series(process_of(one, other))
    assert found['centrala_turned_away_total{reason="rate"}'] == 5
    assert found['centrala_turned_away_total{reason="streams"}'] == 1
    assert found['centrala_batch_events_count{topic="sla"}'] == 2
    assert found['centrala_batch_events_sum{topic="sla"}'] == 6


def test_a_part_that_ends_stays_counted() -> None:
    """When a part ends its gauges go and what it counted stays, so that no counter ever falls."""
    one, other = Metrics(), Metrics()
    process = process_of(one, other)
    one.turned_away.labels("rate").inc(2)
    one.streams_open.set(7)
    other.streams_open.set(1)
    assert series(process)["centrala_streams_open"] == 8
    process.drop(one)
    found = series(process)
    assert found['centrala_turned_away_total{reason="rate"}'] == 2
    assert found["centrala_streams_open"] == 1


def test_the_process_counts_once() -> None:
    """What is the process' own, its memory and its processor time, is not multiplied by its parts."""
    alone, parts = series(process_of()), series(process_of(Metrics(), Metrics(), Metrics()))
    assert parts["process_open_fds"] < 2 * alone["process_open_fds"]
    assert parts["process_max_fds"] == alone["process_max_fds"]


def test_of_durations_the_longest_counts() -> None:
    """A duration or an age of a process is that of its worst part, and it is ready when all parts are."""
    one, other = Metrics(), Metrics()
    process = process_of(one, other)
    one.restore_seconds.set({("sla",): 3.0})
    other.restore_seconds.set({("sla",): 1.0})
    one.engines_ready.set({("sla",): True})
    other.engines_ready.set({("sla",): False})
    found = series(process)
    assert found['centrala_restore_seconds{topic="sla"}'] == 3.0
    assert found['centrala_engine_ready{topic="sla"}'] == 0
