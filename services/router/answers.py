"""The newest answer of each conversation, for as long as it may turn out not to have arrived.

Packed, since every answer is kept for days: the conversation leads to the origin of its newest answer that
was granted. Only that one matters: what a later answer has replaced is missed by nobody.
"""

from __future__ import annotations

from services.kernel.horizon import Horizon
from services.kernel.ids import HASH_BYTES
from services.kernel.limits import ANSWER_DAYS, DAY_MS
from services.kernel.packed import pack


class Answers:
    """Conversation -> origin of its newest answer, for ANSWER_DAYS."""

    __slots__ = ("_horizon",)

    def __init__(self, horizon: Horizon) -> None:
        self._horizon = horizon

    @classmethod
    def load(cls, data: bytes) -> Answers:
        """From `dump`; from b"" none."""
        return cls(Horizon.load(data) if data else Horizon(ANSWER_DAYS, HASH_BYTES))

    def dump(self) -> bytes:
        """As bytes, equal for equal histories."""
        return self._horizon.dump()

    def put(self, conversation_id: str, origin_id: str, now_ms: int) -> None:
        """It is the newest from now on."""
        self._horizon.put(pack(conversation_id), pack(origin_id), now_ms // DAY_MS)

    def is_newest(self, conversation_id: str, origin_id: str, now_ms: int) -> bool:
        """Whether that answer is the newest, and nothing became of it yet."""
        return self._horizon.get(pack(conversation_id), now_ms // DAY_MS) == pack(origin_id)

    def settle(self, conversation_id: str) -> None:
        """It is known what became of it, or it no longer matters."""
        self._horizon.discard(pack(conversation_id))
