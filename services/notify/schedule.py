"""Which send may start next: an index over the sends, made anew at every restore.

Sends that belong together form a lane: of a lane one is under way at a time, replies in the order in
which they were asked for (a reply that must be tried again holds up the replies behind it), notices
whenever they are due. The sends at the head of their lanes queue for their account; an account has so
many attempts at once as its shell can call at once, so that no attempt waits away its lease. The first
of an account's queue has its deadline on the wheel, and it alone.
"""

from __future__ import annotations

import heapq

from proto.v1.notices_pb2 import SEND_KIND_NOTICE
from services.kernel.deadlines import Deadlines
from services.notify.send import Send

ACCOUNT_IN_FLIGHT_MAX = 16
"""Attempts at once for one account or webhook. At 0.3 s a call it takes 50 sends a second."""


class _Account:
    __slots__ = ("armed", "in_flight", "queue")

    def __init__(self) -> None:
        self.in_flight = 0
        self.queue: list[tuple[int, int, str]] = []
        self.armed = ""


class Schedule:
    """Told of every change of a send; keeps the wheel's "send:" and "lease:" deadlines."""

    __slots__ = ("_accounts", "_heads", "_lanes", "_sends", "_wheel")

    def __init__(self, sends: dict[str, Send], wheel: Deadlines) -> None:
        self._sends = sends
        self._wheel = wheel
        self._lanes: dict[str, list[str]] = {}
        self._heads: dict[str, str] = {}
        self._accounts: dict[str, _Account] = {}
        for send in sorted(sends.values(), key=lambda each: each.number):
            self._lanes.setdefault(send.lane, []).append(send.send_id)
            if send.lease_ms:
                self._accounts.setdefault(send.account, _Account()).in_flight += 1
                wheel.set("lease:" + send.send_id, send.lease_ms)
        for lane in self._lanes:
            self._settle(lane)

    def idle(self, send: Send) -> bool:
        """Whether a send that is not in yet could start at once."""
        account = self._accounts.get(send.account)
        return send.lane not in self._lanes and (
            account is None or (account.in_flight < ACCOUNT_IN_FLIGHT_MAX and not account.armed)
        )

    def add(self, send: Send) -> None:
        """A send is asked for."""
        self._lanes.setdefault(send.lane, []).append(send.send_id)
        self._settle(send.lane)

    def start(self, send: Send, lease_ms: int) -> None:
        """An attempt begins."""
        if send.lease_ms == 0:
            self._accounts.setdefault(send.account, _Account()).in_flight += 1
        send.lease_ms = lease_ms
        self._wheel.set("lease:" + send.send_id, lease_ms)
        self._settle(send.lane)
        self._arm(send.account)

    def wait(self, send: Send, due_ms: int) -> None:
        """It is tried (again) when it is due."""
        self._land(send)
        send.due_ms = due_ms
        self._settle(send.lane)
        self._arm(send.account)

    def remove(self, send: Send) -> None:
        """It is at its end. The caller has taken it out of the sends."""
        self._land(send)
        members = self._lanes[send.lane]
        members.remove(send.send_id)
        if not members:
            del self._lanes[send.lane]
            self._heads.pop(send.lane, None)
        else:
            self._settle(send.lane)
        self._arm(send.account)

    def _land(self, send: Send) -> None:
        if send.lease_ms:
            self._accounts[send.account].in_flight -= 1
            send.lease_ms = 0
            self._wheel.drop("lease:" + send.send_id)

    def _head(self, members: list[str]) -> Send | None:
        """What goes next: the first reply or the notice that is due first; none while one is under way."""
        best: Send | None = None
        reply_seen = False
        for send_id in members:
            send = self._sends[send_id]
            if send.lease_ms:
                return None
            if send.kind != SEND_KIND_NOTICE:
                if reply_seen:
                    continue
                reply_seen = True
            if best is None or (send.due_ms, send.number) < (best.due_ms, best.number):
                best = send
        return best

    def _settle(self, lane: str) -> None:
        head = self._head(self._lanes[lane])
        old = self._sends.get(self._heads.get(lane, ""))
        if head is None:
            self._heads.pop(lane, None)
        else:
            self._heads[lane] = head.send_id
            account = self._accounts.setdefault(head.account, _Account())
            heapq.heappush(account.queue, (head.due_ms, head.number, head.send_id))
            self._arm(head.account)
        if old is not None and old is not head:
            self._arm(old.account)

    def _arm(self, name: str) -> None:
        """Put the first of the account's queue on the wheel, if it may start one more."""
        account = self._accounts.get(name)
        if account is None:
            return
        queue = account.queue
        while queue:
            due_ms, _, send_id = queue[0]
            send = self._sends.get(send_id)
            if (
                send is not None
                and send.due_ms == due_ms
                and not send.lease_ms
                and self._heads.get(send.lane) == send_id
            ):
                break
            heapq.heappop(queue)
        armed = "send:" + queue[0][2] if queue and account.in_flight < ACCOUNT_IN_FLIGHT_MAX else ""
        if account.armed and account.armed != armed:
            self._wheel.drop(account.armed)
        account.armed = armed
        if armed:
            self._wheel.set(armed, queue[0][0])
        elif not queue and not account.in_flight:
            del self._accounts[name]
