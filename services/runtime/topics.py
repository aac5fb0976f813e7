"""`python -m services.runtime.topics`: makes the topics of an installation and checks their settings.

    python -m services.runtime.topics [--check]

Makes what is missing (not with --check), then compares every topic with what the log's protocol and the
promises rest on, and says each difference in a line. Exit code 1 if there is one. Nothing that exists is
ever changed: a wrong retention may have deleted records already, and only an operator can judge that.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from services.kernel.errors import Busy, CentralaError, Invalid
from services.kernel.limits import BATCH_BYTES_MAX, DAY_MS, HOUR_MS, MINUTE_MS
from services.runtime import kafka_rights
from services.runtime.event_log import MAILBOX_TOPICS, OWNED_TOPICS
from services.runtime.kafka_access import CONNECT_TIMEOUT_S, KafkaAccess
from services.runtime.kafka_trouble import refusal, trouble
from services.runtime.kafka_wire import NOT_NOW
from services.runtime.settings import Settings, unknown

KEYS, SNAPSHOTS = "keys", "snapshots"
COMPACTED_TOPICS = (KEYS, SNAPSHOTS)
TOPICS = (*MAILBOX_TOPICS, *OWNED_TOPICS, *COMPACTED_TOPICS)
TOPIC_EXISTS = 36
"""Kafka's error code when somebody else made the topic a moment before."""
APPEARS_WITHIN_S = 10.0
LOOK_AGAIN_S = 0.05
CHECKED_WITHIN_S = 30.0
"""How long brokers may take to tell of the topics: one that died is replaced within 3 s or so."""

_LOG_TIME = "promises are judged by the log's own clock, and idempotence rests on it"
_FOR_EVER = "the log is the truth and is kept for ever"
_OWN_PACE = "nothing may be deleted that ingest has not read; it deletes records itself, days later"
_ERASURE = "a deleted key must be gone from the disk within a day"


@dataclass(frozen=True, slots=True)
class Rule:
    """A setting of a topic. `value`: what it must be; with `most` or `least` another number may do.
    `why`: what goes wrong otherwise."""

    name: str
    value: str
    why: str
    least: int | None = None
    most: int | None = None

    def broken(self, found: str) -> bool:
        """Whether a topic's setting breaks the rule."""
        if self.least is None and self.most is None:
            return found != self.value
        number = int(found)
        return (self.least is not None and number < self.least) or (
            self.most is not None and number > self.most
        )

    def wanted(self) -> str:
        """What must be, in words."""
        if self.least is not None and self.most is not None:
            return f"{self.least} to {self.most}"
        if self.least is not None:
            return f"at least {self.least}"
        return self.value if self.most is None else f"at most {self.most}"


