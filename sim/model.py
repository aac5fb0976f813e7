"""Runs a queueing model with known answers through the real router: means with their intervals."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sim.intervals import mean_of, rounded
from sim.model_file import EVERY_CLASS, Model, load_model
from sim.queueing import Replication, measures
from tools.arguments import JOBS_MAX, whole

DIGITS = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sim model`."""
    parser.add_argument("file", type=Path, help="the model")
    parser.add_argument(
        "--arrivals", type=whole(1), help="instead of the file's; the warm-up shrinks with them"
    )
    parser.add_argument("--replications", type=whole(1), help="instead of the file's")
    parser.add_argument(
        "--jobs", type=whole(1, JOBS_MAX), default=1, help="processes that share the replications"
    )


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the model."""
    model = shortened(load_model(arguments.file), arguments.arrivals, arguments.replications)
    return run(model, arguments.jobs)


def shortened(model: Model, arrivals: int | None, replications: int | None) -> Model:
    """The model with other lengths, where they are given."""
    if arrivals:
        warmup = model.warmup_arrivals * arrivals // model.arrivals
        model = replace(model, arrivals=arrivals, warmup_arrivals=warmup)
    return replace(model, replications=replications) if replications else model


def run(model: Model, jobs: int = 1) -> dict[str, Any]:
    """Every figure as [mean, half-width of the 95 % interval over the replications]."""
    began_s = time.perf_counter()
    told = summary(model, replications(model, jobs))
    return {**told, "wall_s": round(time.perf_counter() - began_s, 3)}


def replications(model: Model, jobs: int = 1) -> list[dict[str, dict[str, float]]]:
    """The measures of each."""
    one = partial(replicate, model)
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as pool:
            return list(pool.map(one, range(model.replications)))
    return [one(number) for number in range(model.replications)]


def summary(model: Model, found: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """Every figure as [mean, half-width of the 95 % interval over the replications]."""

    def told(part: str) -> dict[str, list[float]]:
        return {key: rounded(mean_of([each[part][key] for each in found]), DIGITS) for key in found[0][part]}

    return {
        "model": model.name,
        "policy": model.policy.name,
        "arrivals": model.arrivals,
        "replications": model.replications,
        "classes": {name: told(name) for name in (*(one.name for one in model.classes), EVERY_CLASS)},
        "groups": {group.name: told(f"group {group.name}") for group in model.groups},
        **told("cost"),
    }


def replicate(model: Model, number: int) -> dict[str, dict[str, float]]:
    """The measures of one replication."""
    run = Replication(model, number)
    gc.collect()
    gc.disable()
    run.run()
    gc.enable()
    return measures(model, run)
