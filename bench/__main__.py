"""`python -m bench NAME [options] --json`: one benchmark, one JSON object."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

import uvloop

from bench import burst, chaos, decide, embedded, handover, kafka, kills, pipeline, restore, rpc, shadow, year
from services.kernel.errors import CentralaError

BENCHES = {
    "embedded": embedded,
    "restore": restore,
    "year": year,
    "kills": kills,
    "burst": burst,
    "decide": decide,
    "rpc": rpc,
    "kafka": kafka,
    "pipeline": pipeline,
    "handover": handover,
    "chaos": chaos,
    "shadow": shadow,
}


def main(words: Sequence[str] | None = None) -> None:
    """Run the named benchmark and print its result; exits 1 if it is not well, 2 if it cannot be run.
    words: the command line, if it is not the process'."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, module in BENCHES.items():
        part = names.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        part.add_argument("--json", action="store_true", help="print on one line")
        module.add_arguments(part)
    arguments = parser.parse_args(words)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(BENCHES[arguments.name].main(arguments))
    except CentralaError as error:
        # Not 1, which says that a bound or a promise was broken.
        print(error, file=sys.stderr)
        sys.exit(2)
    print(json.dumps(result, indent=None if arguments.json else 2))
    sys.exit(0 if result.get("ok", True) else 1)


if __name__ == "__main__":
    main()
