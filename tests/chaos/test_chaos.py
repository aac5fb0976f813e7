"""Real processes over three real brokers and Redis, broken again and again: no promise is broken.

`python -m bench chaos` is the same for as long as one likes; docs/benchmarks.md says what it looks at.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MINUTES = 0.6
RATE = 60
SEED = 20_261


@pytest.mark.servers
def test_a_storm_breaks_no_promise(tmp_path: Path) -> None:
    """While processes, a broker and Redis are killed, frozen and restarted, acknowledgements get lost and
    appends land late, everything acknowledged has one outcome and the log is whole."""
    result = _chaos("--minutes", MINUTES, "--rate", RATE, "--seed", SEED, "--no-roll", "--settle-s", 8)
    assert result["broken"] == {}, json.dumps(result, indent=1)
    assert result["ok"]
    assert result["check_log"] == "green"
    assert result["acknowledged"] > MINUTES * 60 * RATE / 4, "hardly anything came through"
    assert sum(result["troubles"].values()) >= 6
    assert result["network"]["acknowledgements_lost"] > 0
    assert result["sends"]["sent"] > 0
    assert result["breached"] > 0


def _chaos(*options: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench", "chaos", "--json", *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else 1)
    return found
