"""The group as a hint: who asks whether they are still in it changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import KafkaError

from bench.brokers import Cluster
from services.runtime.kafka_access import KafkaAccess
from services.runtime.membership import Membership
from tests.contracts.kafka_harness import installed

pytestmark = pytest.mark.servers
WITHIN_S = 60


@asynccontextmanager
async def member(access: KafkaAccess) -> AsyncIterator[Membership]:
    """Somebody who joins the group, and leaves it afterwards."""
    made = Membership(access, "conversations")
    try:
        await made.join()
        yield made
    finally:
        await made.leave()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds; with a deadline."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_asking_during_a_join_does_not_undo_it(broker: Cluster) -> None:
    """A member that asks the group again and again while it joins is confirmed by that very join: nobody has
    to join once more."""
    access = await installed(broker, ("conversations",))
    async with member(access) as first:
        await until(lambda: bool(first.assigned))
        async with member(access) as second, asyncio.timeout(WITHIN_S):
            while not await second.confirmed():
                await asyncio.sleep(0.01)
            await until(lambda: not first.assigned & second.assigned)
            generations = {one._consumer._coordinator.generation for one in (first, second)}
            assert generations == {2}
            assert await first.confirmed()


async def test_a_look_at_a_group_that_was_left_is_nothing(broker: Cluster) -> None:
    """Whoever still looks when the process has left, even before it was a member, is not ended by it."""
    left = Membership(await installed(broker, ("conversations",)), "conversations")
    await left.leave()
    left.look()


async def test_the_client_goes_on_after_an_error_that_it_waits_to_be_heard(broker: Cluster) -> None:
    """The client stops until somebody hears of an error; a look does, and has it join again."""
    access = await installed(broker, ("conversations",))
    async with member(access) as only, asyncio.timeout(WITHIN_S):
        await until(lambda: bool(only.assigned))
        coordinator = only._consumer._coordinator
        heard = asyncio.ensure_future(coordinator._push_error_to_user(KafkaError("a test's")))
        only.look()
        await heard
        await until(lambda: coordinator.generation == 2)
        while not await only.confirmed():
            await asyncio.sleep(0.01)


async def test_a_member_asks_nobody_where_a_log_ends(broker: Cluster) -> None:
    """The client has a place in each partition as soon as they are assigned, and so never asks their leaders,
    of whom one that has just lost its partitions is asked, and written about as an error, again and again."""
    access = await installed(broker, ("conversations",))
    async with member(access) as only:
        await until(lambda: bool(only.assigned))
        assignment = only._consumer._subscription.subscription.assignment
        assert all(assignment.state_value(place).has_valid_position for place in assignment.tps)
