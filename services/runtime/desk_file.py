"""A configuration's bytes, YAML or JSON, as plain values: what `services.kernel.desk.parse_desk` takes.

YAML is read by the core schema of YAML 1.2: only `true` and `false` are booleans, so a key `on` stays
a key; 21:00 is a text and not the number 1260; a date is a text; +48 before a phone number stays.
Before anything is built, its events are looked through, so that neither depth nor aliases of aliases
can make much out of little, and no tag asks for anything but plain values.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar, NoReturn

import yaml

from services.kernel.document import DEPTH_MAX, VALUES_MAX
from services.kernel.errors import Invalid, Problem

DESK_BYTES_MAX = 262_144
"""Largest configuration: fifty times a big one, and a quarter of what a batch takes."""

NUMBER_CHARS_MAX = 18
"""Longest number in a configuration; longer ones are no numbers but ids, and belong in quotes."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _CoreLoader(_BASE):  # type: ignore[misc]  # libyaml's loader where it is there has no types
    """A safe loader with the scalars of YAML 1.2's core schema, and no key twice."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As the base does, but a key that is there twice is wrong, not overruled."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f'the key "{key.value[:100]}" is there twice', problem_mark=key.start_mark
                    )
                seen.add(key.value)
        built: dict[Any, Any] = super().construct_mapping(node, deep)
        return built


for _tag, _form, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"0|-?[1-9][0-9]{0,17}", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}", "-0123456789"),
):
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_form})$"), ["" if c == "\0" else c for c in _first]
    )


class _Refused(Exception):
    """What breaks which rule; `load_document` says of what."""


def load_document(raw: bytes, content_type: str, what: str = "the configuration") -> object:
    """The values of a configuration, or of `what` else. JSON if the content type says so, else YAML.

    Raises Invalid with the place (line and column) and the rule.
    """
    try:
        return _load(raw, content_type)
    except _Refused as error:
        raise Invalid(f"{what} {error}", [Problem("", str(error))]) from error.__cause__


def _load(raw: bytes, content_type: str) -> object:
    if len(raw) > DESK_BYTES_MAX:
        _refuse(f"has {len(raw)} bytes, at most {DESK_BYTES_MAX} are taken")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(f"must be UTF-8: byte {error.start} is not")
    return _json(text) if "json" in content_type.lower() else _yaml(text)


def _json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        _refuse(f"is not JSON: {error.msg} in {place} (for YAML send Content-Type: application/yaml)")
    except RecursionError:
        _refuse(f"is nested more than {DEPTH_MAX} levels deep")


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    built: dict[str, object] = {}
    for key, value in pairs:
        if key in built:
            _refuse(f'the key "{key[:100]}" is there twice')
        built[key] = value
    return built


def _constant(name: str) -> NoReturn:
    _refuse(f"{name} is no number in JSON")


def _integer(digits: str) -> int:
    if len(digits) > NUMBER_CHARS_MAX:
        _refuse("has too large a number: put it in quotes")
    return int(digits)


def _yaml(text: str) -> object:
    try:
        _bound(text)
        return yaml.load(text, Loader=_CoreLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        _refuse(f"is not YAML that is taken: {error.problem or error.context}{place}")
    except (yaml.YAMLError, ValueError, TypeError) as error:
        _refuse(f"is not YAML that is taken: {str(error)[:200]}")


def _bound(text: str) -> None:
    """Refuse what is too deep or too much before it is built, tags, and an alias of a whole list or map.

    Aliases of single values are harmless; those of what holds others could double with each level.
    """
    depth = 0
    plain: set[str] = set()
    for count, event in enumerate(yaml.parse(text, Loader=_BASE)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent) and event.anchor:
            plain.add(event.anchor)
        elif isinstance(event, yaml.AliasEvent) and event.anchor not in plain:
            _refuse(f"*{event.anchor} repeats a whole list or map: write it out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            _refuse(f"the tag {tag[:40]} is not taken: write the plain value")
        if depth > DEPTH_MAX:
            _refuse(f"is nested more than {DEPTH_MAX} levels deep")
        if count > 2 * VALUES_MAX:
            _refuse(f"has more than {VALUES_MAX} values")


def _refuse(rule: str) -> NoReturn:
    raise _Refused(rule)
