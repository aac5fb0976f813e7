"""What the engines say that they hear."""

from __future__ import annotations

import pytest

from services.ingest import engine as ingest
from services.kernel.engine import Engine, Input
from services.notify import engine as notify
from services.router import engine as router
from services.runtime.event_log import OWNED_TOPICS
from services.runtime.inputs import EVENT_CLASSES, kinds
from services.sla import engine as sla

ENGINES: list[Engine] = [ingest, router, sla, notify]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.TOPIC)
def test_what_an_engine_does_not_hear_would_lead_to_nothing(engine: Engine) -> None:
    """Every body of an owned input topic is heard, or deciding it says nothing."""
    for topic in set(engine.INPUTS) & set(OWNED_TOPICS):
        bodies = EVENT_CLASSES[topic].DESCRIPTOR.oneofs_by_name["body"].fields
        unheard = [field for field in bodies if field.name not in engine.HEARS[topic]]
        assert len(unheard) < len(bodies), f"{engine.TOPIC} reads {topic} for nothing"
        for field in unheard:
            event = EVENT_CLASSES[topic](desk_id="d")
            getattr(event, field.name).SetInParent()
            assert not engine.decide(engine.initial(), Input(topic, f"{topic}/0/0/0", 1, event), 1), (
                field.name
            )


@pytest.mark.parametrize("topic", OWNED_TOPICS)
def test_every_body_has_a_kind_that_fits_a_byte(topic: str) -> None:
    """The kinds of a batch are one byte an event, different for different bodies."""
    names = [field.name for field in EVENT_CLASSES[topic].DESCRIPTOR.oneofs_by_name["body"].fields]
    assert len(set(kinds(topic, names))) == len(names)
