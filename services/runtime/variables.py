"""One environment variable: what is known of it, and what a text means as its value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PREFIX = "CENTRALA_"

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Variable:
    """What is known of one environment variable. `unit` is "" for what has none."""

    name: str
    unit: str
    meaning: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


def variable(
    name: str,
    default: Any,
    unit: str,
    meaning: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    """A field of Settings that is read from PREFIX + name."""
    known = Variable(PREFIX + name, unit, meaning, least, most, choices, secret)
    return field(default=default, repr=not secret, metadata={"variable": known})


def parse(variable: Variable, kind: type, text: str) -> Any:
    """The value that `text` writes. Raises ValueError in plain words, never with a secret in it."""
    shown = "what is set" if variable.secret else repr(text)
    if kind is bool:
        if text.lower() not in _TRUE | _FALSE:
            raise ValueError(f"must be true or false, not {shown}")
        return text.lower() in _TRUE
    if kind is str:
        return _parse_text(variable, text, shown)
    try:
        number = kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise ValueError(f"must be {wanted} ({variable.unit}), not {shown}") from None
    least, most = variable.least, variable.most
    # Written so that NaN, which compares with nothing, is refused.
    if not ((least is None or number >= least) and (most is None or number <= most)):
        raise ValueError(f"must be {bounds_text(variable)} ({variable.unit}), not {shown}")
    return number


def _parse_text(variable: Variable, text: str, shown: str) -> str:
    if variable.choices and text not in variable.choices:
        raise ValueError(f"must be one of {', '.join(variable.choices)}, not {shown}")
    if variable.least is not None and not (variable.least <= len(text) <= (variable.most or len(text))):
        raise ValueError(f"must be {bounds_text(variable)} characters long, not {len(text)}")
    return text


def bounds_text(variable: Variable) -> str:
    """The bounds in words: "8 to 10", "at least 8", or ""."""
    if variable.least is None:
        return ""
    if variable.most is None:
        return f"at least {variable.least:,}"
    if variable.least == variable.most:
        return f"exactly {variable.least:,}"
    return f"{variable.least:,} to {variable.most:,}"
