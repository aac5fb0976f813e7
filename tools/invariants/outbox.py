"""Invariants 5 and 8: nothing is sent twice or forgotten; notices come once, by day, to who wants them.

requested            -> attempted | suppressed | failed
attempted            -> sent | deferred | failed | uncertain | suppressed, if withdrawn meanwhile
deferred             -> attempted | suppressed | failed | uncertain
uncertain            -> attempted, where the receiver drops repeats; sent or failed by a late word
sent                 -> failed, when the provider says later that it never arrived
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from proto.v1 import notices_pb2 as nt
from tools.invariants.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.invariants import Moment

IN_FLIGHT_MAX = 16
"""Attempts at once for one account: a send may wait while so many are under way."""

REQUESTED, ATTEMPTED, DEFERRED, UNCERTAIN, SENT, FAILED, SUPPRESSED = range(7)
STATE_NAMES = ("requested", "attempted", "deferred", "uncertain", "sent", "failed", "suppressed")

Quiet = tuple[str, int, int]
"""A desk's zone, and the minutes of the day between which no notice goes out; equal: none."""


class _Send:
    """A send that has no end yet."""

    __slots__ = (
        "account",
        "attempt",
        "idempotent",
        "lane",
        "lease_ms",
        "matter",
        "not_before_ms",
        "notice_of",
        "pulled",
        "state",
    )

    def __init__(self, lane: str, account: str, not_before_ms: int, idempotent: bool) -> None:
        self.state = REQUESTED
        self.lane = lane
        self.account = account
        self.not_before_ms = not_before_ms
        self.idempotent = idempotent
        self.attempt = 0
        self.lease_ms = 0
        # The desk, for a notice; "" for everything else.
        self.notice_of = ""
        self.pulled = False
        self.matter: tuple[str, str] | None = None


