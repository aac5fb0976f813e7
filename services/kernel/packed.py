"""Ids as 16 bytes, for what is kept by the million.

An id of `services.kernel.ids` is a letter and the hexadecimal form of 16 bytes. Packed, it takes 49
bytes of memory as a key of a dictionary instead of 82, and 16 in a `Horizon`. The letter is not kept:
who writes the id again (`ids.text_id`) knows what kind of thing it names. An id of another form packs
to a hash of it, which names it as well but leads back to nothing.
"""

from __future__ import annotations

import hashlib

from services.kernel.ids import HASH_BYTES

ID_CHARS = 1 + 2 * HASH_BYTES


def pack(text: str) -> bytes:
    """The 16 bytes behind an id."""
    if len(text) == ID_CHARS:
        digits = text[1:]
        try:
            raw = bytes.fromhex(digits)
        except ValueError:
            pass
        else:
            if raw.hex() == digits:  # not in capitals or with spaces, which fromhex takes too
                return raw
    return hashlib.sha256(text.encode()).digest()[:HASH_BYTES]


def derived(*parts: str | bytes) -> bytes:
    """The 16 bytes behind `ids.derive_id(prefix, *parts)`."""
    message = b""
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        message += len(raw).to_bytes(4, "big") + raw
    return hashlib.sha256(message).digest()[:HASH_BYTES]
