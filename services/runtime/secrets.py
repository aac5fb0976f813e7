"""Secrets by name: a desk's configuration says where a secret lies, never what it is.

    env:NAME     an environment variable
    file:PATH    a file, at most SECRET_BYTES_MAX long

Read anew whenever it is used, so that a changed secret holds at once. A name may stand for several secrets,
one a line, so that they can be changed without losing a call: whoever checks takes all of them, whoever
shows one takes the first.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping

WEBHOOK_PREFIX = "whsec_"
"""Begins a secret of Standard Webhooks (spec 1.0, "Signature scheme")."""
SECRET_BYTES_MAX = 65_536
"""A file that is longer is no secret."""

Secrets = Callable[[str], str | None]
"""What a name stands for; None when nothing is there."""


def all_lines(environment: Mapping[str, str] = os.environ) -> Secrets:
    """A reader of all that a name stands for, without white space around it."""

    def read(name: str) -> str | None:
        kind, _, where = name.partition(":")
        if kind == "env":
            return environment.get(where, "").strip() or None
        return _content(where).strip() or None if kind == "file" else None

    return read


def first_line(environment: Mapping[str, str] = os.environ) -> Secrets:
    """A reader of the first line of what a name stands for, without white space around it."""
    read = all_lines(environment)

    def first(name: str) -> str | None:
        found = read(name)
        return found.splitlines()[0].strip() if found else None

    return first


def webhook_secret(desk_key: bytes) -> str:
    """What a desk's webhooks are signed with where it names no secret, in the form that receivers take."""
    return (
        WEBHOOK_PREFIX + base64.b64encode(hmac.digest(desk_key, b"webhook-signing", hashlib.sha256)).decode()
    )


def _content(path: str) -> str:
    """What the file says; "" if it cannot be read or is too long."""
    try:
        with open(path, "rb") as file:
            content = file.read(SECRET_BYTES_MAX + 1)
        return content.decode("utf-8") if len(content) <= SECRET_BYTES_MAX else ""
    except (OSError, ValueError):  # not there, not allowed, no path at all, not UTF-8
        return ""
