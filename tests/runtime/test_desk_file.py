"""Configurations as bytes: YAML without its traps, JSON, and whatever else somebody sends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.desk import parse_desk
from services.kernel.document import PROBLEMS_MAX, SUGGESTIONS_MAX
from services.kernel.errors import Invalid
from services.runtime.desk_file import DESK_BYTES_MAX, load_document


def yaml(text: str) -> object:
    """The values of a YAML text."""
    return load_document(text.encode(), "application/yaml")


def test_yaml_traps_are_none() -> None:
    """Times, dates, `on`, leading zeros and plus signs stay what the lead wrote."""
    document = yaml("at: 21:00\non: true\nday: 2026-12-24\nid: 007\ntel: +48221\nno: no\nlist: [on, off]")
    assert document == {
        "at": "21:00",
        "on": True,
        "day": "2026-12-24",
        "id": "007",
        "tel": "+48221",
        "no": "no",
        "list": ["on", "off"],
    }


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a: 1\na: 2", "there twice"),
        ("a: [1", "in line"),
        ("[" * 50_000, "levels deep"),
        ("a: &a [1]\nb: *a", "write it out"),
        ("&a [*a]", "write it out"),
        ("a: !!python/object:os.system x", "tag"),
        ("a: !!timestamp x", "tag"),
        ("a: 1\n---\nb: 2", "another document"),
        ("a: \x00", "control characters"),
        ("? [a]\n: 1", "unhashable"),
        ("[" + "1," * 50_000 + "]", "more than"),
    ],
)
def test_yaml_that_is_refused(text: str, rule: str) -> None:
    """Bombs, tags, repeated keys and broken files are refused in words, whatever their size."""
    with pytest.raises(Invalid, match=rule):
        yaml(text)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"{", "line 1"),
        (b"name: shop", "is not JSON: .*for YAML send Content-Type: application/yaml"),
        (b'{"a": 1, "a": 2}', "there twice"),
        (b"[" * 100_000, "levels deep"),
        (b"[NaN]", "no number"),
        (b"9" * 5_000, "too large"),
        (b"\xff", "UTF-8"),
        (b" " * (DESK_BYTES_MAX + 1), "bytes"),
    ],
)
def test_json_that_is_refused(raw: bytes, rule: str) -> None:
    """The same for JSON."""
    with pytest.raises(Invalid, match=rule):
        load_document(raw, "application/json; charset=utf-8")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from(["", "text/json"]))
def test_any_bytes_are_read_or_refused(raw: bytes, content_type: str) -> None:
    """No body makes reading fail in another way than by saying so."""
    try:
        parse_desk(load_document(raw, content_type))
    except Invalid as error:
        refused = error.problems
    assert refused, "these bytes are no desk"


def test_many_wrong_keys_cost_little() -> None:
    """A key twice among thousands is found by one look at each; of thousands of unknown names a hundred are
    told, and a few with a guess."""
    twice = b"{" + b",".join(b'"k%d":0' % (number % 16_000) for number in range(16_001)) + b"}"
    with pytest.raises(Invalid, match='"k0" is there twice'):
        load_document(twice, "application/json")
    skills = [f"skill{number}" for number in range(100)]
    requires = {f"skilm{number}": 1 for number in range(50)}
    queues = [{"name": f"q{number}", "requires": requires} for number in range(80)]
    with pytest.raises(Invalid) as caught:
        parse_desk({"name": "x", "channels": [], "skills": skills, "queues": queues})
    assert len(caught.value.problems) == PROBLEMS_MAX
    assert sum("did you mean" in problem.rule for problem in caught.value.problems) <= SUGGESTIONS_MAX
