"""The sla engine: every promise about time is kept, or its breach is said, once and never early.

Rule 1: whether something was in time is judged by mailbox times (when the customer wrote, when the
agent answered), never by when this engine got to it. Rule 2: a deadline is in an event before it
is in a wheel; the wheel only says when to look again, and what is due follows from the state.

Targets of a conversation, each independent of the others:

    first_response   from the first real message (no auto-reply, bounce or list mail) to an answer
    next_response    from a customer's message while no answer is due, to the next answer
    update           from an answer that says "we tell you more within", to the next answer;
                     counted on the clock, since the customer was told a time
    resolution       from the first message (or the reopening) until it is resolved

A bot's answer is an answer: what matters is that the customer heard from us. An answer counts when
it is sent. From its admission on the response and update targets are suspended: they neither warn
nor breach until notify says sent (met, dated by the answer's mailbox time; if that was late, breached
as well), failed or uncertain (they run on towards the original deadline, which may have passed).
The newest answer that was sent is kept while the conversation is open: if the provider says later that
it did not arrive (a bounce, a failed delivery), what it met is promised anew with the original deadline.
Of a resolved conversation nothing is kept: the router opens it again, and an answer is promised from then on.
An answer admitted after the deadline is a breach at once. A message that came after the answer, by
mailbox time, starts a next_response even though the engine learns of it first.

With `pause_while_waiting_for_customer` the resolution stops when an answer is sent and the customer
has the word, and goes on with their next message or when the pause has lasted as long as it may. What
is left is kept in open time, so that closed hours in a pause are not counted twice. A target that is
breached does not pause.

Resolving cancels answers that are due and ends the resolution; answers under way are waited for, so
that "answer and resolve" is an answer in time. An edit of the policies replaces running targets, in
steps, where spans or hours changed; what was breached and would be breached still stays as it is.

Every deadline decides one thing (resume, warn, breach, one escalation step), in order of time.
Escalation steps count on the clock from the warning or the deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from proto.v1.desk_pb2 import ESCALATION_DO_NOTIFY
from proto.v1.inbound_pb2 import REQUEST_KIND_REPLY, REQUEST_KIND_RESOLVE
from proto.v1.sla_pb2 import Escalated, SlaEvent, TargetWarned
from services.kernel.desk_sla import LEAD
from services.kernel.engine import DEADLINE, Input
from services.sla import replan
from services.sla.draft import Draft, kind_of
from services.sla.fold import evolve as evolve
from services.sla.resolution import conversation_queued, conversation_resolved, resolve_admitted, resumed_at
from services.sla.responses import message_received, reply_admitted, reply_result
from services.sla.state import BREACH, RESUME, WARN, Conversation, Data, DeskData, State, Target, next_action

TOPIC = "sla"
INPUTS = ("conversations", "routing", "notices")
EVENT = SlaEvent
STATE_VERSION = 2

_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Data)

Rule = Callable[[State, Draft, Any, Input], None]

_ADMITTED: dict[int, Rule] = {REQUEST_KIND_REPLY: reply_admitted, REQUEST_KIND_RESOLVE: resolve_admitted}


def _admitted(state: State, draft: Draft, body: Any, record: Input) -> None:
    rule = _ADMITTED.get(body.kind)
    if rule is not None:
        rule(state, draft, body, record)


_RULES: dict[tuple[str, str], Rule] = {
    ("conversations", "desk"): replan.desk_configured,
    ("conversations", "message"): message_received,
    ("routing", "admitted"): _admitted,
    ("routing", "resolved"): conversation_resolved,
    ("routing", "queued"): conversation_queued,
    ("notices", "sent"): reply_result,
    ("notices", "failed"): reply_result,
    ("notices", "uncertain"): reply_result,
    ("notices", "suppressed"): reply_result,
}
HEARS = {topic: tuple(body for name, body in _RULES if name == topic) for topic in INPUTS}


def initial() -> State:
    """Nothing is promised yet."""
    return State(Data())


def decide(state: State, record: Input | None, now_ms: int) -> Sequence[SlaEvent]:
    """What follows from an input, or from the earliest deadline that is due."""
    if record is None:
        return _time_passed(state, now_ms)
    body = record.event.WhichOneof("body")
    rule = _RULES.get((record.topic, body))
    if rule is None:
        return ()
    event = record.event
    draft = Draft(event.desk_id, now_ms, record.id, event.origin_id)
    rule(state, draft, getattr(event, body), record)
    return draft.events


def next_deadline_ms(state: State) -> int | None:
    """When the next target has something to do."""
    found = state.deadlines.next()
    return found[0] if found else None


def next_deadline_id(state: State) -> str:
    """Names the desk and the conversation of that target."""
    found = state.deadlines.next()
    return found[1] if found else ""


def dump(state: State) -> bytes:
    """The fold as bytes."""
    return _ENCODER.encode(state.data)


def load(data: bytes) -> State:
    """The state of `dump`."""
    return State(_DECODER.decode(data))


def _time_passed(state: State, now_ms: int) -> Sequence[SlaEvent]:
    found = state.deadlines.next()
    if found is None or found[0] > now_ms:
        return ()
    desk_id, _, conversation_id = found[1].rpartition("/")
    draft = Draft(desk_id, now_ms, f"{DEADLINE}:{found[1]}", "")
    if not conversation_id:
        replan.step(state, draft)
        return draft.events
    desk = state.data.desks[desk_id]
    conversation = desk.conversations[conversation_id]
    action = next_action(desk, conversation)
    if action is not None:
        _act(state, draft, conversation, desk, action)
    return draft.events


def _act(
    state: State, draft: Draft, conversation: Conversation, desk: DeskData, due: tuple[int, int, Target]
) -> None:
    _, action, target = due
    live = state.live[draft.desk_id]
    if action == RESUME:
        draft.resume(conversation, target, *resumed_at(live, target, target.paused_until_ms))
    elif action == WARN:
        draft.add(
            warned=TargetWarned(
                conversation_id=conversation.id,
                target_id=target.id,
                due_at_ms=target.due_at_ms,
                kind=kind_of(target),
            )
        )
    elif action == BREACH:
        draft.breach(conversation, target, target.due_at_ms)
    else:
        step = desk.terms[target.terms].steps[action]
        to = live.leads if step.do == ESCALATION_DO_NOTIFY and step.to == LEAD else [step.to] * bool(step.to)
        draft.add(
            escalated=Escalated(
                conversation_id=conversation.id,
                target_id=target.id,
                kind=kind_of(target),
                step=action,
                at=step.at,  # type: ignore[arg-type]  # an int in the state, the proto's own value
                do=step.do,  # type: ignore[arg-type]  # the same
                to=to,
            )
        )
