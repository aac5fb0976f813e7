"""What the router's tests say again and again, in short words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proto.v1 import desk_pb2 as pb
from proto.v1 import inbound_pb2 as inbound
from proto.v1 import routing_pb2 as rt
from proto.v1 import sla_pb2 as sla
from proto.v1.conversations_pb2 import (
    AgentConfigured,
    ConversationsEvent,
    DeskConfigured,
    MessageReceived,
    OrderAttached,
    PresenceSet,
    RequestSubmitted,
)
from proto.v1.routing_pb2 import AgentFound, AgentLost, RoutingEvent
from services.kernel.desk_policy import PRESETS
from services.kernel.engine import LOCAL
from services.router import engine
from services.router.state import Conversation, State, Status
from tests.story import START_MS, Story

DESK = "d"
SECOND = 1_000
MINUTE = 60_000
DAY = 86_400_000


def queue(
    name: str,
    requires: Mapping[str, int] | None = None,
    when: Mapping[str, Sequence[str]] | None = None,
    relax: Sequence[tuple[int, Mapping[str, int]]] = (),
    **rest: Any,
) -> pb.Queue:
    """A queue of a desk's configuration."""
    made = pb.Queue(name=name, requires=requires or {}, **rest)
    for field, values in (when or {}).items():
        made.when.any.add(field=field, values=values)
    for after_ms, requires_then in relax:
        made.relax.add(after_ms=after_ms, requires=requires_then)
    return made


def desk(
    *queues: pb.Queue,
    preset: str = "default",
    bots: pb.Bots | None = None,
    last_agent_wait_ms: int = 2 * MINUTE,
    skills: Sequence[str] = ("dostawa", "zwroty"),
    languages: Sequence[str] = ("pl", "en"),
    units: int = 30,
) -> pb.DeskConfig:
    """A desk with one queue for all, unless others are given."""
    return pb.DeskConfig(
        skills=skills,
        languages=languages,
        leads=["ola"],
        queues=queues or [queue("ogolna", priority=4)],
        routing=pb.Routing(
            preset=preset,
            offer_expires_ms=20 * SECOND,
            last_agent_wait_ms=last_agent_wait_ms,
            agent_lost_after_ms=10 * SECOND,
        ),
        bots=bots or pb.Bots(asked=True),
        accounts=[
            pb.Account(channel="chat", account="www", units=units),
            pb.Account(channel="email", account="pomoc", units=10),
        ],
    )


def written(*queues: pb.Queue, like: str = "default", **policy: Any) -> pb.DeskConfig:
    """A desk that writes its policy out: a preset with these parts."""
    made = desk(*queues)
    made.routing.policy.CopyFrom(PRESETS[like])
    made.routing.policy.MergeFrom(pb.Policy(**policy))
    return made


def event(origin_id: str = "", **body: Any) -> ConversationsEvent:
    """An event of ingest's."""
    return ConversationsEvent(desk_id=DESK, origin_id=origin_id, **body)


def message(
    conversation_id: str, message_id: str = "", at_ms: int = START_MS, **rest: Any
) -> ConversationsEvent:
    """A customer's message."""
    fields: dict[str, Any] = {
        "channel": "chat",
        "account": "www",
        "customer_id": "u" + conversation_id,
        "received_at_ms": at_ms,
        **rest,
    }
    return event(
        f"r-{message_id or conversation_id}",
        message=MessageReceived(
            conversation_id=conversation_id, message_id=message_id or "m" + conversation_id, **fields
        ),
    )


