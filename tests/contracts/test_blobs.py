"""The contract of the blob store."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.kernel.errors import Busy, Corrupt, Invalid
from services.runtime.blobs import ABANDONED_S, Blobs, FileBlobs, MemoryBlobs
from tests.s3 import S3Server


@pytest.fixture(params=["memory", "files", pytest.param("s3", marks=pytest.mark.servers)])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    """Each adapter in turn."""
    made: Blobs
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        server.bucket("contract")
        made = server.blobs("contract")
    else:
        made = MemoryBlobs() if request.param == "memory" else FileBlobs(tmp_path / "blobs")
    yield made
    await made.close()


async def test_a_blob_comes_back_by_its_hash(blobs: Blobs) -> None:
    """What was put comes back under the SHA-256 of its bytes, empty and large ones too."""
    for data in (b"", b"sealed", b"x" * 1_000_000):
        blob_id = await blobs.put(data)
        assert blob_id == hashlib.sha256(data).hexdigest()
        assert await blobs.get(blob_id) == data


async def test_the_same_again_is_nothing_new(blobs: Blobs) -> None:
    """Putting the same bytes again, even at the same time, gives the same id."""
    ids = await asyncio.gather(*(blobs.put(b"same") for _ in range(10)))
    assert len(set(ids)) == 1
    assert await blobs.get(ids[0]) == b"same"


async def test_a_deleted_blob_is_gone(blobs: Blobs) -> None:
    """A deleted blob is not there; deleting what is not there does nothing."""
    blob_id = await blobs.put(b"gone")
    await blobs.delete(blob_id)
    assert await blobs.get(blob_id) is None
    await blobs.delete(blob_id)


@pytest.mark.parametrize("blob_id", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n"])
async def test_what_is_no_id_is_refused(blobs: Blobs, blob_id: str) -> None:
    """Only 64 lower-case hex digits name a blob: nothing else reaches the file system."""
    with pytest.raises(Invalid):
        await blobs.get(blob_id)
    with pytest.raises(Invalid):
        await blobs.delete(blob_id)


async def test_files_lie_in_two_levels_and_survive(tmp_path: Path) -> None:
    """A blob is one private file two directories deep, found again by the next process."""
    blob_id = await FileBlobs(tmp_path).put(b"kept")
    path = tmp_path / blob_id[:2] / blob_id[2:4] / blob_id
    assert path.read_bytes() == b"kept"
    assert path.stat().st_mode & 0o777 == 0o600
    assert await FileBlobs(tmp_path).get(blob_id) == b"kept"


async def test_a_half_written_file_is_swept(tmp_path: Path) -> None:
    """What a crash left beside the blobs is removed at a later start and was never visible; what another
    process writes there now stays."""
    await FileBlobs(tmp_path).check()
    left, written = tmp_path / "new" / "left", tmp_path / "new" / "written"
    for path in (left, written):
        path.write_bytes(b"half")
    made_s = left.stat().st_mtime - ABANDONED_S - 1
    os.utime(left, (made_s, made_s))
    await FileBlobs(tmp_path).check()
    assert list((tmp_path / "new").iterdir()) == [written]


async def test_a_damaged_file_is_not_returned(tmp_path: Path) -> None:
    """Bytes that do not fit their id are named as damaged, never handed out."""
    blobs = FileBlobs(tmp_path)
    blob_id = await blobs.put(b"good")
    (tmp_path / blob_id[:2] / blob_id[2:4] / blob_id).write_bytes(b"evil")
    with pytest.raises(Corrupt, match="damaged"):
        await blobs.get(blob_id)


@pytest.mark.parametrize("where", ["blobs", "blobs/new"])
async def test_a_directory_that_cannot_be_written_is_named_at_the_start(tmp_path: Path, where: str) -> None:
    """A file in the place of a directory: the check names the directory, the reason and the setting."""
    path = tmp_path / where
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with pytest.raises(Invalid, match=r"directory of blobs .*/blobs cannot be written: .*CENTRALA_DATA"):
        await FileBlobs(tmp_path / "blobs").check()


async def test_a_disk_that_does_not_serve_is_busy(tmp_path: Path) -> None:
    """What the system refuses is Busy with its reason, and goes well once it is put right; a blob that is
    not there stays one that is not there."""
    root = tmp_path / "blobs"
    blobs = FileBlobs(root)
    absent = hashlib.sha256(b"nowhere").hexdigest()
    await blobs.check()
    assert await blobs.get(absent) is None
    (root / "new").rmdir()
    (root / "new").touch()
    with pytest.raises(Busy, match=r"cannot be written now: .+\."):
        await blobs.put(b"words")
    (root / "new").unlink()
    blob_id = await blobs.put(b"words")
    root.rename(tmp_path / "elsewhere")
    root.touch()
    with pytest.raises(Busy, match=r"cannot be read now: .+\."):
        await blobs.get(blob_id)
    with pytest.raises(Busy, match=r"cannot be deleted now: .+\."):
        await blobs.delete(blob_id)
    root.unlink()
    (tmp_path / "elsewhere").rename(root)
    assert await blobs.get(blob_id) == b"words"
