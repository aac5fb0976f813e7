"""docs/events.md: every event of every topic, from the comments in the schemas.

Comments are kept by protoc in the descriptors' source info, so this reads what protoc read and needs
no parser of its own.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import grpc_tools
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc

TOPICS = {
    "inbound": "Inbound",
    "conversations": "ConversationsEvent",
    "routing": "RoutingEvent",
    "sla": "SlaEvent",
    "notices": "NoticesEvent",
}
"""Topic -> its record's message; the bodies are the fields of the oneof `body`."""

WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"
"""Google's own schemas, such as timestamp.proto."""

_MESSAGE = 4  # FileDescriptorProto.message_type
_FIELD = 2  # DescriptorProto.field


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event: its field in the record, its message, what it says, what it carries."""

    topic: str
    name: str
    message: str
    meaning: str
    fields: tuple[str, ...]


def descriptors(schemas: Path) -> FileDescriptorSet:
    """Every schema with its comments."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set.binpb"
        names = sorted(str(path) for path in schemas.glob("*.proto"))
        options = ["-I.", f"-I{WELL_KNOWN}", "--include_source_info", f"--descriptor_set_out={out}"]
        if protoc.main(["protoc", *options, *names]):
            raise RuntimeError(f"protoc failed on {', '.join(names)}")
        return FileDescriptorSet.FromString(out.read_bytes())


def comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Path in the descriptor -> the comment above it, on one line."""
    return {
        tuple(place.path): " ".join(place.leading_comments.split())
        for place in file.source_code_info.location
        if place.leading_comments
    }


def events(schemas: Path) -> list[Event]:
    """Every event of every topic, in the order of the schemas."""
    messages: dict[str, tuple[DescriptorProto, str]] = {}
    field_comments: dict[tuple[str, str], str] = {}
    for file in descriptors(schemas).file:
        said = comments(file)
        for index, message in enumerate(file.message_type):
            messages[message.name] = (message, said.get((_MESSAGE, index), ""))
            for at, member in enumerate(message.field):
                field_comments[message.name, member.name] = said.get((_MESSAGE, index, _FIELD, at), "")
    found = []
    for topic, record in TOPICS.items():
        for body in messages[record][0].field:
            if not body.HasField("oneof_index"):
                continue
            name = body.type_name.rsplit(".", 1)[-1]
            message, meaning = messages[name]
            meaning = field_comments[record, body.name] or meaning
            found.append(Event(topic, body.name, name, meaning, tuple(map(_field_text, message.field))))
    return found


def _field_text(member: FieldDescriptorProto) -> str:
    many = "…" if member.label == FieldDescriptorProto.LABEL_REPEATED else ""
    return f"`{member.name}{many}`"


def page(schemas: Path) -> str:
    """The page as Markdown."""
    lines = [
        "# Events",
        "",
        "Every record of every topic, as the schemas in [`proto/v1`](../proto/v1) say it. Names, addresses",
        "and words are never here in plain: they travel as `Sealed` fields (see [security](security.md)).",
        "A field that ends in … may have many values. Times are Unix milliseconds (`_at_ms`, `_until_ms`),",
        "durations milliseconds (`_ms`).",
        "",
        "This page is printed by `python -m tools.generate` from the comments in the schemas.",
    ]
    topic = ""
    for event in events(schemas):
        if event.topic != topic:
            topic = event.topic
            lines += ["", f"## centrala.{topic}", "", "| event | says | fields |", "|---|---|---|"]
        lines.append(f"| `{event.name}` ({event.message}) | {event.meaning} | {', '.join(event.fields)} |")
    return "\n".join(lines) + "\n"
