"""Sends that a provider has taken: what a delivery report is matched with.

Packed, since every reply is kept for days: the hash of the provider's id leads to the ids of the send,
its conversation and its origin, each 16 bytes without their letters' coding.
"""

from __future__ import annotations

from typing import NamedTuple

from services.kernel.horizon import Horizon
from services.kernel.ids import HASH_BYTES, text_id
from services.kernel.limits import DAY_MS, DELIVERY_DAYS
from services.kernel.packed import pack

NO_RECEIPTS = frozenset({"chat", "telegram"})
"""Channels that never report a delivery: nothing is kept of their sends."""

SENT, DELIVERED, READ, FAILED = 1, 2, 3, 4
"""How far a send is known to have come. From FAILED only a delivery leads on: then it was there after all."""

_VALUE_BYTES = 3 * HASH_BYTES + 2


class TakenSend(NamedTuple):
    """A send that was taken."""

    send_id: str
    conversation_id: str
    origin_id: str
    kind: int
    level: int


def _raw(prefix: str, text: str) -> bytes:
    """The 16 bytes of an id; zeros for none and for what is no id of ours."""
    raw = pack(text)
    return raw if text_id(prefix, raw) == text else bytes(HASH_BYTES)


def _text(prefix: str, raw: bytes) -> str:
    return text_id(prefix, raw) if any(raw) else ""


class Taken:
    """Hash of a provider's id -> TakenSend, for DELIVERY_DAYS."""

    __slots__ = ("_horizon",)

    def __init__(self, horizon: Horizon) -> None:
        self._horizon = horizon

    @classmethod
    def load(cls, data: bytes) -> Taken:
        """From `dump`; from b"" an empty one."""
        return cls(Horizon.load(data) if data else Horizon(DELIVERY_DAYS, _VALUE_BYTES))

    def dump(self) -> bytes:
        """As bytes, equal for equal histories."""
        return self._horizon.dump()

    def get(self, provider_id_hash: bytes, now_ms: int) -> TakenSend | None:
        """The send that this provider id belongs to."""
        if len(provider_id_hash) != HASH_BYTES:
            return None
        value = self._horizon.get(provider_id_hash, now_ms // DAY_MS)
        if value is None:
            return None
        return TakenSend(
            _text("s", value[:16]), _text("c", value[16:32]), _text("r", value[32:48]), value[48], value[49]
        )

    def put(self, provider_id_hash: bytes, send: TakenSend, now_ms: int) -> None:
        """Keep it, or how far it has come, from now on."""
        if len(provider_id_hash) != HASH_BYTES:
            return
        value = _raw("s", send.send_id) + _raw("c", send.conversation_id) + _raw("r", send.origin_id)
        self._horizon.put(provider_id_hash, value + bytes((send.kind, send.level)), now_ms // DAY_MS)


def leads_on(level: int, new: int) -> bool:
    """Whether a report of `new` tells more than is known: never back, and no failure after an arrival."""
    if new == FAILED:
        return level < DELIVERED
    return new > SENT if level == FAILED else new > level
