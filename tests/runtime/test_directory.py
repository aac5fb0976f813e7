"""What edges look up all the time stays bounded."""

from __future__ import annotations

from proto.v1.desk_pb2 import DeskConfig
from services.runtime.directory import Directory
from services.runtime.documents import DeskView
from services.runtime.views import MemoryStore, Views


def test_only_so_many_desks_are_kept_parsed() -> None:
    """However many desks an installation has, an edge keeps those that were asked for last, and reads the
    others again."""
    views = Views(MemoryStore())
    for desk_id in ("a", "b", "c"):
        views.put(DeskView(desk_id, 1, "{}", (), DeskConfig(name=desk_id).SerializeToString()))
    directory = Directory(views, most=2)
    for desk_id in ("a", "b", "a", "c"):
        known = directory.get(desk_id)
        assert known is not None
        assert known.name == desk_id
    assert directory.parsed() == ["a", "c"]
    again = directory.get("b")
    assert again is not None
    assert (again.name, directory.parsed()) == ("b", ["c", "b"])
    assert directory.get("d") is None
