"""What CENTRALA_KAFKA_USER must be allowed, and how brokers are asked whether it is.

Where rights are missing, a client learns that one request at a time, as errors that look like trouble with
topics, or as answers that leave something out. So brokers are asked at the start for all of it at once
(KIP-430). Where nothing is checked they say that everything is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

TOPIC_RIGHTS = ("Read", "Write", "DescribeConfigs")
"""What every process needs on every topic. Kafka has a right to Describe follow from any of them."""
DELETE = "Delete"
"""What it needs beside those on the mailbox, which is shortened."""
GROUP_RIGHT = "Read"
"""What an engine's process needs on its group, whose name is its topic's."""
PAGE = "docs/kafka.md, Rights"

REFUSED = (29, 30, 31)
"""TOPIC_AUTHORIZATION_FAILED and its siblings of groups and of the cluster."""
REFUSALS: tuple[type[Exception], ...] = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
)
"""The same as Kafka's client raises it. It is the cluster that refuses an idempotent producer to somebody who
may write to no topic."""
_BITS = {"Read": 3, "Write": 4, "Delete": 6, "DescribeConfigs": 10}
_UNTOLD = -(1 << 31)


def lacking(rights: Sequence[str], where: str) -> str:
    """That the user lacks rights, in words."""
    kind = "the right" if len(rights) == 1 else "the rights"
    return f"CENTRALA_KAFKA_USER needs {kind} {', '.join(rights)} on {where} ({PAGE})"


def plain(error: Exception, right: str, where: str) -> str:
    """What an error of Kafka's client is about: a missing right, or whatever it says."""
    return lacking([right], where) if isinstance(error, REFUSALS) else repr(error)


async def missing(admin: AIOKafkaAdminClient, names: Sequence[str], shortened: str) -> list[str]:
    """The rights that the user lacks on topics that there are, one line for all topics with the same ones.

    names: full names of topics; those that there are not are left out. shortened: the mailbox.
    """
    answer = await admin._send_request(_Metadata(list(names)))
    found: dict[tuple[str, ...], list[str]] = {}
    for error, name, *_, granted in answer.topics:
        if error in REFUSED:
            granted = 0
        elif error or granted == _UNTOLD:
            continue
        wanted = (*TOPIC_RIGHTS, DELETE) if name == shortened else TOPIC_RIGHTS
        lacks = tuple(right for right in wanted if not granted >> _BITS[right] & 1)
        if lacks:
            found.setdefault(lacks, []).append(name)
    return [lacking(rights, ", ".join(sorted(topics))) for rights, topics in found.items()]


class _MetadataResponse_v8(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataRequest_v8(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse_v8
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Metadata(Request[_MetadataRequest_v8]):  # type: ignore[misc]  # aiokafka has no types
    """Metadata of topics with what the user may do with them; aiokafka's own knows no rights."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataRequest_v8]) -> Any:
        """The request in the one version that we speak (Kafka 2.3 and newer)."""
        return request_struct_class(self._topics, False, False, True)
