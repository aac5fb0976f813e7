"""Ids and keyed hashes."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.ids import keyed_hash, make_id


@given(st.binary(max_size=100), st.binary(max_size=100), st.text(max_size=50))
def test_a_keyed_hash_is_hmac_sha256(key: bytes, raw: bytes, text: str) -> None:
    """What is computed is the standard library's HMAC over the length-prefixed parts."""
    message = b"".join(len(p).to_bytes(4, "big") + p for p in (raw, text.encode()))
    assert keyed_hash(key, raw, text) == hmac.digest(key, message, hashlib.sha256)[:16]


def test_where_a_part_ends_matters() -> None:
    """Parts that only join to the same text have different ids, and so have different keys."""
    assert make_id("m", b"k", "a", "bc") != make_id("m", b"k", "ab", "c")
    assert make_id("m", b"k", "a") != make_id("m", b"l", "a")
