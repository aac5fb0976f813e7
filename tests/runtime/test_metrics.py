"""Metrics: one registry, bounded labels."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from services.runtime.measures import Distribution
from services.runtime.metrics import LABELS, Metrics
from services.runtime.metrics_desks import SECONDS, channel_label

WAIT_S = 5.0


def test_metrics_are_separate() -> None:
    """Two processes' worth of metrics live side by side without sharing a value."""
    first, second = Metrics(), Metrics()
    first.turned_away.labels("rate").inc()
    assert b'centrala_turned_away_total{reason="rate"} 1.0' in first.render()
    assert b'centrala_turned_away_total{reason="rate"} 0.0' in second.render()


async def test_what_waits_holds_up_nothing_else_of_a_scrape() -> None:
    """The parts of a process are looked at together: none waits until another one has had its answer."""
    metrics, part, asked = Metrics(), Metrics(), asyncio.Event()

    async def waits() -> None:
        async with asyncio.timeout(WAIT_S):
            await asked.wait()

    async def answers() -> None:
        asked.set()

    metrics.refreshers.append(waits)
    part.refreshers.append(answers)
    metrics.add(part)
    assert await metrics.scrape()


def test_labels_are_bounded() -> None:
    """No metric carries a desk, an agent, a customer or another label from outside."""
    metrics = Metrics()
    assert {label for metric in metrics.definitions for label in metric.labels} == LABELS
    with pytest.raises(ValueError, match="desk"):
        metrics._counter("x_total", "things", "Things.", ("desk",))


def test_an_unknown_channel_is_other() -> None:
    """A channel that a sender made up does not make a series of its own."""
    assert (channel_label("email"), channel_label("pigeon-post")) == ("email", "other")


def test_names_follow_prometheus() -> None:
    """Counters end in _total, times are in seconds, names are unique."""
    definitions = Metrics().definitions
    assert len({metric.name for metric in definitions}) == len(definitions)
    assert all(metric.name.endswith("_total") == (metric.kind == "counter") for metric in definitions)
    assert all(metric.unit != "milliseconds" for metric in definitions)


def test_a_tallied_counter_is_read_when_it_is_asked_for() -> None:
    """What is counted elsewhere stands in the text as it is at the moment of asking."""
    metrics = Metrics()
    counted: dict[tuple[str, ...], float] = {("routing",): 1.0}
    metrics.batches.read(lambda: counted)
    metrics.batches.read(lambda: {("sla",): 7})
    counted["routing",] = 2
    text = metrics.render()
    assert b'centrala_batches_total{topic="routing"} 2.0' in text
    assert b'centrala_batches_total{topic="sla"} 7.0' in text


def test_a_series_of_several_sources_is_their_sum() -> None:
    """Loops of several partitions of one topic are one series, which no scraper refuses as told twice."""
    metrics = Metrics()
    for partition in (1, 2, 3):
        metrics.batches.read(partial(dict[tuple[str, ...], float], {("routing",): partition}))
    assert metrics.render().count(b'centrala_batches_total{topic="routing"}') == 1
    assert b'centrala_batches_total{topic="routing"} 6.0' in metrics.render()


def test_parts_join_as_each_metric_says() -> None:
    """Over the parts of a process what waits adds up, the oldest wait is the largest, and a process is ready
    only as far as its last part is."""
    whole, first, second = Metrics(), Metrics(), Metrics()
    for part, waiting, oldest, ready in ((first, 3, 60, 1), (second, 4, 90, 0)):
        part.waiting.set({("chat",): waiting})
        part.waiting_oldest_seconds.set({("chat",): oldest})
        part.engines_ready.set({("routing",): ready})
        part.restore_seconds.set({("routing",): oldest})
        whole.add(part)
    text = whole.render()
    assert b'centrala_waiting_conversations{channel="chat"} 7.0' in text
    assert b'centrala_waiting_oldest_seconds{channel="chat"} 90.0' in text
    assert b'centrala_engine_ready{topic="routing"} 0.0' in text
    assert b'centrala_restore_seconds{topic="routing"} 90.0' in text
    whole.drop(second)
    assert b'centrala_waiting_conversations{channel="chat"} 3.0' in whole.render()


def test_levels_are_set_as_a_whole() -> None:
    """A series that is not in what was set last is gone, instead of standing at an old value."""
    metrics = Metrics()
    metrics.waiting.set({("chat",): 3, ("email",): 1})
    metrics.waiting.set({("email",): 2})
    text = metrics.render()
    assert b'centrala_waiting_conversations{channel="email"} 2.0' in text
    assert b'waiting_conversations{channel="chat"}' not in text


@given(st.lists(st.floats(0, 20)))
def test_a_distribution_tells_what_the_library_tells(values: list[float]) -> None:
    """Ours counts each value into the very buckets that the library's histogram would."""
    registry, seconds = CollectorRegistry(), Metrics().append_seconds.labels("sla")
    theirs = Histogram("x", "x", registry=registry, buckets=SECONDS)
    ours = Distribution("y", "y", (), registry, SECONDS)
    for value in values:
        theirs.observe(value)
        ours.labels().observe(value)
        seconds.observe(value)
    lines = [line for line in generate_latest(registry).decode().splitlines() if "created" not in line]
    x = [line.removeprefix("x") for line in lines if line.startswith("x")]
    assert [line.removeprefix("y") for line in lines if line.startswith("y")] == x
    assert sum(seconds.counts) == len(values)


def test_a_distribution_wants_all_its_labels() -> None:
    """A series with a label too few would be one that nobody can read."""
    with pytest.raises(ValueError, match="labels"):
        Metrics().append_seconds.labels()
