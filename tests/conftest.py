"""What tests of all folders share: servers that are started once, when the first test asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.brokers import Cluster
from tests.s3 import S3Server


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One Kafka broker for the whole run; tests keep apart by topic prefixes of their own."""
    cluster = Cluster(tmp_path_factory.mktemp("kafka"))
    cluster.start()
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3-compatible store for the whole run; tests keep apart by buckets of their own."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()
