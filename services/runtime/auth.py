"""API keys: who may ask for what.

A key belongs to a desk, with one of four scopes, or to the installation. Only SHA-256 hashes are kept:
keys are 256 random bits, so a slow hash would protect nothing. The installation's key comes from the
environment or is made at the first start, shown once, and kept as a hash in the data directory.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from services.kernel.errors import Invalid
from services.runtime.documents import ApiKeyView
from services.runtime.problems import Refusal
from services.runtime.view_store import ViewReader

KEY_FILE = "admin.sha256"
KEY_PREFIX = "ck_"
KEY_BYTES = 32
HASH = re.compile(rb"[0-9a-fA-F]{64}")
SCOPES = ("admin", "agent", "integration", "read")

READERS = ("admin", "agent", "integration", "read")
"""Scopes that may read a desk's conversations, queues and notices."""


class Principal(NamedTuple):
    """Who asks: `desk` is "" for the installation's key, `agent` is set for scope agent only."""

    desk: str
    scope: str
    agent: str
    key_id: str

    def speaks_for(self, agent_id: str) -> None:
        """Raises Refusal 403 if an agent's key asks in another agent's name."""
        if self.scope == "agent" and self.agent != agent_id:
            raise Refusal(403, f"This key speaks for agent {self.agent!r} only.")


def new_key() -> str:
    """A new key: 256 random bits, and a prefix by which scanners of leaked secrets know it."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_of(key: str | bytes) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode() if isinstance(key, str) else key).digest()


def installation_key(data: Path, given: str) -> tuple[bytes, str]:
    """The hash of the installation's key, and the key itself if it was made just now, else "".

    given: CENTRALA_ADMIN_KEY; it wins over the file. One that was made counts from `keep_key` on.
    Raises Invalid if the file cannot be read or holds no hash: no key would be known then.
    """
    if given:
        return hash_of(given), ""
    path = data / KEY_FILE
    if path.exists():
        try:
            kept = HASH.fullmatch(path.read_bytes().strip())
        except OSError as error:
            raise Invalid(f"{path} cannot be read: {error.strerror}") from error
        if kept is None:
            raise Invalid(
                f"{path} holds no hash of the installation's key: put it back from a backup, set"
                " CENTRALA_ADMIN_KEY, or remove the file, and the next start makes a new key"
            )
        return bytes.fromhex(kept[0].decode()), ""
    key = new_key()
    return hash_of(key), key


def keep_key(data: Path, key: str) -> None:
    """Keep the hash of a key that was made, in a file of mode 0600. To be called once the key was shown: a
    start that fails before keeps none, and the next one shows another."""
    handle = os.open(data / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(hash_of(key).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


class Auth:
    """Checks the key of a request."""

    def __init__(self, views: ViewReader, installation_hash: bytes) -> None:
        self._views = views
        self._installation_hash = installation_hash
        self._guests: dict[bytes, Principal] = {}

    def admit_guest(self, desk: str, scope: str) -> str:
        """A key for one desk that lives as long as this process; the demo acts with it."""
        key = new_key()
        self._guests[hash_of(key)] = Principal(desk, scope, "", "guest")
        return key

    def check(self, headers: Mapping[bytes, bytes], desk: str, scopes: tuple[str, ...]) -> Principal:
        """Who asks for something of `desk` ("": of the installation).

        Raises Refusal: 401 without a known key, 403 if the key may not.
        """
        known = self.known(headers)
        if not known.desk:
            return known
        if not desk or known.desk != desk:
            why = "The key belongs to another desk." if desk else "Only the installation's key may."
            raise Refusal(403, why)
        if known.scope not in scopes:
            raise Refusal(403, f"A key of scope {known.scope} may not; one of {', '.join(scopes)} may.")
        return known

    def known(self, headers: Mapping[bytes, bytes]) -> Principal:
        """Who asks, whatever for. Raises Refusal 401 without a known key."""
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not key:
            raise Refusal(
                401, "Send the key as `Authorization: Bearer KEY`.", headers={"WWW-Authenticate": "Bearer"}
            )
        digest = hash_of(key.strip())
        if hmac.compare_digest(digest, self._installation_hash):
            return Principal("", "admin", "", "installation")
        known = self._guests.get(digest) or self._known(digest)
        if known is None:
            raise Refusal(401, "The key is not known.", headers={"WWW-Authenticate": "Bearer"})
        return known

    def key_hash(self, headers: Mapping[bytes, bytes]) -> str:
        """What the key of a request is looked up by; "" if it is none of a desk."""
        _, _, key = headers.get(b"authorization", b"").partition(b" ")
        digest = hash_of(key.strip())
        known = digest in self._guests or hmac.compare_digest(digest, self._installation_hash)
        return "" if known or not key else digest.hex()

    def _known(self, digest: bytes) -> Principal | None:
        view = self._views.peek(ApiKeyView, digest.hex())
        return Principal(view.desk, view.scope, view.agent, view.id) if view is not None else None
