"""What engines ask of a desk's configuration while they decide: conditions, spans, units.

The proto form is what is logged; an engine that asks often compiles it once for each version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proto.v1.desk_pb2 import Condition, DeskConfig, Span, When
from services.kernel.limits import UNITS_DEFAULT, UNITS_OTHER

ATTRIBUTE_PREFIX = "attributes."
"""Before the name of a message's attribute in a condition's field."""

DEFAULT_CHANNEL = "default"
"""The entry of a map by channel that holds for the channels without one of their own."""

Compiled = tuple[tuple[str, frozenset[str]], ...]
"""A condition each: the field that it asks for, and the values that fit."""


def compile_when(when: When) -> Compiled:
    """The conditions in the form that `fits` takes."""
    return tuple((condition.field, frozenset(condition.values)) for condition in when.any)


def facts(labels: Mapping[str, str], attributes: Mapping[str, str]) -> dict[str, str]:
    """Labels and attributes under the names that conditions use; what nobody could tell is left out."""
    known = {name: value for name, value in labels.items() if value}
    for name, value in attributes.items():
        if value:
            known[ATTRIBUTE_PREFIX + name] = value
    return known


def fits(conditions: Compiled, known: Mapping[str, str]) -> bool:
    """Whether any condition holds for these facts; without conditions it always fits."""
    return not conditions or any(known.get(field) in values for field, values in conditions)


def when_matches(when: When, labels: Mapping[str, str], attributes: Mapping[str, str]) -> bool:
    """Whether a `when` fits a conversation.

    labels: "intent", "mood", "language", "channel", as far as they are known.
    attributes: the sender's, under their plain names.
    """
    return fits(compile_when(when), facts(labels, attributes))


def span_for(spans: Mapping[str, Span], channel: str) -> Span | None:
    """What is promised on this channel, or None: nothing."""
    if channel in spans:
        return spans[channel]
    if DEFAULT_CHANNEL in spans:
        return spans[DEFAULT_CHANNEL]
    return None


def units_for(desk: DeskConfig, channel: str, account: str) -> int:
    """Capacity units of an open conversation on this account, or by channel if it is not listed."""
    for known in desk.accounts:
        if known.account == account and known.channel == channel:
            return known.units
    return UNITS_DEFAULT.get(channel, UNITS_OTHER)


def conditions_of(desk: DeskConfig) -> list[Condition]:
    """Every condition of the configuration: what messages are asked for."""
    whens: Iterable[When] = [
        *(queue.when for queue in desk.queues),
        *(policy.when for policy in desk.sla),
        *(weight.when for weight in desk.routing.weights),
    ]
    return [condition for when in whens for condition in when.any]


def attributes_named(desk: DeskConfig) -> frozenset[str]:
    """Names of the attributes that the configuration asks for: the only ones that may be plain on a log."""
    return frozenset(
        condition.field.removeprefix(ATTRIBUTE_PREFIX)
        for condition in conditions_of(desk)
        if condition.field.startswith(ATTRIBUTE_PREFIX)
    )
