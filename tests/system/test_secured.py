"""Brokers and Redis that speak TLS, ask for passwords and check rights: everything works with the rights that
are written down, and whatever does not fit is said in a sentence."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from bench.brokers import Cluster
from bench.program import free_port
from services.kernel.errors import Busy, Fenced, Invalid
from services.runtime.clock import SystemClock
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_wire import Wire
from services.runtime.log_kafka import KafkaLog
from services.runtime.membership import Membership
from services.runtime.redis_link import RedisLink
from services.runtime.settings import Settings, variables
from services.runtime.topics import TOPICS, Topics, run
from tests.deploy.prometheus import ROOT
from tests.rights import grant, revoke
from tests.system.secured import PARTITIONS, PASSWORD, STRANGER, broker, granted, installed, redis, settings

pytestmark = pytest.mark.servers
WITHIN_S = 60
AMONG = 20
"""A broker's listener without TLS is so far above the other one."""
OURS = {"type": "topic", "name": "centrala.", "patternType": "prefix"}
"""All topics of the installation, as a KafkaUser names them."""


@pytest.fixture(scope="module")
def elsewhere() -> int:
    """The broker's port where it names another one."""
    return free_port()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, elsewhere: int) -> Iterator[Cluster]:
    """One broker for the module."""
    cluster = broker(tmp_path_factory.mktemp("kafka"), elsewhere)
    cluster.start()
    yield cluster
    cluster.close()


def environment(told: Settings) -> dict[str, str]:
    """The same as variables."""
    return {known.name: str(getattr(told, name)) for name, _, _, known in variables() if getattr(told, name)}


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds; with a deadline."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_message_is_answered(secured: Cluster, tmp_path: Path) -> None:
    """From topics that are made to a reply that is shown, with the rights of the production overlay and of
    docs/redis.md and no others; nothing is refused on the way, and what the log holds is right."""
    await granted(secured)
    async with redis(tmp_path / "redis") as (server, url, authority):
        told = settings(secured, url, authority, data=str(tmp_path / "data"))
        topics = Topics(KafkaAccess.of(told), PARTITIONS, 1)
        assert len(await topics.make()) == len(TOPICS)
        assert await topics.problems() == []
        async with installed(secured, told) as (edge, running):
            await until(lambda: all(seats.ready() for seats in running))
            async with asyncio.timeout(WITHIN_S):
                while (await edge.call("GET", "/v1/desks/rowery/notices")).status_code == 503:
                    await asyncio.sleep(0.02)
            await edge.desk("ola")
            ids = await edge.message()

            async def read() -> dict[str, Any]:
                return await edge.only_conversation(ids["record_id"])

            doc = await edge.until(read, lambda doc: doc["state"] == "offered")
            path = f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}/accept"
            accepted = await edge.call("POST", path, {"agent": "ola"}, Idempotency_Key="accept")
            assert accepted.status_code == 200, accepted.text
            path = f"/v1/desks/rowery/conversations/{doc['id']}/replies"
            replied = await edge.call(
                "POST", path, {"agent": "ola", "text": "Już jedzie."}, Idempotency_Key="r"
            )
            assert replied.status_code == 202, replied.text
            doc = await edge.until(read, lambda doc: len(doc["messages"]) == 2)
            await edge.app.log.delete_before("inbound", 0, 1)
            link = RedisLink.of(told, SystemClock())
            await link.read([("PING",)])  # as to a server that has said nothing for a second
            assert await link.keys("centrala:*")  # as for cleaning up
            await link.close()
        refused = (await server.tell("ACL", "LOG")).decode()
        checked = subprocess.run(
            [sys.executable, "-m", "tools.check_log", "--kafka"],
            cwd=ROOT,
            env=os.environ | environment(told),
            capture_output=True,
            text=True,
            check=False,
        )
    assert [message["text"] for message in doc["messages"]] == ["Gdzie jest moja paczka?", "Już jedzie."]
    # What the client tells of itself to newer servers may be refused, and is of no use to us.
    commands = re.findall(r"b'object': b'([^']*)'", refused)
    assert [one for one in commands if not one.startswith("client")] == []
    assert checked.stdout.endswith("all invariants hold\n"), checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"kafka_password": "wrong"}, "refuses CENTRALA_KAFKA_USER or CENTRALA_KAFKA_PASSWORD"),
        ({"kafka_ca": ""}, "those of the system; CENTRALA_KAFKA_CA names a file of yours"),
        (
            {"kafka_security": "sasl_plaintext", "kafka_ca": ""},
            "speaks TLS there: set .*_SECURITY=ssl or sasl_ssl",
        ),
        ({"kafka_security": "ssl", "kafka_user": "", "kafka_password": ""}, "set .*_SECURITY=sasl_ssl"),
        ({"kafka": "127.0.0.1:1"}, "has no server that listens"),
    ],
)
async def test_what_does_not_fit_is_said(secured: Cluster, others: dict[str, Any], said: str) -> None:
    """Of brokers that cannot be used it is said what they do and what would be right; no password is told."""
    with pytest.raises(Invalid, match=said) as caught:
        await Wire(KafkaAccess.of(settings(secured, **others))).open()
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("security", "said"),
    [
        ({}, "speaks no TLS there: set CENTRALA_KAFKA_SECURITY=sasl_plaintext"),
        (
            {"kafka_security": "sasl_plaintext", "kafka_ca": ""},
            "asks for no password there: set .*=plaintext",
        ),
    ],
)
async def test_a_port_without_what_is_wanted_is_said(
    secured: Cluster, security: dict[str, Any], said: str
) -> None:
    """A listener that speaks no TLS, or asks for no password, while the settings say that it does."""
    plain: dict[str, Any] = {"kafka": f"127.0.0.1:{secured.port + AMONG}"}
    with pytest.raises(Invalid, match=said):
        await Wire(KafkaAccess.of(settings(secured, **plain, **security))).open()


