"""The events of one decision, with what they have in common filled in."""

from __future__ import annotations

from typing import Any, cast

from proto.v1.sla_pb2 import (
    BreachWithdrawn,
    CancelledWhy,
    SlaEvent,
    TargetBreached,
    TargetCancelled,
    TargetKind,
    TargetMet,
    TargetResumed,
    TargetStarted,
)
from services.sla.state import BREACHED, Conversation, Target


class Draft:
    """Events of one desk, decided at `now_ms` from one record."""

    __slots__ = ("cause_id", "desk_id", "events", "now_ms", "origin_id")

    def __init__(self, desk_id: str, now_ms: int, cause_id: str, origin_id: str) -> None:
        self.desk_id = desk_id
        self.now_ms = now_ms
        self.cause_id = cause_id
        self.origin_id = origin_id
        self.events: list[SlaEvent] = []

    def add(self, **body: Any) -> None:
        """One event; the keyword names its body."""
        self.events.append(
            SlaEvent(
                desk_id=self.desk_id,
                occurred_at_ms=self.now_ms,
                cause_id=self.cause_id,
                origin_id=self.origin_id,
                **body,
            )
        )

    def start(self, planned: TargetStarted | None) -> bool:
        """Begin a promise, if there is one; whether there is."""
        if planned is not None:
            self.add(started=planned)
        return planned is not None

    def meet(self, conversation: Conversation, target: Target, at_ms: int, late: bool = False) -> None:
        """Met at `at_ms`, the mailbox time: in time or not is judged by that, whatever has fired.
        `late`: this decision has told the breach already."""
        self.judge(conversation, target, at_ms)
        self.add(
            met=TargetMet(
                conversation_id=conversation.id,
                target_id=target.id,
                met_at_ms=at_ms,
                kind=kind_of(target),
                late=late or (at_ms > target.due_at_ms and not target.paused_until_ms),
            )
        )

    def cancel(self, conversation: Conversation, target: Target, why: CancelledWhy) -> None:
        """The promise holds no longer."""
        self.add(cancelled=TargetCancelled(conversation_id=conversation.id, target_id=target.id, why=why))

    def resume(self, conversation: Conversation, target: Target, due_at_ms: int, warn_at_ms: int) -> None:
        """The clock runs (again) towards this deadline."""
        self.add(
            resumed=TargetResumed(
                conversation_id=conversation.id,
                target_id=target.id,
                due_at_ms=due_at_ms,
                warn_at_ms=warn_at_ms,
            )
        )

    def judge(self, conversation: Conversation, target: Target, at_ms: int) -> None:
        """Say what is true of a target that ends at `at_ms`: breached when due, or not at all."""
        if target.paused_until_ms:
            return
        if at_ms > target.due_at_ms and not target.marks & BREACHED:
            self.breach(conversation, target, target.due_at_ms)
        elif at_ms <= target.due_at_ms and target.marks & BREACHED:
            self.add(
                breach_withdrawn=BreachWithdrawn(
                    conversation_id=conversation.id,
                    target_id=target.id,
                    met_at_ms=at_ms,
                    kind=kind_of(target),
                )
            )

    def breach(self, conversation: Conversation, target: Target, due_at_ms: int) -> None:
        """It was due and nothing came."""
        self.add(
            breached=TargetBreached(
                conversation_id=conversation.id,
                target_id=target.id,
                due_at_ms=due_at_ms,
                kind=kind_of(target),
            )
        )


def kind_of(target: Target) -> TargetKind:
    """Which promise it is, as the schema has it: the state keeps the number."""
    return cast("TargetKind", target.kind)