class OutboxCheck:
    """Follows every send of one partition."""

    def __init__(self, report: Report, slack_ms: int) -> None:
        self._report = report
        self._slack_ms = slack_ms
        self._open: dict[str, _Send] = {}
        self._ended: dict[str, int] = {}
        self._customers: dict[str, str] = {}
        self._matters: dict[tuple[str, str], str] = {}
        self._quiet: dict[str, Quiet] = {}
        self._forgotten: set[str] = set()
        self._merged: dict[str, str] = {}
        self._now_ms = 0
        self._where = ""
        self._steps: dict[str, Callable[[str, Any], None]] = {
            "desk": self._desk,
            "route": self._known_again,
            "order": self._known_again,
            "customer_forgotten": self._customer_forgotten,
            "customer_merged": self._customer_merged,
            "requested": self._requested,
            "suppressed": self._suppressed,
            "attempted": self._attempted,
            "deferred": self._deferred,
            "sent": self._sent,
            "failed": self._failed,
            "uncertain": self._uncertain,
        }

    def take(self, moment: Moment) -> None:
        """Follow the next batch."""
        self._now_ms = moment.batch.now_ms
        for index, event in enumerate(moment.events):
            body = event.WhichOneof("body")
            step = self._steps.get(body)
            if step is not None:
                self._where = moment.where(index)
                step(event.desk_id, getattr(event, body))

    def finish(self) -> None:
        """Which sends should have a result or an attempt by now."""
        busy_lanes = {send.lane for send in self._open.values() if send.state in (ATTEMPTED, DEFERRED)}
        in_flight: dict[str, int] = {}
        for send in self._open.values():
            in_flight[send.account] = in_flight.get(send.account, 0) + (send.state == ATTEMPTED)
        late_ms = self._now_ms - self._slack_ms
        for send_id, send in self._open.items():
            if send.state == ATTEMPTED and send.lease_ms < late_ms:
                self._report.add(5, self._where, f"{send_id} has no result, and its lease is over")
            waits = send.lane in busy_lanes or in_flight[send.account] >= IN_FLIGHT_MAX
            if send.state == REQUESTED and not waits and send.not_before_ms < late_ms:
                self._report.add(5, self._where, f"{send_id} is due and was never attempted")
        self._report.counts["open sends"] += sum(send.state != UNCERTAIN for send in self._open.values())
        self._report.counts["ended sends"] += len(self._ended)

    # What a desk and its customers want

    def _desk(self, desk_id: str, body: Any) -> None:
        notices = body.desk.notices
        self._quiet[desk_id] = (body.desk.time_zone or "UTC", notices.quiet_start_min, notices.quiet_end_min)

    def _customer(self, customer_id: str) -> str:
        while customer_id in self._merged:
            customer_id = self._merged[customer_id]
        return customer_id

    def _customer_merged(self, _: str, body: Any) -> None:
        if self._customer(body.customer_id) != body.merged_id:
            self._merged[body.merged_id] = body.customer_id
            if body.merged_id in self._forgotten:
                self._forgotten.add(self._customer(body.customer_id))

    def _customer_forgotten(self, _: str, body: Any) -> None:
        self._forgotten.add(self._customer(body.customer_id))

    def _known_again(self, _: str, body: Any) -> None:
        # Who writes or orders again after an erasure is a customer again.
        self._forgotten.discard(self._customer(body.customer_id))

    # The outbox

    def _requested(self, desk_id: str, body: Any) -> None:
        if body.send_id in self._open or body.send_id in self._ended:
            self._report.add(5, self._where, f"{body.send_id} is requested twice")
            return
        personal = body.kind != nt.SEND_KIND_WEBHOOK
        whose = body.conversation_id or body.customer_id
        lane = whose if personal else f"{whose or body.send_id}>{body.url}"
        account = f"{desk_id}>{body.url or body.channel + '/' + body.account}"
        send = _Send(lane, account, max(body.held_until_ms, self._now_ms), body.idempotent)
        send.pulled = body.channel == "chat" and not body.url
        self._open[body.send_id] = send
        if personal and body.customer_id:
            self._customers[body.send_id] = body.customer_id
            self._judge_erased(body.send_id, "requested")
        if body.kind == nt.SEND_KIND_NOTICE:
            send.notice_of = desk_id
            send.matter = (desk_id, body.matter)
            first = self._matters.setdefault(send.matter, body.send_id)
            if body.matter and first != body.send_id:
                self._report.add(
                    8, self._where, f"{body.send_id} tells {body.matter} again, which {first} told"
                )

    def _judge_erased(self, send_id: str, verb: str) -> None:
        customer_id = self._customers.get(send_id, "")
        if customer_id and self._customer(customer_id) in self._forgotten:
            self._report.add(8, self._where, f"{send_id} is {verb} to a customer who is forgotten")

    def _move(self, send_id: str, allowed: tuple[int, ...], to: int) -> _Send | None:
        """Bring a send into a state, and say so if it may not get there from where it is."""
        send = self._open.get(send_id)
        state = send.state if send else self._ended.get(send_id, -1)
        if state not in allowed:
            found = STATE_NAMES[state] if state >= 0 else "unknown"
            self._report.add(5, self._where, f"{send_id} is {STATE_NAMES[to]} while it is {found}")
        if to in (SENT, FAILED, SUPPRESSED):
            self._open.pop(send_id, None)
            self._ended[send_id] = to
            self._customers.pop(send_id, None)
        elif send:
            send.state = to
        return send

    def _attempted(self, _: str, body: Any) -> None:
        before = self._open.get(body.send_id)
        if before and before.state == UNCERTAIN and not before.idempotent:
            what = f"{body.send_id} is attempted again though it may have been sent"
            self._report.add(5, self._where, what)
        send = self._move(body.send_id, (REQUESTED, DEFERRED, UNCERTAIN), ATTEMPTED)
        if send is None:
            return
        if body.attempt <= send.attempt:
            self._report.add(5, self._where, f"{body.send_id} repeats its attempt {body.attempt}")
        send.attempt = body.attempt
        send.lease_ms = body.lease_until_ms
        if body.lease_until_ms <= self._now_ms:
            self._report.add(5, self._where, f"{body.send_id} is attempted with a lease that is over")
        self._judge_time(body.send_id, send)

    def _judge_time(self, send_id: str, send: _Send) -> None:
        """Whether it may leave now."""
        if self._now_ms < send.not_before_ms:
            early_ms = send.not_before_ms - self._now_ms
            self._report.add(8, self._where, f"{send_id} is attempted {early_ms} ms before its time")
        self._judge_erased(send_id, "attempted")
        quiet = self._quiet.get(send.notice_of)
        if quiet and self._is_quiet(quiet):
            self._report.add(8, self._where, f"{send_id} is a notice and is sent in quiet hours")

    def _is_quiet(self, quiet: Quiet) -> bool:
        """Whether now lies in the quiet hours, their first moments (the slack) not counted."""
        zone, start_min, end_min = quiet
        if start_min == end_min:
            return False
        now = datetime.fromtimestamp(self._now_ms / 1000, UTC).astimezone(ZoneInfo(zone))
        minutes = now.hour * 60 + now.minute
        past_ms = ((minutes - start_min) % 1440 * 60 + now.second) * 1000
        return (minutes - start_min) % 1440 < (end_min - start_min) % 1440 and past_ms > self._slack_ms

    def _deferred(self, _: str, body: Any) -> None:
        send = self._move(body.send_id, (REQUESTED, ATTEMPTED, DEFERRED, UNCERTAIN), DEFERRED)
        if send:
            send.not_before_ms = body.next_at_ms
            if body.maybe_sent and not send.idempotent:
                what = f"{body.send_id} is to be tried again though it may have been sent"
                self._report.add(5, self._where, what)

    def _sent(self, _: str, body: Any) -> None:
        send = self._open.get(body.send_id)
        if send and send.pulled and send.state in (REQUESTED, DEFERRED):
            self._judge_time(body.send_id, send)
            send.state = ATTEMPTED
        self._move(body.send_id, (ATTEMPTED, UNCERTAIN, DEFERRED), SENT)

    def _failed(self, _: str, body: Any) -> None:
        self._move(body.send_id, (REQUESTED, ATTEMPTED, DEFERRED, UNCERTAIN, SENT), FAILED)

    def _suppressed(self, _: str, body: Any) -> None:
        if body.send_id:
            self._free_matter(self._move(body.send_id, (REQUESTED, ATTEMPTED, DEFERRED), SUPPRESSED))

    def _free_matter(self, send: _Send | None) -> None:
        """What was withdrawn before it was told may be told by another notice."""
        if send and send.matter:
            self._matters.pop(send.matter, None)

    def _uncertain(self, _: str, body: Any) -> None:
        self._move(body.send_id, (ATTEMPTED, DEFERRED), UNCERTAIN)
