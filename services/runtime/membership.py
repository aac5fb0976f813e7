"""Membership in the group of processes that serve a topic: a hint who should claim which partition.

Kafka's group coordinator notices who came and who is gone (no heartbeat for SESSION_MS) and spreads the
partitions. It does not decide who may write: claims do. So nothing happens here in a rebalance but taking
note, and no restore, however slow, ever holds up a heartbeat: those come from a task of the client's.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.protocol.group import HeartbeatRequest

from services.runtime.kafka_access import REQUEST_TIMEOUT_MS, KafkaAccess
from services.runtime.kafka_rights import GROUP_RIGHT, plain
from services.runtime.kafka_wire import NOT_NOW

SESSION_MS = 6_000
"""Without a heartbeat for so long, a process is gone and its partitions go to others."""
HEARTBEAT_MS = 500
"""How late a member learns that another has gone: comes on top of the session."""
NEVER_MS = (1 << 31) - 1
"""The client leaves a group whose records nobody polls: these are read elsewhere."""
ASKING = "asking"
"""Name of the connection on which the group is asked."""

_log = logging.getLogger(__name__)


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """One process in the group of a topic. `changed` is set whenever `assigned` may be another."""

    def __init__(self, access: KafkaAccess, topic: str) -> None:
        self.assigned: frozenset[int] = frozenset()
        self.told = False
        """Whether the group has ever said what is ours, if only that nothing is."""
        self.changed = asyncio.Event()
        self._settled = False
        self._leaving = False
        self._access = access
        self._topic = access.topic(topic)
        self._consumer: Any = AIOKafkaConsumer(
            **access.options(),
            group_id=self.group,
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=SESSION_MS,
            max_poll_interval_ms=NEVER_MS,
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )

    @property
    def group(self) -> str:
        """The group's name: the topic's."""
        return self._topic

    async def join(self) -> None:
        """Become a member; what is assigned comes later. Raises KafkaError if no broker answers."""
        await self._consumer.start()
        self._consumer.subscribe([self._topic], listener=self)

    async def leave(self) -> None:
        """Go now, so that others need not wait for the session's end; bounded in time."""
        self._leaving = True
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                await self._consumer.stop()
        except NOT_NOW as error:
            _log.warning("the group %s learns late that we are gone: %r", self.group, error)
        self.assigned = frozenset()
        self.changed.set()

    def look(self) -> None:
        """Have the client go on after an error: it waits until somebody has heard of it, and whoever polls
        no records never would. Nothing once we leave. Raises KafkaError if it cannot go on."""
        if self._leaving:  # what a client says that is being closed is a cancellation
            return
        coordinator = self._consumer._coordinator
        try:
            coordinator.check_errors()
        except errors.KafkaError as error:
            if coordinator._coordination_task.done():
                raise
            why = plain(error, GROUP_RIGHT, f"the group {self.group}")
            _log.error("the group %s is joined again after: %s", self.group, why)
            coordinator.request_rejoin()

    async def confirmed(self) -> bool:
        """Ask the group whether we are a member still: a process that was frozen does not know.

        A heartbeat, but not one of the client's own. Those stop while it joins, and an answer tells it
        what it is. One from here would wait behind the join on its connection, speak of the membership
        before it, be refused, and have the client throw away the one that it has just got: with a few
        partitions asking, again and again. So this one has a connection to itself, and the client does
        not hear of the answer; its next heartbeat, in HEARTBEAT_MS, tells it the same.
        """
        if not self._is_settled():
            return False
        coordinator = self._consumer._coordinator
        member = coordinator.generation, coordinator.member_id
        request = HeartbeatRequest(self.group, *member)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                answer = await coordinator._client.send(coordinator.coordinator_id, request, group=ASKING)
        except NOT_NOW as error:
            _log.warning("the group %s does not answer: %r", self.group, error)
            return False
        same = member == (coordinator.generation, coordinator.member_id)
        return bool(answer.error_code == 0 and same and self._is_settled())

    def _is_settled(self) -> bool:
        """Whether no rebalance is under way or due, as far as we know."""
        coordinator = self._consumer._coordinator
        return bool(
            self._settled
            and coordinator is not None
            and coordinator.coordinator_id is not None
            and not coordinator._rejoin_needed_fut.done()
        )

    async def alone(self) -> bool:
        """Whether nobody else is in the group, as far as brokers say."""
        admin = AIOKafkaAdminClient(**self._access.options())
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                await admin.start()
                answers = await admin.describe_consumer_groups([self.group])
            return all(len(group[5]) <= 1 for answer in answers for group in answer.groups)
        except NOT_NOW as error:
            _log.warning("the group %s does not answer: %r", self.group, error)
            return True
        finally:
            await admin.close()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Only take note: what we own we serve until somebody else has claimed it."""
        self._settled = False

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Take note; never more, since no heartbeat is sent meanwhile."""
        self._consumer.pause(*assigned)
        for place in assigned:
            # Without a place the client would ask leaders for one, and one that leads no longer many times
            # a second, for minutes.
            self._consumer.seek(place, 0)
        self.assigned = frozenset(place.partition for place in assigned)
        self._settled = self.told = True
        self.changed.set()
