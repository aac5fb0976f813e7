"""Resolved conversations in short form, and who served a customer last, for 90 days each.

A resolved conversation leaves memory but for a packed record: what it was (an ordinal of a small
table), who owned it last (another), whether it is for humans only, how many answers of bots in a row had
failed, and the customer's last message. The tables only grow: with the shapes of a shop's work and the
agents it ever had.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, TypeVar

import msgspec

from services.kernel.horizon import Horizon
from services.kernel.ids import HASH_BYTES, text_id
from services.kernel.limits import DAY_MS, RESOLVED_DAYS
from services.kernel.packed import pack

FAILED_MAX = 127
_RECORD = struct.Struct(f">IIB{HASH_BYTES}s")
_AGENT = struct.Struct(">I")
_NO_MESSAGE = bytes(HASH_BYTES)

Form = tuple[str, str, str, str, str]
"""desk, channel, account, language, queue."""


_Key = TypeVar("_Key", Form, tuple[str, str])


class Short(NamedTuple):
    """What is left of a resolved conversation."""

    desk: str
    channel: str
    account: str
    language: str
    queue: str
    last_agent: str
    human_only: bool
    bot_failed: int
    last_message: str
    """As `pack` leads back to it: to be compared packed."""


class _Packed(msgspec.Struct, array_like=True):
    forms: list[Form]
    agents: list[tuple[str, str]]
    conversations: bytes
    customers: bytes


class Resolved:
    """The two horizons and their tables."""

    __slots__ = ("_agents", "_conversations", "_customers", "_forms", "_ordinals")

    def __init__(self) -> None:
        self._forms: list[Form] = []
        self._agents: list[tuple[str, str]] = []
        self._ordinals: dict[tuple[str, ...], int] = {}
        self._conversations = Horizon(RESOLVED_DAYS, _RECORD.size)
        self._customers = Horizon(RESOLVED_DAYS, _AGENT.size)

    def put(self, conversation_id: str, customer_id: str, short: Short, now_ms: int) -> None:
        """It is resolved now; its last agent is the customer's from now on."""
        form = self._ordinal(self._forms, short[:5])
        agent = self._ordinal(self._agents, (short.desk, short.last_agent))
        flags = short.human_only | min(short.bot_failed, FAILED_MAX) << 1
        message = pack(short.last_message) if short.last_message else _NO_MESSAGE
        day = now_ms // DAY_MS
        self._conversations.put(pack(conversation_id), _RECORD.pack(form, agent, flags, message), day)
        if customer_id and short.last_agent:
            self._customers.put(pack(customer_id), _AGENT.pack(agent), day)

    def get(self, desk_id: str, conversation_id: str, now_ms: int) -> Short | None:
        """What is left of it, if it was resolved within the horizon and is of this desk."""
        record = self._conversations.get(pack(conversation_id), now_ms // DAY_MS)
        if record is None:
            return None
        form, agent, flags, message = _RECORD.unpack(record)
        desk, channel, account, language, queue = self._forms[form]
        last_message = text_id("m", message) if message != _NO_MESSAGE else ""
        short = Short(
            desk,
            channel,
            account,
            language,
            queue,
            self._agents[agent][1],
            bool(flags & 1),
            flags >> 1,
            last_message,
        )
        return short if short.desk == desk_id else None

    def take(self, conversation_id: str) -> None:
        """It is open again."""
        self._conversations.discard(pack(conversation_id))

    def agent_of(self, desk_id: str, customer_id: str, now_ms: int) -> str:
        """Who served this customer last, or ""."""
        record = self._customers.get(pack(customer_id), now_ms // DAY_MS) if customer_id else None
        if record is None:
            return ""
        desk, agent = self._agents[_AGENT.unpack(record)[0]]
        return agent if desk == desk_id else ""

    def __len__(self) -> int:
        return len(self._conversations)

    def dump(self) -> bytes:
        """Everything, as bytes."""
        packed = _Packed(self._forms, self._agents, self._conversations.dump(), self._customers.dump())
        return msgspec.msgpack.encode(packed)

    @classmethod
    def load(cls, data: bytes) -> Resolved:
        """What `dump` wrote; nothing from nothing."""
        resolved = cls()
        if data:
            packed = msgspec.msgpack.decode(data, type=_Packed)
            resolved._forms, resolved._agents = packed.forms, packed.agents
            resolved._ordinals = {key: i for i, key in enumerate(packed.forms)}
            resolved._ordinals |= {key: i for i, key in enumerate(packed.agents)}
            resolved._conversations = Horizon.load(packed.conversations)
            resolved._customers = Horizon.load(packed.customers)
        return resolved

    def _ordinal(self, table: list[_Key], key: _Key) -> int:
        # Forms have five parts and agents two, so that one dictionary serves both tables.
        ordinal = self._ordinals.get(key)
        if ordinal is None:
            ordinal = self._ordinals[key] = len(table)
            table.append(key)
        return ordinal
