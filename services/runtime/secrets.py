"""Secrets by name: a desk's configuration says where a secret lies, never what it is.

    env:NAME     an environment variable, but none of the installation's own (CENTRALA_..., AWS_..., OTEL_...)
    file:PATH    a file below a directory that the operator allows (CENTRALA_SECRETS_DIR)

Who writes a desk's configuration also says where its secrets are sent, so a name must never reach what
the installation keeps for itself: its settings, its data directory with the master key, what the kernel
tells of its process. A file's path is taken after symbolic links are followed, and only a regular file of
at most SECRET_BYTES_MAX is read: anything else is no secret.

Read anew whenever it is used, so that a changed secret holds at once. A name may stand for several secrets,
one a line, so that they can be changed without losing a call: whoever checks takes all of them, whoever
shows one takes the first.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import stat
from collections.abc import Callable, Mapping

from services.runtime.settings import PREFIX, Settings

WEBHOOK_PREFIX = "whsec_"
"""Begins a secret of Standard Webhooks (spec 1.0, "Signature scheme")."""
SECRET_BYTES_MAX = 65_536
"""A file that is longer is no secret."""

Secrets = Callable[[str], str | None]
"""What a name stands for; None when nothing is there."""


_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_OWN = (PREFIX, "AWS_", "OTEL_")
"""Begin variables with what is the installation's own: its settings, the bucket's keys, a collector's."""
_NEVER = ("/proc", "/sys", "/dev")
"""Nothing below is anybody's file: it is the kernel's word, on this process among others."""


def all_lines(settings: Settings, environment: Mapping[str, str] = os.environ) -> Secrets:
    """A reader of all that a name stands for, without white space around it."""

    def read(name: str) -> str | None:
        kind, _, where = name.partition(":")
        if kind == "env" and _VARIABLE.fullmatch(where) and not where.startswith(_OWN):
            return environment.get(where, "").strip() or None
        return _content(settings, where).strip() or None if kind == "file" else None

    return read


def first_line(settings: Settings, environment: Mapping[str, str] = os.environ) -> Secrets:
    """A reader of the first line of what a name stands for, without white space around it."""
    read = all_lines(settings, environment)

    def first(name: str) -> str | None:
        found = read(name)
        return found.splitlines()[0].strip() if found else None

    return first


def webhook_secret(desk_key: bytes) -> str:
    """What a desk's webhooks are signed with where it names no secret, in the form that receivers take."""
    return (
        WEBHOOK_PREFIX + base64.b64encode(hmac.digest(desk_key, b"webhook-signing", hashlib.sha256)).decode()
    )


def _content(settings: Settings, path: str) -> str:
    """What the file says; "" if it may not or cannot be read, is no regular file or is too long."""
    try:
        real = os.path.realpath(path)
        if not _allowed(settings, real):
            return ""
        # Without O_NONBLOCK to open a pipe waits for somebody who writes; O_NOFOLLOW: what was checked
        # is what is opened.
        file = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            told = os.fstat(file)
            if not stat.S_ISREG(told.st_mode) or told.st_size > SECRET_BYTES_MAX:
                return ""
            return os.read(file, SECRET_BYTES_MAX).decode("utf-8")
        finally:
            os.close(file)
    except (OSError, ValueError):  # not there, not allowed, no path at all, not UTF-8
        return ""


def _allowed(settings: Settings, real: str) -> bool:
    directories = [os.path.realpath(one) for one in settings.secrets_dir.split(":") if os.path.isabs(one)]
    never = (*_NEVER, os.path.realpath(settings.data))
    return any(_below(real, one) for one in directories) and not any(_below(real, one) for one in never)


def _below(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip("/") + "/")
