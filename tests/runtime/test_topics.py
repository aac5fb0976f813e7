"""The topics of an installation on a real broker: made as they must be, else refused in words."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import RequestTimedOutError

from bench.brokers import Cluster
from services.kernel.errors import Busy, Invalid
from services.runtime.kafka_access import KafkaAccess
from services.runtime.topics import TOPICS, Topics, check, differences, placement, rules
from tests.contracts.harness import ROOT
from tests.contracts.kafka_harness import installation

pytestmark = pytest.mark.servers
OF_THE_TOPIC = 1
"""Kafka's mark of a setting that is the topic's own and no default."""
WITHIN_S = 20


async def alter(access: KafkaAccess, topic: str, name: str, value: str) -> None:
    """Change one setting of a topic, as an operator would by mistake. The others fall back to defaults."""
    admin = AIOKafkaAdminClient(**access.options())
    await admin.start()
    full = access.topic(topic)
    own = {entry[0]: entry[1] for entry in await described(admin, full) if entry[3] == OF_THE_TOPIC}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, full, own | {name: value})])
    async with asyncio.timeout(WITHIN_S):
        while not any(entry[:2] == (name, value) for entry in await described(admin, full)):
            await asyncio.sleep(0.01)
    await admin.close()


async def described(admin: AIOKafkaAdminClient, name: str) -> list[tuple[str, str, bool, int]]:
    """A topic's settings as the broker has them now: name, value, read-only, where it comes from."""
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    return [tuple(entry[:4]) for entry in answer.resources[0][4]]


async def make_by_hand(access: KafkaAccess, topic: str, partitions: int) -> None:
    """Make a topic with Kafka's defaults, as somebody would with its own tools."""
    admin = AIOKafkaAdminClient(**access.options())
    await admin.start()
    await admin.create_topics([NewTopic(access.topic(topic), partitions, 1)])
    async with asyncio.timeout(WITHIN_S):
        while access.topic(topic) not in await admin.list_topics():
            await asyncio.sleep(0.01)
    await admin.close()


async def run(access: KafkaAccess, *arguments: str) -> tuple[int, list[str]]:
    """The program as an operator runs it."""
    environment = os.environ | {
        "CENTRALA_KAFKA": access.servers,
        "CENTRALA_KAFKA_PREFIX": access.prefix,
        "CENTRALA_PARTITIONS": "2",
        "CENTRALA_REPLICATION": "1",
    }
    command = [sys.executable, "-m", "services.runtime.topics", *arguments]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE)
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode().splitlines()


async def test_topics_are_made_once_and_pass(broker: Cluster) -> None:
    """The program makes all topics, finds them good, and changes nothing when it runs again."""
    access = installation(broker)
    code, lines = await run(access, "--check")
    assert code == 1
    assert len(lines) == len(TOPICS)
    assert f"{access.prefix}keys is missing: python -m services.runtime.topics makes it" in lines
    code, lines = await run(access)
    assert code == 0
    assert f"made {access.prefix}routing: 2 partitions on 1 brokers" in lines
    assert await run(access) == (0, ["all topics are as they must be"])


@pytest.mark.parametrize(
    ("topic", "name", "value", "said"),
    [
        ("routing", "retention.ms", "604800000", "must be -1: the log is the truth and is kept for ever"),
        ("sla", "retention.bytes", "1000000", "must be -1: the log is the truth"),
        (
            "inbound",
            "retention.ms",
            "86400000",
            "must be -1: nothing may be deleted that",
        ),
        ("conversations", "cleanup.policy", "compact", "must be delete: compaction would make holes"),
        ("keys", "cleanup.policy", "delete", "must be compact"),
        ("keys", "max.compaction.lag.ms", "9223372036854775807", "a deleted key must be gone from the disk"),
        ("notices", "message.timestamp.type", "CreateTime", "must be LogAppendTime: promises are judged by"),
        ("routing", "max.message.bytes", "100000", "must be at least 910000: a batch must fit"),
        ("routing", "unclean.leader.election.enable", "true", "must be false: a broker that lags"),
        ("presence", "retention.ms", "-1", "must be 60000 to 86400000: an hour is enough"),
    ],
)
async def test_a_wrong_setting_is_refused_in_words(
    broker: Cluster, topic: str, name: str, value: str, said: str
) -> None:
    """A topic with a wrong setting is named with what is, what must be, and why."""
    access = installation(broker)
    topics = Topics(access, 2, 1)
    await topics.make()
    await alter(access, topic, name, value)
    (line,) = await topics.problems()
    assert line.startswith(f"{access.prefix}{topic}: {name} is {value}, ")
    assert said in line


def test_settings_that_brokers_keep_to_themselves_are_asked_for() -> None:
    """Of a topic whose settings the user may not see it is said which right is missing."""
    wanted = rules("routing", 1)
    values = {rule.name: rule.value for rule in wanted}
    assert differences("c.routing", wanted, values) == []
    del values["retention.ms"]
    (line,) = differences("c.routing", wanted, values)
    assert line.startswith("c.routing: brokers do not tell its retention.ms")
    assert "DescribeConfigs" in line


async def test_wrong_partitions_are_refused(broker: Cluster) -> None:
    """Topics with another number of partitions than the setting says, even one of them, stop the start."""
    access = installation(broker)
    await Topics(access, 2, 1).make(TOPICS[1:])
    await make_by_hand(access, TOPICS[0], 3)
    with pytest.raises(Invalid, match="has 3 partitions, must have 2"):
        await check(Topics(access, 2, 1))
    found = await Topics(access, 4, 1).problems()
    assert sum("must have 4" in line for line in found) == len(TOPICS)


