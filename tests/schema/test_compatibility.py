"""The schema only grows: every log that a release has written stays readable."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

from tests.schema.compatibility import breaks, enums, messages
from tests.tidy import tree
from tools.event_docs import TOPICS, descriptors

RELEASED = sorted((Path(__file__).parent / "released").glob("*.binpb"))


@pytest.fixture(scope="module")
def current(request: pytest.FixtureRequest) -> FileDescriptorSet:
    """The schema as it stands in proto/v1."""
    assert request.config.rootpath == tree.ROOT
    return descriptors(Path("proto/v1"))


def test_there_is_a_release() -> None:
    """At least the first release's descriptors are there to compare with."""
    assert [path.stem for path in RELEASED][:1] == ["0.1.0"]


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_schema_only_grows(release: Path, current: FileDescriptorSet) -> None:
    """Whatever a release could write, this code reads as it was meant."""
    assert breaks(FileDescriptorSet.FromString(release.read_bytes()), current) == []


def _renumber(field: FieldDescriptorProto) -> None:
    field.number = 99


def _retype(field: FieldDescriptorProto) -> None:
    field.type = FieldDescriptorProto.TYPE_BYTES


def _rename(field: FieldDescriptorProto) -> None:
    field.name = "other"


@pytest.mark.parametrize("change", [_renumber, _retype, _rename])
def test_a_changed_field_is_found(
    change: Callable[[FieldDescriptorProto], None], current: FileDescriptorSet
) -> None:
    """Renumbering, retyping and renaming a field are each found and named."""
    changed = FileDescriptorSet.FromString(current.SerializeToString())
    change(messages(changed)["proto.v1.SendAttempted"].field[0])
    found = breaks(current, changed)
    assert len(found) == 1
    assert found[0].startswith("proto.v1.SendAttempted.send_id: ")


def test_a_removed_field_must_be_reserved(current: FileDescriptorSet) -> None:
    """A field may go away only if its number can never be used again."""
    changed = FileDescriptorSet.FromString(current.SerializeToString())
    message = messages(changed)["proto.v1.SendAttempted"]
    del message.field[1]
    assert len(breaks(current, changed)) == 1
    message.reserved_range.add(start=2, end=3)
    assert breaks(current, changed) == []
    assert len(breaks(changed, current)) == 1, "a reserved number may not be used again"


def test_a_removed_message_or_enum_value_is_found(current: FileDescriptorSet) -> None:
    """Messages stay; an enum's value may go away only if its number is reserved."""
    changed = FileDescriptorSet.FromString(current.SerializeToString())
    enum = enums(changed)["proto.v1.SendOutcome"]
    del enum.value[-1]
    assert len(breaks(current, changed)) == 1
    enum.reserved_range.add(start=4, end=4)
    assert breaks(current, changed) == []
    changed.file[0].message_type[0].name = "Renamed"
    assert any("may not go away" in line for line in breaks(current, changed))


def test_a_changed_call_is_found(current: FileDescriptorSet) -> None:
    """A gRPC call stays, with what it takes and gives; another one beside it breaks nothing."""
    changed = FileDescriptorSet.FromString(current.SerializeToString())
    [service] = [one for file in changed.file for one in file.service if one.name == "Intake"]
    service.method.add(name="Other", input_type=".proto.v1.Message", output_type=".proto.v1.Accepted")
    assert breaks(current, changed) == []
    service.method[0].output_type = ".proto.v1.Message"
    del service.method[1]
    names = [line.split(":")[0] for line in breaks(current, changed)]
    assert names == ["proto.v1.Intake/Submit", "proto.v1.Intake/SubmitStream"]


def test_enums_begin_with_unspecified(current: FileDescriptorSet) -> None:
    """Every enum's zero says that nothing was said, and its values carry its name."""
    for name, enum in enums(current).items():
        prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
        assert enum.value[0].number == 0, name
        assert enum.value[0].name == prefix + "UNSPECIFIED", name
        assert all(value.name.startswith(prefix) for value in enum.value), name


def test_units_are_in_the_names(current: FileDescriptorSet) -> None:
    """Every signed number is a time, a duration or money, and its name ends in its unit."""
    found = [
        f"{name}.{field.name}"
        for name, message in messages(current).items()
        for field in message.field
        if field.type in (FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.TYPE_INT32)
        and not re.search(r"(^|_)(ms|minor)$", field.name)
    ]
    assert found == []


def test_topics_share_their_head(current: FileDescriptorSet) -> None:
    """Events of all owned topics have desk, time, cause and origin under the same numbers."""
    head = {"desk_id": 1, "occurred_at_ms": 2, "cause_id": 3, "origin_id": 4, "skipped": 9}
    for topic, record in TOPICS.items():
        if topic != "inbound":
            fields = {field.name: field.number for field in messages(current)[f"proto.v1.{record}"].field}
            assert {name: fields[name] for name in head} == head