class Scene(Story):
    """A Story that speaks of desks, agents and conversations."""

    def __init__(self, config: pb.DeskConfig | None = None) -> None:
        super().__init__(engine)
        self.requests = 0
        self.configure(config or desk())

    def configure(self, config: pb.DeskConfig, version: int = 1) -> Scene:
        """Put the desk's configuration, and let it come into effect."""
        self.when("conversations", event(desk=DeskConfigured(desk=config, version=version)))
        return self.settle()

    def agent(
        self,
        agent_id: str,
        skills: Mapping[str, int] | None = None,
        languages: Sequence[str] = ("pl", "en"),
        capacity: int = 90,
        bot: bool = False,
        channels: Sequence[str] = (),
        online: bool = True,
    ) -> Scene:
        """Configure an agent, by default there and online."""
        kind = pb.AGENT_KIND_BOT if bot else pb.AGENT_KIND_HUMAN
        config = pb.Agent(
            agent_id=agent_id,
            kind=kind,
            skills=skills or {},
            languages=dict.fromkeys(languages, 5),
            capacity=capacity,
            channels=channels,
        )
        self.when("conversations", event(agent=AgentConfigured(agent=config)))
        if online:
            self.session(agent_id).presence(agent_id, pb.PRESENCE_STATE_ONLINE)
        return self.settle()

    def presence(self, agent_id: str, state: pb.PresenceState, ttl_ms: int = 0) -> Scene:
        """What an agent says of themselves; what follows at once is decided too."""
        put = inbound.PresencePut(agent_id=agent_id, state=state, ttl_ms=ttl_ms)
        self.when("conversations", event(presence=PresenceSet(presence=put, received_at_ms=self.now_ms)))
        return self.settle()

    def session(self, agent_id: str, found: bool = True) -> Scene:
        """The shell sees a session of the agent, or none any more."""
        if found:
            self.when(LOCAL, RoutingEvent(desk_id=DESK, agent_found=AgentFound(agent_id=agent_id)))
        else:
            self.when(LOCAL, RoutingEvent(desk_id=DESK, agent_lost=AgentLost(agent_id=agent_id)))
        return self.settle()

    def settle(self) -> Scene:
        """Fire the deadlines that are due now, and add what follows to `new`."""
        before = self.new
        self.until(self.now_ms)
        self.new = [*before, *self.new]
        return self

    def arrives(self, conversation_id: str, **rest: Any) -> Scene:
        """A conversation's first message."""
        rest.setdefault("at_ms", self.now_ms)
        self.when("conversations", message(conversation_id, opens=True, **rest))
        return self

    def writes(self, conversation_id: str, message_id: str, **rest: Any) -> Scene:
        """Another message of the customer."""
        rest.setdefault("at_ms", self.now_ms)
        self.when("conversations", message(conversation_id, message_id, **rest))
        return self

    def order(self, conversation_id: str, value_minor: int) -> Scene:
        """An order came to belong to the conversation."""
        attached = OrderAttached(conversation_id=conversation_id, order_id="o", order_value_minor=value_minor)
        self.when("conversations", event(order_attached=attached))
        return self

    def asks(
        self, kind: str, agent_id: str, conversation_id: str = "", age_ms: int = 0, **rest: Any
    ) -> Scene:
        """An agent's request; `kind` as in RequestKind."""
        self.requests += 1
        wanted = inbound.AgentRequest(
            kind="REQUEST_KIND_" + kind.upper(),
            agent_id=agent_id,
            conversation_id=conversation_id,
            **rest,
        )
        submitted = RequestSubmitted(request=wanted, received_at_ms=self.now_ms - age_ms)
        self.when("conversations", event(f"q{self.requests}", request=submitted))
        return self

    def accepts(self, conversation_id: str) -> Scene:
        """Whoever is offered it accepts."""
        c = self.conversation(conversation_id)
        return self.asks("accept", c.agent, offer_id=c.offer)

    def declines(self, conversation_id: str) -> Scene:
        """Whoever is offered it declines."""
        c = self.conversation(conversation_id)
        return self.asks("decline", c.agent, offer_id=c.offer)

    def promise(self, **body: Any) -> Scene:
        """An event of sla's."""
        self.when("sla", sla.SlaEvent(desk_id=DESK, **body))
        return self

    def conversation(self, conversation_id: str) -> Conversation:
        """An open conversation."""
        state: State = self.state
        return state.data.conversations[conversation_id]

    def where(self, conversation_id: str) -> tuple[str, str]:
        """Its status and agent in words."""
        c = self.state.data.conversations.get(conversation_id)
        return (Status(c.status).name.lower(), c.agent) if c is not None else ("closed", "")

    def refusal(self) -> tuple[str, str]:
        """Why the last request was refused, and the owner named."""
        refused = self.body("refused")
        why: str = rt.RefusedWhy.Name(refused.why)
        return why.removeprefix("REFUSED_WHY_").lower(), refused.owner_id
