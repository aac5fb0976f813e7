"""Runs the models of `sim/models` and compares them with theory."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from sim.model import run, shortened
from sim.model_file import load_model
from sim.theory import differs

MODELS = Path(__file__).parent / "models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sim theory`."""
    parser.add_argument("--models", default="*", help="which, as a pattern such as erlang-*")
    parser.add_argument("--arrivals", type=int, help="instead of the files'")
    parser.add_argument("--replications", type=int, help="instead of the files'")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the replications")


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all of them; what differs from theory counts as a violation."""
    told: dict[str, Any] = {}
    violations: list[str] = []
    for path in sorted(MODELS.glob(f"{arguments.models}.json")):
        model = shortened(load_model(path), arguments.arrivals, arguments.replications)
        measured = run(model, arguments.jobs)
        wrong = differs(measured, path.stem)
        told[path.stem] = {
            "all": measured["classes"]["all"],
            "cost_rate_mean": measured["cost_rate_mean"],
            "wall_s": measured["wall_s"],
            "ok": not wrong,
        }
        violations += wrong
    return {"models": told, "violations": violations}
