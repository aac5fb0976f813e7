"""What users of a secured broker may do, given and taken away as Strimzi's KafkaUser writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from bench.brokers import Cluster

TYPES = {"topic": 2, "group": 3, "cluster": 4}
PATTERNS = {"literal": 3, "prefix": 4}
OPERATIONS = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Describe": 8,
    "DescribeConfigs": 10,
    "IdempotentWrite": 12,
}
ALLOW = 3
THE_CLUSTER = "kafka-cluster"
AMONG = 20

Rights = Sequence[Mapping[str, Any]]
"""The `acls` of a KafkaUser."""


def _each(user: str, rights: Rights) -> list[tuple[Any, ...]]:
    """One entry for each operation on a resource, as the requests have it."""
    found = []
    for right in rights:
        resource = right["resource"]
        name = resource.get("name", THE_CLUSTER)
        pattern = PATTERNS[resource.get("patternType", "literal")]
        where = TYPES[resource["type"]], name, pattern, f"User:{user}", "*"
        found += [(*where, OPERATIONS[operation], ALLOW) for operation in right["operations"]]
    return found


async def _asked(broker: Cluster, request: Any, outcome: str) -> None:
    """Ask over the listener that is the brokers' own, where everybody may do everything."""
    client = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{broker.port + AMONG}")
    await client.bootstrap()
    try:
        answer = await client.send(client.get_random_node(), request)
        for code, message, *_ in getattr(answer, outcome):
            assert code == 0, message
    finally:
        await client.close()


async def grant(broker: Cluster, user: str, rights: Rights) -> None:
    """Give a user these rights."""
    for one in _each(user, rights):
        await _asked(broker, CreateAclsRequest(*one), "creation_responses")


async def revoke(broker: Cluster, user: str, rights: Rights) -> None:
    """Take them away again."""
    for one in _each(user, rights):
        await _asked(broker, DeleteAclsRequest(*one), "filter_responses")
