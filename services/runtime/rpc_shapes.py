"""From the JSON of the HTTP API to the messages of the gRPC services and back, by the fields' names.

What is shown is put together once, as JSON; a message has the same fields, so it is filled by name. A field
that a message does not have is an error, so that neither side can grow alone.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from proto.v1.rpc_shapes_pb2 import File

M = TypeVar("M", bound=Message)

_TIMESTAMP = Timestamp.DESCRIPTOR.full_name
_NEVER = datetime.min.replace(tzinfo=UTC)
"""For times that no calendar has: whoever checks says between which years one must lie."""
_EPOCH = datetime.fromtimestamp(0, UTC)


def shown(cls: type[M], data: Mapping[str, Any]) -> M:
    """The message with these fields; None is a field that is not there. Raises KeyError for one that the
    message does not have."""
    message = cls()
    _fill(message, data)
    return message


def _fill(message: Message, data: Mapping[str, Any]) -> None:
    fields = _fields(message.DESCRIPTOR)
    for name, value in data.items():
        if value is None:
            fields[name]
            continue
        repeated, submessage, timestamp = fields[name]
        if timestamp:
            at = datetime.fromisoformat(value)
            getattr(message, name).FromDatetime(at)
        elif not submessage:
            if repeated:
                target = getattr(message, name)
                target.update(value) if isinstance(value, Mapping) else target.extend(value)
            else:
                setattr(message, name, value)
        elif repeated:
            target = getattr(message, name)
            for one in value:
                _fill(target.add(), one)
        else:
            inner = getattr(message, name)
            inner.SetInParent()
            _fill(inner, value)


_known: dict[str, dict[str, tuple[bool, bool, bool]]] = {}


def _fields(descriptor: Any) -> dict[str, tuple[bool, bool, bool]]:
    """Name -> is it repeated (or a map of plain values), a message, a time."""
    known = _known.get(descriptor.full_name)
    if known is None:
        known = _known[descriptor.full_name] = {field.name: _kind(field) for field in descriptor.fields}
    return known


def _kind(field: Any) -> tuple[bool, bool, bool]:
    inner = field.message_type
    if inner is None:
        return field.is_repeated, False, False
    if inner.GetOptions().map_entry:
        return True, False, False
    return field.is_repeated, True, inner.full_name == _TIMESTAMP


def time_of(message: Message, name: str) -> datetime | None:
    """A field's time; None where it is not there."""
    if not message.HasField(name):
        return None
    at: Timestamp = getattr(message, name)
    try:
        return _EPOCH + timedelta(seconds=at.seconds, microseconds=at.nanos // 1_000)
    except OverflowError:
        return _NEVER


def files(attachments: Iterable[File]) -> list[dict[str, Any]]:
    """Files as the bodies of HTTP have them: their bytes in base64."""
    return [
        {
            "name": one.name,
            "media_type": one.media_type or "application/octet-stream",
            "data": base64.b64encode(one.data),
        }
        for one in attachments
    ]


def plain(struct: Struct) -> dict[str, Any]:
    """A Struct as JSON has it: whole numbers are integers, names in order, since a map on the wire has none.
    Raises ValueError for what JSON does not have."""
    return {name: _plain(value) for name, value in sorted(struct.fields.items())}


def _plain(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return plain(value.struct_value)
        case "list_value":
            return [_plain(one) for one in value.list_value.values]
        case "number_value":
            number = value.number_value
            if not math.isfinite(number):
                raise ValueError("must be numbers, neither infinite nor NaN")
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None
