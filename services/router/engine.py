"""Router engine: who gets which conversation.

Theory of operation. Rule 1: a conversation is in at most one of waiting, offered, owned; resolved, it
leaves memory for a packed horizon. Rule 2: an agent's capacity is reserved when a conversation is
offered and given back when it leaves their hands, so what is offered and owned never exceeds it, but
where it was lowered since: that drains. Rule 3: whenever a decision is made, no agent with room and
no waiting conversation that they could take are left apart. Everything that could bring two together
looks at once: an arrival, work that comes back, requirements that fall away look for an agent; an
agent who is freed, comes, or is changed looks for work. Rule 4: what comes in one instant, many agents
or many conversations, is looked at together once the inputs are drained (`bursts.py`): mostly within the same
instant of the log. In a backlog nobody waits for that: who begins to wait in a later instant has those who
were put off offered first. Agents who come are looked at behind the backlog's inputs.

    arrival ──► waiting ──offer──► offered ──accept──► owned ──resolve──► (short form)
                  ▲   ▲               │                  │                     │
                  │   └─decline,expire┘                  │                     │
                  └────transfer, lost, offline, reassign─┘     reopen ◄────────┘

The order among those who wait is the desk's (priority, then deadline, then arrival, unless its preset
says otherwise); the order among agents is the preset's, the last agent first. Whoever declines or
lets an offer expire is barred from that conversation for a while; if nobody else can take it, it waits
until the bar ends. Bots are agents, but not for a conversation that is for humans only, and that it
stays for ever.

`decide` writes into a `Draft`, which knows what its earlier events will have moved. `evolve` folds
(`changes.py`). Requests are judged in `requests.py`, time in `timers.py`, messages, settings and
promises in `arrivals.py`, the choice itself is `matching.py`. What leads to much (an agent gone who
had a hundred conversations, a new configuration) goes in steps from deadlines that are due at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proto.v1.routing_pb2 import RoutingEvent
from services.kernel.engine import LOCAL, Input
from services.router import arrivals, requests, timers
from services.router.changes import evolve
from services.router.draft import Draft
from services.router.state import State, dump, initial, load

__all__ = (
    "EVENT",
    "HEARS",
    "INPUTS",
    "STATE_VERSION",
    "TOPIC",
    "decide",
    "dump",
    "evolve",
    "initial",
    "load",
    "next_deadline_id",
    "next_deadline_ms",
)

TOPIC = "routing"
INPUTS = ("conversations", "sla")
EVENT = RoutingEvent
STATE_VERSION = 7

_DECIDES: Mapping[str, Mapping[str, Callable[[Draft, Any], None]]] = {
    "conversations": {**arrivals.CONVERSATIONS, "request": requests.request},
    "sla": arrivals.SLA,
    LOCAL: arrivals.LOCAL_INPUTS,
}
HEARS = {topic: tuple(_DECIDES[topic]) for topic in INPUTS}


def decide(state: State, record: Input | None, now_ms: int) -> Sequence[RoutingEvent]:
    """What follows from an input, or from the earliest deadline if it is due."""
    if record is None:
        due = state.deadlines.next()
        if due is None or due[0] > now_ms:
            return []
        return timers.due(state, due[1], now_ms).events
    event = record.event
    body = event.WhichOneof("body")
    rule = _DECIDES[record.topic].get(body)
    if rule is None:
        return []
    draft = Draft(state, event.desk_id, record, record.id, now_ms)
    rule(draft, getattr(event, body))
    return draft.events


def next_deadline_ms(state: State) -> int | None:
    """When the earliest deadline is due."""
    due = state.deadlines.next()
    return due[0] if due is not None else None


def next_deadline_id(state: State) -> str:
    """Its id; "" without one."""
    due = state.deadlines.next()
    return due[1] if due is not None else ""
