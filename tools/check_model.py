"""Runs the model checker over the claim protocol, as it is and without each of its rules.

    python -m tools.check_model [--take-overs N] [--inputs N] [--ahead N] [--doubles N]

Exit code 0 if the protocol holds as it is, and every rule is needed. Needs Java, and Maven once.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.kernel.errors import Invalid

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "docs/model"
JARS = ROOT / ".cache/model"
NAME = "ClaimedLog"
RULES = (
    "ClaimsRise",
    "EpochInBatches",
    "SeqInBatches",
    "ContiguousAcks",
    "FoldToClaim",
    "FenceInPositions",
)
INVARIANTS = ("CountedIsValid", "DecidedOnTheTruth", "OwnerIsRight", "ReadersAgree")
WITHIN_S = 600.0
STATES = re.compile(r"(\d+) distinct states found, 0 states left")
VIOLATED = re.compile(r"Invariant (\w+) is violated")


@dataclass(frozen=True, slots=True)
class Size:
    """How large an installation is searched. Take-overs weigh most."""

    take_overs: int = 2
    inputs: int = 3
    ahead: int = 2
    doubles: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """`violated`: the invariant that does not hold, "" if all do; `states`: how many were looked at."""

    without: str
    violated: str
    states: int

    def as_it_must_be(self) -> bool:
        """The protocol holds, and without one of its rules it does not."""
        return bool(self.violated) == bool(self.without)


def checker() -> Path:
    """The jar of TLC; Maven gets it once. Raises Invalid in plain words if Java or Maven are missing."""
    if shutil.which("java") is None:
        raise Invalid("Java 17 or newer is missing. On Debian: apt-get install default-jre-headless")
    found = sorted(JARS.glob("*.jar"))
    if found:
        return found[0]
    if shutil.which("mvn") is None:
        raise Invalid("Maven is missing; it gets the model checker. On Debian: apt-get install maven")
    copy = ["mvn", "-q", "-B", "-f", str(MODEL / "pom.xml"), "dependency:copy-dependencies"]
    done = subprocess.run([*copy, f"-DoutputDirectory={JARS}"], capture_output=True, text=True)
    if done.returncode:
        raise Invalid(f"Maven could not get the model checker:\n{done.stdout[-2_000:]}")
    return sorted(JARS.glob("*.jar"))[0]


def run(without: str = "", size: Size | None = None) -> Verdict:
    """Check every behaviour of an installation of that size. Raises Invalid if the checker fails."""
    jar, size = checker(), size or Size()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{NAME}.cfg").write_text(_configuration(without, size))
        shutil.copy(MODEL / f"{NAME}.tla", folder)
        flags = ["-XX:+UseParallelGC", "-XX:TieredStopAtLevel=1", "-Xmx1g", "-cp", str(jar)]
        command = ["java", *flags, "tlc2.TLC", "-workers", "2", f"{NAME}.tla"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=WITHIN_S)
    if violated := VIOLATED.search(done.stdout):
        return Verdict(without, violated[1], 0)
    states = STATES.search(done.stdout)
    if states is None:
        raise Invalid(f"the model checker failed:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    return Verdict(without, "", int(states[1]))


def _configuration(without: str, size: Size) -> str:
    values = {
        "TakeOvers": size.take_overs,
        "Inputs": size.inputs,
        "Ahead": size.ahead,
        "Doubles": size.doubles,
        **{rule: str(rule != without).upper() for rule in RULES},
    }
    constants = [f"  {name} = {value}" for name, value in values.items()]
    checks = [f"INVARIANT {name}" for name in INVARIANTS]
    return "\n".join(["SPECIFICATION Spec", "CONSTANTS", *constants, *checks, "CHECK_DEADLOCK FALSE"])


def main(arguments: Sequence[str]) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_model", description="Check the protocol.")
    parser.add_argument("--take-overs", type=int, default=Size().take_overs)
    parser.add_argument("--inputs", type=int, default=Size().inputs)
    parser.add_argument("--ahead", type=int, default=Size().ahead)
    parser.add_argument("--doubles", type=int, default=Size().doubles)
    given = parser.parse_args(arguments)
    size = Size(given.take_overs, given.inputs, given.ahead, given.doubles)
    wrong = 0
    for without in ("", *RULES):
        try:
            verdict = run(without, size)
        except Invalid as error:
            print(error, file=sys.stderr)
            return 2
        said = f"violates {verdict.violated}" if verdict.violated else f"holds in all {verdict.states} states"
        print(f"{f'without {without}' if without else 'as it is'}: {said}")
        wrong += not verdict.as_it_must_be()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