def rules(topic: str, replication: int) -> tuple[Rule, ...]:
    """What must hold for a topic (DESIGN of the log: ARCHITECTURE, "The log on Kafka")."""
    quorum = replication // 2 + 1
    always = (
        Rule("message.timestamp.type", "LogAppendTime", _LOG_TIME),
        Rule("min.insync.replicas", str(quorum), "acknowledged means that a majority has it", least=quorum),
        Rule("unclean.leader.election.enable", "false", "a broker that lags would throw records away"),
        Rule("max.message.bytes", "1048588", "a batch must fit", least=BATCH_BYTES_MAX + 10_000),
    )
    if topic in COMPACTED_TOPICS:
        compact = Rule("cleanup.policy", "compact", "only the newest of each key is needed, and that always")
        if topic == SNAPSHOTS:
            return (*always, compact, Rule("segment.bytes", str(64 << 20), "old ones must go", most=1 << 30))
        return (
            *always,
            compact,
            Rule("max.compaction.lag.ms", str(DAY_MS // 2), _ERASURE, least=1, most=DAY_MS),
            Rule("delete.retention.ms", str(HOUR_MS), _ERASURE, least=MINUTE_MS, most=DAY_MS),
        )
    kept = "an hour is enough" if topic == "presence" else _OWN_PACE if topic == "inbound" else _FOR_EVER
    delete = Rule("cleanup.policy", "delete", "compaction would make holes in the history")
    by_size = Rule("retention.bytes", "-1", kept)
    if topic == "presence":
        retention = Rule("retention.ms", str(HOUR_MS), kept, least=MINUTE_MS, most=DAY_MS)
        return (*always, delete, by_size, retention, Rule("segment.ms", str(10 * MINUTE_MS), kept, least=1))
    return (*always, delete, by_size, Rule("retention.ms", "-1", kept))


def differences(name: str, wanted: Sequence[Rule], values: Mapping[str, str]) -> list[str]:
    """Which settings of a topic break a rule, one line each."""
    found = []
    for rule in wanted:
        value = values.get(rule.name)
        if value is None:
            found.append(
                f"{name}: brokers do not tell its {rule.name}: CENTRALA_KAFKA_USER needs the right to"
                " describe the settings of topics (DescribeConfigs)"
            )
        elif rule.broken(value):
            found.append(f"{name}: {rule.name} is {value}, must be {rule.wanted()}: {rule.why}")
    return found


class Topics:
    """All topics of an installation."""

    def __init__(self, access: KafkaAccess, partitions: int, replication: int) -> None:
        self._access = access
        self._partitions = partitions
        self._replication = replication

    async def make(self, topics: Sequence[str] = TOPICS) -> list[str]:
        """Make what is missing; the full names of what was made. Raises Invalid as brokers refuse, or where
        topics that are there have another number of partitions: then nothing is made."""
        async with _Admin(self._access) as admin:
            names = [self._access.topic(topic) for topic in topics]
            if lacks := await kafka_rights.missing(admin, names, self._access.topic("inbound")):
                raise Invalid("nothing is made: " + "; ".join(lacks))
            there = set(await admin.list_topics())
            missing = [topic for topic in topics if self._access.topic(topic) not in there]
            if missing:
                others = [name for name in map(self._access.topic, TOPICS) if name in there]
                await self._create(admin, missing, await self._layout(admin, others))
        return [self._access.topic(topic) for topic in missing]

    async def _layout(self, admin: Any, others: list[str]) -> dict[int, list[int]]:
        """Where the partitions of one of the topics that there are lie; empty: there is none."""
        found = await admin.describe_topics(others) if others else []
        for topic in found:
            count = len(topic["partitions"])
            if count != self._partitions:
                raise Invalid(
                    f"nothing is made: CENTRALA_PARTITIONS is {self._partitions}, and {topic['topic']} has"
                    f" {count} partitions. They are fixed when the installation is made: set"
                    f" CENTRALA_PARTITIONS={count}, or delete the topic if nothing was ever taken in"
                )
        for topic in found:
            return {one["partition"]: list(one["replicas"]) for one in topic["partitions"]}
        return {}

    async def _create(self, admin: Any, missing: list[str], there: dict[int, list[int]]) -> None:
        brokers = (await admin.describe_cluster())["brokers"]
        placed = placement(brokers, self._partitions, self._replication, there)
        counts = (-1, -1) if placed else (self._partitions, self._replication)
        wanted = [
            NewTopic(
                self._access.topic(topic),
                *counts,
                replica_assignments=placed,
                topic_configs={rule.name: rule.value for rule in rules(topic, self._replication)},
            )
            for topic in missing
        ]
        answer = await admin.create_topics(wanted)
        for name, error, *text in answer.topic_errors:
            if error in kafka_rights.REFUSED:
                raise Invalid(f"{name} cannot be made: {kafka_rights.lacking(['Create'], 'it')}")
            if error not in (0, TOPIC_EXISTS):
                why = (text and text[0]) or f"error {error}"
                raise Invalid(f"{name} cannot be made: {why}")
        async with asyncio.timeout(APPEARS_WITHIN_S):
            while not await self._led(admin, [one.name for one in wanted]):
                await asyncio.sleep(LOOK_AGAIN_S)

    async def _led(self, admin: Any, names: list[str]) -> bool:
        """Whether every partition of these topics has a leader already."""
        found = await admin.describe_topics(names)
        return all(
            not topic["error_code"]
            and len(topic["partitions"]) == self._partitions
            and all(partition["leader"] >= 0 for partition in topic["partitions"])
            for topic in found
        )

    async def trouble(self) -> str:
        """Why brokers cannot be used; "" where they can."""
        return await trouble(self._access)

    async def problems(self) -> list[str]:
        """What is wrong, one line each; empty when the installation may run."""
        async with _Admin(self._access) as admin:
            names = {self._access.topic(topic): topic for topic in TOPICS}
            there = {one["topic"]: one for one in await admin.describe_topics(list(names))}
            found = await kafka_rights.missing(admin, list(names), self._access.topic("inbound"))
            if found:
                return found  # whose answers on the rest would leave something out
            for name in names:
                if name not in there or there[name]["error_code"]:
                    found.append(f"{name} is missing: python -m services.runtime.topics makes it")
                    del there[name]
            for name, described in there.items():
                found += self._shape(name, described["partitions"])
            settings = await _settings(admin, list(there))
        for name, values in settings.items():
            found += differences(name, rules(names[name], self._replication), values)
        return sorted(found)

    def _shape(self, name: str, partitions: list[dict[str, Any]]) -> list[str]:
        found = []
        if len(partitions) != self._partitions:
            found.append(
                f"{name} has {len(partitions)} partitions, must have {self._partitions}"
                " (CENTRALA_PARTITIONS): they are fixed when the installation is made, and partition i of"
                " all topics belongs together"
            )
        fewest = min((len(partition["replicas"]) for partition in partitions), default=0)
        if fewest < self._replication:
            found.append(
                f"{name} is kept by {fewest} brokers, must be by {self._replication} (CENTRALA_REPLICATION):"
                " what is acknowledged must survive the loss of one"
            )
        return found


async def check(topics: Topics, within_s: float = CHECKED_WITHIN_S) -> None:
    """Raise Invalid that names everything that is wrong with the topics, Busy if brokers do not say: one
    that is frozen or restarts is asked again."""
    failure: Exception = TimeoutError()
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    found = await topics.problems()
                    break
                except NOT_NOW as error:
                    failure = error
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        why = await topics.trouble() or repr(failure)
        raise Busy(f"brokers do not say how the topics are: {why}") from failure
    if found:
        raise Invalid("the topics are not as they must be:\n  " + "\n  ".join(found))


def placement(
    brokers: Sequence[Mapping[str, Any]],
    partitions: int,
    replication: int,
    there: Mapping[int, list[int]] | None = None,
) -> dict[int, list[int]] | None:
    """Which brokers keep each partition, its leader first: the same for all topics.

    Whoever serves partition i reads and writes it in several topics. With one leader for all of them a
    fetch asks one broker instead of three, and what followers copy travels together. Copies lie in as many
    racks as there are. None: there are too few brokers, which Kafka says best itself.

    there: how an older topic lies. It is followed, unless a copy of it lies where no broker is, or two in one
    rack while another has none.
    """
    rack_of = {int(one["node_id"]): one["rack"] or "" for one in brokers}
    racks: dict[str, list[int]] = {}
    for node in sorted(rack_of):
        racks.setdefault(rack_of[node], []).append(node)
    ring = [node for row in zip_longest(*racks.values()) for node in row if node is not None]
    if len(ring) < replication:
        return None
    if there and len(there) == partitions and _is_spread(there, rack_of, replication):
        return dict(there)
    return {n: _copies(ring, rack_of, n)[:replication] for n in range(partitions)}


def _is_spread(there: Mapping[int, list[int]], rack_of: Mapping[int, str], replication: int) -> bool:
    """Whether every partition has so many copies, on brokers there are, in as many racks as can be."""
    wide = min(replication, len(set(rack_of.values())))
    return all(
        len(nodes) == replication
        and rack_of.keys() >= set(nodes)
        and len({rack_of[node] for node in nodes}) == wide
        for nodes in there.values()
    )


def _copies(ring: Sequence[int], rack_of: Mapping[int, str], partition: int) -> list[int]:
    """Brokers for a partition's copies: first one of each rack. Whose turn it is to follow changes with each
    time around the ring, so that what one broker leads does not all fall to the same other."""
    at, turn = partition % len(ring), partition // len(ring)
    others = [*ring[at + 1 :], *ring[:at]]
    turn %= max(1, len(others))
    firsts: dict[str, int] = {}
    more = []
    for node in (ring[at], *others[turn:], *others[:turn]):
        if firsts.setdefault(rack_of[node], node) != node:
            more.append(node)
    return [*firsts.values(), *more]


class _Admin:
    """An admin client that is connected, or Invalid."""

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._client = AIOKafkaAdminClient(**access.options())

    async def __aenter__(self) -> Any:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._client.start()
        except NOT_NOW as error:
            await self._client.close()
            raise await refusal(self._access) from error
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


async def _settings(admin: Any, names: list[str]) -> Mapping[str, Mapping[str, str]]:
    """The settings in force of these topics, defaults included."""
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }


async def run(settings: Settings, only_check: bool) -> list[str]:
    """Make and check; what is wrong. Raises Busy where brokers do not do it."""
    topics = Topics(KafkaAccess.of(settings), settings.partitions, settings.replication)
    try:
        if not only_check:
            for name in await topics.make():
                print(f"made {name}: {settings.partitions} partitions on {settings.replication} brokers")
        return await topics.problems()
    except NOT_NOW as error:
        why = await topics.trouble() or repr(error)
        raise Busy(f"brokers did not do it: {why}. What was made stays: run this again") from error


def main(arguments: list[str]) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m services.runtime.topics", description="Make and check the topics in Kafka."
    )
    parser.add_argument("--check", action="store_true", help="make nothing")
    given = parser.parse_args(arguments)
    for line in unknown(os.environ):
        print(f"centrala: {line}", file=sys.stderr)
    try:
        found = asyncio.run(run(Settings.from_environment(os.environ), given.check))
    except CentralaError as error:
        print(f"centrala: {error}", file=sys.stderr)
        return 1
    for line in found:
        print(line)
    if not found:
        print("all topics are as they must be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
