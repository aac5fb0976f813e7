"""Blobs in an S3-compatible store: what the distributed mode has, where no disk is shared.

Theory of operation. A blob is one object, `ab/cd/abcd…` like the file it would be, so a folder of files can
be copied into a bucket and back. Requests are signed with the hash of their body (SigV4), and that is the
blob's id: the store itself refuses bytes that do not fit. To put the same again writes the same bytes over,
so every call may be repeated, and is, with growing waits, as long as CENTRALA_BLOBS_WITHIN_MS allows. After
that whoever calls gets `Busy`, and for a moment everybody else does at once: a store that is away takes
nobody's time. So it is for a key that is refused. An object that is refused concerns nobody else.

A blob is called missing only where the store says that this object is: a bucket that is not there, a key that
is refused or an answer that nobody expects is `Busy` and an error in the log, since a blob that is missing
counts as erased.

Credentials come by the standard variables of AWS (`AWS_ACCESS_KEY_ID`, `AWS_SHARED_CREDENTIALS_FILE`, the
token of a role …), through the library that its own tools use.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from itertools import chain, repeat
from typing import NamedTuple

import httpx
from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignedBodyHeaderType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpHeaders, HttpRequest

from services.kernel.errors import Busy, Corrupt, Invalid
from services.runtime.blobs import checked
from services.runtime.clock import Clock
from services.runtime.settings import Settings

WAITS_S = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Before each repetition; with the last one again and again until the time is over."""
AWAY_S = 1.0
"""How long calls fail at once after one has failed."""
NOW_AND_THEN = (408, 429, 500, 502, 503, 504)
"""Statuses that go better a moment later; S3 slows down with 503."""
NOTHING_SHA256 = hashlib.sha256(b"").hexdigest()
KEY_REFUSED = frozenset(
    ("ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "RequestTimeTooSkewed", "SignatureDoesNotMatch")
)
"""S3's words for a key, a signature or a clock that no request gets through with; AccessDenied may be one
object's."""
NO_VERSIONS = httpx.codes.NOT_IMPLEMENTED
"""Told by a store that knows no versions."""
LIST_NOTHING = "list-type=2&max-keys=0"
_CODE = re.compile(rb"<Code>\s*(\w{1,64})\s*</Code>")
_KEPT = re.compile(rb"<Status>\s*(Enabled|Suspended)\s*</Status>")

_log = logging.getLogger(__name__)


class Bucket(NamedTuple):
    """Where blobs lie. `endpoint` is a URL without a path: objects are found behind `/NAME/`."""

    endpoint: str
    name: str
    region: str

    @classmethod
    def of(cls, settings: Settings) -> Bucket:
        """The bucket that settings name. Raises Invalid in plain words for an endpoint that is none, never
        with what was given: it may have a password in it."""
        wanted = "CENTRALA_BLOBS_ENDPOINT must be https://HOST or http://HOST:PORT and nothing else"
        try:
            url = httpx.URL(settings.blobs_endpoint or f"https://s3.{settings.blobs_region}.amazonaws.com")
        except httpx.InvalidURL:
            raise Invalid(wanted) from None
        more = url.userinfo or url.query or url.fragment or url.path not in ("", "/")
        if url.scheme not in ("http", "https") or not url.host or more:
            raise Invalid(f"{wanted}: no path, no query, and the key is one of AWS_ACCESS_KEY_ID")
        return cls(f"{url.scheme}://{url.netloc.decode()}", settings.blobs_bucket, settings.blobs_region)


class S3Blobs:
    """Blobs as objects of a bucket. See the port; each call raises Busy where the store does not serve it."""

    def __init__(
        self,
        bucket: Bucket,
        clock: Clock,
        within_s: float,
        credentials: AwsCredentialsProvider | None = None,
    ) -> None:
        """credentials: None for those that the environment names."""
        self._bucket = bucket
        self._clock = clock
        self._within_s = within_s
        self._credentials = credentials or AwsCredentialsProvider.new_default_chain()
        # Half of the time for each try, so that one that hangs leaves time for another.
        self._client = httpx.AsyncClient(base_url=bucket.endpoint, timeout=httpx.Timeout(within_s / 2))
        self._away_until_s = 0.0

    async def check(self) -> None:
        """See whether the bucket is there, takes our keys, and forgets what is deleted.

        Raises Invalid in plain words if one of that is not so, or cannot be seen. A store that does not
        answer is no reason not to start.
        """
        name = self._bucket.name
        try:
            listed = await self._signed("GET", f"/{name}", LIST_NOTHING, b"", NOTHING_SHA256)
            kept = await self._signed("GET", f"/{name}", "versioning=", b"", NOTHING_SHA256)
        except (httpx.HTTPError, AwsCrtError) as error:
            _log.warning("the store of blobs does not answer yet: %s", _named(error))
            return
        self._see_listed(listed)
        if _KEPT.search(kept.content):
            raise Invalid(
                f"the bucket {name!r} keeps versions of what is deleted: who is erased would stay in it. "
                "Take one that never had versioning switched on"
            )
        if not _answers(kept) and kept.status_code != NO_VERSIONS:
            why = f"the store of blobs does not say whether the bucket {name!r} keeps versions"
            raise Invalid(f"{why} ({_told(kept)}): the key must be one that may ask (s3:GetBucketVersioning)")

    def _see_listed(self, listed: httpx.Response) -> None:
        """Raises Invalid for what no later request would go better with."""
        name = self._bucket.name
        if _answers(listed):
            return
        if listed.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            # Who may not list is told 403 of what is not there, too.
            why = f"the store of blobs refuses our key ({_code(listed)}): it must be one of AWS_ACCESS_KEY_ID"
            raise Invalid(f"{why} that may list the bucket {name!r}, and read, write and delete in it")
        if listed.status_code == httpx.codes.NOT_FOUND:
            raise Invalid(
                f"there is no bucket {name!r} at {self._bucket.endpoint}: see CENTRALA_BLOBS_BUCKET"
            )
        raise Invalid(
            f"the store of blobs does not list the bucket {name!r} ({_told(listed)}): see "
            "CENTRALA_BLOBS_ENDPOINT, CENTRALA_BLOBS_BUCKET and CENTRALA_BLOBS_REGION"
        )

    async def put(self, data: bytes) -> str:
        """See the port."""
        blob_id = await _hash(data)
        await self._call("PUT", blob_id, data)
        return blob_id

    async def get(self, blob_id: str) -> bytes | None:
        """See the port."""
        answer = await self._call("GET", checked(blob_id))
        if answer is None:
            return None
        if await _hash(answer.content) != blob_id:
            raise Corrupt(f"blob {blob_id} is damaged; restore it from a backup")
        return answer.content

    async def delete(self, blob_id: str) -> None:
        """See the port."""
        await self._call("DELETE", checked(blob_id))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _call(self, method: str, blob_id: str, body: bytes = b"") -> httpx.Response | None:
        """The answer of a request that went well; None where the object is not there. Raises Busy."""
        if self._clock.monotonic_s() < self._away_until_s:
            raise Busy("The store of blobs does not answer.")
        path = f"/{self._bucket.name}/{blob_id[:2]}/{blob_id[2:4]}/{blob_id}"
        why = "nothing in time"
        try:
            async with asyncio.timeout(self._within_s):
                for wait_s in chain(WAITS_S, repeat(WAITS_S[-1])):
                    answer, why = await self._tried(method, path, body, blob_id)
                    if answer is None:
                        await asyncio.sleep(wait_s)
                    elif answer.is_success:
                        return answer
                    elif answer.status_code == httpx.codes.NOT_FOUND and _code(answer) == "NoSuchKey":
                        return None
                    else:
                        away = _code(answer) in KEY_REFUSED
                        break
        except TimeoutError:
            why, away = f"{why}, for {self._within_s} s", True
        _log.error("the store of blobs does not serve a %s: %s", method, why)
        if not away:
            raise Busy("The store of blobs does not serve this.")
        self._away_until_s = self._clock.monotonic_s() + AWAY_S
        raise Busy("The store of blobs does not answer.")

    async def _tried(
        self, method: str, path: str, body: bytes, blob_id: str
    ) -> tuple[httpx.Response | None, str]:
        """One try: the answer, None if another try may bring a better one; and what was wrong."""
        try:
            body_hash = blob_id if method == "PUT" else NOTHING_SHA256
            answer = await self._signed(method, path, "", body, body_hash)
        except (httpx.HTTPError, AwsCrtError) as error:
            return None, _named(error)
        return (None if answer.status_code in NOW_AND_THEN else answer), _told(answer)

    async def _signed(
        self, method: str, path: str, query: str, body: bytes, body_hash: str
    ) -> httpx.Response:
        """One try. Raises HTTPError, AwsCrtError (no credentials)."""
        target = f"{path}?{query}" if query else path
        request = self._client.build_request(method, target, content=body)
        plain = HttpRequest(method, target, HttpHeaders([("host", request.headers["host"])]))
        wanted = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            credentials_provider=self._credentials,
            region=self._bucket.region,
            service="s3",
            use_double_uri_encode=False,
            should_normalize_uri_path=False,
            signed_body_value=body_hash,
            signed_body_header_type=AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
        )
        signed = await asyncio.wrap_future(aws_sign_request(plain, wanted))
        request.headers.update(dict(signed.headers))
        return await self._client.send(request)


def made(settings: Settings, clock: Clock) -> S3Blobs:
    """The bucket that settings name. Raises Invalid in plain words for an endpoint that is none."""
    return S3Blobs(Bucket.of(settings), clock, settings.blobs_within_ms / 1000)


async def _hash(data: bytes) -> str:
    """SHA-256 in hex; beside the event loop, since a mail of 25 MB takes 20 ms and more."""
    return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())


def _code(answer: httpx.Response) -> str:
    """S3's word for an error; "" where there is none."""
    found = _CODE.search(answer.content)
    return found[1].decode() if found else ""


def _answers(answer: httpx.Response) -> bool:
    """Whether a store may be as it should be: it serves us, or will a moment later."""
    return answer.is_success or answer.status_code in NOW_AND_THEN


def _told(answer: httpx.Response) -> str:
    return f"{answer.status_code} {_code(answer)}".strip()


def _named(error: Exception) -> str:
    """What went wrong; never with a URL or a key in it."""
    return getattr(error, "name", "") or type(error).__name__
