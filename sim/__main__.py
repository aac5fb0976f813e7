"""`python -m sim NAME [options] --json`: the simulator, one JSON object."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from services.kernel.errors import CentralaError
from sim import check, compare, faults, model, redecide, replay, whatif

PARTS = {
    "week": replay,
    "compare": compare,
    "model": model,
    "theory": check,
    "faults": faults,
    "redecide": redecide,
    "whatif": whatif,
}


def main(words: Sequence[str] | None = None) -> None:
    """Run the named part and print its result; exits 1 if it finds violations, 2 if it cannot be run.
    words: the command line, if it is not the process'."""
    parser = argparse.ArgumentParser(prog="python -m sim", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, module in PARTS.items():
        part = names.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        part.add_argument("--json", action="store_true", help="print on one line")
        module.add_arguments(part)
    arguments = parser.parse_args(words)
    try:
        result = PARTS[arguments.name].main(arguments)
    except CentralaError as error:
        # Not 1, which says that something was found.
        print(error, file=sys.stderr)
        sys.exit(2)
    print(json.dumps(result, indent=None if arguments.json else 2))
    sys.exit(1 if result.get("violations") else 0)


if __name__ == "__main__":
    main()
