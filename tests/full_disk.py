"""A disk that is full when a test says so, for whatever SQLite opens meanwhile.

SQLite's own `max_page_count` leaves what still fits into pages that are there: whether a loop's few bytes
do is chance. Here nothing is written at all.
"""

from __future__ import annotations

from typing import Self

import apsw


class FullDisk(apsw.VFS):
    """SQLite's default file system from now on, until `unregister`; files opened before are not touched."""

    def __init__(self) -> None:
        self.under = apsw.vfs_names()[0]
        self.is_full = False
        super().__init__(f"full-{id(self)}", base=self.under, makedefault=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unregister()

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """See SQLite's VFS."""
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FullDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        super().__init__(disk.under, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        """See SQLite's VFS."""
        if self._disk.is_full:
            raise apsw.FullError("no room left on the test's disk")
        super().xWrite(data, offset)
