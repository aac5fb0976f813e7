"""The pipeline's benchmark does what it says: everything runs, is weighed, and ends."""

from __future__ import annotations

import argparse

import pytest

from bench import pipeline
from bench.fleet import ENGINES

pytestmark = pytest.mark.servers


async def test_every_message_is_offered_and_weighed() -> None:
    """One broker, a few messages: each gets its offer, whole conversations come to their end, and what they
    took is told of every process and topic."""
    parser = argparse.ArgumentParser()
    pipeline.add_arguments(parser)
    given = "--brokers 1 --rate 10 --seconds 1 --warm-up 1 --agents 2 --partitions 2".split()
    told = await pipeline.main(parser.parse_args(given))
    [result] = told["results"]
    assert result["errors"] == []
    for phase in ("steady", "whole"):
        assert result[phase]["messages"] == 10
        assert result[phase]["never_offered"] == 0
        processes = {f"{name}-0" for name in (*ENGINES, "edge")} | {"kafka-1", "redis"}
        assert processes <= result[phase]["cpu_ms_a_message"].keys()
        for topic in ("inbound", "conversations", "routing", "sla", "notices"):
            assert result[phase]["bytes_a_message"][topic] > 0
        assert all(loop["appends_a_message"] > 0 for loop in result[phase]["loops"].values())
    assert result["whole"]["done"] == 10
    assert processes == result["memory_mb"].keys() == result["idle_cpu_ms_a_s"].keys()
    assert result["search"] == []  # there is no step below ten messages a second
