"""Runs the models of `sim/models` and compares them with theory."""

from __future__ import annotations

import argparse
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from services.kernel.errors import Invalid
from sim.intervals import rounded
from sim.model import DIGITS, replications, shortened, summary
from sim.model_file import load_model
from sim.theory import by_control, differs
from tools.arguments import JOBS_MAX, whole

MODELS = Path(__file__).parent / "models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sim theory`."""
    parser.add_argument("--models", default="*", help="which, as a pattern such as erlang-*")
    parser.add_argument("--arrivals", type=whole(1), help="instead of the files'")
    parser.add_argument("--replications", type=whole(1), help="instead of the files'")
    parser.add_argument(
        "--jobs", type=whole(1, JOBS_MAX), default=1, help="processes that share the replications"
    )


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all of them; what differs from theory counts as a violation. Raises Invalid if there are none."""
    known = sorted(MODELS.glob("*.json"))
    chosen = [path for path in known if fnmatchcase(path.stem, arguments.models)]
    if not chosen:
        names = ", ".join(path.stem for path in known)
        raise Invalid(f"--models: none is like {arguments.models!r}; there are {names}")
    told: dict[str, Any] = {}
    violations: list[str] = []
    for path in chosen:
        model = shortened(load_model(path), arguments.arrivals, arguments.replications)
        began_s = time.perf_counter()
        found = replications(model, arguments.jobs)
        measured, controlled = summary(model, found), by_control(model, path.stem, found)
        wrong = differs(measured, path.stem, controlled)
        told[path.stem] = {
            "all": measured["classes"]["all"],
            "controlled": {figure: rounded(pair, DIGITS) for figure, pair in controlled.items()},
            "cost_rate_mean": measured["cost_rate_mean"],
            "wall_s": round(time.perf_counter() - began_s, 3),
            "ok": not wrong,
        }
        violations += wrong
    return {"models": told, "violations": violations}
