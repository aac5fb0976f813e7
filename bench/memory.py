"""What states take: memory of this process, and what the horizons in them hold."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.kernel.horizon import Horizon


def resident_bytes() -> int:
    """Resident memory of this process after what is free was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def horizons(state: Any) -> Iterator[Horizon]:
    """The horizons of an engine's state: they lie at most three objects deep."""
    yield from _inside(state, 3)


def horizon_bytes(state: Any) -> int:
    """Packed bytes of all horizons of a state."""
    return sum(len(horizon.dump()) for horizon in horizons(state))


def _inside(value: Any, depth: int) -> Iterator[Horizon]:
    names: tuple[str, ...] = getattr(value, "__struct_fields__", ()) or getattr(type(value), "__slots__", ())
    for name in names if depth else ():
        inner = getattr(value, name, None)
        if isinstance(inner, Horizon):
            yield inner
        elif type(inner).__module__.startswith("services."):
            yield from _inside(inner, depth - 1)
