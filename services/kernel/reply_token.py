"""Reply tokens: an address of ours that names the conversation it is answered in.

    pomoc@rowery.example  ->  pomoc+c<32 letters of the conversation's id><12 of its HMAC>@rowery.example

Mail programs lose In-Reply-To and References now and then; the address they answer to they keep. The
HMAC is under the desk's key, so nobody can talk a mail into a conversation whose address they were not
given. Letters are in lower case, since mail servers may change the case of an address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

MAC_LETTERS = 12
"""60 bits: each guess costs the guesser a mail."""
ID_LETTERS = 32
TOKEN_LETTERS = 1 + ID_LETTERS + MAC_LETTERS
LOCAL_PART_MAX = 64
"""RFC 5321 section 4.5.3.1.1: the longest local part."""


def reply_token(desk_key: bytes, conversation_id: str) -> str:
    """The token of a conversation: "c", the rest of its id, and their HMAC."""
    digest = hmac.digest(desk_key, b"reply-token:" + conversation_id.encode(), hashlib.sha256)
    return conversation_id + base64.b32encode(digest).decode().lower()[:MAC_LETTERS]


def reply_address(desk_key: bytes, conversation_id: str, address: str) -> str:
    """`address` with the token in it; as it is, if its local part would grow too long."""
    local, at, domain = address.rpartition("@")
    local, token = local.partition("+")[0], reply_token(desk_key, conversation_id)
    if not at or len(local) + 1 + len(token) > LOCAL_PART_MAX:
        return address
    return f"{local}+{token}@{domain}"


def conversation_of(desk_key: bytes, address: str) -> str | None:
    """The conversation that the address names by a token of ours; None without one or with a forged one."""
    token = address.rpartition("@")[0].rpartition("+")[2].lower()
    if len(token) != TOKEN_LETTERS or not token.startswith("c") or not token.isascii():
        return None
    conversation_id = token[: 1 + ID_LETTERS]
    good = reply_token(desk_key, conversation_id)
    return conversation_id if hmac.compare_digest(good.encode(), token.encode()) else None


def plain_address(address: str) -> str:
    """The address without what stands behind its first plus sign."""
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"
