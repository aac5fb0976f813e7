"""Numbers and folders on a command line, refused in plain words where they make no sense: `type=whole(1)`."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

JOBS_MAX = 64
"""Processes of a program that shares its work among some: each takes 70 MB and a core."""


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """What reads a whole number from `least` to `most`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise ArgumentTypeError(f"must be a whole number of at least {least}, not {text!r}")
        if most is not None and value > most:
            raise ArgumentTypeError(f"must be a whole number from {least} to {most}, not {text!r}")
        return value

    return read


def none_or(least: int) -> Callable[[str], int]:
    """What reads 0, for what is left out, or a whole number of at least `least`."""
    enough = whole(least)

    def read(text: str) -> int:
        try:
            return 0 if text.strip() == "0" else enough(text)
        except ArgumentTypeError as wrong:
            raise ArgumentTypeError(f"{wrong}; 0 leaves it out") from None

    return read


def number(least: float) -> Callable[[str], float]:
    """What reads a finite number that is not below `least`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= least):
            raise ArgumentTypeError(f"must be a number of at least {least:g}, not {text!r}")
        return value

    return read


def folder(text: str) -> str:
    """A directory that is there."""
    if not Path(text).is_dir():
        raise ArgumentTypeError(f"must be a directory that is there, not {text!r}")
    return text
