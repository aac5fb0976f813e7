"""Reading a provider's JSON without trusting its shape: every getter gives its type or nothing."""

from __future__ import annotations

from typing import Any

SECONDS_MAX = 253_402_300_799
"""The end of the year 9999: a larger number is not a time in seconds."""


def mapping(value: Any, *path: str) -> dict[str, Any]:
    """The object at `path` below `value`; empty when there is none."""
    for name in path:
        if not isinstance(value, dict):
            return {}
        value = value.get(name)
    return value if isinstance(value, dict) else {}


def listing(value: Any, name: str) -> list[Any]:
    """The array `name` of an object; empty when there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def text(value: Any, name: str) -> str:
    """The string `name` of an object, without NUL and lone surrogates; numbers as they are written."""
    found = value.get(name) if isinstance(value, dict) else None
    if isinstance(found, str):
        return clean(found)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return ""


def clean(value: str) -> str:
    """Text that protobuf and UTF-8 can carry: no NUL, no lone surrogates."""
    if value.isascii():
        return value.replace("\0", "")
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def number(value: Any, name: str) -> int:
    """The whole number `name`, also when it is written as a string of digits; 0 otherwise."""
    found = value.get(name) if isinstance(value, dict) else None
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= 19:
        return int(found)
    return 0


def seconds_as_ms(value: Any, name: str) -> int:
    """A time in Unix seconds as Unix milliseconds; 0 when there is none."""
    seconds = number(value, name)
    return seconds * 1000 if 0 < seconds <= SECONDS_MAX else 0


def size(value: Any, name: str) -> int:
    """A size in bytes; 0 when there is none."""
    return min(max(number(value, name), 0), 2**63 - 1)
