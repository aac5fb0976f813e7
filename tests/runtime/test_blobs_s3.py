"""Blobs in a store that is away, that refuses, or that is not what it should be."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from awscrt.auth import AwsCredentialsProvider

from services.kernel.errors import Busy, Corrupt, Invalid
from services.runtime.blobs_s3 import Bucket, S3Blobs
from services.runtime.clock import SystemClock
from services.runtime.settings import Settings
from tests.s3 import S3Server

WITHIN_S = 0.5


@pytest.fixture
def own(tmp_path: Path) -> Iterator[S3Server]:
    """A store of the test's own, with a bucket `mine`."""
    server = S3Server(tmp_path / "s3")
    server.bucket("mine")
    server.start()
    yield server
    server.signal(signal.SIGCONT)
    server.kill()


@asynccontextmanager
async def answering(*answers: tuple[int, str]) -> AsyncIterator[S3Blobs]:
    """A client of a store that gives these answers, the last of them again and again."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        status, body = left.pop(0) if len(left) > 1 else left[0]
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    credentials = AwsCredentialsProvider.new_static("id", "secret")
    blobs = S3Blobs(Bucket(f"http://127.0.0.1:{port}", "mine", "r"), SystemClock(), 5.0, credentials)
    try:
        yield blobs
    finally:
        await blobs.close()
        server.close()


def told(code: str) -> str:
    """An error as S3 writes it."""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>"


@pytest.mark.servers
async def test_a_store_that_is_away_is_busy_and_keeps_what_it_has(own: S3Server) -> None:
    """Frozen or dead, the store is Busy within the bound, and never says that a blob is missing; when it is
    back the blob is there."""
    patient, hasty, another = own.blobs("mine"), own.blobs("mine", WITHIN_S), own.blobs("mine", WITHIN_S)
    blob_id = await patient.put(b"kept")
    own.signal(signal.SIGSTOP)
    with pytest.raises(Busy):
        await hasty.get(blob_id)
    with pytest.raises(Busy):
        await hasty.put(b"another")
    own.signal(signal.SIGCONT)
    assert await patient.get(blob_id) == b"kept"
    own.kill()
    with pytest.raises(Busy):
        await another.get(blob_id)
    own.start()
    assert await patient.get(blob_id) == b"kept"
    for blobs in (patient, hasty, another):
        await blobs.close()


@pytest.mark.servers
async def test_a_wrong_bucket_or_key_is_told_at_the_start_and_is_no_missing_blob(s3: S3Server) -> None:
    """What is set wrongly stops the start in plain words; afterwards it is Busy, never a missing blob."""
    s3.bucket("right")
    right, elsewhere, locked = (
        s3.blobs("right"),
        s3.blobs("nowhere", WITHIN_S),
        s3.blobs("right", WITHIN_S, secret="another"),
    )
    await right.check()
    blob_id = await right.put(b"kept")
    with pytest.raises(Invalid, match="no bucket 'nowhere'"):
        await elsewhere.check()
    with pytest.raises(Invalid, match="refuses our key"):
        await locked.check()
    for blobs in (elsewhere, locked):
        with pytest.raises(Busy):
            await blobs.get(blob_id)
    for blobs in (right, elsewhere, locked):
        await blobs.close()


@pytest.mark.servers
async def test_objects_lie_as_files_would_and_damaged_ones_are_named(s3: S3Server) -> None:
    """An object has the name of the file it would be; bytes that do not fit it are never handed out."""
    folder, blobs = s3.bucket("places"), s3.blobs("places")
    blob_id = await blobs.put(b"good")
    path = folder / blob_id[:2] / blob_id[2:4] / blob_id
    assert path.read_bytes() == b"good"
    path.write_bytes(b"evil")
    with pytest.raises(Corrupt, match="damaged"):
        await blobs.get(blob_id)
    await blobs.close()


@pytest.mark.parametrize(
    "answers", [[(503, told("SlowDown")), (500, told("InternalError")), (200, "")], [(429, ""), (200, "")]]
)
async def test_what_goes_better_a_moment_later_is_tried_again(answers: Sequence[tuple[int, str]]) -> None:
    """A store that slows us down or stumbles is asked again, and nobody hears of it."""
    async with answering(*answers) as blobs:
        assert await blobs.put(b"words") == hashlib.sha256(b"words").hexdigest()


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"])
async def test_a_refused_key_is_busy_for_a_moment(code: str) -> None:
    """A key that is refused is not tried again and again: Busy, at once for whoever comes next."""
    async with answering((403, told(code)), (200, "")) as blobs:
        for _ in range(2):
            with pytest.raises(Busy):
                await blobs.put(b"words")


@pytest.mark.parametrize(
    "refusal", [(403, told("InvalidObjectState")), (403, told("AccessDenied")), (413, ""), (400, "")]
)
async def test_a_refused_object_is_busy_for_nobody_else(refusal: tuple[int, str]) -> None:
    """An object that the store does not serve takes the store away from no other."""
    async with answering(refusal, (200, "")) as blobs:
        with pytest.raises(Busy, match="does not serve this"):
            await blobs.put(b"words")
        await blobs.put(b"of another")


async def test_a_bucket_that_keeps_versions_is_refused() -> None:
    """In a bucket with versions an erased customer would stay: the start says so."""
    kept = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    async with answering((200, kept)) as blobs:
        with pytest.raises(Invalid, match="keeps versions"):
            await blobs.check()
    async with answering((200, ""), (403, told("AccessDenied"))) as blobs:
        with pytest.raises(Invalid, match="s3:GetBucketVersioning"):
            await blobs.check()
    for unknown in (501, 503):  # it has no versions, or is slow
        async with answering((200, ""), (unknown, "")) as blobs:
            await blobs.check()


@pytest.mark.parametrize(
    "answer",
    [(400, "AuthorizationHeaderMalformed"), (301, "PermanentRedirect"), (400, "InvalidBucketName")],
)
async def test_a_wrong_set_up_does_not_start(answer: tuple[int, str]) -> None:
    """What no later request would go better with is told at the start, with the store's word for it."""
    status, code = answer
    async with answering((status, told(code))) as blobs:
        with pytest.raises(Invalid, match=f"{status} {code}"):
            await blobs.check()


@pytest.mark.parametrize(
    "endpoint",
    [
        "s3.example",
        "ftp://s3.example",
        "https://s3.example/bucket",
        "https://s3.example?a=b",
        "https://key:geheim@s3.example",
        "https://key:geheim@s3.example/bucket",
        "https://key:geheim@s3.example:port",
    ],
)
def test_an_endpoint_is_a_url_without_a_path(endpoint: str) -> None:
    """An endpoint that is none is refused with what would be right, and without a password that was given."""
    with pytest.raises(Invalid, match="must be https://HOST") as told:
        Bucket.of(Settings(blobs_bucket="mine", blobs_endpoint=endpoint))
    assert "geheim" not in str(told.value)
    assert Bucket.of(Settings(blobs_bucket="mine", blobs_region="eu-north-1")).endpoint == (
        "https://s3.eu-north-1.amazonaws.com"
    )
