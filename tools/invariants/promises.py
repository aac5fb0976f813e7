"""Invariant 4: every promise about time fires once, never early, and is never forgotten.

A target is held while it is paused, and while an answer to it is under way: a pending reply holds every
target of its conversation, but the resolution, that started before it. A held target neither warns nor
breaches; only one that ends in the same batch may still be called breached.

How late an engine is counts from the first batch that it wrote when the deadline was over: while
nobody ran, nobody could fire. That is a bound from below, so what it finds is real.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from proto.v1.sla_pb2 import TARGET_KIND_RESOLUTION, TargetStarted
from tools.invariants.report import Report

if TYPE_CHECKING:
    from tools.invariants import Moment


class _Conversation:
    """A conversation's targets, and its answers under way: reply id -> its mailbox time."""

    __slots__ = ("replies", "targets")

    def __init__(self) -> None:
        self.replies: dict[str, int] = {}
        self.targets: set[str] = set()


class _Target:
    """One promise that has not ended."""

    __slots__ = (
        "breached",
        "conversation",
        "due_ms",
        "late_since_ms",
        "paused",
        "resolution",
        "since_ms",
        "steps",
        "warn_ms",
        "warned",
    )

    def __init__(self, conversation: _Conversation, body: TargetStarted) -> None:
        self.conversation = conversation
        self.resolution = body.kind == TARGET_KIND_RESOLUTION
        self.since_ms = body.started_at_ms
        self.due_ms = body.due_at_ms
        self.warn_ms = body.warn_at_ms
        self.warned = body.warned
        self.breached = False
        self.paused = False
        self.late_since_ms = 0
        self.steps = frozenset(body.taken_steps)

    def held(self) -> bool:
        """Whether it may neither warn nor breach."""
        if self.paused or self.resolution:
            return self.paused
        return any(replied_ms >= self.since_ms for replied_ms in self.conversation.replies.values())


