"""What must always hold of sends (ARCHITECTURE, "What must always hold", 5 and 8).

Quiet hours are judged when a notice leaves, by the configuration that the log had by then: the state may
be ahead of what is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from proto.v1.desk_pb2 import DeskConfig
from proto.v1.notices_pb2 import SEND_KIND_NOTICE, NoticesEvent
from services.notify.quiet import quiet_until
from services.notify.state import Data, State
from services.runtime.loop import Committed

SLACK_MS = 5_000
"""How long after its lease an attempt may be without a result; as in tools/invariants."""
AT_ONCE = 5_000
"""Sends or orders that are looked at in one part: about a millisecond."""


class Invariants:
    """Watches one state of notify after the other."""

    def __init__(self) -> None:
        self._state = State(Data())
        self._desks: dict[str, DeskConfig] = {}
        self._pulled: set[str] = set()
        """Notices that leave with `sent`, since the customer fetches them."""
        self._in_quiet_hours = 0

    def restored(self, state: State) -> None:
        """A new state."""
        self._state = state
        self._desks = dict(state.configs)
        sends = state.data.sends.values()
        self._pulled = {send.send_id for send in sends if send.pulled and send.kind == SEND_KIND_NOTICE}

    def committed(self, batch: Committed) -> None:
        """Events say it all."""

    def hears(self) -> Mapping[str, Callable[[NoticesEvent], None]]:
        """Configurations, and notices on their way out."""
        return {
            "desk": self._configured,
            "requested": self._requested,
            "attempted": self._attempted,
            "sent": self._sent,
            "suppressed": lambda event: self._pulled.discard(event.suppressed.send_id),
            "failed": lambda event: self._pulled.discard(event.failed.send_id),
        }

    def rules(self) -> Mapping[str, Callable[[int], Iterator[int]]]:
        """By name, as `services.runtime.metrics.RULES` has them."""
        return {
            "send_result": self._without_result,
            "notice_quiet": lambda now_ms: iter((self._in_quiet_hours,)),
            "notice_twice": self._told_twice,
        }

    def _configured(self, event: NoticesEvent) -> None:
        desk = DeskConfig()
        desk.CopyFrom(event.desk.desk)
        self._desks[event.desk_id] = desk

    def _requested(self, event: NoticesEvent) -> None:
        requested = event.requested
        if requested.kind == SEND_KIND_NOTICE and requested.channel == "chat" and not requested.url:
            self._pulled.add(requested.send_id)

    def _attempted(self, event: NoticesEvent) -> None:
        send = self._state.data.sends.get(event.attempted.send_id)
        if send is not None and send.kind == SEND_KIND_NOTICE:
            self._leaves(event)

    def _sent(self, event: NoticesEvent) -> None:
        if event.sent.send_id in self._pulled:
            self._pulled.discard(event.sent.send_id)
            self._leaves(event)

    def _leaves(self, event: NoticesEvent) -> None:
        desk = self._desks.get(event.desk_id)
        if desk is not None:
            start_min, end_min = desk.notices.quiet_start_min, desk.notices.quiet_end_min
            until_ms = quiet_until(desk.time_zone, start_min, end_min, event.occurred_at_ms)
            self._in_quiet_hours += until_ms > 0

    def _without_result(self, now_ms: int) -> Iterator[int]:
        sends = list(self._state.data.sends.values())
        for at in range(0, len(sends), AT_ONCE):
            yield sum(0 < send.lease_ms < now_ms - SLACK_MS for send in sends[at : at + AT_ONCE])

    def _told_twice(self, now_ms: int) -> Iterator[int]:
        for desk in list(self._state.data.desks.values()):
            orders = list(desk.orders.values())
            for at in range(0, len(orders), AT_ONCE):
                told = [order.told for order in orders[at : at + AT_ONCE]]
                yield sum(len(dates) > 1 and len(set(dates)) < len(dates) for dates in told)