async def test_brokers_that_are_advertised_are_tried_too(secured: Cluster, elsewhere: int) -> None:
    """Whoever is asked first answers, and names a broker that does not: it is that one which is told."""
    plain = {"kafka_security": "plaintext", "kafka_ca": "", "kafka_user": "", "kafka_password": ""}
    others: dict[str, Any] = {"kafka": f"127.0.0.1:{elsewhere}", **plain}
    with pytest.raises(Busy, match=r"127.0.0.1:1, which is advertised .*, has no server that listens"):
        await run(settings(secured, **others), only_check=True)


async def test_a_password_is_changed_while_it_runs(secured: Cluster, tmp_path: Path) -> None:
    """A client that runs shows brokers what its file says when a connection is made."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    access = KafkaAccess.of(settings(secured, kafka_password="", kafka_password_file=str(file)))
    client = AIOKafkaClient(**access.options())
    await client.bootstrap()
    try:
        [broker] = client.cluster.brokers()
        file.write_text("another")
        assert not await client.ready(broker.nodeId)
        file.write_text(PASSWORD)
        async with asyncio.timeout(WITHIN_S):
            while not await client.ready(broker.nodeId):
                await asyncio.sleep(0.05)
    finally:
        await client.close()


async def test_a_user_without_rights_is_told_which(secured: Cluster) -> None:
    """Each right on topics that is missing is named at the start, with what it is missing on."""
    topics = Topics(KafkaAccess.of(settings(secured, kafka_user=STRANGER)), PARTITIONS, 1)
    given = [{"resource": OURS, "operations": ["Read", "Write", "DescribeConfigs"]}]
    with pytest.raises(
        Invalid, match=r"needs the rights Read, Write, DescribeConfigs on centrala\.conversations"
    ):
        await topics.make()
    await grant(secured, STRANGER, given)
    with pytest.raises(Invalid, match="needs the right Create on it"):
        await topics.make(["other"])
    await revoke(secured, STRANGER, given)


async def test_an_append_that_is_not_allowed_is_logged(
    secured: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever appends learns that nothing was acknowledged; the operator, that it never will be, and why."""
    access = KafkaAccess.of(settings(secured, kafka_user=STRANGER))
    log = await KafkaLog.open(access)
    with pytest.raises(Fenced):
        await log.append("inbound", 0, [b"x"])
    await log.close()
    assert "CENTRALA_KAFKA_USER needs the right Write on centrala.inbound" in caplog.text


