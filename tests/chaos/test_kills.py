"""kill -9 under load, with real processes: no promise is broken.

`python -m bench kills` is the same for as long as one likes; docs/benchmarks.md says what it looks at.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 50
RATE = 300
SEED = 20_260


@pytest.mark.servers
def test_fifty_kills_break_no_promise(tmp_path: Path) -> None:
    """Killed at 50 random moments under load, in the first start, in restarts and while snapshots are
    made, an installation loses and doubles nothing that it acknowledged, and its log is whole."""
    output = tmp_path / "server.log"
    result = _kills("--n", KILLS, "--rate", RATE, "--seed", SEED, "--alive-s", 0.8, "--keep-output", output)
    assert result["broken"] == {}, result
    assert result["ok"]
    assert result["kills"] == KILLS
    assert result["check_log"] == "green"
    assert result["acknowledged"] == sum(
        result["outcomes"][first] for first in ("message", "order", "shipment")
    )
    assert result["snapshots_kept"] > 0, "no life was long enough for a snapshot"
    assert result["sends"]["sent"] > 0
    assert result["breached"] > 0


def _kills(*options: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench", "kills", "--json", *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else 1)
    return found
