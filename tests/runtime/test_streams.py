"""What an edge may pass over because no stream would tell it."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import pytest

from proto.v1.desk_pb2 import ESCALATION_DO_NOTIFY, ESCALATION_DO_RAISE_PRIORITY
from proto.v1.sla_pb2 import SlaEvent
from services.runtime.documents import AgentLoad, Document, Ownership, SendView
from services.runtime.event_log import OWNED_TOPICS
from services.runtime.hub import Hub, Told
from services.runtime.inputs import EVENT_CLASSES
from services.runtime.streams import Streams, is_told

D = TypeVar("D", bound=Document)
DESK, AGENT = "d", "ola"
FEEDS = {
    "agent": f"agent/{DESK}/{AGENT}",
    "board": f"board/{DESK}",
    "conversation": f"conversation/{DESK}/c1",
}


class Known:
    """Documents that are there for whatever is looked at; the conversation is owned."""

    def __init__(self) -> None:
        docs = (
            Ownership("c1", DESK, 1, "owned", owner=AGENT),
            AgentLoad(DESK, AGENT),
            SendView("s1", DESK, "r1", True, 1, "sent", conversation="c1"),
        )
        self._docs: dict[type[Document], Document] = {type(doc): doc for doc in docs}

    def peek(self, kind: type[D], key: str) -> D | None:
        """See Peek."""
        return cast("D", self._docs[kind])


class Listening(Hub):
    """A hub that keeps what it was told to publish to feeds that somebody watches."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Told] = []

    def publish(self, feed: str, told: Told) -> None:
        """Keep it."""
        if feed in self.listeners:
            self.heard.append(told)


def events(topic: str) -> list[tuple[str, Any, Any]]:
    """One event of each kind, about one conversation, agent and send."""
    made = []
    for field in EVENT_CLASSES[topic].DESCRIPTOR.oneofs_by_name["body"].fields:
        event = EVENT_CLASSES[topic](desk_id=DESK, origin_id="r1")
        body = getattr(event, field.name)
        body.SetInParent()
        known = {"conversation_id": "c1", "agent_id": AGENT, "owner_id": AGENT, "send_id": "s1"}
        for name, value in known.items():
            if name in body.DESCRIPTOR.fields_by_name:
                setattr(body, name, value)
        if "content" in body.DESCRIPTOR.fields_by_name:
            body.content.data = b"x"
        made.append((field.name, event, body))
    return made


@pytest.mark.parametrize("kind", FEEDS)
@pytest.mark.parametrize("topic", OWNED_TOPICS)
async def test_what_a_stream_tells_is_not_passed_over(topic: str, kind: str) -> None:
    """Of every kind of event: where a stream of this kind says something, the edge keeps the event for it."""
    hub = Listening()
    async with hub.subscribe(FEEDS[kind]):
        streams = Streams(Known(), hub)
        for name, event, body in events(topic):
            hub.heard.clear()
            streams.tell(topic, name, event, body, "e1")
            if hub.heard:
                assert is_told(hub.watched[DESK], topic, name, body), name


async def test_agents_alone_do_not_wait_for_what_only_boards_show() -> None:
    """Where agents listen and no board does, promises, notices and a customer's first words are passed over:
    an offer would wait until the views show them."""
    hub = Hub()
    async with hub.subscribe(FEEDS["agent"]):
        kinds = hub.watched[DESK]
        for topic in ("sla", "notices"):
            assert not any(is_told(kinds, topic, name, body) for name, _, body in events(topic))
        [(_, _, first)] = [one for one in events("conversations") if one[0] == "message"]
        assert is_told(kinds, "conversations", "message", first)
        first.opens = True
        assert not is_told(kinds, "conversations", "message", first)


async def test_an_escalation_tells_whom_it_names() -> None:
    """A step that notifies is told on the streams of those whom it names, and not passed over for them; what
    a step does by itself is."""
    hub = Listening()
    async with hub.subscribe(FEEDS["agent"]), hub.subscribe(f"agent/{DESK}/other"):
        streams = Streams(Known(), hub)
        for do, count in ((ESCALATION_DO_NOTIFY, 1), (ESCALATION_DO_RAISE_PRIORITY, 0)):
            step = SlaEvent(desk_id=DESK)
            step.escalated.conversation_id, step.escalated.do = "c1", do
            step.escalated.to.append(AGENT)
            hub.heard.clear()
            streams.tell("sla", "escalated", step, step.escalated, "e1")
            assert len(hub.heard) == count
            assert is_told(hub.watched[DESK], "sla", "escalated", step.escalated) == bool(count)


async def test_a_desk_is_watched_as_long_as_a_stream_of_it_is_open() -> None:
    """What is counted by desk begins and ends with the subscriptions."""
    hub = Hub()
    async with hub.subscribe(FEEDS["agent"]), hub.subscribe(FEEDS["board"]):
        async with hub.subscribe(FEEDS["agent"]):
            assert hub.watched[DESK] == {"agent": 2, "board": 1}
        assert hub.watched[DESK] == {"agent": 1, "board": 1}
    assert hub.watched == {}