async def test_what_a_release_adds_has_as_many_partitions_as_the_rest(broker: Cluster) -> None:
    """Where topics are there already, a missing one is not made with another number of partitions: nobody
    could ever change it. Nothing is made, and the number to be set is said."""
    access = installation(broker)
    await Topics(access, 2, 1).make(TOPICS[1:])
    with pytest.raises(Invalid, match="set CENTRALA_PARTITIONS=2"):
        await Topics(access, 3, 1).make()
    (line,) = await Topics(access, 2, 1).problems()
    assert line == f"{access.prefix}{TOPICS[0]} is missing: python -m services.runtime.topics makes it"


async def test_a_misspelt_setting_is_told_before_topics_are_made(broker: Cluster) -> None:
    """The number of partitions is for ever, so the program says of a misspelt one that it is none."""
    environment = os.environ | {"CENTRALA_KAFKA": broker.address, "CENTRALA_PARTITION": "8"}
    command = [sys.executable, "-m", "services.runtime.topics", "--check"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE
    )
    _, errors = await process.communicate()
    assert "CENTRALA_PARTITION is not a setting" in errors.decode()
    assert "did you mean CENTRALA_PARTITIONS?" in errors.decode()


async def test_too_few_replicas_are_refused(broker: Cluster) -> None:
    """Topics kept by fewer brokers than wanted, or acknowledged by fewer than a majority, are refused."""
    access = installation(broker)
    await Topics(access, 1, 1).make()
    found = await Topics(access, 1, 3).problems()
    assert sum("is kept by 1 brokers, must be by 3" in line for line in found) == len(TOPICS)
    assert sum("min.insync.replicas is 1, must be at least 2" in line for line in found) == len(TOPICS)


async def test_more_replicas_than_brokers_cannot_be_had(broker: Cluster) -> None:
    """Making topics on more brokers than there are fails in the broker's own words."""
    with pytest.raises(Invalid, match="cannot be made"):
        await Topics(installation(broker), 1, 3).make()


async def test_a_topic_made_by_hand_is_checked_like_any(broker: Cluster) -> None:
    """A topic that somebody made with Kafka's defaults is not taken for good because it exists."""
    access = installation(broker)
    await make_by_hand(access, "routing", 2)
    topics = Topics(access, 2, 1)
    await topics.make()
    found = await topics.problems()
    assert {line.split(" is ")[0] for line in found} == {
        f"{access.prefix}routing: message.timestamp.type",
    }


class Shaken(Topics):
    """Topics of brokers that do not answer the first times they are asked."""

    def __init__(self, silent: int) -> None:
        super().__init__(KafkaAccess("127.0.0.1:1"), 1, 1)
        self._silent = silent

    async def problems(self) -> list[str]:
        """See Topics."""
        self._silent -= 1
        if self._silent >= 0:
            raise RequestTimedOutError
        return []


async def test_a_broker_that_does_not_answer_is_asked_again() -> None:
    """A process that starts while a broker is frozen or restarts goes on as soon as another one answers; if
    none does, it says so in plain words."""
    await check(Shaken(2))
    with pytest.raises(Busy, match="do not say how the topics are"):
        await check(Shaken(1_000), within_s=0.1)


def brokers(racks: Mapping[int, str | None]) -> list[dict[str, Any]]:
    """As a cluster describes them."""
    return [{"node_id": node, "rack": rack} for node, rack in racks.items()]


def test_a_partition_of_all_topics_lies_on_the_same_brokers() -> None:
    """The placement depends on the brokers and the partition alone; each broker leads as many as the others,
    and what it leads falls to all the others by turns."""
    plain = brokers({3: None, 1: None, 2: None})
    assert placement(plain, 4, 3) == {0: [1, 2, 3], 1: [2, 3, 1], 2: [3, 1, 2], 3: [1, 3, 2]}
    assert placement(plain, 4, 5) is None
    assert placement(brokers({7: None}), 2, 1) == {0: [7], 1: [7]}
    many = placement(brokers(dict.fromkeys(range(6))), 60, 3)
    assert many is not None
    assert Counter(nodes[0] for nodes in many.values()) == dict.fromkeys(range(6), 10)
    assert {nodes[1] for nodes in many.values() if nodes[0] == 1} == {0, 2, 3, 4, 5}


@pytest.mark.parametrize("sizes", ["aabbcc", "aabc", "aabbc", "aaabc", "aaaabbc"])
def test_copies_lie_in_as_many_racks_as_there_are(sizes: str) -> None:
    """However many brokers each rack has, no rack has two copies of a partition while another has none."""
    racks: dict[int, str | None] = dict(enumerate(sizes))
    placed = placement(brokers(racks), 64, 3)
    assert placed is not None
    assert all({racks[node] for node in nodes} == {"a", "b", "c"} for nodes in placed.values())
    assert {nodes[0] for nodes in placed.values()} == set(racks)


def test_a_new_topic_lies_as_the_older_ones_unless_they_lie_badly() -> None:
    """What was moved by hand is followed; two copies in one rack, a broker that is not there, or another
    number of copies or partitions is not."""
    six = brokers(dict(enumerate("aabbcc")))
    usual = placement(six, 2, 3)
    moved = {0: [5, 0, 2], 1: [1, 4, 3]}
    assert placement(six, 2, 3, moved) == moved != usual
    for bad in (
        {0: [0, 1, 2], 1: [1, 4, 3]},
        {0: [5, 0, 7], 1: [1, 4, 3]},
        {0: [5, 0], 1: [1, 4]},
        {0: [5, 0, 2]},
    ):
        assert placement(six, 2, 3, bad) == usual
