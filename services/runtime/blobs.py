"""Large sealed things (attachments, raw mails, long content), addressed by their hash."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

from services.kernel.errors import Busy, Corrupt, Invalid

BLOB_ID = re.compile(r"[0-9a-f]{64}")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
ABANDONED_S = 3_600
"""A file that is written aside for longer is not written any more."""
_log = logging.getLogger(__name__)

T = TypeVar("T")


class Blobs(Protocol):
    """Where blobs lie. Every adapter passes `tests/contracts/test_blobs.py`. Each call raises Busy where
    the disk or the store does not serve it."""

    async def put(self, data: bytes) -> str:
        """Keep sealed bytes; returns their id, the SHA-256 in hex. Durable on return; the same again is
        nothing new."""

    async def get(self, blob_id: str) -> bytes | None:
        """The bytes, or None if they are not there. Raises Invalid for what is no id, Corrupt if the
        bytes are not what the id says."""

    async def delete(self, blob_id: str) -> None:
        """Delete for good; nothing happens if it is not there."""

    async def check(self) -> None:
        """See whether they can be used as they are set up. Raises Invalid in plain words if not."""

    async def close(self) -> None:
        """Let go of connections."""


class MemoryBlobs:
    """Blobs in memory, for tests."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    async def put(self, data: bytes) -> str:
        """See the port."""
        blob_id = hashlib.sha256(data).hexdigest()
        self._blobs[blob_id] = bytes(data)
        return blob_id

    async def get(self, blob_id: str) -> bytes | None:
        """See the port."""
        return self._blobs.get(checked(blob_id))

    async def delete(self, blob_id: str) -> None:
        """See the port."""
        self._blobs.pop(checked(blob_id), None)

    async def check(self) -> None:
        """They can."""

    async def close(self) -> None:
        """Nothing to let go of."""


class FileBlobs:
    """Blobs as files `ROOT/ab/cd/abcd…`, each written aside, synced, and renamed into its place.

    What a crash left half-written under `ROOT/new` is removed by `check`, at the start, once it is so old
    that no other process with the same directory still writes it.
    """

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)
        self._new = self._root / "new"

    async def put(self, data: bytes) -> str:
        """See the port."""
        return await self._served("written", lambda: self._put(data))

    async def get(self, blob_id: str) -> bytes | None:
        """See the port."""
        path = self._path(blob_id)
        return await self._served("read", lambda: self._get(path))

    async def delete(self, blob_id: str) -> None:
        """See the port."""
        path = self._path(blob_id)
        await self._served("deleted", lambda: self._delete(path))

    async def check(self) -> None:
        """Make the directory, sweep it, and see whether a file can be made in it.

        Raises Invalid in plain words if not. A full disk is no reason not to start.
        """
        try:
            await asyncio.to_thread(self._check)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise Invalid(
                    f"the directory of blobs {self._root} cannot be written: {error.strerror}. It lies in"
                    " CENTRALA_DATA, and must be a directory that may be written to"
                ) from error
            _log.warning("there is no room for blobs in %s: %s", self._root, error.strerror)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _path(self, blob_id: str) -> Path:
        checked(blob_id)
        return self._root / blob_id[:2] / blob_id[2:4] / blob_id

    async def _served(self, done: str, call: Callable[[], T]) -> T:
        """What a call gives. Raises Busy with the system's reason, and logs where it was."""
        try:
            return await asyncio.to_thread(call)
        except OSError as error:
            _log.error("a blob cannot be %s in %s: %s", done, self._root, error)
            raise Busy(f"An attachment or a long text cannot be {done} now: {error.strerror}.") from error

    def _check(self) -> None:
        self._new.mkdir(parents=True, exist_ok=True)
        probe = self._new / secrets.token_hex(16)
        probe.touch()
        now_s = probe.stat().st_mtime
        probe.unlink(missing_ok=True)
        for left in self._new.iterdir():
            with suppress(FileNotFoundError):  # another process that has the directory was done with it
                if now_s - left.stat().st_mtime > ABANDONED_S:
                    left.unlink()

    def _put(self, data: bytes) -> str:
        blob_id = hashlib.sha256(data).hexdigest()
        path = self._path(blob_id)
        if not path.exists():
            self._new.mkdir(parents=True, exist_ok=True)
            aside = self._new / secrets.token_hex(16)
            try:
                with open(aside, "xb", opener=_private) as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(aside, path)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
        # Even if it was there: who put it may not have come to this yet.
        for directory in (path.parent, path.parent.parent, self._root):
            _sync(directory)
        return blob_id

    def _get(self, path: Path) -> bytes | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).hexdigest() != path.name:
            raise Corrupt(f"blob {path.name} is damaged; restore it from a backup")
        return data

    def _delete(self, path: Path) -> None:
        try:
            path.unlink()
        except FileNotFoundError:
            return
        _sync(path.parent)


def checked(blob_id: str) -> str:
    """A blob's id, if it is one. Raises Invalid."""
    if not BLOB_ID.fullmatch(blob_id):
        raise Invalid("a blob's id is 64 hex digits")
    return blob_id


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
