"""A small engine with everything that a loop must cope with: it counts, sets deadlines, and fails.

Inputs are mailbox records; what they ask for stands in `record_id`:
"n:7" adds 7 (and notes the state it was decided on), "due:1000:x" sets a deadline, "silent" leads to
nothing, "poison" raises, "huge:2000000" makes events that fit no batch, "many:5:1000" makes 5 events
of 1,000 bytes, "break" makes an event that cannot be folded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from proto.v1.conversations_pb2 import ConversationsEvent, RecordUnchanged
from services.kernel.deadlines import Deadlines
from services.kernel.engine import Input

TOPIC = "conversations"
INPUTS: tuple[str, ...] = ("inbound",)
HEARS: Mapping[str, Collection[str]] = {}
EVENT = ConversationsEvent
STATE_VERSION = 1


class Data(msgspec.Struct):
    """What the toy remembers."""

    total: int = 0
    said: list[str] = []
    due: dict[str, int] = {}


class State:
    """Data and its index."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.deadlines = Deadlines()
        for key, due_ms in data.due.items():
            self.deadlines.set(key, due_ms)


def initial() -> State:
    """Nothing yet."""
    return State(Data())


def decide(state: State, record: Input | None, now_ms: int) -> Sequence[Any]:
    """As the module says."""
    if record is None:
        due = state.deadlines.next()
        assert due is not None
        if "poison" in due[1]:
            raise ValueError("a poisoned deadline")
        return [_event(f"fired:{due[1]}:{due[0]}:{now_ms}", "", now_ms)]
    word = record.event.record_id
    kind, _, rest = word.partition(":")
    if kind == "silent":
        return []
    if kind == "poison":
        raise ValueError("poison")
    if kind == "huge":
        return [_event("x" * int(rest), word, now_ms)]
    if kind == "many":
        count, size = rest.split(":")
        return [_event("y" * int(size), word, now_ms) for _ in range(int(count))]
    return [_event(word, word, now_ms)]


def _event(what: str, origin_id: str, now_ms: int) -> ConversationsEvent:
    return ConversationsEvent(
        origin_id=origin_id, occurred_at_ms=now_ms, unchanged=RecordUnchanged(what=what)
    )


def evolve(state: State, event: ConversationsEvent) -> None:
    """Fold one event."""
    if event.WhichOneof("body") == "skipped":
        state.data.said.append(f"skipped:{event.skipped.input_id}")
        state.deadlines.drop(event.skipped.input_id)
        state.data.due.pop(event.skipped.input_id, None)
        return
    what = event.unchanged.what
    kind, _, rest = what.partition(":")
    if kind == "n":
        state.data.total += int(rest)
    elif kind == "due":
        due_ms, name = rest.split(":")
        state.data.due[name] = int(due_ms)
        state.deadlines.set(name, int(due_ms))
    elif kind == "fired":
        name = rest.split(":")[0]
        state.data.due.pop(name, None)
        state.deadlines.drop(name)
    elif kind == "break":
        raise ValueError("cannot be folded")
    state.data.said.append(what[:40])


def next_deadline_ms(state: State) -> int | None:
    """The earliest deadline."""
    due = state.deadlines.next()
    return due[0] if due else None


def next_deadline_id(state: State) -> str:
    """Its name."""
    due = state.deadlines.next()
    return due[1] if due else ""


def dump(state: State) -> bytes:
    """The data as MessagePack."""
    return msgspec.msgpack.Encoder(order="deterministic").encode(state.data)


def load(data: bytes) -> State:
    """The other way."""
    return State(msgspec.msgpack.decode(data, type=Data))
