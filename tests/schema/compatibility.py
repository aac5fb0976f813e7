"""What a newer schema may not do to an older one, over descriptors."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)

RENAMED = {"proto.v1.Desk": "proto.v1.DeskConfig"}
"""Old name -> new name: a message's name is not on the wire (no field holds an Any)."""


def messages(schema: FileDescriptorSet) -> dict[str, DescriptorProto]:
    """Full name -> message, nested ones (maps' entries too) included."""
    found: dict[str, DescriptorProto] = {}

    def add(prefix: str, message: DescriptorProto) -> None:
        found[f"{prefix}.{message.name}"] = message
        for nested in message.nested_type:
            add(f"{prefix}.{message.name}", nested)

    for file in schema.file:
        for message in file.message_type:
            add(file.package, message)
    return found


def enums(schema: FileDescriptorSet) -> dict[str, EnumDescriptorProto]:
    """Full name -> enum, those inside messages included."""
    found = {f"{file.package}.{enum.name}": enum for file in schema.file for enum in file.enum_type}
    for name, message in messages(schema).items():
        found |= {f"{name}.{enum.name}": enum for enum in message.enum_type}
    return found


def breaks(old: FileDescriptorSet, new: FileDescriptorSet) -> list[str]:
    """One line for each thing of the old schema that the new one would read differently."""
    return [*_message_breaks(old, new), *_enum_breaks(old, new), *_call_breaks(old, new)]


def calls(schema: FileDescriptorSet) -> dict[str, tuple[str, str, bool, bool]]:
    """Every gRPC call: what goes in, what comes out, and which of them are streams."""
    return {
        f"{file.package}.{service.name}/{method.name}": (
            method.input_type,
            method.output_type,
            method.client_streaming,
            method.server_streaming,
        )
        for file in schema.file
        for service in file.service
        for method in service.method
    }


def _call_breaks(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    now = calls(new)
    for name, was in calls(old).items():
        if now.get(name) != was:
            yield f"{name}: a call may neither go away nor take or give something else"


def _message_breaks(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    now = messages(new)
    for known, was in messages(old).items():
        name = RENAMED.get(known, known)
        if name not in now:
            yield f"{name}: a message may not go away"
            continue
        yield from _field_breaks(name, was, now[name])
        for span in was.reserved_range:
            numbers = range(span.start, span.end)
            yield from (
                f"{name}.{field.name}: number {field.number} was reserved"
                for field in now[name].field
                if field.number in numbers
            )


def _field_breaks(name: str, was: DescriptorProto, now: DescriptorProto) -> Iterator[str]:
    by_number = {field.number: field for field in now.field}
    reserved = {number for span in now.reserved_range for number in range(span.start, span.end)}
    for field in was.field:
        successor = by_number.get(field.number)
        if successor is None:
            if field.number not in reserved:
                yield f"{name}.{field.name}: removed, so its number {field.number} must be reserved"
        elif successor.name != field.name:
            yield f"{name}.{field.name}: number {field.number} is now called {successor.name}"
        elif _shape(field) != _shape(successor):
            yield f"{name}.{field.name}: its type changed"


def _shape(field: FieldDescriptorProto) -> tuple[int, int, str, bool]:
    """What decides how bytes are read: type, repeated or not, the type's name, in a oneof or not."""
    known = field.type_name.removeprefix(".")
    return field.type, field.label, RENAMED.get(known, known), field.HasField("oneof_index")


def _enum_breaks(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    now = enums(new)
    for name, was in enums(old).items():
        if name not in now:
            yield f"{name}: an enum may not go away"
            continue
        by_number = {value.number: value.name for value in now[name].value}
        reserved = {number for span in now[name].reserved_range for number in range(span.start, span.end + 1)}
        for value in was.value:
            successor = by_number.get(value.number)
            if successor is None and value.number not in reserved:
                yield f"{name}.{value.name}: removed, so its number {value.number} must be reserved"
            elif successor is not None and successor != value.name:
                yield f"{name}.{value.name}: number {value.number} is now called {successor}"
