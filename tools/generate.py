"""Writes what is generated: protobuf and gRPC code beside proto/v1/*.proto, the client's copy of what it
needs of that, four pages of docs, the dashboards,
the rules for the Prometheus operator.

    python -m tools.generate            writes them
    python -m tools.generate --check    compares, and exits 1 with one line for each that is old
    python -m tools.generate --release 0.1.0
                                        keeps the schema as that release's, for the compatibility test

Run from the repository's root.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from grpc_tools import protoc

from services.runtime import metrics, settings
from tools import dashboards, event_docs, grpc_types, operator_rules, scaling

SCHEMAS = Path("proto/v1")
RELEASED = Path("tests/schema/released")
CLIENT = Path("clients/python/centrala_client/v1")
_OURS, _THEIRS = "from proto.v1 import", "from . import"
"""The client is installed without us, and `proto` is somebody else's package there. Its schemas, rpc_*,
import each other and Google's well-known types only."""


def protobuf_code(out: Path) -> None:
    """Compile every schema to `out`/proto/v1/*_pb2.py and *_pb2.pyi, those with services to *_pb2_grpc.py
    too. Raises RuntimeError if one is wrong."""
    _compile(out, SCHEMAS.glob("*.proto"), "python", "pyi")
    for file in event_docs.descriptors(SCHEMAS).file:
        if file.service:
            _compile(out, [Path(file.name)], "grpc_python")
            types = out / file.name.replace(".proto", "_pb2_grpc.pyi")
            types.write_text(grpc_types.page(file))


def _compile(out: Path, paths: Iterable[Path], *kinds: str) -> None:
    schemas = sorted(map(str, paths))
    outputs = [f"--{kind}_out={out}" for kind in kinds]
    if protoc.main(["protoc", "-I.", f"-I{event_docs.WELL_KNOWN}", *outputs, *schemas]) != 0:
        raise RuntimeError(f"protoc failed on {', '.join(schemas)}")


def files() -> dict[Path, str]:
    """Every generated file and what it should contain."""
    wanted = {
        Path("docs/settings.md"): settings.page(),
        Path("docs/metrics.md"): metrics.page(),
        Path("docs/events.md"): event_docs.page(SCHEMAS),
        scaling.PAGE: scaling.current(),
        **dashboards.files(),
        operator_rules.PATH: operator_rules.text(),
    }
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        protobuf_code(out)
        for path in sorted(out.glob("proto/v1/*_pb2*.py*")):
            text = path.read_text()
            wanted[path.relative_to(out)] = text
            if path.name.startswith("rpc_"):
                wanted[CLIENT / path.name] = text.replace(_OURS, _THEIRS)
    return wanted


def stale() -> list[Path]:
    """The generated files that are not what they should be."""
    return [path for path, text in files().items() if not path.exists() or path.read_text() != text]


def release(version: str) -> None:
    """Keep the schema's descriptors, without comments, as those of a release."""
    schema = event_docs.descriptors(SCHEMAS)
    for file in schema.file:
        file.ClearField("source_code_info")
    RELEASED.mkdir(parents=True, exist_ok=True)
    (RELEASED / f"{version}.binpb").write_bytes(schema.SerializeToString(deterministic=True))


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--release", metavar="VERSION", help="keep the schema as this release's")
    given = parser.parse_args(arguments)
    if given.release:
        release(given.release)
        return 0
    check: bool = given.check
    old = stale()
    for path in old:
        print(f"{path} is not what it is generated from; run make generate" if check else f"writing {path}")
    if check:
        return 1 if old else 0
    for path, text in files().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
