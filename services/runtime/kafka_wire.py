"""Kafka's requests that the log needs beside producing: leaders, offsets, fetches.

The consumer of aiokafka polls in the background, so nobody can tell whether a record was there when a
fetch began, and every request lists every partition. Here each fetch is one request that is sent when it
is asked for, over a connection that only its reader waits on; long polls use fetch sessions (KIP-227), so
that a request lists only what has moved. Everything else (connections, versions, security, metadata) is
aiokafka's client.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition as KafkaPartition
from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request
from aiokafka.protocol.fetch import FetchRequest_v11
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from services.kernel.errors import Busy, Corrupt, Invalid
from services.runtime.event_log import TopicPartition
from services.runtime.kafka_access import CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_MS, KafkaAccess
from services.runtime.kafka_trouble import refusal

PARTITION_BYTES_MAX = 1 << 20
"""What one fetch takes of a partition; a larger record comes alone."""
FETCH_BYTES_MAX = 8 << 20
"""What one fetch takes in all."""
RETRY_S = 0.1
"""Between two trials while a partition has no leader."""
EARLIEST, LATEST = -2, -1
"""Times that stand for the first and the next offset (ListOffsets)."""
OUT_OF_RANGE = 1
SESSION_ERRORS = (70, 71)
"""FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH: begin a new session."""
STALE = (3, 5, 6, 9, 56, 74, 75, 76, 78, 100)
"""Errors of a partition that go away with fresh metadata: no leader, not the leader, a moving log."""

NOT_NOW: tuple[type[Exception], ...] = (errors.KafkaError, OSError, AssertionError)
"""What a request may end with while brokers come and go."""
LATER: tuple[type[Exception], ...] = (*NOT_NOW, Busy)
"""The same, and what is made of it here."""


class Found(NamedTuple):
    """What a fetch says of one partition: its records (of aiokafka), its end, its error code."""

    records: list[Any]
    end: int
    error: int


class Session:
    """A fetch session with one broker (KIP-227): what was asked before is not asked again."""

    __slots__ = ("_asked", "_epoch", "_id")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: the next request lists everything."""
        self._id = 0
        self._epoch = 0
        self._asked: dict[TopicPartition, int] = {}

    def changed(self, wanted: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Of the wanted positions those that the broker does not know."""
        if self._epoch == 0:
            return dict(wanted)
        return {place: at for place, at in wanted.items() if self._asked.get(place) != at}

    def place(self) -> tuple[int, int]:
        """The session's id and epoch for the next request."""
        return self._id, self._epoch

    def answered(self, session_id: int, wanted: Mapping[TopicPartition, int]) -> None:
        """The broker knows these positions now; id 0: it keeps no session for us."""
        if session_id == 0:
            self.reset()
            return
        self._id = session_id
        self._epoch += 1
        self._asked = dict(wanted)


class _Fetch(Request[FetchRequest_v11]):  # type: ignore[misc]  # aiokafka has no types
    """A fetch with a session; aiokafka's own builder knows none."""

    API_KEY = 1

    def __init__(self, *fields: Any) -> None:
        self._fields = fields

    def build(self, request_struct_class: type[FetchRequest_v11]) -> FetchRequest_v11:
        """The request in the one version that we speak (Kafka 2.4 and newer)."""
        return request_struct_class(*self._fields)


class Wire:
    """One client for a process: its metadata, and requests to the leaders of partitions."""

    def __init__(self, access: KafkaAccess) -> None:
        self.access = access
        self._client = AIOKafkaClient(**access.options())
        self._names: dict[str, str] = {}

    async def open(self) -> None:
        """Connect. Raises Invalid if no broker answers."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._client.bootstrap()
        except NOT_NOW as error:
            await self.close()
            raise await refusal(self.access) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises Invalid if there is no such topic."""
        name = self._full(topic)
        try:
            return len(await self._client._wait_on_metadata(name))
        except errors.UnknownTopicOrPartitionError as error:
            make = "python -m services.runtime.topics makes it"
            raise Invalid(f"Kafka has no topic {name}: {make}") from error

    async def leaders(self, places: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
        """The leading broker of each partition. Raises Busy while one has none, Invalid without such a
        partition."""
        found: dict[int, list[TopicPartition]] = defaultdict(list)
        for place in places:
            count = await self.partitions(place.topic)
            if not 0 <= place.partition < count:
                name = self._full(place.topic)
                raise Invalid(f"{name} has {count} partitions, there is no {place.partition}")
            leader = self._client.cluster.leader_for_partition(
                KafkaPartition(self._full(place.topic), place.partition)
            )
            if leader is None or leader == -1:
                await self.refresh()
                raise Busy(f"{place.topic}/{place.partition} has no leader")
            found[leader].append(place)
        return found

    async def refresh(self) -> None:
        """Ask anew who leads what, and give the brokers a moment."""
        self._client.force_metadata_update()
        await asyncio.sleep(RETRY_S)

    async def offset(self, place: TopicPartition, which: int) -> int:
        """The EARLIEST or LATEST offset of a partition. Raises Busy if no leader says in time."""
        return (await self.offsets([place], which))[place]

    async def offsets(self, places: Collection[TopicPartition], which: int) -> dict[TopicPartition, int]:
        """The same of many, by one request to each broker. Raises Busy if a leader does not say in time."""
        failure: Exception = TimeoutError()
        found: dict[TopicPartition, int] = {}
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                while missing := [place for place in places if place not in found]:
                    try:
                        for node, led in (await self.leaders(missing)).items():
                            found |= await self._offsets(node, led, which)
                    except LATER as error:
                        failure = error
                        await self.refresh()
        except TimeoutError:
            where = ", ".join(f"{topic}/{n}" for topic, n in places if TopicPartition(topic, n) not in found)
            raise Busy(f"{where}: its leader does not answer: {failure!r}") from None
        return found

    async def _offsets(
        self, node: int, places: Collection[TopicPartition], which: int
    ) -> dict[TopicPartition, int]:
        topics: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place in places:
            topics[self._full(place.topic)].append((place.partition, which))
        answer = await self._client.send(node, OffsetRequest(-1, 0, list(topics.items())))
        found = {}
        for name, partitions in answer.topics:
            for partition, error, _, offset in partitions:
                if error:
                    raise errors.for_code(error)()
                found[TopicPartition(self._names[name], partition)] = int(offset)
        return found

    async def fetch(
        self, node: int, wanted: Mapping[TopicPartition, int], wait_ms: int, channel: object, session: Session
    ) -> dict[TopicPartition, Found]:
        """What a broker has of its partitions from these offsets on; waits up to `wait_ms` for the first
        record. Partitions without news may be missing. Raises one of NOT_NOW.

        channel: who waits on whom: requests of one channel are answered one after the other.
        """
        answer = await self._asked(node, wanted, wait_ms, channel, session)
        if answer.error_code in SESSION_ERRORS:  # and not "nothing is there", which an empty answer says
            session.reset()
            answer = await self._asked(node, wanted, wait_ms, channel, session)
        if answer.error_code:
            session.reset()
            raise errors.for_code(answer.error_code)()
        session.answered(answer.session_id, wanted)
        found = {}
        for name, partitions in answer.topics:
            topic = self._names[name]
            for partition, error, end, _, _, _, _, raw in partitions:
                place = TopicPartition(topic, partition)
                found[place] = Found(_parsed(place, raw, wanted[place]) if raw else [], end, error)
        return found

    async def _asked(
        self, node: int, wanted: Mapping[TopicPartition, int], wait_ms: int, channel: object, session: Session
    ) -> Any:
        """One fetch; its answer."""
        topics: dict[str, list[tuple[int, int, int, int, int]]] = defaultdict(list)
        for place, at in session.changed(wanted).items():
            topics[place.topic].append((place.partition, -1, at, -1, PARTITION_BYTES_MAX))
        named = [(self._full(topic), listed) for topic, listed in topics.items()]
        place_in_session = session.place()
        request = _Fetch(-1, wait_ms, 1, FETCH_BYTES_MAX, 0, *place_in_session, named, [], "")
        return await self._client.send(node, request, group=channel)

    async def hang_up(self, channel: object) -> None:
        """Close the connections of a channel; what was asked on it is not answered any more."""
        connections = self._client._conns
        for key in [key for key in connections if key[1] == channel]:
            await connections.pop(key).close()

    def _full(self, topic: str) -> str:
        name = self.access.topic(topic)
        self._names[name] = topic
        return name


def _parsed(place: TopicPartition, raw: bytes, start: int) -> list[Any]:
    """The records of a fetch from `start` on; the last batch may be cut off, and the first begin before.
    Raises Corrupt if bytes were damaged on the way."""
    records: list[Any] = []
    batches = MemoryRecords(raw)
    while batches.has_next():
        batch = batches.next_batch()
        if not batch.validate_crc():
            raise Corrupt(f"{place.topic}/{place.partition}: a batch behind {start} is damaged")
        if not batch.is_control_batch:
            records += [record for record in batch if record.offset >= start]
    return records
