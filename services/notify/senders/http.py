"""What the HTTP senders have in common: one POST, and what its failure says about the other side."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx

from services.notify.senders import SendResult, failed, retry, uncertain
from services.notify.senders.guard import REFUSED, Guard, PrivateTarget

CONNECT_WITHIN_S = 5.0
ANSWER_BYTES_MAX = 65_536
"""Of an answer more is not read: providers say what they have to say in a few hundred bytes."""
WAIT_S_MAX = 86_400
CONNECTIONS_MAX = 200
KEEP_ALIVE_S = 4.0
"""Below what servers keep an idle connection for (5 s and more), so none is used that is about to close: a
request lost that way would be uncertain."""

_NEVER_ASKED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
_ASKING = ".send_request_headers.started"
"""The step of a call with which its first byte leaves, as httpcore names it."""


class Answer(NamedTuple):
    """A provider's answer; `body` up to ANSWER_BYTES_MAX, and as much of it as came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; {} if it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def retry_after_ms(self) -> int:
        """The header Retry-After (RFC 9110 section 10.2.3): seconds, or a date by the answer's own clock; 0
        without one that we can read."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return wait_ms(int(text[:9]))
        at, now = _date(text), _date(self.headers.get("date", ""))
        return wait_ms((at - now).total_seconds()) if at is not None and now is not None else 0


def wait_ms(seconds: float) -> int:
    """A wait that a provider asks for, in milliseconds: never back, and a day at the most."""
    return int(min(max(seconds, 0), WAIT_S_MAX) * 1000)


def _date(text: str) -> datetime | None:
    """An HTTP date, which is in GMT whatever it says."""
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)
    except ValueError:
        return None


class Http:
    """The one HTTP client of a process. It follows no redirects: a signed or secret request goes where the
    desk said and nowhere else."""

    def __init__(self, tls: ssl.SSLContext, guard: Guard) -> None:
        limits = httpx.Limits(
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=CONNECTIONS_MAX // 2,
            keepalive_expiry=KEEP_ALIVE_S,
        )
        self._client = httpx.AsyncClient(limits=limits, follow_redirects=False, trust_env=False, verify=tls)
        self._guard = guard

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def post(
        self, name: str, url: str, body: bytes, headers: Mapping[str, str], within_s: float
    ) -> Answer | SendResult:
        """POST once. Gives the answer, or what its absence means: RETRY if no byte can have arrived, else
        UNCERTAIN. Errors name `name` and the class of the trouble only: URLs can hold secrets."""
        status, received, asked = 0, bytearray(), False
        answered: Mapping[str, str] = {}

        async def follow(step: str, info: Mapping[str, Any]) -> None:
            nonlocal asked
            asked = asked or step.endswith(_ASKING)
            await self._judge(step, info)

        try:
            async with asyncio.timeout(within_s):
                await self._guard.check(httpx.URL(url).host)
                async with self._client.stream(
                    "POST",
                    url,
                    content=body,
                    headers=headers,
                    timeout=httpx.Timeout(within_s, connect=min(CONNECT_WITHIN_S, within_s)),
                    extensions={"trace": follow},
                ) as response:
                    status, answered = response.status_code, response.headers
                    async for chunk in response.aiter_bytes():
                        received += chunk
                        if len(received) >= ANSWER_BYTES_MAX:
                            break
        except PrivateTarget:
            return failed(f"{name}: {REFUSED}")
        except _NEVER_ASKED as error:
            return retry(f"{name}: {type(error).__name__}")
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            if not asked:  # a name that is looked up for too long, say
                return retry(f"{name}: {type(error).__name__}")
            if not status:
                return uncertain(f"{name}: {type(error).__name__} after the request was sent")
        return Answer(status, answered, bytes(received[:ANSWER_BYTES_MAX]))

    async def _judge(self, step: str, info: Mapping[str, Any]) -> None:
        """Where a new connection really leads, before anything is sent on it."""
        if step == "connection.connect_tcp.complete":
            stream = info["return_value"]
            try:
                self._guard.judge(stream.get_extra_info("server_addr")[0])
            except PrivateTarget:
                await stream.aclose()
                raise


def split_text(text: str, units_max: int) -> list[str]:
    """The text in parts of at most `units_max` UTF-16 units, cut at line ends or spaces if there are any."""
    parts = []
    left = text.strip()
    while len(left.encode("utf-16-le")) // 2 > units_max:
        end = len(left.encode("utf-16-le")[: 2 * units_max].decode("utf-16-le", "ignore"))
        for separator in ("\n", " "):
            at = left.rfind(separator, end // 2, end + 1)
            if at > 0:
                end = at
                break
        parts.append(left[:end].rstrip())
        left = left[end:].lstrip()
    return [*parts, left] if left or not parts else parts
