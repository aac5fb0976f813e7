"""One environment variable: what is known of it, and what a text means as its value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PREFIX = "CENTRALA_"

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


_BROKER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_TOPIC = re.compile(r"[A-Za-z0-9._-]+")
_KEY = re.compile(r"[ -~]+")
_REDIS = frozenset({"redis", "rediss", "redis+cluster", "rediss+cluster"})


@dataclass(frozen=True, slots=True)
class Form:
    """What a text must look like: whether one does, and the same in words."""

    fits: Callable[[str], bool]
    words: str


def _is_brokers(text: str) -> bool:
    found = [_BROKER.fullmatch(one.strip()) for one in text.split(",")]
    return all(one is not None and 0 < int(one[1] or 1) < 1 << 16 for one in found)


def _is_redis(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    database = url.path.removeprefix("/")
    plain = not database or (database.isascii() and database.isdecimal())
    return url.scheme in _REDIS and bool(url.hostname) and port != 0 and plain and not url.query


BROKERS = Form(_is_brokers, "host:port, several with commas, for example kafka-1:9092,kafka-2:9092")
REDIS_URL = Form(
    _is_redis,
    "redis://HOST:PORT or redis+cluster://HOST:PORT, with TLS rediss:// or rediss+cluster://, with"
    " USER:PASSWORD@ if need be, and without options behind a ?",
)
TOPIC_NAME = Form(
    lambda text: _TOPIC.fullmatch(text) is not None and text.strip(".") != "",
    "letters and digits without accents, `.`, `_` and `-`, and not dots alone",
)
KEY_TEXT = Form(
    lambda text: _KEY.fullmatch(text) is not None and text == text.strip(),
    "letters, digits and signs of ASCII, without a space or a line break around them",
)


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
    form: Form | None = None


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
    form: Form | None = None,
) -> Any:
    """A field of Settings that is read from PREFIX + name."""
    known = Variable(PREFIX + name, unit, meaning, least, most, choices, secret, form)
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
    if variable.form is not None and not variable.form.fits(text):
        raise ValueError(f"must be {variable.form.words}, not {shown}")
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