async def test_who_may_not_join_waits_for_the_right(
    secured: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that may not join its group is told nothing, and therefore not ready, says which right that
    takes, and joins when it is given."""
    access = KafkaAccess.of(settings(secured, kafka_user=STRANGER))
    given = [
        {"resource": {**OURS, "type": "group"}, "operations": ["Read"]},
        {"resource": OURS, "operations": ["Read"]},
    ]
    await grant(secured, STRANGER, given[1:])
    membership = Membership(access, "routing")
    await membership.join()

    def looked(wanted: Callable[[], bool]) -> bool:
        membership.look()
        return wanted()

    try:
        right = "CENTRALA_KAFKA_USER needs the right Read on the group centrala.routing"
        await until(lambda: looked(lambda: right in caplog.text))
        assert not membership.told
        await grant(secured, STRANGER, given[:1])
        await until(lambda: looked(lambda: membership.told))
    finally:
        await membership.leave()
    await revoke(secured, STRANGER, given)


async def test_what_does_not_fit_redis_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A stranger's certificate, a port with TLS that is asked without it, a right that is missing: each is
    named, and no password is told."""
    async with redis(tmp_path / "redis") as (_, url, authority):
        for told, said in (
            ({"redis_ca": ""}, "CENTRALA_REDIS_CA names a file of yours"),
            ({"redis": url.replace("rediss", "redis"), "redis_ca": ""}, "REDIS does not begin with rediss"),
            ({"redis_password": "wrong"}, "refuses the user or the password in CENTRALA_REDIS"),
            ({}, "no permissions to run the 'dbsize' command"),
        ):
            access: dict[str, Any] = {
                "redis": url,
                "redis_ca": str(authority.file),
                "redis_password": PASSWORD,
            }
            link = RedisLink.of(Settings(**{**access, **told}), SystemClock())
            with pytest.raises(Busy):
                await link.read([("DBSIZE",)])
            assert said in caplog.text
            await link.close()
    assert PASSWORD not in caplog.text


async def test_who_is_refused_by_redis_does_not_start(tmp_path: Path) -> None:
    """A wrong password or a stranger's certificate ends the start with a sentence, so that a wrong release
    gets no further than its first process; a Redis that is not there does not."""
    async with redis(tmp_path / "redis") as (_, url, authority):
        right: dict[str, Any] = {"redis": url, "redis_ca": str(authority.file), "redis_password": PASSWORD}
        await looked_at(Settings(**right))
        await looked_at(Settings(redis="redis://127.0.0.1:1"))
        with pytest.raises(Invalid, match="redis refuses the user or the password in CENTRALA_REDIS"):
            await looked_at(Settings(**{**right, "redis_password": "wrong"}))
        with pytest.raises(Invalid, match="redis shows a certificate by none of the authorities"):
            await looked_at(Settings(**{**right, "redis_ca": ""}))
        with pytest.raises(Invalid, match="CENTRALA_REDIS_CA: /nowhere cannot be read"):
            await looked_at(Settings(**{**right, "redis_ca": "/nowhere"}))


async def looked_at(told: Settings) -> None:
    """What a process does with Redis at its start."""
    link = RedisLink.of(told, SystemClock())
    try:
        await link.check()
    finally:
        await link.close()
