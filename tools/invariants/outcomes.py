"""Invariant 3: every mailbox record that ingest has read has exactly one outcome.

An outcome names the record by `cause_id` (its place) and `origin_id` (its record_id). Records behind
ingest's position are still to be read, and an agent's request that the router has not reached is
still to be decided: neither is a violation. A request that the router skipped has had its outcome.
Records that are deleted cannot be asked any more.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING

from proto.v1.inbound_pb2 import Inbound
from services.runtime.event_log import LogRecord
from tools.invariants.report import Report

if TYPE_CHECKING:
    from tools.invariants import Moment

OUTCOMES = frozenset(
    """message duplicate quarantined message_changed order shipment unchanged send_report delivery desk agent
    presence api_key api_key_removed erasure_requested erasure_completed""".split()
)
"""Bodies of conversations events that are outcomes; `request` is answered by the router."""

DECISIONS = frozenset({"admitted", "refused"})


def _mark(record_id: str) -> int:
    """8 bytes for a record_id: enough to tell a wrong one, small enough to keep for each record."""
    return int.from_bytes(hashlib.blake2b(record_id.encode(), digest_size=8).digest(), "big")


class OutcomeCheck:
    """Counts the outcomes of each record of one partition's mailbox."""

    def __init__(self, report: Report, partition: int) -> None:
        self._report = report
        self._prefix = f"inbound/{partition}/"
        self._partition = partition
        self._first = 0
        self._marks = array("Q")
        self._outcomes = bytearray()
        self._read_to = 0
        # origin -> seq of the conversations batch with its request.
        self._requests: dict[str, int] = {}
        self._decided_to = 0

    @property
    def mailbox_end(self) -> int:
        """The offset after the mailbox's last record."""
        return self._first + len(self._marks)

    def mailbox(self, records: Iterable[LogRecord]) -> None:
        """Learn which records there are."""
        for record in records:
            if not self._marks:
                self._first = record.offset
            try:
                record_id = Inbound.FromString(record.value).record_id
            except ValueError:
                record_id = ""
            self._marks.append(_mark(record_id))
        self._outcomes = bytearray(len(self._marks))
        self._report.counts["mailbox records"] += len(self._marks)

    def of_conversations(self) -> _Conversations:
        """The check of ingest's topic."""
        return _Conversations(self)

    def of_routing(self) -> _Routing:
        """The check of the router's topic."""
        return _Routing(self)

    def outcome(self, where: str, cause_id: str, origin_id: str) -> None:
        """An outcome of the record that `cause_id` names."""
        if not cause_id.startswith(self._prefix):
            self._report.add(
                3, where, f"is an outcome of {cause_id or 'nothing'}, which is no mailbox record"
            )
            return
        index = int(cause_id[len(self._prefix) :]) - self._first
        if index < 0:
            return
        if index >= len(self._marks):
            self._report.add(3, where, f"is an outcome of {cause_id}, which is not there")
            return
        if self._marks[index] != _mark(origin_id):
            self._report.add(
                3, where, f"names {origin_id or 'no origin'}, which is not the record_id of {cause_id}"
            )
        self._outcomes[index] = min(255, self._outcomes[index] + 1)
        if self._outcomes[index] > 1:
            self._report.add(3, where, f"{cause_id} has outcome number {self._outcomes[index]}")

    def request(self, where: str, origin_id: str, seq: int) -> None:
        """A request that the router is to decide."""
        if origin_id in self._requests:
            self._report.add(3, where, f"request {origin_id} is submitted again")
        self._requests[origin_id] = seq

    def decision(self, where: str, origin_id: str) -> None:
        """The router's word on a request."""
        if self._requests.pop(origin_id, None) is None:
            self._report.add(
                3, where, f"decides {origin_id or 'nothing'}, which is decided already or was never asked"
            )

    def skipped(self, origin_id: str) -> None:
        """The router could not decide what followed from this record, which may be a request."""
        self._requests.pop(origin_id, None)

    def read_to(self, offset: int) -> None:
        """Ingest has read the mailbox up to before `offset`."""
        self._read_to = max(self._read_to, offset)

    def decided_to(self, seq: int) -> None:
        """The router has read conversations up to before the batch `seq`."""
        self._decided_to = max(self._decided_to, seq)

    def finish(self) -> None:
        """Which records were read and have no outcome."""
        end = min(self._read_to, self.mailbox_end)
        for offset in range(self._first, end):
            if not self._outcomes[offset - self._first]:
                self._report.add(3, f"{self._prefix}{offset}", "was read and has no outcome")
        pending = self.mailbox_end - end
        if pending > 0:
            self._report.counts["records still to be read"] += pending
        for origin_id, seq in self._requests.items():
            if seq < self._decided_to:
                where = f"conversations/{self._partition}/{seq}"
                self._report.add(3, where, f"request {origin_id} was read by the router and has no decision")


class _Conversations:
    """Outcomes that ingest writes."""

    def __init__(self, outcomes: OutcomeCheck) -> None:
        self._outcomes = outcomes

    def take(self, moment: Moment) -> None:
        """Look at the next batch."""
        outcomes = self._outcomes
        for index, event in enumerate(moment.events):
            body = event.WhichOneof("body")
            if body in OUTCOMES:
                outcomes.outcome(moment.where(index), event.cause_id, event.origin_id)
            elif body == "request":
                outcomes.outcome(moment.where(index), event.cause_id, event.origin_id)
                outcomes.request(moment.where(index), event.origin_id, moment.batch.seq)
            elif body == "skipped" and event.skipped.topic == "inbound":
                outcomes.outcome(moment.where(index), event.skipped.input_id, event.origin_id)
        for position in moment.batch.positions:
            if position.topic == "inbound":
                outcomes.read_to(position.offset)

    def finish(self) -> None:
        """What is left is judged when the router's topic is read too."""


class _Routing:
    """Decisions that the router writes."""

    def __init__(self, outcomes: OutcomeCheck) -> None:
        self._outcomes = outcomes

    def take(self, moment: Moment) -> None:
        """Look at the next batch."""
        for index, event in enumerate(moment.events):
            body = event.WhichOneof("body")
            if body in DECISIONS:
                self._outcomes.decision(moment.where(index), event.origin_id)
            elif body == "skipped" and event.skipped.topic == "conversations":
                self._outcomes.skipped(event.origin_id)
        for position in moment.batch.positions:
            if position.topic == "conversations":
                self._outcomes.decided_to(position.next_seq)

    def finish(self) -> None:
        """What is left is judged by the whole."""