class PromiseCheck:
    """Follows every target of one partition."""

    def __init__(self, report: Report, slack_ms: int) -> None:
        self._report = report
        self._slack_ms = slack_ms
        self._targets: dict[str, _Target] = {}
        self._conversations: dict[str, _Conversation] = {}
        self._ended = 0
        self._due: list[tuple[int, str]] = []
        self._late: set[str] = set()
        self._breached_while_held: dict[str, str] = {}
        self._now_ms = 0
        self._where = ""
        self._steps: dict[str, Callable[[Any], None]] = {
            "started": self._started,
            "paused": self._paused,
            "resumed": self._resumed,
            "reply_suspended": self._reply_suspended,
            "reply_settled": self._reply_settled,
            "met": self._end,
            "cancelled": self._end,
            "warned": self._warned,
            "breached": self._breached,
            "breach_withdrawn": self._withdrawn,
            "escalated": self._escalated,
        }

    def take(self, moment: Moment) -> None:
        """Follow the next batch."""
        self._now_ms = moment.batch.now_ms
        while self._due and self._due[0][0] <= self._now_ms:
            due_ms, target_id = heapq.heappop(self._due)
            target = self._targets.get(target_id)
            if target and target.due_ms == due_ms and not target.breached and not target.held():
                target.late_since_ms = target.late_since_ms or self._now_ms
                self._late.add(target_id)
        for index, event in enumerate(moment.events):
            body = event.WhichOneof("body")
            step = self._steps.get(body)
            if step is not None:
                self._where = moment.where(index)
                step(getattr(event, body))
        for target_id, where in self._breached_while_held.items():
            self._report.add(4, where, f"{target_id} breaches while it is held")
        self._breached_while_held.clear()

    def finish(self) -> None:
        """Which targets were overdue while the engine was alive, and never breached."""
        for target_id in sorted(self._late):
            self._judge_late(target_id, self._where, "is over and did not breach")
        running = sum(1 for target in self._targets.values() if not target.breached)
        self._report.counts["running targets"] += running
        self._report.counts["ended targets"] += self._ended

    def _judge_late(self, target_id: str, where: str, what: str) -> None:
        since_ms = self._targets[target_id].late_since_ms
        if since_ms and self._now_ms - since_ms > self._slack_ms:
            self._report.add(
                4, where, f"{target_id} {what} {self._now_ms - since_ms} ms after a batch past it"
            )

    def _find(self, body: Any, verb: str) -> _Target | None:
        target = self._targets.get(body.target_id)
        if target is None:
            self._report.add(4, self._where, f"{body.target_id} is {verb}, and it is not running")
        return target

    def _conversation(self, conversation_id: str) -> _Conversation:
        found = self._conversations.get(conversation_id)
        if found is None:
            found = self._conversations[conversation_id] = _Conversation()
        return found

    def _started(self, body: TargetStarted) -> None:
        if body.target_id in self._targets:
            self._report.add(4, self._where, f"{body.target_id} is started twice")
        if not body.due_at_ms:
            self._report.add(4, self._where, f"{body.target_id} is started without a deadline")
        conversation = self._conversation(body.conversation_id)
        conversation.targets.add(body.target_id)
        self._targets[body.target_id] = _Target(conversation, body)
        heapq.heappush(self._due, (body.due_at_ms, body.target_id))

    def _paused(self, body: Any) -> None:
        target = self._find(body, "paused")
        if target:
            target.paused = True
            self._not_late(body.target_id, target)

    def _not_late(self, target_id: str, target: _Target) -> None:
        target.late_since_ms = 0
        self._late.discard(target_id)

    def _resumed(self, body: Any) -> None:
        target = self._find(body, "resumed")
        if target:
            target.paused = False
            target.due_ms = body.due_at_ms
            target.warn_ms = body.warn_at_ms
            heapq.heappush(self._due, (body.due_at_ms, body.target_id))

    def _reply_suspended(self, body: Any) -> None:
        conversation = self._conversation(body.conversation_id)
        conversation.replies[body.reply_id] = body.replied_at_ms
        for target_id in conversation.targets:
            target = self._targets[target_id]
            if target.held():
                self._not_late(target_id, target)

    def _reply_settled(self, body: Any) -> None:
        conversation = self._conversation(body.conversation_id)
        conversation.replies.pop(body.reply_id, None)
        for target_id in conversation.targets:
            heapq.heappush(self._due, (self._targets[target_id].due_ms, target_id))
        self._forget_empty(body.conversation_id, conversation)

    def _forget_empty(self, conversation_id: str, conversation: _Conversation) -> None:
        if not conversation.targets and not conversation.replies:
            self._conversations.pop(conversation_id, None)

    def _end(self, body: Any) -> None:
        target = self._find(body, "ended")
        if target:
            del self._targets[body.target_id]
            target.conversation.targets.discard(body.target_id)
            self._forget_empty(body.conversation_id, target.conversation)
            self._late.discard(body.target_id)
            self._breached_while_held.pop(body.target_id, None)
            self._ended += 1

    def _warned(self, body: Any) -> None:
        target = self._find(body, "warned")
        if target is None:
            return
        if target.warned:
            self._report.add(4, self._where, f"{body.target_id} warns a second time")
        if target.breached or target.held():
            state = "breached" if target.breached else "held"
            self._report.add(4, self._where, f"{body.target_id} warns while it is {state}")
        if not target.warn_ms or self._now_ms < target.warn_ms:
            early = f"{target.warn_ms - self._now_ms} ms early" if target.warn_ms else "without a time for it"
            self._report.add(4, self._where, f"{body.target_id} warns {early}")
        target.warned = True

    def _breached(self, body: Any) -> None:
        target = self._find(body, "breached")
        if target is None:
            return
        if target.breached:
            self._report.add(4, self._where, f"{body.target_id} breaches a second time")
        if target.held():
            self._breached_while_held[body.target_id] = self._where
        if self._now_ms < target.due_ms:
            early_ms = target.due_ms - self._now_ms
            self._report.add(4, self._where, f"{body.target_id} breaches {early_ms} ms early")
        self._judge_late(body.target_id, self._where, "breaches")
        target.breached = True
        self._late.discard(body.target_id)

    def _withdrawn(self, body: Any) -> None:
        target = self._find(body, "withdrawn")
        if target is None:
            return
        if not target.breached:
            self._report.add(4, self._where, f"a breach of {body.target_id} is withdrawn that never was")
        if body.met_at_ms > target.due_ms:
            what = f"a breach of {body.target_id} is withdrawn for an answer that was late"
            self._report.add(4, self._where, what)
        target.breached = False

    def _escalated(self, body: Any) -> None:
        target = self._find(body, "escalated")
        if target:
            if body.step in target.steps:
                self._report.add(4, self._where, f"{body.target_id} takes its step {body.step} a second time")
            target.steps |= {body.step}
