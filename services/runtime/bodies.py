"""Bodies of requests that do not come in one piece: bounded each in size and in time, and in what all of them
that are not whole yet hold together. So whoever sends many, slowly, holds little, with or without a key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from services.runtime.problems import Refusal

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY_WITHIN_S = 30
"""A body that is not whole after this is not waited for: who sends a byte now and then holds nothing."""
BODIES_BYTES_MAX = 128 << 20
"""Of all bodies that are not whole yet: more than a hundred of the largest, and a quarter of a small pod."""


class Gone(Exception):
    """Nobody is left to answer: the client went away before its body was there, or the process stops
    while an answer is under way."""


class Bodies:
    """The bodies that come in. most: bytes of those that are not whole yet."""

    def __init__(self, most: int = BODIES_BYTES_MAX) -> None:
        self._most = most
        self._held = 0

    async def read(
        self, headers: dict[bytes, bytes], receive: Receive, most: int, within_s: float = BODY_WITHIN_S
    ) -> bytes:
        """The whole body. Raises Refusal 413 beyond `most` bytes, 408 after `within_s` seconds, 503 where too
        much comes in at once, Gone when the client went away."""
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > most:
            raise _too_large(most)
        try:
            async with asyncio.timeout(within_s):
                return await self._whole(receive, most)
        except TimeoutError as error:
            detail = f"The body was not there within {within_s:g} s."
            raise Refusal(408, detail, headers={"Connection": "close"}) from error

    async def _whole(self, receive: Receive, most: int) -> bytes:
        parts, size = list[bytes](), 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                self._held += len(parts[-1])
                if size > most:
                    raise _too_large(most)
                if not message.get("more_body"):
                    return b"".join(parts)
                if self._held > self._most:
                    detail = "Too many large bodies come in at once."
                    raise Refusal(503, detail, retry_after_s=1, headers={"Connection": "close"})
        finally:
            self._held -= size


def _too_large(most: int) -> Refusal:
    # The rest of the body is not read, so the connection cannot be used again.
    return Refusal(413, f"The body is larger than {most} bytes.", headers={"Connection": "close"})
