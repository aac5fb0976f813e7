"""Hashes of providers' ids: how one record's reference meets another's name without either being read.

A Message-ID that we sent, the In-Reply-To that a customer's mail program makes of it and the bounce
that quotes it must give the same hash, whoever computes it: so there is one function.
"""

from __future__ import annotations

from services.kernel.ids import keyed_hash


def external_hash(desk_key: bytes, channel: str, account: str, external_id: str) -> bytes:
    """HMAC of a provider's id of one message, within its account; b"" for an empty id: it names nothing."""
    named = canonical_id(channel, external_id)
    return keyed_hash(desk_key, "external", channel, account, named) if named else b""


def thread_hash(desk_key: bytes, channel: str, account: str, thread: str) -> bytes:
    """HMAC of a sender's own thread id, within its account; empty without one."""
    return keyed_hash(desk_key, "thread", channel, account, thread) if thread else b""


def canonical_id(channel: str, external_id: str) -> str:
    """The id as it is compared: a Message-ID without the angle brackets that some programs leave out.

    Message-IDs are case-sensitive (RFC 5322 section 3.6.4).
    """
    stripped = external_id.strip()
    return stripped.removeprefix("<").removesuffix(">").strip() if channel == "email" else stripped
