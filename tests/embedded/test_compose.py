"""The embedded mode put together: what keeps it from starting is said in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.embedded.compose import assembled
from services.kernel.errors import Invalid
from services.runtime.clock import SystemClock
from services.runtime.settings import Settings


async def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in its place or on its way: the directory, the reason and the setting, and no traceback."""
    file = tmp_path / "file"
    file.touch()
    for data in (file, file / "below"):
        with pytest.raises(Invalid, match=r"data directory .*file.* cannot be made: .*CENTRALA_DATA"):
            async with assembled(Settings(data=str(data)), SystemClock()):
                pass
